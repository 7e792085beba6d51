//! How many connections all senders together have to one relay. The number begins small and follows the relay: fewer at
//! each "too many", slowly more on success, up to what its provider is known to take. A seat is the right to one
//! connection; it lapses, so that a sender that was killed frees it.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::category::Category;
use super::limits::{self, Limit};
use super::line::{Line, Ticket};
use super::time::{CLOCKS_DIFFER, doubled};

/// The most connections to a relay of which nothing is known.
const MOST: u32 = 20;
/// How long a seat is good for: as long as an idle connection is kept. A sender that works renews it in time.
pub const GOOD_FOR: Duration = Duration::from_mins(1);
/// For how long the number does not grow again after a "too many".
const NO_GROWTH: i64 = 10 * 60_000;
/// [`CLOCKS_DIFFER`], in milliseconds.
const CLOCKS_DIFFER_MS: i64 = CLOCKS_DIFFER.as_secs().cast_signed() * 1000;
/// For how long a "too many" is remembered: until then connections are closed and not kept idle.
const REMEMBERED: i64 = 24 * 3_600_000;
/// How long a server is left alone that has refused a connection and taken no mail since; doubled each time.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest such time.
const LONGEST_REST: Duration = Duration::from_secs(15);
/// The time a mail takes where none was measured yet, in milliseconds.
const MAIL_MS: u32 = 500;
/// The mails of one batch, the most that a seat is used for before it is free again.
const BATCH: u32 = 10;
/// The longest time between two looks of a mail that waits for a connection. The time of its turn is an estimate.
const LONGEST_LOOK: Duration = Duration::from_mins(15);
/// A batch that takes less than this frees its connection before a message that was hidden shows again.
const SOON: Duration = Duration::from_millis(100);
/// How long a seat is good for that is neither kept nor given back: as long as most batches take.
const BRIEF: Duration = Duration::from_millis(600);
/// When a batch is still at work, such a seat is made good for longer: early enough for the write.
const BRIEF_RENEWED: Duration = Duration::from_millis(500);

/// What a relay may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The connections to begin with.
    begin: u32,
    /// The most connections.
    most: u32,
    /// The mails that its provider takes of one account in a period, where that is known.
    mails: Option<Limit>,
    /// Whether one process has them all.
    of_one: bool,
}

impl Bounds {
    /// For the server of this name: `begin` connections at first, and never more than `share`, the part of all senders
    /// that one relay may occupy.
    pub fn of(host: &str, begin: u32, share: u32) -> Self {
        Self::up_to(host, begin, share, MOST)
    }

    /// The same for the platform's server, which is the operator's own and takes the mail of all tenants: up to its part of
    /// the senders, where their number is known.
    pub fn of_platform(host: &str, begin: u32, share: Option<u32>) -> Self {
        Self::up_to(host, begin, share.unwrap_or(u32::MAX), share.unwrap_or(MOST))
    }

    fn up_to(host: &str, begin: u32, share: u32, unknown: u32) -> Self {
        let provider = limits::provider(host);
        let known = provider.and_then(|provider| u32::try_from(provider.connections).ok());
        let most = known.unwrap_or(unknown).min(share).max(1);
        Self {
            begin: begin.clamp(1, most),
            most,
            mails: provider.map(|provider| provider.mails),
            of_one: false,
        }
    }

    /// The same for the only process of its ledger: what it keeps is free for its next batch, and holds up nobody.
    #[must_use]
    pub fn of_one_process(self) -> Self {
        Self { of_one: true, ..self }
    }

    /// The mails that its provider takes in a period, where that is known.
    pub fn mails(&self) -> Option<Limit> {
        self.mails
    }
}

/// The connections to one relay, as all senders share them, and the line of the mails that wait for one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Seats {
    /// The server that this is about.
    host: String,
    /// How many connections it gets now; it grows in fractions. `None` before the first change.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    /// The last "too many", in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<i64>,
    /// How often in a row it has said "too many" and taken no mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals: Option<NonZeroU32>,
    /// The time that a mail takes, in milliseconds, as a moving mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_ms: Option<u32>,
    /// The same for a batch, with its connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_ms: Option<u32>,
    /// The seats taken: a process, and until when in seconds.
    taken: Vec<(String, i64)>,
    line: Line,
}

