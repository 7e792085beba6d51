//! The clock of the simulation: it takes the next happening and carries it out.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use jiff::Timestamp;
use ownpost_domain::category::OnFailure;
use ownpost_domain::delivery;
use ownpost_domain::line::Ticket;
use ownpost_domain::seats::Seats;

use crate::counts::{Counts, Operation};
use crate::entries::{Entries, Row};
use crate::quantiles::Quantiles;
use crate::queue::{Message, Queue};
use crate::relay::Fault;
use crate::scenario::{HOUR, MINUTE, Micros, SECOND, Scenario};
use crate::sender::Batch;
use crate::tenant::{Tenant, Zipf};

/// The time between two runs of `monitor` (the template's schedule).
const MONITOR: Micros = 5 * MINUTE;
/// The template's `VisibilityTimeout` of the queue.
pub(crate) const VISIBILITY: Micros = 48 * MINUTE;
/// The number of parts of the span by which mails are grouped, for the picture.
const PARTS: usize = 144;

/// The state of a mail: the part of the row's status that the simulation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The row is queued or deferred.
    Waiting,
    /// A sender has marked the row.
    Sending,
    Held,
    Sent,
    Failed,
    Unknown,
}

/// A mail that has not ended yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mail {
    pub(crate) tenant: u32,
    pub(crate) queued: Micros,
    /// Until when it is tried.
    pub(crate) retry_until: Micros,
    /// The time when a sender marked it.
    pub(crate) marked: Micros,
    /// When it is tried next, where it was deferred.
    pub(crate) next: Micros,
    pub(crate) number: u64,
    pub(crate) tries: u16,
    /// The version of its row.
    pub(crate) version: u32,
    pub(crate) status: Status,
    /// The entries of its row that change.
    pub(crate) entries: Entries,
    /// Its place in the line before its relay.
    pub(crate) ticket: Option<Ticket>,
    /// The number of messages for it on the queue or in flight.
    pub(crate) messages: u8,
    /// The number of times that a server accepted it.
    pub(crate) taken: u8,
}

impl Mail {
    /// Until when it is tried or held.
    pub(crate) fn until(&self) -> Micros {
        if self.status == Status::Held { self.queued + HOLD_FOR } else { self.retry_until }
    }
}

/// A happening at a time of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    /// The next event of the product comes.
    Event,
    /// An event of the burst comes.
    Burst,
    /// A message becomes visible again.
    Visible(Message),
    /// A message that was sent with a delay becomes visible, or the queue delivers one a second time.
    Delayed(Message),
    /// All mails of a batch for one relay are done.
    Group { slot: u32, run: u32, group: u32 },
    /// A batch is done.
    End { slot: u32, run: u32 },
    /// A sender is killed.
    Crash { slot: u32, run: u32 },
    /// A run of `monitor` begins.
    Monitor,
}

/// A place for a running sender: one Lambda instance.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) batch: Option<Batch>,
    /// The number of its batches: it distinguishes happenings of a killed batch from those of the present one.
    pub(crate) run: u32,
    /// The time when each tenant's settings were read by this sender.
    pub(crate) known: HashMap<u32, Micros>,
    pub(crate) platform: Option<Micros>,
    /// The ends of the seats of its idle connections, by tenant; `None` is the platform.
    pub(crate) idle: HashMap<Option<u32>, Vec<i64>>,
}

/// The results of a run.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The number of events, with one mail each.
    pub events: u64,
    /// The number of mails that ended as sent.
    pub sent: u64,
    /// The number of mails that ended as failed.
    pub failed: u64,
    /// The number of mails that ended as unknown.
    pub unknown: u64,
    /// The number of mails that did not end, or ended differently than their row says.
    pub lost: u64,
    /// The number of mails that a server accepted more than once.
    pub doubled: u64,
    /// The number of attempts that were deferred.
    pub deferred: u64,
    /// The number of times that a mail was held.
    pub held: u64,
    /// The number of times that a breaker opened.
    pub opened: u64,
    /// The number of times that a relay recovered.
    pub recovered: u64,
    /// The number of connections that a relay refused as too many.
    pub too_many: u64,
    /// The number of times that a seat was renewed while its group was at work: a read and a write of a state each.
    pub renewals: u64,
    /// The number of times that a mail waited in a relay's line.
    pub lined_up: u64,
    /// The number of writes of rows that take a second write request unit ([`crate::cost::MANY_TRIES`]).
    pub large_rows: u64,
    /// Units for the entries in what is due that came or went after the new row.
    pub due_entries: u64,
    /// Units for the entries of rows that wait or want a person.
    pub open_entries: u64,
    /// The number of killed senders.
    pub crashed: u64,
    /// The time from the event to the relay's 250, for tenants whose relay works and has room.
    pub delay: Quantiles,
    /// The same times for tenants whose relay works and takes few connections at a time.
    pub few_delay: Quantiles,
    /// The same times, grouped by the time when the mail was queued.
    pub delays: Vec<Quantiles>,
    /// The highest number of messages in flight.
    pub most_in_flight: u64,
    /// The highest number of mails that had not ended.
    pub most_alive: usize,
    /// The calls of `router` and `sender` to their effects.
    pub counts: Counts,
    /// The running time of all senders together.
    pub sender_time: Micros,
    /// The time when the last mail ended.
    pub ended: Micros,
}

