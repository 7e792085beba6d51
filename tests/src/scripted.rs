//! A server that plays a script, on loopback and with TLS: the other side of the dialogue tests.
//!
//! A script is lines:
//! - `S: text` the server writes the text and CRLF; `S! text` writes it without CRLF, with `\r`, `\n`, `\0`,
//!   `\\` and `\xNN` for octets.
//! - `C: pattern` the client's next line must match, `*` being any text; `C: <message>` is everything up to the
//!   final dot, which must be well formed; `C: <request>` a whole HTTP request.
//! - `TLS [kind]` a handshake with a certificate of this kind ([`Certificates::server`]); it may fail.
//! - `HELLO` the server waits for the client's first octets and drops them, as what cannot speak TLS would.
//! - `CLOSE` it closes. `SILENCE` it says no more and waits for the client to go.
//! - `DRIP text` it writes the text over and over, one octet at a time; `FLOOD text` as fast as it can, until the
//!   client goes.
//! - `DISCARD` it throws away what the client has sent ahead.
//! - `PAUSE` it takes its time.
//! - `MEANWHILE` it waits until another connection has come and gone.
//! - `B: text` the server writes the text and CRLF, one octet at a time.
//! - `EVERY`, first, plays the script on every connection. `CONNECTION` begins the script of the next connection.
//!
//! At the end of its script a connection waits for the client to go, taking a QUIT.

#![allow(clippy::missing_panics_doc, reason = "a test helper panics to fail the test")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;

/// One line of a script.
#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    SendBytes(Vec<u8>),
    Expect(String),
    Tls(String),
    Hello,
    Close,
    Silence,
    Drip(Vec<u8>),
    Flood(Vec<u8>),
    Discard,
    Meanwhile,
    Pause,
}

/// A running server.
pub struct Scripted {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    wrong: Vec<String>,
    messages: Vec<Vec<u8>>,
    connections: usize,
    /// How many of the connections are over.
    over: watch::Sender<usize>,
}

impl Scripted {
    /// Listens on a port of the system's choice and plays the script.
    pub async fn start(script: &str, certificates: Arc<Certificates>) -> Self {
        let mut connections: Vec<Vec<Step>> = vec![Vec::new()];
        let (every, script) = match script.trim_start().strip_prefix("EVERY\n") {
            Some(rest) => (true, rest),
            None => (false, script),
        };
        for line in script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            if line.trim() == "CONNECTION" {
                connections.push(Vec::new());
            } else {
                connections.last_mut().expect("there is one").push(step(line));
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        // A second address of the same server, for names that have two.
        let second = TcpListener::bind(("127.0.0.2", address.port())).await.ok();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut scripts: Box<dyn Iterator<Item = _> + Send> = if every {
                Box::new(connections.into_iter().cycle())
            } else {
                Box::new(connections.into_iter())
            };
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    accepted = accept(second.as_ref()) => accepted,
                };
                let Ok((stream, _)) = accepted else { break };
                let script = scripts.next();
                let (shared, certificates) = (Arc::clone(&shared), Arc::clone(&certificates));
                shared.lock().expect("unpoisoned").connections += 1;
                tokio::spawn(async move {
                    let Some(script) = script else {
                        let mut seen = shared.lock().expect("unpoisoned");
                        seen.wrong.push("a connection too many".into());
                        seen.over.send_modify(|over| *over += 1);
                        return;
                    };
                    let played = play(stream, script, &certificates, &shared).await;
                    let mut seen = shared.lock().expect("unpoisoned");
                    seen.wrong.extend(played.err());
                    seen.over.send_modify(|over| *over += 1);
                });
            }
        });
        Self { address, seen }
    }

    /// Waits until every connection is over.
    pub async fn ended(&self) {
        let mut over = self.seen.lock().expect("unpoisoned").over.subscribe();
        let _ = over.wait_for(|&over| over >= self.connections()).await;
    }

    /// Where the client did not keep to the script.
    pub fn wrong(&self) -> Vec<String> {
        self.seen.lock().expect("unpoisoned").wrong.clone()
    }

    /// The messages taken, as they came, without the final dot.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("unpoisoned").messages.clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.seen.lock().expect("unpoisoned").connections
    }
}

