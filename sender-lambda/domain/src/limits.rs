//! How often something may be done: token buckets in a state that all functions share.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smtp_rules::providers;

use super::time::later;

/// A number of uses in a period: the size of the bucket, and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of tokens in a full bucket.
    pub burst: u32,
    /// The time in which an empty bucket fills.
    pub period: Duration,
}

/// Connectivity tests of one tenant. Generous for a person at a form, useless for a scanner.
pub const TESTS_PER_TENANT: Limit = Limit { burst: 30, period: Duration::from_mins(10) };

/// Connectivity tests that dial one address, by all tenants together. Beyond it tests are slowed and not refused: what others
/// do locks nobody out. Enough for a provider where many of them have their mail.
pub const TESTS_PER_ADDRESS: Limit = Limit { burst: 300, period: Duration::from_mins(10) };

/// Mails of one tenant's alerts and notices to contacts, whose addresses nobody has verified: enough for a bad day, useless for
/// sending by the platform's server to anybody.
pub const MAILS_TO_CONTACTS: Limit = Limit { burst: 20, period: Duration::from_hours(24) };

/// A bucket as it was at some time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// What a provider that locks accounts for haste takes of one account, all senders together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The number of mails in a period.
    pub mails: Limit,
    /// The number of connections at a time.
    pub connections: usize,
}

/// The provider whose server this is, where its limits are known.
pub fn provider(host: &str) -> Option<Provider> {
    let limits = providers::of_relay(host).find_map(|provider| provider.account_limits)?;
    let mails = Limit { burst: limits.mails, period: Duration::from_secs(limits.seconds.into()) };
    Some(Provider { mails, connections: limits.connections })
}

impl Limit {
    /// Takes `count` tokens out of the bucket (full when there is none yet).
    ///
    /// # Errors
    /// The time until there are enough tokens.
    pub fn take(self, bucket: Option<Bucket>, count: u32, now: Timestamp) -> Result<Bucket, Duration> {
        let burst = f64::from(self.burst);
        let per_second = burst / self.period.as_secs_f64();
        // One that lies further ahead than it takes to fill it is of a clock that has gone back since.
        let bucket = bucket.filter(|bucket| bucket.at <= later(now, self.period));
        let bucket = bucket.unwrap_or(Bucket { tokens: burst, at: now });
        // A clock that went back fills nothing.
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        let tokens = (bucket.tokens + passed * per_second).min(burst);
        let missing = f64::from(count) - tokens;
        if missing > 0.0 {
            return Err(Duration::from_secs_f64(missing / per_second));
        }
        Ok(Bucket { tokens: tokens - f64::from(count), at: now.max(bucket.at) })
    }

    /// Gives back what was taken and not used.
    #[must_use]
    pub fn give_back(self, bucket: Bucket, count: u32) -> Bucket {
        Bucket { tokens: (bucket.tokens + f64::from(count)).min(self.burst.into()), ..bucket }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_with_known_limits() {
        for (host, limits) in [
            ("smtp.office365.com", Some((30, 3))),
            ("SMTP-MAIL.Outlook.com", Some((30, 3))),
            ("notoutlook.com", None),
            ("smtp.acme.test", None),
        ] {
            let known = provider(host).map(|provider| (provider.mails.burst, provider.connections));
            assert_eq!(known, limits, "{host}");
        }
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let limit = Limit { burst: 3, period: Duration::from_secs(30) };
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut bucket = None;
        // At these seconds: taken (0), or how many seconds to wait.
        for (second, expected) in
            [(0, 0), (0, 0), (0, 0), (0, 10), (5, 5), (10, 0), (9, 11), (40, 0), (40, 0), (40, 0), (41, 9)]
        {
            match limit.take(bucket, 1, at(second)) {
                Ok(next) => {
                    assert_eq!(expected, 0, "at {second}");
                    bucket = Some(next);
                }
                // The last second of (9, 11) comes from a clock that went back.
                Err(wait) => {
                    assert!((wait.as_secs_f64() - f64::from(expected)).abs() <= 1.0, "{second} {wait:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_not_used_comes_back_and_no_more() {
        let limit = Limit { burst: 3, period: Duration::from_secs(30) };
        let now = Timestamp::from_second(0).unwrap();
        let taken = limit.take(None, 2, now).unwrap();
        let mut bucket = limit.give_back(limit.give_back(taken, 1), 5);
        for _ in 0..3 {
            bucket = limit.take(Some(bucket), 1, now).unwrap();
        }
        assert!(limit.take(Some(bucket), 1, now).is_err());
    }

    #[test]
    fn a_bucket_of_a_clock_that_was_ahead_locks_nobody_out() {
        let limit = Limit { burst: 3, period: Duration::from_secs(30) };
        let at = |second| Timestamp::from_second(second).unwrap();
        let empty = limit.take(None, 3, at(34_560_000)).unwrap();
        assert!(limit.take(Some(empty), 1, at(34_559_999)).is_err(), "a second is no jump");
        let next = limit.take(Some(empty), 1, at(0)).unwrap();
        assert!(limit.take(Some(next), 3, at(0)).is_err(), "and is counted from there");
    }
}
