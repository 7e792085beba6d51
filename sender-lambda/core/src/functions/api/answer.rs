//! Answers: JSON, and problems with stable codes (RFC 9457).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::effects::EffectError;
use crate::wire::http::Problem;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// `application/json`, `application/problem+json`; empty with 204.
    pub content_type: &'static str,
    /// The body; empty with 204.
    pub body: Vec<u8>,
    /// The header `Retry-After` in seconds, with 429 and 503.
    pub retry_after: Option<u32>,
    /// The header `Allow` with 405: the methods that the path takes.
    pub allow: Option<String>,
}

/// The challenge of every 401 (RFC 6750 §3).
pub const CHALLENGE: &str = "Bearer realm=\"ownpost\"";

/// An answer, or a problem to answer with.
pub(super) type Answered<T = Response> = Result<T, Response>;

/// An answer with a JSON body.
pub(super) fn json<T: Serialize>(status: u16, body: &T) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    Response { status, content_type: "application/json", body, retry_after: None, allow: None }
}

/// The answer 204 without a body.
pub(super) fn nothing() -> Response {
    Response { status: 204, content_type: "", body: Vec::new(), retry_after: None, allow: None }
}

/// A problem with a stable code and a sentence for the caller.
pub(super) fn problem(status: u16, code: &str, detail: &str) -> Response {
    problem_with(status, code, detail, None, json!({}))
}

/// The problem of a path that takes other methods (RFC 9110, 15.5.6).
pub(super) fn not_allowed(methods: String) -> Response {
    let problem = problem(405, "method.not_allowed", "This path does not take this method.");
    Response { allow: Some(methods), ..problem }
}

/// A problem that goes away by waiting.
pub(super) fn problem_for(status: u16, code: &str, detail: &str, wait: Duration) -> Response {
    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
    problem_with(status, code, detail, Some(seconds), json!({}))
}

/// A problem with members of its own (RFC 9457 §3.2).
pub(super) fn problem_with(
    status: u16,
    code: &str,
    detail: &str,
    retry_after: Option<u32>,
    members: Value,
) -> Response {
    let problem = Problem { retry_after, ..Problem::new(status, code, detail) };
    let mut body = json!(problem);
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
    }
    let body = body.to_string().into_bytes();
    Response { status, content_type: "application/problem+json", body, retry_after, allow: None }
}

impl From<EffectError> for Response {
    fn from(error: EffectError) -> Self {
        tracing::error!(%error, "store");
        match error {
            EffectError::Transient { .. } => {
                let detail = "The store cannot be reached just now. Nothing was changed by this call.";
                problem_for(503, "store.unavailable", detail, Duration::from_secs(4))
            }
            // What the store said may name the operator's resources; it is in the log.
            EffectError::Permanent { .. } => {
                problem(500, "store.failed", "The store refused. The operator's log says why.")
            }
        }
    }
}

/// The problem of a body that its transport marks as base64 and that is none.
pub fn not_base64() -> Response {
    problem(400, "request.not_base64", "The body is marked as base64 and is not.")
}
