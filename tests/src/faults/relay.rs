//! A relay that takes mail or fails, depending on its mood, and records each mail in the book.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::book::Book;
use super::dice::Dice;
use super::mood::{Moment, Mood};

/// How many connections a relay takes that takes few.
const FEW: u32 = 2;
/// The time of a slow relay for a mail: 24 seconds of the product's clock.
const SLOW: Duration = Duration::from_millis(400);

/// A request to the run: kill the sender that introduced itself with this name in EHLO.
pub(super) struct Kill {
    pub(super) sender: String,
    /// Gets a value when the sender is dead.
    pub(super) done: oneshot::Sender<()>,
}

/// The TLS configurations that all relays share, by kind of certificate.
pub(super) struct Identities {
    pub(super) good: Arc<ServerConfig>,
    pub(super) wrong_name: Arc<ServerConfig>,
    pub(super) self_signed: Arc<ServerConfig>,
    pub(super) expired: Arc<ServerConfig>,
}

/// One relay of the run.
pub(super) struct Relay {
    /// The number of its lane in the picture.
    pub(super) lane: usize,
    pub(super) address: SocketAddr,
    /// Whether it uses implicit TLS; otherwise STARTTLS.
    pub(super) implicit: bool,
    pub(super) identities: Arc<Identities>,
    pub(super) mood: watch::Sender<Mood>,
    pub(super) password: Mutex<String>,
    pub(super) book: Arc<Book>,
    pub(super) kills: mpsc::UnboundedSender<Kill>,
    pub(super) dice: Mutex<Dice>,
    /// The open connections.
    pub(super) open: AtomicU32,
}

