//! Lines in, replies out: bounded, and written in one go when the client waits.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// RFC 5321 §4.5.3.2.7: a server waits five minutes for the next command.
const PATIENCE: Duration = Duration::from_mins(5);
const READ_BYTES: usize = 16 * 1024;

/// A line as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its CRLF.
    Text(Vec<u8>),
    /// Longer than allowed, with CRLF at its end; it was read to there and dropped.
    TooLong,
    /// Longer than allowed, with an LF without CR at its end.
    TooLongBareLf,
    /// It ends with CRLF, and holds another CR.
    BareCr,
    /// It ends with an LF without CR.
    BareLf,
    /// The client has closed the connection.
    End,
}

/// A connection's stream with the octets read ahead and the replies not yet written.
pub(crate) struct Lines<S> {
    stream: S,
    /// Wiped in the end: AUTH's lines are in it.
    ahead: Zeroizing<Vec<u8>>,
    start: usize,
    replies: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, ahead: Zeroizing::default(), start: 0, replies: Vec::new() }
    }

    /// Queues a reply; it leaves before the next wait.
    pub(crate) fn reply(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Whether the client has sent more than what was read.
    pub(crate) fn has_ahead(&self) -> bool {
        self.start < self.ahead.len()
    }

    /// Writes the queued replies, and gives the stream back.
    pub(crate) async fn into_stream(mut self) -> io::Result<S> {
        self.flush().await?;
        Ok(self.stream)
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            let written = timeout(PATIENCE, async {
                self.stream.write_all(&self.replies).await?;
                self.stream.flush().await
            });
            written.await.map_err(|_| io::ErrorKind::TimedOut)??;
            self.replies.clear();
        }
        Ok(())
    }

    /// Reads more; `false` at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        self.flush().await?;
        self.ahead.drain(..self.start);
        self.start = 0;
        self.ahead.reserve(READ_BYTES);
        let read = timeout(PATIENCE, self.stream.read_buf(&mut *self.ahead));
        Ok(read.await.map_err(|_| io::ErrorKind::TimedOut)?? > 0)
    }

    /// The next line of at most `limit` octets, CRLF included.
    pub(crate) async fn line(&mut self, limit: usize) -> io::Result<Line> {
        let mut line = Vec::new();
        let (mut too_long, mut before_lf) = (false, 0);
        loop {
            let ahead = &self.ahead[self.start..];
            let end = ahead.iter().position(|octet| *octet == b'\n');
            let taken = end.map_or(ahead.len(), |end| end + 1);
            before_lf = ahead[..end.unwrap_or(taken)].last().copied().unwrap_or(before_lf);
            if line.len() + taken > limit {
                too_long = true;
                line.clear();
            } else {
                line.extend_from_slice(&ahead[..taken]);
            }
            self.start += taken;
            if end.is_some() {
                break;
            }
            if !self.fill().await? {
                return Ok(Line::End);
            }
        }
        if too_long {
            return Ok(if before_lf == b'\r' { Line::TooLong } else { Line::TooLongBareLf });
        }
        match line.strip_suffix(b"\r\n") {
            None => Ok(Line::BareLf),
            Some(text) if text.contains(&b'\r') => Ok(Line::BareCr),
            Some(text) => Ok(Line::Text(text.to_vec())),
        }
    }
}
