//! The embedded relays' side of SMTP (RFC 5321): strict, because the tests take its 250 for proof that the
//! sender keeps to the protocol. It asks for TLS and authentication before it takes a mail, and stores the mails that it
//! took.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::certificates::Certificate;
use super::stream::{Line, Lines};
use crate::store::{CaughtMail, Store};

/// A mail of 25 MiB in base64, with its header.
pub(crate) const LARGEST_MESSAGE: usize = 36 * 1024 * 1024;
const LONGEST_COMMAND: usize = 2048;
/// RFC 4954 §4.
const LONGEST_AUTH: usize = 12_288;
/// RFC 5321 §4.5.3.1.6, CRLF included, and a stuffed dot.
const LONGEST_TEXT: usize = 1001;
const MOST_RECIPIENTS: usize = 100;
const MOST_AUTH_FAILURES: u32 = 3;
const HANDSHAKE: Duration = Duration::from_secs(30);

/// A relay's name, account and certificate.
pub(crate) struct Identity {
    pub(crate) name: &'static str,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) certificate: Certificate,
}

/// Whether TLS comes first or by STARTTLS.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    StartTls,
    Tls,
}

/// One connection from its beginning to its end. `signed_in` turns true when its client has signed in.
pub(crate) async fn serve(
    stream: TcpStream,
    mode: Mode,
    identity: &Identity,
    store: &Arc<Store>,
    signed_in: &AtomicBool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = match mode {
        Mode::StartTls => {
            let mut lines = Lines::new(stream);
            greet(&mut lines, identity);
            match Session::new(identity, store, false, signed_in).talk(&mut lines).await? {
                End::StartTls => lines.into_stream().await?,
                End::Closed => return lines.flush().await,
            }
        }
        Mode::Tls => stream,
    };
    let handshake =
        tokio::time::timeout(HANDSHAKE, identity.certificate.acceptor(store.now()).accept(stream));
    let mut lines = Lines::new(handshake.await.map_err(|_| io::ErrorKind::TimedOut)??);
    if matches!(mode, Mode::Tls) {
        greet(&mut lines, identity);
    }
    Session::new(identity, store, true, signed_in).talk(&mut lines).await?;
    lines.flush().await
}

fn greet<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<S>, identity: &Identity) {
    lines.reply(&format!("220 localhost ESMTP {} relay of Ownpost", identity.name));
}

/// How a talk ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    StartTls,
}

struct Sender {
    address: String,
    utf8: bool,
}

