//! Bodies, bounded in size, time and number.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::{Zeroize as _, Zeroizing};

use super::connections::Peer;
use super::problem::Problem;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and dropped: a client that is still writing would not see the answer.
const DROPPED: usize = 64 * 1024 * 1024;
/// Bodies up to this size are read at any time; a larger one needs a place.
const SMALL: usize = 256 * 1024;
/// Places for large bodies, which bounds the memory that all of them take. The next one waits.
static LARGE_BODIES: Semaphore = Semaphore::const_new(16);

/// A body that was read whole.
pub(super) struct Whole {
    /// Wiped after use: a password may be in it.
    pub(super) bytes: Bytes,
    /// Given back when the body is not needed any more.
    _place: Option<SemaphorePermit<'static>>,
}

/// The whole body of at most `limit` bytes.
pub(super) async fn read(parts: &Parts, body: Body, limit: usize) -> Result<Whole, Problem> {
    let read = tokio::time::timeout(PATIENCE, collect(body, limit)).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", "The body did not come in time."))
    });
    if let Some(peer) = parts.extensions.get::<Arc<Peer>>() {
        peer.request_is_whole();
    }
    read
}

async fn collect(body: Body, limit: usize) -> Result<Whole, Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length, mut place) = (Zeroizing::new(Vec::new()), 0, None);
    while let Some(chunk) = chunks.next().await {
        // A client that broke the connection does not see this answer.
        let chunk = chunk.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "request.incomplete", "The body broke off.")
        })?;
        length += chunk.len();
        if length > limit + DROPPED {
            break;
        } else if length > limit {
            bytes = Zeroizing::new(Vec::new());
            continue;
        }
        if length > SMALL && place.is_none() {
            place = LARGE_BODIES.acquire().await.ok();
        }
        append(&mut bytes, chunk);
    }
    if length > limit {
        let detail = format!("The body has more than {limit} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", detail));
    }
    Ok(Whole { bytes: Bytes::from_owner(bytes), _place: place })
}

/// Appends a chunk and leaves no copy behind: neither of the bytes before, when they need more room, nor of the chunk as far
/// as nobody else has it.
fn append(bytes: &mut Zeroizing<Vec<u8>>, chunk: Bytes) {
    let length = bytes.len() + chunk.len();
    if bytes.capacity() < length {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * bytes.capacity())));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(&chunk);
    if let Ok(mut chunk) = chunk.try_into_mut() {
        chunk.zeroize();
    }
}
