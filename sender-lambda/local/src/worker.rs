//! The worker, in place of Lambda's event source: it takes messages from the queue, hands them to `sender`, and takes
//! those that are done off the queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use jiff::SignedDuration;
use ownpost_core::effects::{Emitted, Record};
use ownpost_core::functions::sender;
use ownpost_core::functions::{App, forget, monitor};
use ownpost_core::wire::emitted::SETTINGS_EXPIRED;
use ownpost_domain::tenant::Tenant;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::store::{Received, Store};

/// How long a received message is hidden: longer than any send may take. A restart shows it again at once.
const VISIBILITY: Duration = Duration::from_mins(30);
/// How long a message stays hidden whose batch met an error of the store or broke off. It doubles with each time the
/// message was received.
const SOON: Duration = Duration::from_secs(5);
/// The longest such time.
const LATE: Duration = Duration::from_mins(10);
/// Messages in one batch: the most that SQS gives.
const BATCH: usize = 10;
/// Batches of one tenant at a time: a slow relay delays the mail of its own tenant only.
const BATCHES_PER_TENANT: usize = 4;
/// Batches at a time.
const BATCHES: usize = 256;
/// The longest time between two looks at the queue.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two runs of `monitor`: a relay that is to be tried again, and has no mail, waits for the next.
const MONITOR: Duration = Duration::from_secs(15);
/// How often the clock is compared with the time that has passed.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);
/// A difference from which on it was set, and not only adjusted.
const CLOCK_JUMP: Duration = Duration::from_secs(5);
/// How often the store is pruned, and how long the clock must have been steady before.
const PRUNE: Duration = Duration::from_mins(10);
/// How long to wait after an error of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// Works until `stop` turns true, and ends the batches it has begun.
pub async fn run(app: Arc<App>, store: Arc<Store>, mut stop: watch::Receiver<bool>) {
    let mut batches = JoinSet::new();
    let mut in_flight: HashMap<Tenant, usize> = HashMap::new();
    while !*stop.borrow() {
        let wait = match fill(&app, &store, &mut batches, &mut in_flight, &stop).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "queue");
                PAUSE
            }
        };
        tokio::select! {
            Some(done) = batches.join_next() => {
                let done = std::iter::once(done).chain(std::iter::from_fn(|| batches.try_join_next()));
                for group in done.flatten() {
                    leave(&mut in_flight, &group);
                }
            }
            () = store.queue_changed() => {}
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => {}
        }
    }
    batches.join_all().await;
}

/// Runs `monitor` every 15 seconds, in place of the cloud's schedule, until `stop` turns true. A run that fails is followed by
/// the next.
pub async fn watch(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = monitor::run(&app).await {
            tracing::error!(%error, "monitor");
        }
        tokio::select! {
            () = tokio::time::sleep(MONITOR) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Ends removed settings whose time is over, as the events say, in place of the cloud's rule, until `stop` turns true. One
/// that fails, or whose event is lost, is said again the next day.
pub async fn end_expired(
    app: Arc<App>,
    mut events: broadcast::Receiver<Emitted>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = stop.changed() => return,
        };
        let event = match event {
            Ok(event) if event.detail_type == SETTINGS_EXPIRED => event,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let Some(Ok(tenant)) = event.detail["tenant"].as_str().map(Tenant::new) else { continue };
        if let Err(error) = forget::expired(&app, &tenant).await {
            tracing::error!(%tenant, %error, "settings not erased");
        }
    }
}

/// Keeps the store in order until `stop` turns true: prunes it, and mends the queue's times when the clock goes back.
pub async fn keep_house(store: Arc<Store>, kept: Duration, mut stop: watch::Receiver<bool>) {
    let mut steady = Duration::ZERO;
    // Carried from look to look, so that no jump falls between two.
    let (mut wall, mut began) = (store.now(), Instant::now());
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AT_CLOCK) => {}
            _ = stop.changed() => return,
        }
        let (wall_before, began_before) = (wall, began);
        (wall, began) = (store.now(), Instant::now());
        let passed = SignedDuration::try_from(began - began_before).unwrap_or(SignedDuration::MAX);
        let jump = wall.duration_since(wall_before).saturating_sub(passed);
        if jump.unsigned_abs() < CLOCK_JUMP {
            steady += LOOK_AT_CLOCK;
        } else {
            tracing::warn!(seconds = jump.as_secs(), "the clock has jumped");
            steady = Duration::ZERO;
        }
        let mut done = Ok(());
        if jump.is_negative() && jump.unsigned_abs() >= CLOCK_JUMP {
            done = store.clock_went_back(jump.unsigned_abs()).await;
        } else if steady >= PRUNE {
            steady = Duration::ZERO;
            done = store.prune(kept).await;
        }
        if let Err(error) = done {
            tracing::error!(%error, "store");
        }
    }
}