struct Session<'a> {
    identity: &'a Identity,
    store: &'a Arc<Store>,
    secure: bool,
    greeted: bool,
    authenticated: &'a AtomicBool,
    failures: u32,
    from: Option<Sender>,
    to: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(
        identity: &'a Identity,
        store: &'a Arc<Store>,
        secure: bool,
        authenticated: &'a AtomicBool,
    ) -> Self {
        Self {
            identity,
            store,
            secure,
            greeted: false,
            authenticated,
            failures: 0,
            from: None,
            to: Vec::new(),
        }
    }

    fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<S>) -> io::Result<End> {
        loop {
            let command = match lines.line(LONGEST_COMMAND).await? {
                Line::Text(command) => command,
                Line::TooLong | Line::TooLongBareLf => {
                    lines.reply("500 5.5.2 Line too long");
                    continue;
                }
                Line::BareCr | Line::BareLf => {
                    lines.reply("500 5.5.2 Lines end with CRLF");
                    continue;
                }
                Line::End => return Ok(End::Closed),
            };
            let Ok(command) = String::from_utf8(command) else {
                lines.reply("500 5.5.2 Commands are UTF-8");
                continue;
            };
            let (verb, rest) = command.split_once(' ').unwrap_or((&command, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.ehlo(lines, rest),
                "HELO" => lines.reply("502 5.5.1 EHLO, please"),
                "STARTTLS" if self.secure => lines.reply("503 5.5.1 TLS is on already"),
                "STARTTLS" if lines.has_ahead() => {
                    // Whatever follows STARTTLS in plaintext may be an attacker's (CVE-2011-0411).
                    lines.reply("554 5.5.0 Plaintext after STARTTLS");
                    return Ok(End::Closed);
                }
                "STARTTLS" => {
                    lines.reply("220 2.0.0 Ready to start TLS");
                    return Ok(End::StartTls);
                }
                "NOOP" => lines.reply("250 2.0.0 OK"),
                "RSET" => {
                    self.reset();
                    lines.reply("250 2.0.0 OK");
                }
                "QUIT" => {
                    lines.reply("221 2.0.0 Bye");
                    return Ok(End::Closed);
                }
                "AUTH" | "MAIL" | "RCPT" | "DATA" if !self.secure => {
                    lines.reply("530 5.7.0 Must issue a STARTTLS command first");
                }
                "AUTH" | "MAIL" | "RCPT" | "DATA" if !self.greeted => lines.reply("503 5.5.1 EHLO first"),
                "AUTH" => {
                    self.auth(lines, rest).await?;
                    if self.failures >= MOST_AUTH_FAILURES {
                        lines.reply("421 4.7.0 Too many failures");
                        return Ok(End::Closed);
                    }
                }
                "MAIL" | "RCPT" | "DATA" if !self.is_authenticated() => {
                    lines.reply("530 5.7.0 Authentication required");
                }
                "MAIL" => self.mail(lines, rest),
                "RCPT" => self.rcpt(lines, rest),
                "DATA" => self.data(lines).await?,
                "VRFY" => lines.reply("252 2.0.0 Send a mail, and see"),
                _ => lines.reply("500 5.5.1 Unknown command"),
            }
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn ehlo<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<S>, name: &str) {
        if name.trim().is_empty() {
            lines.reply("501 5.5.4 EHLO with your name");
            return;
        }
        self.reset();
        self.greeted = true;
        lines.reply("250-localhost");
        for keyword in ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"] {
            lines.reply(&format!("250-{keyword}"));
        }
        lines.reply(if self.secure { "250-AUTH PLAIN LOGIN" } else { "250-STARTTLS" });
        lines.reply(&format!("250 SIZE {LARGEST_MESSAGE}"));
    }

    async fn auth<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        lines: &mut Lines<S>,
        rest: &str,
    ) -> io::Result<()> {
        if self.is_authenticated() {
            lines.reply("503 5.5.1 Authenticated already");
            return Ok(());
        }
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.to_owned())),
            None => (rest, None),
        };
        let credentials = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = match initial {
                    Some(initial) => decode(&initial),
                    None => challenge(lines, "").await?,
                };
                response.and_then(|response| {
                    let mut parts = response.splitn(3, '\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let username = match initial {
                    Some(initial) => decode(&initial),
                    None => challenge(lines, "Username:").await?,
                };
                match username {
                    Some(username) => {
                        challenge(lines, "Password:").await?.map(|password| (username, password))
                    }
                    None => None,
                }
            }
            _ => {
                lines.reply("504 5.5.4 PLAIN and LOGIN");
                return Ok(());
            }
        };
        let Some((username, password)) = credentials else {
            lines.reply("501 5.5.2 Cancelled, or no base64");
            return Ok(());
        };
        if username == self.identity.username && password == self.identity.password {
            self.authenticated.store(true, Ordering::Relaxed);
            lines.reply("235 2.7.0 Authentication succeeded");
        } else {
            self.failures += 1;
            lines.reply("535 5.7.8 Username or password not accepted");
        }
        Ok(())
    }

    fn mail<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<S>, rest: &str) {
        if self.from.is_some() {
            lines.reply("503 5.5.1 One MAIL at a time");
            return;
        }
        let Some((address, parameters)) = path(rest, "FROM:") else {
            lines.reply("501 5.5.4 MAIL FROM:<address>");
            return;
        };
        let mut utf8 = false;
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" => match value.parse::<usize>() {
                    Ok(size) if size <= LARGEST_MESSAGE => {}
                    Ok(_) => {
                        lines.reply("552 5.3.4 Message too big");
                        return;
                    }
                    Err(_) => {
                        lines.reply("501 5.5.4 SIZE is a number");
                        return;
                    }
                },
                "BODY" if ["7BIT", "8BITMIME"].contains(&value.to_ascii_uppercase().as_str()) => {}
                "SMTPUTF8" if value.is_empty() => utf8 = true,
                "AUTH" => {}
                _ => {
                    lines.reply("555 5.5.4 Parameter not recognised");
                    return;
                }
            }
        }
        if !address.is_empty() && !plausible(address) {
            lines.reply("553 5.1.7 No usable address");
        } else if !address.is_ascii() && !utf8 {
            lines.reply("553 5.6.7 Non-ASCII address without SMTPUTF8");
        } else {
            self.from = Some(Sender { address: address.to_owned(), utf8 });
            lines.reply("250 2.1.0 Sender OK");
        }
    }

    fn rcpt<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<S>, rest: &str) {
        let Some(from) = &self.from else {
            lines.reply("503 5.5.1 MAIL first");
            return;
        };
        match path(rest, "TO:") {
            None => lines.reply("501 5.5.4 RCPT TO:<address>"),
            Some((_, parameters)) if !parameters.trim().is_empty() => {
                lines.reply("555 5.5.4 Parameter not recognised");
            }
            Some((address, _)) if !plausible(address) => lines.reply("553 5.1.3 No usable address"),
            Some((address, _)) if !address.is_ascii() && !from.utf8 => {
                lines.reply("553 5.6.7 Non-ASCII address without SMTPUTF8");
            }
            Some(_) if self.to.len() >= MOST_RECIPIENTS => lines.reply("452 4.5.3 Too many recipients"),
            Some((address, _)) => {
                self.to.push(address.to_owned());
                lines.reply("250 2.1.5 Recipient OK");
            }
        }
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<S>) -> io::Result<()> {
        let Some(from) = self.from.take() else {
            lines.reply("503 5.5.1 MAIL first");
            return Ok(());
        };
        if self.to.is_empty() {
            lines.reply("554 5.5.1 No valid recipients");
            return Ok(());
        }
        lines.reply("354 End data with <CR><LF>.<CR><LF>");
        let mut data = Vec::new();
        let mut refused = None;
        // Only a dot between two CRLF ends the message; after a bare LF it would be a way to smuggle another.
        let mut after_crlf = true;
        loop {
            let line = lines.line(LONGEST_TEXT).await?;
            let ends_with_crlf = !matches!(line, Line::BareLf | Line::TooLongBareLf);
            let was_after_crlf = std::mem::replace(&mut after_crlf, ends_with_crlf);
            match line {
                Line::Text(text) if text == b"." && was_after_crlf => break,
                Line::Text(text) => {
                    if refused.is_none() && data.len() + text.len() + 2 > LARGEST_MESSAGE {
                        refused = Some("552 5.3.4 Message too big");
                        data = Vec::new();
                    }
                    if refused.is_none() {
                        data.extend_from_slice(text.strip_prefix(b".").unwrap_or(&text));
                        data.extend_from_slice(b"\r\n");
                    }
                }
                // The rest is read to its end, and thrown away.
                Line::TooLong | Line::TooLongBareLf => {
                    refused = Some("554 5.6.0 A line has more than 998 octets");
                }
                Line::BareCr | Line::BareLf => refused = Some("554 5.6.0 A bare CR or LF"),
                Line::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let to = std::mem::take(&mut self.to);
        if let Some(refused) = refused {
            lines.reply(refused);
            return Ok(());
        }
        let mail = CaughtMail { relay: self.identity.name, from: from.address, to, data };
        match self.store.catch(mail).await {
            Ok(id) => lines.reply(&format!("250 2.0.0 Caught as {id}")),
            Err(error) => {
                tracing::error!(%error, "a mail could not be kept");
                lines.reply("451 4.3.0 Could not keep it");
            }
        }
        Ok(())
    }
}

/// Sends a challenge, and decodes the client's response.
async fn challenge<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    prompt: &str,
) -> io::Result<Option<String>> {
    lines.reply(&format!("334 {}", STANDARD.encode(prompt)));
    Ok(match lines.line(LONGEST_AUTH).await? {
        Line::Text(text) => std::str::from_utf8(&text).ok().and_then(decode),
        _ => None,
    })
}

fn decode(text: &str) -> Option<String> {
    // "=" stands for an empty initial response (RFC 4954 §4).
    let text = if text == "=" { "" } else { text };
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// The address in `FROM:<address> parameters`, and the parameters.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (start, path) = rest.split_at_checked(keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let path = path.trim_start().strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = path.find(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == '>' && !quoted,
        }
        false
    })?;
    let (address, parameters) = (&path[..end], &path[end + 1..]);
    if parameters.is_empty() || parameters.starts_with(' ') { Some((address, parameters)) } else { None }
}

/// Enough of an address to be kept: this relay delivers nowhere.
fn plausible(address: &str) -> bool {
    let sides = address.rsplit_once('@');
    let shaped = sides.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    shaped && address.len() <= 320 && !address.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
