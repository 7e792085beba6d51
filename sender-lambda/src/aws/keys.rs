//! The keys of the one table, its indexes, and the cursor.
//!
//! | what | `pk` | `sk` | beside it |
//! |---|---|---|---|
//! | a row | `D#tenant#` and the half of its id that all rows of its event have | the other half | `row` (packed JSON), `v`, `w`, index keys, `expires`; while it is open `by_due` and `due` |
//! | an event's document | `E#tenant#event` | `000`, `001`, … | `body` (bytes), `parts`, `expires` |
//! | a shared state | `S#tenant` | key | `value` (JSON), `v`, `w`, `valid_until` (ns), `expires` (s, for TTL) |
//! | a watched relay | `W#tenant` | `-` | `by_due` and `due` |
//!
//! A tenant's name has no `#`, so no two of these can meet. The rows of an event are one partition, so they need no index.
//! Four indexes hold nothing but keys. Three share `at` as sort key (`queued_at` in nanoseconds and the id). The first two
//! are written once, with the row; `by_open` holds only rows that wait or want a person, so that a mail that is sent at the
//! first try never touches it. `by_due` is sparse: it holds in [`due::SHARDS`] parts the open rows and watched relays, and
//! sorts by the time when each is due.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ownpost_core::effects::{Due, DueKind, Filter, Order};
use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;
use sha2::{Digest, Sha256};

/// The sort key of what needs none.
pub(super) const SINGLE: &str = "-";

/// The partition and sort key of a row.
pub(super) fn row(tenant: &Tenant, id: &DeliveryId) -> (String, String) {
    let (event, own) = id.halves();
    // DynamoDB takes no empty key; no row has such an id.
    (format!("D#{tenant}#{event}"), if own.is_empty() { SINGLE } else { own }.to_owned())
}

/// The partition of an event's rows.
pub(super) fn rows(tenant: &Tenant, event: &str) -> String {
    format!("D#{tenant}#{}", DeliveryId::of_event(tenant, event))
}

/// The id in a row's keys.
pub(super) fn id_of_keys(pk: &str, sk: &str) -> DeliveryId {
    DeliveryId::from_external(&format!("{}{sk}", pk.rsplit('#').next().unwrap_or_default()))
}

pub(super) fn event(tenant: &Tenant, event: &str) -> String {
    format!("E#{tenant}#{event}")
}

pub(super) fn state(tenant: &Tenant) -> String {
    format!("S#{tenant}")
}

pub(super) fn relay(tenant: &Tenant) -> String {
    format!("W#{tenant}")
}

/// The index of what is due: its name is also that of its partition key attribute.
pub(super) const BY_DUE: &str = "by_due";
/// The sort key attribute of that index.
pub(super) const DUE: &str = "due";

/// The partition of what is due that has rows and relays of this name.
pub(super) fn due_partition(shard: u16) -> String {
    format!("{shard:02}")
}

/// The sort key in what is due: sorts as text like time. Times before 1970 do not occur.
pub(super) fn due_at(at: Timestamp) -> String {
    format!("{:020}", at.as_nanosecond().max(0))
}

/// An entry of what is due, from its keys in the table and its sort key in the index.
pub(super) fn read_due(pk: &str, sk: &str, at: &str) -> Option<Due> {
    let at = Timestamp::from_nanosecond(at.parse().ok()?).ok()?;
    let (kind, name) = pk.split_once('#')?;
    let what = match kind {
        "D" => {
            let (tenant, _) = name.split_once('#')?;
            DueKind::Row(Tenant::new(tenant).ok()?, id_of_keys(pk, sk))
        }
        "W" => DueKind::Relay(Tenant::new(name).ok()?),
        _ => return None,
    };
    Some(Due { what, at })
}

/// The partition and sort key of what is due.
pub(super) fn of_due(what: &DueKind) -> (String, String) {
    match what {
        DueKind::Row(tenant, id) => row(tenant, id),
        DueKind::Relay(tenant) => (relay(tenant), SINGLE.to_owned()),
    }
}

/// The indexes' sort key: sorts as text like time and then id. Times before 1970 do not occur.
pub(super) fn at(row: &Delivery) -> String {
    format!("{:020}#{}", row.queued_at.as_nanosecond().max(0), row.id.as_str())
}

/// The time in a sort key.
pub(super) fn time_of(at: &str) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at.get(..20)?.parse().ok()?).ok()
}

/// The id in a sort key.
pub(super) fn id_of(at: &str) -> Option<&str> {
    at.get(20..)?.strip_prefix('#')
}

/// A global secondary index: its name is also that of its partition key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Time,
    Recipient,
    Open,
}

impl Index {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Time => "by_time",
            Self::Recipient => "by_recipient",
            Self::Open => "by_open",
        }
    }

    /// The index that leaves the least to sift for this filter, and its partition key there. An event's rows need none.
    pub(super) fn for_filter(tenant: &Tenant, filter: &Filter) -> (Self, String) {
        let open = filter.status.and_then(|status| by_open(tenant, status));
        match (&filter.recipient, open) {
            (Some(recipient), _) => (Self::Recipient, by_recipient(tenant, recipient)),
            (None, Some(open)) => (Self::Open, open),
            (None, None) => (Self::Time, tenant.to_string()),
        }
    }
}

