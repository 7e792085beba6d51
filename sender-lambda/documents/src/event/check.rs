//! Everything that makes an event unusable beside its shape. All problems are found, in the order of the members.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use mime::Mime;
use ownpost_domain::brand::{self, Brand};
use ownpost_domain::category::Category;
use ownpost_domain::event::{Attachment, Content, Event, Person, Recipient, UnusableRecipient};
use ownpost_domain::tenant::{Tenant, UnusableTenant};
use serde_json::Value;
use smtp_rules::shown::is_blank;

use super::address::{ToAscii, canonical_address};
use super::code::{EventCode, EventError};
use super::time::time;
use super::{
    ATTACHMENTS_LIMIT, AttachmentDocument, ContentDocument, EventDocument, PersonDocument, RECIPIENTS_LIMIT,
    RecipientDocument,
};
use crate::validation::Severity;

/// The most problems that are reported of one event.
const MOST_ISSUES: usize = 1000;

/// What the checks have found in a document. Its texts are normal now: addresses canonical, empty names gone.
pub(super) struct Checked {
    facts: Option<Facts>,
    pub(super) issues: Vec<(Severity, EventError)>,
}

/// What the document says, where its text is not yet the value.
struct Facts {
    tenant: Tenant,
    category: Category,
    not_after: Option<Timestamp>,
    files: Vec<Vec<u8>>,
    unusable: Vec<UnusableRecipient>,
}

/// The problems so far.
struct Problems {
    found: Vec<(Severity, EventError)>,
}

impl Problems {
    fn add(&mut self, severity: Severity, error: EventError) {
        // The first error decides the router's answer; the cap must not lose it behind warnings.
        if self.found.len() < MOST_ISSUES || severity == Severity::Error && !self.has_error() {
            self.found.push((severity, error));
        }
    }

    fn refuse(&mut self, code: EventCode, path: &str, problem: impl Into<String>) {
        self.add(Severity::Error, EventError::new(code, path, problem));
    }

    /// The value, or none and a problem.
    fn take<T>(&mut self, result: Result<T, EventError>) -> Option<T> {
        result.map_err(|error| self.add(Severity::Error, error)).ok()
    }

    fn has_error(&self) -> bool {
        self.found.iter().any(|(severity, _)| *severity == Severity::Error)
    }
}

/// Checks a document and makes its texts normal.
pub(super) fn check(document: &mut EventDocument, to_ascii: ToAscii) -> Checked {
    let mut problems = Problems { found: Vec::new() };
    if !(1..=128).contains(&document.id.len()) || !document.id.bytes().all(|b| b.is_ascii_graphic()) {
        problems.refuse(EventCode::IdInvalid, "id", "1 to 128 printable ASCII characters without spaces");
    }
    let tenant = Tenant::new(&document.tenant)
        .map_err(|UnusableTenant| {
            problems.refuse(EventCode::TenantInvalid, "tenant", UnusableTenant.to_string());
        })
        .ok();
    let category = Category::ALL.into_iter().find(|known| known.name() == document.category);
    if category.is_none() {
        let known = Category::ALL.map(Category::name).join(", ");
        problems.refuse(EventCode::CategoryUnknown, "category", format!("one of {known}"));
    }
    if !is_type(&document.kind) {
        let rule = "1 to 64 of a-z A-Z 0-9 . _ - , beginning with a letter or digit";
        problems.refuse(EventCode::TypeInvalid, "type", rule);
    }
    let unusable = check_recipients(&mut document.recipients, to_ascii, &mut problems);
    let not_after = document.not_after.as_deref().and_then(|text| {
        let rule = "a time such as 2026-12-01T12:00:00Z";
        problems.take(time(text).ok_or_else(|| EventError::new(EventCode::TimeInvalid, "notAfter", rule)))
    });
    if let Some(person) = &mut document.reply_to {
        let checked = check_person(person, "replyTo", to_ascii);
        problems.take(checked);
    }
    if let Some(thread) = &document.thread {
        problems.take(line(thread, "thread", 256));
    }
    for (key, value) in document.data.iter().flatten() {
        problems.take(no_nul_in(value, &format!("data.{key}")).and_then(|()| no_nul(key, "data")));
    }
    if let Some(content) = &mut document.content {
        check_content(content, &mut problems);
    }
    let files = check_attachments(document.attachments.as_deref().unwrap_or_default(), &mut problems);
    if let Some(unsubscribe) = &document.unsubscribe
        && !brand::is_url(&unsubscribe.url, &["https://"])
    {
        let rule = "an https address of at most 2000 characters";
        problems.refuse(EventCode::UnsubscribeInvalid, "unsubscribe.url", rule);
    }
    if let Some(brand) = &document.brand {
        problems.take(check_brand(brand));
    }
    let facts = match (tenant, category) {
        (Some(tenant), Some(category)) if !problems.has_error() => {
            Some(Facts { tenant, category, not_after, files, unusable })
        }
        _ => None,
    };
    Checked { facts, issues: problems.found }
}

