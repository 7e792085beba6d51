//! Access tokens (RFC 6749), fetched over https.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use ownpost_domain::expiry::GrantEnd;
use ownpost_domain::failure::Cause;
use ownpost_domain::percent;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Grant, OAuth2};
use serde::Deserialize;
use tokio::time::timeout_at;
use zeroize::Zeroizing;

use super::Network;
use super::https::{self, HttpsError, Reach};
use super::limits::Limits;
use super::oauth_refusals::{LATER, Refused, because, fitted, of_answer, refused, with_nothing_stored};
use super::redact::Redactor;
use super::token_store::{GrantTokens, TokenOwner, TokenStore};
use super::tokens::{self, Known, key};

/// The largest answer taken from a token endpoint. Tokens are JWTs of a few kilobytes.
const MAX_ANSWER: usize = 64 * 1024;
/// How long a token is used whose life the endpoint does not say: an hour, the life that most endpoints give. One that ends
/// sooner is refused by the relay, and fetched once more.
const UNSAID: u64 = 60 * 60;

/// A wish for an access token.
pub(crate) struct Wanted<'a> {
    /// The grant.
    pub(crate) settings: &'a OAuth2,
    /// Whose it is.
    pub(crate) owner: TokenOwner<'a>,
    /// A token that the relay has just refused: not this one again.
    pub(crate) refused: Option<&'a Secret>,
}

/// An access token.
pub(crate) struct Token {
    /// The token.
    pub(crate) secret: Secret,
    /// Whether it was fetched for this wish.
    pub(crate) fetched: bool,
}

/// Gives an access token: this process's, another process's, or a new one. All that wish for the same one at once share one
/// fetch. A refusal is `auth.oauth_failed`; an endpoint or store that cannot answer now is `auth.temporary`.
pub(crate) async fn token(network: &Network, wanted: &Wanted<'_>, limits: Limits) -> Result<Token, Refused> {
    let key = key(wanted.settings);
    let known = network.tokens.of(key);
    let until = limits.until(limits.timeouts.auth);
    let of_process = || known.access().filter(|token| Some(token) != wanted.refused).map(Token::kept);
    if let Some(token) = of_process() {
        return Ok(token);
    }
    let _fetching = timeout_at(until, known.fetching.lock()).await.map_err(|_| LATER)?;
    if let Some(token) = of_process() {
        return Ok(token);
    }
    let Some(store) = network.tokens.store.clone() else {
        let refresh = known.unsaved();
        let fetching = fetch(network, wanted.settings, refresh.as_ref(), limits);
        let answer = timeout_at(until, fetching).await.unwrap_or(Err(refused(Cause::OauthNoAnswer)))?;
        known.set_access(&answer.access, tokens::until(answer.life));
        if answer.refresh.is_some() {
            known.set_unsaved(answer.refresh);
        }
        return Ok(Token { secret: answer.access, fetched: true });
    };
    let tenant = wanted.owner.tenant;
    let name = tokens::name(&key);
    let locked = timeout_at(until, find_or_lock(&*store, wanted, &name)).await.unwrap_or(Err(LATER))?;
    let before = match locked {
        Locked::Found(tokens) => {
            let Some(token) = tokens.access else { return Err(LATER) };
            known.set_access(&token, tokens.until);
            return Ok(Token::kept(token));
        }
        Locked::Mine(before) => before,
    };
    let fresh = before
        .as_ref()
        .filter(|tokens| usable(tokens, wanted, true))
        .and_then(|tokens| tokens.access.clone());
    let ends = before.as_ref().and_then(|tokens| tokens.ends);
    let (access, until, refresh, ends, fetched) = if let (Some(access), Some(tokens)) = (fresh, &before) {
        // A test of a draft has got it, and the draft is active now.
        (access, tokens.until, None, ends, false)
    } else {
        let unsaved = known.unsaved();
        let refresh = unsaved.as_ref().or_else(|| before.as_ref().and_then(|tokens| tokens.refresh.as_ref()));
        let answer = timeout_at(until, fetch(network, wanted.settings, refresh, limits)).await;
        match answer.unwrap_or(Err(refused(Cause::OauthNoAnswer))) {
            Ok(answer) => {
                let ends = GrantEnd::after(ends, tokens::now(), answer.grant_life, answer.refresh.is_some());
                let refresh = answer.refresh.or(unsaved);
                (answer.access, tokens::until(answer.life), refresh, ends, true)
            }
            Err(refused) => {
                store.unlock(tenant).await;
                let lost = refresh.is_none() && !wanted.owner.draft;
                return Err(if lost { with_nothing_stored(refused) } else { refused });
            }
        }
    };
    let draft = wanted.owner.draft && before.as_ref().is_none_or(|tokens| tokens.draft);
    let tokens = GrantTokens {
        grant: name,
        refresh: refresh.clone().or_else(|| before.and_then(|tokens| tokens.refresh)),
        access: Some(access.clone()),
        until,
        ends,
        draft,
    };
    known.set_access(&access, until);
    known.set_unsaved(refresh);
    // In a task of its own: who wished for the token may be gone before it is stored, and the endpoint has let the old
    // refresh token go.
    let save = save(store, tenant.map(str::to_owned), tokens, Arc::clone(&known));
    if tokio::spawn(save).await.is_err() {
        return Err(LATER);
    }
    Ok(Token { secret: access, fetched })
}

