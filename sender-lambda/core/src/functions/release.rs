//! Puts held mail back on the queue, oldest first.

use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::tenant::Tenant;

use super::{App, router};
use crate::effects::{Filter, Order, Result, Versioned};

/// How many rows are put on the queue at a time.
const PAGE: usize = 100;
/// How many pages one call may take; the others wait for the next run of `monitor`.
const PAGES: usize = 100;

/// Releases a tenant's held mail; `why` goes into each row's reason. Gives their number.
///
/// The message goes first and the row second: a sender that is faster than the second write finds the row held
/// and decides its route again, and a crash in between loses nothing. The second write is for the row as it was before
/// the message: a sender may have held it again and dropped the message, and a row that then said `queued` would wait
/// for ever.
///
/// # Errors
/// The store or queue is out of reach; what was released until then stays released.
pub(super) async fn held(app: &App, tenant: &Tenant, why: &str) -> Result<usize> {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    let reason = format!("Released: {why}. Waiting to be sent.");
    let mut released = 0;
    let mut cursor = None;
    for _ in 0..PAGES {
        let ledger = &app.effects.ledger;
        let page = ledger.list(tenant, &filter, Order::OldestFirst, cursor.as_deref(), PAGE).await?;
        let mut rows = Vec::with_capacity(page.deliveries.len());
        for row in &page.deliveries {
            let stored = ledger.get(tenant, &row.id).await?;
            rows.extend(stored.filter(|stored| stored.value.status == Status::Held));
        }
        let messages: Vec<_> = rows.iter().map(|row| router::message(&row.value)).collect();
        let sent = app.effects.queue.send(&messages).await;
        for (row, sent) in rows.into_iter().zip(sent) {
            sent?;
            released += 1;
            let Versioned { value, version } = row;
            let row =
                Delivery { status: Status::Queued, reason: reason.clone(), updated_at: (app.now)(), ..value };
            ledger.update(&row, version).await?;
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(released)
}

/// Writes into each held row the reason why it waits now. Gives their number.
///
/// # Errors
/// The store is out of reach; the rows stay held in any case.
pub(super) async fn explain(app: &App, tenant: &Tenant, reason: &str) -> Result<usize> {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    let mut explained = 0;
    let mut cursor = None;
    for _ in 0..PAGES {
        let ledger = &app.effects.ledger;
        let page = ledger.list(tenant, &filter, Order::OldestFirst, cursor.as_deref(), PAGE).await?;
        for row in page.deliveries {
            let Some(stored) = ledger.get(tenant, &row.id).await? else { continue };
            if stored.value.status == Status::Held {
                let row = Delivery { reason: reason.to_owned(), updated_at: (app.now)(), ..stored.value };
                explained += usize::from(ledger.update(&row, stored.version).await?);
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(explained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{Act, World, acme, settings};
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::failure::{FailureCode, Stage};

    #[tokio::test(start_paused = true)]
    async fn held_mail_goes_out_in_the_order_of_its_events() {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        // More than one batch and more than one page of the list.
        let names: Vec<String> = (0..130).map(|index| format!("r{index}@example.org")).collect();
        for (index, name) in names.iter().enumerate() {
            world.accept(&format!("e{index}"), &[name]).await;
            world.memory.pass(std::time::Duration::from_millis(1));
            while world.work().await > 0 {}
        }
        assert!(world.memory.rows().iter().all(|row| row.status == Status::Held));
        world.activate("r2", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        assert_eq!(held(&world.app, &acme(), "again").await, Ok(130));
        while world.work().await > 0 {}
        let taken: Vec<String> = world.relays.taken().into_iter().map(|taken| taken.to).collect();
        assert_eq!(taken, names);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_holds_it_again_meanwhile_leaves_no_row_without_a_message() {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["a@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
        // As soon as the message is on the queue, another process takes it; the relay is still left alone.
        let other = std::sync::Arc::new(world.another_process());
        let process = other.clone();
        *world.memory.after_send.lock().unwrap() =
            Some(Box::new(move || Box::pin(async move { assert_eq!(process.work().await, 1) })));
        held(&world.app, &acme(), "somebody thought so").await.unwrap();
        assert_eq!((world.row().status, world.memory.queued()), (Status::Held, 0), "{:?}", world.row());
    }

    #[tokio::test(start_paused = true)]
    async fn a_release_that_breaks_off_loses_nothing() {
        for operation in ["queue.send", "ledger.get", "ledger.update", "ledger.list"] {
            let world = World::new();
            world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
            world.accept("e1", &["a@example.org", "b@example.org", "c@example.org"]).await;
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