impl Checked {
    /// The event of the checked document.
    ///
    /// # Errors
    /// The first problem that stops it.
    pub(super) fn into_event(self, document: EventDocument) -> Result<Event, EventError> {
        let Some(Facts { tenant, category, not_after, files, unusable }) = self.facts else {
            let errors = self.issues.into_iter().filter(|(severity, _)| *severity == Severity::Error);
            let whole = || EventError::new(EventCode::WrongShape, "", "not usable");
            return Err(errors.map(|(_, error)| error).next().unwrap_or_else(whole));
        };
        let bad: Vec<usize> = unusable.iter().map(|recipient| recipient.index).collect();
        let recipients = document.recipients.into_iter().enumerate();
        let recipients = recipients.filter(|(index, _)| bad.binary_search(index).is_err());
        let recipients = recipients.map(|(_, RecipientDocument { address, name, locale })| Recipient {
            person: Person { address, name },
            locale,
        });
        let file = |(attachment, bytes): (AttachmentDocument, Vec<u8>)| {
            let AttachmentDocument { filename, content_type, .. } = attachment;
            Attachment { filename, content_type, bytes }
        };
        let content = |ContentDocument { subject, text, html }| Content {
            subject,
            text: text.unwrap_or_default(),
            html,
        };
        Ok(Event {
            id: document.id,
            tenant,
            category,
            kind: document.kind,
            recipients: recipients.collect(),
            unusable,
            not_after,
            reply_to: document.reply_to.map(|PersonDocument { address, name }| Person { address, name }),
            thread: document.thread,
            data: document.data.unwrap_or_default(),
            content: document.content.map(content),
            attachments: document.attachments.unwrap_or_default().into_iter().zip(files).map(file).collect(),
            unsubscribe: document.unsubscribe.map(|unsubscribe| unsubscribe.url),
            brand: document.brand,
        })
    }
}

/// The recipients whose address cannot be used. One of them must be usable.
fn check_recipients(
    recipients: &mut [RecipientDocument],
    to_ascii: ToAscii,
    problems: &mut Problems,
) -> Vec<UnusableRecipient> {
    if recipients.is_empty() {
        let rule = "an event has at least one recipient";
        problems.refuse(EventCode::RecipientsEmpty, "recipients", rule);
    }
    if recipients.len() > RECIPIENTS_LIMIT {
        let rule = format!("at most {RECIPIENTS_LIMIT} recipients; send more events");
        problems.refuse(EventCode::RecipientsTooMany, "recipients", rule);
        return Vec::new();
    }
    let mut unusable = Vec::new();
    let mut refused = Vec::new();
    for (index, recipient) in recipients.iter_mut().enumerate() {
        let path = format!("recipients[{index}]");
        let RecipientDocument { address, name, locale } = recipient;
        match check_address(address, &path, to_ascii) {
            Ok(canonical) => *address = canonical,
            Err(error) => {
                let address =
                    address.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(254).collect();
                unusable.push(UnusableRecipient { index, address, problem: error.problem.clone() });
                refused.push((problems.found.len(), error));
            }
        }
        problems.take(check_name(name, &path));
        if let Some(tag) = locale {
            problems.take(line(tag, &format!("{path}.locale"), 64));
        }
    }
    let severity = if unusable.len() == recipients.len() { Severity::Error } else { Severity::Warning };
    for (place, error) in refused.into_iter().rev() {
        problems.found.insert(place, (severity, error));
    }
    problems.found.truncate(MOST_ISSUES);
    unusable
}

