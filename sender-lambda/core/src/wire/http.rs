//! The bodies of the HTTP API (CONTRACT §4) beside settings and reports.

use jiff::Timestamp;
use ownpost_domain::category::{Category, Via};
use ownpost_domain::delivery::{Attempt, Delivery, DeliveryId, Revision, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::test_report::TestReport;

/// A row of the ledger as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Delivery")]
pub struct DeliveryRow {
    /// A pure function of tenant, event and recipient.
    pub id: DeliveryId,
    /// The id of the event that triggered it.
    pub event: String,
    /// Which of the four kinds.
    pub category: Category,
    /// The kind in the product's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// The recipient's address, its domain in A-labels.
    pub recipient: String,
    /// Where it stands.
    pub status: Status,
    /// The server chosen; null until a sender has chosen.
    pub route: Option<Via>,
    /// Why it stands there and goes that way.
    pub reason: String,
    /// The revision of the settings used, when it went through the tenant's relay.
    pub revision: Option<Revision>,
    /// The Message-ID without angle brackets.
    pub message_id: String,
    /// When the event was accepted.
    #[schemars(with = "String")]
    pub queued_at: Timestamp,
    /// When the row changed last.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// When it is tried again; only while deferred.
    #[schemars(with = "Option<String>")]
    pub next_attempt_at: Option<Timestamp>,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
}

impl From<&Delivery> for DeliveryRow {
    fn from(row: &Delivery) -> Self {
        Self {
            id: row.id.clone(),
            event: row.event.clone(),
            category: row.category,
            kind: row.kind.clone(),
            recipient: row.recipient.clone(),
            status: row.status,
            route: row.route,
            reason: row.reason.clone(),
            revision: row.revision.clone(),
            message_id: row.message_id.clone(),
            queued_at: row.queued_at,
            updated_at: row.updated_at,
            next_attempt_at: row.next_attempt_at,
            attempts: row.attempts.clone(),
        }
    }
}

/// `GET /deliveries`, and what `ownpost send` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryList {
    /// The rows, newest first.
    pub deliveries: Vec<DeliveryRow>,
    /// Where to go on; null at the end.
    pub cursor: Option<String>,
}

/// `GET /deliveries/{id}`: the row, and what happened as a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryDetail {
    /// The row.
    #[serde(flatten)]
    pub row: DeliveryRow,
    /// What happened, in order, in sentences.
    pub story: Vec<Chapter>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chapter {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// What `PUT /smtp` and `POST /smtp/rollback` answer with 200; with 409 the same beside the members of a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Activation {
    /// Whether the settings are active now.
    pub activated: bool,
    /// Their revision.
    pub revision: Option<Revision>,
    /// The test; null when there was nothing to test: back to the platform's server.
    pub report: Option<TestReport>,
}

/// An error (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the code tells the kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What is wrong, for a person.
    pub detail: String,
    /// Seconds until it is worth trying again, with 429 and 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem; the status gives the title.
    pub fn new(status: u16, code: &str, detail: &str) -> Self {
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            413 => "Payload Too Large",
            421 => "Misdirected Request",
            422 => "Unprocessable Entity",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            code: code.to_owned(),
            detail: detail.to_owned(),
            retry_after: None,
        }
    }
}
