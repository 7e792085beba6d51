//! A simulated tenant, and the share of each tenant in the events.

use std::collections::VecDeque;

use ownpost_domain::category::{Category, CategoryRoute, OnFailure, Routing, Via};
use ownpost_domain::health::Health;
use ownpost_domain::seats::Seats;

use crate::engine::Case;
use crate::queue::Message;
use crate::relay::{Fault, Schedule};
use crate::scenario::{SECOND, Scenario, latency};

/// The state of one tenant.
pub(crate) struct Tenant {
    /// Whether it has a relay of its own.
    pub(crate) own: bool,
    pub(crate) host: &'static str,
    pub(crate) routing: Routing,
    pub(crate) relay: Schedule,
    pub(crate) health: Option<Health>,
    /// The connections that its relay gets, and the line of the mails that wait for one.
    pub(crate) seats: Seats,
    /// How many connections its relay takes at a time, and how many are open.
    pub(crate) takes: u32,
    pub(crate) open: u32,
    /// Mails that are held for the relay, oldest first.
    pub(crate) held: VecDeque<Message>,
    /// Whether its delays are measured: its relay works, and it does not send the burst.
    pub(crate) healthy: bool,
    /// Whether they are counted apart, since its relay takes few connections at a time.
    pub(crate) few: bool,
}

impl Tenant {
    /// A tenant whose relay always answers in the same way.
    pub(crate) fn single(case: &Case) -> Self {
        let works = || Schedule::new(None, (0, 0), 0, fastrand::Rng::with_seed(0));
        let relay = case.fault.map_or_else(works, Schedule::always);
        Self { relay, ..Self::new(case.own, case.on_failure, case.limited) }
    }

    /// A tenant whose relay works.
    fn new(own: bool, on_failure: OnFailure, limited: bool) -> Self {
        let host = if limited { "smtp.office365.com" } else { "smtp.tenant.example" };
        let mut routing = Routing::default();
        for category in Category::ALL {
            routing.set(category, CategoryRoute { via: Via::Relay, on_failure });
        }
        Self {
            own,
            host,
            routing,
            relay: Schedule::new(None, (0, 0), 0, fastrand::Rng::with_seed(0)),
            health: None,
            seats: Seats::default(),
            takes: u32::MAX,
            open: 0,
            held: VecDeque::new(),
            healthy: true,
            few: false,
        }
    }

    /// The tenants of a scenario, the largest first.
    pub(crate) fn all(scenario: &Scenario, random: &mut fastrand::Rng) -> Vec<Self> {
        let one = |number: usize| {
            // These numbers are drawn without faults too, so that all days have the same tenants.
            let (own, limited, faulty) = (random.f64(), random.f64(), random.f64());
            let (kind, policy, seed) = (random.usize(..Fault::ALL.len()), random.bool(), random.u64(..));
            // The tenant of the burst has a relay that works and has no limit.
            let giant = number == 0;
            let own = giant || own < scenario.own_relay;
            let limited = own && !giant && limited < scenario.limited;
            let fault = (own && !giant && faulty < scenario.faulty).then_some(Fault::ALL[kind]);
            let policy = if policy { OnFailure::Hold } else { OnFailure::Platform };
            let failing = fault.filter(|_| scenario.faults);
            let slow = own && !giant && random.f64() < scenario.very_slow;
            let few = own && !giant && !slow && random.f64() < scenario.few_connections;
            let schedule = || {
                let means = (scenario.up, scenario.down);
                Schedule::new(failing, means, scenario.span, fastrand::Rng::with_seed(seed))
            };
            Self {
                relay: if slow && scenario.faults { Schedule::always(Fault::VerySlow) } else { schedule() },
                takes: if few { random.u32(1..=5).max(needs(scenario, number)) } else { u32::MAX },
                few,
                healthy: !giant && !limited && !slow && fault.is_none(),
                ..Self::new(own, policy, limited)
            }
        };
        (0..scenario.tenants).map(one).collect()
    }
}

/// The connections that the mail of this tenant takes, with some to spare: a relay that takes fewer than its owner needs all
/// day is no relay that somebody keeps.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate"
)]
fn needs(scenario: &Scenario, number: usize) -> u32 {
    let all: f64 = (1..=scenario.tenants).map(|rank| 1.0 / rank as f64).sum();
    let share = 1.0 / (number + 1) as f64 / all;
    let rate = scenario.events as f64 / (scenario.span as f64 / SECOND as f64) * share;
    let each = (latency::CONNECT + latency::ROUND_TRIP + latency::RELAY) as f64 / SECOND as f64;
    (rate * each * 2.0).ceil() as u32
}

/// Zipf's law: the second tenant sends half as much as the first, the third a third.
pub(crate) struct Zipf(Vec<f64>);

#[expect(clippy::cast_precision_loss, reason = "a few thousand tenants")]
impl Zipf {
    pub(crate) fn new(tenants: usize) -> Self {
        let sum = |sum: &mut f64, rank: usize| {
            *sum += 1.0 / (rank + 1) as f64;
            Some(*sum)
        };
        Self((0..tenants).scan(0.0, sum).collect())
    }

    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> u32 {
        let drawn = random.f64() * self.0.last().copied().unwrap_or_default();
        let rank = self.0.partition_point(|sum| *sum <= drawn).min(self.0.len().saturating_sub(1));
        u32::try_from(rank).unwrap_or_default()
    }
}
