//! A model of `functions::sender`: the order and duration of its calls to its effects. The decisions between them are
//! the domain's own functions.

use std::time::Duration;

use ownpost_domain::category::Via;
use ownpost_domain::delivery;
use ownpost_domain::describe;
use ownpost_domain::failure::Verdict;
use ownpost_domain::outcome;
use ownpost_domain::route::{self, PlatformServer, Relay, Route};
use ownpost_domain::seats::{Asking, Bounds, GOOD_FOR, Place, Report, Seats, Stay};

use crate::cost::MANY_TRIES;
use crate::counts::Operation;
use crate::engine::{Happening, RETRY_FOR, Simulation, Status, VISIBILITY, timestamp};
use crate::queue::Message;
use crate::relay::{Mood, Said, converse};
use crate::scenario::{HOUR, MINUTE, Micros, SECOND, category, latency};

/// The most messages of one batch (`BatchSize` of the template).
const BATCH: usize = 10;
/// The time for which a mail may be `sending`: `Config::SENDING_LEASE`.
const LEASE: Micros = 15 * MINUTE;
/// The time for which settings are not read again: `functions::active_settings::FRESH_FOR`, and that of the platform's.
const FRESH_FOR: Micros = HOUR;
const PLATFORM_FRESH_FOR: Micros = 5 * MINUTE;
/// The connections to begin with: `Config::RELAY_CONNECTIONS`.
const RELAY_CONNECTIONS: u32 = 3;
/// For how long a group begins mails: `functions::sender::group::BEGIN_GROUP_FOR`.
const BEGIN_GROUP_FOR: Micros = 20 * SECOND;
/// A shorter wait of a mail with a ticket is not written: `functions::sender::seats::WRITTEN_FROM`.
const WRITTEN_FROM: Duration = Duration::from_mins(1);
/// The waits after "too many" grow up to this try: `functions::sender::group::TRIES_OF_TOO_MANY`.
const TRIES_OF_TOO_MANY: usize = 2;
/// The name of the platform's server.
const PLATFORM: &str = "smtp.platform.example";
/// A message that stays for longer is sent again with a delay: `functions::sender::HIDDEN_FOR`, and `LONGEST_DELAY`.
const HIDDEN_FOR: Micros = MINUTE;
const LONGEST_DELAY: Micros = 15 * MINUTE;
/// One of this many recipients does not exist.
const NO_SUCH_USER: u64 = 200;

/// The mails of a batch that use one relay.
pub(crate) struct Group {
    tenant: u32,
    via: Via,
    /// Each mail with the version of its row, the relay's answer, and the time of the answer.
    mails: Vec<(Message, u32, Said, Micros)>,
    /// The mails that were left for later.
    left_out: Vec<(Message, Micros)>,
    seat: Seat,
    began: Micros,
    /// Whether the settings were read again in this batch.
    reread: bool,
}

/// The seat of a group: `functions::sender::seats::Seat`.
struct Seat {
    until: i64,
    stay: Stay,
}

/// The work of a sender.
pub(crate) struct Batch {
    began: Micros,
    /// The received messages with their tenants, in the order of receipt.
    messages: Vec<(u32, Message)>,
    /// Messages that stay on the queue, each hidden until this time.
    staying: Vec<(Message, Micros)>,
    groups: Vec<Group>,
    left: usize,
    end: Micros,
}

fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

impl Simulation {
    pub(crate) fn count(&mut self, operation: Operation, times: u64) {
        self.results.counts[operation] += times;
    }

