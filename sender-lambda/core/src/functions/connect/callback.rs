//! `GET /smtp/oauth/callback`: where a provider sends the browser back to. It has no authoriser: the state alone, used once,
//! names tenant and admin.

use ownpost_domain::failure::{Cause, Reason};
use ownpost_domain::secret::Secret;
use ownpost_domain::tenant::Tenant;
use ownpost_i18n::Locale;
use ownpost_smtp::code_exchange::{CodeExchange, NotGranted};

use super::page::{Outcome, Page, Reader};
use super::shared_state::{self, Change};
use super::{ATTEMPT, Attempt, attempt_key, is_to_come, keep, redirect_uri};
use crate::functions::App;

/// The path below the API's base.
pub const PATH: &str = "/smtp/oauth/callback";

/// The most octets of a state, of which ours have 43, and of a code.
const LONGEST: usize = 8 * 1024;

/// The attempt of a state.
enum Taken {
    Mine(Box<Attempt>),
    Before(Box<Attempt>),
    TooLate(Box<Attempt>),
    Unknown,
}

/// Answers the browser that comes back from a provider. `query` has the pairs, decoded.
pub async fn callback(app: &App, query: &[(String, String)], accept_language: Option<&str>) -> Page {
    let of_browser = Reader { locale: Locale::preferred(accept_language), attempt: None, name: None };
    let state = one(query, "state").unwrap_or_default();
    if state.is_empty() || state.len() > LONGEST {
        return of_browser.page(app, &Outcome::problem("expired"));
    }
    let taken = match take(app, state).await {
        Ok(taken) => taken,
        Err(error) => {
            tracing::error!(%error, "a connection's attempt cannot be read");
            return of_browser.page(app, &Outcome::problem("later"));
        }
    };
    let (attempt, code) = match taken {
        Taken::Mine(attempt) => (attempt, None),
        Taken::Before(attempt) => (attempt, Some("used")),
        Taken::TooLate(attempt) => (attempt, Some("expired")),
        Taken::Unknown => return of_browser.page(app, &Outcome::problem("expired")),
    };
    let name = app.config.oauth_providers.get(&attempt.provider).map(|provider| provider.name.as_str());
    let reader = Reader { locale: Locale::of(&attempt.locale), attempt: Some(&attempt), name };
    let outcome = match code {
        Some(code) => Outcome::problem(code),
        None => finish(app, &attempt, query).await,
    };
    reader.page(app, &outcome)
}

/// The value of a pair that is there once.
fn one<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

/// Takes the attempt of a state: of two who come with the same one, one has it.
async fn take(app: &App, state: &str) -> crate::effects::Result<Taken> {
    let (platform, key) = (Tenant::platform(), attempt_key(state));
    let taken = shared_state::update(app, &platform, &key, |attempt, now| {
        let Some(attempt): Option<Attempt> = attempt else { return Change::Keep(Taken::Unknown) };
        let mine = Box::new(attempt.clone());
        if attempt.taken {
            Change::Keep(Taken::Before(mine))
        } else if !is_to_come(attempt.until, ATTEMPT, now) {
            Change::Keep(Taken::TooLate(mine))
        } else {
            let expires = Some(attempt.until + super::ATTEMPT_KNOWN);
            // Nothing of it is needed any more but the page to tell.
            let attempt = Attempt { taken: true, verifier: String::new(), ..attempt };
            Change::Write(Some(attempt), expires, Taken::Mine(mine))
        }
    });
    Ok(taken.await?.unwrap_or(Taken::Unknown))
}

/// Exchanges the code, and keeps what it brings.
async fn finish(app: &App, attempt: &Attempt, query: &[(String, String)]) -> Outcome {
    let tenant = &attempt.tenant;
    let code = one(query, "code").filter(|code| !code.is_empty() && code.len() <= LONGEST);
    let (Some(code), None) = (code, one(query, "error")) else {
        let error = one(query, "error").unwrap_or("no_code");
        let refused = NotGranted::of_error(error, one(query, "error_description").unwrap_or_default());
        return not_granted(tenant, &refused);
    };
    let Some(provider) = app.config.oauth_providers.get(&attempt.provider) else {
        return Outcome::problem("operator");
    };
    let exchange = CodeExchange {
        token_url: &provider.token_url,
        client_id: &provider.client_id,
        client_secret: &provider.client_secret,
        code: &Secret::new(code.to_owned()),
        redirect_uri: &redirect_uri(app),
        verifier: &Secret::new(attempt.verifier.clone()),
    };
    let granted = match app.relays.exchange(&exchange).await {
        Ok(granted) => granted,
        Err(refused) => return not_granted(tenant, &refused),
    };
    let Some(refresh) = granted.refresh else { return Outcome::problem("lasting") };
    match keep(app, attempt, &refresh).await {
        Ok(Some(id)) => {
            tracing::info!(%tenant, provider = attempt.provider, "mailbox connected");
            Outcome::Connected { granted: id, mailbox: granted.mailbox }
        }
        Ok(None) => Outcome::problem("later"),
        Err(error) => {
            tracing::error!(%tenant, %error, "what a connection has brought cannot be kept");
            Outcome::problem("later")
        }
    }
}

/// The sentences for a refusal of the provider.
fn not_granted(tenant: &Tenant, refused: &NotGranted) -> Outcome {
    tracing::info!(%tenant, later = refused.later, reason = ?refused.reason, "mailbox not connected");
    let Some(Reason { cause, detail }) = &refused.reason else { return Outcome::problem("later") };
    let code = match cause {
        _ if detail.contains("redirect_uri_mismatch") || detail.contains("AADSTS50011") => "redirect",
        Cause::OauthConsent | Cause::OauthInteraction => "consent",
        // Of a code: it was used, is too old, or was begun with another verifier or redirect URI.
        Cause::OauthGrantEnded => "code",
        Cause::OauthSecretWrong
        | Cause::OauthSecretExpired
        | Cause::OauthClientUnknown
        | Cause::OauthClient
        | Cause::OauthClientDisabled
        | Cause::OauthSecretMissing
        | Cause::OauthSecretUnwanted
        | Cause::OauthTenant
        | Cause::OauthEndpointKind
        | Cause::OauthScope
        | Cause::OauthScopeMissing
        | Cause::OauthResource
        | Cause::OauthGrantType => "operator",
        Cause::OauthUnreachable
        | Cause::OauthHostUnknown
        | Cause::OauthForbidden
        | Cause::OauthTls
        | Cause::OauthTlsFailed
        | Cause::OauthTlsExpired
        | Cause::OauthTlsName
        | Cause::OauthBusy
        | Cause::OauthNoAnswer
        | Cause::OauthCut => "later",
        _ => "other",
    };
    // The sentence asks the reader to pass it on.
    let detail = if detail.is_empty() { cause.key().to_owned() } else { detail.clone() };
    Outcome::Problem { code, detail }
}
