//! The event document of docs/reference/events.md: its shape, from which the schema is made, and everything that makes one
//! unusable.

use ownpost_domain::brand::Brand;
use ownpost_domain::category::Category;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

mod address;
mod check;
mod code;
mod read;
mod report;
mod shape;
mod time;

pub use address::{ToAscii, canonical_address};
pub use code::{EventCode, EventError};
#[cfg(test)]
use read::TOO_DEEP;
pub use read::{MAX_DEPTH, parse};
pub use report::{EventIssue, EventReport, reserved};

/// The beginning of the types of Ownpost's own events; an event source cannot use it.
pub const RESERVED_PREFIX: &str = "ownpost.";
/// The largest document that fits on the queue, in bytes: SQS takes 1 MiB.
pub const QUEUE_LIMIT: usize = 1024 * 1024;
/// The largest document of `ownpost send`, in bytes.
pub const SEND_LIMIT: usize = 25 * 1024 * 1024;
/// The most recipients of one event. Each becomes a row and a message, written while the event source waits.
pub const RECIPIENTS_LIMIT: usize = 1000;
/// The most attachments of one event.
pub const ATTACHMENTS_LIMIT: usize = 50;

/// An event as the product sends it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Event")]
pub struct EventDocument {
    /// The idempotency key, unique per tenant: 1 to 128 printable ASCII characters without spaces.
    #[schemars(length(min = 1, max = 128))]
    pub id: String,
    /// The tenant: 1 to 64 letters, digits, hyphens, underscores or dots.
    #[schemars(length(min = 1, max = 64))]
    pub tenant: String,
    /// Which of the four kinds; chooses the route.
    #[schemars(with = "Category")]
    pub category: String,
    /// The event's type, such as `comment.created`; chooses the template.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// One mail for each.
    #[schemars(length(min = 1, max = 1000))]
    pub recipients: Vec<RecipientDocument>,
    /// A time (RFC 3339): what has not left by then is `failed`, too late.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// The mailbox that recipients answer to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<PersonDocument>,
    /// Mails of the same thread are chained by References.
    #[schemars(length(min = 1, max = 256))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// What the template may say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Ready content instead of a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentDocument>,
    /// Files that go along.
    #[schemars(length(max = 50))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<AttachmentDocument>>,
    /// How the recipient stops such mails (RFC 8058); used for the category `notification`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<UnsubscribeDocument>,
    /// The product's name and look in this mail, over `OWNPOST_PRODUCT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<Brand>,
}

/// How the recipient stops such mails by one click (RFC 8058).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventUnsubscribe")]
pub struct UnsubscribeDocument {
    /// The https address that takes a POST from the recipient's mail provider, without a login.
    pub url: String,
}

/// Who receives a mail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventRecipient")]
pub struct RecipientDocument {
    /// The mailbox address.
    pub address: String,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BCP 47 tag of the language to write in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// An address with a name.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventPerson")]
pub struct PersonDocument {
    /// The mailbox address.
    pub address: String,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Content that bypasses the templates.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventContent")]
pub struct ContentDocument {
    /// The subject, one line.
    #[schemars(length(min = 1, max = 500))]
    pub subject: String,
    /// The plain text; without one it is made from `html`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML alternative. Scripts, forms, frames and redirects are taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// A file that goes along.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventAttachment")]
pub struct AttachmentDocument {
    /// The file's name.
    #[schemars(length(min = 1, max = 255))]
    pub filename: String,
    /// Its MIME type; not `multipart`.
    pub content_type: String,
    /// The file's bytes in base64.
    pub base64: String,
}

#[cfg(test)]
mod tests;
