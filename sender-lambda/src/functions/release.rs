//! Puts held mail back on the queue, oldest first.

use super::{App, router};
use crate::domain::delivery::{Delivery, Status};
use crate::domain::tenant::Tenant;
use crate::effects::{Filter, Order, Result};

/// How many rows are put on the queue at a time.
const PAGE: usize = 100;
/// How many pages one call may take; what is left waits for the next run of `monitor`.
const PAGES: usize = 100;

/// Releases a tenant's held mail; `why` goes into each row's reason. How many.
///
/// The message goes first and the row second: a sender that is faster than the second write finds the row held
/// and resolves its route anew, and a crash in between loses nothing.
///
/// # Errors
/// The store or queue is out of reach; what was released until then stays released.
pub(super) async fn held(app: &App, tenant: &Tenant, why: &str) -> Result<usize> {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    let mut released = 0;
    let mut cursor = None;
    for _ in 0..PAGES {
        let ledger = &app.effects.ledger;
        let page = ledger.list(tenant, &filter, Order::OldestFirst, cursor.as_deref(), PAGE).await?;
        let messages: Vec<_> = page.deliveries.iter().map(router::message).collect();
        let sent = app.effects.queue.send(&messages).await;
        for (row, sent) in page.deliveries.iter().zip(sent) {
            sent?;
            released += 1;
            requeue(app, row, &format!("Released: {why}. Waiting to be sent.")).await?;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(released)
}

/// Marks a held row as queued, unless somebody else has changed it.
async fn requeue(app: &App, row: &Delivery, reason: &str) -> Result<()> {
    let Some(stored) = app.effects.ledger.get(&row.tenant, &row.id).await? else { return Ok(()) };
    if stored.value.status == Status::Held {
        let row = Delivery {
            status: Status::Queued,
            reason: reason.to_owned(),
            updated_at: (app.now)(),
            ..stored.value
        };
        app.effects.ledger.update(&row, stored.version).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Act, World, acme, settings};
    use super::*;
    use crate::domain::category::{OnFailure, Via};
    use crate::domain::failure::{FailureCode, Stage};

    #[tokio::test(start_paused = true)]
    async fn a_release_that_breaks_off_loses_nothing() {
        for operation in ["queue.send", "ledger.get", "ledger.update", "ledger.list"] {
            let world = World::new();
            world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
            world.tell("e1", &["a@example.org", "b@example.org", "c@example.org"]).await;
            world.relays.then(vec![Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535); 3]);
            world.work().await;
            world.activate("r2", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
            world.memory.fail(operation, 1);
            assert!(held(&world.app, &acme(), "again").await.is_err(), "{operation}");
            held(&world.app, &acme(), "again").await.unwrap();
            while world.work().await > 0 {}
            assert!(world.memory.rows().iter().all(|row| row.status == Status::Sent), "{operation}");
            assert_eq!(world.relays.taken().len(), 3, "{operation}");
        }
    }
}
