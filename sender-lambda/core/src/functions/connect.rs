//! "Connect with…" (docs/decisions.md): an admin signs in to a mailbox at one of the operator's providers, and its refresh
//! token waits in the tenant's secret until the admin's settings use it.
//!
//! ```text
//! start     page, with its token ──▶ attempt in the ledger (digest of the state) ──▶ address of the provider
//! callback  browser, state alone ──▶ attempt is taken, code exchanged ──▶ token in the secret, ID to the page
//! settings  page, with its token ──▶ {"granted": ID} of the same tenant, admin and provider ──▶ the token
//! ```

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ownpost_domain::delivery::hex;
use ownpost_domain::secret::Secret;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::code_exchange::AuthorizationRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::shared_state::{self, Change};
use super::{App, is_to_come, later, tokens};
use crate::effects::Result;
use crate::oauth_providers::OAuthProvider;
use crate::wire::history::By;
use crate::wire::settings::NotGranted;

mod callback;
mod page;

pub use callback::{PATH, callback};
pub use page::Page;

/// How long an admin has to sign in and consent.
const ATTEMPT: Duration = Duration::from_mins(10);
/// How long it is remembered that an attempt was there, to say so.
const ATTEMPT_KNOWN: SignedDuration = SignedDuration::from_hours(1);
/// How long it is remembered that something was brought, to say so.
const WAITS_KNOWN: SignedDuration = SignedDuration::from_hours(24);

/// The ledger's key of the time at which something that waits is to be erased.
const WAITING: &str = "connections waiting";

/// An attempt, by the digest of its state, in the ledger as long as it may come back. The verifier is of no use to who has
/// not the code too.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Attempt {
    id: String,
    tenant: Tenant,
    by: By,
    provider: String,
    verifier: String,
    /// The origin of the page that began it, where it may be told the result.
    origin: Option<String>,
    locale: String,
    until: Timestamp,
    taken: bool,
}

/// What was brought, by the digest of its ID. The token itself is in the tenant's secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Brought {
    by: By,
    provider: String,
    until: Timestamp,
    used: bool,
}

/// What an attempt begins with.
pub(super) struct Begin<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) by: &'a By,
    /// The provider's id.
    pub(super) id: &'a str,
    pub(super) provider: &'a OAuthProvider,
    pub(super) login_hint: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) locale: &'a str,
}

/// An attempt that has begun.
pub(super) struct Begun {
    /// Its ID, which comes back to the page with the result.
    pub(super) id: String,
    /// Where the browser goes.
    pub(super) url: String,
}

/// Begins an attempt. `None` when the system has no randomness.
pub(super) async fn begin(app: &App, begin: &Begin<'_>) -> Result<Option<Begun>> {
    let (Some(id), Some(state), Some(verifier)) = (random(16), random(32), random(32)) else {
        return Ok(None);
    };
    let now = (app.now)();
    let origin = begin.origin.filter(|origin| app.config.exact_origins().any(|exact| exact == *origin));
    let attempt = Attempt {
        id: id.clone(),
        tenant: begin.tenant.clone(),
        by: begin.by.clone(),
        provider: begin.id.to_owned(),
        verifier: verifier.clone(),
        origin: origin.map(str::to_owned),
        locale: begin.locale.to_owned(),
        until: later(now, ATTEMPT),
        taken: false,
    };
    let expires = Some(now + ATTEMPT_KNOWN);
    let (ledger, key) = (&app.effects.ledger, attempt_key(&state));
    ledger.put_state(&Tenant::platform(), &key, &json!(attempt), 0, expires, now).await?;
    let url = AuthorizationRequest {
        authorize_url: &begin.provider.authorize_url,
        client_id: &begin.provider.client_id,
        redirect_uri: &redirect_uri(app),
        scope: &begin.provider.scope,
        state: &state,
        verifier: &verifier,
        login_hint: begin.login_hint,
        extra: begin.provider.extra,
    };
    Ok(Some(Begun { id, url: url.url() }))
}

/// The refresh token that a connection has brought, for the tenant and admin who began it and settings of that provider.
pub(super) async fn brought(
    app: &App,
    tenant: &Tenant,
    by: &By,
    provider: &str,
    id: &str,
) -> Result<std::result::Result<Secret, NotGranted>> {
    let digest = digest(id);
    let known = shared_state::read::<Option<Brought>>(app, tenant, &brought_key(&digest)).await?;
    let problem = match known.value {
        Some(known) if !is_same_person(&known.by, by) || known.provider != provider => NotGranted::Foreign,
        None => NotGranted::Foreign,
        Some(known) if known.used => NotGranted::Used,
        Some(known) if !is_to_come(known.until, tokens::WAITS, (app.now)()) => NotGranted::Expired,
        Some(_) => match tokens::waiting(app, tenant, &digest).await? {
            Some(token) => return Ok(Ok(token)),
            None => NotGranted::Expired,
        },
    };
    Ok(Err(problem))
}

