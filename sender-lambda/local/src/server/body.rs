//! Bodies, bounded in size, time and number.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
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
    let peer = parts.extensions.get::<Arc<Peer>>();
    let read = tokio::time::timeout(PATIENCE, collect(body, limit, peer)).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", "The body did not come in time."))
    });
    if let Some(peer) = peer {
        peer.request_is_whole();
    }
    read
}

/// Wipes the body of a request that is refused before it is read: a session that has ended may send a password. A large one is
/// no settings.
pub(super) async fn wipe(parts: &Parts, body: Body) {
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length <= SMALL) {
        drop(read(parts, body, SMALL).await);
    }
}

async fn collect(body: Body, limit: usize, peer: Option<&Arc<Peer>>) -> Result<Whole, Problem> {
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
        if let (Some(shared), Some(peer)) = (append(&mut bytes, chunk), peer) {
            peer.wipe_later(shared);
        }
    }
    if length > limit {
        let detail = format!("The body has more than {limit} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", detail));
    }
    Ok(Whole { bytes: Bytes::from_owner(bytes), _place: place })
}

/// Appends a chunk and leaves no copy behind: neither of the bytes before, when they need more room, nor of the chunk. One that
/// the connection's buffer holds as well is given back: it cannot be wiped yet.
fn append(bytes: &mut Zeroizing<Vec<u8>>, chunk: Bytes) -> Option<Bytes> {
    let length = bytes.len() + chunk.len();
    if bytes.capacity() < length {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * bytes.capacity())));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(&chunk);
    chunk.try_into_mut().map(|mut chunk| chunk.zeroize()).err()
}
