//! From bytes or a value to the shape of an event.

use ownpost_domain::event::Event;

use super::address::ToAscii;
use super::check::check;
use super::code::{EventCode, EventError};
use super::{EventDocument, shape};
use crate::rules::repair_surrogates;
use crate::shape::Wrong;
use crate::tree::{self, Twice};

/// The most levels of objects and lists in an event: the limit of serde_json, which keeps the stack from overflowing.
pub const MAX_DEPTH: usize = 127;
/// The problem of an event with more levels than [`MAX_DEPTH`].
pub(super) const TOO_DEEP: &str = "nested deeper than 127 levels";

/// Reads an event document of at most `most` bytes. Escapes of half a surrogate pair count as U+FFFD: programs that cut a
/// text within an emoji write them.
///
/// # Errors
/// The first thing that makes it unusable. No part of it is used then.
pub fn parse(document: &[u8], most: usize, to_ascii: ToAscii) -> Result<Event, EventError> {
    let mut document = read_text(document, most)?;
    let checked = check(&mut document, to_ascii);
    checked.into_event(document)
}

/// Reads the shape from JSON text.
pub(super) fn read_text(document: &[u8], most: usize) -> Result<EventDocument, EventError> {
    if document.len() > most {
        return Err(too_large(most));
    }
    let text = str::from_utf8(document)
        .map_err(|error| EventError::new(EventCode::NotJson, "", format!("no UTF-8: {error}")))?;
    let repaired = repair_surrogates(text);
    let text = repaired.as_ref().map_or(text, |text| text.as_str());
    let mut twice = Twice::Refused { except: "data", place: String::new() };
    let value = tree::read(text, &mut twice).map_err(|error| not_readable(&error, twice))?;
    shape::event(value)
        .map_err(|Wrong { path, problem }| EventError::new(EventCode::WrongShape, &path, problem))
}

pub(super) fn too_large(most: usize) -> EventError {
    EventError::new(EventCode::TooLarge, "", format!("an event has at most {most} bytes"))
}

fn not_readable(error: &serde_json::Error, twice: Twice) -> EventError {
    let problem = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    if problem.starts_with("recursion limit exceeded") {
        EventError::new(EventCode::WrongShape, "", TOO_DEEP)
    } else if let Twice::Refused { place: path, .. } = twice
        && !path.is_empty()
    {
        // The path says where.
        EventError::new(EventCode::WrongShape, &path, problem.strip_suffix(&place).unwrap_or(&problem))
    } else {
        EventError::new(EventCode::NotJson, "", problem)
    }
}