fn leave(in_flight: &mut HashMap<Tenant, usize>, group: &Tenant) {
    if let Some(count) = in_flight.get_mut(group) {
        *count -= 1;
        if *count == 0 {
            in_flight.remove(group);
        }
    }
}

/// Begins a batch for each tenant in turn, as long as there is room. Gives the time to wait then.
async fn fill(
    app: &Arc<App>,
    store: &Arc<Store>,
    batches: &mut JoinSet<Tenant>,
    in_flight: &mut HashMap<Tenant, usize>,
    stop: &watch::Receiver<bool>,
) -> ownpost_core::effects::Result<Duration> {
    loop {
        let mut groups = store.ready_groups().await?;
        groups.retain(|group| in_flight.get(group).is_none_or(|count| *count < BATCHES_PER_TENANT));
        // The tenant with the fewest batches in flight is served first.
        groups.sort_by_key(|group| in_flight.get(group).copied().unwrap_or_default());
        groups.truncate(BATCHES.saturating_sub(batches.len()));
        if groups.is_empty() && batches.len() >= BATCHES {
            return Ok(LONGEST_WAIT);
        }
        // All at once, so that they share the store's commit.
        let mut receiving = Vec::with_capacity(groups.len());
        for group in &groups {
            receiving.push(store.receive(group, BATCH, VISIBILITY));
        }
        let mut begun = false;
        let mut failed = None;
        for (group, received) in groups.iter().zip(future::join_all(receiving).await) {
            let received = match received {
                Ok(received) if received.is_empty() => continue,
                Ok(received) => received,
                // The messages of other tenants are sent all the same.
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            begun = true;
            *in_flight.entry(group.clone()).or_default() += 1;
            let (app, store, group, stop) = (app.clone(), store.clone(), group.clone(), stop.clone());
            batches.spawn(async move {
                batch(app, &store, received, stop).await;
                group
            });
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if !begun {
            return Ok(store.next_visible().await?.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT));
        }
    }
}

/// One batch: the messages that `sender` does not name as failed are done.
async fn batch(app: Arc<App>, store: &Store, received: Vec<Received>, stop: watch::Receiver<bool>) {
    let receives: Vec<u32> = received.iter().map(|message| message.receives).collect();
    let records: Vec<_> = received.into_iter().map(Record::from).collect();
    let sent = records.clone();
    // A task of its own contains a panic.
    let failed = match tokio::spawn(async move { sender::handle(&app, &sent).await }).await {
        Ok(failed) => Some(failed),
        Err(error) => {
            tracing::error!(%error, "a batch broke off");
            None
        }
    };
    let (mut done, mut unplanned) = (Vec::new(), Vec::new());
    for (record, receives) in records.into_iter().zip(receives) {
        if failed.as_ref().is_none_or(|failed| failed.contains(&record.message_id)) {
            unplanned.push((record.receipt, soon(receives)));
        } else {
            done.push(record.receipt);
        }
    }
    // The store may be out of reach for a moment. After a stop the next start does the same.
    while let Err(error) = store.settle(done.clone(), unplanned.clone()).await {
        tracing::error!(%error, "the messages of a batch stay hidden until the store is back");
        if *stop.borrow() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// When a message that failed without a plan shows again.
fn soon(receives: u32) -> Duration {
    SOON.saturating_mul(1 << (receives.clamp(1, 10) - 1)).min(LATE)
}
