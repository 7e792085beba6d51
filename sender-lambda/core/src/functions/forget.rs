//! Forgets: a whole tenant, its secret at once and its rows, documents and states by a task; or a tenant's settings alone,
//! when somebody asks for it and when they were removed long ago.
//!
//! Only the function `settings` may delete secrets. The sender, which talks to foreign servers, finds at its daily look that
//! the time of removed settings is over, and says so by an event; `settings` hears it and looks itself.

use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;

use super::active_settings::{self, FORGOTTEN, REMOVED};
use super::{App, emit, history, relay_health, task_queue, tokens};
use crate::effects::{EffectError, Effects, Result, SecretStage};
use crate::wire::emitted::{Announcement, SettingsExpired, SettingsRemoved};
use crate::wire::history::{Action, By, Change, Ended};
use crate::wire::sqs::Task;

/// Begins to forget the tenant. What is still on its way is not sent any more: its row is gone.
///
/// # Errors
/// The store or the queue is out of reach; calling it again completes it.
pub async fn begin(app: &App, tenant: &Tenant) -> Result<()> {
    tokens::forget(app, tenant).await?;
    active_settings::forget(app, tenant);
    task_queue::enqueue(app, tenant, Task::Forget {}, Duration::ZERO).await
}

/// Forgets the tenant and waits for the end.
///
/// # Errors
/// The store is out of reach; calling it again completes it.
pub async fn at_once(effects: &Effects, tenant: &Tenant) -> Result<()> {
    effects.secrets.forget(tenant).await?;
    while effects.ledger.forget_some(tenant).await? {}
    Ok(())
}

/// Deletes all stored versions of a tenant's settings. First the marker that says so: with any other, senders would take
/// the absent settings for lost ones and let mail wait.
///
/// # Errors
/// The store is out of reach; calling it again completes it.
pub(super) async fn settings(app: &App, tenant: &Tenant) -> Result<()> {
    if !relay_health::reset(app, tenant, &Revision(FORGOTTEN.to_owned())).await {
        let message = "the marker of forgotten settings is not written".to_owned();
        return Err(EffectError::Transient { service: "the ledger", message });
    }
    tokens::forget(app, tenant).await?;
    active_settings::forget(app, tenant);
    Ok(())
}

/// Says so if the tenant's settings were removed so long ago that nobody goes back to them.
///
/// # Errors
/// The store is out of reach; the next look says it.
pub(super) async fn announce_expired(app: &App, tenant: &Tenant) -> Result<()> {
    if have_expired(app, tenant).await? {
        emit(app, [Announcement::SettingsExpired(SettingsExpired { tenant: tenant.clone() })]).await;
    }
    Ok(())
}

/// Forgets settings that were removed so long ago that nobody goes back to them: after the days for which the ledger keeps
/// a mail (`OWNPOST_RETAIN_DAYS`), a password that is used no more is a risk and nothing else. For all others it does
/// nothing: the event [`SETTINGS_EXPIRED`](crate::wire::emitted::SETTINGS_EXPIRED) is a hint, and no order.
///
/// # Errors
/// The store is out of reach; the event of the next look completes it.
pub async fn expired(app: &App, tenant: &Tenant) -> Result<()> {
    if !have_expired(app, tenant).await? {
        return Ok(());
    }
    let now = (app.now)();
    let change = Change {
        at: now,
        by: By::new(Some("OWNPOST_RETAIN_DAYS"), None, None, None),
        action: Action::Forget,
        ended: Ended::Unfinished,
        code: None,
        revision: None,
        host: None,
        changed: Vec::new(),
    };
    history::begin(app, tenant, &change).await?;
    let erased = settings(app, tenant).await;
    let ended = if erased.is_ok() { Ended::Done } else { Ended::StoreFailed };
    history::finish(app, tenant, &Change { ended, ..change.clone() }).await;
    erased?;
    let removed = SettingsRemoved { tenant: tenant.clone(), revision: None, forgotten: true, by: change.by };
    emit(app, [Announcement::SettingsRemoved(removed)]).await;
    Ok(())
}

async fn have_expired(app: &App, tenant: &Tenant) -> Result<bool> {
    let current = app.effects.secrets.get(tenant, SecretStage::Current).await?;
    let removal = current.filter(|version| *version.document == REMOVED);
    Ok(removal.is_some_and(|removal| is_over(removal.created_at, (app.now)(), app.config.retain())))
}

/// Whether the settings were removed as long ago as that. A removal in the future is one of a clock that was wrong.
fn is_over(removed: Timestamp, now: Timestamp, retain: Duration) -> bool {
    Duration::try_from(now.duration_since(removed)).is_ok_and(|age| age >= retain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_ends_nothing() {
        let day = |day: i64| Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap();
        let retain = Duration::from_hours(90 * 24);
        for (now, over) in [(0, false), (89, false), (90, true), (400, true), (-1, false), (-400, false)] {
            assert_eq!(is_over(day(0), day(now), retain), over, "{now}");
        }
    }
}
