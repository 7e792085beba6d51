//! The clock: what happens next, and what it leads to.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use jiff::Timestamp;
use ownpost_domain::category::OnFailure;

use crate::counts::{Counts, Operation};
use crate::quantiles::Quantiles;
use crate::queue::{Message, Queue};
use crate::relay::Fault;
use crate::scenario::{HOUR, MINUTE, Micros, SECOND, Scenario};
use crate::sender::Batch;
use crate::tenant::{Tenant, Zipf};

/// Between two runs of `monitor` (the template's schedule).
const MONITOR: Micros = 5 * MINUTE;
/// The template's `VisibilityTimeout` of the queue.
pub(crate) const VISIBILITY: Micros = 48 * MINUTE;
/// Mails are grouped by when they were queued into so many parts of the span, for the picture.
const PARTS: usize = 144;

/// Where a mail stands; what of the row's status matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Queued or deferred.
    Waiting,
    /// Marked by a sender.
    Sending,
    Held,
    Sent,
    Failed,
    Unknown,
}

/// A mail that is not over yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mail {
    pub(crate) tenant: u32,
    pub(crate) queued: Micros,
    /// When a sender marked it.
    pub(crate) marked: Micros,
    pub(crate) number: u64,
    pub(crate) tries: u16,
    /// The row's version.
    pub(crate) version: u32,
    pub(crate) status: Status,
    /// How many messages for it are on the queue or in flight.
    pub(crate) messages: u8,
    /// How often a server has taken it.
    pub(crate) taken: u8,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    /// The next event of the product comes.
    Event,
    /// One of the burst comes.
    Burst,
    /// A message shows again.
    Visible(Message),
    /// A message comes a second time.
    Duplicate(Message),
    /// The mails for one relay in a batch are done.
    Group { slot: u32, run: u32, group: u32 },
    /// The batch is done.
    End { slot: u32, run: u32 },
    /// The sender is killed.
    Crash { slot: u32, run: u32 },
    /// `monitor` runs.
    Monitor,
}

/// A place for a running sender: one Lambda instance.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) batch: Option<Batch>,
    /// Counts its batches, so that what was planned for one that was killed is told from what is under way.
    pub(crate) run: u32,
    /// When the settings of which tenants were read here.
    pub(crate) known: HashMap<u32, Micros>,
    pub(crate) platform: Option<Micros>,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Events that came; one mail each.
    pub events: u64,
    /// Mails that ended as sent, failed and unknown.
    pub sent: u64,
    /// See above.
    pub failed: u64,
    /// See above.
    pub unknown: u64,
    /// Mails that ended otherwise than their row says, or not at all.
    pub lost: u64,
    /// Mails that a server has taken more than once.
    pub doubled: u64,
    /// Retries: attempts that ended in waiting for another.
    pub deferred: u64,
    /// How often a mail was held.
    pub held: u64,
    /// How often a breaker opened.
    pub opened: u64,
    /// And how often a relay recovered.
    pub recovered: u64,
    /// Senders killed.
    pub crashed: u64,
    /// From the event to the relay's 250, for tenants whose relay works.
    pub delay: Quantiles,
    /// The same by when the mail was queued.
    pub delays: Vec<Quantiles>,
    /// The most messages in flight.
    pub most_in_flight: u64,
    /// The most mails that were not over at one time.
    pub most_alive: usize,
    /// What `router` and `sender` asked of their effects.
    pub counts: Counts,
    /// How long the senders ran, all together.
    pub sender_time: Micros,
    /// When the last mail was over.
    pub ended: Micros,
}

/// One tenant whose relay always answers in the same way.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// How its relay fails, if it does.
    pub fault: Option<Fault>,
    /// Whether it has a relay of its own.
    pub own: bool,
    /// What happens to its mail while that one is broken.
    pub on_failure: OnFailure,
    /// Whether its provider allows 30 mails a minute.
    pub limited: bool,
    /// How many mails are sent at once.
    pub mails: usize,
}

/// A run.
pub struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) random: fastrand::Rng,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) queue: Queue,
    pub(crate) slots: Vec<Slot>,
    pub(crate) free: Vec<u32>,
    pub(crate) results: Results,
    /// Tenants whose relay is unhealthy or that have held mail: whom `monitor` does more for than look.
    pub(crate) troubled: BTreeSet<u32>,
    mails: Vec<Mail>,
    gone: Vec<Message>,
    zipf: Zipf,
    heap: BinaryHeap<Reverse<(Micros, u64, Happening)>>,
    planned: u64,
    coming: u64,
    bursting: u64,
}

