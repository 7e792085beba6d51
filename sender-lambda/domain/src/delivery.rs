//! One mail to one recipient: its row in the ledger.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::category::{Category, Via};
use super::failure::{Reply, Stage};
use super::line::Ticket;
use super::tenant::Tenant;
use super::time::later;

/// Where a mail stands (docs/reference/events.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Recorded and put on the queue.
    Queued,
    /// A sender is sending it; written before the final dot is sent.
    Sending,
    /// Accepted by the server. Final.
    Sent,
    /// Will be tried again at `nextAttemptAt`.
    Deferred,
    /// The relay is broken and the policy says to wait.
    Held,
    /// Refused for good. Final until a person resends it.
    Failed,
    /// No reply came after the final dot: the server may have the mail. Final until a person resends it.
    Unknown,
}

/// A row's id: a pure function of tenant, event and recipient, so that the same event leads to the same rows. Its first half
/// is that of all rows of the event, so that a store finds them together without an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// Derives the id. The address counts as it is, but for the case of its domain.
    pub fn derive(tenant: &Tenant, event: &str, recipient: &str) -> Self {
        let (local, domain) =
            recipient.rsplit_once('@').filter(|(_, domain)| !domain.is_empty()).unwrap_or((recipient, ""));
        let row = half(&[tenant.as_str(), event, local, &domain.to_ascii_lowercase()]);
        Self(format!("{}{row}", Self::of_event(tenant, event)))
    }

    /// The first half of the ids of all rows of an event.
    pub fn of_event(tenant: &Tenant, event: &str) -> String {
        format!("{PREFIX}{}", half(&[tenant.as_str(), event]))
    }

    /// The half that all rows of its event have, and the half that is this row's own. An id that was not derived may lack the
    /// second.
    pub fn halves(&self) -> (&str, &str) {
        self.0.split_at_checked(PREFIX.len() + 2 * HALF).unwrap_or((&self.0, ""))
    }

    /// Takes an id as it came in from outside; it may name nothing.
    pub fn from_external(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of every id.
const PREFIX: &str = "dlv_";
/// The bytes of half an id.
const HALF: usize = 8;

/// Half an id from these parts.
fn half(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    // Lengths keep ("a", "bc") and ("ab", "c") apart.
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..HALF])
}

/// The bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A version of a tenant's settings: the Secrets Manager version id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Revision(pub String);

/// The ledger's row. The JSON is that of docs/reference/api.md plus the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The id of the row.
    pub id: DeliveryId,
    /// The tenant whose mail it is.
    pub tenant: Tenant,
    /// The id of the event that triggered it.
    pub event: String,
    /// The category of its event.
    pub category: Category,
    /// The kind in the product's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// The recipient's address in its canonical form.
    pub recipient: String,
    /// The status of the mail.
    pub status: Status,
    /// The server chosen; `None` until a sender has chosen.
    pub route: Option<Via>,
    /// The reason of status and route, for a person.
    pub reason: String,
    /// The revision of the settings used, when it went through the tenant's relay.
    pub revision: Option<Revision>,
    /// The Message-ID without angle brackets.
    pub message_id: String,
    /// When the event was accepted.
    pub queued_at: Timestamp,
    /// When the row changed last.
    pub updated_at: Timestamp,
    /// When it is tried again; only while deferred.
    pub next_attempt_at: Option<Timestamp>,
    /// Until when it is tried; then it fails. Not part of the API's row.
    pub retry_until: Timestamp,
    /// Its place in the line before its relay; only while it waits there. Not part of the API's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Until when it is held; then it fails. Not part of the API's row.
    pub hold_until: Timestamp,
    /// The server that a held mail waits for. Not part of the API's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Via>,
    /// Why the mail was ended by something else than a server or its time. Not part of the API's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// What has not left by then is too late, by the event's own word. Not part of the API's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// What was tried, oldest first; bounded.
    pub attempts: Vec<Attempt>,
}

/// The end of a mail that neither a server nor its time has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    /// A person has withdrawn it. A person may also send it again, but not together with others.
    Cancelled,
    /// What was kept of its recipient is erased. The id stays, so that a repeated event sends nothing.
    Erased,
    /// Its recipient's address cannot be used.
    Unusable,
    /// The stored row cannot be read, and this is all that is known of it. Never written.
    Unreadable,
}

impl Delivery {
    /// The row in place of one that cannot be read, with what its keys say. Its status is the one that promises nothing,
    /// and nobody sends it again.
    pub fn unreadable(
        tenant: &Tenant,
        id: DeliveryId,
        event: String,
        recipient: String,
        queued_at: Timestamp,
    ) -> Self {
        let reason =
            "This row cannot be read, so it does not say whether the mail was sent. The log says why.";
        Self {
            id,
            tenant: tenant.clone(),
            event,
            category: Category::Notification,
            kind: "ownpost.unreadable".to_owned(),
            recipient,
            status: Status::Unknown,
            route: None,
            reason: reason.to_owned(),
            revision: None,
            message_id: String::new(),
            queued_at,
            updated_at: queued_at,
            next_attempt_at: None,
            retry_until: queued_at,
            ticket: None,
            hold_until: queued_at,
            waits_for: None,
            closed: Some(Closed::Unreadable),
            not_after: None,
            attempts: Vec::new(),
        }
    }

