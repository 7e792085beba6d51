//! The line before a relay that takes fewer mails than there are: each mail that waits has a ticket, the tickets of the four
//! categories are called in turn, and the n-th ticket waits for the n-th turn.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::category::Category;
use super::limits::Limit;
use super::time::CLOCKS_DIFFER;

/// The number of categories, each with a lane of its own, so that an invitation does not wait behind ten thousand
/// notifications.
const LANES: usize = Category::ALL.len();

/// Those before a mail are not waited for when none of them has gone for this long, and two batches of time in which none
/// could: they have gone another way.
const NOBODY: Duration = Duration::from_secs(5);
/// [`CLOCKS_DIFFER`], in milliseconds.
const CLOCKS_DIFFER_MS: i64 = CLOCKS_DIFFER.as_secs().cast_signed() * 1000;

/// The place of a mail in a line. It is kept in the mail's row while the mail waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The line that gave it: when that line began, in milliseconds. Tickets of a line that is gone are worth nothing.
    line: i64,
    /// The number in the lane of the mail's category, from 1.
    number: u32,
}

/// The line of one relay, and the turns that nobody has used yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// When it began, in milliseconds; 0 for a line that has begun no account.
    began: i64,
    /// The last ticket given in each lane.
    given: [u32; LANES],
    /// The last ticket called in each lane.
    called: [u32; LANES],
    /// How many of those that were called have gone.
    gone: [u32; LANES],
    /// When the last of them went, in milliseconds.
    went: i64,
    /// The lane that is called next.
    turn: usize,
    /// The turns saved up at `at`.
    turns: f64,
    /// The time of the account, in milliseconds.
    at: i64,
}

/// The number of a category's lane.
fn lane(category: Category) -> usize {
    Category::ALL.iter().position(|known| *known == category).unwrap_or_default()
}

impl Line {
    /// Whether somebody in any lane waits for being called.
    pub fn is_waiting(&self) -> bool {
        self.given != self.called
    }

    /// Brings the account to `now`: the turns of the time that has passed, `pace.burst` at most, go to those who wait, one
    /// lane after the other. Without a provider's account the turns of a time in which nobody waited are lost
    /// (`saves` is false): they only estimate when a connection becomes free.
    pub fn advance(&mut self, pace: Limit, saves: bool, now: Timestamp) {
        let now = now.as_millisecond();
        let burst = f64::from(pace.burst);
        if self.began == 0 {
            (self.began, self.at) = (now.max(1), now);
            self.turns = if saves { burst } else { 0.0 };
        }
        // An account of the future is of a clock that has gone back since.
        if self.at.saturating_sub(now) > CLOCKS_DIFFER_MS {
            self.at = now;
        }
        // A clock that is a little behind brings nothing.
        let passed = u32::try_from(now.saturating_sub(self.at).max(0)).unwrap_or(u32::MAX);
        if saves || self.is_waiting() {
            self.turns = (self.turns + f64::from(passed) / 1000.0 * per_second(pace)).min(burst);
        } else {
            self.turns = 0.0;
        }
        self.at = self.at.max(now);
        while self.turns >= 1.0 && self.is_waiting() {
            if self.called[self.turn] < self.given[self.turn] {
                self.called[self.turn] += 1;
                self.turns -= 1.0;
            }
            self.turn = (self.turn + 1) % LANES;
        }
    }

    /// Whether this ticket was called: its mail may go.
    pub fn is_called(&self, category: Category, ticket: Ticket) -> bool {
        self.knows(category, ticket) && ticket.number <= self.called[lane(category)]
    }

    /// Whether this line has given the ticket.
    pub fn knows(&self, category: Category, ticket: Ticket) -> bool {
        ticket.line == self.began && ticket.number <= self.given[lane(category)]
    }

    /// Whether nobody of this category waits.
    pub fn is_empty(&self, category: Category) -> bool {
        self.given[lane(category)] == self.called[lane(category)]
    }

    /// Takes a turn without a ticket, where one is saved up and nobody of this category waits.
    pub fn pass(&mut self, category: Category) -> bool {
        let may = self.turns >= 1.0 && self.is_empty(category);
        if may {
            self.turns -= 1.0;
        }
        may
    }

    /// Gives the next ticket of this category.
    pub fn give(&mut self, category: Category) -> Ticket {
        let lane = lane(category);
        self.given[lane] = self.given[lane].saturating_add(1);
        Ticket { line: self.began, number: self.given[lane] }
    }

    /// The mail of this ticket, which was called, goes. It is one more that has gone, and says nothing of those before it:
    /// it may have taken a free connection before its turn. Only where nobody has gone for some batches of this time, half
    /// of those before it count as gone another way.
    pub fn go(&mut self, category: Category, ticket: Ticket, batch: Duration, now: Timestamp) {
        let lane = lane(category);
        let lost =
            if self.is_going(batch, now) { 0 } else { ticket.number.saturating_sub(self.gone[lane]) / 2 };
        self.gone[lane] = self.gone[lane].saturating_add(lost.max(1)).min(self.called[lane]);
        self.went = now.as_millisecond();
    }

    /// Whether somebody waits for a connection: nobody has called them yet, or they were called and have not gone.
    pub fn wants_more(&self, batch: Duration, now: Timestamp) -> bool {
        self.is_waiting() || (self.gone != self.called && self.is_going(batch, now))
    }

    /// Whether somebody with a ticket has gone within some batches of this time.
    fn is_going(&self, batch: Duration, now: Timestamp) -> bool {
        let nobody = i64::try_from((NOBODY + 2 * batch).as_millis()).unwrap_or(i64::MAX);
        (-CLOCKS_DIFFER_MS..nobody).contains(&now.as_millisecond().saturating_sub(self.went))
    }

