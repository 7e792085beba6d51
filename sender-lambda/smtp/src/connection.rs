//! A connection's bytes: reads replies within fixed bounds, writes each group of commands at once. Every wait has a
//! deadline.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::task::Poll;

use ownpost_domain::failure::Reply;
use ownpost_domain::report::Speaker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::redact::{REDACTED, Redactor};
use super::reply::{MAX_LINE, RawReply, ReplyParser, Unreadable, split};
use super::tls;
use super::transcript::Transcript;

/// Why no reply could be read, or a write failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The server closed the connection, or it broke.
    Closed,
    /// The deadline passed.
    Timeout,
    /// The server sent something that is no reply.
    Malformed,
    /// The server's line or reply is beyond the limits.
    TooLong,
    /// The server has ended the TLS connection because it wants a certificate of ours.
    CertificateWanted,
    /// What came is no TLS any more, or does not decrypt.
    NotEncrypted,
}

impl ReadError {
    fn of(error: &io::Error) -> Self {
        if tls::wants_certificate(error) {
            Self::CertificateWanted
        } else if tls::is_broken(error) {
            Self::NotEncrypted
        } else {
            Self::Closed
        }
    }
}

/// Why a message could not be written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyWriteError {
    /// The message's last octet has not left: the server cannot have the mail.
    Incomplete(ReadError),
    /// The server has spoken or closed before the last octet left: it cannot have the mail.
    Interrupted,
    /// The message's last octet may have left.
    InDoubt,
}

impl From<Unreadable> for ReadError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => Self::Malformed,
            Unreadable::TooLong => Self::TooLong,
        }
    }
}

/// A connection to a server, read and written as lines.
///
/// Its reads are not cancel-safe: after a cancelled read the replies no longer match the commands, so the connection must
/// be dropped.
pub(crate) struct Connection<S> {
    stream: S,
    input: Vec<u8>,
    /// How many octets of `input` have been read as replies.
    taken: usize,
    parser: ReplyParser,
    redactor: Redactor,
    transcript: Option<Transcript>,
}