fn is_type(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

fn check_person(person: &mut PersonDocument, path: &str, to_ascii: ToAscii) -> Result<(), EventError> {
    person.address = check_address(&person.address, path, to_ascii)?;
    check_name(&mut person.name, path)
}

fn check_address(address: &str, path: &str, to_ascii: ToAscii) -> Result<String, EventError> {
    let at = format!("{path}.address");
    no_control(address, &at)?;
    let rule = "a mailbox address such as jan@example.org";
    canonical_address(address, to_ascii).ok_or_else(|| EventError::new(EventCode::AddressInvalid, &at, rule))
}

/// An empty name, or one that nobody sees, is what products send for "none".
fn check_name(name: &mut Option<String>, path: &str) -> Result<(), EventError> {
    *name = name.take().filter(|name| !is_blank(name));
    name.as_deref().map_or(Ok(()), |name| line(name, &format!("{path}.name"), 256))
}

fn check_content(content: &mut ContentDocument, problems: &mut Problems) {
    content.html = content.html.take().filter(|html| !html.trim().is_empty());
    problems.take(line(&content.subject, "content.subject", 500));
    let text = content.text.as_deref().unwrap_or_default();
    problems.take(no_nul(text, "content.text"));
    problems.take(no_nul(content.html.as_deref().unwrap_or_default(), "content.html"));
    if is_blank(text) && content.html.is_none() {
        problems.refuse(EventCode::ContentEmpty, "content.text", "a text, or html to make it from");
    }
}

fn check_brand(brand: &Brand) -> Result<(), EventError> {
    brand.check().map_err(|unusable| {
        EventError::new(EventCode::BrandInvalid, &format!("brand.{}", unusable.member), unusable.problem)
    })
}

/// The bytes of the files.
fn check_attachments(attachments: &[AttachmentDocument], problems: &mut Problems) -> Vec<Vec<u8>> {
    if attachments.len() > ATTACHMENTS_LIMIT {
        let rule = format!("at most {ATTACHMENTS_LIMIT} attachments");
        problems.refuse(EventCode::AttachmentsTooMany, "attachments", rule);
        return Vec::new();
    }
    let base64 = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mut files = Vec::with_capacity(attachments.len());
    for (index, attachment) in attachments.iter().enumerate() {
        let path = |field: &str| format!("attachments[{index}].{field}");
        problems.take(line(&attachment.filename, &path("filename"), 255));
        let typed = line(&attachment.content_type, &path("contentType"), 255);
        if problems.take(typed).is_some() && !is_file_type(&attachment.content_type) {
            let rule = "a MIME type of a file, such as application/pdf";
            problems.refuse(EventCode::ContentTypeInvalid, &path("contentType"), rule);
        }
        match base64.decode(&attachment.base64) {
            Ok(bytes) => files.push(bytes),
            Err(error) => {
                let is_broken = attachment.base64.contains(['\r', '\n']);
                let rule =
                    if is_broken { "base64 has no line breaks here".to_owned() } else { error.to_string() };
                problems.refuse(EventCode::Base64Invalid, &path("base64"), rule);
            }
        }
    }
    files
}

/// A type that a single part may have: `multipart` announces parts that are not there.
fn is_file_type(text: &str) -> bool {
    text.is_ascii()
        && !text.trim_start().to_ascii_lowercase().starts_with("multipart/")
        && text.parse::<Mime>().is_ok()
}

/// One line of 1 to `most` characters.
fn line(text: &str, path: &str, most: usize) -> Result<(), EventError> {
    no_control(text, path)?;
    if is_blank(text) || text.chars().count() > most {
        return Err(EventError::new(EventCode::LengthInvalid, path, format!("1 to {most} characters")));
    }
    Ok(())
}

/// No control character at all, and none of the separators that Unicode counts as line breaks.
fn no_control(text: &str, path: &str) -> Result<(), EventError> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        let rule = "line breaks and control characters cannot be here";
        return Err(EventError::new(EventCode::ControlCharacter, path, rule));
    }
    Ok(())
}

fn no_nul(text: &str, path: &str) -> Result<(), EventError> {
    if text.contains('\0') {
        return Err(EventError::new(EventCode::ControlCharacter, path, "NUL cannot be here"));
    }
    Ok(())
}

/// The recursion is bounded by the levels that a document may have.
fn no_nul_in(value: &Value, path: &str) -> Result<(), EventError> {
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