    /// A free sender receives a batch; returns whether there was one.
    pub(crate) fn begin_batch(&mut self, now: Micros) -> bool {
        let mut messages = Vec::with_capacity(BATCH);
        self.queue.receive(now, BATCH, &mut messages);
        let Some(slot) = (!messages.is_empty()).then(|| self.free.pop()).flatten() else { return false };
        self.count(Operation::Batch, 1);
        let mut batch =
            Batch { began: now, messages, staying: Vec::new(), groups: Vec::new(), left: 0, end: now };
        let mut clock = now + latency::QUEUE;

        // `load`: reads all rows at the same time, then the events.
        let mut waiting: Vec<(u32, Message)> = Vec::with_capacity(BATCH);
        let received = batch.messages.clone();
        self.count(Operation::RowGet, received.len() as u64);
        clock += latency::READ;
        for (tenant, message) in received {
            if waiting.iter().any(|(_, other)| *other == message) {
                // A second message for the same row shows again in a second, when the first is done.
                batch.staying.push((message, now + SECOND));
                continue;
            }
            let mail = *self.mail(message);
            match mail.status {
                Status::Sent | Status::Failed | Status::Unknown => {}
                Status::Sending if now >= mail.marked + LEASE => self.settle(now, message, Status::Unknown),
                Status::Sending => batch.staying.push((message, mail.marked + LEASE + SECOND)),
                Status::Waiting | Status::Held if now >= mail.until() => {
                    self.let_go(tenant, message);
                    self.settle(now, message, Status::Failed);
                    self.count(Operation::Emit, 1);
                }
                Status::Waiting if now < mail.next => batch.staying.push((message, mail.next)),
                Status::Waiting | Status::Held => {
                    if mail.status == Status::Held {
                        // Holding counts apart from trying.
                        self.mail(message).retry_until = mail.retry_until.max(now + RETRY_FOR);
                    }
                    self.let_go(tenant, message);
                    waiting.push((tenant, message));
                    self.count(Operation::EventGet, 1);
                }
            }
        }
        clock += if waiting.is_empty() { 0 } else { latency::READ };

        // `load_tenants`: reads all settings at the same time.
        let mut tenants: Vec<u32> = waiting.iter().map(|(tenant, _)| *tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let mut faults: Vec<Option<String>> = Vec::with_capacity(tenants.len());
        let mut secret = false;
        for &tenant in &tenants {
            self.count(Operation::StateGet, 1);
            let known = &mut self.slots[slot as usize].known;
            if known.get(&tenant).is_none_or(|read| now >= read + FRESH_FOR) {
                known.insert(tenant, now);
                self.count(Operation::SecretGet, 1);
                secret = true;
            }
            faults.push(self.admit(now, tenant));
        }
        clock += if tenants.is_empty() { 0 } else { latency::READ };
        clock += if secret { latency::SECRET } else { 0 };

        // `route_all`.
        let mut grouped: Vec<(u32, Via, Vec<Message>)> = Vec::new();
        let mut tried: Vec<u32> = Vec::new();
        waiting.sort_by_key(|(_, message)| self.mail(*message).queued);
        for (tenant, message) in waiting {
            let place = tenants.binary_search(&tenant).unwrap_or_default();
            let tries = faults[place].is_some()
                && !tried.contains(&tenant)
                && self.is_for_the_relay(tenant, message)
                && self.may_try(now, tenant, message);
            if tries {
                tried.push(tenant);
            }
            let fault = if tries { None } else { faults[place].as_deref() };
            let Some(via) = self.route(now, tenant, message, fault) else { continue };
            // All tenants share the platform's relay, and so one group.
            let same = |group: &&mut (u32, Via, Vec<Message>)| {
                group.1 == via && (via == Via::Platform || group.0 == tenant)
            };
            match grouped.iter_mut().find(same) {
                Some(group) => group.2.push(message),
                None => grouped.push((tenant, via, vec![message])),
            }
        }
        if grouped.iter().any(|(_, via, _)| *via == Via::Platform) {
            clock += self.read_platform(now, slot);
        }
        for (tenant, via, mails) in grouped {
            self.begin_group(slot, &mut batch, clock, (tenant, via), mails, false);
        }
        self.place(now, slot, batch);
        true
    }

    /// Puts the batch into its slot and plans its end, or its kill before the end.
    fn place(&mut self, now: Micros, slot: u32, batch: Batch) {
        let (end, done) = (batch.end.max(now + latency::QUEUE + latency::READ), batch.left == 0);
        let place = &mut self.slots[slot as usize];
        place.run += 1;
        let run = place.run;
        place.batch = Some(batch);
        for group in 0..self.slots[slot as usize].batch.as_ref().map_or(0, |batch| batch.groups.len()) {
            self.plan_group(slot, run, group);
        }
        if done {
            self.plan(end, Happening::End { slot, run });
        }
        if self.scenario.crashes > 0.0 && self.random.f64() < self.scenario.crashes {
            let at = self.random.u64(now..=end);
            self.plan(at, Happening::Crash { slot, run });
        }
    }

    fn plan_group(&mut self, slot: u32, run: u32, group: usize) {
        let batch = self.slots[slot as usize].batch.as_ref();
        let last = batch.and_then(|batch| batch.groups[group].mails.last().map(|(.., at)| *at));
        let group = u32::try_from(group).unwrap_or_default();
        self.plan(last.unwrap_or_default(), Happening::Group { slot, run, group });
    }

    /// Mail goes to the platform's server: its settings are read unless they are fresh, and the state of its breaker, which
    /// is always closed here. The time that the settings take.
    fn read_platform(&mut self, now: Micros, slot: u32) -> Micros {
        self.count(Operation::StateGet, 1);
        let platform = &mut self.slots[slot as usize].platform;
        if platform.is_some_and(|read| now < read + PLATFORM_FRESH_FOR) {
            return 0;
        }
        *platform = Some(now);
        self.count(Operation::PlatformGet, 1);
        latency::SECRET
    }

    /// Whether the mail goes to the tenant's relay when that works.
    fn is_for_the_relay(&mut self, tenant: u32, message: Message) -> bool {
        let number = self.mail(message).number;
        self.tenants[tenant as usize].routing.of(category(number)).via == Via::Relay
    }

    /// Decides the route of one mail; `None` when it is held.
    fn route(&mut self, now: Micros, tenant: u32, message: Message, fault: Option<&str>) -> Option<Via> {
        let number = self.mail(message).number;
        let known = &self.tenants[tenant as usize];
        let relay = if known.own {
            Relay::Active { host: known.host, routing: &known.routing, fault }
        } else {
            Relay::None
        };
        match route::decide(category(number), &relay, PlatformServer::Available) {
            Route::Send { via, .. } => Some(via),
            Route::Hold { .. } | Route::Defer { .. } => {
                self.settle(now, message, Status::Held);
                self.count(Operation::EventKeep, 1);
                self.mail(message).ticket = None;
                self.results.held += 1;
                self.tenants[tenant as usize].held.push_back(message);
                self.troubled.insert(tenant);
                None
            }
        }
    }

    /// Begins to send through one relay at `clock`.
    fn begin_group(
        &mut self,
        slot: u32,
        batch: &mut Batch,
        clock: Micros,
        (tenant, via): (u32, Via),
        mut mails: Vec<Message>,
        reread: bool,
    ) {
        let Some((seat, clock)) = self.take_seat(slot, batch, clock, (tenant, via), &mut mails) else {
            return;
        };
        let own = via == Via::Relay;
        let known = &mut self.tenants[tenant as usize];
        let crowded = own && known.open >= known.takes;
        let mood = if own { known.relay.mood(clock) } else { Mood::Works };
        known.open += u32::from(own);
        let numbers: Vec<u64> = mails.iter().map(|message| self.mail(*message).number).collect();
        let compute = latency::COMPUTE * mails.len() as u64;
        let refused = |index: usize| numbers[index].wrapping_mul(0x9E37_79B9) % NO_SUCH_USER == 1;
        let mut said = converse(mood, mails.len(), refused);
        if crowded {
            said.fill((Said::TooMany, latency::ROUND_TRIP));
            self.results.too_many += 1;
        }
        let wait = outcome::wait(1, outcome::FIRST_WAIT, self.random.f64());
        let mut group = Group {
            tenant,
            via,
            mails: Vec::with_capacity(mails.len()),
            left_out: Vec::new(),
            seat,
            began: clock,
            reread,
        };
        // What is true of the relay is one mail's result, and a slow relay gives its sender back.
        let (mut over, mut stopped) = (0, false);
        for (message, (said, after)) in mails.into_iter().zip(said) {
            // Without a connection all mails share the result.
            let together = matches!(said, Said::NoGreeting | Said::Refused | Said::BadPassword);
            if stopped || (over >= BEGIN_GROUP_FOR && !together) {
                let hidden = if stopped { micros(wait) / SECOND + 1 } else { 1 };
                group.left_out.push((message, hidden * SECOND));
                continue;
            }
            over = after;
            stopped = matches!(said, Said::Closed | Said::TooMany);
            let version = self.mail(message).version;
            group.mails.push((message, version, said, clock + compute + after));
        }
        batch.end = batch.end.max(group.mails.last().map_or(0, |(.., at)| *at));
        batch.left += 1;
        batch.groups.push(group);
    }

    /// The bounds and the seats of a relay, and its key among the idle ones.
    fn relay(&mut self, tenant: u32, via: Via) -> (Bounds, &mut Seats, Option<u32>) {
        let senders = u32::try_from(self.scenario.senders).unwrap_or(u32::MAX);
        let (begin, share) =
            if self.scenario.shares { (RELAY_CONNECTIONS, senders / 3) } else { (u32::MAX, u32::MAX) };
        match via {
            Via::Relay => {
                let known = &mut self.tenants[tenant as usize];
                let bounds = Bounds::of(known.host, begin, share);
                (bounds, &mut known.seats, Some(tenant))
            }
            Via::Platform => {
                let bounds = Bounds::of_platform(PLATFORM, RELAY_CONNECTIONS, Some(senders - senders / 3));
                (bounds, &mut self.platform_seats, None)
            }
        }
    }

    /// `functions::sender::seats::ask`: takes a seat for those that may go, and sends the others away. `None` when no mail
    /// goes; else the seat and the time after the call.
    fn take_seat(
        &mut self,
        slot: u32,
        batch: &mut Batch,
        clock: Micros,
        (tenant, via): (u32, Via),
        mails: &mut Vec<Message>,
    ) -> Option<(Seat, Micros)> {
        if mails.is_empty() {
            return None;
        }
        let now = timestamp(clock);
        mails.sort_by_key(|message| self.mail(*message).queued);
        let asking: Vec<Asking> = mails
            .iter()
            .map(|message| {
                let mail = self.mail(*message);
                Asking { category: category(mail.number), ticket: mail.ticket }
            })
            .collect();
        let (bounds, seats, key) = self.relay(tenant, via);
        let known = std::mem::take(seats).about(if via == Via::Relay { "own" } else { PLATFORM });
        if asking.iter().all(|mail| mail.ticket.is_none())
            && let Some(idle) = self.slots[slot as usize].idle.get_mut(&key)
        {
            idle.retain(|until| *until > now.as_second() + GOOD_FOR.as_secs().cast_signed() / 2);
            if let Some(until) = idle.pop() {
                *self.relay(tenant, via).1 = known;
                return Some((Seat { until, stay: Stay::Kept }, clock));
            }
        }
        self.count(Operation::StateGet, 1);
        let before = known.clone();
        let answer = known.ask(&slot.to_string(), &asking, &bounds, now);
        let changed = answer.seat.is_some()
            || answer.places.iter().zip(&asking).any(|(place, mail)| match place {
                Place::Wait(ticket, _) => mail.ticket != Some(*ticket),
                Place::Go | Place::Again(_) => false,
            });
        *self.relay(tenant, via).1 = if changed { answer.seats } else { before };
        self.count(Operation::StatePut, u64::from(changed));
        let clock = clock + latency::READ + if changed { latency::WRITE } else { 0 };
        let mut going = Vec::with_capacity(mails.len());
        for (message, place) in mails.drain(..).zip(answer.places) {
            let held = self.mail(message).ticket;
            match place {
                Place::Go => {
                    self.mail(message).ticket = None;
                    going.push(message);
                }
                Place::Again(wait) => {
                    batch.staying.push((message, clock + (micros(wait) / SECOND + 1) * SECOND));
                }
                Place::Wait(ticket, wait) if held == Some(ticket) && wait < WRITTEN_FROM => {
                    batch.staying.push((message, clock + (micros(wait) / SECOND + 1) * SECOND));
                }
                Place::Wait(ticket, wait) => {
                    self.results.lined_up += 1;
                    self.mail(message).ticket = Some(ticket);
                    self.defer(batch, clock, message, wait);
                }
            }
        }
        *mails = going;
        answer.seat.map(|until| (Seat { until, stay: answer.stay }, clock))
    }

    /// `functions::sender::seats::give_back`: whether other connections to the relay are open.
    fn give_back(&mut self, now: Micros, slot: u32, group: &Group, sent: &[(Message, Said)]) -> bool {
        let Seat { until, mut stay } = group.seat;
        let took = now - group.began;
        let first = micros(stay.renewed_after());
        self.results.renewals +=
            u64::from(took >= first) + took.saturating_sub(first) / (micros(GOOD_FOR) / 2);
        // A brief seat that was renewed is given back; that is counted with its renewal.
        let renewed = stay == Stay::Brief && took >= first;
        if renewed {
            self.results.renewals += 1;
            stay = Stay::Returned;
        }
        let answered = sent
            .iter()
            .filter(|(_, said)| matches!(said, Said::Accepted | Said::NoSuchUser | Said::Later))
            .count();
        let report = Report {
            answered: u32::try_from(answered).unwrap_or(u32::MAX),
            too_many: sent.iter().any(|(_, said)| *said == Said::TooMany),
            took: Duration::from_micros(now - group.began),
        };
        let (bounds, seats, key) = self.relay(group.tenant, group.via);
        match stay {
            _ if report.too_many => {}
            Stay::Returned => {}
            Stay::Brief => return false,
            Stay::Kept => {
                self.slots[slot as usize].idle.entry(key).or_default().push(until);
                return false;
            }
        }
        let others = seats.give_back(&slot.to_string(), until, &report, &bounds, timestamp(now));
        self.count(Operation::StateGet, u64::from(!renewed));
        self.count(Operation::StatePut, u64::from(!renewed));
        others
    }

    /// Defers a mail, or fails it when its next attempt would be too late.
    fn defer(&mut self, batch: &mut Batch, now: Micros, message: Message, wait: Duration) {
        let until = self.mail(message).retry_until;
        if outcome::next_attempt(timestamp(now), wait, timestamp(until)).is_some() {
            self.settle(now, message, Status::Waiting);
            self.enter(message, delivery::Status::Deferred, now, Some(now + micros(wait)));
            self.results.deferred += 1;
            self.mail(message).next = now + micros(wait);
            // The sender hides a message for whole seconds, plus one.
            batch.staying.push((message, now + (micros(wait) / SECOND + 1) * SECOND));
        } else {
            self.settle(now, message, Status::Failed);
            self.count(Operation::Emit, 1);
        }
    }

    /// Writes the status of a row. What a row that waits has in the indexes depends on its next attempt and is entered by
    /// [`Self::defer`].
    pub(crate) fn settle(&mut self, now: Micros, message: Message, status: Status) {
        match status {
            Status::Waiting => {}
            Status::Sending => self.enter(message, delivery::Status::Sending, now, None),
            Status::Held => self.enter(message, delivery::Status::Held, now, None),
            Status::Sent => self.enter(message, delivery::Status::Sent, now, None),
            Status::Failed => self.enter(message, delivery::Status::Failed, now, None),
            Status::Unknown => self.enter(message, delivery::Status::Unknown, now, None),
        }
        let mail = self.mail(message);
        mail.status = status;
        mail.version += 1;
        let is_large = mail.tries > MANY_TRIES;
        self.results.large_rows += u64::from(is_large);
        self.count(Operation::RowUpdate, 1);
    }

    /// Removes a mail from the held mails, because a second message for it is on the queue.
    fn let_go(&mut self, tenant: u32, message: Message) {
        if self.mail(message).status == Status::Held {
            self.tenants[tenant as usize].held.retain(|held| *held != message);
        }
    }

    /// Processes the answers of a relay to all mails of its group.
    pub(crate) fn end_group(&mut self, now: Micros, slot: u32, index: usize) {
        let Some(mut batch) = self.slots[slot as usize].batch.take() else { return };
        let group = &mut batch.groups[index];
        let (tenant, via, reread) = (group.tenant, group.via, group.reread);
        let mails = std::mem::take(&mut group.mails);
        for (message, hidden) in std::mem::take(&mut group.left_out) {
            batch.staying.push((message, now + hidden));
        }
        batch.left -= 1;
        let mut clock = now;
        let mut sent: Vec<(Message, Said)> = Vec::with_capacity(mails.len());
        for (message, version, said, at) in mails {
            if self.mail(message).version != version && self.scenario.conditional_writes {
                // Another sender has written the row since, so every write of this one fails: the gate's, or that of the
                // result, which is compared with the row once more. The message shows again in a second.
                self.count(Operation::RowUpdate, 1);
                self.count(Operation::RowGet, u64::from(!said.after_the_dot()));
                batch.staying.push((message, now + SECOND));
                continue;
            }
            if said.after_the_dot() {
                // The gate: of several senders one writes `sending`.
                self.count(Operation::RowUpdate, 1);
                self.enter(message, delivery::Status::Sending, at, None);
                let mail = self.mail(message);
                mail.version += 1;
                mail.status = Status::Sending;
                if said == Said::Accepted || self.random.bool() {
                    self.taken(message, at);
                }
            }
            self.mail(message).tries += 1;
            sent.push((message, said));
        }
        let verdict = |said: &Said| outcome::verdict(said.outcome());
        let own = via == Via::Relay;
        self.tenants[tenant as usize].open -= u32::from(own);
        let others = self.give_back(now, slot, &batch.groups[index], &sent);
        let broken =
            sent.iter().find(|(_, said)| verdict(said) == Verdict::RelayFault).map(|(_, said)| *said);
        if own {
            if broken.is_some() && !reread {
                // Reads the settings again; here they never change.
                self.count(Operation::SecretGet, 1);
                clock += latency::SECRET;
            }
            self.watch(clock, tenant, batch.groups[index].began, &sent, others);
            if broken.is_some() {
                self.count(Operation::SecretGet, 1);
                clock += latency::SECRET;
            }
        } else if !sent.is_empty() {
            // The platform's server has a breaker too; here it always works.
            self.count(Operation::StateGet, 1);
        }
        let mut again = Vec::new();
        for (message, said) in sent {
            let verdict = verdict(&said);
            if verdict == Verdict::RelayFault && own {
                again.push(message);
                continue;
            }
            match verdict {
                Verdict::Sent => self.settle(clock, message, Status::Sent),
                Verdict::Unknown => self.settle(clock, message, Status::Unknown),
                Verdict::Failed => {
                    self.settle(clock, message, Status::Failed);
                    self.count(Operation::Emit, 1);
                }
                Verdict::Retry | Verdict::RelayFault => {
                    let most = if said == Said::TooMany { TRIES_OF_TOO_MANY } else { usize::MAX };
                    let tries = usize::from(self.mail(message).tries).min(most);
                    let wait = outcome::wait(tries, outcome::FIRST_WAIT, self.random.f64());
                    self.defer(&mut batch, clock, message, wait);
                }
            }
        }
        // The outcomes are written at the same time.
        clock += latency::WRITE;
        batch.end = batch.end.max(clock);
        let first = batch.groups.len();
        if let Some(said) = broken.filter(|_| own) {
            let fault = said.outcome().as_ref().err().map(describe::failure).unwrap_or_default();
            let rest = again
                .into_iter()
                .filter(|message| self.route(clock, tenant, *message, Some(&fault)).is_some());
            // The other mails use the platform's relay, as the policy says.
            let rest: Vec<Message> = rest.collect();
            if !rest.is_empty() {
                clock += self.read_platform(now, slot);
            }
            self.begin_group(slot, &mut batch, clock, (tenant, Via::Platform), rest, true);
        }
        let (end, done, run) = (batch.end, batch.left == 0, self.slots[slot as usize].run);
        let groups = batch.groups.len();
        self.slots[slot as usize].batch = Some(batch);
        (first..groups).for_each(|group| self.plan_group(slot, run, group));
        if done {
            self.plan(end, Happening::End { slot, run });
        }
    }

    /// The sender reports the messages that stay; Lambda deletes the others.
    pub(crate) fn end_batch(&mut self, now: Micros, slot: u32) {
        let Some(batch) = self.slots[slot as usize].batch.take() else { return };
        self.free.push(slot);
        let took = now - batch.began;
        self.results.sender_time += took;
        for (tenant, _) in &batch.messages {
            self.queue.worked(now, *tenant, took);
        }
        let mut staying = batch.staying;
        let mut left = 0;
        let mut delayed: u64 = 0;
        for (_, message) in batch.messages {
            // Of two messages for a mail in one batch, one stays and one is deleted.
            let Some(place) = staying.iter().position(|(stays, _)| *stays == message) else {
                left += 1;
                self.delete(now, message);
                continue;
            };
            let (_, until) = staying.swap_remove(place);
            if until > now + HIDDEN_FOR + SECOND {
                delayed += 1;
                left += 1;
                let tenant = self.mail(message).tenant;
                self.queue.delete(tenant);
                self.plan(until.min(now + LONGEST_DELAY), Happening::Delayed(message));
            } else {
                self.count(Operation::QueueHide, 1);
                self.plan(until.max(now), Happening::Visible(message));
            }
        }
        self.count(Operation::QueueSend, delayed.div_ceil(10));
        self.count(Operation::QueueDelete, u64::from(left > 0));
    }

    /// Kills the sender: mails that were sent stay sent, nothing else is written, and every message becomes visible
    /// after its visibility timeout.
    pub(crate) fn crash(&mut self, now: Micros, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.known.clear();
        place.idle.clear();
        place.platform = None;
        let Some(batch) = place.batch.take() else { return };
        self.free.push(slot);
        self.results.crashed += 1;
        self.results.sender_time += now - batch.began;
        for group in &batch.groups {
            // A group that is over has handed over its mails.
            if group.via == Via::Relay && !group.mails.is_empty() {
                self.tenants[group.tenant as usize].open -= 1;
            }
        }
        for (message, version, said, at) in batch.groups.into_iter().flat_map(|group| group.mails) {
            let mail = self.mail(message);
            if at <= now && said.after_the_dot() && mail.version == version {
                mail.version += 1;
                mail.status = Status::Sending;
                mail.marked = at;
                self.enter(message, delivery::Status::Sending, at, None);
                self.count(Operation::RowUpdate, 1);
                if said == Said::Accepted {
                    self.taken(message, at);
                }
            }
        }
        for (_, message) in batch.messages {
            self.plan(batch.began + VISIBILITY, Happening::Visible(message));
        }
    }
}
