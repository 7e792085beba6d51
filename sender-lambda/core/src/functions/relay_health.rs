//! The shared health of a tenant's relay: read by senders and monitor, written by each that has learnt something.

use std::time::Duration;

use ownpost_domain::delivery::Revision;
use ownpost_domain::describe;
use ownpost_domain::failure::Failure;
use ownpost_domain::health::{Admission, Health, StatusChange};
use ownpost_domain::outcome::Observation;
use ownpost_domain::tenant::Tenant;
use serde_json::json;

use super::shared_state::{self, Change};
use super::{App, alert, emit, later, task_queue};
use crate::effects::{Emitted, Result, Versioned};

/// The state's key in the ledger.
const HEALTH: &str = "health";

/// How soon a relay is looked at that has failed.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The stored state; `None` when there is none, or none that can be read.
pub(super) async fn load(app: &App, tenant: &Tenant) -> Result<Versioned<Option<Health>>> {
    shared_state::read(app, tenant, HEALTH).await
}

/// Whether the relay may be used now: healthy, or unhealthy with a probe due that this caller has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// The relay is healthy.
    Open,
    /// A probe is due, and this caller is the one that makes it.
    Probe,
    /// No mail may go through it now, or another caller makes the probe.
    Closed,
}

/// The health of this revision in a state that was just loaded, and whether the relay may be used now. Claims the probe
/// when one is due.
pub(super) async fn admit(
    app: &App,
    tenant: &Tenant,
    revision: &Revision,
    loaded: Versioned<Option<Health>>,
) -> Result<(Health, Admitted)> {
    let mut health = None;
    let admitted = shared_state::update_known(app, tenant, HEALTH, loaded, |stored, now| {
        let known = health.insert(Health::about(stored, revision, now));
        match known.admit(now) {
            Admission::Open => Change::Keep(Admitted::Open),
            Admission::Closed => Change::Keep(Admitted::Closed),
            Admission::Probe(claimed) => Change::Write(Some(claimed), None, Admitted::Probe),
        }
    })
    .await?;
    let health = health.unwrap_or_else(|| Health::fresh(revision.clone(), (app.now)()));
    Ok((health, admitted.unwrap_or(Admitted::Closed)))
}

/// Records an observation of a relay, and emits an event when that changes the relay's status. An observation that
/// cannot be recorded is logged: the next mail will see the same.
pub(super) async fn observe(
    app: &App,
    tenant: &Tenant,
    host: &str,
    revision: &Revision,
    seen: Observation,
    failure: Option<&Failure>,
) {
    if matches!(seen, Observation::Broken | Observation::Stumbles) && *tenant != Tenant::platform() {
        // Before the write: should this process end behind it, `monitor` has the relay looked at all the same.
        let soon = later((app.now)(), LOOK_AGAIN);
        if let Err(error) = app.effects.ledger.watch(tenant, soon).await {
            tracing::warn!(%tenant, %error, "the relay is looked at later than it should be");
        }
    }
    let message = failure.map(describe::failure);
    let code = failure.map(|failure| failure.code.code());
    let observed = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, now| {
        // Somebody has saved other settings meanwhile; what we saw is about the old ones. The platform's are changed
        // by an operator, who leaves no mark here.
        let replaced = stored.as_ref().is_some_and(|stored| stored.revision != *revision);
        if replaced && *tenant != Tenant::platform() {
            return Change::Keep(None);
        }
        let before = Health::about(stored.clone(), revision, now);
        let (after, change) = before.observe(seen, code, message.as_deref(), now);
        if stored.as_ref() == Some(&after) || (stored.is_none() && before == after) {
            return Change::Keep(None);
        }
        let announced = change.map(|change| (after.clone(), change));
        Change::Write(Some(after), None, announced)
    });
    match observed.await {
        Ok(Some(Some((health, change)))) => announce(app, tenant, host, &health, change, failure).await,
        Ok(Some(None)) => {}
        Ok(None) => tracing::warn!(%tenant, "relay health not written: others write it all the time"),
        Err(error) => tracing::warn!(%tenant, %error, "relay health not written"),
    }
}

/// Settings have just passed their test and are active, or were taken away: whatever was known of a relay is
/// about other settings. The revision is also the marker that makes senders read the settings again. Whether it is written.
pub(crate) async fn reset(app: &App, tenant: &Tenant, revision: &Revision) -> bool {
    let fresh = |_: Option<Health>, now| Change::Write(Some(Health::fresh(revision.clone(), now)), None, ());
    // Without the marker senders would go on with settings that are gone until they ask again, so a failed write is tried
    // once more.
    for _ in 0..2 {
        match shared_state::update(app, tenant, HEALTH, fresh).await {
            Ok(Some(())) => return true,
            Ok(None) => tracing::warn!(%tenant, "relay health not reset: others write it all the time"),
            Err(error) => tracing::warn!(%tenant, %error, "relay health not reset"),
        }
    }
    false
}

async fn announce(
    app: &App,
    tenant: &Tenant,
    host: &str,
    health: &Health,
    change: StatusChange,
    failure: Option<&Failure>,
) {
    let detail = json!({
        "tenant": tenant, "host": host, "revision": health.revision, "since": health.since,
        "code": health.code, "message": health.message,
    });
    match change {
        StatusChange::Unhealthy => {
            tracing::warn!(%tenant, host, code = health.code, "relay unhealthy");
            emit(app, &[Emitted { detail_type: "Relay Unhealthy", detail }]).await;
            alert::raise(app, tenant, host, health, failure).await;
        }
        StatusChange::Recovered => {
            tracing::info!(%tenant, host, "relay recovered");
            emit(app, &[Emitted { detail_type: "Relay Recovered", detail }]).await;
            // First, while the mail that it counts is still held.
            alert::recovered(app, tenant, host, health).await;
            if let Err(error) = task_queue::release(app, tenant).await {
                tracing::warn!(%tenant, %error, "held mail not released");
            }
        }
    }
}