impl Token {
    fn kept(secret: Secret) -> Self {
        Self { secret, fetched: false }
    }
}

/// The end of looking for a token in the store.
enum Locked {
    /// Another process has got one.
    Found(GrantTokens),
    /// The lock is ours; what the store has.
    Mine(Option<GrantTokens>),
}

/// Waits until another process has got a token, or the lock is free.
async fn find_or_lock(store: &dyn TokenStore, wanted: &Wanted<'_>, name: &str) -> Result<Locked, Refused> {
    let tenant = wanted.owner.tenant;
    let mut wait = Duration::from_millis(50);
    loop {
        let stored = store.load(tenant, name).await.map_err(|_| LATER)?;
        if let Some(tokens) = stored.filter(|tokens| usable(tokens, wanted, wanted.owner.draft)) {
            return Ok(Locked::Found(tokens));
        }
        if store.lock(wanted.owner).await.map_err(|_| LATER)? {
            // Read again: who had the lock may have stored in between.
            let stored = store.load(tenant, name).await;
            return match stored {
                Ok(Some(tokens)) if usable(&tokens, wanted, wanted.owner.draft) => {
                    store.unlock(tenant).await;
                    Ok(Locked::Found(tokens))
                }
                Ok(stored) => Ok(Locked::Mine(stored)),
                Err(_) => {
                    store.unlock(tenant).await;
                    Err(LATER)
                }
            };
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(1));
    }
}

/// Whether stored tokens have an access token that can be used. Those of a draft are taken over before active settings use
/// them.
fn usable(tokens: &GrantTokens, wanted: &Wanted<'_>, drafts: bool) -> bool {
    tokens.access.is_some()
        && tokens.access.as_ref() != wanted.refused
        && tokens::is_used(tokens.until)
        && (drafts || !tokens.draft)
}

