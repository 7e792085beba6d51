//! What the relays truly did: the other side of the ledger.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happened to a mail at a relay, for the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Taken.
    Taken,
    /// No reply after the message.
    Silent,
    /// Refused for good.
    Refused,
    /// Turned away for now.
    Later,
}

/// Everything that the relays saw and did.
pub(super) struct Book {
    began: Instant,
    pages: Mutex<Pages>,
}

/// See [`Book`].
#[derive(Default)]
pub(super) struct Pages {
    /// How often each mail was taken, by Message-ID, and for whom.
    pub(super) taken: HashMap<String, (u32, String)>,
    /// Recipients of mails whose message was asked for and never answered.
    pub(super) silent: HashSet<String>,
    /// Recipients of mails refused for good.
    pub(super) refused: HashSet<String>,
    /// When what happened at which relay.
    pub(super) happenings: Vec<(Duration, usize, Happening)>,
}

impl Book {
    /// An empty one.
    pub(super) fn new(began: Instant) -> Self {
        Self { began, pages: Mutex::default() }
    }

    /// Its pages.
    pub(super) fn open(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mail is the relay's now.
    pub(super) fn take(&self, lane: usize, message_id: &str, recipient: &str) {
        let mut pages = self.open();
        pages.taken.entry(message_id.to_owned()).or_insert_with(|| (0, recipient.to_owned())).0 += 1;
        pages.happenings.push((self.began.elapsed(), lane, Happening::Taken));
    }

    /// A mail gets no answer.
    pub(super) fn leave_in_the_dark(&self, lane: usize, recipient: &str) {
        let mut pages = self.open();
        pages.silent.insert(recipient.to_owned());
        pages.happenings.push((self.began.elapsed(), lane, Happening::Silent));
    }

    /// A mail is refused.
    pub(super) fn refuse(&self, lane: usize, recipient: &str) {
        let mut pages = self.open();
        pages.refused.insert(recipient.to_owned());
        pages.happenings.push((self.began.elapsed(), lane, Happening::Refused));
    }

    /// A mail is turned away.
    pub(super) fn put_off(&self, lane: usize) {
        self.open().happenings.push((self.began.elapsed(), lane, Happening::Later));
    }
}
