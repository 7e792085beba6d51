//! What was said, line by line, for the report. Bounded; secrets never get in.

use std::sync::{Arc, Mutex, PoisonError};

use ownpost_domain::report::{Speaker, TranscriptLine};
use tokio::time::Instant;

/// The most octets of text a transcript keeps; with JSON's escapes and the rest of the report this stays well
/// below the megabyte that a report may have.
const MAX_OCTETS: usize = 128 * 1024;
/// The most lines.
const MAX_LINES: usize = 1000;
/// The longest line shown.
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
    /// Begins now.
    pub(crate) fn new(start: Instant) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            start,
            lines: Vec::new(),
            octets: 0,
            withheld: Vec::new(),
            greeted: false,
        })))
    }

    /// Adds a line, already without secrets.
    pub(crate) fn add(&self, from: Speaker, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.octets > MAX_OCTETS || inner.lines.len() >= MAX_LINES {
            return;
        }
        let mut shown: String = line.chars().filter(|c| !c.is_control()).take(MAX_LINE).collect();
        if line.chars().nth(MAX_LINE).is_some() {
            shown.push('…');
        }
        inner.octets += shown.len() + 32;
        let ms = milliseconds(inner.start.elapsed());
        let line = TranscriptLine { ms, from, line: shown };
        // Until the greeting is known to be valid, nothing that the server said is shown: whatever answers on
        // that port, the test is no way to read it.
        if from == Speaker::Server && !inner.greeted {
            inner.withheld.push(line);
        } else {
            inner.lines.push(line);
        }
    }

    /// The greeting was valid: what the server said until now may be shown.
    pub(crate) fn greeted(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.greeted = true;
        let withheld = std::mem::take(&mut inner.withheld);
        inner.lines.extend(withheld);
    }

    /// All lines.
    pub(crate) fn take(&self) -> Vec<TranscriptLine> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).lines)
    }
}

/// Milliseconds with one decimal.
pub(crate) fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
