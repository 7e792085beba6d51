//! An event of the product: a notification and its recipients (docs/reference/events.md).

use jiff::Timestamp;

use super::brand::Brand;
use super::category::Category;
use super::tenant::Tenant;

/// An event that the router has accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The idempotency key, unique per tenant.
    pub id: String,
    /// The tenant whose event it is.
    pub tenant: Tenant,
    /// The category, which chooses the route.
    pub category: Category,
    /// The kind in the product's words, `comment.created`; chooses the template.
    pub kind: String,
    /// One mail for each.
    pub recipients: Vec<Recipient>,
    /// Recipients whose address cannot be used: a failed row for each.
    pub unusable: Vec<UnusableRecipient>,
    /// What has not left by then is too late.
    pub not_after: Option<Timestamp>,
    /// The mailbox for answers, in Reply-To:.
    pub reply_to: Option<Person>,
    /// Mails of the same thread are chained by References.
    pub thread: Option<String>,
    /// What the template may say: `actor`, `title`, `excerpt`, `url` and the product's own.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Ready content instead of a template.
    pub content: Option<Content>,
    /// Files that go along.
    pub attachments: Vec<Attachment>,
    /// The https address of a one-click unsubscription (RFC 8058).
    pub unsubscribe: Option<String>,
    /// The product's name and look in this mail, over the operator's.
    pub brand: Option<Brand>,
}

impl Event {
    /// An event with nothing but its recipients.
    pub fn new(
        id: String,
        tenant: Tenant,
        category: Category,
        kind: String,
        recipients: Vec<Recipient>,
    ) -> Self {
        Self {
            id,
            tenant,
            category,
            kind,
            recipients,
            unusable: Vec::new(),
            not_after: None,
            reply_to: None,
            thread: None,
            data: serde_json::Map::new(),
            content: None,
            attachments: Vec::new(),
            unsubscribe: None,
            brand: None,
        }
    }

    /// Whether a recipient can refuse such mails: notifications alone. An answer to a request or an invitation comes once.
    pub fn may_unsubscribe(&self) -> bool {
        self.category == Category::Notification
    }
}

/// An address with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The mailbox address, valid by lettre's `Address`.
    pub address: String,
    /// The display name, if there is one.
    pub name: Option<String>,
}

/// Who receives a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Address and display name.
    pub person: Person,
    /// BCP 47 tag of the language to write in.
    pub locale: Option<String>,
}

/// A recipient whose address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableRecipient {
    /// The place in the event's list.
    pub index: usize,
    /// The address as it was given, made printable and no longer than an address may be.
    pub address: String,
    /// The problem with it, for the developer of the event source.
    pub problem: String,
}

/// Content that bypasses the templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The subject, one line.
    pub subject: String,
    /// The plain text, required.
    pub text: String,
    /// The HTML alternative, if there is one.
    pub html: Option<String>,
}

/// A file that goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name as the recipient sees it.
    pub filename: String,
    /// The MIME type of the content.
    pub content_type: String,
    /// The content, decoded from base64.
    pub bytes: Vec<u8>,
}
