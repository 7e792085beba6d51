//! The event document of docs/reference/events.md: its shape, from which the schema is made, and everything that makes one
//! unusable.

use std::fmt;
use std::str::FromStr as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use lettre::message::header::ContentType;
use ownpost_domain::brand::{self, Brand};
use ownpost_domain::category::Category;
use ownpost_domain::event::{Attachment, Content, Event, Person, Recipient, UnusableRecipient};
use ownpost_domain::tenant::Tenant;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest document that fits on the queue, in bytes: SQS takes 1 MiB.
pub const QUEUE_LIMIT: usize = 1024 * 1024;
/// The largest document of `ownpost send`, in bytes.
pub const SEND_LIMIT: usize = 25 * 1024 * 1024;
/// The most recipients of one event. Each becomes a row and a message, written while the event source waits.
pub const RECIPIENTS_LIMIT: usize = 1000;
/// The most attachments of one event.
pub const ATTACHMENTS_LIMIT: usize = 50;

/// An event as the product sends it.
#[derive(Debug, Deserialize, JsonSchema)]
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
    pub not_after: Option<String>,
    /// The mailbox that recipients answer to.
    pub reply_to: Option<PersonDocument>,
    /// Mails of the same thread are chained by References.
    #[schemars(length(min = 1, max = 256))]
    pub thread: Option<String>,
    /// What the template may say.
    pub data: Option<Map<String, Value>>,
    /// Ready content instead of a template.
    pub content: Option<ContentDocument>,
    /// Files that go along.
    #[schemars(length(max = 50))]
    pub attachments: Option<Vec<AttachmentDocument>>,
    /// How the recipient stops such mails (RFC 8058); used for the category `notification`.
    pub unsubscribe: Option<UnsubscribeDocument>,
    /// The product's name and look in this mail, over `OWNPOST_PRODUCT`.
    pub brand: Option<Brand>,
}

/// How the recipient stops such mails by one click (RFC 8058).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventUnsubscribe")]
pub struct UnsubscribeDocument {
    /// The https address that takes a POST from the recipient's mail provider, without a login.
    pub url: String,
}

/// Who receives a mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventRecipient")]
pub struct RecipientDocument {
    /// The mailbox address.
    pub address: String,
    /// The display name.
    pub name: Option<String>,
    /// BCP 47 tag of the language to write in.
    pub locale: Option<String>,
}

/// An address with a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventPerson")]
pub struct PersonDocument {
    /// The mailbox address.
    pub address: String,
    /// The display name.
    pub name: Option<String>,
}

/// Content that bypasses the templates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EventContent")]
pub struct ContentDocument {
    /// The subject, one line.
    #[schemars(length(min = 1, max = 500))]
    pub subject: String,
    /// The plain text; without one it is made from `html`.
    pub text: Option<String>,
    /// The HTML alternative. Scripts, forms, frames and redirects are taken out.
    pub html: Option<String>,
}

/// A file that goes along.
#[derive(Debug, Deserialize, JsonSchema)]
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

