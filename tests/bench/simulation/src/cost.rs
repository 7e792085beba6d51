//! The price of the counted calls on AWS.
#![expect(clippy::cast_precision_loss, reason = "counts")]

use crate::Results;
use crate::counts::Operation;
use crate::scenario::latency;

/// The date of the prices.
pub const DATE: &str = "November 2026";
/// The pages with the prices: region us-east-1, without free tiers, discounts for volume, and taxes.
pub const PAGES: [&str; 6] = [
    "https://aws.amazon.com/lambda/pricing/",
    "https://aws.amazon.com/sqs/pricing/",
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "https://aws.amazon.com/eventbridge/pricing/",
    "https://aws.amazon.com/secrets-manager/pricing/",
    "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
];

/// The functions' memory in the template, in GB.
const MEMORY: f64 = 0.25;
/// The price of Lambda on arm64 for a GB-second, in dollars.
const LAMBDA_SECOND: f64 = 0.000_013_333_4;
/// The price of a run of a function, in dollars.
const LAMBDA_RUN: f64 = 0.2e-6;
/// The price of an SQS call, in dollars; below, with the surcharge for groups.
const EVENTS_CALL: f64 = 0.4e-6;
const SQS_CALL: f64 = EVENTS_CALL + 0.1e-6;
/// The calls for an event that the bus puts on the events queue: sent, received and deleted. Events that come close together
/// share the latter two.
const EVENTS_CALLS: f64 = 3.0;
/// The price of a DynamoDB write request unit (1 KB) on demand, in dollars; below, of a read request unit (4 KB,
/// consistent).
const WRITE_UNIT: f64 = 0.625e-6;
const READ_UNIT: f64 = 0.125e-6;
/// The price of an event on a bus, in dollars.
const EVENT: f64 = 1e-6;
/// The price of a call of Secrets Manager, in dollars.
const SECRET_CALL: f64 = 5e-6;
/// The price of a secret for a month, in dollars.
pub const SECRET_MONTH: f64 = 0.4;
/// The price of a GB to the Internet, in dollars.
const OUT: f64 = 0.09;

/// The size of a template's mail on the wire in GB, with its share of handshake and envelope.
const MAIL: f64 = 7e-6;
/// Write request units of a row without its index entries, up to [`MANY_TRIES`] tries. `tests/counts.rs` checks the size.
pub const ROW: u64 = 1;
/// A row with more tries than this takes one unit more.
pub const MANY_TRIES: u16 = 5;
/// The index entries of a new row: by time and recipient, and by the time when it is due.
const ENTRIES: u64 = 3;

/// A line of the bill, for a million mails.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The item that is paid for.
    pub what: &'static str,
    /// The quantity in units.
    pub count: f64,
    /// The unit of the quantity.
    pub unit: &'static str,
    /// The price of the quantity in dollars.
    pub dollars: f64,
}

/// The write request units of a run, by what they are for: names and units.
pub fn writes(results: &Results) -> Vec<(&'static str, u64)> {
    use Operation as O;
    let counts = &results.counts;
    vec![
        ("the event's document", counts[O::EventPut]),
        ("the new row", counts[O::RowInsert] * ROW),
        ("its entries by time, by recipient, and in what is due", counts[O::RowInsert] * ENTRIES),
        ("the row's later states", counts[O::RowUpdate] * ROW + results.large_rows),
        ("its entry in what is due, deleted or moved", results.due_entries),
        ("entries of rows that wait or want a person", results.open_entries),
        ("connections and lines of relays, their health", counts[O::StatePut] + results.renewals),
        ("the rest", counts[O::EventKeep] + counts[O::Watch] * MOVED_ENTRY),
    ]
}

