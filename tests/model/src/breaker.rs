//! The breaker: each of its states is a [`Health`] that the product's functions have made, by number. Times are reduced to
//! whether the pause is over.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use ownpost_domain::delivery::{DeliveryId, Revision};
use ownpost_domain::health::{Admission, Health, HealthStatus};
use ownpost_domain::outcome::{self, Observation};

use crate::relay::End;

/// The number of mails, each of which may try the relay.
pub const MAILS: usize = 2;

/// The number of a state.
pub type Breaker = u16;

/// What changes a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A sender reports what it saw with these settings; `true` after the last octet.
    Observe(End, bool, u8),
    /// A mail, or a test, claims the try.
    Claim(Option<usize>, u8),
    /// A test of `functions::tasks::look` passes.
    TestPasses,
    /// The pause is over.
    PauseIsOver,
    /// Other settings are active.
    Reset(u8),
}

struct Table {
    states: Vec<Health>,
    changed: HashMap<(Breaker, Change), Breaker>,
}

/// The time of everything.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The id of a mail's row.
fn id(mail: usize) -> DeliveryId {
    DeliveryId::from_external(&mail.to_string())
}

fn revision(number: u8) -> Revision {
    Revision(number.to_string())
}

/// Without what decides nothing, so that equal states are one.
fn normal(health: Health) -> Health {
    let unhealthy = health.status == HealthStatus::Unhealthy;
    let pause = health
        .probe_at
        .map(|at| if at > NOW { NOW.checked_add(SignedDuration::from_mins(1)).unwrap_or(NOW) } else { NOW });
    Health {
        since: NOW,
        // The number of failures of an open breaker decides the length of its pause alone.
        failures: if unhealthy { 5 } else { health.failures },
        code: None,
        message: None,
        probe_at: pause,
        unannounced: false,
        ..health
    }
}

/// The state after a change; `None` where the product would not make it.
fn change(health: &Health, change: Change) -> Option<Health> {
    match change {
        Change::Observe(end, late, number) => {
            // `relay_health::observe`: what was seen with other settings does not count.
            if health.revision != revision(number) {
                return None;
            }
            let result = end.result(late);
            let seen = outcome::observation(&result);
            let passed = outcome::passed(&result);
            Some(health.observe(seen, passed, result.as_ref().err(), None, NOW).0)
        }
        Change::Claim(by, number) => {
            // `relay_health::try_again`.
            let known = Health::about(Some(health.clone()), &revision(number), NOW);
            let may = known.admit(NOW) == Admission::Due && (by.is_some() || known.test_to().is_some());
            may.then(|| known.claim(by.map(id).as_ref(), NOW))
        }
        Change::TestPasses => {
            let tried = health.status == HealthStatus::Unhealthy && health.probe.is_none();
            tried.then(|| health.observe(Observation::Works, health.test_to(), None, None, NOW).0)
        }
        Change::PauseIsOver => health
            .probe_at
            .is_some_and(|at| at > NOW)
            .then(|| Health { probe_at: Some(NOW), ..health.clone() }),
        Change::Reset(number) => Some(Health::fresh(revision(number), NOW)),
    }
}

fn changes() -> Vec<Change> {
    let mut all = vec![Change::TestPasses, Change::PauseIsOver];
    for number in 0..2 {
        all.push(Change::Reset(number));
        all.extend((0..MAILS).map(Some).chain([None]).map(|by| Change::Claim(by, number)));
        all.extend(End::EARLY.map(|end| Change::Observe(end, false, number)));
        all.extend(End::LATE.map(|end| Change::Observe(end, true, number)));
    }
    all
}

/// Every state that can be reached, and every change.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // Few failures more open it, so that one fault in the model shows it.
    let first = Health { failures: 3, ..Health::fresh(revision(0), NOW) };
    let mut table = Table { states: vec![first], changed: HashMap::new() };
    let mut next = 0;
    while let Some(health) = table.states.get(next).cloned() {
        for made in changes() {
            let Some(after) = change(&health, made).map(normal) else { continue };
            let place = table.states.iter().position(|known| *known == after).unwrap_or_else(|| {
                table.states.push(after);
                table.states.len() - 1
            });
            if place != next {
                let number = |place| Breaker::try_from(place).unwrap_or(Breaker::MAX);
                table.changed.insert((number(next), made), number(place));
            }
        }
        next += 1;
    }
    table
});

/// The state after the change; the same where it changes nothing.
pub fn after(breaker: Breaker, change: Change) -> Breaker {
    TABLE.changed.get(&(breaker, change)).copied().unwrap_or(breaker)
}

fn health(breaker: Breaker) -> &'static Health {
    &TABLE.states[usize::from(breaker)]
}

/// Whether a sender with these settings may use the relay: [`Health::about`] and [`Health::admit`].
pub fn admits(breaker: Breaker, number: u8) -> Admission {
    if health(breaker).revision != revision(number) {
        return Admission::Open;
    }
    health(breaker).admit(NOW)
}

/// Whether mail goes through.
pub fn is_healthy(breaker: Breaker) -> bool {
    health(breaker).status == HealthStatus::Healthy
}

/// Whether this mail is the one that tries the relay.
pub fn is_tried_by(breaker: Breaker, mail: usize) -> bool {
    health(breaker).is_tried_by(&id(mail))
}

/// Whether some mail tries the relay.
pub fn is_tried(breaker: Breaker) -> bool {
    health(breaker).probe.is_some()
}

/// The revision that the breaker is about: the marker that makes senders read the settings again.
pub fn marker(breaker: Breaker) -> u8 {
    u8::from(health(breaker).revision != revision(0))
}
