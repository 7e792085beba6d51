//! `/dev/…`: tokens, caught mail and the embedded relays, for who develops or tries Ownpost.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use ownpost_core::functions::api::Claims;
use ownpost_domain::tenant::Tenant;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::{Server, body, token};
use crate::store::{MailSummary, Store};

const LARGEST_BODY: usize = 64 * 1024;
/// Mails read from the store at a time; the list as a whole is as long as it is.
const MAILS_AT_A_TIME: u32 = 200;

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
    let claims = Claims { tenant, email: asked.email };
    let token = token::issue(server.store.keys(), claims, (server.app.now)());
    Ok(json_response(&json!({"token": token})))
}

/// The relays, and beside them what may be dialled here: the page's rules have to allow what the server's do.
pub(super) async fn relays(State(server): State<Server>) -> Response {
    let config = &server.app.config;
    let own = &config.overrides.allow_endpoints;
    let networks = own.iter().map(|endpoint| endpoint.ip().to_string());
    let networks: BTreeSet<_> = networks.chain(config.allow_networks.iter().cloned()).collect();
    let ports = own.iter().map(SocketAddr::port).chain(config.allow_ports.iter().copied());
    let ports: BTreeSet<_> = ports.collect();
    json_response(&json!({"relays": &*server.relays, "allow": {"networks": networks, "ports": ports}}))
}

/// The caught mail, the newest first. Streamed: there may be a lot of it.
pub(super) async fn mail(State(server): State<Server>) -> Response {
    let rows = stream::unfold(Some((server.store, i64::MAX)), async |place| {
        let (store, before) = place?;
        let (text, next) = page(&store, before).await;
        Some((text, next.map(|before| (store, before))))
    });
    let edge = |text: &'static str| stream::once(async move { Bytes::from_static(text.as_bytes()) });
    let whole = edge("{\"mail\":[").chain(rows).chain(edge("]}")).map(Ok::<_, Infallible>);
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(whole)).into_response()
}

/// Entries before this number, and the number to go on before.
async fn page(store: &Store, before: i64) -> (Bytes, Option<i64>) {
    let mails = store.caught_before(before, MAILS_AT_A_TIME).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the caught mail cannot be listed");
        Vec::new()
    });
    let mut text = String::new();
    for mail in &mails {
        if before != i64::MAX || !text.is_empty() {
            text.push(',');
        }
        text.push_str(&summary(mail).to_string());
    }
    let full = mails.len() == MAILS_AT_A_TIME as usize;
    (text.into(), mails.last().filter(|_| full).map(|mail| mail.id))
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

/// A mail's bytes as they came: a download, which no browser takes for a page of ours.
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
