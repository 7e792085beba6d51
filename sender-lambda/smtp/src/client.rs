//! The client over any [`Carrier`], without TLS and AUTH, for benchmarks and fuzz targets. Everything from the greeting
//! on is the code that [`super::Pool`] sends by. A `TcpStream` is no carrier, and no other crate can make it one.

use std::future::Future;
use std::io;

use ownpost_domain::failure::{Failure, FailureCode, Stage};
use tokio::time::Instant;

use super::batch::{OpenSession, Quirks, SessionSource, deliver};
use super::classify::Identity;
use super::connection::Connection;
use super::limits::Limits;
use super::pool::NO_DEADLINE;
use super::redact::Redactor;
use super::session::{Carrier, Channel, NoObserver, Session};
use super::{BeforeCommit, Mail, MailResult, Timeouts};

/// A client whose connections are made by `connect`: each must be a stream to an SMTP server that has not spoken yet.
/// Connections in step are kept from one [`Client::send`] to the next, as the pool keeps them.
pub struct Client<S, F> {
    connect: F,
    ehlo_name: String,
    timeouts: Timeouts,
    idle: Option<Session<S>>,
    quirks: Quirks,
}

impl<S, F, Connecting> Client<S, F>
where
    S: Carrier,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    /// Makes a client. It connects on the first [`Client::send`].
    pub fn new(connect: F, ehlo_name: &str, timeouts: Timeouts) -> Self {
        Self { connect, ehlo_name: ehlo_name.to_owned(), timeouts, idle: None, quirks: Quirks::default() }
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
    S: Carrier,
    F: FnMut() -> Connecting,
    Connecting: Future<Output = io::Result<S>>,
{
    type Stream = S;

    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure> {
        if let Some(session) = self.idle.take() {
            return Ok(OpenSession { session, reused: true });
        }
        let refused = Failure::new(Stage::Connect, FailureCode::ConnectRefused);
        let stream = (self.connect)().await.map_err(|_| refused)?;
        let limits = Limits { timeouts: self.timeouts, overall: Instant::now() + NO_DEADLINE };
        let mut session =
            Session::new(Connection::new(stream, Redactor::default(), None), limits, Identity::default());
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
}
