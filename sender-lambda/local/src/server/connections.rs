//! The server's connections: bounded in number and time, and ended in order.
//!
//! A connection without a whole request is worth less than one whose request is being answered: it gets a deadline,
//! gives its place to a newcomer when all places are taken, and does not hold up a stop.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tower_service::Service as _;
use zeroize::Zeroize as _;

/// How long a request's header may take, from the connection's beginning or the answer before it.
const HEADER: Duration = Duration::from_secs(10);
/// How long a client may not read an answer that waits for it.
const UNREAD: Duration = Duration::from_secs(30);
/// At a stop: how long a request may take to come whole, and an answer to leave.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// Bytes of a request's header, and of an answer that waits to be written.
const BUFFER: usize = 128 * 1024;
/// Bytes of bodies that a connection keeps to wipe them: more than settings have.
const MOST_UNWIPED: usize = 256 * 1024;
/// How often a newcomer that has no place asks for the oldest idle one.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One connection, as the accept loop and the handlers see it. It is an extension of each request.
#[derive(Default)]
pub(super) struct Peer {
    whole: AtomicBool,
    /// Whether a request of it has been answered: it is worth more than one that has sent none.
    answered: AtomicBool,
    leave: Notify,
    /// Parts of bodies in the connection's own buffer: it lets go of them with its next read, or at its end.
    unwiped: Mutex<Vec<Bytes>>,
}

impl Peer {
    /// The request has been read to its end: from here to the end of its answer the connection is not closed.
    pub(super) fn request_is_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// Takes part of a body, to be wiped once the connection's buffer does not hold it any more.
    pub(super) fn wipe_later(&self, part: Bytes) {
        let mut unwiped = self.unwiped.lock().unwrap_or_else(PoisonError::into_inner);
        wipe(&mut unwiped);
        if unwiped.iter().map(Bytes::len).sum::<usize>() + part.len() <= MOST_UNWIPED {
            unwiped.push(part);
        }
    }

    /// Wipes what is left of bodies, when the connection is over.
    fn wipe(&self) {
        wipe(&mut self.unwiped.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn is_busy(&self) -> bool {
        self.whole.load(Ordering::Relaxed)
    }
}

/// Wipes the parts that nobody else has.
fn wipe(parts: &mut Vec<Bytes>) {
    let all = std::mem::take(parts).into_iter();
    parts.extend(all.filter_map(|part| match part.try_into_mut() {
        Ok(mut part) => {
            part.zeroize();
            None
        }
        Err(part) => Some(part),
    }));
}

/// An extension of an answer that has no end of its own: its connection may be closed at any time.
#[derive(Clone, Copy)]
pub(super) struct Endless;

/// Ends the request of a connection when the answer has been written, or was never made.
struct Answering(Arc<Peer>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered.store(true, Ordering::Relaxed);
        self.0.whole.store(false, Ordering::Relaxed);
    }
}

/// The open connections, the oldest first.
#[derive(Default)]
struct Open(Mutex<BTreeMap<u64, Arc<Peer>>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Peer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the oldest connection that has no whole request, and of these rather one that never had any.
    fn close_oldest_idle(&self) {
        let open = self.lock();
        let idle = || open.values().filter(|peer| !peer.is_busy());
        let useless = idle().find(|peer| !peer.answered.load(Ordering::Relaxed));
        if let Some(peer) = useless.or_else(|| idle().next()) {
            peer.leave.notify_one();
        }
    }
}

/// Serves at most `most` connections at a time, until `stop` turns true and the requests that are whole are answered.
pub async fn serve(listener: TcpListener, router: Router, most: usize, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(most));
    let open = Arc::new(Open::default());
    let mut tasks = JoinSet::new();
    for number in 0.. {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places, &open) => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, place) = accepted;
        let peer = Arc::new(Peer::default());
        open.lock().insert(number, peer.clone());
        let (router, stop, open) = (router.clone(), stop.clone(), open.clone());
        tasks.spawn(async move {
            connection(stream, router, peer.clone(), stop).await;
            peer.wipe();
            open.lock().remove(&number);
            drop(place);
        });
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    open: &Open,
) -> (TcpStream, OwnedSemaphorePermit) {
    let stream = loop {
        match listener.accept().await {
            Ok((stream, _)) => break stream,
            Err(error) => {
                // Most likely there is no file descriptor left; those in use come free.
                tracing::warn!(%error, "accept");
                open.close_oldest_idle();
                sleep(LOOK_AGAIN).await;
            }
        }
    };
    if let Ok(place) = places.clone().try_acquire_owned() {
        return (stream, place);
    }
    loop {
        open.close_oldest_idle();
        // The semaphore is never closed.
        if let Ok(Ok(place)) = timeout(LOOK_AGAIN, places.clone().acquire_owned()).await {
            return (stream, place);
        }
    }
}

/// Waits until the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(stream: TcpStream, router: Router, peer: Arc<Peer>, mut stop: watch::Receiver<bool>) {
    // An answer is written in few pieces; the last one is not to wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(router.clone(), peer.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Impatient::new(stream)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection");
            }
            return;
        }
        () = peer.leave.notified() => return,
        () = stopped(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    while timeout(LAST_MOMENT, connection.as_mut()).await.is_err() && peer.is_busy() {}
}

async fn answer(
    mut router: Router,
    peer: Arc<Peer>,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let answering = Answering(peer.clone());
    if request.body().is_end_stream() {
        peer.request_is_whole();
    }
    request.extensions_mut().insert(peer);
    let response = router.call(request).await?;
    if response.extensions().get::<Endless>().is_some() {
        return Ok(response);
    }
    // The guard goes with the body: the connection drops it when the last part is in its buffer.
    Ok(response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &answering;
            frame
        }))
    }))
}

/// A stream that fails when a write waits too long for the client to read.
struct Impatient {
    stream: TcpStream,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn new(stream: TcpStream) -> Self {
        Self { stream, deadline: None }
    }

    /// Passes a result on, and keeps the time while there is none.
    fn timed<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), context) {
            self.deadline = None;
            return Poll::Ready(done);
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(UNREAD)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.timed(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.timed(context, |stream, context| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.timed(context, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.timed(context, AsyncWrite::poll_shutdown)
    }
}