/// Declares the codes once: variant, stable code, meaning.
macro_rules! event_codes {
    ($($variant:ident = $code:literal $meaning:literal,)+) => {
        /// Why an event is not accepted. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventCode { $(#[doc = $meaning] $variant,)+ }
        impl EventCode {
            /// All codes, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// The HTTP status of a call whose events are all refused, the first by this code.
            pub const fn status(self) -> u16 {
                match self {
                    Self::Unavailable => 503,
                    Self::NotJson => 400,
                    Self::TooLarge => 413,
                    Self::TenantForeign => 403,
                    _ => 422,
                }
            }
            /// What it means, for the developer of an event source.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

event_codes! {
    TooLarge = "event.too_large" "Larger than 1 MiB; with `ownpost send`, than 25 MiB.",
    NotJson = "event.not_json" "No JSON.",
    WrongShape = "event.wrong_shape" "A wrong type, a missing member or an unknown one.",
    IdInvalid = "event.id_invalid" "`id` is not 1 to 128 printable ASCII characters without spaces.",
    TenantInvalid = "event.tenant_invalid" "`tenant` is not 1 to 64 letters, digits, hyphens, underscores or dots that begin with a letter or digit.",
    CategoryUnknown = "event.category_unknown" "`category` is none of the four.",
    TypeInvalid = "event.type_invalid" "`type` is not 1 to 64 of `A-Z a-z 0-9 . _ -` that begin with a letter or digit, or it begins with `ownpost.`, which is reserved.",
    RecipientsEmpty = "event.recipients_empty" "No recipient.",
    RecipientsTooMany = "event.recipients_too_many" "More than 1000 recipients; send more events.",
    AddressInvalid = "event.address_invalid" "No mailbox address, or one of more than 254 octets. A recipient's is refused alone; only when none can be used, the event is.",
    TimeInvalid = "event.time_invalid" "`notAfter` is no time such as 2026-12-01T12:00:00Z.",
    ControlCharacter = "event.control_character" "A line break or another control character in a one-line member, or NUL anywhere.",
    LengthInvalid = "event.length_invalid" "A text that is too long, or empty where it must not be.",
    AttachmentsTooMany = "event.attachments_too_many" "More than 50 attachments.",
    ContentTypeInvalid = "event.content_type_invalid" "No MIME type of a file.",
    Base64Invalid = "event.base64_invalid" "The bytes of an attachment are no base64.",
    ContentEmpty = "event.content_empty" "`content` has neither `text` nor `html`.",
    UnsubscribeInvalid = "event.unsubscribe_invalid" "`unsubscribe.url` is no https address.",
    BrandInvalid = "event.brand_invalid" "A member of `brand` that a mail cannot carry.",
    TenantForeign = "event.tenant_foreign" "The event is of another tenant than the caller's.",
    IdReused = "event.id_reused" "The id was used for an event with another content; nothing of this one is kept.",
    Unavailable = "event.unavailable" "The store or the queue is out of reach; send the same event again.",
}

/// Why an event is not accepted, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    /// The stable code.
    pub code: EventCode,
    /// Where in the document: `recipients[0].address`; empty for the whole.
    pub path: String,
    /// The problem, for the developer of the event source.
    pub problem: String,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for EventError {}

/// What a check gives.
type EventResult<T> = Result<T, EventError>;

fn refuse<T>(code: EventCode, path: &str, problem: impl Into<String>) -> EventResult<T> {
    Err(EventError { code, path: path.to_owned(), problem: problem.into() })
}

/// Reads an event document of at most `most` bytes.
///
/// # Errors
/// The first thing that makes it unusable. No part of it is used then.
pub fn parse(document: &[u8], most: usize) -> EventResult<Event> {
    if document.len() > most {
        return refuse(EventCode::TooLarge, "", format!("an event has at most {most} bytes"));
    }
    let mut json = serde_json::Deserializer::from_slice(document);
    let parsed = serde_path_to_error::deserialize::<_, EventDocument>(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let path = if path == "." { String::new() } else { path };
            EventError { code: EventCode::WrongShape, path, problem: inner.to_string() }
        } else {
            not_json(&inner)
        }
    });
    let parsed = parsed?;
    json.end().map_err(|error| not_json(&error))?;
    // serde takes a list of values for an object; the contract does not.
    if document.trim_ascii_start().first() != Some(&b'{') {
        return refuse(EventCode::WrongShape, "", "an event is an object");
    }
    check(parsed)
}

fn not_json(error: &serde_json::Error) -> EventError {
    EventError { code: EventCode::NotJson, path: String::new(), problem: error.to_string() }
}

fn check(document: EventDocument) -> EventResult<Event> {
    let EventDocument { id, tenant, category, kind, recipients, .. } = document;
    if !(1..=128).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse(EventCode::IdInvalid, "id", "1 to 128 printable ASCII characters without spaces");
    }
    let Ok(tenant) = Tenant::new(&tenant) else {
        return refuse(
            EventCode::TenantInvalid,
            "tenant",
            ownpost_domain::tenant::UnusableTenant.to_string(),
        );
    };
    let Some(category) = Category::ALL.into_iter().find(|known| known.name() == category) else {
        let known = Category::ALL.map(Category::name).join(", ");
        return refuse(EventCode::CategoryUnknown, "category", format!("one of {known}"));
    };
    if !is_type(&kind) {
        let rule = "1 to 64 of a-z A-Z 0-9 . _ - , beginning with a letter or digit";
        return refuse(EventCode::TypeInvalid, "type", rule);
    }
    if recipients.is_empty() {
        return refuse(EventCode::RecipientsEmpty, "recipients", "an event has at least one recipient");
    }
    if recipients.len() > RECIPIENTS_LIMIT {
        let rule = format!("at most {RECIPIENTS_LIMIT} recipients; send more events");
        return refuse(EventCode::RecipientsTooMany, "recipients", rule);
    }
    let (recipients, unusable) = check_recipients(recipients)?;
    let not_after = document.not_after.as_deref().map(time).transpose()?;
    let reply_to =
        document.reply_to.map(|person| check_person(&person.address, person.name, "replyTo")).transpose()?;
    let thread = document.thread.map(|text| line(text, "thread", 256)).transpose()?;
    let data = document.data.unwrap_or_default();
    for (key, value) in &data {
        no_nul_in(value, &format!("data.{key}"))?;
        no_nul(key, "data")?;
    }
    Ok(Event {
        id,
        tenant,
        category,
        kind,
        recipients,
        unusable,
        not_after,
        reply_to,
        thread,
        data,
        content: document.content.map(check_content).transpose()?,
        attachments: check_attachments(document.attachments.unwrap_or_default())?,
        unsubscribe: document.unsubscribe.map(check_unsubscribe).transpose()?,
        brand: document.brand.map(check_brand).transpose()?,
    })
}

