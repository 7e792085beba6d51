//! Writes what came of a mail.

use std::time::Duration;

use serde_json::json;

use super::Fate;
use crate::domain::delivery::{Delivery, Status};
use crate::effects::Emitted;
use crate::functions::{App, emit};
use crate::wire::http::DeliveryRow;

/// How often a row is written before its message stays on the queue.
const TRIES: u32 = 4;
/// The first pause between two tries; fourfold each time.
const PAUSE: Duration = Duration::from_millis(25);

/// Writes the row if it still has this version, and gives `fate`; when it cannot be written, the message stays
/// and the row tells the next sender what it knows.
pub(super) async fn settle(app: &App, row: Delivery, mut version: u64, fate: Fate) -> Fate {
    let row = Delivery { updated_at: (app.now)(), ..row };
    for attempt in 0..TRIES {
        match app.effects.ledger.update(&row, version).await {
            Ok(true) => {
                if row.status == Status::Failed {
                    let detail = json!({"tenant": row.tenant, "delivery": DeliveryRow::from(&row)});
                    emit(app, &[Emitted { detail_type: "Delivery Failed", detail }]).await;
                }
                return fate;
            }
            Ok(false) => match overtaken(app, &row).await {
                Some(newer) => version = newer,
                None => return Fate::Stay(None),
            },
            Err(error) => {
                tracing::warn!(tenant = %row.tenant, delivery = row.id.as_str(), %error, "row not written");
                tokio::time::sleep(PAUSE * 4_u32.pow(attempt)).await;
            }
        }
    }
    Fate::Stay(None)
}

/// Somebody else has written the row. When they gave us up for dead and we know that the mail was taken, what we
/// know is right: the version to write over. Also when the write before was ours and only its answer was lost.
async fn overtaken(app: &App, row: &Delivery) -> Option<u64> {
    let stored = app.effects.ledger.get(&row.tenant, &row.id).await.ok()??;
    let guessed = matches!(stored.value.status, Status::Sending | Status::Unknown);
    (row.status == Status::Sent && guessed).then_some(stored.version)
}

/// Fails the mail for a reason of ours.
pub(super) async fn fail(app: &App, row: Delivery, version: u64, reason: &str) -> Fate {
    let row = Delivery { status: Status::Failed, reason: reason.to_owned(), next_attempt_at: None, ..row };
    settle(app, row, version, Fate::Done).await
}
