//! A state of the world: rows, messages, senders, the relay's settings and breaker.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;

use crate::breaker::{Breaker, MAILS};
use crate::relay::End;

/// The number of senders.
pub const SENDERS: usize = 2;
/// The most messages of one mail on the queue. A third adds nothing that the second does not.
pub const MOST_MESSAGES: u8 = 2;
/// A sender that is so many writes behind the row is as far behind as one can be.
const FAR_BEHIND: u8 = 2;

/// A mail: its row, its messages, and what really happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mail {
    /// The row's status; `None` until the router has written it.
    pub status: Option<Status>,
    /// The messages on the queue that no sender has.
    pub visible: u8,
    /// How often the relay has taken it.
    pub taken: u8,
    /// How often a person has asked to send it again.
    pub asked: u8,
    /// Whether the relay has refused it, or a person has taken it back.
    pub ended: bool,
    /// Whether the relay was silent, or a sender ended or was taken for dead between commit and record.
    pub doubtful: bool,
}

/// A sender, with one message at the most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// It has no message.
    #[default]
    Idle,
    /// It works on a message.
    Busy(Work),
}

/// A sender's work on a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Work {
    /// The mail.
    pub mail: usize,
    /// How many times others have written the row since this sender has read or written it.
    pub behind: u8,
    /// The settings that it uses.
    pub revision: u8,
    /// Whether its mail tries a relay that is unhealthy.
    pub tries: bool,
    /// How far it has come.
    pub phase: Phase,
}

/// How far a sender has come with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The row is read and wants to be sent; what status it had.
    Loaded(Code),
    /// The row is `sending`, and who sends it is taken for dead.
    Guessing,
    /// It talks to the relay.
    Routed(Code),
    /// The write of `sending` got no answer, although it happened.
    InDoubt(Code),
    /// The row is `sending`, and the last octet leaves.
    Committed,
    /// The attempt is over; `true` after the last octet.
    Ended(End, bool),
    /// A status is to be written over the row as it was read again after a lost race.
    Overwriting(Code, Option<(End, bool)>),
    /// The result is written, or is not to be; whether the message stays. The breaker has not heard of it.
    Recorded(End, bool, bool),
    /// It was refused by a fault of the relay after the last octet, and is to be taken back. `true`: of settings that are
    /// replaced.
    Blamed(bool),
    /// The breaker has heard that the relay is at fault, and the mail is to be routed again.
    Faulty(Code),
}

/// A status as a number with an order: [`Status`] has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u8);

/// All statuses.
const STATUSES: [Status; 7] = [
    Status::Queued,
    Status::Sending,
    Status::Sent,
    Status::Deferred,
    Status::Held,
    Status::Failed,
    Status::Unknown,
];

impl From<Status> for Code {
    fn from(status: Status) -> Self {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or_default();
        Self(u8::try_from(place).unwrap_or_default())
    }
}

impl From<Code> for Status {
    fn from(code: Code) -> Self {
        STATUSES[usize::from(code.0)]
    }
}

/// The world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The mails, the older first.
    pub mails: [Mail; MAILS],
    /// The senders, in an order without meaning.
    pub senders: [Sender; SENDERS],
    /// The breaker of the relay.
    pub breaker: Breaker,
    /// The active settings.
    pub revision: u8,
    /// Whether the secret store has lost them.
    pub secret_lost: bool,
    /// Whether a mail has left by the platform's server, which the settings do not allow.
    pub strayed: bool,
    /// The trouble that may still come.
    pub faults: u8,
    /// How often the relay may still do something else than take a mail.
    pub refusals: u8,
    /// The decisions that a person may still make.
    pub persons: u8,
}

impl State {
    /// The beginning: nothing is accepted yet.
    pub fn new(faults: u8, refusals: u8, persons: u8) -> Self {
        Self {
            mails: Default::default(),
            senders: Default::default(),
            breaker: 0,
            revision: 0,
            secret_lost: false,
            strayed: false,
            faults,
            refusals,
            persons,
        }
    }

    /// Writes a row: for every other sender that has it, it is another row now.
    pub fn write(&mut self, by: Option<usize>, mail: usize, status: Status) {
        self.mails[mail].status = Some(status);
        for (index, sender) in self.senders.iter_mut().enumerate() {
            if let Sender::Busy(work) = sender
                && work.mail == mail
                && Some(index) != by
            {
                work.behind = (work.behind + 1).min(FAR_BEHIND);
            }
        }
    }

    /// The sender has no message any more; it goes back to the queue, or is deleted.
    pub fn free(&mut self, sender: usize, message_stays: bool) {
        if let Sender::Busy(work) = std::mem::take(&mut self.senders[sender]) {
            self.wake(work.mail, message_stays);
        }
    }

    /// Puts a message for a mail on the queue.
    pub fn wake(&mut self, mail: usize, really: bool) {
        let visible = &mut self.mails[mail].visible;
        *visible = (*visible + u8::from(really)).min(MOST_MESSAGES);
    }

    /// Whether a sender has the message of this mail.
    pub fn is_carried(&self, mail: usize) -> bool {
        self.senders.iter().any(|sender| sender.carries(mail))
    }

    /// Whether a sender that lives has written this row as `sending`.
    pub fn has_an_owner(&self, mail: usize) -> bool {
        self.senders.iter().any(|sender| {
            matches!(sender, Sender::Busy(work)
                if work.mail == mail && work.behind == 0 && work.phase != Phase::Guessing)
        })
    }
}

impl Sender {
    /// Whether it has the message of this mail.
    pub fn carries(&self, mail: usize) -> bool {
        matches!(self, Self::Busy(work) if work.mail == mail)
    }

    /// Whether it has read a reply for a row that another has written since.
    pub fn knows_better(&self) -> bool {
        matches!(self, Self::Busy(Work { behind: 1, phase: Phase::Ended(_, true), .. }))
    }
}

/// Whether a row of this status is in the index of what is due.
pub fn is_due(status: Status) -> bool {
    static DUE: LazyLock<[bool; 7]> =
        LazyLock::new(|| STATUSES.map(|status| due::at(&row(status)).is_some()));
    DUE[usize::from(Code::from(status).0)]
}

fn row(status: Status) -> Delivery {
    let now = Timestamp::UNIX_EPOCH;
    let tenant = Tenant::platform();
    let until = now.checked_add(Duration::from_hours(48)).unwrap_or(now);
    Delivery {
        id: DeliveryId::derive(&tenant, "e1", "jan@example.org"),
        tenant,
        event: "e1".to_owned(),
        category: Category::RightsRequest,
        kind: "rights-request.message".to_owned(),
        recipient: "jan@example.org".to_owned(),
        status,
        route: None,
        reason: String::new(),
        revision: None,
        message_id: String::new(),
        queued_at: now,
        updated_at: now,
        next_attempt_at: None,
        retry_until: until,
        ticket: None,
        hold_until: until,
        waits_for: None,
        closed: None,
        not_after: None,
        attempts: Vec::new(),
    }
}
