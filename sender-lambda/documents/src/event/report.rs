//! The report on an event, for its source to read before it sends the event.

use schemars::JsonSchema;
use serde::Serialize;

use super::address::ToAscii;
use super::check::check;
use super::code::{EventCode, EventError};
use super::read::{TOO_DEEP, read_text, too_large};
use super::{EventDocument, QUEUE_LIMIT, RESERVED_PREFIX};
use crate::validation::Severity;

/// Whether the router accepts an event, and why not.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventReport {
    /// Whether the router accepts it. False as soon as one issue is an error.
    pub valid: bool,
    /// All issues; of a wrong shape the first alone.
    pub issues: Vec<EventIssue>,
    /// The event as the router reads it: domains in lower case and A-labels, no empty names. A recipient whose address
    /// cannot be used is left as it came, because the router records it as failed. Null when the event is not accepted.
    pub event: Option<EventDocument>,
}

/// One problem of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EventIssue {
    /// Where in the document: `recipients[0].address`; empty for the whole.
    pub field: String,
    /// The stable code.
    pub code: EventCode,
    /// A warning concerns a recipient whose address cannot be used; the others get their mail.
    pub severity: Severity,
    /// The problem, for the developer of the event source.
    pub message: String,
}

impl EventIssue {
    pub(super) fn new(error: EventError, severity: Severity) -> Self {
        let EventError { code, path: field, problem: message } = error;
        Self { field, code, severity, message }
    }
}

impl EventReport {
    /// Reads an event from JSON text, as the queue takes it.
    pub fn of_text(text: &str, to_ascii: ToAscii) -> Self {
        Self::of_document(text.as_bytes(), QUEUE_LIMIT, to_ascii)
    }

    /// Reads an event of at most `most` bytes.
    pub fn of_document(document: &[u8], most: usize, to_ascii: ToAscii) -> Self {
        Self::checked(read_text(document, most), to_ascii)
    }

    /// The report of an event that is larger than the queue takes.
    pub fn too_large() -> Self {
        Self::unreadable(too_large(QUEUE_LIMIT))
    }

    /// The report of an event with too many levels.
    pub fn too_deep() -> Self {
        Self::unreadable(EventError::new(EventCode::WrongShape, "", TOO_DEEP))
    }

    /// The report of an event that has a value at this place which JSON does not have.
    pub fn no_json(path: &str) -> Self {
        Self::unreadable(EventError::new(EventCode::WrongShape, path, "no value that JSON has"))
    }

    fn unreadable(error: EventError) -> Self {
        Self { valid: false, issues: vec![EventIssue::new(error, Severity::Error)], event: None }
    }

    fn checked(read: Result<EventDocument, EventError>, to_ascii: ToAscii) -> Self {
        let mut document = match read {
            Ok(document) => document,
            Err(error) => return Self::unreadable(error),
        };
        let checked = check(&mut document, to_ascii);
        let mut issues: Vec<_> =
            checked.issues.into_iter().map(|(severity, error)| EventIssue::new(error, severity)).collect();
        if let Some(error) = reserved(&document.kind) {
            issues.push(EventIssue::new(error, Severity::Error));
        }
        let valid = issues.iter().all(|issue| issue.severity != Severity::Error);
        Self { valid, issues, event: valid.then_some(document) }
    }
}

/// The refusal of a type that an event source cannot use.
pub fn reserved(kind: &str) -> Option<EventError> {
    let problem = || format!("names beginning with `{RESERVED_PREFIX}` are for our own mails");
    kind.starts_with(RESERVED_PREFIX).then(|| EventError::new(EventCode::TypeInvalid, "type", problem()))
}
