//! The client over any [`Carrier`], without TLS and AUTH, for benchmarks and fuzz targets. Everything from the greeting
//! on is the code that [`super::Pool`] sends by. A `TcpStream` is no carrier, and no other crate can make it one.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;

use ownpost_domain::failure::{Failure, FailureCode, Stage};

use super::batch::{Connection, Connections, Manners, deliver};
use super::connection::Wire;
use super::limits::Limits;
use super::pool::far_away;
use super::redact::Redactor;
use super::session::{Carrier, Session, Unwatched};
use super::{Gate, Mail, Outcome, Timeouts};

/// A client whose connections are made by `connect`: each must be a stream to an SMTP server that has not spoken yet.
/// Connections in step are kept from one [`Client::send`] to the next, as the pool keeps them.
pub struct Client<S, F> {
    connect: F,
    ehlo_name: String,
    timeouts: Timeouts,
    idle: Option<(Session<S>, bool)>,
    manners: Manners,
    window: NonZeroUsize,
}

impl<S, F, Connecting> Client<S, F>
where
    S: Carrier,
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
    S: Carrier,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    type Stream = S;

    async fn take(&mut self) -> Result<Connection<Self::Stream>, Failure> {
        if let Some((session, stale)) = self.idle.take() {
            return Ok(Connection { session, stale, reused: true });
        }
        let refused = Failure { stage: Stage::Connect, code: FailureCode::ConnectRefused, reply: None };
        let stream = (self.connect)().await.map_err(|_| refused)?;
        let limits = Limits { timeouts: self.timeouts, overall: far_away() };
        let mut session = Session::new(Wire::new(stream, Redactor::default(), None), limits);
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
