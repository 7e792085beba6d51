//! The breaker of one relay: a state that all senders share. Closed (`healthy`), mail goes through; open (`unhealthy`), the
//! category's policy decides, and after each pause one mail tries whether the relay is back. Only what comes past the stage
//! that failed closes it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delivery::{DeliveryId, Revision};
use super::failure::{Failure, FailureCode, Stage};
use super::outcome::Observation;
use super::refusals::Refusals;
use super::time::doubled;

/// How often a relay may stumble in a row before it counts as unhealthy. One that is broken for good counts at
/// once: every further AUTH with a wrong password brings an account nearer to being locked.
const STUMBLES: u32 = 5;
/// The first pause of an unhealthy relay; doubled with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause of an unhealthy relay.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// The longest pause of one that has kept silent after a mail's last octet: each further try may cost a person's decision.
const LONGEST_PAUSE_UNKNOWN: Duration = Duration::from_hours(1);
/// How long a relay may say "too many connections" before it counts as unhealthy. Other tenants of one server, whose
/// connections nobody counts here, make it say so for minutes.
const CROWDED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// An unknown outcome counts as so many stumbles, so that three in a row are enough.
const STUMBLES_OF_UNKNOWN: u32 = 2;

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
    /// The furthest stage that has failed; only while unhealthy.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// The mail that tries it until `probe_at`. Not for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub probe: Option<DeliveryId>,
    /// Since when it has said "too many connections" and has taken nothing. Not for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub crowded_since: Option<Timestamp>,
    /// Whether the change to this status is still to be announced. Not for a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unannounced: bool,
    /// The recipients that it has refused alike since it has taken a mail. Not for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub refusals: Option<Refusals>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Mail may use it.
    Open,
    /// One mail, or a test, may try it, once it is claimed ([`Health::claim`]).
    Due,
    /// No mail may use it but the one that has claimed it, if any.
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
            stage: None,
            probe: None,
            crowded_since: None,
            unannounced: false,
            refusals: None,
        }
    }

    /// The state as a person sees it: without what senders note for each other.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { probe: None, crowded_since: None, unannounced: false, refusals: None, ..self }
    }

    /// Whether its refusals of recipients are not believed, so that one mail at a time tries it.
    pub fn doubts_refusals(&self) -> bool {
        self.refusals.as_ref().is_some_and(Refusals::are_doubted)
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
            // A pause that is longer than the longest was begun by a clock that has gone back since.
            (HealthStatus::Unhealthy, Some(at))
                if at > now && Some(at) <= later(now, LONGEST_PAUSE_UNKNOWN) =>
            {
                Admission::Closed
            }
            (HealthStatus::Unhealthy, _) => Admission::Due,
        }
    }

    /// The state when this mail, or a test, tries the relay. Should its sender die, the next try is due after the pause.
    #[must_use]
    pub fn claim(&self, by: Option<&DeliveryId>, now: Timestamp) -> Self {
        Self { probe_at: later(now, self.pause()), probe: by.cloned(), ..self.clone() }
    }

    /// Whether this mail is the one that tries the relay.
    pub fn is_tried_by(&self, mail: &DeliveryId) -> bool {
        self.probe.as_ref() == Some(mail)
    }

    /// The stage at which a test must end to come past the one that failed: MAIL FROM, or RCPT TO. `None` when only a mail
    /// comes so far.
    pub fn test_to(&self) -> Option<Stage> {
        match self.stage.unwrap_or(Stage::Sender).max(Stage::Sender) {
            Stage::Message => None,
            stage => Some(stage),
        }
    }

    /// Whether an attempt that began then says nothing about a relay that has failed since: mail on its way at that moment may
    /// have been taken before, and one outage fails in several connections at once.
    pub fn is_news_of_before(&self, began: Timestamp) -> bool {
        self.status == HealthStatus::Unhealthy && began < self.since
    }

    /// The state after an attempt, and whether that changes the status. `passed` is the last stage that it has passed;
    /// `failure` and `message` describe a failure.
    #[must_use]
    pub fn observe(
        &self,
        seen: Observation,
        passed: Option<Stage>,
        failure: Option<&Failure>,
        message: Option<&str>,
        now: Timestamp,
    ) -> (Self, Option<StatusChange>) {
        match (self.status, seen) {
            (HealthStatus::Healthy, Observation::Nothing) => (self.clone(), None),
            (HealthStatus::Healthy, Observation::Works)
                if self.failures == 0 && self.crowded_since.is_none() =>
            {
                (self.clone(), None)
            }
            (HealthStatus::Healthy, Observation::Works) => {
                let fresh = Self::fresh(self.revision.clone(), now);
                let (unannounced, refusals) = (self.unannounced, self.refusals.clone());
                (Self { since: self.since, unannounced, refusals, ..fresh }, None)
            }
            (HealthStatus::Healthy, Observation::Crowded) if !self.is_crowded_for_long(now) => {
                let since = self.crowded_since.filter(|since| *since <= now).unwrap_or(now);
                (Self { crowded_since: Some(since), ..self.clone() }, None)
            }
            (_, Observation::Stumbles | Observation::Crowded | Observation::Broken) => {
                self.fail(seen, failure, message, now)
            }
            (HealthStatus::Unhealthy, Observation::Works | Observation::Nothing) => {
                if passed.is_some_and(|passed| self.stage.is_none_or(|stage| passed >= stage)) {
                    let fresh = Self::fresh(self.revision.clone(), now);
                    let recovered = Self { unannounced: true, refusals: self.refusals.clone(), ..fresh };
                    return (recovered, Some(StatusChange::Recovered));
                }
                // It did not come as far as the failure: that proves nothing, and the next one tries after the same pause.
                (self.clone(), None)
            }
        }
    }

    fn fail(
        &self,
        seen: Observation,
        failure: Option<&Failure>,
        message: Option<&str>,
        now: Timestamp,
    ) -> (Self, Option<StatusChange>) {
        let healthy = self.status == HealthStatus::Healthy;
        let unknown = failure.is_some_and(|failure| failure.code == FailureCode::MessageUnknown);
        let count = if healthy && unknown { STUMBLES_OF_UNKNOWN } else { 1 };
        let failures = self.failures.saturating_add(count);
        let at_once = matches!(seen, Observation::Broken | Observation::Crowded);
        let opens = healthy && (at_once || failures >= STUMBLES);
        let mut next = Self {
            failures,
            code: failure.map(|failure| failure.code.code().to_owned()),
            message: message.map(str::to_owned),
            probe: None,
            crowded_since: None,
            ..self.clone()
        };
        if opens {
            next.status = HealthStatus::Unhealthy;
            next.since = now;
            next.unannounced = true;
            // The pauses count from here.
            next.failures = STUMBLES;
        }
        if next.status == HealthStatus::Unhealthy {
            // A mail that does not come as far as the one before does not mend what failed there.
            next.stage = self.stage.max(failure.map(|failure| failure.stage));
            next.probe_at = later(now, next.pause());
        }
        (next, opens.then_some(StatusChange::Unhealthy))
    }

    fn is_crowded_for_long(&self, now: Timestamp) -> bool {
        self.crowded_since.is_some_and(|since| now.duration_since(since) >= CROWDED_FOR)
    }

    fn pause(&self) -> Duration {
        let unknown = self.code.as_deref() == Some(FailureCode::MessageUnknown.code());
        let longest = if unknown { LONGEST_PAUSE_UNKNOWN } else { LONGEST_PAUSE };
        doubled(FIRST_PAUSE, self.failures.saturating_sub(STUMBLES), longest)
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

    fn failed(stage: Stage, code: FailureCode) -> Failure {
        Failure::new(stage, code)
    }

    /// What was seen, and the stage of the failure or the last one passed.
    type Seen = (Observation, Stage);

    /// Runs observations at one second each; gives the last state and all changes.
    fn run(seen: &[Seen]) -> (Health, Vec<(usize, StatusChange)>) {
        let mut health = Health::fresh(Revision("r1".into()), at(0));
        let mut changes = Vec::new();
        for (index, (seen, stage)) in seen.iter().enumerate() {
            let now = at(i64::try_from(index).unwrap());
            let (next, change) = match seen {
                Observation::Works | Observation::Nothing => {
                    health.observe(*seen, Some(*stage), None, None, now)
                }
                Observation::Stumbles | Observation::Crowded | Observation::Broken => {
                    let failure = failed(*stage, FailureCode::ProtocolDisconnected);
                    health.observe(*seen, None, Some(&failure), Some("no"), now)
                }
            };
            changes.extend(change.map(|change| (index, change)));
            health = next;
        }
        (health, changes)
    }

    #[test]
    fn a_clock_that_goes_back_closes_no_relay_for_longer_than_the_longest_pause() {
        let unhealthy = Health {
            status: HealthStatus::Unhealthy,
            probe_at: Some(at(400 * 86_400)),
            ..Health::fresh(Revision("r1".into()), at(0))
        };
        assert_eq!(unhealthy.admit(at(0)), Admission::Due);
        assert_eq!(unhealthy.admit(at(400 * 86_400 - 3_600)), Admission::Closed);
        assert_eq!(unhealthy.admit(at(400 * 86_400)), Admission::Due);
    }

    #[test]
    fn when_the_status_changes() {
        use Observation::{Broken, Nothing, Stumbles, Works};
        use StatusChange::{Recovered, Unhealthy};
        let (w, n) = ((Works, Stage::Message), (Nothing, Stage::Resolve));
        let (s, b) = ((Stumbles, Stage::Connect), (Broken, Stage::Auth));
        let check = |seen: &[Seen], expected: &[(usize, StatusChange)]| {
            assert_eq!(run(seen).1, expected, "{seen:?}");
        };
        check(&[w, w, n], &[]);
        check(&[b], &[(0, Unhealthy)]);
        check(&[s, s, s, s], &[]);
        check(&[s, s, s, s, s], &[(4, Unhealthy)]);
        check(&[s, s, s, s, w, s, s, s, s], &[]);
        check(&[s, s, n, s, s, n, s], &[(6, Unhealthy)]);
        check(&[b, b, s, n, w, w], &[(0, Unhealthy), (4, Recovered)]);
        check(&[b, w, b, w], &[(0, Unhealthy), (1, Recovered), (2, Unhealthy), (3, Recovered)]);
    }

    #[test]
    fn too_many_connections_for_ten_minutes_are_illness() {
        let crowded = failed(Stage::Greeting, FailureCode::SmtpTemporary);
        let see = |health: &Health, seen, second| {
            let failure = (seen == Observation::Crowded).then_some(&crowded);
            health.observe(seen, Some(Stage::Message), failure, None, at(second))
        };
        let mut health = Health::fresh(Revision("r1".into()), at(0));
        for second in 0..600 {
            let (next, change) = see(&health, Observation::Crowded, second);
            assert_eq!((next.status, next.failures, change), (HealthStatus::Healthy, 0, None));
            health = next;
        }
        // After one mail that it takes the ten minutes start again. Behind them the relay is ill like any other.
        let (works, _) = see(&health, Observation::Works, 599);
        assert_eq!(see(&works, Observation::Crowded, 700).1, None);
        let (ill, change) = see(&health, Observation::Crowded, 600);
        assert_eq!((change, ill.probe_at), (Some(StatusChange::Unhealthy), Some(at(660))));
        let (still, change) = see(&ill, Observation::Crowded, 660);
        assert_eq!((change, still.probe_at), (None, Some(at(780))));
        assert_eq!(see(&still, Observation::Works, 780).1, Some(StatusChange::Recovered));
        // A clock that has gone back since.
        assert_eq!(see(&health, Observation::Crowded, -9_000).0.crowded_since, Some(at(-9_000)));
    }

    #[test]
    fn only_what_comes_past_the_failed_stage_closes_it() {
        use Observation::{Broken, Nothing, Stumbles, Works};
        use Stage::{Auth, Connect, Message, Recipient, Sender};
        for (failing, passed, closes) in [
            (vec![(Broken, Auth)], Sender, true),
            (vec![(Broken, Auth)], Auth, true),
            (vec![(Broken, Auth)], Connect, false),
            (vec![(Broken, Recipient)], Sender, false),
            (vec![(Broken, Recipient)], Message, true),
            // A connection refused meanwhile does not make the recipient's stage good.
            (vec![(Broken, Recipient), (Stumbles, Connect)], Sender, false),
            (vec![(Broken, Message), (Broken, Recipient)], Recipient, false),
        ] {
            for kind in [Works, Nothing] {
                let seen = [failing.clone(), vec![(kind, passed)]].concat();
                let (health, changes) = run(&seen);
                assert_eq!(changes.last().unwrap().1 == StatusChange::Recovered, closes, "{seen:?}");
                let furthest = failing.iter().map(|(_, at)| *at).max().filter(|_| !closes);
                let test_to = match furthest {
                    Some(Message) => None,
                    Some(Recipient) => Some(Recipient),
                    _ => Some(Sender),
                };
                assert_eq!(health.test_to(), test_to, "{seen:?}");
            }
        }
    }

    #[test]
    fn three_unknown_outcomes_open_it_and_the_pause_grows_to_an_hour() {
        let unknown = failed(Stage::Message, FailureCode::MessageUnknown);
        let mut health = Health::fresh(Revision("r1".into()), at(0));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            health = health.observe(Observation::Stumbles, None, Some(&unknown), None, at(0)).0;
            pauses.extend(health.probe_at.map(|at| at.as_second() / 60));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn one_mail_at_a_time_tries_it_and_ever_more_rarely() {
        let (health, _) = run(&[(Observation::Broken, Stage::Auth)]);
        assert_eq!(health.admit(at(59)), Admission::Closed);
        assert_eq!(health.admit(at(60)), Admission::Due);
        let mail = DeliveryId::from_external("dlv_1");
        let claimed = health.claim(Some(&mail), at(60));
        assert_eq!(claimed.admit(at(61)), Admission::Closed);
        assert!(claimed.is_tried_by(&mail) && !health.is_tried_by(&mail));
        assert_eq!(claimed.admit(at(120)), Admission::Due, "its sender died");
        let broken = failed(Stage::Auth, FailureCode::AuthRejected);
        let pauses: Vec<i64> = (0..7)
            .scan(claimed, |health, _| {
                *health = health.observe(Observation::Broken, None, Some(&broken), None, at(0)).0;
                assert!(!health.is_tried_by(&mail));
                Some(health.probe_at.unwrap().as_second())
            })
            .collect();
        assert_eq!(pauses, [120, 240, 480, 900, 900, 900, 900]);
    }

    #[test]
    fn each_change_is_to_be_announced() {
        let (broken, _) = run(&[(Observation::Broken, Stage::Auth)]);
        assert!(broken.unannounced);
        let stored: Health = serde_json::from_value(serde_json::to_value(&broken).unwrap()).unwrap();
        assert_eq!(stored, broken);
        let (recovered, _) = run(&[(Observation::Broken, Stage::Auth), (Observation::Works, Stage::Message)]);
        assert!(recovered.unannounced);
    }

    #[test]
    fn a_new_revision_begins_as_healthy() {
        let (broken, _) = run(&[(Observation::Broken, Stage::Auth)]);
        let other = Revision("r2".into());
        assert_eq!(Health::about(Some(broken.clone()), &other, at(9)).admit(at(9)), Admission::Open);
        assert_eq!(Health::about(Some(broken.clone()), &Revision("r1".into()), at(9)), broken);
    }
}