/// A row's key attributes in the indexes.
pub(super) fn index_keys(row: &Delivery) -> Vec<(&'static str, String)> {
    let tenant = &row.tenant;
    let mut keys = vec![
        (Index::Time.name(), tenant.to_string()),
        (Index::Recipient.name(), by_recipient(tenant, &row.recipient)),
    ];
    keys.extend(by_open(tenant, row.status).map(|key| (Index::Open.name(), key)));
    if let Some(at) = due::at(row) {
        keys.push((BY_DUE, due_partition(due::shard(row.id.as_str()))));
        keys.push((DUE, due_at(at)));
    }
    keys
}

/// The address counts as it does for the row's id: the case of its domain does not matter.
fn by_recipient(tenant: &Tenant, recipient: &str) -> String {
    format!("{tenant}#{}", address(recipient))
}

pub(super) fn address(recipient: &str) -> String {
    let (local, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
    format!("{local}@{}", domain.to_ascii_lowercase())
}

fn by_open(tenant: &Tenant, status: Status) -> Option<String> {
    let name = match status {
        Status::Deferred => "deferred",
        Status::Held => "held",
        Status::Failed => "failed",
        Status::Unknown => "unknown",
        Status::Queued | Status::Sending | Status::Sent => return None,
    };
    Some(format!("{tenant}#{name}"))
}

/// Where a list goes on: the sort key of the last row seen, bound to the question it belongs to.
pub(super) fn cursor(at: &str, tenant: &Tenant, filter: &Filter, order: Order) -> String {
    let mut bytes = question(tenant, filter, order).to_vec();
    bytes.extend_from_slice(at.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The sort key in a cursor; `None` when it was not made for this question.
pub(super) fn read_cursor(text: &str, tenant: &Tenant, filter: &Filter, order: Order) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let at = bytes.strip_prefix(&question(tenant, filter, order)[..])?;
    let at = std::str::from_utf8(at).ok()?;
    let well_formed = at.get(..20)?.bytes().all(|byte| byte.is_ascii_digit()) && id_of(at).is_some();
    well_formed.then(|| at.to_owned())
}

fn question(tenant: &Tenant, filter: &Filter, order: Order) -> [u8; 8] {
    let status = filter.status.map(|status| format!("{status:?}"));
    let order = match order {
        Order::NewestFirst => "newest",
        Order::OldestFirst => "oldest",
    };
    let mut hash = Sha256::new();
    for part in [
        Some(tenant.as_str()),
        Some(order),
        filter.event.as_deref(),
        filter.recipient.as_deref(),
        status.as_deref(),
    ] {
        hash.update((part.map_or(0, |part| part.len() as u64 + 1)).to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let mut short = [0; 8];
    short.copy_from_slice(&hash.finalize()[..8]);
    short
}

/// For the time to live, which counts in seconds: the first full second at which the state has expired.
pub(super) fn ttl(until: Timestamp) -> i64 {
    until.as_second().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_for_one_question_only() {
        let (acme, other) = (Tenant::new("acme").unwrap(), Tenant::new("other").unwrap());
        let all = Filter::default();
        let held = Filter { status: Some(Status::Held), ..Filter::default() };
        let at = format!("{:020}#dlv_1", 7);
        let text = cursor(&at, &acme, &all, Order::NewestFirst);
        assert_eq!(read_cursor(&text, &acme, &all, Order::NewestFirst), Some(at));
        for (tenant, filter, order) in [
            (&other, &all, Order::NewestFirst),
            (&acme, &held, Order::NewestFirst),
            (&acme, &all, Order::OldestFirst),
        ] {
            assert_eq!(read_cursor(&text, tenant, filter, order), None);
        }
        for bad in ["", "x", "%%%", &text[..text.len() - 8], &format!("{text}é")] {
            let read = read_cursor(bad, &acme, &all, Order::NewestFirst);
            assert!(read.is_none_or(|at| at.len() < text.len()), "{bad}");
        }
    }

    #[test]
    fn the_filter_chooses_the_index() {
        let acme = Tenant::new("acme").unwrap();
        let recipient = Some("Jan@Example.org".to_owned());
        for (filter, index, key) in [
            (Filter::default(), Index::Time, "acme"),
            (Filter { status: Some(Status::Sent), ..Filter::default() }, Index::Time, "acme"),
            (Filter { status: Some(Status::Held), ..Filter::default() }, Index::Open, "acme#held"),
            (Filter { recipient, ..Filter::default() }, Index::Recipient, "acme#Jan@example.org"),
        ] {
            assert_eq!(Index::for_filter(&acme, &filter), (index, key.to_owned()), "{filter:?}");
        }
    }
}
