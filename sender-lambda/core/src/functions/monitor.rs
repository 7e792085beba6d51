//! Function `monitor`: run every few minutes, it reads what is due and puts it on the queue. It looks at no tenant and at no
//! mail that is not due, and the sender does the work: the message of a row that has lost its own brings the row to its end,
//! and a relay that is due is looked at by a task.

use std::sync::PoisonError;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;
use serde::Serialize;

use super::{App, later, put_on_queue, random_unit, router, task_queue};
use crate::effects::{Due, DueKind, QueueMessage, Result};

/// How often a healthy relay is looked at: once a day at the least, up to a quarter sooner, so that the looks at many
/// relays spread over the day. Never later: the last warning of a certificate is due one day before its end.
const INTERVAL: Duration = Duration::from_hours(24);
/// When a row is due again that was put back on the queue: it may only have waited in a long queue.
const AGAIN: Duration = Duration::from_hours(1);
/// Entries of one page.
const PAGE: usize = 100;
/// Shards that are read at a time.
const AT_A_TIME: usize = 4;
/// Entries of one shard that one run puts on the queue.
const MOST: usize = 2000;
/// When a run reads no further page; the rest is due at the next run. A Lambda lives for 15 minutes.
const BUDGET: SignedDuration = SignedDuration::from_mins(10);

/// How often a process of `monitor` has the operator's own credentials looked at, the first time as it starts.
const OPERATOR: SignedDuration = SignedDuration::from_hours(6);

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Number of mails put back on the queue.
    pub mails: usize,
    /// Number of relays that are looked at.
    pub relays: usize,
    /// Number of shards of the index that could not be read.
    pub failed: usize,
}

/// When a relay that works is looked at next.
pub(super) fn next_look(now: Timestamp) -> Timestamp {
    later(now, INTERVAL.mul_f64(0.75 + random_unit() / 4.0))
}

/// Puts on the queue what is due. An error with one shard is logged and does not stop the others.
///
/// # Errors
/// No shard can be read.
pub async fn run(app: &App) -> Result<RunReport> {
    let until = later((app.now)(), BUDGET.unsigned_abs());
    let shards: Vec<_> = stream::iter(0..due::SHARDS)
        .map(|shard| sweep(app, shard, until))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let mut report = RunReport::default();
    let mut last = None;
    for shard in shards {
        match shard {
            Ok((mails, relays)) => {
                report.mails += mails;
                report.relays += relays;
            }
            Err(error) => {
                tracing::warn!(%error, "a part of what is due could not be read");
                report.failed += 1;
                last = Some(error);
            }
        }
    }
    look_at_operator(app).await;
    match last {
        Some(error) if report.failed == usize::from(due::SHARDS) => Err(error),
        _ => Ok(report),
    }
}

/// Puts on the queue, every few hours, the look at the operator's own credentials: by the sender, which may read them. One that
/// is not on the queue is put there by the next run.
async fn look_at_operator(app: &App) {
    let now = (app.now)();
    let looked = *app.operator_looked.lock().unwrap_or_else(PoisonError::into_inner);
    if looked.is_some_and(|looked| now.duration_since(looked) < OPERATOR) {
        return;
    }
    match put_on_queue(app, &[task_queue::look_at_relay(&Tenant::platform())]).await {
        Ok(()) => *app.operator_looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now),
        Err(error) => tracing::warn!(%error, "the operator's credentials are looked at later"),
    }
}

/// Puts on the queue what is due in one shard: the numbers of mails and relays.
async fn sweep(app: &App, shard: u16, until: Timestamp) -> Result<(usize, usize)> {
    let (mut mails, mut relays) = (0, 0);
    while mails + relays < MOST && (app.now)() < until {
        let now = (app.now)();
        let page = app.effects.ledger.due(shard, now, PAGE).await?;
        let mut messages = Vec::with_capacity(page.len());
        for due in &page {
            // Moved first, so that of two runs one has it. Should this run end here, it is due again at that time.
            let (again, count) = match due.what {
                DueKind::Row(..) => (later(now, AGAIN), &mut mails),
                DueKind::Relay(_) => (next_look(now), &mut relays),
            };
            if app.effects.ledger.postpone(due, again).await? {
                messages.push(message(due));
                *count += 1;
            }
        }
        // An index that lags behind shows the same page again.
        if messages.is_empty() {
            break;
        }
        put_on_queue(app, &messages).await?;
    }
    Ok((mails, relays))
}