/// The octets read at once: enough for the replies to a pipelined group.
const READ: usize = 4096;
/// The most plaintext that one TLS record holds (RFC 8446 §5.1).
const TLS_RECORD: usize = 16 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Reads and writes lines over this stream.
    pub(crate) fn new(stream: S, redactor: Redactor, transcript: Option<Transcript>) -> Self {
        let input = Vec::with_capacity(READ);
        Self { stream, input, taken: 0, parser: ReplyParser::default(), redactor, transcript }
    }

    /// Gives the stream back for a TLS handshake. `None` when unread input is left: the server sent it in plaintext, and
    /// it must not count as sent after the handshake.
    pub(crate) fn into_stream(self) -> Option<(S, Redactor, Option<Transcript>)> {
        (!self.has_input()).then_some((self.stream, self.redactor, self.transcript))
    }

    /// Hides a secret that was learnt after the connection was opened, such as an access token.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.redactor.add(secret);
    }

    /// The text as a report may show it.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    /// Lets the transcript show the server's lines, once its greeting was valid.
    pub(crate) fn greeted(&self) {
        if let Some(transcript) = &self.transcript {
            transcript.greeted();
        }
    }

    /// Writes one command with CRLF. The transcript shows it as it is.
    pub(crate) async fn command(&mut self, line: &str, until: Instant) -> Result<(), ReadError> {
        self.record(line);
        self.write(format!("{line}\r\n").as_bytes(), until).await
    }

    /// Writes one line with CRLF. The transcript shows `shown` in its place.
    pub(crate) async fn secret(&mut self, line: &str, shown: &str, until: Instant) -> Result<(), ReadError> {
        self.record(shown);
        if shown != line {
            self.redactor.add_sent(line);
        }
        let line = zeroize::Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes(), until).await
    }

    /// Adds a line of the client to the transcript, if there is one.
    pub(crate) fn record(&self, line: &str) {
        if let Some(transcript) = &self.transcript {
            transcript.add(Speaker::Client, &self.redactor.clean(line));
        }
    }

    /// Whether there is a transcript.
    pub(crate) fn is_recording(&self) -> bool {
        self.transcript.is_some()
    }

    /// Writes bytes as one group and flushes.
    pub(crate) async fn write(&mut self, bytes: &[u8], until: Instant) -> Result<(), ReadError> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(until, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ReadError::of(&error)),
            Err(_) => Err(ReadError::Timeout),
        }
    }

    /// Writes a group that holds a message's last octet (its final dot) at `last`.
    pub(crate) async fn write_with_end(
        &mut self,
        bytes: &[u8],
        last: usize,
        until: Instant,
    ) -> Result<(), BodyWriteError> {
        // When a write fails, any part of a TLS record or segment may have left. So the last octet counts as having left
        // with everything in its record, and the octets that do not fit into that record are written before it.
        let ahead = last.min(bytes.len().saturating_sub(TLS_RECORD));
        if ahead > 0 {
            self.write(&bytes[..ahead], until).await.map_err(BodyWriteError::Incomplete)?;
        }
        self.write(&bytes[ahead..], until).await.map_err(|_| BodyWriteError::InDoubt)
    }

    /// Waits until `until` for the server to send something unsolicited or to close. `true` when it has done neither.
    pub(crate) async fn is_quiet(&mut self, until: Instant) -> bool {
        timeout_at(until, self.unsolicited()).await.is_err()
    }

    /// Whether the server has sent nothing and not closed so far. Does not wait.
    pub(crate) async fn is_quiet_now(&mut self) -> bool {
        !is_ready_now(self.unsolicited()).await
    }

    /// Ends when the server sends something or closes.
    async fn unsolicited(&mut self) {
        if !self.has_input() {
            self.input.clear();
            self.taken = 0;
            let _ = self.stream.read_buf(&mut self.input).await;
        }
    }

    /// Whether a reply has begun that has not ended: a greeting, by its code.
    pub(crate) fn has_begun_greeting(&self) -> bool {
        !self.parser.is_between_replies() || self.input[self.taken..].starts_with(b"220")
    }

    /// Whether the server has sent more than has been read as replies.
    pub(crate) fn has_input(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Waits for the server's first octets.
    pub(crate) async fn wait_for_input(&mut self, until: Instant) -> Result<(), ReadError> {
        if self.has_input() {
            return Ok(());
        }
        timeout_at(until, self.fill()).await.unwrap_or(Err(ReadError::Timeout))
    }

    /// Reads one reply as it stands on the wire.
    pub(crate) async fn raw_reply(&mut self, until: Instant) -> Result<RawReply, ReadError> {
        match timeout_at(until, self.read_reply()).await {
            Ok(result) => result,
            Err(_) => Err(ReadError::Timeout),
        }
    }

    /// Reads one reply and takes the secrets out of its text.
    pub(crate) async fn reply(&mut self, until: Instant) -> Result<Reply, ReadError> {
        let mut reply = self.raw_reply(until).await?.into_reply();
        reply.text = self.redactor.clean(&reply.text);
        Ok(reply)
    }

    /// Reads one reply, and gives only its code when that is in `wanted`. The text of a positive reply is not needed, and
    /// to build it would be most of the work for a mail.
    pub(crate) async fn expect(
        &mut self,
        wanted: &RangeInclusive<u16>,
        until: Instant,
    ) -> Result<Result<u16, Reply>, ReadError> {
        if self.transcript.is_none() && self.parser.is_between_replies() {
            while memchr::memchr(b'\n', &self.input[self.taken..]).is_none() {
                timeout_at(until, self.fill()).await.unwrap_or(Err(ReadError::Timeout))?;
            }
            if let Some((code, end)) = one_line(&self.input[self.taken..])
                && wanted.contains(&code)
            {
                self.taken += end;
                return Ok(Ok(code));
            }
        }
        let reply = self.reply(until).await?;
        Ok(if wanted.contains(&reply.code) { Ok(reply.code) } else { Err(reply) })
    }

    async fn read_reply(&mut self) -> Result<RawReply, ReadError> {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.input[self.taken..]) {
                let line = &self.input[self.taken..self.taken + end];
                // A bare LF ends a line too, and so does CR CR LF: odd servers write them, and in a reply they do no harm.
                let line = without_cr(line);
                if let Some(transcript) = &self.transcript {
                    transcript.add(Speaker::Server, &self.redactor.clean(&shown(line)));
                }
                let result = self.parser.push(line);
                self.taken += end + 1;
                if let Some(reply) = result? {
                    self.redact_over_lines(&reply);
                    return Ok(reply);
                }
            }
            self.fill().await?;
        }
    }

    /// Takes a reply's lines out of the transcript when a secret is in all of them together and in none alone.
    fn redact_over_lines(&self, reply: &RawReply) {
        let Some(transcript) = self.transcript.as_ref().filter(|_| reply.lines.len() > 1) else { return };
        if self.redactor.clean(&reply.lines.join("\n")) == REDACTED {
            transcript.redact_last(reply.lines.len(), reply.code);
        }
    }

    /// Reads more of a line whose end has not arrived yet.
    async fn fill(&mut self) -> Result<(), ReadError> {
        if self.input.len() - self.taken > MAX_LINE + 2 {
            return Err(ReadError::TooLong);
        }
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        self.input.reserve(READ);
        loop {
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return Err(ReadError::Closed),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::of(&error)),
            }
        }
    }

    /// Sends QUIT and closes, without waiting for the reply.
    pub(crate) async fn quit(mut self, until: Instant) {
        if self.command("QUIT", until).await.is_ok() {
            let _ = timeout_at(until, self.stream.shutdown()).await;
        }
    }
}

/// A line without the CRs at its end.
fn without_cr(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = line {
        line = rest;
    }
    line
}

/// Polls the future once: whether it is ready.
async fn is_ready_now(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

/// The code of a one-line reply at the beginning of the input, and the index behind its line end.
fn one_line(input: &[u8]) -> Option<(u16, usize)> {
    let end = memchr::memchr(b'\n', input)?;
    let line = without_cr(&input[..end]);
    let (code, more, _) = split(line)?;
    (!more && line.len() <= MAX_LINE).then_some((code, end + 1))
}

/// A server's line as the transcript shows it. Of a challenge only the code is shown, as its text may hold a secret.
fn shown(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    if line.starts_with("334") && line.len() > 4 { "334 <redacted>".to_owned() } else { line.into_owned() }
}