impl Relay {
    /// The password that the relay accepts now.
    pub(super) fn password(&self) -> String {
        self.password.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the password that the relay accepts.
    pub(super) fn change_password(&self, password: &str) {
        password.clone_into(&mut self.password.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Accepts connections until the run drops the mood's sender. While the mood is `Refuses`, nothing listens.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut mood = self.mood.subscribe();
        let mut listener = Some(listener);
        loop {
            let refuses = *mood.borrow_and_update() == Mood::Refuses;
            if refuses {
                listener = None;
            } else if listener.is_none() {
                // The address belongs to this relay, so binding fails only while old connections are being closed.
                match TcpListener::bind(self.address).await {
                    Ok(bound) => listener = Some(bound),
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                continue;
            }
            let changed = match &listener {
                None => mood.changed().await,
                Some(listener) => tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            let relay = Arc::clone(&self);
                            // A broken connection is expected here.
                            tokio::spawn(async move {
                                let others = relay.open.fetch_add(1, Ordering::Relaxed);
                                drop(Arc::clone(&relay).connection(stream, others).await);
                                relay.open.fetch_sub(1, Ordering::Relaxed);
                            });
                        }
                        continue;
                    }
                    changed = mood.changed() => changed,
                },
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn mood(&self) -> Mood {
        *self.mood.borrow()
    }

    /// The mood for one mail: half of the mails get `Works`.
    fn mood_for_a_mail(&self) -> Mood {
        let spared = self.dice.lock().unwrap_or_else(PoisonError::into_inner).roll(2) == 0;
        if spared { Mood::Works } else { self.mood() }
    }

    async fn kill(&self, sender: &str) {
        let (done, dead) = oneshot::channel();
        if self.kills.send(Kill { sender: sender.to_owned(), done }).is_ok() {
            let _ = dead.await;
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, others: u32) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut talk = Talk {
            relay: &self,
            stream: BufStream::new(Stream::Plain(stream)),
            sender: String::new(),
            signed_in: None,
        };
        if self.mood() == Mood::SilentAtGreeting {
            return talk.say_nothing().await;
        }
        if self.implicit {
            talk = talk.handshake().await?;
        }
        match self.mood() {
            Mood::BusyAtGreeting => return talk.say("421 4.3.2 too busy").await,
            Mood::FewConnections if others >= FEW => {
                return talk.say("421 4.7.0 Too many connections from your address").await;
            }
            Mood::NoAtGreeting => return talk.say("554 5.3.2 no service for you").await,
            _ => talk.say("220 relay.faults.test ESMTP").await?,
        }
        talk.session().await
    }
}

/// One SMTP session, from the relay's side.
struct Talk<'a> {
    relay: &'a Relay,
    stream: BufStream<Stream>,
    /// The name that the client gave in EHLO.
    sender: String,
    /// The password that the client gave in AUTH.
    signed_in: Option<String>,
}

impl Talk<'_> {
    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Waits for the client to give up.
    async fn say_nothing(&mut self) -> io::Result<()> {
        loop {
            let read = self.stream.fill_buf().await?.len();
            if read == 0 {
                return Ok(());
            }
            self.stream.consume(read);
        }
    }

    async fn handshake(mut self) -> io::Result<Self> {
        let identities = &self.relay.identities;
        let identity = match self.relay.mood() {
            Mood::BreaksTls => return Err(io::ErrorKind::ConnectionAborted.into()),
            Mood::Certificate("wrong-name") => &identities.wrong_name,
            Mood::Certificate("self-signed") => &identities.self_signed,
            Mood::Certificate(_) => &identities.expired,
            _ => &identities.good,
        };
        let Stream::Plain(stream) = self.stream.into_inner() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let stream = TlsAcceptor::from(Arc::clone(identity)).accept(stream).await?;
        self.stream = BufStream::new(Stream::Tls(Box::new(stream)));
        Ok(self)
    }

    async fn session(mut self) -> io::Result<()> {
        let mut this = Mood::Works;
        let mut from_taken = false;
        let mut to: Option<String> = None;
        loop {
            let line = self.line().await?;
            let now = self.relay.mood();
            let outdated = self.signed_in.as_ref().is_some_and(|given| *given != self.relay.password());
            if now == Mood::Refuses || outdated {
                return Ok(());
            }
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" if now == Mood::NoToHello => self.say("550 5.7.1 not with that name").await?,
                "EHLO" => {
                    rest.clone_into(&mut self.sender);
                    let encrypted = matches!(self.stream.get_ref(), Stream::Tls(_));
                    let offer = if encrypted { "250-AUTH PLAIN\r\n" } else { "250-STARTTLS\r\n" };
                    let offer = format!(
                        "250-relay.faults.test\r\n{offer}250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"
                    );
                    self.say(&offer).await?;
                }
                "STARTTLS" => {
                    self.say("220 2.0.0 go ahead").await?;
                    self = self.handshake().await?;
                }
                "AUTH" if now == Mood::BusyAtAuth => self.say("454 4.7.0 ask again later").await?,
                "AUTH" => {
                    let given = rest.rsplit(' ').next().and_then(|coded| STANDARD.decode(coded).ok());
                    let given = given.and_then(|plain| String::from_utf8(plain).ok()).unwrap_or_default();
                    let given = given.rsplit('\0').next().unwrap_or_default().to_owned();
                    if given == self.relay.password() {
                        self.signed_in = Some(given);
                        self.say("235 2.7.0 welcome").await?;
                    } else {
                        self.say("535 5.7.8 wrong password").await?;
                    }
                }
                _ if self.signed_in.is_none() => self.say("530 5.7.0 sign in first").await?,
                "MAIL" => {
                    this = self.relay.mood_for_a_mail();
                    from_taken = !matches!(this, Mood::NoToSender | Mood::BusyToSender);
                    to = None;
                    match this {
                        Mood::NoToSender => self.say("550 5.7.60 not allowed to send as that").await?,
                        Mood::BusyToSender => self.say("451 4.3.0 not now").await?,
                        Mood::ClosesAtSender => return Ok(()),
                        _ => self.say("250 2.1.0 sender ok").await?,
                    }
                }
                "RCPT" if !from_taken => self.say("503 5.5.1 no sender").await?,
                "RCPT" => {
                    let address = rest.trim_start_matches("TO:<").split('>').next().unwrap_or_default();
                    match this {
                        Mood::SilentAtRecipient => return self.say_nothing().await,
                        Mood::Kills(Moment::AtRecipient) => self.relay.kill(&self.sender).await,
                        _ => {}
                    }
                    match this {
                        Mood::NoToRecipient => {
                            self.relay.book.refuse(self.relay.lane, address);
                            self.say("550 5.1.1 no such user").await?;
                        }
                        Mood::BusyToRecipient => {
                            self.relay.book.defer(self.relay.lane);
                            self.say("450 4.2.1 mailbox busy").await?;
                        }
                        Mood::QuotaAtRecipient => {
                            self.relay.book.defer(self.relay.lane);
                            self.say("550 5.4.5 Daily user sending limit exceeded").await?;
                        }
                        Mood::DeniedAtRecipient => self.say("554 5.7.1 Relay access denied").await?,
                        _ => {
                            to = Some(address.to_owned());
                            self.say("250 2.1.5 recipient ok").await?;
                        }
                    }
                }
                "DATA" => match (to.take(), this) {
                    (None, _) => self.say("503 5.5.1 no recipient").await?,
                    (Some(_), Mood::BusyAtData) => {
                        self.relay.book.defer(self.relay.lane);
                        self.say("451 4.3.0 not now").await?;
                    }
                    (Some(to), Mood::NoAtData) => {
                        self.relay.book.refuse(self.relay.lane, &to);
                        self.say("554 5.6.0 not this message").await?;
                    }
                    (Some(to), _) => {
                        if !self.message(this, &to).await? {
                            return Ok(());
                        }
                    }
                },
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("250 2.0.0 ok").await?,
            }
        }
    }

