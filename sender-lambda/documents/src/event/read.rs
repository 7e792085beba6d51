//! From bytes or a value to the shape of an event.

use std::io::{self, Write};

use ownpost_domain::event::Event;
use serde::Deserializer;
use serde_json::Value;

use super::EventDocument;
use super::address::ToAscii;
use super::check::check;
use super::code::{EventCode, EventError};
use crate::object::Object;
use crate::rules::repair_surrogates;

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
    let mut json = serde_json::Deserializer::from_str(repaired.as_ref().map_or(text, |text| text.as_str()));
    let read = shape(&mut json, not_readable)?;
    json.end().map_err(|error| not_readable(&error, ""))?;
    Ok(read)
}

/// Reads the shape from a value of at most [`MAX_DEPTH`] levels; `most` is of its compact JSON.
pub(super) fn read_value(value: Value, most: usize) -> Result<EventDocument, EventError> {
    let mut size = Count(0);
    let counted = serde_json::to_writer(&mut size, &value);
    debug_assert!(counted.is_ok(), "a value is always JSON");
    if size.0 > most {
        return Err(too_large(most));
    }
    shape(value, not_readable)
}

fn shape<'de, D>(
    deserializer: D,
    explain: fn(&D::Error, &str) -> EventError,
) -> Result<EventDocument, EventError>
where
    D: Deserializer<'de>,
{
    let read = serde_path_to_error::deserialize::<_, Object<EventDocument>>(deserializer);
    read.map(|Object(document)| document).map_err(|error| {
        let path = error.path().to_string();
        explain(error.inner(), if path == "." { "" } else { &path })
    })
}

pub(super) fn too_large(most: usize) -> EventError {
    EventError::new(EventCode::TooLarge, "", format!("an event has at most {most} bytes"))
}

fn not_readable(error: &serde_json::Error, path: &str) -> EventError {
    let problem = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    if problem.starts_with("recursion limit exceeded") {
        EventError::new(EventCode::WrongShape, "", TOO_DEEP)
    } else if error.is_data() {
        // The path says where, and a value has no lines.
        EventError::new(EventCode::WrongShape, path, problem.strip_suffix(&place).unwrap_or(&problem))
    } else {
        EventError::new(EventCode::NotJson, "", problem)
    }
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
