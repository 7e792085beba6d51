//! An SMTP session from the dial to AUTH, opened by one function for the test and for sending. Its type says what it may
//! do: only `Session<TlsStream<TcpStream>>`, which [`super::tls`] makes after it has verified the certificate, has
//! AUTH, and only a session over a [`Carrier`] has MAIL, RCPT and DATA.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use ownpost_domain::failure::{Cause, Failure, FailureCode, Reply, Stage};
use ownpost_domain::report::{StageDetail, TlsFacts};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Security, Settings};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::capabilities::Offer;
use super::classify::Identity;
use super::connection::{Connection, ReadError};
use super::legacy_tls::{self, Hello};
use super::limits::Limits;
use super::redact::Redactor;
use super::tls::{self, TlsFailure, Trust};
use super::transcript::Transcript;
use super::{Network, classify, dial};

/// Follows a session while it opens. The probe fills its report by it; the sender has no use for it.
pub(crate) trait Observer: Send {
    /// The test comes to this stage.
    fn begin(&mut self, _stage: Stage) {}
    /// The stage that began last has passed, with this detail for the report.
    fn pass(&mut self, _detail: StageDetail) {}
    /// The relay's name has these addresses, which are dialled when this returns.
    fn resolved<'a>(&'a mut self, _addresses: &'a [IpAddr]) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
    /// The server has begun its greeting.
    fn heard(&mut self) {}
    /// The client gives this name in EHLO.
    fn named(&mut self, _name: &str) {}
    /// The server offers these extensions in its reply to EHLO.
    fn offer(&mut self, _channel: Channel, _offer: &Offer) {}
    /// The handshake has shown this version, cipher and certificate.
    fn tls(&mut self, _facts: TlsFacts) {}
    /// The server refused the handshake without a reason.
    fn refused(&mut self) {}
}

/// The observer that does nothing, for sending.
pub(crate) struct NoObserver;
impl Observer for NoObserver {}

/// The channel that an EHLO goes over. A server may offer other extensions on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The plaintext one, before STARTTLS.
    Plaintext,
    /// The encrypted one, after the TLS handshake.
    Encrypted,
}

/// The kind of TLS handshake that a session makes.
pub(crate) enum TlsSetup<'a> {
    /// For a test: the version, the cipher and the certificate are reported.
    Examine(&'a Trust),
    /// For sending: TLS sessions are resumed.
    Send(Arc<ClientConfig>),
    /// For a server that has refused a handshake: only asks whether it accepts another, with these random octets. The
    /// session always ends there, with `tls.legacy` or `tls.unsupported` if the server accepts.
    Ask(Hello, [u8; 32]),
}

/// A session with a server that has greeted.
pub(crate) struct Session<S> {
    pub(crate) connection: Connection<S>,
    pub(crate) offer: Offer,
    pub(crate) limits: Limits,
    /// The client as the server sees it.
    pub(crate) identity: Identity,
    /// How many more mails the server takes on this connection (the MAILMAX of RFC 9422).
    pub(crate) remaining: u64,
    /// Whether a transaction may be open, or the connection is old, so that RSET must come before the next MAIL.
    pub(crate) needs_rset: bool,
    /// Whether the server takes an envelope that leaves with the body before it.
    pub(crate) pipelines_envelope: bool,
    /// Whether a message has begun and its final reply has not come.
    pub(crate) in_body: bool,
    /// The octets that are being written. Kept to allocate them once.
    pub(crate) out: Vec<u8>,
}

/// A session that is encrypted and whose server is verified.
pub(crate) type Secure = Session<TlsStream<TcpStream>>;

/// A stream that mail may travel on. Of the streams that this crate opens only the encrypted one is a carrier, so that
/// nothing can be sent before TLS. A plain `TcpStream` is none, and by the orphan rule no other crate can make it one;
/// tests and benchmarks implement it for streams of their own.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin {}
impl Carrier for TlsStream<TcpStream> {}
/// A pipe inside one process leads to no network.
impl Carrier for DuplexStream {}

/// The redactor of these settings' secrets, which keeps them out of reports and replies.
pub(crate) fn redactor(settings: &Settings) -> Redactor {
    match &settings.auth {
        Auth::None => Redactor::default(),
        Auth::Password { password, .. } => Redactor::new([password.expose()]),
        Auth::OAuth2(oauth) => {
            let refresh = match &oauth.grant {
                ownpost_domain::settings::Grant::ClientCredentials => None,
                ownpost_domain::settings::Grant::RefreshToken(token) => Some(token.expose()),
            };
            Redactor::new(oauth.client_secret.as_ref().map(Secret::expose).into_iter().chain(refresh))
        }
    }
}