/// The recipients, and those whose address cannot be used. One of them must be usable.
fn check_recipients(
    recipients: Vec<RecipientDocument>,
) -> EventResult<(Vec<Recipient>, Vec<UnusableRecipient>)> {
    let (mut usable, mut unusable) = (Vec::with_capacity(recipients.len()), Vec::new());
    let mut first = None;
    for (index, recipient) in recipients.into_iter().enumerate() {
        let given = recipient.address.clone();
        let path = format!("recipients[{index}]");
        match check_recipient(recipient, &path) {
            Ok(recipient) => usable.push(recipient),
            Err(error) if error.path == format!("{path}.address") => {
                let address =
                    given.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(254).collect();
                unusable.push(UnusableRecipient { index, address, problem: error.problem.clone() });
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match first {
        Some(error) if usable.is_empty() => Err(error),
        _ => Ok((usable, unusable)),
    }
}

fn time(text: &str) -> EventResult<Timestamp> {
    let rule = "a time such as 2026-12-01T12:00:00Z";
    text.parse().or_else(|_| refuse(EventCode::TimeInvalid, "notAfter", rule))
}

fn is_type(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

fn check_recipient(recipient: RecipientDocument, path: &str) -> EventResult<Recipient> {
    let locale_path = format!("{path}.locale");
    Ok(Recipient {
        person: check_person(&recipient.address, recipient.name, path)?,
        locale: recipient.locale.map(|tag| line(tag, &locale_path, 64)).transpose()?,
    })
}

fn check_person(address: &str, name: Option<String>, path: &str) -> EventResult<Person> {
    let at = format!("{path}.address");
    no_control(address, &at)?;
    let Some(address) = canonical_address(address) else {
        return refuse(EventCode::AddressInvalid, &at, "a mailbox address such as jan@example.org");
    };
    // An empty name is what products send for "none".
    let name = name.filter(|name| !name.trim().is_empty());
    Ok(Person { address, name: name.map(|name| line(name, &format!("{path}.name"), 256)).transpose()? })
}

/// The address as it is kept and compared: the local part as it is, the domain in lower case and A-labels
/// (RFC 5890), so that it can be written in any SMTP command. `None` when it is no mailbox address of at most 254 octets
/// (RFC 5321 §4.5.3.1.3).
pub fn canonical_address(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let domain = if domain.starts_with('[') {
        domain.to_owned()
    } else {
        idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?.into_owned()
    };
    let canonical = format!("{local}@{domain}");
    let usable = canonical.len() <= 254 && local.len() <= 64 && !canonical.chars().any(char::is_control);
    (usable && lettre::Address::from_str(&canonical).is_ok()).then_some(canonical)
}

fn check_content(content: ContentDocument) -> EventResult<Content> {
    let text = content.text.unwrap_or_default();
    let html = content.html.filter(|html| !html.trim().is_empty());
    no_nul(&text, "content.text")?;
    no_nul(html.as_deref().unwrap_or_default(), "content.html")?;
    if text.trim().is_empty() && html.is_none() {
        return refuse(EventCode::ContentEmpty, "content.text", "a text, or html to make it from");
    }
    Ok(Content { subject: line(content.subject, "content.subject", 500)?, text, html })
}

fn check_unsubscribe(unsubscribe: UnsubscribeDocument) -> EventResult<String> {
    if brand::is_url(&unsubscribe.url, &["https://"]) {
        Ok(unsubscribe.url)
    } else {
        refuse(
            EventCode::UnsubscribeInvalid,
            "unsubscribe.url",
            "an https address of at most 2000 characters",
        )
    }
}

fn check_brand(brand: Brand) -> EventResult<Brand> {
    match brand.check() {
        Ok(()) => Ok(brand),
        Err(unusable) => {
            refuse(EventCode::BrandInvalid, &format!("brand.{}", unusable.member), unusable.problem)
        }
    }
}

fn check_attachments(attachments: Vec<AttachmentDocument>) -> EventResult<Vec<Attachment>> {
    if attachments.len() > ATTACHMENTS_LIMIT {
        let rule = format!("at most {ATTACHMENTS_LIMIT} attachments");
        return refuse(EventCode::AttachmentsTooMany, "attachments", rule);
    }
    let base64 = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let one = |(index, attachment): (usize, AttachmentDocument)| {
        let path = |field: &str| format!("attachments[{index}].{field}");
        let filename = line(attachment.filename, &path("filename"), 255)?;
        let content_type = line(attachment.content_type, &path("contentType"), 255)?;
        if !is_file_type(&content_type) {
            let rule = "a MIME type of a file, such as application/pdf";
            return refuse(EventCode::ContentTypeInvalid, &path("contentType"), rule);
        }
        match base64.decode(&attachment.base64) {
            Ok(bytes) => Ok(Attachment { filename, content_type, bytes }),
            Err(error) => refuse(EventCode::Base64Invalid, &path("base64"), error.to_string()),
        }
    };
    attachments.into_iter().enumerate().map(one).collect()
}

/// A type that a single part may have: `multipart` announces parts that are not there.
fn is_file_type(text: &str) -> bool {
    text.is_ascii()
        && !text.trim_start().to_ascii_lowercase().starts_with("multipart/")
        && ContentType::parse(text).is_ok()
}

/// One line of 1 to `most` characters.
fn line(text: String, path: &str, most: usize) -> EventResult<String> {
    no_control(&text, path)?;
    if text.trim().is_empty() || text.chars().count() > most {
        return refuse(EventCode::LengthInvalid, path, format!("1 to {most} characters"));
    }
    Ok(text)
}

/// No control character at all, and none of the separators that Unicode counts as line breaks.
fn no_control(text: &str, path: &str) -> EventResult<()> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return refuse(
            EventCode::ControlCharacter,
            path,
            "line breaks and control characters cannot be here",
        );
    }
    Ok(())
}

fn no_nul(text: &str, path: &str) -> EventResult<()> {
    if text.contains('\0') {
        return refuse(EventCode::ControlCharacter, path, "NUL cannot be here");
    }
    Ok(())
}

/// The recursion is bounded by serde_json's own limit of 128 levels.
fn no_nul_in(value: &Value, path: &str) -> EventResult<()> {
    match value {
        Value::String(text) => no_nul(text, path),
        Value::Array(items) => items.iter().try_for_each(|item| no_nul_in(item, path)),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            no_nul(key, path)?;
            no_nul_in(item, path)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "id": "evt_01", "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org", "name": "Jan", "locale": "nl"}],
            "replyTo": {"address": "ann@example.org", "name": "Ann"},
            "thread": "treatment-42",
            "data": {"actor": "Ann", "excerpt": "two\nlines", "nested": {"list": [1, null]}},
            "content": {"subject": "Hello", "text": "one\ntwo", "html": "<p>one</p>"},
            "attachments": [{"filename": "a.txt", "contentType": "text/plain", "base64": "aGk="}]
        })
    }

    #[test]
    fn a_whole_event_is_read() {
        let event = parse(good().to_string().as_bytes(), QUEUE_LIMIT).unwrap();
        assert_eq!(event.recipients[0].person.address, "jan@example.org");
        assert_eq!(event.attachments[0].bytes, b"hi");
        assert_eq!(event.thread.as_deref(), Some("treatment-42"));
    }

    #[test]
    fn what_makes_an_event_unusable() {
        let check = |pointer: &str, value: Value, code: &str, path: &str| {
            let mut document = good();
            // `parent/-name` removes the key.
            if let Some((parent, name)) = pointer.rsplit_once('/').filter(|(_, name)| name.starts_with('-')) {
                document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&name[1..]);
            } else if let Some(place) = document.pointer_mut(pointer) {
                *place = value;
            } else {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                document.pointer_mut(parent).unwrap()[name] = value;
            }
            let error = parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap_err();
            assert_eq!((error.code.code(), error.path.as_str()), (code, path), "{pointer}: {error}");
        };
        let long = "x".repeat(600);
        let person = json!({"address": "a@example.org"});
        for (pointer, value, code, path) in [
            ("", json!([]), "event.wrong_shape", ""),
            ("/id", json!(7), "event.wrong_shape", "id"),
            ("/-id", json!(null), "event.wrong_shape", ""),
            ("/id", json!(""), "event.id_invalid", "id"),
            ("/id", json!("a b"), "event.id_invalid", "id"),
            ("/id", json!("é"), "event.id_invalid", "id"),
            ("/id", json!("x".repeat(129)), "event.id_invalid", "id"),
            ("/tenant", json!("../x"), "event.tenant_invalid", "tenant"),
            ("/tenant", json!(null), "event.wrong_shape", "tenant"),
            ("/category", json!("newsletter"), "event.category_unknown", "category"),
            ("/type", json!("../../etc/passwd"), "event.type_invalid", "type"),
            ("/type", json!(".."), "event.type_invalid", "type"),
            ("/recipients", json!([]), "event.recipients_empty", "recipients"),
            ("/-recipients", json!(null), "event.wrong_shape", ""),
            ("/recipients", json!(vec![person; 1001]), "event.recipients_too_many", "recipients"),
            ("/recipients/0/address", json!("jan"), "event.address_invalid", "recipients[0].address"),
            ("/recipients/0/address", json!("jan@"), "event.address_invalid", "recipients[0].address"),
            (
                "/recipients/0/address",
                json!("a@b.example>"),
                "event.address_invalid",
                "recipients[0].address",
            ),
            (
                "/recipients/0/address",
                json!("a b@example.org"),
                "event.address_invalid",
                "recipients[0].address",
            ),
            (
                "/recipients/0/address",
                json!("a@x\r\nRCPT"),
                "event.control_character",
                "recipients[0].address",
            ),
            ("/recipients/0/address", json!(5), "event.wrong_shape", "recipients[0].address"),
            ("/recipients/0/name", json!("Jan\nBcc: x"), "event.control_character", "recipients[0].name"),
            ("/recipients/0/name", json!("Jan\u{2028}x"), "event.control_character", "recipients[0].name"),
            ("/recipients/0/name", json!(long), "event.length_invalid", "recipients[0].name"),
            ("/recipients/0/locale", json!("nl\0"), "event.control_character", "recipients[0].locale"),
            ("/recipients/0/bcc", json!("x@y.example"), "event.wrong_shape", "recipients[0].bcc"),
            ("/replyTo/address", json!("@example.org"), "event.address_invalid", "replyTo.address"),
            ("/replyTo/name", json!("a\r\n"), "event.control_character", "replyTo.name"),
            ("/thread", json!("a\nb"), "event.control_character", "thread"),
            ("/thread", json!(""), "event.length_invalid", "thread"),
            ("/data", json!("x"), "event.wrong_shape", "data"),
            ("/data/deep", json!({"a": ["x\u{0}"]}), "event.control_character", "data.deep"),
            (
                "/content/subject",
                json!("a\r\nBcc: x@y.example"),
                "event.control_character",
                "content.subject",
            ),
            ("/content/subject", json!(long), "event.length_invalid", "content.subject"),
            ("/content/text", json!("\u{0}"), "event.control_character", "content.text"),
            ("/content/html", json!(1), "event.wrong_shape", "content.html"),
            ("/attachments/0/base64", json!("a"), "event.base64_invalid", "attachments[0].base64"),
            ("/attachments/0/base64", json!("aGk=\n"), "event.base64_invalid", "attachments[0].base64"),
            (
                "/attachments/0/filename",
                json!("a\n.txt"),
                "event.control_character",
                "attachments[0].filename",
            ),
            (
                "/attachments/0/contentType",
                json!("x"),
                "event.content_type_invalid",
                "attachments[0].contentType",
            ),
            (
                "/attachments/0/contentType",
                json!("multipart/mixed"),
                "event.content_type_invalid",
                "attachments[0].contentType",
            ),
            ("/unknown", json!(1), "event.wrong_shape", "unknown"),
        ] {
            check(pointer, value, code, path);
        }
    }

    #[test]
    fn bytes_that_are_no_event() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let check = |bytes: &[u8], code: EventCode| {
            assert_eq!(parse(bytes, 100_000).unwrap_err().code, code, "{:?}", String::from_utf8_lossy(bytes));
        };
        for (bytes, code) in [
            (&b""[..], EventCode::NotJson),
            (b"{", EventCode::NotJson),
            (b"{\"id\":\"\xff\"}", EventCode::NotJson),
            (b"{\"id\":\"\\ud800\"}", EventCode::NotJson),
            (deep.as_bytes(), EventCode::WrongShape),
            (b"{\"id\":\"1\"}}", EventCode::WrongShape),
            (b"[\"1\",\"a\",\"notification\",\"t\",[{\"address\":\"a@b.example\"}],null,null,null,null,null]", EventCode::WrongShape),
            (b"null", EventCode::WrongShape),
            (&vec![b' '; 100_001], EventCode::TooLarge),
        ] {
            check(bytes, code);
        }
    }

    #[test]
    fn addresses_are_kept_in_one_form() {
        for (address, canonical) in [
            ("Jan@Example.ORG", Some("Jan@example.org")),
            ("jan@münchen.de", Some("jan@xn--mnchen-3ya.de")),
            ("zoë@example.org", Some("zoë@example.org")),
            ("\"a b\"@example.org", Some("\"a b\"@example.org")),
            ("jan@-x-.example..org", None),
            ("jan@exa mple.org", None),
            ("jan", None),
            ("", None),
        ] {
            assert_eq!(canonical_address(address).as_deref(), canonical, "{address}");
        }
    }
}
