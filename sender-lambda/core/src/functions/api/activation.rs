//! The active settings, and the ways to change them. Untested settings are never `AWSCURRENT`: they are stored as
//! `AWSPENDING`, tested with a test mail, and promoted only when that was accepted; until then, and whatever
//! fails, the settings that were active stay so.

use std::time::Duration;

use ownpost_domain::delivery::{Revision, hex};
use ownpost_domain::health::Health;
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use serde_json::json;

use super::answer::{Answered, Response, json, problem, problem_for, problem_with};
use super::connectivity_test::{Complete, admin, count_test, draft, keys, probe, uncount_test};
use super::{Call, Progress, given};
use crate::functions::active_settings::{self, Active};
use crate::functions::{alert, connect, emit, expiry, history, monitor, relay_health, task_queue};
use crate::oauth_providers::OAuthProvider;
use crate::wire::answers::{PlatformInUse, PlatformStatus, ProviderOffer};
use crate::wire::emitted::{Announcement, SettingsChanged};
use crate::wire::history::{Action, Change, Ended, History};
use crate::wire::http::Activation;
use crate::wire::settings::{changed_fields, public, to_document};
use crate::wire::test_report::TestReport;

/// `GET /smtp`: the active settings without secrets, and the relay's health. With `default=1` a tenant without settings is
/// an answer and no problem.
pub(super) async fn show(call: &Call<'_>, query: &[(String, String)]) -> Answered {
    let Call { app, tenant, .. } = call;
    let (active, before) = futures_util::try_join!(
        active_settings::read(app, tenant),
        active_settings::read_previous(app, tenant)
    )?;
    let previous = matches!(before, Active::Settings(..) | Active::None(Some(_)));
    let health = relay_health::load(app, tenant).await?.value;
    if active_settings::is_missing(&active, health.as_ref().map(|health| &health.revision)) {
        let detail = "The settings should be there and are not in the secret store. The operator has to restore them, or you \
                      save them again.";
        return Err(problem(500, "settings.unreadable", detail));
    }
    let (revision, settings) = match active {
        Active::Settings(revision, settings) => (revision, settings),
        Active::None(_) if given(query, "default") == Some("1") => {
            return Ok(json(
                200,
                &PlatformInUse { status: PlatformStatus::Platform, previous, connect: offers(call) },
            ));
        }
        Active::None(_) => {
            let detail = "No mail server of your own is set up: mail leaves by the platform's server.";
            return Err(problem(404, "not_configured", detail));
        }
        Active::Unreadable(_) | Active::Missing => {
            let detail = "The stored settings cannot be read. Save them again.";
            return Err(problem(500, "settings.unreadable", detail));
        }
    };
    let mut body = public(&settings);
    body["status"] = json!("active");
    body["revision"] = json!(revision);
    body["health"] = json!(Health::about(health, &revision, (app.now)()).shown());
    body["previous"] = json!(previous);
    let (addresses, saved_last) = alert::alerted(app, tenant, &settings.contacts).await?;
    body["alerted"] = json!({"addresses": addresses, "savedLast": saved_last});
    if let Some(offers) = offers(call) {
        body["connect"] = json!(offers);
    }
    Ok(json(200, &body))
}

/// The providers that a mailbox can be connected with, where the operator has some.
fn offers(call: &Call<'_>) -> Option<Vec<ProviderOffer>> {
    let offer = |(id, provider): (&str, &OAuthProvider)| ProviderOffer {
        provider: id.to_owned(),
        name: provider.name.clone(),
        host: provider.host.clone(),
    };
    let offers: Vec<_> = call.app.config.oauth_providers.iter().map(offer).collect();
    (!offers.is_empty()).then_some(offers)
}

/// `GET /smtp/history`: who changed the settings, when, and how it ended.
pub(super) async fn history(call: &Call<'_>) -> Answered {
    let active = active_settings::read(call.app, call.tenant).await?;
    let history = history::list(call.app, call.tenant, active.revision()).await?;
    Ok(json(200, &History { history }))
}

