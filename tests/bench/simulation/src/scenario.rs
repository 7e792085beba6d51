//! The parameters of a simulated run.

use ownpost_domain::category::Category;

/// Simulated time in microseconds since the beginning.
pub type Micros = u64;
/// One second in microseconds.
pub const SECOND: Micros = 1_000_000;
/// One minute in microseconds.
pub const MINUTE: Micros = 60 * SECOND;
/// One hour in microseconds.
pub const HOUR: Micros = 60 * MINUTE;

/// The parameters of one run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Scenario {
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of events, each with one recipient.
    pub events: u64,
    /// The number of tenants. Their shares of the events follow Zipf's law.
    pub tenants: usize,
    /// The time over which the events come.
    pub span: Micros,
    /// The share of the events that the largest tenant sends in a burst, in addition to its others.
    pub burst: f64,
    /// The duration of the burst.
    pub burst_for: Micros,
    /// The most senders that run at the same time (`SenderConcurrency` of the template).
    pub senders: usize,
    /// Whether the messages carry their tenant as `MessageGroupId`, which makes the queue a fair one.
    pub fair: bool,
    /// The share of the tenants that have a relay of their own.
    pub own_relay: f64,
    /// The share of the tenants with a relay of their own whose provider allows a number of mails a minute
    /// ([`ownpost_domain::limits`]).
    pub limited: f64,
    /// The share of these tenants whose relay fails sometimes.
    pub faulty: f64,
    /// The share of the tenants with a relay of their own whose relay needs 20 seconds for each mail.
    pub very_slow: f64,
    /// The share of them whose relay takes one to five connections at a time and answers 421 to more.
    pub few_connections: f64,
    /// The mean time for which such a relay works before it fails.
    pub up: Micros,
    /// The mean time for which it fails.
    pub down: Micros,
    /// Whether these relays fail. Without faults, the same tenants send the same mails.
    pub faults: bool,
    /// The share of the messages that the queue delivers twice.
    pub duplicates: f64,
    /// The share of the senders' runs that are killed.
    pub crashes: f64,
    /// Whether one relay may occupy only its share of the senders. Without, the fair queue alone keeps tenants apart.
    pub shares: bool,
    /// Whether `sending` is written conditionally. Without the condition mails are doubled, which proves that the
    /// count works.
    pub conditional_writes: bool,
}

impl Scenario {
    /// A day with this many events and tenants.
    pub fn day(seed: u64, events: u64, tenants: usize, senders: usize) -> Self {
        Self {
            seed,
            events,
            tenants,
            span: 24 * HOUR,
            burst: 0.1,
            burst_for: 10 * MINUTE,
            senders,
            fair: true,
            own_relay: 0.7,
            limited: 0.1,
            faulty: 0.05,
            very_slow: 0.01,
            few_connections: 0.3,
            up: 6 * HOUR,
            down: 40 * MINUTE,
            faults: true,
            duplicates: 1e-5,
            crashes: 1e-5,
            shares: true,
            conditional_writes: true,
        }
    }

    /// The number of events in the burst of the largest tenant.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub fn burst(&self) -> u64 {
        (self.events as f64 * self.burst) as u64
    }

    /// The same rate for so many events, and so for another time.
    #[must_use]
    pub fn of(self, events: u64) -> Self {
        let part = |time: Micros| {
            time / self.events.max(1) * events + time % self.events.max(1) * events / self.events.max(1)
        };
        Self { events, span: part(self.span), burst_for: part(self.burst_for), ..self }
    }

    /// The same day without faults and without the burst.
    #[must_use]
    pub fn in_peace(self) -> Self {
        Self { burst: 0.0, faults: false, duplicates: 0.0, crashes: 0.0, ..self }
    }

    /// The same day on a queue without groups.
    #[must_use]
    pub fn unfair(self) -> Self {
        Self { fair: false, ..self }
    }
}

/// The durations of calls, in microseconds. They are assumptions, named in the report; none of them decides the order
/// of tenants.
pub mod latency {
    use super::{MINUTE, Micros};

    /// A read of DynamoDB, in microseconds.
    pub const READ: Micros = 4_000;
    /// A write of DynamoDB, in microseconds.
    pub const WRITE: Micros = 6_000;
    /// A call of SQS, in microseconds.
    pub const QUEUE: Micros = 8_000;
    /// A read of Secrets Manager, in microseconds.
    pub const SECRET: Micros = 15_000;
    /// A round trip to a relay.
    pub const ROUND_TRIP: Micros = 40_000;
    /// TCP, greeting, EHLO, STARTTLS, the handshake, EHLO again, AUTH.
    pub const CONNECT: Micros = 7 * ROUND_TRIP;
    /// How long a sender waits for a relay's greeting: `Timeouts::SEND`, which `tests/counts.rs` compares.
    pub const GREETING: Micros = MINUTE;
    /// The time of a relay for a mail, without the round trip.
    pub const RELAY: Micros = 20_000;
    /// The processor time for each mail: building it and everything else.
    pub const COMPUTE: Micros = 2_000;
}

/// The category of a mail: the four categories take turns.
pub fn category(number: u64) -> Category {
    Category::ALL[usize::try_from(number % 4).unwrap_or_default()]
}