impl Simulation {
    /// Prepares a run.
    pub fn new(scenario: Scenario) -> Self {
        let mut random = fastrand::Rng::with_seed(scenario.seed);
        let tenants = Tenant::all(&scenario, &mut random);
        Self::with(scenario, tenants, random)
    }

    pub(crate) fn with(scenario: Scenario, tenants: Vec<Tenant>, random: fastrand::Rng) -> Self {
        let slots: Vec<Slot> = std::iter::repeat_with(Slot::default).take(scenario.senders).collect();
        let bursting = scenario.burst();
        let mut simulation = Self {
            free: (0..u32::try_from(slots.len()).unwrap_or(u32::MAX)).rev().collect(),
            queue: Queue::new(tenants.len(), scenario.fair),
            zipf: Zipf::new(tenants.len()),
            results: Results { delays: vec![Quantiles::default(); PARTS], ..Results::default() },
            coming: scenario.events - bursting,
            bursting,
            troubled: BTreeSet::new(),
            mails: Vec::new(),
            gone: Vec::new(),
            heap: BinaryHeap::new(),
            planned: 0,
            scenario,
            random,
            tenants,
            slots,
        };
        simulation.plan(0, Happening::Event);
        if bursting > 0 {
            simulation.plan(simulation.scenario.span / 2, Happening::Burst);
        }
        simulation.plan(MONITOR, Happening::Monitor);
        simulation
    }

    /// Runs to the end: until every mail is over.
    pub fn run(mut self) -> Results {
        while let Some(Reverse((now, _, happening))) = self.heap.pop() {
            if matches!(happening, Happening::Monitor) && self.is_over() {
                break;
            }
            self.happen(now, happening);
        }
        self.results.lost += (self.mails.len() - self.gone.len()) as u64;
        self.results.most_in_flight = self.queue.most_in_flight();
        self.results
    }

    /// So many events of one tenant, and the batch that takes them all: what both functions ask of their effects.
    pub fn one_batch(case: &Case) -> Counts {
        let scenario = Scenario { events: 0, senders: 1, ..Scenario::day(1, 0, 1, 1).in_peace() };
        let tenant = Tenant::alone(case);
        let mut simulation = Self::with(scenario, vec![tenant], fastrand::Rng::with_seed(1));
        (0..case.mails).for_each(|_| simulation.accept(0, 0));
        while let Some(Reverse((now, _, happening))) = simulation.heap.pop() {
            simulation.happen(now, happening);
            if matches!(happening, Happening::End { .. }) {
                break;
            }
        }
        simulation.results.counts
    }

    fn is_over(&self) -> bool {
        self.coming == 0 && self.bursting == 0 && self.mails.len() == self.gone.len()
    }

    fn happen(&mut self, now: Micros, happening: Happening) {
        match happening {
            Happening::Event => {
                if self.coming > 0 {
                    self.coming -= 1;
                    let tenant = self.zipf.draw(&mut self.random);
                    self.accept(now, tenant);
                    let next =
                        now + self.gap(self.scenario.events - self.scenario.burst(), self.scenario.span);
                    self.plan(next, Happening::Event);
                }
            }
            Happening::Burst => {
                if self.bursting > 0 {
                    self.bursting -= 1;
                    self.accept(now, 0);
                    let next = now + self.gap(self.scenario.burst(), self.scenario.burst_for);
                    self.plan(next, Happening::Burst);
                }
            }
            Happening::Visible(message) => {
                let tenant = self.mail(message).tenant;
                self.queue.show(now, tenant, message);
            }
            Happening::Duplicate(message) => {
                let tenant = self.mail(message).tenant;
                self.queue.send(now, tenant, message);
            }
            Happening::Group { slot, run, group } if self.is_running(slot, run) => {
                self.end_group(now, slot, group as usize);
            }
            Happening::End { slot, run } if self.is_running(slot, run) => self.end_batch(now, slot),
            Happening::Crash { slot, run } if self.is_running(slot, run) => self.crash(now, slot),
            Happening::Group { .. } | Happening::End { .. } | Happening::Crash { .. } => {}
            Happening::Monitor => {
                self.monitor(now);
                self.plan(now + MONITOR, Happening::Monitor);
            }
        }
        while !self.free.is_empty() && self.queue.has_visible() && self.begin_batch(now) {}
    }

