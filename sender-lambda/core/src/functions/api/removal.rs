//! Back to the platform's server, with or without erasing what is stored.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use super::activation::{begun, ended, new_revision, promote};
use super::answer::{Answered, nothing, problem, problem_for};
use super::{Call, given};
use crate::functions::active_settings::{self, Active, REMOVED};
use crate::functions::{alert, emit, forget, history, relay_health, task_queue};
use crate::wire::emitted::{Announcement, SettingsRemoved};
use crate::wire::history::{Action, Change, Ended};

/// `DELETE /smtp`. Held mail stays held until somebody releases it: that it then leaves by the platform's server
/// is for a person to say, and its row says so. With `forget=1` all stored versions are erased, too.
pub(super) async fn remove(call: &Call<'_>, query: &[(String, String)]) -> Answered {
    let for_ever = match given(query, "forget") {
        None => false,
        Some("1") => true,
        Some(_) => return Err(problem(400, "query.invalid", "forget: 1 erases the settings for ever")),
    };
    let Call { app, tenant, .. } = call;
    let before = active_settings::read(app, tenant).await?;
    let active = !matches!(before, Active::None(_));
    if !active && !for_ever {
        return Ok(nothing());
    }
    let action = if for_ever { Action::Forget } else { Action::Remove };
    let revision = if active { Some(new_revision()?) } else { None };
    let change = begun(call, action, revision.as_ref(), &before, None);
    if let Some(revision) = &revision {
        app.effects.secrets.put_pending(tenant, revision, REMOVED).await?;
        promote(call, revision, &change, before.revision()).await?;
        relay_health::reset(app, tenant, revision).await;
        active_settings::forget(app, tenant);
    } else {
        history::begin(app, tenant, &change).await?;
    }
    // The settings are gone whatever comes of this. The sender finds that nobody has decided about these mails, and each row
    // says so.
    if let Err(error) = task_queue::release(app, tenant).await {
        tracing::warn!(%tenant, %error, "held mail hears later that the settings are gone");
    }
    let erased = if for_ever { erase(call).await } else { Ok(()) };
    // Without the erasing it is a removal, or nothing at all.
    let change = match (&erased, active) {
        (Err(_), true) => Change { action: Action::Remove, ..change },
        _ => change,
    };
    let end = if erased.is_ok() || active { Ended::Done } else { Ended::StoreFailed };
    ended(call, &change, end).await;
    if end == Ended::Done {
        let removed = SettingsRemoved {
            tenant: Tenant::clone(tenant),
            revision: change.revision.clone(),
            forgotten: erased.is_ok() && for_ever,
            by: change.by.clone(),
        };
        emit(app, [Announcement::SettingsRemoved(removed)]).await;
        alert::settings_changed(app, tenant, &change, &before, call.email).await;
    }
    erased.map(|()| nothing())
}

async fn erase(call: &Call<'_>) -> Answered<()> {
    forget::settings(call.app, call.tenant).await.map_err(|error| {
        tracing::error!(tenant = %call.tenant, %error, "settings not erased");
        let detail = "The settings are not active any more, and are not erased yet. Try again.";
        problem_for(503, "store.unavailable", detail, Duration::from_secs(4))
    })
}
