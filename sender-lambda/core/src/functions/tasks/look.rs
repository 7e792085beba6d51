//! The look at a tenant's relay: once a day for one that works, and at its half-open times for one that fails.
//!
//! The settings, and so the secret, are read for a test alone: for a relay that no mail has passed for a day, for one whose
//! certificate may end soon, and for one that fails and has no mail that could try it.

use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::category::Via;
use ownpost_domain::delivery::{Revision, Status};
use ownpost_domain::failure::Stage;
use ownpost_domain::health::{Admission, Health, HealthStatus};
use ownpost_domain::outcome::{self, Observation};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::ProbeOptions;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::token_store::TokenOwner;

use crate::effects::{Filter, Order, Result};
use crate::functions::relay_health::{Seen, Try};
use crate::functions::{
    App, active_settings, alert, connect, expiry, forget, is_younger, later, put_on_queue, random_bits,
    relay_health, router,
};
use crate::mail::test_message::{self, TestRun};

/// A relay that no mail has passed for so long is idle.
const IDLE: Duration = Duration::from_hours(24);
/// How many of the newest mails are looked at for one that has passed.
const NEWEST: usize = 10;
/// How long one test may take.
const DEADLINE: Duration = Duration::from_secs(55);
/// When a relay is looked at again whose oldest held mail is to try it.
const AFTER_A_MAIL: Duration = Duration::from_mins(1);

/// Looks at the relay, and says when it is to be looked at again if that is before the next day.
pub(super) async fn at_relay(app: &App, tenant: &Tenant) -> Result<()> {
    alert::complete(app, tenant).await?;
    connect::erase_late(app, tenant).await?;
    let now = (app.now)();
    let health = relay_health::load(app, tenant).await?.value;
    if let Some(health) = health.as_ref().filter(|health| health.unannounced)
        && let Some((_, settings)) = active_settings::read(app, tenant).await?.settings()
    {
        relay_health::complete(app, tenant, &settings.host, health).await;
    }
    let certificate = expiry::at_relay(app, tenant, health.as_ref().map(|health| &health.revision)).await?;
    let due = match health.as_ref().map(|health| (health.status, health.admit(now))) {
        Some((HealthStatus::Unhealthy, Admission::Closed)) => false,
        Some((HealthStatus::Unhealthy, _)) => !tried_by_a_mail(app, tenant).await?,
        _ => certificate || is_idle(app, tenant, now).await?,
    };
    if due {
        test(app, tenant).await?;
    }
    look_again(app, tenant).await
}

/// Looks at the platform's own server: at its certificate, by a test without a message, and at the operator's credentials. A
/// test that fails stays in the log, because the next mail says the same in a row.
pub(super) async fn at_platform(app: &App) -> Result<()> {
    let active = active_settings::platform(app).await?;
    let Some((_, settings)) = active.settings() else { return expiry::of_operator(app, None).await };
    let report = probe(app, None, settings, None).await;
    if let Some(failure) = &report.failure {
        let (host, code) = (settings.host.as_str(), failure.code.code());
        tracing::warn!(host, code, "the platform's own mail server fails a test");
    }
    let seen = report.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    expiry::of_operator(app, Some((settings, seen))).await
}

/// Puts the oldest held mail on the queue, if there is one: what becomes of it tells more than a test without a message.
async fn tried_by_a_mail(app: &App, tenant: &Tenant) -> Result<bool> {
    let Some(held) = relay_health::oldest_held(app, tenant).await? else { return Ok(false) };
    put_on_queue(app, &[router::message(&held)]).await?;
    Ok(true)
}

/// Whether no mail has passed the relay for a day, as far as the newest mails tell.
async fn is_idle(app: &App, tenant: &Tenant, now: Timestamp) -> Result<bool> {
    let newest =
        app.effects.ledger.list(tenant, &Filter::default(), Order::NewestFirst, None, NEWEST).await?;
    Ok(!newest.deliveries.iter().any(|row| {
        row.status == Status::Sent && row.route == Some(Via::Relay) && is_younger(row.updated_at, IDLE, now)
    }))
}

