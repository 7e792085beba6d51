//! The authorisation code grant (RFC 6749 §4.1) with PKCE (RFC 7636): the address that a browser is sent to, and the exchange
//! of the code that it comes back with. The token endpoint is dialled as for every access token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ownpost_domain::failure::{FailureCode, Reason};
use ownpost_domain::secret::Secret;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use smtp_rules::shown::deceives;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::Network;
use super::limits::Limits;
use super::oauth::{add_pair, post, refresh_token};
use super::oauth_refusals::{of_answer, of_error};
use super::redact::Redactor;

/// How long the exchange may take in all: a person waits for it.
const DEADLINE: Duration = Duration::from_secs(20);
/// The most octets of a mailbox's address (RFC 5321 §4.5.3.1.3).
const LONGEST_MAILBOX: usize = 254;

/// An authorisation request.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// The authorisation endpoint.
    pub authorize_url: &'a str,
    /// The client's id.
    pub client_id: &'a str,
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// The scope.
    pub scope: &'a str,
    /// The state that comes back with the code.
    pub state: &'a str,
    /// The verifier of PKCE, of which the request has the digest.
    pub verifier: &'a str,
    /// The account to offer.
    pub login_hint: Option<&'a str>,
    /// More parameters.
    pub extra: &'a [(&'a str, &'a str)],
}

impl AuthorizationRequest<'_> {
    /// The address that the browser is sent to.
    pub fn url(&self) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier));
        let mut query = String::new();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("scope", self.scope),
            ("state", self.state),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ] {
            add_pair(&mut query, name, value);
        }
        if let Some(hint) = self.login_hint {
            add_pair(&mut query, "login_hint", hint);
        }
        for (name, value) in self.extra {
            add_pair(&mut query, name, value);
        }
        let separator = if self.authorize_url.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.authorize_url)
    }
}

/// A code to exchange for tokens.
#[derive(Clone, Copy, Debug)]
pub struct CodeExchange<'a> {
    /// The token endpoint.
    pub token_url: &'a str,
    /// The client's id.
    pub client_id: &'a str,
    /// The client's secret.
    pub client_secret: &'a Secret,
    /// The code, as the browser brought it.
    pub code: &'a Secret,
    /// The redirect URI of the authorisation request.
    pub redirect_uri: &'a str,
    /// The verifier of PKCE.
    pub verifier: &'a Secret,
}

/// The tokens for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The refresh token; `None` when the provider gives no lasting access.
    pub refresh: Option<Secret>,
    /// The mailbox that was signed in with, where the provider says it.
    pub mailbox: Option<String>,
}

/// Why there are no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    /// Whether another try may succeed: the provider cannot be reached, or cannot answer now.
    pub later: bool,
    /// The cause, where it is known.
    pub reason: Option<Reason>,
}

impl From<(FailureCode, Option<Reason>)> for NotGranted {
    fn from((code, reason): (FailureCode, Option<Reason>)) -> Self {
        Self { later: code == FailureCode::AuthTemporary, reason }
    }
}

impl NotGranted {
    /// What an authorisation endpoint means that sends the browser back with an error (RFC 6749 §4.1.2.1).
    pub fn of_error(error: &str, description: &str) -> Self {
        of_error(error, description).into()
    }

    /// Nothing answers.
    pub const LATER: Self = Self { later: true, reason: None };
}

/// Exchanges a code for tokens (RFC 6749 §4.1.3).
///
/// # Errors
/// The endpoint cannot be reached, refuses, or gives no tokens.
pub async fn exchange(network: &Network, code: &CodeExchange<'_>) -> Result<Granted, NotGranted> {
    let mut form = Zeroizing::new(String::new());
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", code.code.expose()),
        ("redirect_uri", code.redirect_uri),
        ("client_id", code.client_id),
        ("client_secret", code.client_secret.expose()),
        ("code_verifier", code.verifier.expose()),
    ] {
        add_pair(&mut form, name, value);
    }
    let limits = Limits { timeouts: network.test_timeouts, overall: Instant::now() + DEADLINE };
    let hidden = Redactor::new([code.code, code.client_secret, code.verifier].map(Secret::expose));
    let posted = post(network, code.token_url, &form, &hidden, limits);
    let (status, body) = timeout_at(limits.overall, posted).await.map_err(|_| NotGranted::LATER)??;
    // Some endpoints refuse with 200.
    read(&body).ok_or_else(|| of_answer(status, &body, &hidden).into())
}