/// Opens a session up to and including the EHLO on the encrypted side; AUTH is the next step.
pub(crate) async fn open(
    network: &Network,
    settings: &Settings,
    setup: &TlsSetup<'_>,
    limits: Limits,
    transcript: Option<Transcript>,
    observer: &mut dyn Observer,
) -> Result<Secure, Failure> {
    let fail = |stage| move |code| Failure::new(stage, code);

    observer.begin(Stage::Resolve);
    let allowed = |endpoint| network.allowed.relay(endpoint);
    let until = limits.until(limits.timeouts.resolve);
    let endpoints = dial::resolve(&network.resolvers, &settings.host, settings.port, allowed, until)
        .await
        .map_err(fail(Stage::Resolve))?;
    let addresses: Vec<_> = endpoints.iter().map(|checked| checked.endpoint().ip()).collect();
    observer.pass(StageDetail {
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
        ..StageDetail::default()
    });
    observer.resolved(&addresses).await;

    observer.begin(Stage::Connect);
    let until = limits.until(limits.timeouts.connect.saturating_mul(2));
    let (stream, peer) =
        dial::connect(&endpoints, limits.timeouts.connect, until).await.map_err(fail(Stage::Connect))?;
    observer.pass(StageDetail {
        address: Some(peer.ip().to_string()),
        port: Some(peer.port()),
        ..StageDetail::default()
    });

    let first = open_on(network, settings, stream, setup, limits, transcript.clone(), observer).await;
    match first {
        // This address of several is busy. The others may not be (RFC 5321 §5.1).
        Err(failure) if failure.stage == Stage::Greeting && failure.code == FailureCode::SmtpTemporary => {
            let others: Vec<_> = endpoints.into_iter().filter(|checked| checked.endpoint() != peer).collect();
            let until = limits.until(limits.timeouts.connect.saturating_mul(2));
            match dial::connect(&others, limits.timeouts.connect, until).await {
                Ok((stream, _)) => {
                    open_on(network, settings, stream, setup, limits, transcript, observer).await
                }
                Err(_) => Err(failure),
            }
        }
        result => result,
    }
}

/// Opens a session on this connection.
async fn open_on(
    network: &Network,
    settings: &Settings,
    stream: TcpStream,
    setup: &TlsSetup<'_>,
    limits: Limits,
    transcript: Option<Transcript>,
    observer: &mut dyn Observer,
) -> Result<Secure, Failure> {
    let (redactor, identity) = (redactor(settings), Identity::of(settings));
    let local = stream.local_addr().ok().map(|address| address.ip());
    let name = network.ehlo_name(settings, local);
    observer.named(&name);
    match settings.security {
        Security::Tls => {
            observer.begin(Stage::Tls);
            let stream = handshake(setup, settings, stream, limits, observer)
                .await
                .map_err(|failure| failure.into_failure(setup))?;
            observer.pass(StageDetail::default());
            let session = Session::new(Connection::new(stream, redactor, transcript), limits, identity);
            Box::pin(session.greeted(&name, Channel::Encrypted, observer)).await
        }
        Security::StartTls => {
            let session = Session::new(Connection::new(stream, redactor, transcript), limits, identity);
            let session = Box::pin(session.greeted(&name, Channel::Plaintext, observer)).await?;
            observer.begin(Stage::Tls);
            let mut session = Box::pin(session.starttls(setup, settings, observer)).await?;
            let said = session.hello(Stage::Tls, &name, Channel::Encrypted, observer).await;
            let session = session.unless_refused(said).await?;
            observer.pass(StageDetail::default());
            Ok(session)
        }
    }
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    setup: &TlsSetup<'_>,
    settings: &Settings,
    stream: S,
    limits: Limits,
    observer: &mut dyn Observer,
) -> Result<TlsStream<S>, TlsFailure> {
    let until = limits.until(limits.timeouts.tls);
    match setup {
        TlsSetup::Send(config) => tls::handshake(Arc::clone(config), &settings.host, stream, until).await,
        TlsSetup::Examine(trust) => {
            let (result, facts) = tls::examine(trust, &settings.host, stream, until).await;
            if let Some(facts) = facts {
                observer.tls(facts);
            }
            if result.as_ref().is_err_and(|failure| failure.refused) {
                observer.refused();
            }
            result
        }
        TlsSetup::Ask(hello, random) => {
            let taken = legacy_tls::is_answered(*hello, stream, &settings.host, *random, until).await;
            Err(TlsFailure::new(match (taken, hello) {
                (false, _) => FailureCode::TlsFailed,
                (true, Hello::Legacy) => FailureCode::TlsLegacy,
                (true, Hello::Wide) => FailureCode::TlsUnsupported,
            }))
        }
    }
}

