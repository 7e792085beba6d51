//! `POST /api/events`: one event or an array of them.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use ownpost_core::functions::router::{self, Accepted, Refused};
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Server, body, token};

/// Bytes of a body: a few of the largest events, or thousands of usual ones.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// Events of one array. It bounds the answer, which has an entry for each.
pub(super) const MOST_EVENTS: usize = 10_000;
/// Refused events of one answer that say more than their code: the next ones are refused for the same reasons.
const MOST_DETAILS: usize = 100;
/// Events of an array that are written at a time: they share the store's commits.
const AT_A_TIME: usize = 64;

pub(super) async fn accept(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let claims = token::claims(server.store.keys(), &parts.headers, (server.app.now)())?;
    let body = body::read(&parts, body, LARGEST_BODY).await?;
    // A task of its own: events that were begun are not broken off because the client has gone.
    let work = tokio::spawn(async move {
        if !body.bytes.trim_ascii_start().starts_with(b"[") {
            let accepted = router::accept(&server.app, &body.bytes, Some(&claims.tenant)).await;
            return accepted.map(|accepted| answer(&[accepted], &[])).map_err(|refused| problem(&refused));
        }
        // Each event keeps its own bytes, and fails on its own.
        let events = elements(&body.bytes)?;
        let (mut accepted, mut refused, mut first) = (Vec::new(), Vec::new(), None);
        let (app, tenant) = (&server.app, &claims.tenant);
        let mut outcomes = stream::iter(events)
            .map(|event| async move { router::accept(app, &event, Some(tenant)).await })
            .buffered(AT_A_TIME)
            .enumerate();
        while let Some((index, outcome)) = outcomes.next().await {
            match outcome {
                Ok(event) => accepted.push(event),
                Err(reason) => {
                    refused.push(entry(index, &reason, refused.len() < MOST_DETAILS));
                    first.get_or_insert(reason);
                }
            }
        }
        match first {
            Some(first) if accepted.is_empty() => Err(problem(&first)),
            _ => Ok(answer(&accepted, &refused)),
        }
    });
    work.await.map_err(|_| Problem::internal())?
}

/// The bytes of each element of an array that has not too many.
fn elements(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Elements(&mut found).deserialize(&mut json).and_then(|()| json.end());
    if found.len() > MOST_EVENTS {
        let detail = format!("The array has more than {MOST_EVENTS} events.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_many_events", detail));
    }
    read.map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "event.not_json", "The body is no JSON array of events.")
    })?;
    Ok(found.into_iter().map(|element| body.slice_ref(element.get().as_bytes())).collect())
}

/// Reads an array up to one element more than it may have: nothing is kept for the rest of a longer one.
struct Elements<'a, 'de>(&'a mut Vec<&'de RawValue>);

impl<'de> DeserializeSeed<'de> for Elements<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element()? {
            self.0.push(element);
            if self.0.len() > MOST_EVENTS {
                return Err(A::Error::custom("too many events"));
            }
        }
        Ok(())
    }
}

/// 202: the rows are there, and the mails on the queue.
fn answer(accepted: &[Accepted], refused: &[Value]) -> Response {
    let accepted: Vec<_> = accepted
        .iter()
        .map(|event| match &event.refused[..] {
            [] => json!({"deliveries": event.deliveries, "repeated": event.repeated}),
            refused => {
                json!({"deliveries": event.deliveries, "repeated": event.repeated, "refused": refused})
            }
        })
        .collect();
    let body = json!({"accepted": accepted, "refused": refused});
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn entry(index: usize, reason: &Refused, with_detail: bool) -> Value {
    if with_detail {
        json!({"index": index, "code": reason.code, "detail": reason.message})
    } else {
        json!({"index": index, "code": reason.code})
    }
}

fn problem(refused: &Refused) -> Problem {
    let status = match refused.code {
        _ if refused.transient => StatusCode::SERVICE_UNAVAILABLE,
        "event.not_json" => StatusCode::BAD_REQUEST,
        "event.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "event.tenant_foreign" => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, refused.code, refused.message.clone())
}