    /// Reads the message after DATA and answers. Returns whether the session goes on.
    async fn message(&mut self, mood: Mood, to: &str) -> io::Result<bool> {
        let (book, lane) = (&self.relay.book, self.relay.lane);
        if mood == Mood::ClosesAfter354 {
            // Recorded before the reply: the client may act on the reply at once.
            book.leave_without_reply(lane, to);
            self.say("354 go ahead").await?;
            return Ok(false);
        }
        self.say("354 go ahead").await?;
        if mood == Mood::Kills(Moment::InMessage) && !self.stream.fill_buf().await?.is_empty() {
            self.relay.kill(&self.sender).await;
        }
        let mut message_id = None;
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            if message_id.is_none() {
                let value = line.get(..11).filter(|name| name.eq_ignore_ascii_case("Message-ID:"));
                message_id = value.map(|_| line[11..].trim().trim_matches(['<', '>']).to_owned());
            }
        }
        let message_id = message_id.unwrap_or_default();
        match mood {
            Mood::ClosesAfterDot { keeps } | Mood::SilentAfterDot { keeps } => {
                book.leave_without_reply(lane, to);
                if keeps {
                    book.take(lane, &message_id, to);
                }
                if matches!(mood, Mood::SilentAfterDot { .. }) {
                    self.say_nothing().await?;
                }
                return Ok(false);
            }
            Mood::NoAfterDot => {
                book.refuse(lane, to);
                self.say("554 5.6.0 not this message").await?;
            }
            Mood::BlockedAfterDot => {
                self.say("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using dnsbl.test")
                    .await?;
            }
            Mood::BusyAfterDot => {
                book.defer(lane);
                self.say("452 4.3.1 disk full").await?;
            }
            _ => {
                if mood == Mood::Slow {
                    tokio::time::sleep(SLOW).await;
                }
                book.take(lane, &message_id, to);
                if mood == Mood::Kills(Moment::AfterDot) {
                    self.relay.kill(&self.sender).await;
                }
                self.say("250 2.0.0 taken").await?;
                if mood == Mood::Kills(Moment::AfterReply) {
                    self.relay.kill(&self.sender).await;
                }
            }
        }
        Ok(true)
    }
}

/// The connection, before or after the TLS handshake.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