impl TlsFailure {
    /// As a failure of the session. When sending, a connection that is lost in the handshake is a lost connection: that
    /// overrides the verdict of `tls.failed`.
    fn into_failure(self, setup: &TlsSetup<'_>) -> Failure {
        let is_sending = matches!(setup, TlsSetup::Send(_));
        let code = if self.lost && is_sending { FailureCode::ProtocolDisconnected } else { self.code };
        // Behind STARTTLS this is an injection, and does not come here.
        let reason = if self.not_tls { Some(Cause::TlsPlainText.into()) } else { self.reason };
        Failure { reason, ..Failure::new(Stage::Tls, code) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(connection: Connection<S>, limits: Limits, identity: Identity) -> Self {
        let offer = Offer::default();
        Self {
            connection,
            offer,
            limits,
            identity,
            remaining: u64::MAX,
            needs_rset: false,
            pipelines_envelope: true,
            in_body: false,
            out: Vec::new(),
        }
    }

    /// Reads the greeting and says EHLO.
    async fn greeted(
        mut self,
        name: &str,
        channel: Channel,
        observer: &mut dyn Observer,
    ) -> Result<Self, Failure> {
        let mut said = self.greeting(observer).await;
        if said.is_ok() {
            said = self.ehlo(Stage::Ehlo, name, channel, observer).await;
        }
        self.unless_refused(said).await
    }

    /// The session, or the failure that ended it.
    async fn unless_refused(self, said: Result<(), Failure>) -> Result<Self, Failure> {
        match said {
            Ok(()) => Ok(self),
            Err(failure) => Err(self.quit_after(failure).await),
        }
    }

    /// Ends a session that has failed, and gives the failure back. One that ends in order ends with QUIT (RFC 5321
    /// §4.1.1.10): servers count connections that just go, and some ban their address.
    pub(crate) async fn quit_after(self, failure: Failure) -> Failure {
        if self.is_in_order_after(&failure) {
            Box::pin(self.quit()).await;
        }
        failure
    }

    /// Whether the server waits for a command after this failure.
    fn is_in_order_after(&self, failure: &Failure) -> bool {
        let lost = matches!(
            failure.code,
            FailureCode::GreetingTimeout
                | FailureCode::GreetingNotSmtp
                | FailureCode::ProtocolDisconnected
                | FailureCode::ProtocolTimeout
                | FailureCode::ProtocolMalformed
                | FailureCode::ProtocolTooLong
                | FailureCode::MessageUnknown
        );
        !lost && !self.in_body && failure.reply.as_ref().is_none_or(|reply| reply.code != 421)
    }

    pub(crate) async fn greeting(&mut self, observer: &mut dyn Observer) -> Result<(), Failure> {
        observer.begin(Stage::Greeting);
        let until = self.limits.until(self.limits.timeouts.greeting);
        let failure = |error| classify::read_error(Stage::Greeting, error);
        self.connection.wait_for_input(until).await.map_err(failure)?;
        observer.heard();
        let reply = self.reply(Stage::Greeting, until).await.map_err(|failure| {
            // It has been heard and is late, or its greeting has been cut off.
            let began = match failure.code {
                FailureCode::GreetingTimeout => true,
                FailureCode::ProtocolDisconnected => {
                    failure.reason.is_none() && self.connection.has_begun_greeting()
                }
                _ => false,
            };
            let reason = if began { Some(Cause::GreetingUnfinished.into()) } else { failure.reason };
            Failure { reason, ..failure }
        })?;
        if reply.code != 220 {
            return Err(self.refusal(Stage::Greeting, reply));
        }
        self.connection.greeted();
        observer.pass(StageDetail { banner: Some(reply.text), ..StageDetail::default() });
        Ok(())
    }

    pub(crate) async fn ehlo(
        &mut self,
        stage: Stage,
        name: &str,
        channel: Channel,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        observer.begin(stage);
        self.hello(stage, name, channel, observer).await?;
        observer.pass(StageDetail { name: Some(name.to_owned()), ..StageDetail::default() });
        Ok(())
    }

    async fn hello(
        &mut self,
        stage: Stage,
        name: &str,
        channel: Channel,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let until = self.limits.until(self.limits.timeouts.command);
        let failure = |error| classify::read_error(stage, error);
        self.in_step(stage, until).await?;
        self.connection.command(&format!("EHLO {name}"), until).await.map_err(failure)?;
        let mut reply = self.connection.raw_reply(until).await.map_err(failure)?;
        for line in &mut reply.lines {
            *line = self.connection.clean(line);
        }
        if reply.code != 250 {
            // It is about EHLO also at stage tls, where it comes once more.
            return Err(Failure { stage, ..self.refusal(Stage::Ehlo, reply.into_reply()) });
        }
        self.offer = Offer::parse(&reply);
        self.remaining = self.offer.mail_max.unwrap_or(u64::MAX);
        observer.offer(channel, &self.offer);
        Ok(())
    }

    /// The failure of a stage whose reply is not the expected one.
    pub(crate) fn refusal(&self, stage: Stage, reply: Reply) -> Failure {
        self.identity.refusal(stage, reply)
    }

    /// Reads one reply. Without a readable one the stage fails.
    pub(crate) async fn reply(&mut self, stage: Stage, until: Instant) -> Result<Reply, Failure> {
        self.connection.reply(until).await.map_err(|error| classify::read_error(stage, error))
    }

    /// Fails when the server has sent something before the command that is due: it would count as the reply to it.
    pub(crate) async fn in_step(&mut self, stage: Stage, until: Instant) -> Result<(), Failure> {
        if self.connection.is_quiet_now().await {
            return Ok(());
        }
        let reply = self.reply(stage, until).await?;
        Err(if (400..600).contains(&reply.code) {
            self.refusal(stage, reply)
        } else {
            classify::read_error(stage, ReadError::Malformed)
        })
    }

    /// Sends one command and reads its reply.
    pub(crate) async fn exchange(&mut self, stage: Stage, line: &str) -> Result<Reply, Failure> {
        let until = self.limits.until(self.limits.timeouts.command);
        self.in_step(stage, until).await?;
        match self.connection.command(line, until).await {
            Ok(()) => self.reply(stage, until).await,
            // The server may have sent its reason before it closed.
            Err(ReadError::Closed) => match self.connection.reply(until).await {
                Ok(reply) if !reply.is_positive() => Err(self.refusal(stage, reply)),
                _ => Err(classify::read_error(stage, ReadError::Closed)),
            },
            Err(error) => Err(classify::read_error(stage, error)),
        }
    }

    /// Ends the session with QUIT, without waiting for the reply.
    pub(crate) async fn quit(self) {
        let until = self.limits.until(Duration::from_millis(500));
        self.connection.quit(until).await;
    }
}

impl Session<TcpStream> {
    /// Sends STARTTLS (RFC 3207) and makes the handshake. A plaintext session cannot go on without them.
    async fn starttls(
        mut self,
        setup: &TlsSetup<'_>,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Secure, Failure> {
        let fail = |code| Failure::new(Stage::Tls, code);
        let agreed = if self.offer.starttls {
            match self.exchange(Stage::Tls, "STARTTLS").await {
                Ok(reply) if reply.code == 220 => Ok(()),
                Ok(reply) => Err(self.refusal(Stage::Tls, reply)),
                Err(failure) => Err(failure),
            }
        } else {
            Err(fail(FailureCode::TlsNotOffered))
        };
        self = self.unless_refused(agreed).await?;
        // Input behind the 220 was sent in plaintext, perhaps by an attacker on the network. To read it as the first
        // reply after the handshake is the STARTTLS injection (RFC 3207 §6, CVE-2011-0411).
        let (limits, identity) = (self.limits, self.identity);
        let (stream, redactor, transcript) =
            self.connection.into_stream().ok_or_else(|| fail(FailureCode::TlsInjected))?;
        let stream = handshake(setup, settings, stream, limits, observer).await.map_err(|failure| {
            // The same injection a moment later: plaintext in place of the ServerHello.
            if failure.not_tls { fail(FailureCode::TlsInjected) } else { failure.into_failure(setup) }
        })?;
        Ok(Session::new(Connection::new(stream, redactor, transcript), limits, identity))
    }
}
