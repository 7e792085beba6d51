//! Bodies, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::StreamExt as _;

use super::problem::Problem;

/// As long may a body take.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much of what is too large is read and dropped: a client that is still writing would not see the answer.
const DROPPED: usize = 64 * 1024 * 1024;

/// The whole body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    tokio::time::timeout(PATIENCE, collect(body, limit)).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", "The body did not come in time."))
    })
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        // Whoever broke the connection does not hear this.
        let chunk = chunk.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "request.incomplete", "The body broke off.")
        })?;
        length += chunk.len();
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        } else if length > limit + DROPPED {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if length > limit {
        let detail = format!("The body has more than {limit} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", detail));
    }
    Ok(bytes.into())
}