/// A mail that asks to go.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Its category.
    pub category: Category,
    /// Its ticket, if it has waited.
    pub ticket: Option<Ticket>,
}

/// The answer to one mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// It goes now.
    Go,
    /// It waits for its turn with this ticket.
    Wait(Ticket, Duration),
    /// Its turn has come and no connection is free: it asks again soon and keeps its ticket.
    Again(Duration),
}

/// The answer to a sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The state to write.
    pub seats: Seats,
    /// The end of the seat that was taken, in seconds; `None` when no mail goes: who only waits takes no seat.
    pub seat: Option<i64>,
    /// The answer to each mail, in their order.
    pub places: Vec<Place>,
    /// What becomes of the seat when the batch is over.
    pub stay: Stay,
}

/// What becomes of a seat when its batch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It stays with the connection, which is kept for the next batch.
    Kept,
    /// The connection is closed and the seat lapses soon by itself: nobody needs it before, and a write is saved.
    Brief,
    /// It is given back at once: others wait for one, or may soon.
    Returned,
}

impl Stay {
    /// How often a seat is made good for longer while its batch goes on.
    pub fn renewed_after(self) -> Duration {
        match self {
            Self::Brief => BRIEF_RENEWED,
            Self::Kept | Self::Returned => GOOD_FOR / 2,
        }
    }
}

/// What a sender reports of its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many mails the relay has answered.
    pub answered: u32,
    /// Whether it has said "too many" ([`super::outcome::is_too_many`]).
    pub too_many: bool,
    /// How long the batch took.
    pub took: Duration,
}

impl Seats {
    /// The state of this server; one of another server counts as none.
    #[must_use]
    pub fn about(self, host: &str) -> Self {
        if self.host == host { self } else { Self { host: host.to_owned(), ..Self::default() } }
    }

    /// The state without the seats of all other processes. For the only process of its ledger they are those of a process
    /// that has ended.
    #[must_use]
    pub fn without_others(mut self, process: &str) -> Self {
        self.taken.retain(|(by, _)| by == process);
        self
    }

    /// How many connections the relay gets now.
    pub fn limit(&self, bounds: &Bounds) -> u32 {
        (1..=bounds.most).rev().find(|count| f64::from(*count) <= self.level(bounds)).unwrap_or(1)
    }

    fn level(&self, bounds: &Bounds) -> f64 {
        self.limit.unwrap_or(f64::from(bounds.begin)).clamp(1.0, f64::from(bounds.most))
    }

    /// Whether the relay is known to take few connections: it has said so lately, or its provider has.
    pub fn is_limited(&self, bounds: &Bounds, now: Timestamp) -> bool {
        bounds.mails.is_some() || self.refused_within(REMEMBERED, now)
    }

    /// Whether most batches are over before a seat that lapses by itself would be made good for longer.
    fn is_quick(&self) -> bool {
        self.batch_ms.is_none_or(|each| Duration::from_millis(each.into()) < BRIEF_RENEWED)
    }

    /// Whether the last batches were over at once.
    fn frees_soon(&self) -> bool {
        self.batch_ms.is_some_and(|each| Duration::from_millis(each.into()) < SOON)
    }

    /// Whether no connection is free and one will be at once, as the last batches show. Of a relay that has shown nothing yet the
    /// first batches will, unless they have taken a second already. Elsewhere mails wait in the line, where the categories take
    /// turns.
    pub fn is_soon_free(mut self, bounds: &Bounds, now: Timestamp) -> bool {
        self.prune(now);
        let since = now.as_second() + GOOD_FOR.as_secs().cast_signed() - 1;
        let shows_soon = self.batch_ms.is_none() && self.taken.iter().all(|(_, until)| *until >= since);
        (self.frees_soon() || shows_soon)
            && self.taken.len() >= self.limit(bounds) as usize
            && !self.is_limited(bounds, now)
    }

    fn refused_within(&self, time: i64, now: Timestamp) -> bool {
        // A refusal of the future is of a clock that has gone back since.
        let ago = |at| now.as_millisecond() - at;
        self.refused.is_some_and(|at| (-CLOCKS_DIFFER_MS..time).contains(&ago(at)))
    }

