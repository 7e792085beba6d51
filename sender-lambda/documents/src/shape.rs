//! From a tree of values to the shape of a document, member by member. By hand: what serde derives for each type, once for
//! each source of values, was a third of the npm module.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What has the wrong shape, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The place: `recipients[0].address`; empty for the whole.
    pub(crate) path: String,
    /// What is there, and what should be.
    pub(crate) problem: String,
}

impl Wrong {
    fn kind(path: String, value: &Value, expected: &str) -> Self {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "sequence",
            Value::Object(_) => "map",
        };
        Self { path, problem: format!("invalid type: {found}, expected {expected}") }
    }
}

/// How an object is read from the value at a place.
pub(crate) type Read<T> = fn(Value, String) -> Result<T, Wrong>;

/// The members of an object that are still to be read.
pub(crate) struct Members {
    path: String,
    found: Map<String, Value>,
}

impl Members {
    /// The members of the object at this place, which may have no others than these.
    pub(crate) fn of(value: Value, path: String, known: &[&str]) -> Result<Self, Wrong> {
        let found = match value {
            Value::Object(found) => found,
            other => return Err(Wrong::kind(path, &other, "an object")),
        };
        if let Some(name) = found.keys().find(|name| !known.contains(&name.as_str())) {
            let mut problem = format!("unknown field `{name}`, expected one of ");
            for (index, name) in known.iter().enumerate() {
                let _ = write!(problem, "{}`{name}`", if index == 0 { "" } else { ", " });
            }
            return Err(Wrong { path: below(&path, name), problem });
        }
        Ok(Self { path, found })
    }

    /// The value of a member; none when it is absent or null.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.found.swap_remove(name).filter(|value| !value.is_null())
    }

    /// The text that must be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Wrong> {
        match self.found.swap_remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(Wrong::kind(below(&self.path, name), &other, "a string")),
            None => Err(self.missing(name)),
        }
    }

    /// The text, when there is one.
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        self.value(name).map(|value| text(value, below(&self.path, name))).transpose()
    }

    /// The object, when there is one.
    pub(crate) fn object<T>(&mut self, name: &str, read: Read<T>) -> Result<Option<T>, Wrong> {
        self.value(name).map(|value| read(value, below(&self.path, name))).transpose()
    }

    /// The list, when there is one.
    pub(crate) fn list<T>(&mut self, name: &str, read: Read<T>) -> Result<Option<Vec<T>>, Wrong> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let path = below(&self.path, name);
        let Value::Array(values) = value else { return Err(Wrong::kind(path, &value, "a sequence")) };
        let read = |(index, value)| read(value, format!("{path}[{index}]"));
        values.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// The problem of a member that must be there.
    pub(crate) fn missing(&self, name: &str) -> Wrong {
        Wrong { path: self.path.clone(), problem: format!("missing field `{name}`") }
    }
}

/// The text at a place.
pub(crate) fn text(value: Value, path: String) -> Result<String, Wrong> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Wrong::kind(path, &other, "a string")),
    }
}

/// The members of the object at a place, whatever they are.
pub(crate) fn map(value: Value, path: String) -> Result<Map<String, Value>, Wrong> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(Wrong::kind(path, &other, "a map")),
    }
}

/// The place of a member.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
