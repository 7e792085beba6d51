//! A door for benchmarks and fuzz targets: the client over any stream, without TLS and AUTH. Everything from the
//! greeting on is the code that [`super::Pool`] sends by. Only there with the feature `testing`, which nothing that
//! ships has on.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::batch::{Connection, Connections, Manners, deliver};
use super::line::Wire;
use super::pool::far_away;
use super::redact::Redactor;
use super::session::{Carrier, Limits, Session, Unwatched};
use super::{Gate, Mail, Outcome, Timeouts};
use crate::domain::failure::{Failure, FailureCode, Stage};

/// A client whose connections are made by `connect`: each must be a stream to an SMTP server that has not spoken yet.
/// Connections in step are kept from one [`Client::send`] to the next, as the pool keeps them.
pub struct Client<S, F> {
    connect: F,
    ehlo_name: String,
    timeouts: Timeouts,
    idle: Option<(Session<Unprotected<S>>, bool)>,
    manners: Manners,
    window: NonZeroUsize,
}

impl<S, F, Connecting> Client<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    /// Opens nothing yet.
    pub fn new(connect: F, ehlo_name: &str, timeouts: Timeouts) -> Self {
        Self {
            connect,
            ehlo_name: ehlo_name.to_owned(),
            timeouts,
            idle: None,
            manners: Manners::default(),
            window: NonZeroUsize::MIN,
        }
    }

    /// As [`super::Pool::with_window`].
    #[must_use]
    pub fn with_window(mut self, window: NonZeroUsize) -> Self {
        self.window = window;
        self
    }

    /// Sends a batch, as [`super::Pool::send`] does.
    pub async fn send(&mut self, mails: &[Mail], gate: &dyn Gate) -> Vec<Outcome> {
        deliver(self, mails, gate).await
    }

    /// Ends the kept connection, if there is one, with QUIT.
    pub async fn quit(&mut self) {
        if let Some((session, _)) = self.idle.take() {
            session.quit().await;
        }
    }
}

impl<S, F, Connecting> Connections for Client<S, F>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    type Stream = Unprotected<S>;

    async fn take(&mut self) -> Result<Connection<Self::Stream>, Failure> {
        if let Some((session, stale)) = self.idle.take() {
            return Ok(Connection { session, stale, reused: true });
        }
        let refused = Failure { stage: Stage::Connect, code: FailureCode::ConnectRefused, reply: None };
        let stream = (self.connect)().await.map_err(|_| refused)?;
        let limits = Limits { timeouts: self.timeouts, overall: far_away() };
        let mut session = Session::new(Wire::new(Unprotected(stream), Redactor::default(), None), limits);
        session.greeting(&mut Unwatched).await?;
        session.ehlo(Stage::Ehlo, &self.ehlo_name, true, &mut Unwatched).await?;
        Ok(Connection { session, stale: false, reused: false })
    }

    fn put(&mut self, session: Session<Self::Stream>, stale: bool) {
        // As the pool does: a connection that takes no more mail is dropped.
        if session.room > 0 {
            self.idle = Some((session, stale));
        }
    }

    fn manners(&self) -> Manners {
        self.manners
    }

    fn learn(&mut self, manners: Manners) {
        self.manners = manners;
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
