//! What is simulated.

use ownpost_domain::category::Category;

/// Simulated time, in microseconds since the beginning.
pub type Micros = u64;
/// One second.
pub const SECOND: Micros = 1_000_000;
/// One minute.
pub const MINUTE: Micros = 60 * SECOND;
/// One hour.
pub const HOUR: Micros = 60 * MINUTE;

/// One run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Everything random comes from here.
    pub seed: u64,
    /// How many events, each of one recipient.
    pub events: u64,
    /// Of how many tenants. How much each sends follows Zipf's law.
    pub tenants: usize,
    /// Over how long the events come.
    pub span: Micros,
    /// The share of the events that the largest tenant sends all at once, beside what it sends anyway.
    pub burst: f64,
    /// How long that takes.
    pub burst_for: Micros,
    /// How many senders run at the same time, at most (`SenderConcurrency` of the template).
    pub senders: usize,
    /// Whether the messages carry their tenant as `MessageGroupId`, which makes the queue a fair one.
    pub fair: bool,
    /// The share of the tenants that have a relay of their own.
    pub own_relay: f64,
    /// The share of those whose provider allows so many mails a minute ([`ownpost_domain::limits`]).
    pub limited: f64,
    /// The share of those whose relay fails now and then.
    pub faulty: f64,
    /// How long such a relay works, on average, before it fails.
    pub up: Micros,
    /// How long it fails, on average.
    pub down: Micros,
    /// Whether they do fail: off, the same tenants send the same mails in peace.
    pub faults: bool,
    /// The share of the messages that the queue delivers twice.
    pub duplicates: f64,
    /// The share of the senders' runs that are killed on the way.
    pub crashes: f64,
    /// Whether `sending` is written conditionally. Off, the run shows that the count of doubled mails can fail.
    pub conditional_writes: bool,
}

impl Scenario {
    /// A day of so many events and tenants.
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
            up: 6 * HOUR,
            down: 40 * MINUTE,
            faults: true,
            duplicates: 1e-5,
            crashes: 1e-5,
            conditional_writes: true,
        }
    }

    /// How many events the largest tenant sends all at once.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub fn burst(&self) -> u64 {
        (self.events as f64 * self.burst) as u64
    }

    /// The same day without anything going wrong and without the burst.
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

/// How long things take in the cloud. Assumptions, named in the report; none of them decides who waits for whom.
pub mod latency {
    use super::Micros;

    /// DynamoDB, a read.
    pub const READ: Micros = 4_000;
    /// DynamoDB, a write.
    pub const WRITE: Micros = 6_000;
    /// SQS, a call.
    pub const QUEUE: Micros = 8_000;
    /// Secrets Manager, a read.
    pub const SECRET: Micros = 15_000;
    /// A round trip to a relay.
    pub const ROUND_TRIP: Micros = 40_000;
    /// TCP, greeting, EHLO, STARTTLS, the handshake, EHLO again, AUTH.
    pub const CONNECT: Micros = 7 * ROUND_TRIP;
    /// What a relay takes for a mail beside the round trip.
    pub const RELAY: Micros = 20_000;
    /// Writing a mail and everything else that computes, for each mail.
    pub const COMPUTE: Micros = 2_000;
}

/// The kind of a mail: the four take turns.
pub fn category(number: u64) -> Category {
    Category::ALL[usize::try_from(number % 4).unwrap_or_default()]
}
