//! When to warn that a relay's certificate expires.

use jiff::{SignedDuration, Timestamp};

/// The days before the end at which a warning is due.
const DAYS: [u32; 3] = [1, 7, 30];

/// The warning that is due at `now`: the smallest of the days that are left or fewer, unless that one (or a
/// later one) has been given already.
pub fn warning(not_after: Timestamp, now: Timestamp, given: Option<u32>) -> Option<u32> {
    let left = not_after.duration_since(now);
    let days = DAYS.into_iter().find(|days| left <= SignedDuration::from_hours(i64::from(*days) * 24))?;
    (given.is_none_or(|given| days < given)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once() {
        let end = Timestamp::from_second(100 * 86_400).unwrap();
        for (day, given, expected) in [
            (0, None, None),
            (69, None, None),
            (70, None, Some(30)),
            (71, Some(30), None),
            (93, Some(30), Some(7)),
            (93, Some(7), None),
            (99, Some(7), Some(1)),
            (99, None, Some(1)),
            (101, Some(1), None),
        ] {
            let now = Timestamp::from_second(day * 86_400).unwrap();
            assert_eq!(warning(end, now, given), expected, "day {day}, {given:?}");
        }
    }
}
