//! The breaker of one relay: a state that all senders share. Closed (`healthy`), mail goes through; open
//! (`unhealthy`), the category's policy decides, and one sender at a time tries whether the relay is back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delivery::Revision;
use super::outcome::Observation;

/// How often a relay may stumble in a row before it counts as unhealthy. One that is broken for good counts at
/// once: every further AUTH with a wrong password brings an account nearer to being locked.
const STUMBLES: u32 = 5;
/// The first pause of an unhealthy relay; doubled with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause of an unhealthy relay.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// How a relay is, as the ledger keeps it and `GET /smtp` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Whether mail goes through.
    pub status: HealthStatus,
    /// Since when it is in this status.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// The revision of the settings that this is about.
    pub revision: Revision,
    /// Failed attempts in a row.
    pub failures: u32,
    /// The last failure's code.
    pub code: Option<String>,
    /// The last failure in words: the server's, if it said any.
    pub message: Option<String>,
    /// When it is tried again; only while unhealthy.
    #[schemars(with = "Option<String>")]
    pub probe_at: Option<Timestamp>,
}

/// Whether mail goes through a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Mail is sent.
    Healthy,
    /// No mail is tried.
    Unhealthy,
}

/// Whether a sender may use the relay now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The sender may use it.
    Open,
    /// The sender may try it, if it is the first to write this state.
    Probe(Health),
    /// The sender may not use it.
    Closed,
}

/// A change of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusChange {
    /// From healthy to unhealthy: the event `Relay Unhealthy`.
    Unhealthy,
    /// From unhealthy to healthy: the event `Relay Recovered`.
    Recovered,
}

impl Health {
    /// Of settings that have just passed a test, or about which nothing is known.
    pub fn fresh(revision: Revision, now: Timestamp) -> Self {
        Self {
            status: HealthStatus::Healthy,
            since: now,
            revision,
            failures: 0,
            code: None,
            message: None,
            probe_at: None,
        }
    }

    /// The stored state if it is about this revision; otherwise the state of a fresh one.
    pub fn about(stored: Option<Self>, revision: &Revision, now: Timestamp) -> Self {
        stored
            .filter(|health| health.revision == *revision)
            .unwrap_or_else(|| Self::fresh(revision.clone(), now))
    }

    /// Whether a sender may use the relay at `now`.
    pub fn admit(&self, now: Timestamp) -> Admission {
        match (self.status, self.probe_at) {
            (HealthStatus::Healthy, _) => Admission::Open,
            (HealthStatus::Unhealthy, Some(at)) if at > now => Admission::Closed,
            (HealthStatus::Unhealthy, _) => {
                // The sender that writes this state has the probe; should it die, the next probe is due after the pause.
                Admission::Probe(Self { probe_at: later(now, self.pause()), ..self.clone() })
            }
        }
    }

    /// The state after an attempt, and whether that changes the status. `code` and `message` describe a failure.
    #[must_use]
    pub fn observe(
        &self,
        seen: Observation,
        code: Option<&str>,
        message: Option<&str>,
        now: Timestamp,
    ) -> (Self, Option<StatusChange>) {
        let healthy = self.status == HealthStatus::Healthy;
        match seen {
            Observation::Nothing => (self.clone(), None),
            Observation::Works if healthy && self.failures == 0 => (self.clone(), None),
            Observation::Works => {
                let since = if healthy { self.since } else { now };
                let change = (!healthy).then_some(StatusChange::Recovered);
                (Self { since, ..Self::fresh(self.revision.clone(), now) }, change)
            }
            Observation::Stumbles | Observation::Broken => {
                let failures = self.failures.saturating_add(1);
                let opens = healthy && (seen == Observation::Broken || failures >= STUMBLES);
                let mut next = Self {
                    failures,
                    code: code.map(str::to_owned),
                    message: message.map(str::to_owned),
                    ..self.clone()
                };
                if opens {
                    next.status = HealthStatus::Unhealthy;
                    next.since = now;
                    // The pauses count from here.
                    next.failures = failures.max(STUMBLES);
                }
                if next.status == HealthStatus::Unhealthy {
                    next.probe_at = later(now, next.pause());
                }
                (next, opens.then_some(StatusChange::Unhealthy))
            }
        }
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(STUMBLES).min(8);
        (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
    }
}

fn later(now: Timestamp, pause: Duration) -> Option<Timestamp> {
    now.checked_add(SignedDuration::try_from(pause).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Runs observations at one second each; gives the last state and all changes.
    fn run(seen: &[Observation]) -> (Health, Vec<(usize, StatusChange)>) {
        let mut health = Health::fresh(Revision("r1".into()), at(0));
        let mut changes = Vec::new();
        for (index, seen) in seen.iter().enumerate() {
            let now = at(i64::try_from(index).unwrap());
            let (next, change) = health.observe(*seen, Some("auth.rejected"), None, now);
            changes.extend(change.map(|change| (index, change)));
            health = next;
        }
        (health, changes)
    }

    #[test]
    fn when_the_status_changes() {
        use Observation::{Broken as B, Nothing as N, Stumbles as S, Works as W};
        use StatusChange::{Recovered, Unhealthy};
        let check = |seen: &[Observation], expected: &[(usize, StatusChange)]| {
            assert_eq!(run(seen).1, expected, "{seen:?}");
        };
        check(&[W, W, N], &[]);
        check(&[B], &[(0, Unhealthy)]);
        check(&[S, S, S, S], &[]);
        check(&[S, S, S, S, S], &[(4, Unhealthy)]);
        check(&[S, S, S, S, W, S, S, S, S], &[]);
        check(&[S, S, N, S, S, N, S], &[(6, Unhealthy)]);
        check(&[B, B, S, N, W, W], &[(0, Unhealthy), (4, Recovered)]);
        check(&[B, W, B, W], &[(0, Unhealthy), (1, Recovered), (2, Unhealthy), (3, Recovered)]);
    }

    #[test]
    fn one_sender_at_a_time_probes_and_ever_more_rarely() {
        let (health, _) = run(&[Observation::Broken]);
        assert_eq!(health.admit(at(59)), Admission::Closed);
        let Admission::Probe(claimed) = health.admit(at(60)) else { panic!("a probe is due") };
        assert_eq!(claimed.admit(at(61)), Admission::Closed);
        assert!(matches!(claimed.admit(at(120)), Admission::Probe(_)), "the prober died");
        let pauses: Vec<i64> = (0..7)
            .scan(health, |health, _| {
                let pause = health.probe_at.unwrap().as_second();
                *health = health.observe(Observation::Broken, None, None, at(0)).0;
                Some(pause)
            })
            .collect();
        assert_eq!(pauses, [60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn a_new_revision_begins_as_healthy() {
        let (broken, _) = run(&[Observation::Broken]);
        let other = Revision("r2".into());
        assert_eq!(Health::about(Some(broken.clone()), &other, at(9)).admit(at(9)), Admission::Open);
        assert_eq!(Health::about(Some(broken.clone()), &Revision("r1".into()), at(9)), broken);
    }
}
