//! `/api/…`: the HTTP API of docs/reference/api.md, with the stages of a test streamed to a client that asks for it.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use ownpost_core::functions::api::{self, Caller, NDJSON, OnStage, Streamed};
use ownpost_core::functions::connect;
use serde_json::Value;

use super::body::{self, Whole};
use super::problem::Problem;
use super::{Server, token};

/// Bytes of a body: the limit of a Lambda's payload.
const LARGEST_BODY: usize = 6 * 1024 * 1024;
/// Bytes of events: a few of the largest, or thousands of usual ones.
const LARGEST_EVENTS: usize = 16 * 1024 * 1024;

/// A request without borrows: its answer is made even when the client has gone.
struct Call {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    caller: Caller,
    origin: Option<String>,
    accept_language: Option<String>,
    body: Whole,
}

pub(super) async fn call(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let caller = match caller(&server, &parts.headers).await {
        Ok(caller) => caller,
        Err(refused) => {
            body::wipe(&parts, body).await;
            return Ok(refused);
        }
    };
    let Query(query) = Query::try_from_uri(&parts.uri).map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "request.query_invalid", "The query cannot be read.")
    })?;
    let path = parts.uri.path().strip_prefix("/api").unwrap_or_default().to_owned();
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let limit = if path == "/events" { LARGEST_EVENTS } else { LARGEST_BODY };
    let call = Call {
        method: parts.method.to_string(),
        caller,
        query,
        origin: text(header::ORIGIN).map(str::to_owned),
        accept_language: text(header::ACCEPT_LANGUAGE).map(str::to_owned),
        body: body::read(&parts, body, limit).await?,
        path,
    };
    let accept = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if api::streams(&call.method, &call.path, accept) {
        streamed(server, call).await
    } else {
        // A task of its own: neither a change of settings nor an array of events is broken off because the client has gone.
        let answer = tokio::spawn(async move { answer(&server, &call, None).await });
        answer.await.map(respond).map_err(|_| Problem::internal())
    }
}

/// `GET /smtp/oauth/callback`: where a provider sends the browser back to, without a token.
pub(super) async fn callback(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "request.query_invalid", "The query cannot be read.")
    })?;
    let language = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = language.map(str::to_owned);
    // A task of its own: a code is exchanged once, whether or not the browser waits.
    let page = tokio::spawn(async move { connect::callback(&server.app, &query, language.as_deref()).await });
    let page = page.await.map_err(|_| Problem::internal())?;
    let headers: Vec<_> = page.headers();
    let mut response = (StatusCode::from_u16(page.status).unwrap_or_default(), page.body).into_response();
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).map_err(|_| Problem::internal())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The caller by the token of an identity provider, where there is one, else by one of `/dev/token`.
async fn caller(server: &Server, headers: &HeaderMap) -> Result<Caller, Response> {
    if server.app.identity.is_none() {
        let claims = token::claims(server.store.keys(), headers, (server.app.now)());
        return claims.map(Caller::admin).map_err(IntoResponse::into_response);
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let only = values.next().filter(|_| values.next().is_none());
    let authorization = only.and_then(|value| value.to_str().ok());
    api::authenticate(&server.app, authorization).await.map_err(respond)
}

async fn answer(
    server: &Server,
    call: &Call,
    progress: Option<&mut (dyn FnMut(Value) + Send)>,
) -> api::Response {
    let request = api::Request {
        method: &call.method,
        path: &call.path,
        query: call.query.clone(),
        caller: call.caller.clone(),
        origin: call.origin.as_deref(),
        accept_language: call.accept_language.as_deref(),
        body: &call.body.bytes,
        time: None,
    };
    api::handle(&server.app, request, progress).await
}

fn respond(answer: api::Response) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answer.content_type.is_empty() {
        return status.into_response();
    }
    let mut response = (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response();
    if answer.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(api::CHALLENGE));
    }
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(methods) = answer.allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

/// The stages as they pass. The status line goes out with the first stage; an answer that comes before any stage (a validation
/// report, too many tests) is sent as without streaming.
async fn streamed(server: Server, call: Call) -> Result<Response, Problem> {
    let answer = |mut on_stage: OnStage| async move { answer(&server, &call, Some(&mut *on_stage)).await };
    match api::stream(answer).await {
        Some(Streamed::Whole(answer)) => Ok(respond(answer)),
        Some(Streamed::Lines(lines)) => {
            let body = Body::from_stream(lines.map(Ok::<_, Infallible>));
            Ok(([(header::CONTENT_TYPE, NDJSON)], body).into_response())
        }
        None => Err(Problem::internal()),
    }
}