    /// Takes back the seats that have lapsed. One that is good for longer than any seat is of a clock that has gone back.
    fn prune(&mut self, now: Timestamp) {
        let now = now.as_second();
        let longest = now.saturating_add_unsigned((GOOD_FOR + CLOCKS_DIFFER).as_secs() + 1);
        self.taken.retain(|(_, until)| *until > now && *until <= longest);
    }

    /// The pace at which mails leave: what the provider allows, or else as measured. Where the limit may still grow the
    /// pace is that of the most connections: who comes too early asks again.
    fn pace(&self, bounds: &Bounds, now: Timestamp) -> Limit {
        if let Some(limit) = bounds.mails {
            return limit;
        }
        let count = if self.is_limited(bounds, now) { self.limit(bounds) } else { bounds.most };
        Limit { burst: count * BATCH, period: self.mail() * BATCH }
    }

    /// Decides about the mails of a sender that all want to go over one connection, and takes the seat for it. Those whose
    /// ticket was called are first; a mail without a ticket goes only when nobody of its category waits.
    #[must_use]
    pub fn ask(mut self, process: &str, mails: &[Asking], bounds: &Bounds, now: Timestamp) -> Answer {
        self.prune(now);
        let (pace, saves) = (self.pace(bounds, now), bounds.mails.is_some());
        self.line.advance(pace, saves, now);
        let limit = self.limit(bounds);
        let rest = self.rest(now);
        let is_free = self.taken.len() < limit as usize && rest.is_zero();
        let batch = self.batch();
        let mut places: Vec<Option<Place>> = vec![None; mails.len()];
        for (mail, place) in mails.iter().zip(&mut places) {
            let ticket = mail.ticket.filter(|ticket| self.line.knows(mail.category, *ticket));
            let called = ticket.is_some_and(|ticket| self.line.is_called(mail.category, ticket));
            *place = match ticket {
                Some(ticket) if called && is_free => {
                    self.line.go(mail.category, ticket, batch, now);
                    Some(Place::Go)
                }
                Some(ticket) if called => {
                    let next = self.next_free(self.line.before(mail.category, ticket), bounds);
                    Some(Place::Again(next.max(rest)))
                }
                Some(ticket) => {
                    Some(Place::Wait(ticket, look(self.line.wait(mail.category, ticket, pace), saves)))
                }
                None => None,
            };
        }
        // In the order in which they came, those without a ticket.
        for (mail, place) in mails.iter().zip(&mut places).filter(|(_, place)| place.is_none()) {
            let goes = is_free
                && if saves { self.line.pass(mail.category) } else { self.line.is_empty(mail.category) };
            *place = Some(if goes {
                Place::Go
            } else {
                let ticket = self.line.give(mail.category);
                Place::Wait(ticket, look(self.line.wait(mail.category, ticket, pace), saves))
            });
        }
        let places: Vec<Place> = places.into_iter().flatten().collect();
        let goes = places.contains(&Place::Go);
        let taken = self.taken.len() + usize::from(goes);
        // A third may stay with idle connections: of one or two none, since a process that sleeps would hold up the others.
        // Of one process and a quick relay all but the last, whose batch shows whether there may be more. Where the number may
        // still grow three quarters may lapse by themselves, where it may not half.
        let may_grow = !self.is_limited(bounds, now);
        let kept = match (bounds.of_one, self.batch_ms) {
            // The first batch shows how quick the relay is.
            (true, None) => 0,
            (true, Some(_)) if self.frees_soon() => limit - u32::from(limit < bounds.most),
            _ => limit / 3,
        };
        let brief = if may_grow { limit - limit / 4 } else { limit / 2 };
        let stay = if self.line.wants_more(batch, now) {
            Stay::Returned
        } else if taken <= kept as usize && may_grow {
            Stay::Kept
        } else if !bounds.of_one && taken < limit as usize && taken <= brief as usize && self.is_quick() {
            Stay::Brief
        } else {
            Stay::Returned
        };
        let good_for = if stay == Stay::Brief { BRIEF } else { GOOD_FOR };
        let seat = goes.then(|| self.sit(process, good_for, now));
        Answer { seats: self, seat, places, stay }
    }

