//! `/dev/…`: tokens, caught mail and the embedded relays, for a person who develops or tries Ownpost.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use ownpost_domain::tenant::Tenant;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::connections::Endless;
use super::problem::Problem;
use super::{Server, body, token};
use crate::store::MailSummary;

const LARGEST_BODY: usize = 64 * 1024;
/// Mails of a page when the query says nothing.
const USUAL_PAGE: u32 = 50;
/// Mails of a page at most.
const LARGEST_PAGE: u32 = 500;
/// How long a push waits for more mails, so that many of them are one.
const GATHER: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    tenant: String,
    #[serde(default)]
    email: Option<String>,
}

pub(super) async fn token(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts, body, LARGEST_BODY).await?;
    let unusable = |code, detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    let value: Value = serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "request.not_json", format!("The body is no JSON: {error}."))
    })?;
    let asked = TokenRequest::deserialize(value).map_err(|error| {
        unusable("request.invalid", format!("{error}; {{\"tenant\": …, \"email\": …}} is wanted."))
    })?;
    let tenant =
        Tenant::new(&asked.tenant).map_err(|error| unusable("tenant.invalid", format!("{error}.")))?;
    if let Some(email) = &asked.email
        && email.parse::<lettre::Address>().is_err()
    {
        return Err(unusable("email.invalid", "The e-mail address cannot be used.".into()));
    }
    let token = token::issue(server.store.keys(), tenant, asked.email, (server.app.now)());
    Ok(json_response(&json!({"token": token})))
}

/// The relays, and the networks and ports that may be dialled: the rules in the page have to allow the same.
pub(super) async fn relays(State(server): State<Server>) -> Response {
    let config = &server.app.config;
    let own = &config.overrides.allow_endpoints;
    let networks = own.iter().map(|endpoint| endpoint.ip().to_string());
    let networks: BTreeSet<_> = networks.chain(config.allow_networks.iter().cloned()).collect();
    let ports = own.iter().map(SocketAddr::port).chain(config.allow_ports.iter().copied());
    let ports: BTreeSet<_> = ports.collect();
    json_response(&json!({"relays": &*server.relays, "allow": {"networks": networks, "ports": ports}}))
}

/// Which page of the caught mail.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    before: Option<i64>,
    limit: Option<u32>,
}

/// A page of the caught mail, the newest first, and the number that the next page is before.
pub(super) async fn mail(
    State(server): State<Server>,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| {
        let detail = "before is the number of a mail, and limit a number of mails.";
        Problem::new(StatusCode::BAD_REQUEST, "request.query_invalid", detail)
    })?;
    let limit = query.limit.unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE);
    // One more tells whether there is a next page.
    let found = server.store.caught_before(query.before.unwrap_or(i64::MAX), limit + 1).await;
    let mut mails = found.map_err(|error| {
        tracing::error!(%error, "the caught mail cannot be listed");
        Problem::unavailable()
    })?;
    let more = mails.len() > limit as usize;
    mails.truncate(limit as usize);
    let next = mails.last().filter(|_| more).map(|mail| mail.id.to_string());
    let mails: Vec<_> = mails.iter().map(summary).collect();
    Ok(json_response(&json!({"mail": mails, "next": next})))
}

/// Server-sent events: `caught` at the beginning, and whenever mail was caught.
pub(super) async fn mail_events(State(server): State<Server>) -> Response {
    let mut caught = server.store.mail_caught();
    caught.mark_changed();
    let events = stream::unfold(caught, async |mut caught| {
        caught.changed().await.ok()?;
        tokio::time::sleep(GATHER).await;
        caught.mark_unchanged();
        Some((Ok::<_, Infallible>(Event::default().data("caught")), caught))
    });
    // The comments of the keep-alive find out a client that has gone.
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    response.extensions_mut().insert(Endless);
    response
}

fn summary(mail: &MailSummary) -> Value {
    json!({
        "id": mail.id.to_string(),
        "relay": mail.relay,
        "envelope": {"from": mail.from, "to": mail.to},
        "headers": headers(&mail.head),
    })
}

/// The header fields by name, unfolded and decoded (RFC 2047); a field that repeats is joined by commas.
fn headers(head: &[u8]) -> Map<String, Value> {
    let mut headers = Map::new();
    let Ok((fields, _)) = mailparse::parse_headers(head) else { return headers };
    for field in fields {
        let value = field.get_value();
        match headers.get_mut(&field.get_key()) {
            Some(Value::String(earlier)) => {
                earlier.push_str(", ");
                earlier.push_str(&value);
            }
            _ => drop(headers.insert(field.get_key(), Value::String(value))),
        }
    }
    headers
}

/// A mail's bytes as they came: a download, which no browser shows as a page of this server.
pub(super) async fn raw(State(server): State<Server>, Path(id): Path<String>) -> Result<Response, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "mail.not_found", "There is no such mail.");
    let id = id.parse::<i64>().map_err(|_| missing())?;
    let data = server.store.caught(id).await.map_err(|_| Problem::unavailable())?.ok_or_else(missing)?;
    let disposition = format!("attachment; filename=\"{id}.eml\"");
    Ok((
        [(header::CONTENT_TYPE, "message/rfc822".to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        data,
    )
        .into_response())
}

fn json_response(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_unfolded_and_joined() {
        let head =
            b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\r\nX-A: one\r\n two\r\nX-B: 1\r\nX-B: 2\r\n\r\nX-C: no\r\n";
        let expected = json!({"Subject": "\u{e9}t\u{e9}", "X-A": "one two", "X-B": "1, 2"});
        assert_eq!(Value::Object(headers(head)), expected);
        for rubbish in
            [&b""[..], b"\r\n", b"no header at all", b"\xff\xfe: \x00", &"a".repeat(40_000).into_bytes()]
        {
            headers(rubbish);
        }
    }
}
