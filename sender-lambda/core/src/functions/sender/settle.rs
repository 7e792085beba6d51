//! Writes the result of a mail into its row.

use std::time::Duration;

use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::{due, outcome};

use super::{Disposition, until};
use crate::config::Config;
use crate::effects::QueueMessage;
use crate::functions::{App, emit, later, put_on_queue, router};
use crate::wire::emitted::{Announcement, DeliveryFailed};
use crate::wire::http::DeliveryRow;

/// The end of a mail that the event itself limits.
pub(super) const TOO_LATE: &str = "It is too late: the event says by when the mail must have left.";
/// The end of a mail that was tried or held for as long as mails are.
pub(super) const OVER: &str = "It was given up: its time is over.";
/// How often a row is written before its message stays on the queue.
const TRIES: u32 = 4;
/// The first pause between two tries; fourfold each time.
const PAUSE: Duration = Duration::from_millis(25);
/// The delay of a message that replaces one which another sender has deleted. The row is written right after the message
/// is on the queue and must be written before the delay is over: a message that finds a final row is dropped.
const SOON: Duration = Duration::from_mins(1);

/// Writes the row if it still has this version, and gives `disposition`. When the row cannot be written, the message
/// stays, and the next sender goes by the row as it is.
pub(super) async fn settle(
    app: &App,
    row: Delivery,
    mut version: u64,
    disposition: Disposition,
) -> Disposition {
    let row = Delivery { updated_at: (app.now)(), ..row };
    for attempt in 0..TRIES {
        match app.effects.ledger.update(&row, version).await {
            Ok(true) => {
                app.meter.settled(&row);
                if row.status == Status::Failed {
                    announce(app, &row).await;
                }
                keep_event(app, &row).await;
                return disposition;
            }
            Ok(false) => match version_to_overwrite(app, &row, version).await {
                Some(newer) => version = newer,
                None => return Disposition::Keep(None),
            },
            Err(error) => {
                tracing::warn!(tenant = %row.tenant, delivery = row.id.as_str(), %error, "row not written");
                tokio::time::sleep(PAUSE * 4_u32.pow(attempt)).await;
            }
        }
    }
    Disposition::Keep(None)
}

/// Emits `Delivery Failed`.
pub(super) async fn announce(app: &App, row: &Delivery) {
    let failed = DeliveryFailed { tenant: row.tenant.clone(), delivery: DeliveryRow::from(row) };
    emit(app, [Announcement::DeliveryFailed(failed)]).await;
}

/// Keeps the event's document for a mail that waits for longer than it was to be kept from the beginning.
async fn keep_event(app: &App, row: &Delivery) {
    let Some(due) = due::at(row) else { return };
    let due = if row.status == Status::Held { due.max(row.hold_until) } else { due };
    let until = later(due, Config::KEEP_DOCUMENT);
    if until > later(row.queued_at, router::KEEP_FROM_START)
        && let Err(error) = app.effects.ledger.keep_event(&row.tenant, &row.event, until).await
    {
        tracing::warn!(tenant = %row.tenant, %error, "the event's document may go before its mail is final");
    }
}

/// The version to write over after a lost compare-and-swap; `None` when the stored row is to stay. The stored row is
/// overwritten in two cases: another sender took this one for dead and wrote `unknown`, which is a guess where this one
/// has the server's reply; or the stored row is this sender's own earlier write, whose answer was lost.
async fn version_to_overwrite(app: &App, row: &Delivery, version: u64) -> Option<u64> {
    let stored = app.effects.ledger.get(&row.tenant, &row.id).await.ok()??;
    if !row.status.overwrites(stored.value.status, stored.version == version + 1) {
        return None;
    }
    if row.status == Status::Deferred {
        // The sender that wrote the guess has deleted the message.
        let message = QueueMessage { delay: SOON, ..router::message(row) };
        put_on_queue(app, &[message]).await.ok()?;
    }
    Some(stored.version)
}

/// Fails the mail for a reason that is not a server's reply.
pub(super) async fn fail(app: &App, row: Delivery, version: u64, reason: &str) -> Disposition {
    let row = Delivery { status: Status::Failed, reason: reason.to_owned(), next_attempt_at: None, ..row };
    settle(app, row, version, Disposition::Delete).await
}

/// Defers the mail, or fails it when the next attempt would be too late.
pub(super) async fn defer(
    app: &App,
    row: Delivery,
    version: u64,
    wait: Duration,
    reason: String,
) -> Disposition {
    let now = (app.now)();
    let until_then = row.not_after.map_or(row.retry_until, |not_after| row.retry_until.min(not_after));
    if let Some(at) = outcome::next_attempt(now, wait, until_then) {
        let row = Delivery { status: Status::Deferred, reason, next_attempt_at: Some(at), ..row };
        return settle(app, row, version, Disposition::Keep(Some(until(now, at)))).await;
    }
    let end = if row.not_after == Some(until_then) { TOO_LATE } else { OVER };
    fail(app, row, version, &format!("{reason} {end}")).await
}