    /// The row without anything about its recipient.
    #[must_use]
    pub fn erased(self, now: Timestamp) -> Self {
        let status = if self.status.is_final() { self.status } else { Status::Failed };
        Self {
            status,
            recipient: String::new(),
            reason: "What was kept of this mail's recipient is erased.".to_owned(),
            message_id: String::new(),
            updated_at: now,
            next_attempt_at: None,
            closed: Some(Closed::Erased),
            attempts: Vec::new(),
            ..self
        }
    }

    /// Whether the time is over by which the event says that the mail must have left.
    pub fn is_too_late(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|not_after| now >= not_after)
    }

    /// From when on the row need not be kept any more. One that is not final is kept beyond its end.
    pub fn kept_until(&self, retain: Duration) -> Timestamp {
        let last = if self.status.is_final() {
            self.updated_at
        } else {
            self.updated_at.max(self.retry_until).max(self.hold_until)
        };
        later(last, retain)
    }
}

impl Status {
    /// Whether a sender that has lost the race for a row writes this status, which it knows to be true, over the stored one.
    /// `is_next`: the stored one is the very next write after the sender's own, so that no person has decided and no sender
    /// has tried anything in between. Another sender's `unknown` is a guess: it took this sender for dead.
    pub const fn overwrites(self, stored: Self, is_next: bool) -> bool {
        match self {
            Self::Sent => matches!(stored, Self::Sending | Self::Unknown),
            Self::Failed | Self::Held | Self::Deferred => is_next && matches!(stored, Self::Unknown),
            Self::Queued | Self::Sending | Self::Unknown => false,
        }
    }

    /// Whether the mail changes only by a person's decision.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::Unknown)
    }
}

/// One try to hand a mail to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When the attempt began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The stage it reached.
    pub stage: Stage,
    /// `accepted`, or the failure code.
    pub outcome: String,
    /// The server's reply, when it gave one.
    pub smtp: Option<Reply>,
}

/// A row of a mail that was accepted at this time, for the tests of this crate.
#[cfg(test)]
pub(crate) fn sample(at: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::from_external("dlv_1"),
        tenant: Tenant::new("acme").expect("a name"),
        event: "evt_1".into(),
        category: Category::RightsRequest,
        kind: "rights-request.message".into(),
        recipient: "jan@example.org".into(),
        status: Status::Queued,
        route: None,
        reason: "Waiting to be sent.".into(),
        revision: None,
        message_id: "m".into(),
        queued_at: at,
        updated_at: at,
        next_attempt_at: None,
        retry_until: at + std::time::Duration::from_hours(48),
        hold_until: at + std::time::Duration::from_hours(120),
        ticket: None,
        waits_for: None,
        closed: None,
        not_after: None,
        attempts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_all_three_and_nothing_else() {
        let id = |tenant: &str, event: &str, recipient: &str| {
            DeliveryId::derive(&Tenant::new(tenant).unwrap(), event, recipient)
        };
        assert_eq!(id("acme", "e1", "jan@example.org"), id("acme", "e1", "jan@EXAMPLE.org"));
        assert_ne!(id("acme", "e1", "jan@example.org"), id("acme", "e1", "Jan@example.org"));
        assert_ne!(id("acme", "e1", "jan@example.org"), id("acme", "e2", "jan@example.org"));
        assert_ne!(id("acme", "1e1", "jan@example.org"), id("acme1", "e1", "jan@example.org"));
        // Texts that are no addresses have rows too.
        let bad = ["", "@", "@@", "jan", "jan@", "@jan"].map(|text| id("acme", "e1", text));
        assert!(bad.iter().enumerate().all(|(place, id)| !bad[..place].contains(id)), "{bad:?}");
    }

    #[test]
    fn the_rows_of_an_event_share_the_first_half() {
        let acme = Tenant::new("acme").unwrap();
        let (jan, ann) =
            (DeliveryId::derive(&acme, "e1", "jan@x.org"), DeliveryId::derive(&acme, "e1", "ann@x.org"));
        assert_eq!(jan.halves().0, DeliveryId::of_event(&acme, "e1"));
        assert_eq!(jan.halves().0, ann.halves().0);
        assert_ne!(jan.halves().1, ann.halves().1);
        assert_ne!(DeliveryId::of_event(&acme, "e1"), DeliveryId::of_event(&acme, "e2"));
        assert_eq!((jan.as_str().len(), jan.halves().1.len()), (36, 16));
        for (given, halves) in
            [("", ("", "")), ("dlv_1", ("dlv_1", "")), ("ééééééééééé", ("éééééééééé", "é"))]
        {
            assert_eq!(DeliveryId::from_external(given).halves(), halves);
        }
    }
}
