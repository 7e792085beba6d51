//! Sums of times that have no failure, and comparisons that a clock which goes back does not mislead.

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

/// Whether `at` is still to come, which was at most so far ahead when it was chosen. One that lies further ahead is of a clock
/// that has gone back since, and over.
pub fn is_to_come(at: Timestamp, longest: Duration, now: Timestamp) -> bool {
    now < at && at <= later(now, longest + CLOCKS_DIFFER)
}

/// Whether less time than this has passed since `at`. What is of the future is of a clock that has gone back since, and old.
pub fn is_younger(at: Timestamp, than: Duration, now: Timestamp) -> bool {
    now < later(at, than) && at <= later(now, CLOCKS_DIFFER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clock_that_was_ahead_has_written_is_over_and_old() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let hour = Duration::from_hours(1);
        for (ahead, to_come) in
            [(-1, false), (0, false), (1, true), (3600, true), (3660, true), (3661, false)]
        {
            assert_eq!(is_to_come(at(ahead), hour, at(0)), to_come, "{ahead}");
        }
        for (ahead, younger) in [(-3600, false), (-3599, true), (0, true), (60, true), (61, false)] {
            assert_eq!(is_younger(at(ahead), hour, at(0)), younger, "{ahead}");
        }
    }
}
