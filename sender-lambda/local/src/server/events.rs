//! `POST /api/events`: one event or an array of them.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use ownpost_core::functions::router::{self, Accepted, Refused};
use serde_json::json;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::{Server, body, token};

/// A few of the largest events, or thousands of usual ones.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// As many events of an array are written at a time: they share the store's commits.
const AT_A_TIME: usize = 64;

pub(super) async fn accept(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let claims = token::claims(server.store.keys(), &parts.headers, (server.app.now)())?;
    let body = body::read(body, LARGEST_BODY).await?;
    // A task of its own: what was begun is not broken off because the client has gone.
    let work = tokio::spawn(async move {
        if !body.trim_ascii_start().starts_with(b"[") {
            let accepted = router::accept(&server.app, &body, Some(&claims.tenant)).await;
            return accepted.map(|accepted| answer(&[accepted], &[])).map_err(|refused| problem(&refused));
        }
        // Each event keeps its own bytes, and fails on its own.
        let events: Vec<&RawValue> = serde_json::from_slice(&body).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "event.not_json", "The body is no JSON array of events.")
        })?;
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        let events: Vec<Bytes> = events.iter().map(|event| body.slice_ref(event.get().as_bytes())).collect();
        let (app, tenant) = (&server.app, &claims.tenant);
        let mut outcomes = stream::iter(events)
            .map(|event| async move { router::accept(app, &event, Some(tenant)).await })
            .buffered(AT_A_TIME)
            .enumerate();
        while let Some((index, outcome)) = outcomes.next().await {
            match outcome {
                Ok(event) => accepted.push(event),
                Err(reason) => refused.push((index, reason)),
            }
        }
        match refused.first() {
            Some((_, first)) if accepted.is_empty() => Err(problem(first)),
            _ => Ok(answer(&accepted, &refused)),
        }
    });
    work.await.map_err(|_| Problem::internal())?
}

/// 202: the rows are there, and the mails on the queue.
fn answer(accepted: &[Accepted], refused: &[(usize, Refused)]) -> Response {
    let accepted: Vec<_> = accepted
        .iter()
        .map(|event| json!({"deliveries": event.deliveries, "repeated": event.repeated}))
        .collect();
    let refused: Vec<_> = refused
        .iter()
        .map(|(index, reason)| json!({"index": index, "code": reason.code, "detail": reason.message}))
        .collect();
    let body = json!({"accepted": accepted, "refused": refused});
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
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