/// The next connection to this listener; never one without it.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn step(line: &str) -> Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "S:" => Step::Send(format!("{rest}\r\n").into_bytes()),
        "B:" => Step::SendBytes(format!("{rest}\r\n").into_bytes()),
        "S!" => Step::Send(unescape(rest)),
        "C:" => Step::Expect(rest.to_owned()),
        "TLS" => Step::Tls(if rest.is_empty() { "good".to_owned() } else { rest.to_owned() }),
        "HELLO" => Step::Hello,
        "CLOSE" => Step::Close,
        "SILENCE" => Step::Silence,
        "DRIP" => Step::Drip(unescape(rest)),
        "FLOOD" => Step::Flood(unescape(rest)),
        "DISCARD" => Step::Discard,
        "MEANWHILE" => Step::Meanwhile,
        "PAUSE" => Step::Pause,
        _ => panic!("not a line of a script: {line}"),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend(c.to_string().into_bytes());
            continue;
        }
        match chars.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&hex, 16).expect("two hex digits"));
            }
            other => panic!("not an escape: {other:?}"),
        }
    }
    out
}

/// A stream of either kind, with what was read and not yet looked at.
struct Peer {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

async fn play(
    stream: TcpStream,
    script: Vec<Step>,
    certificates: &Certificates,
    seen: &Mutex<Seen>,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let mut peer = Peer { stream: Box::new(stream), input: Vec::new() };
    for step in script {
        match step {
            Step::Send(bytes) => {
                // The client may be gone by then, when it is meant to give up in mid-reply.
                if peer.write(&bytes).await.is_err() {
                    return Ok(());
                }
            }
            Step::SendBytes(bytes) => {
                for byte in bytes {
                    if peer.write(&[byte]).await.is_err() {
                        return Ok(());
                    }
                    tokio::task::yield_now().await;
                }
            }
            Step::Expect(pattern) if pattern == "<message>" => {
                let message = peer.message().await.map_err(|e| format!("wanted a message: {e}"))?;
                seen.lock().expect("unpoisoned").messages.push(message);
            }
            Step::Expect(pattern) if pattern == "<request>" => {
                peer.request().await.map_err(|e| format!("wanted a request: {e}"))?;
            }
            Step::Expect(pattern) => {
                let line = peer.line().await.map_err(|e| format!("wanted {pattern:?}: {e}"))?;
                if !matches(&pattern, &line) {
                    return Err(format!("wanted {pattern:?}, got {line:?}"));
                }
            }
            Step::Tls(kind) => {
                let acceptor = TlsAcceptor::from(certificates.server(&kind));
                match acceptor.accept(peer.stream).await {
                    Ok(stream) => peer = Peer { stream: Box::new(stream), input: Vec::new() },
                    Err(_) => return Ok(()),
                }
            }
            Step::Hello => {
                peer.read().await.map_err(|e| format!("wanted the first octets: {e}"))?;
                peer.input.clear();
            }
            Step::Close => {
                let _ = peer.stream.shutdown().await;
                return Ok(());
            }
            Step::Silence => break,
            Step::Drip(bytes) => {
                for byte in bytes.iter().cycle() {
                    if peer.write(&[*byte]).await.is_err() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Step::Flood(bytes) => while peer.write(&bytes).await.is_ok() {},
            Step::Pause => tokio::time::sleep(Duration::from_millis(100)).await,
            Step::Meanwhile => {
                let mut over = seen.lock().expect("unpoisoned").over.subscribe();
                let before = *over.borrow();
                let _ = over.wait_for(|&over| over > before).await;
            }
            Step::Discard => {
                // What was sent ahead is in the same segment as what was read last, or close behind.
                let _ = tokio::time::timeout(Duration::from_millis(200), peer.read()).await;
                peer.input.clear();
            }
        }
    }
    peer.input.clear();
    while peer.read().await.is_ok() {
        peer.input.clear();
    }
    Ok(())
}

impl Peer {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
                self.input.drain(..end + 2);
                return Ok(line);
            }
            self.read().await?;
        }
    }

    /// Reads an HTTP request with its body.
    async fn request(&mut self) -> io::Result<()> {
        let mut length = 0;
        loop {
            let line = self.line().await?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        while self.input.len() < length {
            self.read().await?;
        }
        self.input.drain(..length);
        Ok(())
    }

    /// Reads up to the final dot and undoes the doubling of dots. What may not leave is an error.
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                    break self.input.drain(..end + 2).collect::<Vec<u8>>();
                }
                self.read().await?;
            };
            let text = &line[..line.len() - 2];
            if text == b"." {
                return Ok(message);
            }
            if text.iter().any(|b| matches!(b, b'\r' | b'\n')) || text.len() > 999 {
                return Err(io::Error::other("a bare CR or LF, or a line too long"));
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

/// Whether the text matches a pattern in which `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| matches(tail, &rest[at..]))
        }),
    }
}
