//! The transcript of a test: the lines of both sides, bounded and without secrets.

use std::sync::{Arc, Mutex, PoisonError};

use ownpost_domain::report::{Speaker, TranscriptLine};
use smtp_rules::shown::deceives;
use tokio::time::Instant;

use super::redact::REDACTED;

/// The most octets of text a transcript keeps; with JSON's escapes and the rest of the report this stays well
/// below the megabyte that a report may have.
const MAX_OCTETS: usize = 128 * 1024;
/// The most lines in a transcript.
const MAX_LINES: usize = 1000;
/// The most characters of a line that are shown.
const MAX_LINE: usize = 1024;

/// A transcript that several connections write to, in the order of events.
#[derive(Clone)]
pub(crate) struct Transcript(Arc<Mutex<Inner>>);

struct Inner {
    start: Instant,
    lines: Vec<TranscriptLine>,
    octets: usize,
    /// Lines of the server that wait for a valid greeting.
    withheld: Vec<TranscriptLine>,
    greeted: bool,
}

impl Transcript {
    /// Makes an empty transcript whose times count from `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            start,
            lines: Vec::new(),
            octets: 0,
            withheld: Vec::new(),
            greeted: false,
        })))
    }

    /// Adds a line. Its secrets have been taken out before.
    pub(crate) fn add(&self, from: Speaker, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.octets > MAX_OCTETS || inner.lines.len() >= MAX_LINES {
            return;
        }
        let mut shown: String = line.chars().filter(|c| !deceives(*c)).take(MAX_LINE).collect();
        if line.chars().nth(MAX_LINE).is_some() {
            shown.push('…');
        }
        inner.octets += shown.len() + 32;
        let ms = milliseconds(inner.start.elapsed());
        let line = TranscriptLine { ms, from, line: shown };
        // Until the greeting was valid, the server's lines are withheld: the test must not show the answers of a service
        // that is no mail server.
        if from == Speaker::Server && !inner.greeted {
            inner.withheld.push(line);
        } else {
            inner.lines.push(line);
        }
    }

    /// Shows the lines withheld so far, once the greeting was valid.
    pub(crate) fn greeted(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.greeted = true;
        let withheld = std::mem::take(&mut inner.withheld);
        inner.lines.extend(withheld);
    }

    /// Replaces the server's last lines, so many of them, by the reply's code alone.
    pub(crate) fn redact_last(&self, count: usize, code: u16) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { lines, withheld, .. } = &mut *inner;
        let servers = withheld.iter_mut().rev().chain(lines.iter_mut().rev());
        for line in servers.filter(|line| line.from == Speaker::Server).take(count) {
            line.line = format!("{code} {REDACTED}");
        }
    }

    /// Takes all lines out.
    pub(crate) fn take(&self) -> Vec<TranscriptLine> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).lines)
    }
}

/// The duration in milliseconds, with one decimal.
pub(crate) fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
