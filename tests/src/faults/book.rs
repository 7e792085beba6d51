//! The book: the relays' own record of every mail, which the ledger is compared with.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The result of one mail at a relay, for the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The relay took the mail.
    Taken,
    /// The relay sent no reply after the message.
    Silent,
    /// The relay refused the mail with 5xx.
    Refused,
    /// The relay refused the mail with 4xx.
    Deferred,
}

/// The record of all relays. Times count from the start of the run.
pub(super) struct Book {
    began: Instant,
    pages: Mutex<Pages>,
}

/// The contents of the [`Book`].
#[derive(Default)]
pub(super) struct Pages {
    /// The number of times that a relay took each mail, and its recipient, by Message-ID.
    pub(super) taken: HashMap<String, (u32, String)>,
    /// Recipients of mails whose message a relay asked for and never answered.
    pub(super) silent: HashSet<String>,
    /// Recipients of mails refused with 5xx.
    pub(super) refused: HashSet<String>,
    /// Every result: the time, the relay's lane, and the result.
    pub(super) happenings: Vec<(Duration, usize, Happening)>,
}

impl Book {
    /// Makes an empty book of a run that began at this time.
    pub(super) fn new(began: Instant) -> Self {
        Self { began, pages: Mutex::default() }
    }

    /// Locks the contents for reading or writing.
    pub(super) fn open(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the relay took a mail.
    pub(super) fn take(&self, lane: usize, message_id: &str, recipient: &str) {
        let mut pages = self.open();
        pages.taken.entry(message_id.to_owned()).or_insert_with(|| (0, recipient.to_owned())).0 += 1;
        pages.happenings.push((self.began.elapsed(), lane, Happening::Taken));
    }

    /// Records that a mail gets no reply after its message.
    pub(super) fn leave_without_reply(&self, lane: usize, recipient: &str) {
        let mut pages = self.open();
        pages.silent.insert(recipient.to_owned());
        pages.happenings.push((self.began.elapsed(), lane, Happening::Silent));
    }

    /// Records that a mail was refused with 5xx.
    pub(super) fn refuse(&self, lane: usize, recipient: &str) {
        let mut pages = self.open();
        pages.refused.insert(recipient.to_owned());
        pages.happenings.push((self.began.elapsed(), lane, Happening::Refused));
    }

    /// Records that a mail was refused with 4xx.
    pub(super) fn defer(&self, lane: usize) {
        self.open().happenings.push((self.began.elapsed(), lane, Happening::Deferred));
    }
}
