//! When a row needs somebody to look at it, should nothing happen to it before: the index of what is due.
//!
//! The message on the queue is what moves a mail. Should it be lost (a process killed between row and message, a queue
//! purged, a table restored), the row is still in this index, and `monitor` puts its message back.

use std::time::Duration;

use jiff::Timestamp;

use super::delivery::{Delivery, Status};
use super::time::later;

/// The parts of the index: rows and tenants are spread over them by name, so that no part has more than its share.
pub const SHARDS: u16 = 16;
/// Times in the index are multiples of this. A mail that is sent at once is `queued` and `sending` in the same quarter of
/// an hour, so its entry is written once and deleted once.
const STEP: Duration = Duration::from_mins(15);
/// How long after its time a row counts as late: a sender has it for no longer.
const GRACE: Duration = Duration::from_mins(15);
/// How soon a held row is looked at, at the earliest and at the latest. In between, after a quarter of its age.
const HELD_SOONEST: Duration = Duration::from_mins(15);
const HELD_LATEST: Duration = Duration::from_hours(6);

/// When the row is due; `None` for a final one.
pub fn at(row: &Delivery) -> Option<Timestamp> {
    let limited = |at: Timestamp| row.not_after.map_or(at, |not_after| at.min(not_after));
    let due = match row.status {
        Status::Queued | Status::Sending => later(row.updated_at, GRACE),
        Status::Deferred => later(limited(row.next_attempt_at.unwrap_or(row.updated_at)), GRACE),
        Status::Held => limited(later(row.updated_at, held_for(row)).min(row.hold_until)),
        Status::Sent | Status::Failed | Status::Unknown => return None,
    };
    Some(round_up(due))
}

/// The time of the next action that the row promises: for those who ask whether it is late.
pub fn next_action(row: &Delivery) -> Option<Timestamp> {
    match row.status {
        Status::Queued | Status::Sending => Some(row.updated_at),
        Status::Deferred => Some(row.next_attempt_at.unwrap_or(row.updated_at)),
        Status::Held => Some(row.hold_until),
        Status::Sent | Status::Failed | Status::Unknown => None,
    }
}

/// The part of the index for this name: a row's id or a tenant's name.
pub fn shard(name: &str) -> u16 {
    // FNV-1a: the same in every version of Rust, which the standard library's hashes are not.
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u16::try_from(hash % u32::from(SHARDS)).unwrap_or_default()
}

fn held_for(row: &Delivery) -> Duration {
    let age = Duration::try_from(row.updated_at.duration_since(row.queued_at)).unwrap_or_default();
    (age / 4).clamp(HELD_SOONEST, HELD_LATEST)
}

fn round_up(at: Timestamp) -> Timestamp {
    let step = i64::try_from(STEP.as_secs()).unwrap_or(i64::MAX);
    let seconds = at.as_second();
    let late = seconds.rem_euclid(step);
    if late == 0 && at.subsec_nanosecond() == 0 {
        return at;
    }
    Timestamp::from_second(seconds - late + step).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::super::delivery::sample;
    use super::*;

    fn minutes(number: i64) -> Timestamp {
        Timestamp::from_second(number * 60).unwrap()
    }

    #[test]
    fn the_table() {
        let row = |status, updated, next: Option<i64>| Delivery {
            status,
            updated_at: minutes(updated),
            next_attempt_at: next.map(minutes),
            hold_until: minutes(7200),
            ..sample(minutes(0))
        };
        for (row, due) in [
            (row(Status::Queued, 0, None), Some(15)),
            (row(Status::Queued, 1, None), Some(30)),
            // Between `queued` and `sending` of a mail that is sent at once nothing changes.
            (row(Status::Sending, 1, None), Some(30)),
            (row(Status::Deferred, 1, Some(60)), Some(75)),
            (row(Status::Deferred, 1, Some(61)), Some(90)),
            (Delivery { not_after: Some(minutes(30)), ..row(Status::Deferred, 1, Some(60)) }, Some(45)),
            // A held row is looked at after 15 minutes, and then ever more rarely, up to 6 hours.
            (row(Status::Held, 0, None), Some(15)),
            (row(Status::Held, 120, None), Some(150)),
            (row(Status::Held, 2400, None), Some(2760)),
            (row(Status::Held, 7195, None), Some(7200)),
            (Delivery { not_after: Some(minutes(40)), ..row(Status::Held, 38, None) }, Some(45)),
            (row(Status::Sent, 1, None), None),
            (row(Status::Failed, 1, None), None),
            (row(Status::Unknown, 1, None), None),
        ] {
            assert_eq!(at(&row), due.map(minutes), "{row:?}");
        }
    }

    #[test]
    fn every_shard_is_used_and_none_beyond() {
        let mut used = [0; SHARDS as usize];
        for number in 0..16_000 {
            used[usize::from(shard(&format!("dlv_{number:x}")))] += 1;
        }
        assert!(used.iter().all(|count| (800..1200).contains(count)), "{used:?}");
    }
}
