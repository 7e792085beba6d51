//! Sums of times that have no failure.

use std::time::Duration;

use jiff::Timestamp;

/// The time so much later; the end of time when there is none.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