/// `PUT /smtp`: tests a draft and activates it when the test passes.
pub(super) async fn save(call: &Call<'_>, progress: Progress<'_>) -> Answered {
    let Complete { before, settings, granted } = draft(call).await?;
    let email = admin(call)?;
    let keys = keys(call).await?;
    count_test(call).await?;
    let unchanged = before.settings().filter(|(_, active)| **active == settings);
    let (revision, new) = match unchanged {
        // Saving the active settings again tests them, and leaves no version behind.
        Some((revision, _)) => (revision.clone(), false),
        None => (new_revision()?, true),
    };
    let change = begun(call, Action::Save, Some(&revision), &before, Some(&settings));
    let secrets = &call.app.effects.secrets;
    if new && let Err(error) = secrets.put_pending(call.tenant, &revision, &to_document(&settings)).await {
        uncount_test(call).await;
        return Err(error.into());
    }
    let report = probe(call, &settings, Some(email), keys.as_deref(), progress).await;
    if !report.ok || report.test_message.is_none() {
        if new {
            discard(call, &revision).await;
        }
        return Ok(test_failed(call, change, &report).await);
    }
    if new {
        promote(call, &revision, &change, before.revision()).await?;
    }
    if let Some(id) = granted {
        connect::used(call.app, call.tenant, id.expose()).await;
    }
    alert::remember_admin(call.app, call.tenant, email, call.locale).await;
    Ok(activated(call, &revision, change, &before, Some((&settings, report))).await)
}

/// `POST /smtp/rollback`: tests the settings before the active ones and activates them.
pub(super) async fn roll_back(call: &Call<'_>, progress: Progress<'_>) -> Answered {
    let now = active_settings::read(call.app, call.tenant).await?;
    match active_settings::read_previous(call.app, call.tenant).await? {
        Active::Settings(revision, settings) => {
            let email = admin(call)?;
            let keys = keys(call).await?;
            count_test(call).await?;
            let change = begun(call, Action::Rollback, Some(&revision), &now, Some(&settings));
            let report = probe(call, &settings, Some(email), keys.as_deref(), progress).await;
            if !report.ok || report.test_message.is_none() {
                return Ok(test_failed(call, change, &report).await);
            }
            promote(call, &revision, &change, now.revision()).await?;
            alert::remember_admin(call.app, call.tenant, email, call.locale).await;
            Ok(activated(call, &revision, change, &now, Some((&settings, report))).await)
        }
        // Before these settings there was the platform's server: nothing to test.
        Active::None(Some(revision)) => {
            let change = begun(call, Action::Rollback, Some(&revision), &now, None);
            promote(call, &revision, &change, now.revision()).await?;
            Ok(activated(call, &revision, change, &now, None).await)
        }
        Active::None(None) => {
            let detail = "There are no earlier settings to go back to.";
            Err(problem(409, "rollback.nothing_before", detail))
        }
        Active::Unreadable(_) | Active::Missing => {
            let detail = "The earlier settings cannot be read.";
            Err(problem(409, "rollback.unreadable", detail))
        }
    }
}

/// The change that the call asks for, not ended yet.
pub(super) fn begun(
    call: &Call<'_>,
    action: Action,
    revision: Option<&Revision>,
    before: &Active,
    after: Option<&Settings>,
) -> Change {
    Change {
        at: (call.app.now)(),
        by: call.by.clone(),
        action,
        ended: Ended::Unfinished,
        code: None,
        revision: revision.cloned(),
        host: after.map(|settings| settings.host.clone()),
        changed: changed_fields(before.settings().map(|(_, settings)| settings.as_ref()), after),
    }
}

