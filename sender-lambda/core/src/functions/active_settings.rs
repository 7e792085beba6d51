//! A tenant's active settings, as the functions read them, and the cache in front of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::delivery::Revision;
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;

use super::{App, is_younger};
use crate::effects::{Result, SecretStage, StoredVersion};
use crate::oauth_providers::OAuthProviders;
use crate::wire::settings::from_document;

/// The document that is stored when an admin goes back to the platform's default: a version like any other, so that the
/// settings before it stay `AWSPREVIOUS` and rollback finds them.
pub(super) const REMOVED: &str = r#"{"removed":true}"#;
/// The marker (see [`super::relay_health::reset`]) of a tenant whose settings were deleted for ever: that there is no version
/// is then no loss.
pub(super) const FORGOTTEN: &str = "forgotten";
/// How long a sender may go without asking whether a tenant's settings are still the same. The marker in the relay's
/// health reveals a change at once, and settings that fail are read again at once; this is for a crash before the marker was
/// written.
const FRESH_FOR: Duration = Duration::from_hours(1);
/// The same for the platform's settings, which no marker belongs to.
const PLATFORM_FRESH_FOR: Duration = Duration::from_mins(5);
/// How many tenants a process remembers; beyond that it forgets all, which costs reads and nothing else.
const REMEMBERED: usize = 10_000;

/// The active version of a tenant's settings.
#[derive(Clone, Debug)]
pub(super) enum Active {
    /// No settings: mail goes by the platform's server. With a revision when there were settings and they were removed.
    None(Option<Revision>),
    /// A version that cannot be read.
    Unreadable(Revision),
    /// No version, although the ledger knows of one.
    Missing,
    /// Settings of this revision.
    Settings(Revision, Arc<Settings>),
}

impl Active {
    /// Reads a stored version, with the operator's application where it was connected with one.
    fn read(version: Option<StoredVersion>, providers: &OAuthProviders) -> Self {
        let Some(version) = version else { return Self::None(None) };
        if *version.document == REMOVED {
            return Self::None(Some(version.revision));
        }
        let settings = from_document(&version.document).and_then(|mut settings| {
            providers.complete(&mut settings).map_err(|error| error.to_string())?;
            Ok(settings)
        });
        match settings {
            Ok(settings) => Self::Settings(version.revision, Arc::new(settings)),
            Err(problem) => {
                tracing::error!(revision = version.revision.0, problem, "stored settings cannot be read");
                Self::Unreadable(version.revision)
            }
        }
    }

    /// The revision under `AWSCURRENT`.
    pub(super) fn revision(&self) -> Option<&Revision> {
        match self {
            Self::None(revision) => revision.as_ref(),
            Self::Missing => None,
            Self::Unreadable(revision) | Self::Settings(revision, _) => Some(revision),
        }
    }

    /// The settings, if there are any.
    pub(super) fn settings(&self) -> Option<(&Revision, &Arc<Settings>)> {
        match self {
            Self::Settings(revision, settings) => Some((revision, settings)),
            _ => None,
        }
    }
}

/// The settings that a process remembers.
#[derive(Default)]
pub(super) struct Cache {
    tenants: Mutex<HashMap<Tenant, Remembered>>,
    platform: Mutex<Option<(Timestamp, Active)>>,
}

struct Remembered {
    marker: Option<Revision>,
    read_at: Timestamp,
    active: Active,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The active version, straight from the store.
pub(super) async fn read(app: &App, tenant: &Tenant) -> Result<Active> {
    Ok(Active::read(
        app.effects.secrets.get(tenant, SecretStage::Current).await?,
        &app.config.oauth_providers,
    ))
}

/// The version that was active before, which a rollback activates.
pub(super) async fn read_previous(app: &App, tenant: &Tenant) -> Result<Active> {
    Ok(Active::read(
        app.effects.secrets.get(tenant, SecretStage::Previous).await?,
        &app.config.oauth_providers,
    ))
}

/// The active version, from memory as long as `marker` (the revision that the relay's health is about) is the one that
/// it was read under.
pub(super) async fn remembered(app: &App, tenant: &Tenant, marker: Option<&Revision>) -> Result<Active> {
    let now = (app.now)();
    if let Some(known) = lock(&app.cache.tenants).get(tenant)
        && known.marker.as_ref() == marker
        && is_younger(known.read_at, FRESH_FOR, now)
    {
        return Ok(known.active.clone());
    }
    let mut active = read(app, tenant).await?;
    if is_missing(&active, marker) {
        // The marker says that there are settings, and taking them away leaves a version. One more look, because a secret
        // store answers some reads late.
        active = read(app, tenant).await?;
        if is_missing(&active, marker) {
            return Ok(Active::Missing);
        }
    }
    // What cannot be read is read again by the next batch: somebody may have restored it.
    if matches!(active, Active::Unreadable(_)) {
        return Ok(active);
    }
    let mut tenants = lock(&app.cache.tenants);
    if tenants.len() >= REMEMBERED {
        tenants.clear();
    }
    let known = Remembered { marker: marker.cloned(), read_at: now, active: active.clone() };
    tenants.insert(tenant.clone(), known);
    Ok(active)
}

/// Whether there is no version although the marker says that there are settings.
pub(super) fn is_missing(active: &Active, marker: Option<&Revision>) -> bool {
    matches!(active, Active::None(None)) && marker.is_some_and(|marker| marker.0 != FORGOTTEN)
}

/// Forgets a tenant's settings: they have just failed, or have been replaced.
pub(super) fn forget(app: &App, tenant: &Tenant) {
    lock(&app.cache.tenants).remove(tenant);
}

/// The platform's own settings.
pub(super) async fn platform(app: &App) -> Result<Active> {
    let now = (app.now)();
    if let Some((read_at, active)) = &*lock(&app.cache.platform)
        && is_younger(*read_at, PLATFORM_FRESH_FOR, now)
    {
        return Ok(active.clone());
    }
    let active = Active::read(app.effects.secrets.platform().await?, &app.config.oauth_providers);
    // Settings that cannot be read are read again by the next batch: the operator may have mended them.
    if !matches!(active, Active::Unreadable(_)) {
        *lock(&app.cache.platform) = Some((now, active.clone()));
    }
    Ok(active)
}

/// Forgets the platform's settings: they have just failed.
pub(super) fn forget_platform(app: &App) {
    *lock(&app.cache.platform) = None;
}
