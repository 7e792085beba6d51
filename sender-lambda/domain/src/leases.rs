//! Connection leases: how many connections all senders together may have to one relay. A lease expires, so that a sender
//! that crashes frees its connections.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest that one batch holds a lease: as long as the function `sender` lives.
const IN_USE: Duration = Duration::from_mins(8);
/// How long a process keeps an idle connection, and the lease with it; a frozen Lambda cannot give either back.
const IDLE: Duration = Duration::from_mins(1);

/// The leases of one relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases(Vec<Lease>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    process: String,
    until: Timestamp,
    idle: bool,
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Leases {
    /// The leases when `process` has acquired one of `most`: one that it keeps idle, or a free one; `None` when all are
    /// in use.
    #[must_use]
    pub fn acquire(mut self, process: &str, most: usize, now: Timestamp) -> Option<Self> {
        self.0.retain(|lease| lease.until > now);
        let acquired = Lease { process: process.to_owned(), until: later(now, IN_USE), idle: false };
        if let Some(kept) = self.0.iter_mut().find(|lease| lease.idle && lease.process == process) {
            *kept = acquired;
        } else if self.0.len() < most {
            self.0.push(acquired);
        } else {
            return None;
        }
        Some(self)
    }

    /// The leases when `process` has released one: it keeps it for as long as the idle connection.
    #[must_use]
    pub fn release(mut self, process: &str, now: Timestamp) -> Self {
        if let Some(lease) = self.0.iter_mut().find(|lease| !lease.idle && lease.process == process) {
            lease.idle = true;
            lease.until = later(now, IDLE);
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
    fn never_more_leases_than_the_relay_takes() {
        let leases = Leases::default().acquire("a", 2, at(0)).unwrap().acquire("b", 2, at(0)).unwrap();
        assert_eq!(leases.clone().acquire("c", 2, at(0)), None);
        assert_eq!(leases.clone().acquire("a", 2, at(0)), None, "one lease is one connection");
        // A process that has released a lease keeps the connection, and may use it again before any other.
        let released = leases.clone().release("a", at(10));
        assert_eq!(released.clone().acquire("c", 2, at(69)), None);
        assert!(released.clone().acquire("a", 2, at(69)).is_some());
        assert!(released.acquire("c", 2, at(70)).is_some());
        // A process that has died loses the lease in the end.
        assert_eq!(leases.clone().acquire("c", 2, at(479)), None);
        assert!(leases.acquire("c", 2, at(480)).is_some());
    }
}
