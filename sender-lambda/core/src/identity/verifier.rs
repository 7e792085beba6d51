//! The check of a token.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::issuer::Issuer;
use super::key_set::KeySet;
use super::key_source::{Documents, KeySource, SOON};
use super::signatures::{self, ALGORITHMS};

/// How far the clocks of provider and server may differ, in seconds.
const LEEWAY: u64 = 30;
/// The most bytes of a token. Those with hundreds of groups have some 8 KB.
const LONGEST: usize = 16 * 1024;

/// Checks tokens of one provider.
pub struct Verifier {
    issuer: Issuer,
    keys: KeySource,
}

/// Why a token is not taken; the text is for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The provider's keys are not known, and cannot be fetched now.
    #[error("The identity provider's keys cannot be fetched just now.")]
    NoKeys,
    /// It is no JWT, or none that can be read.
    #[error("The bearer token is no JWT.")]
    Unreadable,
    /// It is a JWT for another purpose, such as a logout token (RFC 8725 §3.11).
    #[error("The bearer token is a JWT for another purpose.")]
    OtherPurpose,
    /// Its algorithm is none, symmetric, or not known.
    #[error("The bearer token is signed with an algorithm other than RS256, PS256, ES256 and EdDSA.")]
    Algorithm,
    /// The provider publishes no such key.
    #[error("The bearer token is signed with a key that the issuer does not publish.")]
    UnknownKey,
    /// The signature is not by that key.
    #[error("The signature of the bearer token is wrong.")]
    Signature,
    /// `iss` is missing or another.
    #[error("The bearer token is from another issuer.")]
    Issuer,
    /// Neither `aud` nor, without it, `client_id` is ours.
    #[error("The bearer token is made out to another audience.")]
    Audience,
    /// `exp` is missing, or no time.
    #[error("The bearer token does not say when it expires.")]
    NoExpiry,
    /// `exp` is past.
    #[error("The bearer token has expired.")]
    Expired,
    /// `nbf` is to come, or no time.
    #[error("The bearer token is not valid yet.")]
    NotYet,
}

impl Rejected {
    /// When another try may succeed of a token that was rejected for want of keys.
    pub const WAIT: Duration = SOON;
}

/// The bearer token of an `Authorization` header (RFC 6750 §2.1).
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The header of a token that may be taken. Nothing in it is believed: a key or an address of keys in there is not used.
fn header(token: &str) -> Result<Header, Rejected> {
    let header = decode_header(token).map_err(|error| match error.kind() {
        // An algorithm that has no name there, such as `none`.
        ErrorKind::Json(error) if error.is_data() => Rejected::Algorithm,
        _ => Rejected::Unreadable,
    })?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Rejected::Algorithm);
    }
    let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    if ["jwt", "at+jwt"].contains(&kind) { Ok(header) } else { Err(Rejected::OtherPurpose) }
}

impl Verifier {
    /// Takes tokens of this issuer; `documents` fetches its keys when they are first needed.
    pub fn new(
        issuer: Issuer,
        documents: Arc<dyn Documents>,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        signatures::install();
        Self { keys: KeySource::new(issuer.clone(), documents, now), issuer }
    }

    /// The provider whose tokens it takes.
    pub fn issuer(&self) -> &str {
        &self.issuer.url
    }

    /// Fetches the keys if they are not known: at a start, so that a mistake shows before the first call. Whether they are
    /// known.
    pub async fn prepare(&self) -> bool {
        self.keys.keys().await.is_some()
    }

    /// The claims of a token, as an object.
    ///
    /// # Errors
    /// The token is not to be believed, or cannot be checked now.
    pub async fn claims(&self, token: &str) -> Result<Value, Rejected> {
        if token.len() > LONGEST {
            return Err(Rejected::Unreadable);
        }
        let header = header(token)?;
        let keys = self.keys.keys().await.ok_or(Rejected::NoKeys)?;
        let claims = match self.verify(token, &header, &keys) {
            Err(Rejected::UnknownKey) => {
                let keys = self.keys.newer(&keys).await.ok_or(Rejected::UnknownKey)?;
                self.verify(token, &header, &keys)?
            }
            verified => verified?,
        };
        if self.is_audience(&claims) { Ok(Value::Object(claims)) } else { Err(Rejected::Audience) }
    }

    /// Checks signature, issuer and times with these keys.
    fn verify(&self, token: &str, header: &Header, keys: &KeySet) -> Result<Map<String, Value>, Rejected> {
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        // Cognito's access tokens have `client_id` instead: `is_audience` looks at both.
        validation.validate_aud = false;
        validation.set_issuer(&[&self.issuer.url]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        let mut tried = false;
        for key in keys.of(header.alg, header.kid.as_deref()) {
            tried = true;
            let problem = match decode::<Map<String, Value>>(token, key, &validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => error.into_kind(),
            };
            return Err(match problem {
                ErrorKind::InvalidSignature => continue,
                ErrorKind::InvalidIssuer => Rejected::Issuer,
                ErrorKind::MissingRequiredClaim(name) if name == "iss" => Rejected::Issuer,
                ErrorKind::MissingRequiredClaim(_) => Rejected::NoExpiry,
                ErrorKind::InvalidClaimFormat(name) if name == "exp" => Rejected::NoExpiry,
                ErrorKind::ExpiredSignature => Rejected::Expired,
                ErrorKind::ImmatureSignature => Rejected::NotYet,
                ErrorKind::InvalidClaimFormat(name) if name == "nbf" => Rejected::NotYet,
                _ => Rejected::Unreadable,
            });
        }
        // A token that names no key may be of one that is newer.
        Err(if tried && header.kid.is_some() { Rejected::Signature } else { Rejected::UnknownKey })
    }

    /// Whether the token is for us: `aud` is one audience or a list (RFC 7519 §4.1.3).
    fn is_audience(&self, claims: &Map<String, Value>) -> bool {
        let is_ours = |name: &Value| {
            name.as_str().is_some_and(|name| self.issuer.audiences.iter().any(|ours| ours == name))
        };
        match claims.get("aud") {
            None | Some(Value::Null) => claims.get("client_id").is_some_and(is_ours),
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
        }
    }
}
