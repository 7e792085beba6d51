//! The bearer tokens of `POST /dev/token`, in place of an operator's authoriser.

use axum::http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use ownpost_core::functions::api::Claims;
use ownpost_core::wire::history::By;
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::keys::Keys;

/// How long a token is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Serialize, Deserialize)]
struct Payload {
    tenant: Tenant,
    email: Option<String>,
    expires: Timestamp,
}

/// A token for this admin of the tenant.
pub(super) fn issue(keys: &Keys, tenant: Tenant, email: Option<String>, now: Timestamp) -> String {
    let expires = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    let payload = Payload { tenant, email, expires };
    keys.sign(&serde_json::json!(payload).to_string())
}

/// The claims of the request's bearer token.
pub(super) fn claims(keys: &Keys, headers: &HeaderMap, now: Timestamp) -> Result<Claims, Problem> {
    let unauthorised = |detail: &'static str| Problem::new(StatusCode::UNAUTHORIZED, "token.invalid", detail);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token.required",
            "Authorization: Bearer … is needed; POST /dev/token gives a token.",
        ));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let payload = token
        .and_then(|token| keys.verify(token))
        .and_then(|payload| serde_json::from_str::<Payload>(&payload).ok())
        .ok_or_else(|| unauthorised("The bearer token is not one of this folder."))?;
    if payload.expires <= now {
        return Err(unauthorised("The bearer token has expired."));
    }
    let by = By::new(None, payload.email.as_deref(), None, None);
    Ok(Claims { tenant: payload.tenant, email: payload.email, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_in_its_folder_until_it_expires() {
        let (keys, others) = (Keys::ephemeral().unwrap(), Keys::ephemeral().unwrap());
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let (tenant, email) = (Tenant::new("acme").unwrap(), Some("a@acme.test".to_owned()));
        let token = issue(&keys, tenant.clone(), email.clone(), now);
        let code = |keys: &Keys, value: &str, now: Timestamp| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            claims(keys, &headers, now)
        };
        let said = code(&keys, &format!("bearer {token}"), now).unwrap();
        assert_eq!((said.tenant, said.email), (tenant, email));
        for bad in [String::new(), token.clone(), format!("Basic {token}"), format!("Bearer {token}x")] {
            assert!(code(&keys, &bad, now).is_err(), "{bad}");
        }
        assert!(code(&others, &format!("Bearer {token}"), now).is_err(), "another key");
        let later = now + SignedDuration::from_hours(31 * 24);
        assert!(code(&keys, &format!("Bearer {token}"), later).is_err(), "expired");
        assert!(
            code(&keys, &format!("Bearer {}", keys.sign("acme")), now).is_err(),
            "signed for another use"
        );
        assert!(claims(&keys, &HeaderMap::new(), now).is_err(), "none");
    }
}
