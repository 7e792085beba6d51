//! The shared state of a tenant's relay: read by senders and monitor, written by whoever learnt something.

use serde_json::json;

use super::{App, emit, release, router};
use crate::domain::delivery::Revision;
use crate::domain::failure::Failure;
use crate::domain::health::{Change, Health};
use crate::domain::outcome::Observation;
use crate::domain::tenant::Tenant;
use crate::domain::words;
use crate::effects::{Emitted, Result};
use crate::wire::event;

/// The state's key in the ledger.
const HEALTH: &str = "health";
/// The key of the addresses that are told when a relay fails.
const ADMINS: &str = "admins";
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
        // Somebody has saved other settings meanwhile; what we saw is about the old ones.
        if stored.as_ref().is_some_and(|stored| stored.revision != *revision) {
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

/// Whom to tell when the relay fails: the admin who saved the settings.
pub(super) async fn set_admin(app: &App, tenant: &Tenant, address: &str) {
    let now = (app.now)();
    let ledger = &app.effects.ledger;
    let written = match ledger.get_state(tenant, ADMINS, now).await {
        Ok(stored) => {
            let version = stored.map_or(0, |stored| stored.version);
            ledger.put_state(tenant, ADMINS, &json!([address]), version, None, now).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::warn!(%tenant, %error, "the admin to alert is not recorded");
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
            alert(app, tenant, host, health).await;
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

/// A mail to the tenant's admins. It goes the way of all mail, ledger and queue, but never through the server
/// it is about.
async fn alert(app: &App, tenant: &Tenant, host: &str, health: &Health) {
    let admins = match app.effects.ledger.get_state(tenant, ADMINS, (app.now)()).await {
        Ok(Some(admins)) => admins.value,
        Ok(None) => return,
        Err(error) => return tracing::warn!(%tenant, %error, "admins not alerted"),
    };
    let addresses: Vec<String> = serde_json::from_value(admins).unwrap_or_default();
    let recipients: Vec<_> = addresses.iter().map(|address| json!({"address": address})).collect();
    let document = json!({
        // One alert for each time it fails, however many senders see it.
        "id": format!("{}unhealthy-{}", router::OWN_TYPES, health.since),
        "tenant": tenant,
        "category": "notification",
        "type": UNHEALTHY,
        "recipients": recipients,
        "data": {"title": host, "excerpt": health.message},
    })
    .to_string();
    let recorded = match event::parse(document.as_bytes(), event::QUEUE_LIMIT) {
        Ok(event) => {
            router::record(app, &event, document.as_bytes()).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = recorded {
        tracing::warn!(%tenant, error, "admins not alerted");
    }
}

/// The type of the alert; its mail never goes through the tenant's relay.
pub(super) const UNHEALTHY: &str = "ownpost.relay-unhealthy";
