//! The byte pump: replies in within their bounds, one write a group out. Everything that waits has a deadline.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::redact::Redactor;
use super::reply::{MAX_LINE, RawReply, ReplyParser, Unreadable, split};
use super::transcript::Transcript;
use crate::domain::failure::Reply;
use crate::wire::test_report::Speaker;

/// Why no reply came, or a write did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The server closed the connection, or it broke.
    Closed,
    /// The deadline passed.
    Timeout,
    /// What came is no reply.
    Malformed,
    /// What came is beyond the limits.
    TooLong,
}

impl From<Unreadable> for ReadError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => Self::Malformed,
            Unreadable::TooLong => Self::TooLong,
        }
    }
}

/// A connection as lines. Dropping it in mid-reply loses the replies' step, so whoever cancels must drop it.
pub(crate) struct Connection<S> {
    stream: S,
    input: Vec<u8>,
    /// What of `input` is taken already.
    taken: usize,
    parser: ReplyParser,
    redactor: Redactor,
    transcript: Option<Transcript>,
}

/// How much is read at once. A pipelined group's replies fit.
const READ: usize = 4096;
/// The most plaintext that one TLS record holds (RFC 8446 §5.1).
const TLS_RECORD: usize = 16 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes the stream over.
    pub(crate) fn new(stream: S, redactor: Redactor, transcript: Option<Transcript>) -> Self {
        let input = Vec::with_capacity(READ);
        Self { stream, input, taken: 0, parser: ReplyParser::default(), redactor, transcript }
    }

    /// Gives the stream back for a TLS handshake; `None` when the server has sent something unasked, which must
    /// not be taken for words of the encrypted side.
    pub(crate) fn into_stream(self) -> Option<(S, Redactor, Option<Transcript>)> {
        (!self.has_input()).then_some((self.stream, self.redactor, self.transcript))
    }

    /// Adds a secret that was learnt after the connection was opened.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.redactor.add(secret);
    }

    /// The text as a report may show it.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    /// The greeting was valid: the transcript may show the server's words.
    pub(crate) fn greeted(&self) {
        if let Some(transcript) = &self.transcript {
            transcript.greeted();
        }
    }

    /// Writes one command with CRLF, shown as it is.
    pub(crate) async fn command(&mut self, line: &str, until: Instant) -> Result<(), ReadError> {
        self.record(line);
        self.write(format!("{line}\r\n").as_bytes(), until).await
    }

    /// Writes one line with CRLF, of which the transcript shows only `shown`.
    pub(crate) async fn secret(&mut self, line: &str, shown: &str, until: Instant) -> Result<(), ReadError> {
        self.record(shown);
        let line = zeroize::Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes(), until).await
    }

    /// Notes what we say.
    pub(crate) fn record(&self, line: &str) {
        if let Some(transcript) = &self.transcript {
            transcript.add(Speaker::Client, &self.redactor.clean(line));
        }
    }

    /// Whether anybody reads the notes.
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
            Ok(Err(_)) => Err(ReadError::Closed),
            Err(_) => Err(ReadError::Timeout),
        }
    }

    /// Writes a group whose octet at `last` is a mail's last: its final dot, or the end of its last chunk. On failure
    /// also says whether that octet may have left.
    pub(crate) async fn write_with_end(
        &mut self,
        bytes: &[u8],
        last: usize,
        until: Instant,
    ) -> Result<(), (ReadError, bool)> {
        // A TLS record or a segment may be half out when an error is reported, so whatever goes with that octet in
        // one record counts as having left with it. What fits more than one record goes ahead without it.
        let ahead = last.min(bytes.len().saturating_sub(TLS_RECORD));
        if ahead > 0 {
            self.write(&bytes[..ahead], until).await.map_err(|error| (error, false))?;
        }
        self.write(&bytes[ahead..], until).await.map_err(|error| (error, true))
    }

    /// Waits until `until` for the server to speak or close, when it has no reason to. `true` when the
    /// connection is still quiet, which is what it should be.
    pub(crate) async fn is_quiet(&mut self, until: Instant) -> bool {
        timeout_at(until, self.unasked()).await.is_err()
    }

    /// The same without waiting: whether nothing has come so far.
    pub(crate) async fn is_quiet_now(&mut self) -> bool {
        !is_ready_now(self.unasked()).await
    }

    /// Whether more than this many replies have come so far, without waiting: the last of them answers nothing that
    /// was asked. To be called between replies.
    pub(crate) async fn has_more_replies_than(&mut self, replies: usize) -> bool {
        if self.input.len() - self.taken <= MAX_LINE + 2 {
            is_ready_now(self.fill()).await;
        }
        let lines = self.input[self.taken..].split_inclusive(|&byte| byte == b'\n');
        lines.filter(|line| line.ends_with(b"\n") && line.get(3) != Some(&b'-')).count() > replies
    }

    /// Ends when the server speaks or closes.
    async fn unasked(&mut self) {
        if !self.has_input() {
            self.input.clear();
            self.taken = 0;
            let _ = self.stream.read_buf(&mut self.input).await;
        }
    }

    /// Whether the server has said more than was asked.
    pub(crate) fn has_input(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Reads one reply.
    pub(crate) async fn raw_reply(&mut self, until: Instant) -> Result<RawReply, ReadError> {
        match timeout_at(until, self.read_reply()).await {
            Ok(result) => result,
            Err(_) => Err(ReadError::Timeout),
        }
    }

    /// Reads one reply, its text without secrets.
    pub(crate) async fn reply(&mut self, until: Instant) -> Result<Reply, ReadError> {
        let mut reply = self.raw_reply(until).await?.into_reply();
        reply.text = self.redactor.clean(&reply.text);
        Ok(reply)
    }

    /// Reads one reply. When its code is in `wanted` the code alone is given: nobody reads the words with which a
    /// server agrees, and putting them together would be most of the work for a mail.
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
                // A bare LF ends a line too: old servers write it, and nothing can hide behind it here.
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if let Some(transcript) = &self.transcript {
                    transcript.add(Speaker::Server, &self.redactor.clean(&shown(line)));
                }
                let result = self.parser.push(line);
                self.taken += end + 1;
                if let Some(reply) = result? {
                    return Ok(reply);
                }
            }
            self.fill().await?;
        }
    }

    /// Reads what comes next of a line whose end is not there yet.
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
                Err(_) => return Err(ReadError::Closed),
            }
        }
    }

    /// Says goodbye without waiting for the answer.
    pub(crate) async fn quit(mut self, until: Instant) {
        if self.command("QUIT", until).await.is_ok() {
            let _ = timeout_at(until, self.stream.shutdown()).await;
        }
    }
}

/// Goes on with the future as far as it gets without waiting: whether that is its end.
async fn is_ready_now(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

/// The code of a reply of one line at the beginning of the input, and where it ends.
fn one_line(input: &[u8]) -> Option<(u16, usize)> {
    let end = memchr::memchr(b'\n', input)?;
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let (code, more, _) = split(line)?;
    (!more && line.len() <= MAX_LINE).then_some((code, end + 1))
}

/// A server's line as the transcript shows it: a challenge may hold anything, so only its code is shown.
fn shown(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    if line.starts_with("334") && line.len() > 4 { "334 <redacted>".to_owned() } else { line.into_owned() }
}
