//! The model of the breakers: the calls of `functions::relay_health`, `release` and `monitor`.

use ownpost_domain::delivery::Revision;
use ownpost_domain::describe;
use ownpost_domain::failure::Failure;
use ownpost_domain::health::{Admission, Health, StatusChange};
use ownpost_domain::outcome::{self, Observation};

use crate::counts::Operation;
use crate::engine::{HOLD_FOR, Simulation, timestamp};
use crate::queue::Message;
use crate::relay::{Said, converse};
use crate::scenario::Micros;

/// The revision of all settings, which do not change during a day.
fn revision() -> Revision {
    Revision(String::new())
}

impl Simulation {
    /// Whether mail may use this tenant's relay now; the reason if not.
    pub(crate) fn admit(&mut self, now: Micros, tenant: u32) -> Option<String> {
        let known = &self.tenants[tenant as usize];
        if !known.own {
            return None;
        }
        let health = Health::about(known.health.clone(), &revision(), timestamp(now));
        match health.admit(timestamp(now)) {
            Admission::Open => None,
            Admission::Closed => Some(health.message.unwrap_or_default()),
            Admission::Probe(claimed) => {
                self.tenants[tenant as usize].health = Some(claimed);
                self.count(Operation::StatePut, 1);
                None
            }
        }
    }

    /// Reports the results of a group to the breaker, once for all its mails.
    pub(crate) fn watch(&mut self, now: Micros, tenant: u32, sent: &[(Message, Said)], others: bool) {
        let order = [Observation::Works, Observation::Broken, Observation::Stumbles];
        let seen = |said: &Said| match (said, others) {
            (Said::TooMany, true) => Observation::Nothing,
            (said, _) => outcome::observation(said.outcome()),
        };
        let kind = order.into_iter().find(|kind| sent.iter().any(|(_, said)| seen(said) == *kind));
        let Some(kind) = kind else { return };
        let failure = sent.iter().find(|(_, said)| seen(said) == kind);
        let failure = failure.and_then(|(_, said)| said.outcome().as_ref().err());
        self.observe(now, tenant, kind, failure);
    }

    fn observe(&mut self, now: Micros, tenant: u32, seen: Observation, failure: Option<&Failure>) {
        if matches!(seen, Observation::Broken | Observation::Stumbles) {
            self.count(Operation::Watch, 1);
        }
        self.count(Operation::StateGet, 1);
        let stored = self.tenants[tenant as usize].health.clone();
        let before = Health::about(stored.clone(), &revision(), timestamp(now));
        let message = failure.map(describe::failure);
        let code = failure.map(|failure| failure.code.code());
        let (after, change) = before.observe(seen, code, message.as_deref(), timestamp(now));
        if stored.as_ref() == Some(&after) || (stored.is_none() && before == after) {
            return;
        }
        self.count(Operation::StatePut, 1);
        self.tenants[tenant as usize].health = Some(after);
        match change {
            Some(StatusChange::Unhealthy) => {
                self.results.opened += 1;
                self.troubled.insert(tenant);
                self.count(Operation::Emit, 1);
                // The admins to alert.
                self.count(Operation::StateGet, 1);
            }
            Some(StatusChange::Recovered) => {
                self.results.recovered += 1;
                self.count(Operation::Emit, 1);
                self.release(now, tenant);
            }
            None => {}
        }
    }

    /// Puts a tenant's held mail back on the queue, oldest first; the rows stay held until a sender has them.
    fn release(&mut self, now: Micros, tenant: u32) {
        let held = std::mem::take(&mut self.tenants[tenant as usize].held);
        let pages = held.len() as u64 / 100 + 1;
        self.count(Operation::List, pages);
        self.count(Operation::StateGet, pages);
        // The messages, and one task for each page.
        self.count(Operation::QueueSend, (held.len() as u64).div_ceil(10) + pages);
        for message in held {
            self.send(now, message);
        }
    }

    /// Runs `monitor`: tests broken relays, releases held mail, and fails mail that was held too long. Its calls are
    /// the same in every run and are counted for the month ([`crate::cost`]).
    pub(crate) fn monitor(&mut self, now: Micros) {
        for tenant in self.troubled.clone() {
            let held = &self.tenants[tenant as usize].held;
            let over: Vec<Message> = held.iter().copied().collect();
            for message in over {
                if self.mail(message).queued + HOLD_FOR <= now && self.mail(message).messages == 0 {
                    self.send(now, message);
                }
            }
            let health =
                Health::about(self.tenants[tenant as usize].health.clone(), &revision(), timestamp(now));
            let works = match health.admit(timestamp(now)) {
                Admission::Closed => continue,
                Admission::Open => true,
                Admission::Probe(claimed) => {
                    self.tenants[tenant as usize].health = Some(claimed);
                    false
                }
            };
            let mood = self.tenants[tenant as usize].relay.mood(now);
            // A test without a message ends after MAIL FROM, so it does not see later faults.
            let (said, _) = converse(mood, 1, |_| false)[0];
            let said = if matches!(said, Said::Later | Said::Closed) { Said::Accepted } else { said };
            let seen = outcome::observation(said.outcome());
            self.observe(now, tenant, seen, said.outcome().as_ref().err());
            if works && seen == Observation::Works {
                self.release(now, tenant);
                self.troubled.remove(&tenant);
            }
        }
    }
}
