//! The caller of a request whose token no authoriser has checked.

use super::answer::{Response, problem, problem_for};
use super::caller::Caller;
use crate::functions::App;
use crate::identity::{Rejected, bearer};

/// The caller by the request's only `Authorization` header, checked by [`App::identity`].
///
/// # Errors
/// The answer to a request without a token that can be believed.
pub async fn authenticate(app: &App, authorization: Option<&str>) -> Result<Caller, Response> {
    let Some(identity) = &app.identity else {
        return Err(problem(401, "token.invalid", "No issuer of tokens is set up here."));
    };
    let Some(token) = authorization.and_then(bearer) else {
        let detail =
            format!("`Authorization: Bearer TOKEN` is needed, with a token of {}.", identity.issuer());
        return Err(problem(401, "token.required", &detail));
    };
    match identity.claims(token).await {
        Ok(claims) => Ok(Caller::of(&app.config.access, &claims)),
        Err(Rejected::NoKeys) => {
            let detail = Rejected::NoKeys.to_string();
            Err(problem_for(503, "token.keys_unavailable", &detail, Rejected::WAIT))
        }
        Err(rejected) => Err(problem(401, "token.invalid", &format!("{rejected} Sign in again."))),
    }
}
