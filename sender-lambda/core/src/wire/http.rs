//! The bodies of the HTTP API (docs/reference/api.md) beside settings and reports.

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
    /// Computed from tenant, event id and recipient: the same for a repeated event.
    pub id: DeliveryId,
    /// The id of the event that triggered it.
    pub event: String,
    /// The event's category.
    pub category: Category,
    /// The event's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The recipient's address, its domain in A-labels.
    pub recipient: String,
    /// The state of the mail.
    pub status: Status,
    /// The server chosen; null while none was: `queued`, or `held` without an attempt.
    pub route: Option<Via>,
    /// Why it has this status and takes this route; in English.
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
    /// The parameter `cursor` for the next page; null on the last page.
    pub cursor: Option<String>,
}

/// `GET /deliveries/{id}`: the row, and what happened as a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryDetail {
    /// The row as lists show it.
    #[serde(flatten)]
    pub row: DeliveryRow,
    /// What happened, in order, in sentences.
    pub story: Vec<Chapter>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chapter {
    /// The time of it.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// One sentence or more, in English.
    pub text: String,
}

/// What `PUT /smtp` and `POST /smtp/rollback` answer with 200; with 409 the same beside the members of a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Activation {
    /// Whether the settings are active now.
    pub activated: bool,
    /// The revision of the settings that were tested.
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
    /// The name of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code of the problem.
    pub code: String,
    /// What is wrong, for a person.
    pub detail: String,
    /// Seconds until it is worth trying again, with 429 and 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// A code of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemCode {
    /// The HTTP status that goes with it.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// When it is answered, for the caller.
    pub meaning: &'static str,
}

const fn of(status: u16, code: &'static str, meaning: &'static str) -> ProblemCode {
    ProblemCode { status, code, meaning }
}

impl Problem {
    /// The codes of the HTTP API. An event that is refused has those of [`EventCode`](super::event::EventCode).
    pub const CODES: &'static [ProblemCode] = &[
        of(404, "not_configured", "the tenant has no settings: the platform's server is in use"),
        of(404, "never_triggered", "no event has led to this mail"),
        of(404, "not_found", "nothing is at this path"),
        of(405, "method.not_allowed", "the path does not take this method"),
        of(
            400,
            "query.invalid",
            "`status` is no status, or `forget` is not 1, or no `recipient` is named to be erased",
        ),
        of(400, "cursor.invalid", "the cursor is not one of this list"),
        of(400, "token.email_missing", "the token names no address for the test mail"),
        of(403, "tenant.missing", "the token names no tenant"),
        of(403, "role.reader", "the token allows to read, not to change"),
        of(403, "role.missing", "the token is neither an admin's nor a reader's"),
        of(413, "request.too_many_events", "the array has more than 10000 events"),
        of(400, "request.not_base64", "the body is marked as base64 and is not (AWS)"),
        of(
            409,
            "settings.test_failed",
            "the test did not pass; with `report`, and `activated` or `released`",
        ),
        of(409, "settings.conflict", "other settings were saved meanwhile; with `activated`"),
        of(500, "settings.unreadable", "the stored settings cannot be read"),
        of(409, "rollback.nothing_before", "there are no earlier settings"),
        of(409, "rollback.unreadable", "the earlier settings cannot be read"),
        of(
            409,
            "delivery.not_resendable",
            "only mail that is `failed`, `unknown`, `queued`, or an hour late can be sent again",
        ),
        of(409, "delivery.not_cancellable", "the mail has left, is leaving, or has ended"),
        of(
            409,
            "delivery.document_gone",
            "the event's document is not kept any more, a week after its last mail",
        ),
        of(
            400,
            "request.invalid",
            "the body of `POST /deliveries/resend` or `POST /smtp/oauth/start` is not what it takes",
        ),
        of(409, "delivery.changed", "the row changed at this moment"),
        of(
            429,
            "test.rate_limited",
            "30 tests in 10 minutes for a tenant; saving, rolling back and releasing count",
        ),
        of(503, "store.unavailable", "a service behind the API is out of reach"),
        of(500, "store.failed", "a service behind the API refused; the operator's log says why"),
        of(
            503,
            "dkim.unreadable",
            "the operator's DKIM keys cannot be read just now; nothing was tested or changed",
        ),
        of(404, "oauth.provider_unknown", "the operator has not set up this provider"),
        of(429, "oauth.rate_limited", "30 connections begun in 10 minutes for a tenant"),
        of(500, "randomness.missing", "the system has no source of randomness"),
        of(500, "internal", "a bug; the operator's log says more"),
    ];
    /// The codes of `ownpost local` beside them.
    pub const LOCAL_CODES: &'static [ProblemCode] = &[
        of(401, "token.required", "no `Authorization` header, or more than one"),
        of(401, "token.invalid", "a token that is not to be believed; the detail says why"),
        of(503, "token.keys_unavailable", "the keys of the identity provider cannot be fetched just now"),
        of(421, "request.foreign_host", "the `Host` header names another server"),
        of(403, "request.foreign_origin", "the request comes from another page"),
        of(404, "request.not_found", "nothing is at this path"),
        of(404, "mail.not_found", "no such mail was caught, or there is no such text"),
        of(405, "request.method_not_allowed", "the path takes another method"),
        of(400, "request.query_invalid", "the query cannot be read"),
        of(400, "request.not_json", "the body of `/dev/token` is no JSON"),
        of(400, "request.incomplete", "the body broke off"),
        of(408, "request.timeout", "the body took more than 30 s"),
        of(413, "request.too_large", "more than 6 MiB to the API, 16 MiB of events, 64 KiB to `/dev/token`"),
        of(422, "request.invalid", "`/dev/token` cannot use the members of the body"),
        of(500, "mail.not_built", "a mail of `/dev/mails` cannot be built; the detail says why"),
        of(422, "tenant.invalid", "the name cannot be a tenant's"),
        of(422, "email.invalid", "the address cannot be used"),
    ];

    /// A problem; the status gives the title.
    ///
    /// # Panics
    /// In debug builds, when neither list has the code with this status.
    pub fn new(status: u16, code: &str, detail: &str) -> Self {
        debug_assert!(
            code.starts_with("event.")
                || Self::CODES
                    .iter()
                    .chain(Self::LOCAL_CODES)
                    .any(|listed| listed.code == code && listed.status == status),
            "{status} {code} is in no list of problem codes"
        );
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