/// A tenant whose relay always answers in the same way.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The fault of its relay, if any.
    pub fault: Option<Fault>,
    /// Whether it has a relay of its own.
    pub own: bool,
    /// The policy for its mail while that relay is broken.
    pub on_failure: OnFailure,
    /// Whether its provider allows 30 mails a minute.
    pub limited: bool,
    /// The number of mails that are sent at once.
    pub mails: usize,
}

/// The state of a run.
pub struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) random: fastrand::Rng,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) queue: Queue,
    pub(crate) slots: Vec<Slot>,
    pub(crate) free: Vec<u32>,
    pub(crate) results: Results,
    /// The connections to the platform's relay.
    pub(crate) platform_seats: Seats,
    /// Tenants whose relay is unhealthy or that have held mail: `monitor` makes more calls for them.
    pub(crate) troubled: BTreeSet<u32>,
    row: Row,
    mails: Vec<Mail>,
    gone: Vec<Message>,
    zipf: Zipf,
    heap: BinaryHeap<Reverse<(Micros, u64, Happening)>>,
    planned: u64,
    coming: u64,
    bursting: u64,
}

impl Simulation {
    /// Prepares a run of the scenario.
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
            platform_seats: Seats::default(),
            troubled: BTreeSet::new(),
            row: Row::new(),
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

    /// Runs until every mail has ended.
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

    /// Runs the events of one tenant through `router` and one batch of `sender`, and returns the calls of both.
    pub fn one_batch(case: &Case) -> Counts {
        let scenario = Scenario { events: 0, senders: 60, ..Scenario::day(1, 0, 1, 1).in_peace() };
        let tenant = Tenant::single(case);
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
            Happening::Delayed(message) => {
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
        // What becomes visible at the same moment is received together.
        if self.heap.peek().is_none_or(|Reverse((next, ..))| *next > now) {
            while !self.free.is_empty() && self.queue.has_visible() && self.begin_batch(now) {}
        }
    }

    fn is_running(&self, slot: u32, run: u32) -> bool {
        let slot = &self.slots[slot as usize];
        slot.run == run && slot.batch.is_some()
    }

    /// The time until the next of `count` random events in `span` (Poisson process).
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

    /// Runs `router`: stores the event and its row, and sends its message.
    fn accept(&mut self, now: Micros, tenant: u32) {
        let counts = &mut self.results.counts;
        counts[Operation::EventPut] += 1;
        counts[Operation::RowInsert] += 1;
        counts[Operation::QueueSend] += 1;
        let mail = Mail {
            tenant,
            queued: now,
            marked: 0,
            next: 0,
            number: self.results.events,
            retry_until: now + RETRY_FOR,
            tries: 0,
            version: 1,
            status: Status::Waiting,
            entries: Entries::default(),
            ticket: None,
            messages: 0,
            taken: 0,
        };
        let entries = self.row.entries(&mail, delivery::Status::Queued, now, None);
        let mail = Mail { entries, ..mail };
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

    /// Puts a message for a mail on the queue. Sometimes the queue delivers it a second time, a moment later.
    pub(crate) fn send(&mut self, now: Micros, message: Message) {
        let tenant = self.expect(message);
        self.queue.send(now, tenant, message);
        if self.random.f64() < self.scenario.duplicates {
            self.expect(message);
            let later = now + self.random.u64(..SECOND);
            self.plan(later, Happening::Delayed(message));
        }
    }

    /// Counts one more message for a mail; returns the tenant.
    fn expect(&mut self, message: Message) -> u32 {
        let mail = self.mail(message);
        mail.messages += 1;
        mail.tenant
    }

    pub(crate) fn mail(&mut self, message: Message) -> &mut Mail {
        &mut self.mails[message as usize]
    }

    /// Counts the index entries that come and go when a row is written at `now`.
    pub(crate) fn enter(
        &mut self,
        message: Message,
        status: delivery::Status,
        now: Micros,
        next: Option<Micros>,
    ) {
        let mail = &mut self.mails[message as usize];
        let entries = self.row.entries(mail, status, now, next);
        let (due, open) = mail.entries.units_to(entries);
        mail.entries = entries;
        self.results.due_entries += due;
        self.results.open_entries += open;
    }

    /// Removes a message from the queue. A mail has ended when its last message is removed and its row is final.
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

    /// Records that a server accepted a mail at `at`.
    pub(crate) fn taken(&mut self, message: Message, at: Micros) {
        let mail = self.mail(message);
        mail.taken += 1;
        let mail = *mail;
        if mail.taken == 1 && self.tenants[mail.tenant as usize].healthy {
            let delay = at - mail.queued;
            if self.tenants[mail.tenant as usize].few {
                self.results.few_delay.add(delay);
                return;
            }
            self.results.delay.add(delay);
            let part = mail.queued.saturating_mul(PARTS as u64) / self.scenario.span.max(1);
            let part = usize::try_from(part).unwrap_or(PARTS).min(PARTS - 1);
            self.results.delays[part].add(delay);
        }
    }
}

/// Converts simulated time to the domain's time.
pub(crate) fn timestamp(now: Micros) -> Timestamp {
    Timestamp::from_microsecond(i64::try_from(now).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

/// The time for which a mail is retried (`Config::RETRY_FOR`).
pub(crate) const RETRY_FOR: Micros = 48 * HOUR;
/// The time for which a mail is held (`Config::HOLD_FOR`).
pub(crate) const HOLD_FOR: Micros = 120 * HOUR;
