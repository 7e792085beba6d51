//! The mails under way on one connection: the conditional write of `sending` before a mail's last octet, which lets one
//! sender through, and the report of each result as it is read.

use std::sync::PoisonError;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::failure::{Failure, Reply};
use ownpost_smtp::BeforeCommit;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::settle::settle;
use super::{Disposition, Pending};
use crate::functions::App;

/// A mail between its row's state before the attempt and the row's state `sending`.
pub(super) struct InFlight {
    pub(super) pending: Pending,
    /// The row before it was written as `sending`; `None` until then.
    before: Option<Delivery>,
    /// Whether the write of `sending` got no answer, so that it may have happened.
    in_doubt: bool,
}

impl InFlight {
    fn new(pending: Pending) -> Self {
        Self { pending, before: None, in_doubt: false }
    }

    /// The disposition of a mail that was not sent. When the write of `sending` got no answer and has happened, the row
    /// gets its former state back, because only this sender knows that nothing was sent.
    pub(super) async fn left_out(self, app: &App) -> Disposition {
        let Self { pending, before, in_doubt } = self;
        let (Some(before), true) = (before, in_doubt) else { return Disposition::Keep(None) };
        if let Ok(Some(stored)) = app.effects.ledger.get(&pending.row.tenant, &pending.row.id).await
            && stored.version == pending.version + 1
            && stored.value == pending.row
        {
            return settle(app, before, stored.version, Disposition::Keep(None)).await;
        }
        Disposition::Keep(None)
    }
}

/// Writes the row of each mail as `sending` before the mail is committed.
pub(super) struct MarkSending<'a> {
    app: &'a App,
    mails: Vec<Mutex<InFlight>>,
    /// No mail is begun from this time on.
    until: Timestamp,
    /// Whether the connection is kept for the next batch.
    keeps_connection: bool,
    /// Where the results go as they are read; `None` once the call is over.
    results: std::sync::Mutex<Option<UnboundedSender<Finished>>>,
}

/// The result of the mail with this index, as it was read.
pub(super) type Finished = (usize, Result<Reply, Failure>);

impl<'a> MarkSending<'a> {
    /// For the mails of one call of `Relays::send`, in the same order. The results come out of the receiver as they are
    /// read.
    pub(super) fn new(
        app: &'a App,
        mails: Vec<Pending>,
        until: Timestamp,
        keeps_connection: bool,
    ) -> (Self, UnboundedReceiver<Finished>) {
        let mails = mails.into_iter().map(|pending| Mutex::new(InFlight::new(pending))).collect();
        let (results, receiver) = unbounded_channel();
        (Self { app, mails, until, keeps_connection, results: Some(results).into() }, receiver)
    }

    /// The call is over: no more results come.
    pub(super) fn close(&self) {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The mail as it is now.
    pub(super) async fn pending(&self, index: usize) -> Pending {
        self.mails[index].lock().await.pending.clone()
    }

    /// The mails after the call, in their order.
    pub(super) fn into_mails(self) -> impl Iterator<Item = InFlight> {
        self.mails.into_iter().map(Mutex::into_inner)
    }
}

#[async_trait]
impl BeforeCommit for MarkSending<'_> {
    async fn commit(&self, index: usize) -> bool {
        let Some(mail) = self.mails.get(index) else { return false };
        let mut mail = mail.lock().await;
        if mail.pending.row.is_too_late((self.app.now)()) {
            return false;
        }
        let before = mail.pending.row.clone();
        mail.pending.row.status = Status::Sending;
        mail.pending.row.next_attempt_at = None;
        mail.pending.row.updated_at = (self.app.now)();
        let written = self.app.effects.ledger.update(&mail.pending.row, mail.pending.version).await;
        // The second time it is `sending` already.
        mail.before.get_or_insert(before);
        match written {
            Ok(true) => {
                mail.pending.version += 1;
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "row not written as sending; mail kept back");
                mail.in_doubt = true;
                false
            }
        }
    }

    fn finished(&self, index: usize, result: &Result<Reply, Failure>) {
        if let Some(results) = &*self.results.lock().unwrap_or_else(PoisonError::into_inner) {
            // The receiver lives as long as the call.
            let _ = results.send((index, result.clone()));
        }
    }

    fn deadline_passed(&self) -> bool {
        self.app.is_stopping() || (self.app.now)() >= self.until
    }

    fn keeps_connection(&self) -> bool {
        self.keeps_connection
    }
}
