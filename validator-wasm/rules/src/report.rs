//! Issues as bytes: written by the rules, read by the server into its report and by the browser's façade into
//! the same report.
//!
//! An issue is its code's number, its path, a count of params (each the param's number and a value) and a count
//! of changes (each a path and a value). A path is a count and that many names as in [`crate::packed`]. A value
//! is a tag of [`crate::packed`] and its content: null, true, text, or a number in four bytes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::catalogue::{Code, Param, Severity};
use crate::packed::{Key, NULL, NUMBER, Name, Reader, TEXT, TRUE, write_text};

/// The issues of a document, packed, in the order of the fields.
#[derive(Debug, Default)]
pub struct Report {
    bytes: Vec<u8>,
    errors: usize,
    unknown: usize,
}

/// How many unknown names a report lists: a document of nothing else stays a report that can be read and sent.
const MAX_UNKNOWN: usize = 1_000;

/// A param, or the new value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Removes the field.
    Null,
    /// JSON true.
    True,
    /// A string.
    Text(&'a str),
    /// A whole number.
    Number(u32),
}

/// What a fix changes: the field and its new value.
pub(crate) type Change<'a> = (&'a [Key], Scalar<'a>);

impl Report {
    /// An empty report.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), errors: 0, unknown: 0 }
    }

    /// Whether no issue is an error.
    pub fn is_valid(&self) -> bool {
        self.errors == 0
    }

    /// The packed issues.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.errors = 0;
        self.unknown = 0;
    }

    /// An issue at this path; no changes, no fix.
    pub(crate) fn add(
        &mut self,
        code: Code,
        path: &[Key],
        params: &[(Param, Scalar<'_>)],
        fix: &[Change<'_>],
    ) {
        self.start(code, path, None);
        self.params(params);
        self.bytes.push(fix.len() as u8);
        for (path, value) in fix {
            write_path(&mut self.bytes, path, None);
            write_scalar(&mut self.bytes, *value);
        }
    }

    /// An issue about a member that nobody knows; removing it cures it.
    pub(crate) fn add_unknown(&mut self, code: Code, parent: &[Key], name: &str) {
        self.unknown += 1;
        if self.unknown > MAX_UNKNOWN {
            return;
        }
        let shown = name.char_indices().nth(64).and_then(|(end, _)| name.get(..end)).unwrap_or(name);
        self.start(code, parent, Some(name));
        self.params(&[(Param::Key, Scalar::Text(shown))]);
        self.bytes.push(1);
        write_path(&mut self.bytes, parent, Some(name));
        write_scalar(&mut self.bytes, Scalar::Null);
    }

    fn start(&mut self, code: Code, path: &[Key], unknown: Option<&str>) {
        if code.severity() == Severity::Error {
            self.errors += 1;
        }
        self.bytes.push(code as u8);
        write_path(&mut self.bytes, path, unknown);
    }

    fn params(&mut self, params: &[(Param, Scalar<'_>)]) {
        self.bytes.push(params.len() as u8);
        for (param, value) in params {
            self.bytes.push(*param as u8);
            write_scalar(&mut self.bytes, *value);
        }
    }

    /// The issues, for a shell to decode.
    pub fn issues(&self) -> impl Iterator<Item = Issue<'_>> {
        let mut reader = Reader(&self.bytes);
        core::iter::from_fn(move || read_issue(&mut reader))
    }
}

fn write_path(out: &mut Vec<u8>, path: &[Key], unknown: Option<&str>) {
    out.push(path.len() as u8 + u8::from(unknown.is_some()));
    out.extend(path.iter().map(|key| *key as u8));
    if let Some(name) = unknown {
        out.push(255);
        write_text(out, name);
    }
}

fn write_scalar(out: &mut Vec<u8>, value: Scalar<'_>) {
    match value {
        Scalar::Null => out.push(NULL),
        Scalar::True => out.push(TRUE),
        Scalar::Text(text) => {
            out.push(TEXT);
            write_text(out, text);
        }
        Scalar::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// An issue, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue<'a> {
    /// What is wrong.
    pub code: Code,
    /// Where.
    pub path: Vec<Name<'a>>,
    /// What the message is filled with.
    pub params: Vec<(Param, Scalar<'a>)>,
    /// What to change; empty when there is no fix.
    pub fix: Vec<(Vec<Name<'a>>, Scalar<'a>)>,
}

impl Issue<'_> {
    /// The path with dots.
    pub fn field(&self) -> String {
        let mut field = String::new();
        for name in &self.path {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(name.text());
        }
        field
    }
}

fn read_issue<'a>(reader: &mut Reader<'a>) -> Option<Issue<'a>> {
    let code = *Code::ALL.get(usize::from(reader.byte()?))?;
    let path = read_path(reader)?;
    let mut params = Vec::new();
    for _ in 0..reader.byte()? {
        let param = *Param::ALL.get(usize::from(reader.byte()?))?;
        params.push((param, read_scalar(reader)?));
    }
    let mut fix = Vec::new();
    for _ in 0..reader.byte()? {
        let path = read_path(reader)?;
        fix.push((path, read_scalar(reader)?));
    }
    Some(Issue { code, path, params, fix })
}

fn read_path<'a>(reader: &mut Reader<'a>) -> Option<Vec<Name<'a>>> {
    let count = reader.byte()?;
    (0..count).map(|_| reader.name()).collect()
}

fn read_scalar<'a>(reader: &mut Reader<'a>) -> Option<Scalar<'a>> {
    Some(match reader.byte()? {
        NULL => Scalar::Null,
        TRUE => Scalar::True,
        TEXT => Scalar::Text(reader.text()?),
        NUMBER => Scalar::Number(u32::try_from(reader.word()?).ok()?),
        _ => return None,
    })
}
