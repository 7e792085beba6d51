//! What becomes of an attempt at the relay, and what the product's table says of it.

use std::sync::LazyLock;

use ownpost_domain::delivery::Status;
use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage, Verdict};
use ownpost_domain::outcome;

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The relay has taken the mail and said so.
    Taken,
    /// It has taken the mail, and its reply was lost.
    TakenSilently,
    /// The connection was lost after the last octet, and the relay has nothing.
    LostSilently,
    /// It refuses this mail for good.
    Refused,
    /// It wants this mail later.
    Postponed,
    /// It refuses all mail.
    Denied,
}

impl End {
    /// The ends before a mail's last octet.
    pub const EARLY: [Self; 3] = [Self::Refused, Self::Postponed, Self::Denied];
    /// The ends after it.
    pub const LATE: [Self; 6] =
        [Self::Taken, Self::TakenSilently, Self::LostSilently, Self::Refused, Self::Postponed, Self::Denied];

    /// The result as the session reports it; `late` after the last octet.
    pub fn result(self, late: bool) -> Result<Reply, Failure> {
        let reply = |code| Reply { code, enhanced: None, text: String::new() };
        let failure =
            |stage, code, said| Err(Failure { reply: Some(reply(said)), ..Failure::new(stage, code) });
        let stage = if late { Stage::Message } else { Stage::Recipient };
        match self {
            Self::Taken => Ok(reply(250)),
            Self::TakenSilently | Self::LostSilently => {
                Err(Failure::new(Stage::Message, FailureCode::MessageUnknown))
            }
            Self::Refused if late => failure(stage, FailureCode::MessageRejected, 554),
            Self::Refused => failure(stage, FailureCode::RecipientRejected, 550),
            Self::Postponed => failure(stage, FailureCode::SmtpTemporary, 451),
            Self::Denied if late => failure(stage, FailureCode::RelayDenied, 554),
            Self::Denied => failure(Stage::Auth, FailureCode::AuthRejected, 535),
        }
    }

    /// The status that the row gets; `None` when it is the relay's fault, and the mail is routed again.
    pub fn status(self, late: bool) -> Option<Status> {
        static TABLE: LazyLock<Vec<[Option<Status>; 2]>> = LazyLock::new(|| {
            let status = |end: End, late| match outcome::verdict(&end.result(late)) {
                Verdict::Sent => Some(Status::Sent),
                Verdict::Unknown => Some(Status::Unknown),
                Verdict::Failed => Some(Status::Failed),
                Verdict::Retry => Some(Status::Deferred),
                Verdict::RelayFault => None,
            };
            End::LATE.iter().map(|end| [status(*end, false), status(*end, true)]).collect()
        });
        TABLE[self as usize][usize::from(late)]
    }
}
