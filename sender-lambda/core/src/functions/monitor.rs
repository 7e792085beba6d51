//! Function `monitor`: run every few minutes, it tests active relays without a message, warns of certificates that
//! expire, and releases held mail.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use ownpost_domain::delivery::{Revision, Status};
use ownpost_domain::expiry;
use ownpost_domain::health::{Health, HealthStatus};
use ownpost_domain::outcome::{self, Observation};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::ProbeOptions;
use ownpost_smtp::probe::Probe;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::relay_health::Admitted;
use super::shared_state::{self, Change};
use super::{App, active_settings, alert, emit, random_bits, random_unit, relay_health, task_queue};
use crate::effects::{Emitted, Filter, Order, Result};
use crate::mail::test_message;

/// The ledger's key of [`MonitorState`].
const STATE: &str = "checked";
/// How often a healthy relay is tested: once a day at the least, up to a quarter sooner, so that the tests of many
/// tenants spread over the day. Never later: the last warning of a certificate is due one day before its end.
const INTERVAL: Duration = Duration::from_hours(24);
/// How long a mail is held before a relay that looks healthy is tested for its sake. A mail that the relay lets
/// down again and again is so tried four times an hour and not every minute.
const WAITING: SignedDuration = SignedDuration::from_mins(15);
/// How long one test may take.
const DEADLINE: Duration = Duration::from_secs(55);
/// Tests at a time.
const AT_A_TIME: usize = 8;
/// Tenants of one page.
const PAGE: usize = 100;
/// When a run begins no further page; the rest is due at the next run. A Lambda lives for 15 minutes.
const BUDGET: SignedDuration = SignedDuration::from_mins(10);

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Number of tenants looked at.
    pub tenants: usize,
    /// Number of relays tested.
    pub tested: usize,
    /// Number of held mails put back on the queue.
    pub released: usize,
}

/// The state of a tenant between two runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MonitorState {
    /// When a healthy relay is tested next.
    next_at: Option<Timestamp>,
    /// The end of the certificate that was warned of, and at how many days.
    warned: Option<(Timestamp, u32)>,
}