    fn is_running(&self, slot: u32, run: u32) -> bool {
        let slot = &self.slots[slot as usize];
        slot.run == run && slot.batch.is_some()
    }

    /// The time until the next of `count` events in `span`, at random (Poisson).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a random time"
    )]
    fn gap(&mut self, count: u64, span: Micros) -> Micros {
        (-(1.0 - self.random.f64()).ln() * span as f64 / count.max(1) as f64) as Micros
    }

    pub(crate) fn plan(&mut self, at: Micros, happening: Happening) {
        self.planned += 1;
        self.heap.push(Reverse((at, self.planned, happening)));
    }

    /// `router`: the event, its row, its message.
    fn accept(&mut self, now: Micros, tenant: u32) {
        let counts = &mut self.results.counts;
        counts[Operation::EventPut] += 1;
        counts[Operation::RowInsert] += 1;
        counts[Operation::QueueSend] += 1;
        let mail = Mail {
            tenant,
            queued: now,
            marked: 0,
            number: self.results.events,
            tries: 0,
            version: 1,
            status: Status::Waiting,
            messages: 0,
            taken: 0,
        };
        self.results.events += 1;
        let message = if let Some(message) = self.gone.pop() {
            self.mails[message as usize] = mail;
            message
        } else {
            self.mails.push(mail);
            u32::try_from(self.mails.len() - 1).unwrap_or(u32::MAX)
        };
        self.results.most_alive = self.results.most_alive.max(self.mails.len() - self.gone.len());
        self.send(now, message);
    }

    /// Puts a message for a mail on the queue; now and then the queue delivers it a second time, a moment later.
    pub(crate) fn send(&mut self, now: Micros, message: Message) {
        let tenant = self.expect(message);
        self.queue.send(now, tenant, message);
        if self.random.f64() < self.scenario.duplicates {
            self.expect(message);
            let later = now + self.random.u64(..SECOND);
            self.plan(later, Happening::Duplicate(message));
        }
    }

    /// One more message for a mail. The tenant.
    fn expect(&mut self, message: Message) -> u32 {
        let mail = self.mail(message);
        mail.messages += 1;
        mail.tenant
    }

    pub(crate) fn mail(&mut self, message: Message) -> &mut Mail {
        &mut self.mails[message as usize]
    }

    /// A message leaves the queue. With the last one of a mail that has ended, the mail is over.
    pub(crate) fn delete(&mut self, now: Micros, message: Message) {
        let mail = self.mail(message);
        mail.messages -= 1;
        let mail = *mail;
        self.queue.delete(mail.tenant);
        if mail.messages > 0 || matches!(mail.status, Status::Held) {
            return;
        }
        let results = &mut self.results;
        let fits = match mail.status {
            Status::Sent => {
                results.sent += 1;
                mail.taken >= 1
            }
            Status::Failed => {
                results.failed += 1;
                mail.taken == 0
            }
            Status::Unknown => {
                results.unknown += 1;
                true
            }
            Status::Waiting | Status::Sending | Status::Held => false,
        };
        results.lost += u64::from(!fits);
        results.doubled += u64::from(mail.taken > 1);
        results.ended = now;
        self.gone.push(message);
    }

    /// A server has taken a mail at `at`.
    pub(crate) fn taken(&mut self, message: Message, at: Micros) {
        let mail = self.mail(message);
        mail.taken += 1;
        let mail = *mail;
        if mail.taken == 1 && self.tenants[mail.tenant as usize].healthy {
            let delay = at - mail.queued;
            self.results.delay.add(delay);
            let part = mail.queued.saturating_mul(PARTS as u64) / self.scenario.span.max(1);
            let part = usize::try_from(part).unwrap_or(PARTS).min(PARTS - 1);
            self.results.delays[part].add(delay);
        }
    }
}

/// The simulated time as the domain takes it.
pub(crate) fn timestamp(now: Micros) -> Timestamp {
    Timestamp::from_microsecond(i64::try_from(now).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

/// How long a mail is tried (`Config::RETRY_FOR`).
pub(crate) const RETRY_FOR: Micros = 48 * HOUR;
