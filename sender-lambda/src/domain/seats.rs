//! How many connections all senders together may have to one relay: seats, each with an end, so that whoever dies with
//! one only keeps it for a while.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest that a seat is taken for one batch: as long as the function `sender` lives.
const IN_USE: Duration = Duration::from_mins(8);
/// How long a process keeps an idle connection, and the seat with it; a frozen Lambda cannot give either back.
const IDLE: Duration = Duration::from_mins(1);

/// The seats that are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats(Vec<Seat>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seat {
    process: String,
    until: Timestamp,
    idle: bool,
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Seats {
    /// The seats when `process` has taken one of `most`: one that it has kept idle, or a free one; `None` when all are
    /// taken.
    #[must_use]
    pub fn take(mut self, process: &str, most: usize, now: Timestamp) -> Option<Self> {
        self.0.retain(|seat| seat.until > now);
        let taken = Seat { process: process.to_owned(), until: later(now, IN_USE), idle: false };
        if let Some(kept) = self.0.iter_mut().find(|seat| seat.idle && seat.process == process) {
            *kept = taken;
        } else if self.0.len() < most {
            self.0.push(taken);
        } else {
            return None;
        }
        Some(self)
    }

    /// The seats when `process` has done its work on one: it keeps it for as long as the idle connection.
    #[must_use]
    pub fn leave(mut self, process: &str, now: Timestamp) -> Self {
        if let Some(seat) = self.0.iter_mut().find(|seat| !seat.idle && seat.process == process) {
            seat.idle = true;
            seat.until = later(now, IDLE);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn no_more_sit_than_there_are_seats() {
        let seats = Seats::default().take("a", 2, at(0)).unwrap().take("b", 2, at(0)).unwrap();
        assert_eq!(seats.clone().take("c", 2, at(0)), None);
        assert_eq!(seats.clone().take("a", 2, at(0)), None, "one seat is one connection");
        // Who has left keeps the connection, and may use it again before anybody else.
        let left = seats.clone().leave("a", at(10));
        assert_eq!(left.clone().take("c", 2, at(69)), None);
        assert!(left.clone().take("a", 2, at(69)).is_some());
        assert!(left.take("c", 2, at(70)).is_some());
        // Who has died loses the seat in the end.
        assert_eq!(seats.clone().take("c", 2, at(479)), None);
        assert!(seats.take("c", 2, at(480)).is_some());
    }
}