/// Makes the revision active, unless another one than `expected` is by now. The change is in the history before.
pub(super) async fn promote(
    call: &Call<'_>,
    revision: &Revision,
    change: &Change,
    expected: Option<&Revision>,
) -> Answered<()> {
    let effects = &call.app.effects;
    // First, so that no active settings are unknown to `monitor` and no change is without a trace.
    effects.ledger.watch(call.tenant, monitor::next_look((call.app.now)())).await?;
    if let Err(error) = history::begin(call.app, call.tenant, change).await {
        discard(call, revision).await;
        return Err(error.into());
    }
    match effects.secrets.promote(call.tenant, revision, expected).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            discard(call, revision).await;
            ended(call, change, Ended::Conflict).await;
            let detail = "Somebody else has saved other settings in the meantime; theirs are active. Look at them, \
                          and save again if yours should be active.";
            Err(problem_with(409, "settings.conflict", detail, None, json!({"activated": false})))
        }
        Err(error) => {
            tracing::error!(tenant = %call.tenant, %error, "settings not promoted");
            // The answer may be all that was lost.
            let now = active_settings::read(call.app, call.tenant).await?;
            if now.revision() == Some(revision) {
                return Ok(());
            }
            discard(call, revision).await;
            ended(call, change, Ended::StoreFailed).await;
            let detail = "The settings passed the test and could not be activated. Try again.";
            Err(problem_for(503, "store.unavailable", detail, Duration::from_secs(4)))
        }
    }
}

/// A version that is not promoted is only untidy: the next one takes its label.
async fn discard(call: &Call<'_>, revision: &Revision) {
    if let Err(error) = call.app.effects.secrets.discard_pending(call.tenant, revision).await {
        tracing::warn!(tenant = %call.tenant, %error, "pending settings not discarded");
    }
}

/// Writes how a change ended.
pub(super) async fn ended(call: &Call<'_>, change: &Change, ended: Ended) {
    history::finish(call.app, call.tenant, &Change { ended, ..change.clone() }).await;
}

/// Follows an activation: senders read the settings again, events are emitted, the other admins hear of it, and held mail
/// is released.
async fn activated(
    call: &Call<'_>,
    revision: &Revision,
    change: Change,
    before: &Active,
    tested: Option<(&Settings, TestReport)>,
) -> Response {
    let Call { app, tenant, .. } = call;
    match &tested {
        Some((settings, _)) => relay_health::passed(app, tenant, &settings.host, revision).await,
        None => drop(relay_health::reset(app, tenant, revision).await),
    }
    active_settings::forget(app, tenant);
    ended(call, &change, Ended::Done).await;
    let changed = SettingsChanged {
        tenant: Tenant::clone(tenant),
        revision: revision.clone(),
        host: change.host.clone(),
        by: change.by.clone(),
    };
    let mut events = vec![Announcement::SettingsActivated(changed.clone())];
    if change.action == Action::Rollback {
        events.push(Announcement::SettingsRolledBack(changed));
    }
    emit(app, events).await;
    alert::settings_changed(app, tenant, &change, before, call.email).await;
    if let Some((settings, report)) = &tested {
        let seen = report.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        if let Err(error) = expiry::activated(app, tenant, revision, settings, seen).await {
            tracing::warn!(%tenant, %error, "what ends is not recorded");
        }
    }
    if change.host.is_some()
        && let Err(error) = task_queue::release(app, tenant).await
    {
        tracing::warn!(%tenant, %error, "held mail not released");
    }
    let report = tested.map(|(_, report)| report);
    json(200, &Activation { activated: true, revision: Some(revision.clone()), report })
}

async fn test_failed(call: &Call<'_>, change: Change, report: &TestReport) -> Response {
    let code = report.failure.as_ref().map(|failure| failure.code.code().to_owned());
    ended(call, &Change { code, ..change }, Ended::TestFailed).await;
    let detail = "The test did not pass, so nothing was activated. What was active before still is.";
    problem_with(409, "settings.test_failed", detail, None, json!({"activated": false, "report": report}))
}

/// A new version id: a random UUID, as Secrets Manager wants for a `ClientRequestToken` (32 to 64 characters).
pub(super) fn new_revision() -> Answered<Revision> {
    let mut bytes = [0; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "no randomness");
        return Err(problem(500, "randomness.missing", "The system has no source of randomness."));
    }
    // RFC 9562 §5.4.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(Revision(groups.join("-")))
}