/// The members of the answer (RFC 6749 §5.1; OpenID Connect Core §3.1.3.3) that matter here.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "access_token")]
    _access: String,
    refresh_token: Option<serde_json::Value>,
    id_token: Option<String>,
}

fn read(body: &[u8]) -> Option<Granted> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let refresh = refresh_token(answer.refresh_token);
    Some(Granted { refresh, mailbox: answer.id_token.as_deref().and_then(mailbox) })
}

/// The claims of an ID token that may be the mailbox's address.
#[derive(Deserialize)]
struct IdClaims {
    email: Option<String>,
    preferred_username: Option<String>,
}

/// The mailbox that an ID token names. It came over TLS from the token endpoint itself, which takes the place of its
/// signature (OpenID Connect Core §3.1.3.7), and nothing but a field of the form is filled with it.
fn mailbox(id_token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: IdClaims = serde_json::from_slice(&payload).ok()?;
    let usable = |text: &String| {
        text.len() <= LONGEST_MAILBOX
            && text.contains('@')
            && !text.chars().any(|c| c.is_whitespace() || deceives(c))
    };
    [claims.email, claims.preferred_username].into_iter().flatten().find(usable)
}

#[cfg(test)]
mod tests {
    use ownpost_domain::failure::Cause;

    use super::*;

    #[test]
    fn the_request_has_the_digest_of_the_verifier_and_escapes_everything() {
        let request = AuthorizationRequest {
            authorize_url: "https://id.test/auth?tenant=1",
            client_id: "a b",
            redirect_uri: "https://api.test/smtp/oauth/callback",
            scope: "x offline_access",
            state: "s",
            // RFC 7636 appendix B.
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            login_hint: Some("jan@example.org&x=1"),
            extra: &[("prompt", "consent")],
        };
        assert_eq!(
            request.url(),
            "https://id.test/auth?tenant=1&response_type=code&client_id=a%20b\
             &redirect_uri=https%3A%2F%2Fapi.test%2Fsmtp%2Foauth%2Fcallback&scope=x%20offline_access&state=s\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
             &login_hint=jan%40example.org%26x%3D1&prompt=consent"
        );
    }

    #[test]
    fn the_mailbox_comes_from_the_id_token_where_it_is_one() {
        let token = |claims: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        for (claims, expected) in [
            (r#"{"email": "jan@example.org", "preferred_username": "x@y"}"#, Some("jan@example.org")),
            (r#"{"email": "none", "preferred_username": "jan@example.org"}"#, Some("jan@example.org")),
            (r#"{"email": "a b@example.org"}"#, None),
            ("{\"email\": \"a\u{202e}b@example.org\"}", None),
            (r#"{"email": 1}"#, None),
            ("{}", None),
        ] {
            assert_eq!(mailbox(&token(claims)).as_deref(), expected, "{claims}");
        }
        for bad in ["", "a", "a.b", "a.%%.c"] {
            assert_eq!(mailbox(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_answer_without_a_refresh_token_says_so() {
        let granted = read(br#"{"access_token": "a", "refresh_token": ""}"#).unwrap();
        assert_eq!((granted.refresh, granted.mailbox), (None, None));
        assert!(read(br#"{"error": "x"}"#).is_none());
        let granted = read(br#"{"access_token": "a", "refresh_token": "r"}"#).unwrap();
        assert_eq!(granted.refresh.unwrap().expose(), "r");
        assert_eq!(read(br#"{"access_token": "a", "refresh_token": 7}"#).unwrap().refresh, None);
    }

    #[test]
    fn errors_of_the_authorisation_endpoint() {
        let cause = |error, text| NotGranted::of_error(error, text).reason.map(|reason| reason.cause);
        assert_eq!(cause("access_denied", ""), Some(Cause::OauthConsent));
        assert_eq!(
            cause("access_denied", "AADSTS65004: User declined to consent"),
            Some(Cause::OauthConsent)
        );
        assert_eq!(cause("invalid_request", "AADSTS700016: not found"), Some(Cause::OauthClientUnknown));
        assert!(NotGranted::of_error("temporarily_unavailable", "").later);
    }
}