fn message(due: &Due) -> QueueMessage {
    match &due.what {
        DueKind::Row(tenant, id) => router::message_for(tenant, id, None, false),
        DueKind::Relay(tenant) => task_queue::look_at_relay(tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::alert;
    use crate::functions::shared_state::{self, Change};
    use crate::testing::world::{Act, World, acme, settings};
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::delivery::Status;
    use ownpost_domain::failure::{FailureCode, Stage};
    use ownpost_domain::health::Health;
    use ownpost_domain::settings::Settings;

    fn relay() -> Settings {
        settings("smtp.acme.example", Via::Relay, OnFailure::Hold)
    }

    async fn world() -> World {
        let world = World::new();
        world.activate("r1", &relay()).await;
        world.app.effects.ledger.watch(&acme(), later(world.memory.now(), INTERVAL)).await.unwrap();
        world
    }

    /// Runs monitor, and then the sender until the queue is empty for now.
    async fn run_at_work(world: &World) -> RunReport {
        let report = run(&world.app).await.unwrap();
        while world.work().await > 0 {}
        report
    }

    /// The tests of the tenant's relay.
    fn tests(world: &World) -> usize {
        tested(world).len()
    }

    /// Host and recipient of each of them.
    fn tested(world: &World) -> Vec<(String, Option<String>)> {
        let all = world.relays.tested.lock().unwrap();
        all.iter().filter(|(host, _)| *host == relay().host).cloned().collect()
    }

    async fn break_relay(world: &World) {
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
        assert_eq!(world.row().status, Status::Held);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_relay_is_tested_about_once_a_day_without_a_message() {
        let world = world().await;
        for _ in 0..(7 * 24 * 4) {
            world.memory.pass(Duration::from_mins(15));
            run_at_work(&world).await;
        }
        assert!((6..=9).contains(&tests(&world)), "{}", tests(&world));
        assert!(tested(&world).iter().all(|(_, recipient)| recipient.is_none()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_mail_passes_is_not_tested_and_its_secret_not_read() {
        let world = world().await;
        for day in 0..7 {
            world.accept(&format!("e{day}"), &["jan@example.org"]).await;
            while world.work().await > 0 {}
            let looks = world.memory.calls("secrets.get");
            let looked = run_at_work(&world).await.relays;
            assert_eq!(looked, usize::from(day > 0));
            assert_eq!(world.memory.calls("secrets.get"), looks, "the look itself reads no secret");
            world.memory.pass(INTERVAL + Duration::from_mins(1));
        }
        assert_eq!(tests(&world), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_relay_is_tried_by_its_oldest_held_mail_until_it_is_back() {
        let world = world().await;
        break_relay(&world).await;
        let mut tries = 0;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535); 2]);
        while world.row().status == Status::Held {
            world.memory.pass(Duration::from_mins(1));
            run_at_work(&world).await;
            tries += 1;
            assert!(tries < 20, "{:?}", world.row());
        }
        assert_eq!((world.row().status, world.row().attempts.len()), (Status::Sent, 4));
        assert_eq!(tests(&world), 0, "what becomes of a mail tells more than a test");
        let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
        assert_eq!(types, ["Relay Unhealthy", "Relay Recovered"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_relay_without_held_mail_is_tested_at_its_half_open_times() {
        let world = world().await;
        *world.relays.failing_tests.lock().unwrap() = 4;
        let mut minutes = Vec::new();
        for minute in 0..(26 * 60) {
            let before = tests(&world);
            run_at_work(&world).await;
            minutes.extend((tests(&world) > before).then_some(minute));
            world.memory.pass(Duration::from_mins(1));
        }
        let pauses: Vec<_> = minutes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(matches!(pauses[..], [1..=2, 2..=3, 4..=5, 8..=9]), "{pauses:?}");
        let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
        assert_eq!(types, ["Relay Unhealthy", "Relay Recovered"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_that_fails_opens_the_breaker_before_a_mail_does() {
        let world = world().await;
        world.memory.pass(Duration::from_hours(48));
        *world.relays.failing_tests.lock().unwrap() = 1;
        assert_eq!((run_at_work(&world).await.relays, tests(&world)), (1, 1));
        world.accept("e1", &["jan@example.org"]).await;
        world.work().await;
        assert_eq!((world.row().status, world.row().attempts.len()), (Status::Held, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_for_ever() {
        let world = world().await;
        break_relay(&world).await;
        *world.relays.failing_tests.lock().unwrap() = u32::MAX;
        for _ in 0..130 {
            let until = world.memory.now();
            world.relays.then(vec![Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535); 9]);
            run_at_work(&world).await;
            if world.row().status == Status::Failed {
                let held = until.duration_since(world.row().queued_at);
                assert!((120..=122).contains(&held.as_hours()), "{held}: five days, not two");
                assert!(world.row().reason.contains("its time is over"), "{}", world.row().reason);
                return;
            }
            world.memory.pass(Duration::from_hours(1));
        }
        panic!("{:?}", world.row());
    }

    #[tokio::test(start_paused = true)]
    async fn mail_held_without_settings_is_looked_at_too() {
        let world = World::new();
        world.memory.remove_platform();
        world.accept("e1", &["jan@example.org"]).await;
        world.accept("e2", &["ann@example.org"]).await;
        world.work().await;
        assert!(world.memory.rows().iter().all(|row| row.status == Status::Held));
        let platform = settings("smtp.platform.example", Via::Platform, OnFailure::Hold);
        world.memory.set_platform("p1", &crate::wire::settings::to_document(&platform));
        world.memory.pass(Duration::from_mins(31));
        assert_eq!(run_at_work(&world).await.mails, 2, "of a tenant that never had settings");
        assert!(world.memory.rows().iter().all(|row| row.status == Status::Sent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_has_lost_its_message_comes_to_its_end() {
        for status in [Status::Queued, Status::Deferred, Status::Sending] {
            let world = world().await;
            world.accept("e1", &["jan@example.org"]).await;
            match status {
                Status::Deferred => {
                    world.relays.then([Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450)]);
                    world.work().await;
                }
                Status::Sending => {
                    world.relays.then([Act::Panic]);
                    world.work().await;
                }
                _ => {}
            }
            assert_eq!(world.row().status, status);
            world.memory.lose_messages();
            let expected = if status == Status::Sending { Status::Unknown } else { Status::Sent };
            for _ in 0..4 {
                run_at_work(&world).await;
                world.memory.pass(Duration::from_mins(15));
            }
            assert_eq!(world.row().status, expected, "{:?}", world.row());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_in_a_long_queue_gets_one_more_message_an_hour() {
        let world = world().await;
        world.accept("e1", &["jan@example.org"]).await;
        let mut added = 0;
        for _ in 0..(6 * 12) {
            world.memory.pass(Duration::from_mins(5));
            added += run(&world.app).await.unwrap().mails;
        }
        assert!((4..=6).contains(&added), "{added}");
        for _ in 0..5 {
            world.work().await;
            world.memory.pass(Duration::from_secs(5));
        }
        assert_eq!((world.relays.taken().len(), world.memory.queued()), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_closes_the_breaker_only_where_it_comes_past_the_failed_stage() {
        for (act, recipient, recovers) in [
            (Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535), None, true),
            // The platform's sender is named in RCPT, and no mail follows.
            (Act::Fail(Stage::Recipient, FailureCode::RelayDenied, 554), Some("noreply@acme.example"), true),
            (Act::FailLate(FailureCode::RelayDenied, 554), None, false),
        ] {
            let world = world().await;
            // Nothing is held: the mail goes by the platform.
            world.activate("r2", &settings("smtp.acme.example", Via::Relay, OnFailure::Platform)).await;
            world.accept("e1", &["jan@example.org"]).await;
            world.relays.then([act]);
            world.work().await;
            for _ in 0..8 {
                world.memory.pass(Duration::from_mins(1));
                run_at_work(&world).await;
            }
            let types =
                || -> Vec<_> { world.memory.take_emitted().iter().map(|event| event.detail_type).collect() };
            let unhealthy = ["Relay Unhealthy", "Relay Recovered"];
            assert_eq!(types(), unhealthy[..=usize::from(recovers)], "{act:?}");
            let tested = tested(&world);
            let test = ("smtp.acme.example".to_owned(), recipient.map(str::to_owned));
            assert_eq!(tested, vec![test; usize::from(recovers)], "{act:?}");
            // The next mail for the relay tries it.
            world.accept("e2", &["ann@example.org"]).await;
            world.work().await;
            assert_eq!(types(), unhealthy[usize::from(recovers) + 1..], "{act:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_a_crash_kept_back_is_announced() {
        let world = world().await;
        alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
        assert_eq!(world.memory.take_emitted().len(), 1);
        // As if the sender had been killed right after its write.
        shared_state::update(&world.app, &acme(), "health", |health: Option<Health>, _| {
            let health = health.map(|health| Health { unannounced: true, ..health });
            Change::Write(health, None, ())
        })
        .await
        .unwrap();
        *world.relays.failing_tests.lock().unwrap() = u32::MAX;
        world.memory.pass(Duration::from_secs(61));
        world.relays.then(vec![Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535); 9]);
        for _ in 0..3 {
            run_at_work(&world).await;
        }
        // The script refuses at the platform's server too, which is another outage.
        let emitted =
            world.memory.take_emitted().into_iter().filter(|event| event.detail["tenant"] == "acme");
        let types: Vec<_> = emitted.map(|event| event.detail_type).collect();
        assert_eq!(types, ["Relay Unhealthy"], "once");
        let alerts = world.memory.rows().iter().filter(|row| row.recipient == "admin@acme.example").count();
        assert_eq!(alerts, 1, "one alert mail");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_with_one_shard_does_not_stop_the_others() {
        let world = world().await;
        for number in 0..40 {
            world.accept(&format!("e{number}"), &["jan@example.org"]).await;
        }
        world.memory.lose_messages();
        world.memory.pass(Duration::from_hours(1));
        world.memory.fail("ledger.due", 1);
        let report = run(&world.app).await.unwrap();
        assert!(report.failed == 1 && report.mails > 30, "{report:?}");
        assert_eq!(run(&world.app).await.unwrap().mails, 40 - report.mails);
        world.memory.fail("ledger.due", u32::MAX);
        assert!(run(&world.app).await.is_err(), "nothing could be read");
    }
}
