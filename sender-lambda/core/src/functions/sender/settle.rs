//! Writes what came of a mail.

use std::time::Duration;

use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::outcome;
use serde_json::json;

use super::{Disposition, until};
use crate::effects::{Emitted, QueueMessage};
use crate::functions::{App, emit, router};
use crate::wire::http::DeliveryRow;

/// How often a row is written before its message stays on the queue.
const TRIES: u32 = 4;
/// The first pause between two tries; fourfold each time.
const PAUSE: Duration = Duration::from_millis(25);
/// When the message of a mail shows whose own was taken off. The row is written right after the message is on the queue,
/// and must be by then: a message that finds a final row is dropped.
const SOON: Duration = Duration::from_mins(1);

/// Writes the row if it still has this version, and gives `disposition`; when it cannot be written, the message stays
/// and the row tells the next sender what it knows.
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
                if row.status == Status::Failed {
                    let detail = json!({"tenant": row.tenant, "delivery": DeliveryRow::from(&row)});
                    emit(app, &[Emitted { detail_type: "Delivery Failed", detail }]).await;
                }
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

/// Somebody else has written the row. When they gave us up for dead and we know what became of the mail, what we
/// know is right against their guess: the version to write over. So it is when the write before was ours and only
/// its answer was lost.
async fn version_to_overwrite(app: &App, row: &Delivery, version: u64) -> Option<u64> {
    let stored = app.effects.ledger.get(&row.tenant, &row.id).await.ok()??;
    // The next write after our mark: nobody has decided or tried anything in between.
    let their_guess = stored.value.status == Status::Unknown && stored.version == version + 1;
    let wins = match row.status {
        Status::Sent => matches!(stored.value.status, Status::Sending | Status::Unknown),
        Status::Failed | Status::Held => their_guess,
        // Whoever gave us up took the message off the queue.
        Status::Deferred if their_guess => {
            let message = QueueMessage { delay: SOON, ..router::message(row) };
            app.effects.queue.send(&[message]).await.iter().all(Result::is_ok)
        }
        _ => false,
    };
    wins.then_some(stored.version)
}

/// Fails the mail for a reason of ours.
pub(super) async fn fail(app: &App, row: Delivery, version: u64, reason: &str) -> Disposition {
    let row = Delivery { status: Status::Failed, reason: reason.to_owned(), next_attempt_at: None, ..row };
    settle(app, row, version, Disposition::Delete).await
}

/// Puts the mail off, or gives it up when that would be too late.
pub(super) async fn defer(
    app: &App,
    row: Delivery,
    version: u64,
    wait: Duration,
    reason: String,
) -> Disposition {
    let now = (app.now)();
    match outcome::next_attempt(now, wait, row.retry_until) {
        Some(at) => {
            let row = Delivery { status: Status::Deferred, reason, next_attempt_at: Some(at), ..row };
            settle(app, row, version, Disposition::Keep(Some(until(now, at)))).await
        }
        None => fail(app, row, version, &format!("{reason} It was given up: its time is over.")).await,
    }
}