/// Tests the relay without a message and tells the breaker.
async fn test(app: &App, tenant: &Tenant) -> Result<()> {
    let active = active_settings::read(app, tenant).await?;
    let Some((revision, settings)) = active.settings() else {
        return forget::announce_expired(app, tenant).await;
    };
    let stored = relay_health::load(app, tenant).await?;
    if stored.value.as_ref().is_none_or(|health| health.revision != *revision) {
        // The marker of this revision was lost to a crash between activating and writing it.
        relay_health::reset(app, tenant, revision).await;
    }
    let health = relay_health::about(app, revision, stored);
    let Some(end) = end(app, &health).await? else { return Ok(()) };
    let may = match health.admit((app.now)()) {
        Admission::Open => true,
        Admission::Closed => false,
        Admission::Due => relay_health::try_again(app, tenant, revision, None).await? == Try::Test,
    };
    if !may {
        return Ok(());
    }
    let (recipient, to) = match &end {
        End::Sender => (None, Stage::Sender),
        End::Recipient(address) => (Some(address.as_str()), Stage::Recipient),
    };
    let report = probe(app, Some(tenant), settings, recipient).await;
    learn(app, tenant, (revision, settings), to, &report).await
}

/// Tests a server without a message: up to RCPT TO where there is a recipient, otherwise up to MAIL FROM. No tenant: the platform's.
async fn probe(app: &App, tenant: Option<&Tenant>, settings: &Settings, recipient: Option<&str>) -> Probe {
    let now = (app.now)();
    let run =
        TestRun { settings, recipient: None, started_by: None, locale: "en", now, unique: random_bits() };
    let test_mail = test_message::build(&run, &app.templates, None, None);
    let owner = TokenOwner { tenant: tenant.map(Tenant::as_str), draft: false };
    let options = ProbeOptions {
        recipient,
        without_message: true,
        test_mail,
        deadline: DEADLINE,
        look_for_fix: false,
        owner,
        before_dial: None,
    };
    let report = app.relays.probe(settings, &options, &mut |_| {}).await;
    app.meter.tested(report.failure.is_none());
    report
}

/// The end of a test without a message.
enum End {
    /// After MAIL FROM.
    Sender,
    /// After RCPT TO with this address.
    Recipient(String),
}

/// Where the test ends that comes past the failed stage; `None` when only a mail comes so far. A relay that has failed at RCPT
/// hears the platform's sender, an address of the operator's that is foreign to the relay, as those of most mails are: its own
/// may be taken where others are not.
async fn end(app: &App, health: &Health) -> Result<Option<End>> {
    match health.test_to() {
        None => Ok(None),
        Some(Stage::Recipient) => {
            let platform = active_settings::platform(app).await?;
            Ok(platform.settings().map(|(_, settings)| End::Recipient(settings.sender_address.clone())))
        }
        Some(_) => Ok(Some(End::Sender)),
    }
}

/// Tells the breaker what a test up to this stage has found.
async fn learn(
    app: &App,
    tenant: &Tenant,
    (revision, settings): (&Revision, &Settings),
    to: Stage,
    report: &Probe,
) -> Result<()> {
    let seen = match &report.failure {
        None => Observation::Works,
        Some(failure) => outcome::observation(&Err(failure.clone())),
    };
    let passed = report.failure.is_none().then_some(to);
    let observed = Seen {
        observation: seen,
        passed,
        failure: report.failure.as_ref(),
        recipient: "",
        took: false,
        began: None,
    };
    relay_health::observe(app, tenant, &settings.host, revision, &observed).await;
    match report.tls.as_ref().and_then(|tls| tls.certificate.as_ref()) {
        Some(seen) => expiry::certificate_seen(app, tenant, settings, seen).await,
        None => Ok(()),
    }
}

/// An unhealthy relay is looked at again when its pause is over. A healthy one is due the next day already.
async fn look_again(app: &App, tenant: &Tenant) -> Result<()> {
    match relay_health::load(app, tenant).await?.value {
        Some(Health { status: HealthStatus::Unhealthy, probe_at, .. }) => {
            let soon = later((app.now)(), AFTER_A_MAIL);
            app.effects.ledger.watch(tenant, probe_at.map_or(soon, |at| at.max(soon))).await
        }
        _ => Ok(()),
    }
}
