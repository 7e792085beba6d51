//! The shared state of a tenant's relay: read by senders and monitor, written by whoever learnt something.

use serde_json::json;

use super::{App, alert, emit, release};
use crate::domain::delivery::Revision;
use crate::domain::failure::Failure;
use crate::domain::health::{Change, Health};
use crate::domain::outcome::Observation;
use crate::domain::tenant::Tenant;
use crate::domain::words;
use crate::effects::{Emitted, Result};

/// The state's key in the ledger.
const HEALTH: &str = "health";
/// How often a write is tried against others who write the same state.
const TRIES: usize = 5;

/// The state and its version (0 when there is none).
pub(super) async fn load(app: &App, tenant: &Tenant) -> Result<(Option<Health>, u64)> {
    let stored = app.effects.ledger.get_state(tenant, HEALTH, (app.now)()).await?;
    Ok(stored.map_or((None, 0), |stored| (serde_json::from_value(stored.value).ok(), stored.version)))
}

/// Writes the state if nobody else has; says whether it did.
pub(super) async fn store(app: &App, tenant: &Tenant, health: &Health, version: u64) -> Result<bool> {
    app.effects.ledger.put_state(tenant, HEALTH, &json!(health), version, None, (app.now)()).await
}

/// Records what was seen of a relay, and tells the world when that changes its status. What cannot be recorded
/// is logged: the next mail will see the same.
pub(super) async fn observe(
    app: &App,
    tenant: &Tenant,
    host: &str,
    revision: &Revision,
    seen: Observation,
    failure: Option<&Failure>,
) {
    let message = failure.map(words::failure);
    let code = failure.map(|failure| failure.code.code());
    for _ in 0..TRIES {
        let now = (app.now)();
        let (stored, version) = match load(app, tenant).await {
            Ok(loaded) => loaded,
            Err(error) => return tracing::warn!(%tenant, %error, "relay health not read"),
        };
        // Somebody has saved other settings meanwhile; what we saw is about the old ones. The platform's are changed
        // by an operator, who leaves no mark here.
        let replaced = stored.as_ref().is_some_and(|stored| stored.revision != *revision);
        if replaced && *tenant != Tenant::platform() {
            return;
        }
        let before = Health::about(stored.clone(), revision, now);
        let (after, change) = before.observe(seen, code, message.as_deref(), now);
        if stored.as_ref() == Some(&after) || (stored.is_none() && before == after) {
            return;
        }
        match store(app, tenant, &after, version).await {
            Ok(true) => {
                if let Some(change) = change {
                    announce(app, tenant, host, &after, change).await;
                }
                return;
            }
            Ok(false) => {}
            Err(error) => return tracing::warn!(%tenant, %error, "relay health not written"),
        }
    }
    tracing::warn!(%tenant, "relay health not written: others write it all the time");
}

/// Settings have just passed their test and are active, or were taken away: whatever was known of a relay is
/// about other settings. The revision is also the marker that makes senders read the settings anew.
pub(super) async fn reset(app: &App, tenant: &Tenant, revision: &Revision) {
    for _ in 0..TRIES {
        let written = match load(app, tenant).await {
            Ok((_, version)) => {
                store(app, tenant, &Health::fresh(revision.clone(), (app.now)()), version).await
            }
            Err(error) => Err(error),
        };
        match written {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%tenant, %error, "relay health not reset"),
        }
    }
}

async fn announce(app: &App, tenant: &Tenant, host: &str, health: &Health, change: Change) {
    let detail = json!({
        "tenant": tenant, "host": host, "revision": health.revision, "since": health.since,
        "code": health.code, "message": health.message,
    });
    match change {
        Change::Unhealthy => {
            tracing::warn!(%tenant, host, code = health.code, "relay unhealthy");
            emit(app, &[Emitted { detail_type: "Relay Unhealthy", detail }]).await;
            alert::raise(app, tenant, host, health).await;
        }
        Change::Recovered => {
            tracing::info!(%tenant, host, "relay recovered");
            emit(app, &[Emitted { detail_type: "Relay Recovered", detail }]).await;
            if let Err(error) = release::held(app, tenant, "your own server works again").await {
                tracing::warn!(%tenant, %error, "held mail not released; monitor will");
            }
        }
    }
}