/// Looks after all tenants. An error with one tenant is logged and does not stop the others.
///
/// # Errors
/// The list of tenants cannot be read.
pub async fn run(app: &App) -> Result<RunReport> {
    let began = (app.now)();
    let mut report = RunReport::default();
    let mut after: Option<Tenant> = None;
    loop {
        let tenants = app.effects.ledger.tenants(after.as_ref(), PAGE).await?;
        let Some(last) = tenants.last().cloned() else { break };
        let looked: Vec<_> = stream::iter(tenants)
            .map(|tenant| async move {
                let looked = AssertUnwindSafe(look_after(app, &tenant)).catch_unwind().await;
                (tenant, looked)
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        for (tenant, looked) in looked {
            report.tenants += 1;
            match looked {
                Ok(Ok((tested, released))) => {
                    report.tested += usize::from(tested);
                    report.released += released;
                }
                Ok(Err(error)) => tracing::warn!(%tenant, %error, "tenant not looked after"),
                Err(_) => tracing::error!(%tenant, "a panic while looking after a tenant"),
            }
        }
        after = Some(last);
        if (app.now)().duration_since(began) > BUDGET {
            tracing::warn!("more tenants than one run can look after; the next run begins with the first");
            break;
        }
    }
    Ok(report)
}

/// Whether the relay was tested, and how many held mails were put back on the queue.
async fn look_after(app: &App, tenant: &Tenant) -> Result<(bool, usize)> {
    alert::complete(app, tenant).await?;
    let (expired, waiting) = look_at_held(app, tenant).await?;
    let active = active_settings::read(app, tenant).await?;
    let Some((revision, settings)) = active.settings() else { return Ok((false, expired)) };
    let now = (app.now)();
    let stored = relay_health::load(app, tenant).await?;
    let marked = stored.value.as_ref().is_some_and(|health| health.revision == *revision);
    if !marked {
        // The marker of this revision was lost to a crash between activating and writing it.
        relay_health::reset(app, tenant, revision).await;
    }
    let (health, admitted) = relay_health::admit(app, tenant, revision, stored).await?;
    let due = match admitted {
        Admitted::Open => claim_daily(app, tenant, now).await? || waiting,
        Admitted::Closed => false,
        Admitted::Probe => true,
    };
    if !due {
        return Ok((false, expired));
    }
    let test_mail = test_message::build(settings, None, "en", now, random_bits());
    let options = ProbeOptions {
        recipient: None,
        test_mail,
        deadline: DEADLINE,
        look_for_fix: false,
        before_dial: None,
    };
    let report = app.relays.probe(settings, &options, &mut |_| {}).await;
    learn(app, tenant, revision, settings, &health, &report).await?;
    Ok((true, expired))
}

/// Whether the daily test of a healthy relay is due. Claims it, so that of two runs at the same time one tests.
async fn claim_daily(app: &App, tenant: &Tenant, now: Timestamp) -> Result<bool> {
    let next_at = now.checked_add(INTERVAL.mul_f64(0.75 + random_unit() / 4.0)).ok();
    let claimed = shared_state::update(app, tenant, STATE, |checked: MonitorState, now| {
        if checked.next_at.is_some_and(|at| at > now) {
            return Change::Keep(false);
        }
        // Settings that were just saved have just been tested: their first turn is tomorrow's.
        let first = checked.next_at.is_none();
        Change::Write(MonitorState { next_at, ..checked }, None, !first)
    });
    Ok(claimed.await?.unwrap_or(false))
}

/// Reports the result of a test to the breaker and warns of the certificate.
async fn learn(
    app: &App,
    tenant: &Tenant,
    revision: &Revision,
    settings: &Settings,
    before: &Health,
    report: &Probe,
) -> Result<()> {
    let seen = match &report.failure {
        None => Observation::Works,
        Some(failure) => outcome::observation(&Err(failure.clone())),
    };
    relay_health::observe(app, tenant, &settings.host, revision, seen, report.failure.as_ref()).await;
    if let Some(certificate) = report.tls.as_ref().and_then(|tls| tls.certificate.as_ref())
        && let Ok(not_after) = certificate.not_after.parse()
    {
        watch_certificate(app, tenant, &settings.host, not_after, &certificate.sha256).await?;
    }
    // A relay that has just recovered has released its mail already.
    if seen == Observation::Works && before.status == HealthStatus::Healthy {
        return task_queue::release(app, tenant).await;
    }
    Ok(())
}

async fn watch_certificate(
    app: &App,
    tenant: &Tenant,
    host: &str,
    not_after: Timestamp,
    sha256: &str,
) -> Result<()> {
    let due = shared_state::update(app, tenant, STATE, |checked: MonitorState, now| {
        let given = checked.warned.filter(|(end, _)| *end == not_after).map(|(_, days)| days);
        match expiry::warning(not_after, now, given) {
            Some(days) => {
                Change::Write(MonitorState { warned: Some((not_after, days)), ..checked }, None, Some(days))
            }
            None => Change::Keep(None),
        }
    });
    if let Some(Some(days)) = due.await? {
        let detail =
            json!({"tenant": tenant, "host": host, "notAfter": not_after, "days": days, "sha256": sha256});
        emit(app, &[Emitted { detail_type: "Certificate Expiring", detail }]).await;
    }
    Ok(())
}

/// Puts held mail whose time is over on the queue, where the sender fails it with its reason: nothing is held
/// for ever. How many that were, and whether some has waited for a while: a mail that was held at the moment its
/// relay came back missed the release, and is owed a test.
async fn look_at_held(app: &App, tenant: &Tenant) -> Result<(usize, bool)> {
    let now = (app.now)();
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    let page = app.effects.ledger.list(tenant, &filter, Order::OldestFirst, None, PAGE).await?;
    let (over, held): (Vec<_>, Vec<_>) = page.deliveries.iter().partition(|row| row.retry_until <= now);
    let messages: Vec<_> = over.iter().map(|row| super::router::message(row)).collect();
    for sent in app.effects.queue.send(&messages).await {
        sent?;
    }
    let waiting = held.iter().any(|row| now.duration_since(row.updated_at) >= WAITING);
    Ok((over.len(), waiting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{Act, World, acme, settings};
    use ownpost_domain::category::{OnFailure, Via};
    use ownpost_domain::failure::{FailureCode, Stage};

    async fn world() -> World {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.app.effects.ledger.add_tenant(&acme()).await.unwrap();
        world
    }

    async fn run_at_work(world: &World) -> RunReport {
        let report = run(&world.app).await.unwrap();
        world.work().await;
        report
    }

    async fn break_relay(world: &World) {
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
        world.work().await;
        assert_eq!(world.row().status, Status::Held);
    }

    #[tokio::test(start_paused = true)]
    async fn a_healthy_relay_is_tested_about_once_a_day_without_a_message() {
        let world = world().await;
        let mut tests = 0;
        for _ in 0..(7 * 24 * 4) {
            tests += run(&world.app).await.unwrap().tested;
            world.memory.pass(Duration::from_mins(15));
        }
        assert!((6..=9).contains(&tests), "{tests}");
        assert!(world.relays.tested.lock().unwrap().iter().all(|(_, recipient)| recipient.is_none()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_relay_is_tried_until_it_is_back_and_its_mail_goes_out() {
        let world = world().await;
        break_relay(&world).await;
        assert_eq!(run(&world.app).await.unwrap().tested, 0, "its pause is not over");
        *world.relays.failing_tests.lock().unwrap() = 2;
        let mut tests = 0;
        while world.row().status == Status::Held {
            world.memory.pass(Duration::from_mins(1));
            tests += run_at_work(&world).await.tested;
            assert!(tests < 10, "{:?}", world.row());
        }
        assert_eq!((tests, world.row().status, world.relays.taken().len()), (3, Status::Sent, 1));
        let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
        assert_eq!(types, ["Relay Unhealthy", "Relay Recovered"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_test_that_fails_opens_the_breaker_before_a_mail_does() {
        let world = world().await;
        run(&world.app).await.unwrap();
        world.memory.pass(Duration::from_hours(48));
        *world.relays.failing_tests.lock().unwrap() = 1;
        assert_eq!(run(&world.app).await.unwrap().tested, 1);
        world.accept("e1", &["jan@example.org"]).await;
        world.work().await;
        assert_eq!((world.row().status, world.row().attempts.len()), (Status::Held, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_is_warned_of_at_30_7_and_1_days() {
        let world = world().await;
        *world.relays.certificate.lock().unwrap() = Some("1970-02-20T00:00:00Z".to_owned());
        let mut warned = Vec::new();
        for _ in 0..50 {
            run(&world.app).await.unwrap();
            let days = |event: Emitted| (event.detail_type == "Certificate Expiring").then_some(event.detail);
            warned.extend(world.memory.take_emitted().into_iter().filter_map(days));
            world.memory.pass(Duration::from_hours(24));
        }
        let days: Vec<_> = warned.iter().map(|detail| detail["days"].as_u64().unwrap()).collect();
        assert_eq!(days, [30, 7, 1]);
        assert_eq!(warned[0]["tenant"], "acme");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_for_ever() {
        let world = world().await;
        break_relay(&world).await;
        *world.relays.failing_tests.lock().unwrap() = u32::MAX;
        world.memory.pass(Duration::from_hours(49));
        run_at_work(&world).await;
        assert_eq!(world.row().status, Status::Failed);
        assert!(world.row().reason.contains("its time is over"), "{}", world.row().reason);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_with_one_tenant_does_not_stop_the_others() {
        let world = world().await;
        let other = Tenant::new("other").unwrap();
        world.app.effects.ledger.add_tenant(&other).await.unwrap();
        world.memory.fail("ledger.list", 1);
        assert_eq!(run(&world.app).await.unwrap().tenants, 2);
    }
}
