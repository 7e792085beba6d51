//! Function `settings`: the HTTP API of CONTRACT §4.

use super::App;
use crate::domain::tenant::Tenant;

/// A request as every transport hands it over, behind the operator's authoriser.
pub struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path below the API's base: `/smtp/test`.
    pub path: &'a str,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// Who asks, from the token alone.
    pub claims: Claims,
    /// `Accept-Language`, as it came.
    pub accept_language: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// What the token says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The tenant.
    pub tenant: Tenant,
    /// The signed-in admin's address: where the test mail goes.
    pub email: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `application/json`, `application/problem+json`; empty with 204.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The header `Retry-After` in seconds, with 429 and 503.
    pub retry_after: Option<u32>,
}

/// Answers a request. `progress` gets each stage of a test as it passes, for the transports that stream.
pub async fn handle(
    app: &App,
    request: Request<'_>,
    progress: Option<&mut (dyn FnMut(serde_json::Value) + Send)>,
) -> Response {
    let _ = (app, request, progress);
    todo!("functions")
}