/// Notes that settings with what was brought are active, and erases the token that waited. A failure is logged: the token
/// goes with its time.
pub(super) async fn used(app: &App, tenant: &Tenant, id: &str) {
    let digest = digest(id);
    let key = brought_key(&digest);
    let note = |known: Option<Brought>, now: Timestamp| match known {
        Some(known) => Change::Write(Some(Brought { used: true, ..known }), Some(now + WAITS_KNOWN), ()),
        None => Change::Keep(()),
    };
    let noted = shared_state::update(app, tenant, &key, note);
    if let Err(error) = noted.await {
        tracing::warn!(%tenant, %error, "a connection that is used is not noted");
    }
    if let Err(error) = tokens::erase_waiting(app, tenant, &digest).await {
        tracing::warn!(%tenant, %error, "a token that waited stays until its time");
    }
}

/// Keeps a refresh token until its settings come, and gives the ID to ask for it with. `None` when the system has no
/// randomness.
async fn keep(app: &App, attempt: &Attempt, refresh: &Secret) -> Result<Option<String>> {
    let Some(id) = random(32) else { return Ok(None) };
    let (now, digest) = ((app.now)(), digest(&id));
    let until = later(now, tokens::WAITS);
    let brought = Brought { by: attempt.by.clone(), provider: attempt.provider.clone(), until, used: false };
    // First, so that nothing waits without somebody who erases it.
    erase_at(app, &attempt.tenant, until).await?;
    tokens::wait(app, &attempt.tenant, &digest, refresh, until).await?;
    let key = brought_key(&digest);
    let expires = Some(now + WAITS_KNOWN);
    app.effects.ledger.put_state(&attempt.tenant, &key, &json!(brought), 0, expires, now).await?;
    Ok(Some(id))
}

/// Has the tokens erased that a test of a draft is going to bring, unless the draft is saved within a day.
pub(super) async fn draft_is_tried(app: &App, tenant: &Tenant) -> Result<()> {
    erase_at(app, tenant, later((app.now)(), tokens::TRIED)).await
}

/// Has the look at the tenant's relay erase what waits at this time, or sooner.
async fn erase_at(app: &App, tenant: &Tenant, at: Timestamp) -> Result<()> {
    let sooner = |known: Option<Timestamp>| Some(known.map_or(at, |known| known.min(at)));
    shared_state::change(app, tenant, WAITING, sooner).await?;
    app.effects.ledger.watch(tenant, at).await
}

/// Erases what has waited long enough: for the look at the tenant's relay, which [`erase_at`] has asked for. It looks again
/// while something waits.
pub(super) async fn erase_late(app: &App, tenant: &Tenant) -> Result<()> {
    let known = shared_state::read::<Option<Timestamp>>(app, tenant, WAITING).await?;
    let Some(at) = known.value else { return Ok(()) };
    if is_to_come(at, tokens::TRIED, (app.now)()) {
        return app.effects.ledger.watch(tenant, at).await;
    }
    let next = tokens::erase_late(app, tenant).await?;
    shared_state::change(app, tenant, WAITING, |newer: Option<Timestamp>| {
        newer.filter(|newer| *newer != at).into_iter().chain(next).min()
    })
    .await?;
    match next {
        Some(next) => app.effects.ledger.watch(tenant, next).await,
        None => Ok(()),
    }
}

/// Whether two tokens are one person's: by the identity provider's id, or by the address where neither has one.
fn is_same_person(one: &By, other: &By) -> bool {
    match (&one.sub, &other.sub) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.email.is_some() && one.email == other.email,
        _ => false,
    }
}

/// Where providers send the browser back to.
fn redirect_uri(app: &App) -> String {
    format!("{}{PATH}", app.config.public_url.as_deref().unwrap_or_default())
}

fn attempt_key(state: &str) -> String {
    format!("connect {}", digest(state))
}

fn brought_key(digest: &str) -> String {
    format!("granted {digest}")
}

/// The digest under which an unguessable text is stored: who reads the store cannot use it.
fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// So many random octets as text.
fn random(octets: usize) -> Option<String> {
    let mut bytes = vec![0; octets];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests;
