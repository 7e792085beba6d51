//! Sums of times that have no failure.

use std::time::Duration;

use jiff::Timestamp;

/// The wait after so many doublings of the first one, up to the longest.
pub(crate) fn doubled(first: Duration, doublings: u32, longest: Duration) -> Duration {
    (first * 2_u32.pow(doublings.min(8))).min(longest)
}

/// How far the clocks of two senders differ at most. A time that lies further ahead, and that nobody can have meant, is of a
/// clock that has gone back since.
pub const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// The time so much later; the end of time when there is none.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
