//! The index entries of a row that change while its mail waits and is sent: in what is due, and among the rows that wait or
//! want a person. DynamoDB charges a unit for an entry that goes and one for an entry that comes, and nothing for one that
//! stays as it is.

use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;

use crate::engine::{HOLD_FOR, Mail, timestamp};
use crate::scenario::Micros;

/// The entries of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// When it is due, in seconds; `None` for a final row.
    due: Option<i64>,
    /// The list of `by_open` that it is in.
    open: Option<Status>,
}

impl Entries {
    /// The units for the entries in what is due and in `by_open` when they become those of `after`.
    pub(crate) fn units_to(self, after: Self) -> (u64, u64) {
        (units(self.due, after.due), units(self.open, after.open))
    }
}

fn units<T: Copy + PartialEq>(before: Option<T>, after: Option<T>) -> u64 {
    if before == after { 0 } else { u64::from(before.is_some()) + u64::from(after.is_some()) }
}

/// A row of which only status and times are set, so that the product's own function says when it is due.
pub(crate) struct Row(Delivery);

impl Row {
    pub(crate) fn new() -> Self {
        let start = Timestamp::UNIX_EPOCH;
        Self(Delivery {
            id: DeliveryId::from_external("dlv"),
            tenant: Tenant::platform(),
            event: String::new(),
            category: Category::Notification,
            kind: String::new(),
            recipient: String::new(),
            status: Status::Queued,
            route: None,
            reason: String::new(),
            revision: None,
            message_id: String::new(),
            queued_at: start,
            updated_at: start,
            next_attempt_at: None,
            retry_until: start,
            ticket: None,
            hold_until: start,
            waits_for: None,
            closed: None,
            not_after: None,
            attempts: Vec::new(),
        })
    }

    /// The entries of this mail's row when `status` is written at `now`; `next` is the time of the next attempt.
    pub(crate) fn entries(
        &mut self,
        mail: &Mail,
        status: Status,
        now: Micros,
        next: Option<Micros>,
    ) -> Entries {
        let Self(row) = self;
        row.status = status;
        row.queued_at = timestamp(mail.queued);
        row.updated_at = timestamp(now);
        row.next_attempt_at = next.map(timestamp);
        row.hold_until = timestamp(mail.queued + HOLD_FOR);
        let is_open = matches!(status, Status::Deferred | Status::Held | Status::Failed | Status::Unknown);
        Entries { due: due::at(row).map(Timestamp::as_second), open: is_open.then_some(status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_costs_a_unit_when_it_comes_and_when_it_goes() {
        let entries = |due, open| Entries { due, open };
        for (before, after, units) in [
            (entries(Some(900), None), entries(Some(900), None), (0, 0)),
            (entries(Some(900), None), entries(Some(1800), Some(Status::Deferred)), (2, 1)),
            (entries(Some(900), Some(Status::Deferred)), entries(Some(900), Some(Status::Deferred)), (0, 0)),
            (entries(Some(900), Some(Status::Deferred)), entries(None, Some(Status::Failed)), (1, 2)),
            (entries(Some(900), None), entries(None, None), (1, 0)),
        ] {
            assert_eq!(before.units_to(after), units, "{before:?} {after:?}");
        }
    }
}
