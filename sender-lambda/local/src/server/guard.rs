//! The check of every request, that it is meant for this server and comes from its own page or one of the product's, and the
//! headers of every answer, which keep browsers from using it for anything else.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ownpost_core::functions::App;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Server;
use super::problem::Problem;

/// Nothing from elsewhere, nothing inline; WebAssembly may be compiled.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// A page elsewhere can make its own name point to 127.0.0.1 (DNS rebinding), or send requests across origins:
/// the former shows in `Host`, the latter in `Origin`.
pub(super) async fn check(State(server): State<Server>, request: Request, next: Next) -> Response {
    let refused = match server.app.identity {
        None => not_our_own(request.headers(), server.port),
        // No page has a token that it was not given, and only the proxy in front knows the name of this server.
        Some(_) => not_allowed(request.headers(), &server.app),
    };
    let mut response = match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// What the request of another page than our own is answered.
pub(super) fn not_our_own(headers: &HeaderMap, port: u16) -> Option<Problem> {
    if !names_this_server(headers, header::HOST, "", port) {
        return Some(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "request.foreign_host",
            "This server answers to 127.0.0.1 and localhost with its port alone.",
        ));
    }
    let foreign =
        headers.contains_key(header::ORIGIN) && !names_this_server(headers, header::ORIGIN, "http://", port);
    foreign.then(|| {
        let detail = "This server takes requests from its own page alone.";
        Problem::new(StatusCode::FORBIDDEN, "request.foreign_origin", detail)
    })
}

/// What the request of a page is answered that the operator has not named.
fn not_allowed(headers: &HeaderMap, app: &App) -> Option<Problem> {
    let foreign = headers.get_all(header::ORIGIN).iter().any(|origin| !allows(app, origin));
    foreign.then(|| {
        let detail = "OWNPOST_ALLOW_ORIGINS does not name the origin of this page.";
        Problem::new(StatusCode::FORBIDDEN, "request.foreign_origin", detail)
    })
}

fn allows(app: &App, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| app.config.allows_origin(origin))
}

/// The answers to preflights, and the headers by which a page of the product may read ours (Fetch, 3.2), as API Gateway
/// gives them on AWS.
pub(super) fn cors(app: Arc<App>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| allows(&app, origin)))
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::ACCEPT_LANGUAGE])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_mins(10))
}

fn names_this_server(headers: &HeaderMap, name: HeaderName, prefix: &str, port: u16) -> bool {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Some(authority) = value.to_str().ok().and_then(|value| value.strip_prefix(prefix)) else {
        return false;
    };
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let is_this_machine = ["127.0.0.1", "localhost"].contains(&authority.host());
    is_this_machine && !authority.as_str().contains('@') && authority.port_u16().unwrap_or(80) == port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_server_is_named() {
        let cases = [
            ("127.0.0.1:8080", 8080, true),
            ("localhost:8080", 8080, true),
            ("localhost", 80, true),
            ("localhost", 8080, false),
            ("127.0.0.1:8081", 8080, false),
            ("evil.example:8080", 8080, false),
            ("127.0.0.1.evil.example:8080", 8080, false),
            ("user@127.0.0.1:8080", 8080, false),
            ("127.0.0.1:8080, evil.example", 8080, false),
            ("127.0.0.1:99999", 8080, false),
            ("", 80, false),
        ];
        for (host, port, expected) in cases {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(names_this_server(&headers, header::HOST, "", port), expected, "{host}");
        }
        for (origin, expected) in
            [("http://localhost:80", true), ("https://localhost:80", false), ("null", false)]
        {
            let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
            assert_eq!(names_this_server(&headers, header::ORIGIN, "http://", 80), expected, "{origin}");
        }
        let mut twice = HeaderMap::new();
        assert!(!names_this_server(&twice, header::HOST, "", 80), "none");
        twice.append(header::HOST, HeaderValue::from_static("localhost"));
        twice.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(!names_this_server(&twice, header::HOST, "", 80), "two");
    }
}
