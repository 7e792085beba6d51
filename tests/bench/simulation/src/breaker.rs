//! The model of the breakers: the calls of `functions::relay_health`, `release` and `monitor`.

use ownpost_domain::delivery::{DeliveryId, Revision};
use ownpost_domain::describe;
use ownpost_domain::failure::{Failure, Stage};
use ownpost_domain::health::{Admission, Health, StatusChange};
use ownpost_domain::outcome::{self, Observation};

use crate::counts::Operation;
use crate::engine::{HOLD_FOR, Simulation, Status, timestamp};
use crate::queue::Message;
use crate::relay::{Said, converse};
use crate::scenario::Micros;

/// The revision of all settings, which do not change during a day.
fn revision() -> Revision {
    Revision(String::new())
}

/// The id of a mail's row.
fn id(message: Message) -> DeliveryId {
    DeliveryId::from_external(&message.to_string())
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
            Admission::Closed | Admission::Due => Some(health.message.unwrap_or_default()),
        }
    }

    /// Whether this mail, on its way to the relay, may try it: `functions::relay_health::try_again`.
    pub(crate) fn may_try(&mut self, now: Micros, tenant: u32, message: Message) -> bool {
        let health = Health::about(self.tenants[tenant as usize].health.clone(), &revision(), timestamp(now));
        if health.admit(timestamp(now)) != Admission::Due {
            return health.is_tried_by(&id(message));
        }
        let is_held = self.mail(message).status == Status::Held;
        let held = self.tenants[tenant as usize].held.front().copied().filter(|_| !is_held);
        self.count(Operation::List, u64::from(!is_held));
        self.count(Operation::StateGet, 1);
        self.count(Operation::StatePut, 1);
        let by = held.unwrap_or(message);
        self.tenants[tenant as usize].health = Some(health.claim(Some(&id(by)), timestamp(now)));
        if let Some(held) = held {
            self.count(Operation::QueueSend, 1);
            self.send(now, held);
        }
        held.is_none()
    }

    /// Reports the results of a group that began then to the breaker, once for all its mails.
    pub(crate) fn watch(
        &mut self,
        now: Micros,
        tenant: u32,
        began: Micros,
        sent: &[(Message, Said)],
        others: bool,
    ) {
        let order = [Observation::Works, Observation::Broken, Observation::Stumbles, Observation::Crowded];
        let seen = |said: &Said| match (said, others) {
            (Said::TooMany, true) => Observation::Nothing,
            (said, _) => outcome::observation(said.outcome()),
        };
        let kind = order.into_iter().find(|kind| sent.iter().any(|(_, said)| seen(said) == *kind));
        let Some(kind) = kind else { return };
        let health = self.tenants[tenant as usize].health.as_ref();
        let tries =
            sent.iter().any(|(message, _)| health.is_some_and(|health| health.is_tried_by(&id(*message))));
        let failure = sent.iter().find(|(_, said)| seen(said) == kind);
        let failure = failure.and_then(|(_, said)| said.outcome().as_ref().err());
        let passed = sent.iter().filter_map(|(_, said)| outcome::passed(said.outcome())).max();
        self.observe(now, tenant, (!tries).then_some(began), kind, passed, failure);
    }

    /// `functions::relay_health::observe`; `began` is `None` for what tries an unhealthy relay.
    fn observe(
        &mut self,
        now: Micros,
        tenant: u32,
        began: Option<Micros>,
        seen: Observation,
        passed: Option<Stage>,
        failure: Option<&Failure>,
    ) {
        if seen.is_trouble() {
            self.count(Operation::Watch, 1);
        }
        self.count(Operation::StateGet, 1);
        let stored = self.tenants[tenant as usize].health.clone();
        let before = Health::about(stored.clone(), &revision(), timestamp(now));
        if began.is_some_and(|began| before.is_news_of_before(timestamp(began))) {
            return;
        }
        let message = failure.map(describe::failure);
        let (after, change) = before.observe(seen, passed, failure, message.as_deref(), timestamp(now));
        if stored.as_ref() == Some(&after) || (stored.is_none() && before == after) {
            return;
        }
        self.count(Operation::StatePut, 1);
        self.tenants[tenant as usize].health = Some(after);
        if change.is_some() {
            // That it is announced is written too.
            self.count(Operation::StateGet, 1);
            self.count(Operation::StatePut, 1);
        }
        match change {
            Some(StatusChange::Unhealthy) => {
                self.results.opened += 1;
                self.troubled.insert(tenant);
                self.count(Operation::Emit, 1);
                // The contacts to alert, or the admins who saved last.
                self.count(Operation::SecretGet, 1);
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
                Admission::Due => {
                    // The oldest held mail tries it; only where there is none a test does, if that comes far enough.
                    if let Some(held) = self.tenants[tenant as usize].held.front().copied() {
                        self.send(now, held);
                        continue;
                    }
                    if health.test_to().is_none() {
                        continue;
                    }
                    self.tenants[tenant as usize].health = Some(health.claim(None, timestamp(now)));
                    false
                }
            };
            let mood = self.tenants[tenant as usize].relay.mood(now);
            // A test without a message ends after MAIL FROM or RCPT TO, so it does not see later faults.
            let to = health.test_to().unwrap_or(Stage::Sender);
            let (said, _) = converse(mood, 1, |_| false)[0];
            let unseen = said == Said::Closed || (said == Said::Later && to == Stage::Sender);
            let said = if unseen { Said::Accepted } else { said };
            let seen = outcome::observation(said.outcome());
            let passed = said.outcome().is_ok().then_some(to);
            self.observe(now, tenant, None, seen, passed, said.outcome().as_ref().err());
            if works && seen == Observation::Works {
                self.release(now, tenant);
                self.troubled.remove(&tenant);
            }
        }
    }
}
