//! Sums of times that have no failure.

use std::time::Duration;

use jiff::Timestamp;

/// The wait after so many doublings of the first one, up to the longest.
pub(crate) fn doubled(first: Duration, doublings: u32, longest: Duration) -> Duration {
    (first * 2_u32.pow(doublings.min(8))).min(longest)
}

/// The time so much later; the end of time when there is none.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