    /// How many mails were called before this one and have not gone: those before it in its own lane, and as many in each
    /// other lane.
    pub fn before(&self, category: Category, ticket: Ticket) -> u32 {
        let own = ticket.number.saturating_sub(self.gone[lane(category)]);
        let before: u32 = (0..LANES)
            .map(|lane| self.called[lane].saturating_sub(self.gone[lane]).min(own))
            .fold(0, u32::saturating_add);
        before.saturating_sub(1)
    }

    /// How long it is until this ticket is called: the turns of those before it in its own lane and of as many in each
    /// other lane.
    pub fn wait(&self, category: Category, ticket: Ticket, pace: Limit) -> Duration {
        let own = ticket.number.saturating_sub(self.called[lane(category)]);
        let before: u32 = (0..LANES)
            .map(|lane| (self.given[lane] - self.called[lane]).min(own))
            .fold(0, u32::saturating_add);
        Duration::from_secs_f64((f64::from(before) - self.turns).max(0.0) / per_second(pace))
    }
}

fn per_second(pace: Limit) -> f64 {
    f64::from(pace.burst.max(1)) / pace.period.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Limit = Limit { burst: 30, period: Duration::from_mins(1) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn the_nth_waits_for_the_nth_turn() {
        let mut line = Line::default();
        line.advance(PACE, true, at(0));
        let passed = (0..40).filter(|_| line.pass(Category::Notification)).count();
        assert_eq!(passed, 30);
        let tickets: Vec<Ticket> = (0..10).map(|_| line.give(Category::Notification)).collect();
        let waits: Vec<u64> =
            tickets.iter().map(|ticket| line.wait(Category::Notification, *ticket, PACE).as_secs()).collect();
        assert_eq!(waits, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        for (number, ticket) in tickets.iter().enumerate() {
            let due = 2 * (i64::try_from(number).unwrap() + 1);
            line.advance(PACE, true, at(due - 1));
            assert!(!line.is_called(Category::Notification, *ticket), "{number}");
            line.advance(PACE, true, at(due));
            assert!(line.is_called(Category::Notification, *ticket), "{number}");
        }
        assert!(!line.pass(Category::Notification), "each turn was one mail's");
    }

    #[test]
    fn the_categories_take_turns() {
        let mut line = Line::default();
        line.advance(PACE, true, at(0));
        (0..30).for_each(|_| assert!(line.pass(Category::Notification)));
        for _ in 0..10_000 {
            line.give(Category::Notification);
        }
        let invitation = line.give(Category::UserInvitation);
        assert_eq!(line.wait(Category::UserInvitation, invitation, PACE).as_secs(), 4);
        line.advance(PACE, true, at(4));
        assert!(line.is_called(Category::UserInvitation, invitation));
        // Alone again, one category has all turns.
        let before = line.called;
        line.advance(PACE, true, at(24));
        let called: Vec<u32> = line.called.iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(called.iter().sum::<u32>(), 10);
    }

    #[test]
    fn one_that_goes_before_its_turn_is_one_less_and_not_thousands() {
        let (mut line, mail) = (Line::default(), Category::Notification);
        line.advance(PACE, false, at(0));
        let tickets: Vec<Ticket> = (0..1000).map(|_| line.give(mail)).collect();
        let fast = Limit { burst: 1000, period: Duration::from_secs(1) };
        line.advance(fast, false, at(10));
        let batch = Duration::from_millis(400);
        line.go(mail, tickets[0], batch, at(10));
        line.go(mail, tickets[999], batch, at(10));
        assert_eq!((line.before(mail, tickets[1]), line.before(mail, tickets[998])), (0, 996));
        assert!(line.wants_more(batch, at(15)), "nobody is to be called, and many have not gone");
        // They were erased: nobody goes any more, and nobody waits for them.
        assert!(!line.wants_more(batch, at(16)));
        let before: Vec<u32> = [16, 22, 28, 34]
            .map(|second| {
                line.go(mail, tickets[998], batch, at(second));
                line.before(mail, tickets[998])
            })
            .into();
        assert_eq!(before, [498, 249, 124, 62]);
        // A clock that was ahead keeps nobody.
        line.go(mail, tickets[998], batch, at(400 * 86_400));
        assert!(!line.wants_more(batch, at(34)));
    }

    #[test]
    fn turns_of_a_quiet_time_are_saved_for_a_provider_alone() {
        for (saves, expected) in [(true, 30), (false, 0)] {
            let mut line = Line::default();
            line.advance(PACE, saves, at(0));
            for _ in 0..30 {
                line.pass(Category::Notification);
            }
            line.advance(PACE, saves, at(600));
            let passed = (0..40).filter(|_| line.pass(Category::Notification)).count();
            assert_eq!(passed, expected, "{saves}");
        }
    }

    #[test]
    fn tickets_of_another_line_are_worth_nothing() {
        let mut line = Line::default();
        line.advance(PACE, true, at(0));
        let ticket = line.give(Category::Notification);
        line.advance(PACE, true, at(2));
        assert!(line.is_called(Category::Notification, ticket));
        let mut other = Line::default();
        other.advance(PACE, true, at(9));
        assert!(!other.knows(Category::Notification, ticket));
    }

    #[test]
    fn a_line_whose_clock_was_ahead_goes_on() {
        for saves in [true, false] {
            let mut line = Line::default();
            line.advance(PACE, saves, at(400 * 86_400));
            while line.pass(Category::Notification) {}
            let ticket = line.give(Category::Notification);
            line.advance(PACE, saves, at(0));
            assert!(!line.is_called(Category::Notification, ticket));
            line.advance(PACE, saves, at(2));
            assert!(line.is_called(Category::Notification, ticket), "{saves}");
        }
    }
}
