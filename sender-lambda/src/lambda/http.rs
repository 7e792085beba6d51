//! HTTP API events (payload format 2.0, which function URLs share) and their answers.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use ownpost_core::functions::App;
use ownpost_core::functions::api::{self, CHALLENGE, Caller, Request, Response};
use ownpost_core::functions::connect::{self, Page};
use ownpost_core::wire::http::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// How long events of one call are begun: API Gateway ends a request after 30 s, and the last event has some to end in.
const TIME: Duration = Duration::from_secs(15);

/// The parts of an API Gateway event that are read.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    /// Names in lower case; values that came more than once are joined by commas.
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Clone, Deserialize)]
struct Context {
    http: Http,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    authorizer: Value,
}

#[derive(Clone, Deserialize)]
struct Http {
    method: String,
}

/// The answer as API Gateway takes it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) status_code: u16,
    pub(super) headers: HashMap<&'static str, String>,
    pub(super) body: String,
}

/// A request whose body was taken out of its event.
pub(super) struct Call {
    pub(super) method: String,
    /// The path below the API's base.
    pub(super) path: String,
    query: Vec<(String, String)>,
    headers: HashMap<String, String>,
    /// `None` for a body that is marked as base64 and is not.
    body: Option<Zeroizing<Vec<u8>>>,
}

impl From<HttpEvent> for Call {
    fn from(mut event: HttpEvent) -> Self {
        let body = body(&mut event);
        Self {
            path: path(&event.raw_path, event.request_context.stage.as_deref()).to_owned(),
            query: form_urlencoded::parse(event.raw_query_string.as_bytes()).into_owned().collect(),
            method: event.request_context.http.method,
            headers: event.headers,
            body,
        }
    }
}

/// Answers one request of API Gateway, which has checked the token.
pub(super) async fn answer(app: &App, mut event: HttpEvent) -> Answer {
    let authorizer = event.request_context.authorizer.take();
    let call = Call::from(event);
    if call.comes_from_provider() {
        return call.back_from_provider(app).await;
    }
    call.answer(app, Caller::of(&app.config.access, token(&authorizer))).await
}

impl Call {
    /// The value of a header, by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether it is the one call without a token.
    pub(super) fn comes_from_provider(&self) -> bool {
        (self.method.as_str(), self.path.as_str()) == ("GET", connect::PATH)
    }

    /// Answers it.
    pub(super) async fn back_from_provider(&self, app: &App) -> Answer {
        let page = connect::callback(app, &self.query, self.header("accept-language"));
        AssertUnwindSafe(page).catch_unwind().await.map_or_else(|_| Answer::internal(), Answer::from)
    }

    /// Answers the call of this caller. Without the catch, API Gateway would answer a panic with an error of its own.
    pub(super) async fn answer(&self, app: &App, caller: Caller) -> Answer {
        let answered = AssertUnwindSafe(self.handle(app, caller, None)).catch_unwind().await;
        answered.map_or_else(|_| Answer::internal(), Answer::from)
    }

    /// The same, with the stages of a test as they pass.
    pub(super) async fn handle(
        &self,
        app: &App,
        caller: Caller,
        progress: Option<&mut (dyn FnMut(Value) + Send)>,
    ) -> Response {
        let Some(body) = &self.body else { return api::not_base64() };
        let request = Request {
            method: &self.method,
            path: &self.path,
            query: self.query.clone(),
            caller,
            origin: self.header("origin"),
            accept_language: self.header("accept-language"),
            body,
            time: Some(TIME),
        };
        api::handle(app, request, progress).await
    }
}

/// The claims of the token, or the context of a Lambda authoriser. API Gateway writes `authorizer` itself, after the
/// authoriser has accepted the token; nothing that the client sends ends up in there unchecked.
fn token(authorizer: &Value) -> &Value {
    match &authorizer["jwt"]["claims"] {
        Value::Null => &authorizer["lambda"],
        claims => claims,
    }
}

/// The path below the API's base. A stage other than `$default` is part of what API Gateway calls the raw path.
fn path<'a>(raw: &'a str, stage: Option<&str>) -> &'a str {
    let below = |stage: &str| raw.strip_prefix('/')?.strip_prefix(stage).filter(|rest| rest.starts_with('/'));
    stage.filter(|stage| *stage != "$default").and_then(below).unwrap_or(raw)
}

/// Takes the body out of the event: it may hold a password, and is wiped after use.
fn body(event: &mut HttpEvent) -> Option<Zeroizing<Vec<u8>>> {
    let text = Zeroizing::new(event.body.take().unwrap_or_default().into_bytes());
    if event.is_base64_encoded { STANDARD.decode(&*text).ok().map(Zeroizing::new) } else { Some(text) }
}

impl Answer {
    pub(super) fn internal() -> Self {
        let problem =
            Problem::new(500, "internal", "Something went wrong here; the function's log says more.");
        Self::new(500, "application/problem+json", json!(problem).to_string(), None)
    }

