//! Relays that work, and relays that fail for a while, each with its own fault.

use std::sync::LazyLock;

use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};

use crate::scenario::{Micros, SECOND, latency};

/// The result of a mail, as the SMTP session reports it.
pub type Outcome = Result<Reply, Failure>;

/// The fault of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It accepts the connection and sends nothing.
    Stall,
    /// It does not listen.
    Refuse,
    /// It answers 450 to each recipient.
    Temporary,
    /// It refuses the password from now on.
    Password,
    /// It closes the connection after the final dot, and delivers half of these mails.
    Silent,
    /// It is slow with each mail.
    Slow,
    /// It is very slow with each mail.
    VerySlow,
}

impl Fault {
    /// The faults that come and go, in the order of the tenants. [`Fault::VerySlow`] stays.
    pub const ALL: [Self; 6] =
        [Self::Stall, Self::Refuse, Self::Temporary, Self::Password, Self::Silent, Self::Slow];
}

/// The behaviour of a relay now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It accepts mail.
    Works,
    /// It fails with this fault.
    Fails(Fault),
}

/// The schedule of a relay: it works for hours and fails for a while, until the end of the day. After that it works.
#[derive(Debug)]
pub struct Schedule {
    fault: Option<Fault>,
    down: bool,
    until: Micros,
    /// The mean times for which it works and for which it fails.
    means: (Micros, Micros),
    end: Micros,
    random: fastrand::Rng,
}

impl Schedule {
    /// Makes the schedule of a relay that fails in this way (or never) until `end`; `means` are the mean times for
    /// which it works and for which it fails.
    pub fn new(fault: Option<Fault>, means: (Micros, Micros), end: Micros, random: fastrand::Rng) -> Self {
        let mut schedule = Self { fault, down: false, until: 0, means, end, random };
        schedule.until = schedule.draw(means.0);
        schedule
    }

    /// Makes a relay that always fails.
    pub fn always(fault: Fault) -> Self {
        let random = fastrand::Rng::with_seed(0);
        Self { fault: Some(fault), down: true, until: Micros::MAX, means: (0, 0), end: Micros::MAX, random }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a random time"
    )]
    fn draw(&mut self, mean: Micros) -> Micros {
        (-(1.0 - self.random.f64()).ln() * mean as f64) as Micros + SECOND
    }

    /// The behaviour at `now`, which must not go back.
    pub fn mood(&mut self, now: Micros) -> Mood {
        let Some(fault) = self.fault.filter(|_| now < self.end) else { return Mood::Works };
        while self.until <= now {
            self.down = !self.down;
            let mean = if self.down { self.means.1 } else { self.means.0 };
            self.until = self.until.saturating_add(self.draw(mean));
        }
        if self.down { Mood::Fails(fault) } else { Mood::Works }
    }
}

/// An answer of a relay to a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// 250 after the final dot.
    Accepted,
    /// 550 to the recipient.
    NoSuchUser,
    /// No greeting.
    NoGreeting,
    /// The connection was refused.
    Refused,
    /// 450 to the recipient.
    Later,
    /// 535 to AUTH.
    BadPassword,
    /// The connection was closed after the final dot.
    Closed,
    /// 421 in place of the greeting.
    TooMany,
}

impl Said {
    /// The result as the session reports it.
    pub fn outcome(self) -> &'static Outcome {
        static OUTCOMES: LazyLock<[Outcome; 8]> = LazyLock::new(|| {
            let reply = |code| Reply { code, enhanced: None, text: "reply".to_owned() };
            let failure = |stage, code, said: Option<u16>| {
                Err(Failure { reply: said.map(reply), ..Failure::new(stage, code) })
            };
            [
                Ok(reply(250)),
                failure(Stage::Recipient, FailureCode::RecipientRejected, Some(550)),
                failure(Stage::Greeting, FailureCode::GreetingTimeout, None),
                failure(Stage::Connect, FailureCode::ConnectRefused, None),
                failure(Stage::Recipient, FailureCode::SmtpTemporary, Some(450)),
                failure(Stage::Auth, FailureCode::AuthRejected, Some(535)),
                failure(Stage::Message, FailureCode::MessageUnknown, None),
                failure(Stage::Greeting, FailureCode::SmtpTemporary, Some(421)),
            ]
        });
        &OUTCOMES[self as usize]
    }

    /// Whether the final dot may have been sent, so that the row says `sending`.
    pub fn after_the_dot(self) -> bool {
        matches!(self, Self::Accepted | Self::Closed)
    }
}

/// The answers to `count` mails on one connection, each with its time since the connection began. `refuse` says
/// whether the recipient of a mail does not exist.
pub fn converse(mood: Mood, count: usize, refuse: impl Fn(usize) -> bool) -> Vec<(Said, Micros)> {
    use latency::{CONNECT, GREETING, RELAY, ROUND_TRIP, WRITE};
    let all = |said, after| vec![(said, after); count];
    // The answer to each mail and its duration, once the connection is open.
    let (said, each) = match mood {
        Mood::Fails(Fault::Stall) => return all(Said::NoGreeting, ROUND_TRIP + GREETING),
        Mood::Fails(Fault::Refuse) => return all(Said::Refused, ROUND_TRIP),
        Mood::Fails(Fault::Password) => return all(Said::BadPassword, CONNECT),
        Mood::Fails(Fault::Temporary) => (Said::Later, ROUND_TRIP),
        // Each mail needs a new connection.
        Mood::Fails(Fault::Silent) => (Said::Closed, CONNECT + ROUND_TRIP + WRITE),
        Mood::Fails(Fault::Slow) => (Said::Accepted, 5 * SECOND + ROUND_TRIP + WRITE),
        Mood::Fails(Fault::VerySlow) => (Said::Accepted, 20 * SECOND + ROUND_TRIP + WRITE),
        Mood::Works => (Said::Accepted, ROUND_TRIP + RELAY + WRITE),
    };
    let mut clock = CONNECT;
    let one = |index| {
        let refused = said == Said::Accepted && refuse(index);
        clock += if refused { ROUND_TRIP } else { each };
        (if refused { Said::NoSuchUser } else { said }, clock)
    };
    (0..count).map(one).collect()
}