    /// How long it is left alone before the next connection: it has refused the last one, and has taken no mail since.
    fn rest(&self, now: Timestamp) -> Duration {
        let Some((refused, refusals)) = self.refused.zip(self.refusals) else { return Duration::ZERO };
        let pause = doubled(FIRST_REST, refusals.get() - 1, LONGEST_REST);
        let passed = u64::try_from(now.as_millisecond() - refused).unwrap_or(u64::MAX);
        pause.saturating_sub(Duration::from_millis(passed))
    }

    fn sit(&mut self, process: &str, good_for: Duration, now: Timestamp) -> i64 {
        // A started second counts as a whole one.
        let good_for = i64::try_from(good_for.as_millis()).unwrap_or_default();
        let until = (now.as_millisecond() + good_for + 999).div_euclid(1000);
        self.taken.push((process.to_owned(), until));
        until
    }

    /// When a connection becomes free for a mail that has so many before it, as far as one can tell: the mean time between
    /// the ends of two batches, for each batch before it.
    fn next_free(&self, before: u32, bounds: &Bounds) -> Duration {
        let wait = (self.batch() / self.limit(bounds)).saturating_mul(1 + before / self.mails());
        wait.clamp(Duration::from_secs(1), LONGEST_LOOK)
    }

    /// How many mails a connection takes: as many as of late, since mails that wait come out of the queue one by one.
    fn mails(&self) -> u32 {
        u32::try_from(self.batch().as_millis() / self.mail().as_millis()).unwrap_or(BATCH).clamp(1, BATCH)
    }

    /// The time that a mail takes.
    fn mail(&self) -> Duration {
        Duration::from_millis(self.mail_ms.unwrap_or(MAIL_MS).max(1).into())
    }

    /// The time that a batch takes, with its connection.
    fn batch(&self) -> Duration {
        self.batch_ms.map_or(self.mail() * BATCH, |each| Duration::from_millis(each.into()))
    }

    /// Makes the seat that ends at `seat` good for longer. Gives its new end, in seconds.
    pub fn renew(&mut self, process: &str, seat: i64, now: Timestamp) -> i64 {
        self.prune(now);
        self.leave(process, seat);
        self.sit(process, GOOD_FOR, now)
    }

    /// The state without this seat, which its holder does not use.
    #[must_use]
    pub fn without(mut self, process: &str, seat: i64) -> Self {
        self.leave(process, seat);
        self
    }

    fn leave(&mut self, process: &str, seat: i64) {
        if let Some(place) = self.taken.iter().position(|(by, until)| by == process && *until == seat) {
            self.taken.swap_remove(place);
        }
    }

    /// Takes the seat back and learns from the batch. Gives whether other connections to the relay were open meanwhile:
    /// then "too many" says nothing about the relay's health.
    pub fn give_back(
        &mut self,
        process: &str,
        seat: i64,
        report: &Report,
        bounds: &Bounds,
        now: Timestamp,
    ) -> bool {
        self.prune(now);
        self.leave(process, seat);
        let others = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        let (level, was_full) = (self.level(bounds), others + 1 >= self.limit(bounds));
        if report.too_many {
            self.refused = Some(now.as_millisecond());
            self.refusals = NonZeroU32::MIN.checked_add(self.refusals.map_or(0, NonZeroU32::get));
            // As many as work now, and fewer each time.
            self.limit = Some(f64::from(others).min(level - 1.0).max(1.0));
        }
        if report.answered > 0 {
            self.refusals = None;
        }
        if !report.too_many && report.answered > 0 && was_full && !self.refused_within(NO_GROWTH, now) {
            // The more there are, the slower.
            let more = (f64::from(report.answered) / level).min(1.0);
            self.limit = Some((level + more).min(f64::from(bounds.most)));
        }
        let took = u32::try_from(report.took.as_millis()).unwrap_or(u32::MAX);
        if let Some(each) = took.checked_div(report.answered) {
            self.mail_ms = Some(moved(self.mail_ms, each));
            self.batch_ms = Some(moved(self.batch_ms, took));
        }
        others > 0
    }
}

/// The moving mean after one more measurement.
fn moved(mean: Option<u32>, next: u32) -> u32 {
    mean.map_or(next, |mean| mean - mean / 4 + next / 4)
}

/// When a mail asks again whose turn comes after `wait`.
fn look(wait: Duration, exact: bool) -> Duration {
    if exact { wait } else { wait.min(LONGEST_LOOK) }
}

#[cfg(test)]
mod tests;
