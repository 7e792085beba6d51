//! When to warn that something ends: a relay's certificate, a client secret, a grant.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The days before the end at which a warning is due.
const DAYS: [u32; 3] = [1, 7, 30];

/// The warning that is due at `now`: the smallest of the days that are left or fewer, unless that one (or a
/// later one) has been given already.
pub fn warning(not_after: Timestamp, now: Timestamp, given: Option<u32>) -> Option<u32> {
    let left = not_after.duration_since(now);
    let days = DAYS.into_iter().find(|days| left <= SignedDuration::from_hours(i64::from(*days) * 24))?;
    (given.is_none_or(|given| days < given)).then_some(days)
}

/// The end of a grant, as a token endpoint says it in each answer. With most providers it moves with each use, and the grant
/// lives for ever; with some (an application of Google's in testing, an access for a limited time) it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEnd {
    /// When this end was said first, in seconds since 1970.
    seen: u64,
    /// The end, in seconds since 1970.
    at: u64,
    /// Whether a later answer has said the same.
    stands: bool,
}

/// Two answers that are nearer than this say nothing about whether the end moves, in seconds.
const TOO_SOON: u64 = 60;

impl GrantEnd {
    /// What is known after an answer at `now` that gives the grant `life` more seconds. An answer that gives no life leaves
    /// what is known, unless it brings a new refresh token, whose life nobody knows then.
    pub fn after(known: Option<Self>, now: u64, life: Option<u64>, new_token: bool) -> Option<Self> {
        let Some(life) = life.filter(|life| *life > 0) else { return known.filter(|_| !new_token) };
        let at = now.saturating_add(life);
        let fresh = Self { seen: now, at, stands: false };
        let Some(known) = known else { return Some(fresh) };
        let passed = now.saturating_sub(known.seen);
        if at.saturating_add(TOO_SOON) < known.at {
            // Sooner than it was said: a policy was changed.
            return Some(fresh);
        }
        if passed < TOO_SOON {
            return Some(known);
        }
        Some(if at <= known.at.saturating_add(passed / 2) { Self { stands: true, ..known } } else { fresh })
    }

    /// The end, where using the grant does not move it.
    pub fn that_stands(self) -> Option<Timestamp> {
        let at = i64::try_from(self.at).ok().filter(|_| self.stands)?;
        Timestamp::from_second(at).ok()
    }
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

    /// The end that stands after these answers: when, the life that it says, whether it has a new refresh token.
    fn end(answers: &[(u64, Option<u64>, bool)]) -> Option<i64> {
        let known =
            answers.iter().fold(None, |known, (now, life, new)| GrantEnd::after(known, *now, *life, *new));
        known.and_then(GrantEnd::that_stands).map(Timestamp::as_second)
    }

    #[test]
    fn an_end_that_moves_with_each_use_is_none() {
        let week = Some(604_800);
        assert_eq!(end(&[(0, week, true)]), None, "one answer does not tell");
        assert_eq!(end(&[(0, week, true), (3600, week, true), (7200, week, true)]), None);
        assert_eq!(end(&[(0, week, true), (2, Some(604_798), true)]), None, "too soon to tell");
        assert_eq!(end(&[(0, week, false), (3600, Some(601_199), false)]), Some(604_800), "it stands");
        let stands = [(0, week, false), (3600, Some(601_201), false), (7200, Some(597_602), false)];
        assert_eq!(end(&stands), Some(604_800), "and does not drift");
        assert_eq!(
            end(&[(0, week, false), (3600, Some(601_200), false), (7200, None, false)]),
            Some(604_800)
        );
        assert_eq!(end(&[(0, week, true), (3600, Some(601_200), true), (7200, None, true)]), None);
        assert_eq!(
            end(&[(0, week, false), (3600, Some(601_200), false), (7200, week, true)]),
            None,
            "renewed"
        );
        // A session of half an hour that each use prolongs.
        assert_eq!(end(&[(0, Some(1800), true), (1700, Some(1800), true), (3400, Some(1800), true)]), None);
        // A policy that shortens it.
        let shortened = [(0, week, false), (3600, Some(86_400), false), (7200, Some(82_800), false)];
        assert_eq!(end(&shortened), Some(90_000));
        // Zero: it has no end.
        assert_eq!(end(&[(0, Some(0), true), (3600, Some(0), true)]), None);
        assert_eq!(end(&[(u64::MAX - 5, Some(u64::MAX), true), (u64::MAX, Some(9), false)]), None);
    }
}