    pub(super) fn new(status: u16, content_type: &str, body: String, retry_after: Option<u32>) -> Self {
        // Settings and ledger are one tenant's; no cache between us and the form may keep them.
        let mut headers = HashMap::from([("cache-control", "no-store".to_owned())]);
        if !content_type.is_empty() {
            headers.insert("content-type", content_type.to_owned());
        }
        if let Some(seconds) = retry_after {
            headers.insert("retry-after", seconds.to_string());
        }
        if status == 401 {
            headers.insert("www-authenticate", CHALLENGE.to_owned());
        }
        Self { status_code: status, headers, body }
    }
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self { status_code: page.status, headers: page.headers().into_iter().collect(), body: page.body }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let mut answer = Self::new(response.status, response.content_type, body, response.retry_after);
        answer.headers.extend(response.allow.map(|methods| ("allow", methods)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ownpost_core::access::Access;
    use ownpost_core::functions::api::Claims;

    fn of(authorizer: &Value) -> Option<Claims> {
        Caller::of(&Access::default(), token(authorizer)).claims
    }

    fn sample(name: &str) -> HttpEvent {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/events").join(name);
        serde_json::from_slice(&std::fs::read(path).expect("a sample event")).expect("an HTTP API event")
    }

    #[test]
    fn a_sample_event_is_read() {
        let mut event = sample("http-put-smtp.json");
        let claims = of(&event.request_context.authorizer).expect("claims");
        assert_eq!((claims.tenant.as_str(), claims.email.as_deref()), ("acme", Some("admin@acme.test")));
        assert_eq!(path(&event.raw_path, event.request_context.stage.as_deref()), "/smtp");
        assert!(body(&mut event).is_some_and(|body| serde_json::from_slice::<Value>(&body).is_ok()));
        assert!(event.body.is_none(), "the event keeps no copy");
    }

    #[test]
    fn the_tenant_comes_only_from_the_authoriser() {
        for (authorizer, expected) in [
            (json!({"jwt": {"claims": {"tenant": "acme", "email": "a@acme.test"}}}), Some(("acme", true))),
            (json!({"jwt": {"claims": {"custom:tenant": "acme"}}}), Some(("acme", false))),
            (json!({"jwt": {"claims": {"tenant": "a", "custom:tenant": "b"}}}), Some(("a", false))),
            (json!({"lambda": {"tenant": "acme", "email": "a@acme.test"}}), Some(("acme", true))),
            // Only the token decides, even where a claim is missing.
            (json!({"jwt": {"claims": {}}, "lambda": {"tenant": "acme"}}), None),
            (json!({"jwt": {"claims": {"tenant": "../acme"}}}), None),
            (json!({"jwt": {"claims": {"tenant": ""}}}), None),
            (json!({"jwt": {"claims": {"tenant": ["acme"]}}}), None),
            (json!({"iam": {"userId": "acme"}}), None),
            (json!(null), None),
        ] {
            let found = of(&authorizer);
            let found = found.as_ref().map(|claims| (claims.tenant.as_str(), claims.email.is_some()));
            assert_eq!(found, expected, "{authorizer}");
        }
    }

    #[test]
    fn the_history_names_the_person_and_the_session_of_the_token() {
        let claims = of(&json!({"jwt": {"claims": {
            "tenant": "a", "email": "x@y.z", "email_verified": 0, "sub": "user-1", "jti": "token-1",
        }}}));
        let by = claims.expect("claims").by;
        assert_eq!(
            json!(by),
            json!({"sub": "user-1", "jti": "token-1"}),
            "an address that is not verified says nothing"
        );
    }

    #[test]
    fn an_unverified_address_gets_no_mail() {
        for (verified, kept) in [
            (json!("true"), true),
            (json!(true), true),
            (json!(null), true),
            (json!("false"), false),
            (json!(false), false),
            (json!("yes"), false),
            (json!(0), false),
            (json!(1), false),
            (json!({}), false),
            (json!(["true"]), false),
        ] {
            let authorizer =
                json!({"jwt": {"claims": {"tenant": "a", "email": "x@y.z", "email_verified": verified}}});
            assert_eq!(of(&authorizer).is_some_and(|claims| claims.email.is_some()), kept, "{verified}");
        }
    }

    #[test]
    fn paths_without_the_stage() {
        for (raw, stage, expected) in [
            ("/smtp", Some("$default"), "/smtp"),
            ("/prod/smtp", Some("prod"), "/smtp"),
            ("/production/smtp", Some("prod"), "/production/smtp"),
            ("/prod", Some("prod"), "/prod"),
            ("/smtp", None, "/smtp"),
            ("", None, ""),
        ] {
            assert_eq!(path(raw, stage), expected, "{raw} {stage:?}");
        }
    }
}
