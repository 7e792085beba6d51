//! A client for benchmarks and fuzz targets, over any stream and without TLS and AUTH. From the greeting on it runs the
//! same code as [`super::Pool`]. It needs the feature `testing`, which no shipped artefact has on.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::batch::{OpenSession, Quirks, SessionSource, deliver};
use super::line::Connection;
use super::pool::NO_DEADLINE;
use super::redact::Redactor;
use super::session::{Carrier, Channel, Limits, NoObserver, Session};
use super::{BeforeCommit, Mail, MailResult, Timeouts};
use crate::domain::failure::{Failure, FailureCode, Stage};

/// A client whose connections are made by `connect`: each must be a stream to an SMTP server that has not spoken yet.
/// Connections in step are kept from one [`Client::send`] to the next, as the pool keeps them.
pub struct Client<S, F> {
    connect: F,
    ehlo_name: String,
    timeouts: Timeouts,
    idle: Option<Session<Unprotected<S>>>,
    quirks: Quirks,
    window: NonZeroUsize,
}

impl<S, F, Connecting> Client<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    /// Makes a client. It connects on the first [`Client::send`].
    pub fn new(connect: F, ehlo_name: &str, timeouts: Timeouts) -> Self {
        Self {
            connect,
            ehlo_name: ehlo_name.to_owned(),
            timeouts,
            idle: None,
            quirks: Quirks::default(),
            window: NonZeroUsize::MIN,
        }
    }

    /// Lets up to `window` mails be in flight, as [`super::Pool::with_window`] does.
    #[must_use]
    pub fn with_window(mut self, window: NonZeroUsize) -> Self {
        self.window = window;
        self
    }

    /// Sends a batch, as [`super::Pool::send`] does.
    pub async fn send(&mut self, mails: &[Mail], gate: &dyn BeforeCommit) -> Vec<MailResult> {
        deliver(self, mails, gate).await
    }

    /// Ends the kept connection, if there is one, with QUIT.
    pub async fn quit(&mut self) {
        if let Some(session) = self.idle.take() {
            session.quit().await;
        }
    }
}

impl<S, F, Connecting> SessionSource for Client<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    type Stream = Unprotected<S>;

    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure> {
        if let Some(session) = self.idle.take() {
            return Ok(OpenSession { session, reused: true });
        }
        let refused = Failure { stage: Stage::Connect, code: FailureCode::ConnectRefused, reply: None };
        let stream = (self.connect)().await.map_err(|_| refused)?;
        let limits = Limits { timeouts: self.timeouts, overall: Instant::now() + NO_DEADLINE };
        let mut session =
            Session::new(Connection::new(Unprotected(stream), Redactor::default(), None), limits);
        session.greeting(&mut NoObserver).await?;
        session.ehlo(Stage::Ehlo, &self.ehlo_name, Channel::Encrypted, &mut NoObserver).await?;
        Ok(OpenSession { session, reused: false })
    }

    fn put(&mut self, session: Session<Self::Stream>) {
        // A connection that takes no more mails is dropped, as in the pool.
        if session.remaining > 0 {
            self.idle = Some(session);
        }
    }

    fn quirks(&self) -> Quirks {
        self.quirks
    }

    fn learn(&mut self, quirks: Quirks) {
        self.quirks = quirks;
    }

    fn window(&self) -> usize {
        self.window.get()
    }
}

/// A stream that carries mail without protecting it.
pub(crate) struct Unprotected<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier for Unprotected<S> {}

impl<S: AsyncRead + Unpin> AsyncRead for Unprotected<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unprotected<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
