//! A model of SQS: a standard queue, with or without fairness.
//!
//! The fair queue follows "How Amazon SQS fair queues work" in the SQS Developer Guide. A tenant is a noisy neighbour
//! while it has more than a tenth of the messages in flight (and 30 or more), or has used more than a tenth of the
//! consumers' time recently, until its backlog is empty. Messages of quiet tenants come first; among noisy tenants,
//! the one with the fewest messages in flight. Without groups the model is first in, first out, as a standard queue
//! is most of the time. A message is in flight from its receipt until it is deleted or becomes visible again.

use std::collections::{BTreeSet, VecDeque};

use crate::scenario::Micros;

/// The most messages in flight on a standard queue (SQS quotas). With more, nothing is received.
pub const MOST_IN_FLIGHT: u64 = 120_000;
/// The time constant, in microseconds, with which a tenant's use of the consumers is forgotten. The guide says only
/// "recently".
const RECENTLY: f64 = 300e6;

/// A message, as the number of its mail.
pub type Message = u32;

#[derive(Default)]
struct Group {
    /// The visible messages, each with the time when it became visible.
    visible: VecDeque<(Micros, Message)>,
    in_flight: u64,
    noisy: bool,
    share: Decaying,
}

/// A sum that decays over time.
#[derive(Clone, Copy, Default)]
struct Decaying {
    sum: f64,
    at: Micros,
}

#[expect(clippy::cast_precision_loss, reason = "microseconds")]
impl Decaying {
    fn now(self, now: Micros) -> f64 {
        self.sum * (-(now.saturating_sub(self.at) as f64) / RECENTLY).exp()
    }
    fn add(&mut self, amount: Micros, now: Micros) {
        *self = Self { sum: self.now(now) + amount as f64, at: now };
    }
}

/// A queue with its messages.
pub struct Queue {
    fair: bool,
    groups: Vec<Group>,
    /// The quiet tenants with a visible message, by the time of their oldest one.
    quiet: BTreeSet<(Micros, u32)>,
    /// The noisy tenants with a visible message.
    noisy: Vec<u32>,
    in_flight: u64,
    most_in_flight: u64,
    visible: u64,
    busy: Decaying,
}

impl Queue {
    /// Makes an empty queue for this many tenants.
    pub fn new(tenants: usize, fair: bool) -> Self {
        Self {
            fair,
            groups: std::iter::repeat_with(Group::default).take(tenants).collect(),
            quiet: BTreeSet::new(),
            noisy: Vec::new(),
            in_flight: 0,
            most_in_flight: 0,
            visible: 0,
            busy: Decaying::default(),
        }
    }

    /// Whether a message can be received.
    pub fn has_visible(&self) -> bool {
        self.visible > 0
    }

    /// The highest number of messages in flight so far.
    pub fn most_in_flight(&self) -> u64 {
        self.most_in_flight
    }

    /// Adds a new message.
    pub fn send(&mut self, now: Micros, tenant: u32, message: Message) {
        let group = &mut self.groups[tenant as usize];
        group.visible.push_back((now, message));
        self.visible += 1;
        if group.visible.len() == 1 {
            if group.noisy {
                self.noisy.push(tenant);
            } else {
                self.quiet.insert((now, tenant));
            }
        }
    }

    /// Makes a message in flight visible again.
    pub fn show(&mut self, now: Micros, tenant: u32, message: Message) {
        self.in_flight -= 1;
        self.groups[tenant as usize].in_flight -= 1;
        self.send(now, tenant, message);
    }

    /// Deletes a message in flight.
    pub fn delete(&mut self, tenant: u32) {
        self.in_flight -= 1;
        self.groups[tenant as usize].in_flight -= 1;
    }

    /// Records the time for which a consumer worked on a message of this tenant.
    pub fn worked(&mut self, now: Micros, tenant: u32, during: Micros) {
        self.busy.add(during, now);
        self.groups[tenant as usize].share.add(during, now);
    }

    /// Receives at most `most` messages, each with its tenant.
    pub fn receive(&mut self, now: Micros, most: usize, into: &mut Vec<(u32, Message)>) {
        while into.len() < most && self.in_flight < MOST_IN_FLIGHT {
            let Some(tenant) = self.next() else { break };
            let group = &mut self.groups[tenant as usize];
            let Some((at, message)) = group.visible.pop_front() else { break };
            self.visible -= 1;
            group.in_flight += 1;
            self.in_flight += 1;
            if group.noisy {
                self.noisy.retain(|noisy| *noisy != tenant);
            } else {
                self.quiet.remove(&(at, tenant));
            }
            let (share, busy) = (group.share.now(now), self.busy.now(now));
            let crowded = group.in_flight >= 30 && group.in_flight * 10 > self.in_flight;
            group.noisy = self.fair
                && !group.visible.is_empty()
                && (group.noisy || crowded || (busy > 0.0 && share * 10.0 > busy));
            match group.visible.front() {
                Some(_) if group.noisy => self.noisy.push(tenant),
                Some(&(at, _)) => {
                    self.quiet.insert((at, tenant));
                }
                None => {}
            }
            into.push((tenant, message));
        }
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    fn next(&self) -> Option<u32> {
        let quiet = self.quiet.first().map(|(_, tenant)| *tenant);
        quiet.or_else(|| {
            self.noisy.iter().copied().min_by_key(|tenant| self.groups[*tenant as usize].in_flight)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::MINUTE;

    fn received(queue: &mut Queue, most: usize) -> Vec<u32> {
        let mut messages = Vec::new();
        queue.receive(1000, most, &mut messages);
        messages.into_iter().map(|(tenant, _)| tenant).collect()
    }

    #[test]
    fn a_tenant_that_floods_a_fair_queue_waits_for_the_others() {
        for (fair, expected) in [(true, [1, 0, 0]), (false, [0, 0, 0])] {
            let mut queue = Queue::new(2, fair);
            (0..200).for_each(|message| queue.send(u64::from(message), 0, message));
            received(&mut queue, 100);
            queue.send(500, 1, 1000);
            assert_eq!(received(&mut queue, 3), expected, "fair: {fair}");
        }
    }

    #[test]
    fn a_tenant_that_uses_much_consumer_time_waits_too() {
        let mut queue = Queue::new(2, true);
        (0..3).for_each(|message| queue.send(0, 0, message));
        queue.worked(900, 0, MINUTE);
        queue.worked(900, 1, MINUTE / 20);
        assert_eq!(received(&mut queue, 1), [0], "it becomes noisy when it is served");
        queue.send(999, 1, 9);
        assert_eq!(received(&mut queue, 2), [1, 0]);
    }

    #[test]
    fn a_received_message_is_in_flight_until_it_is_deleted_or_visible() {
        let mut queue = Queue::new(1, true);
        (0..3).for_each(|message| queue.send(0, 0, message));
        assert_eq!(received(&mut queue, 5).len(), 3);
        queue.delete(0);
        queue.show(7, 0, 1);
        assert_eq!((queue.in_flight, queue.most_in_flight(), queue.has_visible()), (1, 3, true));
    }
}
