//! `POST /smtp/oauth/start`: begins "Connect with…".

use ownpost_domain::limits::TESTS_PER_TENANT;

use super::Call;
use super::answer::{Answered, json, problem, problem_for};
use super::connectivity_test::admin;
use crate::functions::connect::{self, Begin};
use crate::functions::shared_state::{self, Token};
use crate::wire::answers::{ConnectionBegun, ConnectionStart};

/// The most octets of the account's name that is handed on to the provider.
const LONGEST_HINT: usize = 255;

pub(super) async fn start(call: &Call<'_>) -> Answered {
    let Call { app, tenant, .. } = *call;
    // Settings are activated only for an admin who gets the test mail, so a connection is of no use to another.
    admin(call)?;
    let start: ConnectionStart = serde_json::from_slice(call.body).map_err(|_| {
        let detail = "The body is {\"provider\": …, \"username\": …}, where the username may be left out.";
        problem(400, "request.invalid", detail)
    })?;
    let hint = start.username.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
    if hint.is_some_and(|hint| hint.len() > LONGEST_HINT || hint.chars().any(char::is_control)) {
        let detail = "The username has at most 255 octets, and no control characters.";
        return Err(problem(400, "request.invalid", detail));
    }
    let Some(provider) = app.config.oauth_providers.get(&start.provider) else {
        let detail = "The operator of this service has not set up this provider.";
        return Err(problem(404, "oauth.provider_unknown", detail));
    };
    if let Token::NoneFor(wait) = shared_state::take(app, tenant, "connections", TESTS_PER_TENANT).await? {
        let detail = "Too many connections were begun in a short time. Wait a little, then try again.";
        return Err(problem_for(429, "oauth.rate_limited", detail, wait));
    }
    let begin = Begin {
        tenant,
        by: call.by,
        id: &start.provider,
        provider,
        login_hint: hint,
        origin: call.origin,
        locale: call.locale,
    };
    let Some(begun) = connect::begin(app, &begin).await? else {
        let detail = "The system has no source of randomness just now.";
        return Err(problem(500, "randomness.missing", detail));
    };
    Ok(json(200, &ConnectionBegun { id: begun.id, url: begun.url }))
}