/// Stores the tokens and gives the lock back. A refresh token that no store takes stays in this process, which uses it and
/// stores it with its next fetch.
async fn save(store: Arc<dyn TokenStore>, tenant: Option<String>, tokens: GrantTokens, known: Arc<Known>) {
    let mut wait = Duration::from_millis(100);
    for _ in 0..5 {
        if store.store(tenant.as_deref(), &tokens).await.is_ok() {
            known.set_unsaved(None);
            break;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    store.unlock(tenant.as_deref()).await;
}

/// Fetches a token: dials the endpoint, posts the grant (with the refresh token that the endpoint gave last, if there is
/// one), reads the answer.
async fn fetch(
    network: &Network,
    settings: &OAuth2,
    refresh: Option<&Secret>,
    limits: Limits,
) -> Result<Answer, Refused> {
    let form = form(settings, refresh);
    let of_settings = match &settings.grant {
        Grant::ClientCredentials => None,
        Grant::RefreshToken(token) => Some(token),
    };
    let secrets = [settings.client_secret.as_ref(), of_settings, refresh].into_iter().flatten();
    let hidden = Redactor::new(secrets.map(Secret::expose));
    let answer = post(network, &settings.token_url, &form, &hidden, limits).await;
    let answer =
        answer.and_then(|(status, body)| read_answer(&body).ok_or_else(|| of_answer(status, &body, &hidden)));
    answer.map_err(|refused| fitted(refused, settings))
}

/// Posts a form to a token endpoint: the status and the body of its answer, or what its refusal means. `hidden` has the form's
/// secrets, which an endpoint could send back.
pub(crate) async fn post(
    network: &Network,
    token_url: &str,
    form: &str,
    hidden: &Redactor,
    limits: Limits,
) -> Result<(u16, Bytes), Refused> {
    let url: Uri = token_url.parse().map_err(|_| refused(Cause::OauthNotFound))?;
    let unanswered = |error| unanswered(error, &url);
    let stream = https::connect(network, &url, Reach::Public, limits).await.map_err(unanswered)?;
    let (status, body) =
        https::exchange(stream, request(form, &url)?, MAX_ANSWER).await.map_err(unanswered)?;
    // A redirect is not followed: secrets go to the URL of the settings and nowhere else.
    if status.is_redirection() {
        return Err(refused(Cause::OauthRedirect));
    }
    // RFC 8259 §8.1: a byte order mark before JSON may be ignored.
    let body = if body.starts_with(b"\xEF\xBB\xBF") { body.slice(3..) } else { body };
    let code = status.as_u16();
    if status.is_success() { Ok((code, body)) } else { Err(of_answer(code, &body, hidden)) }
}

/// What an endpoint without an answer means.
fn unanswered(error: HttpsError, url: &Uri) -> Refused {
    let (host, port) = (url.host().unwrap_or_default(), url.port_u16().unwrap_or(443));
    refused(match error {
        HttpsError::Forbidden => return because(Cause::OauthForbidden, host.to_owned()),
        HttpsError::Port => return because(Cause::OauthPort, port.to_string()),
        HttpsError::Unreachable => return because(Cause::OauthUnreachable, format!("{host}, {port}")),
        HttpsError::OtherName => return because(Cause::OauthTlsName, host.to_owned()),
        HttpsError::NoUrl | HttpsError::Status(_) => Cause::OauthNotFound,
        HttpsError::UnknownHost => Cause::OauthHostUnknown,
        HttpsError::Untrusted => Cause::OauthTls,
        HttpsError::Expired => Cause::OauthTlsExpired,
        HttpsError::WantsCertificate => Cause::OauthClientCertificate,
        HttpsError::Handshake => Cause::OauthTlsFailed,
        HttpsError::NoAnswer => Cause::OauthCut,
        HttpsError::NotHttp | HttpsError::TooLarge => Cause::OauthNotJson,
    })
}

/// The POST of the grant.
fn request(form: &str, url: &Uri) -> Result<Request<Full<Bytes>>, Refused> {
    Request::post(https::path(url))
        .header(HOST, https::host_of(url))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        // RFC 9110 §12.5.3: without it every coding is acceptable, and a packed answer is no JSON here.
        .header(ACCEPT_ENCODING, "identity")
        .body(Full::new(Bytes::copy_from_slice(form.as_bytes())))
        .map_err(|_| refused(Cause::OauthNotFound))
}

/// A token response that can be used.
struct Answer {
    /// The access token.
    access: Secret,
    /// How long it lives.
    life: Duration,
    /// The refresh token that takes the place of the one that was sent (RFC 6749 §6).
    refresh: Option<Secret>,
    /// How long the grant lives, in seconds, where the endpoint says it.
    grant_life: Option<u64>,
}

/// Reads an answer. `None` when it has no bearer token that a SASL response can hold.
fn read_answer(body: &[u8]) -> Option<Answer> {
    let answer: TokenResponse = serde_json::from_slice(body).ok()?;
    let usable = !answer.access_token.is_empty()
        && answer.access_token.bytes().all(|b| b.is_ascii_graphic())
        && answer.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let life = Duration::from_secs(answer.expires_in.as_ref().map_or(UNSAID, seconds));
    let refresh = refresh_token(answer.refresh_token);
    let grant_life = answer.refresh_token_expires_in.or(answer.refresh_expires_in);
    let grant_life = grant_life.as_ref().map(seconds);
    usable.then(|| Answer { access: Secret::new(answer.access_token), life, refresh, grant_life })
}

/// The fields of a token response (RFC 6749 §5.1) that matter here.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<serde_json::Value>,
    /// No part of RFC 6749: how Google, Microsoft and others name the life of the refresh token.
    refresh_token_expires_in: Option<serde_json::Value>,
    /// How Keycloak names it.
    refresh_expires_in: Option<serde_json::Value>,
}

/// A refresh token of an answer. One that is empty or no text is none: the access token beside it is good all the same.
pub(crate) fn refresh_token(value: Option<serde_json::Value>) -> Option<Secret> {
    match value? {
        serde_json::Value::String(token) if !token.is_empty() => Some(Secret::new(token)),
        _ => None,
    }
}

/// A number of seconds as endpoints write it: as a whole number, with a fraction, or as text. Nonsense is 0: the token is
/// used and not remembered.
fn seconds(value: &serde_json::Value) -> u64 {
    let number = match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // Nobody's token lives longer than a century, and a negative life is none.
    let number = number.filter(|number| number.is_finite()).unwrap_or(0.0).clamp(0.0, 3e9);
    Duration::from_secs_f64(number).as_secs()
}

/// The form of a token request (RFC 6749 §4.4.2 and §6), with the client's credentials in the body (§2.3.1), which Google
/// and Microsoft accept.
fn form(settings: &OAuth2, refresh: Option<&Secret>) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::new());
    let mut add = |name: &str, value: &str| add_pair(&mut form, name, value);
    match &settings.grant {
        Grant::ClientCredentials => add("grant_type", "client_credentials"),
        Grant::RefreshToken(token) => {
            add("grant_type", "refresh_token");
            add("refresh_token", refresh.unwrap_or(token).expose());
        }
    }
    add("client_id", &settings.client_id);
    if let Some(secret) = &settings.client_secret {
        add("client_secret", secret.expose());
    }
    if let Some(scope) = &settings.scope {
        add("scope", scope);
    }
    form
}