/// The bill for a million mails of this run.
pub fn bill(results: &Results) -> Vec<Line> {
    use Operation as O;
    let millions = results.events as f64 / 1e6;
    let counts = &results.counts;
    let sum = |operations: &[O]| operations.iter().map(|operation| counts[*operation]).sum::<u64>() as f64;
    let writes = writes(results).iter().map(|(_, units)| *units).sum::<u64>() as f64;
    let reads = sum(&[O::RowGet, O::EventGet, O::EventKeep, O::StateGet])
        + results.renewals as f64
        + 100.0 * sum(&[O::List]);
    let router = (2 * latency::WRITE + latency::QUEUE + latency::COMPUTE) as f64 * results.events as f64;
    let seconds = (router + results.sender_time as f64) / 1e6 * MEMORY;
    let line = |what, count: f64, unit, price| {
        let count = count / millions;
        Line { what, count, unit, dollars: count * price }
    };
    vec![
        line("Lambda, time", seconds, "GB-s", LAMBDA_SECOND),
        line("Lambda, runs", results.events as f64 + sum(&[O::Batch]), "runs", LAMBDA_RUN),
        line("SQS, events queue", results.events as f64 * EVENTS_CALLS, "calls", EVENTS_CALL),
        line(
            "SQS, queue of mails",
            sum(&[O::QueueSend, O::Batch, O::QueueDelete, O::QueueHide]),
            "calls",
            SQS_CALL,
        ),
        line("DynamoDB, writes", writes, "units", WRITE_UNIT),
        line("DynamoDB, reads", reads, "units", READ_UNIT),
        line("EventBridge", results.events as f64 + sum(&[O::Emit]), "events", EVENT),
        line("Secrets Manager, calls", sum(&[O::SecretGet, O::PlatformGet]), "calls", SECRET_CALL),
        line("Data out", results.events as f64 * MAIL, "GB", OUT),
    ]
}

/// The calls of one look at an idle relay, which comes once a day: `monitor` puts it on the queue, and a sender tests the
/// relay. `tests/counts.rs` holds them against the functions.
pub const LOOK: [(Operation, u64); 8] = [
    (Operation::Postpone, 1),
    (Operation::QueueSend, 1),
    (Operation::Batch, 1),
    (Operation::QueueDelete, 1),
    (Operation::StateGet, 9),
    (Operation::List, 1),
    (Operation::SecretGet, 1),
    (Operation::Watch, 0),
];
/// The calls beside them when the same batch looks at the operator's own credentials. That comes four times a day in all, which
/// no bill shows.
pub const OPERATOR: [(Operation, u64); 3] =
    [(Operation::QueueSend, 1), (Operation::StateGet, 4), (Operation::PlatformGet, 1)];
/// The calls of `monitor` in each run, however many tenants there are: one for each part of what is due.
pub const RUN: u64 = 16;
/// Runs of `monitor` in a month: one every five minutes.
const RUNS: f64 = 30.0 * 24.0 * 12.0;
/// Write request units of moving an entry of what is due: the item, and the index entry deleted and put.
const MOVED_ENTRY: u64 = 3;

/// The price of a call that does not depend on the size of a row, in dollars.
fn call(operation: Operation) -> f64 {
    use Operation as O;
    match operation {
        O::Postpone | O::Watch => MOVED_ENTRY as f64 * WRITE_UNIT,
        O::StateGet => READ_UNIT,
        // Ten rows and their keys.
        O::List => 11.0 * READ_UNIT,
        O::SecretGet => SECRET_CALL,
        O::QueueSend | O::QueueDelete => SQS_CALL,
        // A run of two seconds, nearly all of it waiting for the relay.
        O::Batch => SQS_CALL + LAMBDA_RUN + 2.0 * MEMORY * LAMBDA_SECOND,
        // An eventually consistent query that finds nothing.
        O::Due => READ_UNIT / 2.0,
        _ => 0.0,
    }
}

/// The price of a tenant's settings for a month, independent of its mails, in dollars: the secret, and a look at its relay
/// every day.
pub fn tenant_month() -> (f64, f64) {
    let look: f64 = LOOK.iter().map(|(operation, times)| call(*operation) * *times as f64).sum();
    (SECRET_MONTH, 30.0 * look)
}

/// The price of `monitor` for a month without any tenant, in dollars.
pub fn monitor_month() -> f64 {
    RUNS * RUN as f64 * call(Operation::Due)
}

/// The calls of one run of `monitor` when so many tenants have an idle relay: queries of what is due, entries moved, and
/// batches of messages.
pub fn monitor_calls(tenants: u64) -> u64 {
    let due = tenants.div_ceil(24 * 12);
    // Pages of 100 entries, and one more for each part to find its end.
    RUN + due.div_ceil(100) + due + due.div_ceil(10)
}
