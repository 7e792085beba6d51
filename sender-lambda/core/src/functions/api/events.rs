//! `POST /events`: one event or an array of them, for products that cannot reach the bus.

use std::fmt;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use ownpost_domain::tenant::Tenant;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answered, Response, json as answer, problem, problem_with};
use crate::functions::App;
use crate::functions::router::{self, Accepted, Refused};
use crate::wire::answers::{EventsAnswer, RefusedEvent};
use crate::wire::event::EventCode;

/// Events of one array. It bounds the answer, which has an entry for each.
const MOST_EVENTS: usize = 10_000;
/// Refused events of one answer that say more than their code: the next ones are refused for the same reasons.
const MOST_DETAILS: usize = 100;
/// Events of an array that are written at a time: they share the store's commits.
const AT_A_TIME: usize = 64;
/// When a refused event may be sent again, if the store was out of reach: in seconds.
const AGAIN: u32 = 5;

/// Accepts the events of `only`, or of every tenant. After `time`, none of an array is begun any more: the rest is refused
/// as something to send again.
pub(super) async fn post(app: &App, body: &[u8], only: Option<&Tenant>, time: Option<Duration>) -> Answered {
    if body.trim_ascii_start().starts_with(b"[") {
        return several(app, elements(body)?, only, time).await;
    }
    match router::accept(app, body, only).await {
        Ok(event) => Ok(accept(vec![event], Vec::new())),
        Err(refused) => Err(refuse(&refused, json!({}))),
    }
}

/// Each event keeps its own bytes, and fails on its own.
async fn several(
    app: &App,
    events: Vec<&RawValue>,
    only: Option<&Tenant>,
    time: Option<Duration>,
) -> Answered {
    let until = time.map(|time| Instant::now() + time);
    let (mut accepted, mut refused, mut first) = (Vec::new(), Vec::new(), None);
    let events = &events;
    let mut outcomes = stream::iter(0..events.len())
        .map(|index| async move {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(Refused::late());
            }
            router::accept(app, events[index].get().as_bytes(), only).await
        })
        .buffered(AT_A_TIME)
        .enumerate();
    while let Some((index, outcome)) = outcomes.next().await {
        match outcome {
            Ok(event) => accepted.push(event),
            Err(reason) => {
                let detail = (refused.len() < MOST_DETAILS).then(|| reason.message.clone());
                refused.push(RefusedEvent { index, code: reason.code, detail });
                first.get_or_insert(reason);
            }
        }
    }
    match first {
        Some(first) if accepted.is_empty() => Err(refuse(&first, json!({"refused": refused}))),
        _ => Ok(accept(accepted, refused)),
    }
}

/// The elements of an array that has not too many.
fn elements(body: &[u8]) -> Answered<Vec<&RawValue>> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Elements(&mut found).deserialize(&mut json).and_then(|()| json.end());
    if found.len() > MOST_EVENTS {
        let detail = format!("The array has more than {MOST_EVENTS} events.");
        return Err(problem(413, "request.too_many_events", &detail));
    }
    read.map_err(|_| problem(400, EventCode::NotJson.code(), "The body is no JSON array of events."))?;
    Ok(found)
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
fn accept(accepted: Vec<Accepted>, refused: Vec<RefusedEvent>) -> Response {
    answer(202, &EventsAnswer { accepted, refused })
}

/// The problem of an event that was refused, with `members` of its own.
fn refuse(refused: &Refused, members: Value) -> Response {
    let again = refused.transient.then_some(AGAIN);
    problem_with(refused.status, refused.code, &refused.message, again, members)
}