/// Adds a pair to a form or a query.
pub(crate) fn add_pair(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    percent::encode(value, form);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_token_is_read_as_endpoints_write_it() {
        for (json, want) in [
            ("3599", 3599),
            ("3599.0", 3599),
            ("\"3599\"", 3599),
            ("\" 3599.9 \"", 3599),
            ("-1", 0),
            ("\"soon\"", 0),
            ("null", 0),
            ("[3599]", 0),
            ("1e300", 3_000_000_000),
            ("\"NaN\"", 0),
        ] {
            assert_eq!(seconds(&serde_json::from_str(json).unwrap()), want, "{json}");
            let answer = format!("{{\"access_token\":\"t\",\"expires_in\":{json}}}");
            assert!(read_answer(answer.as_bytes()).is_some(), "{json}");
        }
    }

    #[test]
    fn an_access_token_is_used_whatever_is_beside_it() {
        for (members, life, refresh) in [
            (r"", UNSAID, None),
            (r#","expires_in":null"#, UNSAID, None),
            (r#","expires_in":0,"refresh_token":null"#, 0, None),
            (r#","expires_in":9,"refresh_token":"""#, 9, None),
            (r#","expires_in":9,"refresh_token":7"#, 9, None),
            (r#","expires_in":9,"refresh_token":{"a":"b"}"#, 9, None),
            (r#","expires_in":9,"refresh_token":"new""#, 9, Some("new")),
        ] {
            let answer = read_answer(format!(r#"{{"access_token":"t"{members}}}"#).as_bytes()).unwrap();
            let got = (answer.life.as_secs(), answer.refresh.as_ref().map(Secret::expose));
            assert_eq!(got, (life, refresh), "{members}");
        }
    }

    #[test]
    fn the_form_is_encoded() {
        let settings = OAuth2 {
            username: "jan@example.org".into(),
            provider: None,
            token_url: "https://id.test/token".into(),
            client_id: "a&b".into(),
            client_secret: Some(Secret::new("s=ü +".into())),
            client_secret_expires: None,
            grant: Grant::RefreshToken(Secret::new("r/t".into())),
            scope: Some("https://outlook.office365.com/.default".into()),
        };
        assert_eq!(
            form(&settings, None).as_str(),
            "grant_type=refresh_token&refresh_token=r%2Ft&client_id=a%26b&client_secret=s%3D%C3%BC%20%2B\
             &scope=https%3A%2F%2Foutlook.office365.com%2F.default"
        );
    }
}
