//! Puts held mail back on the queue, oldest first.
//!
//! A message is put on the queue for each row, and no row is written: the sender takes held rows as they are and decides
//! their route again. So a release cannot race with the senders that it feeds, and a crash loses nothing.

use std::time::Duration;

use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::health::HealthStatus;
use ownpost_domain::tenant::Tenant;

use crate::effects::{Filter, Order, Page, Result};
use crate::functions::task_queue::enqueue;
use crate::functions::{App, put_on_queue, relay_health, router};
use crate::wire::sqs::Task;

/// Rows of one page.
const PAGE: usize = 100;
/// The most mails of one step.
const LARGEST_STEP: usize = 1000;
/// The pause between two steps, in which a relay that breaks again shows it.
const PAUSE: Duration = Duration::from_secs(2);
/// A step of a release.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// How many mails of it are still to come.
    pub(super) left: usize,
    /// How many mails it has.
    pub(super) size: usize,
    /// Whether a person asked for the release.
    pub(super) decided: bool,
}

/// One page of a release. The release ends when the relay is unhealthy again: its recovery begins the next one.
pub(super) async fn step(
    app: &App,
    tenant: &Tenant,
    after: Option<&str>,
    Step { left, size, decided }: Step,
) -> Result<()> {
    let health = relay_health::load(app, tenant).await?.value;
    if health.is_some_and(|health| health.status == HealthStatus::Unhealthy) {
        tracing::info!(%tenant, "release ended: the relay is unhealthy again");
        return Ok(());
    }
    let Page { deliveries, cursor } = held(app, tenant, after, left.min(PAGE)).await?;
    let message = |row: &Delivery| router::message_for(tenant, &row.id, Some(row.category), decided);
    let messages: Vec<_> = deliveries.iter().map(message).collect();
    put_on_queue(app, &messages).await?;
    if cursor.is_none() {
        return Ok(());
    }
    let (left, size, pause) = match left.saturating_sub(deliveries.len()) {
        0 => {
            let size = (size * 2).min(LARGEST_STEP);
            (size, size, PAUSE)
        }
        left => (left, size, Duration::ZERO),
    };
    enqueue(app, tenant, Task::Release { after: cursor, left, step: size, decided }, pause).await
}

async fn held(app: &App, tenant: &Tenant, after: Option<&str>, limit: usize) -> Result<Page> {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    app.effects.ledger.list(tenant, &filter, Order::OldestFirst, after, limit).await
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::functions::task_queue;
    use crate::testing::world::{Act, World, acme, settings};
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::failure::{FailureCode, Stage};

    /// A world with these many mails held, and the relay mended by other settings.
    async fn held_and_mended(mails: usize) -> (World, Vec<String>) {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        let names: Vec<String> = (0..mails).map(|index| format!("r{index}@example.org")).collect();
        for (index, name) in names.iter().enumerate() {
            world.accept(&format!("e{index}"), &[name]).await;
            world.memory.pass(Duration::from_millis(1));
            while world.work().await > 0 {}
        }
        assert!(world.memory.rows().iter().all(|row| row.status == Status::Held));
        world.activate("r2", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        (world, names)
    }

    #[tokio::test(start_paused = true)]
    async fn held_mail_goes_out_in_the_order_of_its_events_in_growing_steps() {
        let (world, names) = held_and_mended(330).await;
        task_queue::release(&world.app, &acme()).await.unwrap();
        let mut steps = Vec::new();
        while world.relays.taken().len() < names.len() {
            let before = world.relays.taken().len();
            while world.work().await > 0 {}
            steps.push(world.relays.taken().len() - before);
            world.memory.pass(PAUSE);
            assert!(steps.len() < 10, "{steps:?}");
        }
        assert_eq!(steps, [20, 40, 80, 160, 30]);
        let taken: Vec<String> = world.relays.taken().into_iter().map(|taken| taken.to).collect();
        assert_eq!(taken, names);
        assert_eq!(world.memory.queued(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_release_writes_no_row() {
        let (world, _) = held_and_mended(3).await;
        let before: HashSet<String> = world.memory.rows().iter().map(|row| format!("{row:?}")).collect();
        step(&world.app, &acme(), None, Step { left: 20, size: 20, decided: false }).await.unwrap();
        let after: HashSet<String> = world.memory.rows().iter().map(|row| format!("{row:?}")).collect();
        assert_eq!((before, world.memory.queued()), (after, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_release_ends_when_the_relay_breaks_again() {
        let (world, _) = held_and_mended(100).await;
        task_queue::release(&world.app, &acme()).await.unwrap();
        world.relays.then(vec![Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535); 20]);
        for _ in 0..10 {
            while world.work().await > 0 {}
            world.memory.pass(PAUSE);
        }
        assert_eq!(world.relays.taken().len(), 0);
        assert!(world.memory.rows().iter().all(|row| row.status == Status::Held));
        let tried = world.memory.rows().iter().filter(|row| row.attempts.len() > 1).count();
        assert!(tried <= 20, "{tried} mails were tried on a relay that is broken");
    }

    #[tokio::test(start_paused = true)]
    async fn a_release_that_breaks_off_or_is_done_twice_loses_and_doubles_nothing() {
        for operation in ["queue.send", "ledger.get", "ledger.list", "ledger.get_state", "nothing"] {
            let (world, names) = held_and_mended(30).await;
            task_queue::release(&world.app, &acme()).await.unwrap();
            task_queue::release(&world.app, &acme()).await.unwrap();
            world.memory.fail(operation, 1);
            for _ in 0..20 {
                while world.work().await > 0 {}
                world.memory.pass(PAUSE);
            }
            assert!(world.memory.rows().iter().all(|row| row.status == Status::Sent), "{operation}");
            let taken: HashSet<String> = world.relays.taken().into_iter().map(|taken| taken.to).collect();
            assert_eq!((taken.len(), world.relays.taken().len()), (names.len(), names.len()), "{operation}");
        }
    }
}
