//! Issues as bytes: the rules write them, and the server and the browser's façade read them into the same report.
//!
//! An issue is its code's number, its path, and its further parts, each after a mark: a param (its number and a value),
//! a change of its fix (a path and a value), or a suggestion, which is both: the param of that name and the new value of
//! the issue's own field. A path is a count and that many names as in [`crate::packed`]; of no names, it is the field
//! that the code is named after. A value is a tag of [`crate::packed`] and its content: null, true, text, a number in
//! four bytes, or a list: a count and that many texts. Settings that are suggested are changes without an issue.

use alloc::string::String;
use alloc::vec::Vec;

use crate::catalogue::{Code, Param, Severity};
use crate::packed::{ARRAY, KEY_NAME, Key, NULL, NUMBER, Name, Reader, TEXT, TRUE, write_text};
use crate::text::{put, split_char};

/// The mark of a param. No code has the number of a mark.
pub const PARAM: u8 = 253;
/// The mark of a change.
pub const CHANGE: u8 = 254;
/// The mark of a suggestion.
pub const SUGGESTION: u8 = 255;

/// The issues of a document, packed, in the order of the fields.
#[derive(Debug, Default)]
pub struct Report {
    bytes: Vec<u8>,
    unknown: u32,
}

/// How many unknown names a report lists: a document of nothing else stays a report that can be read and sent.
const MAX_UNKNOWN: u32 = 1_000;

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
    /// A list of strings.
    List(List<'a>),
}

/// The strings of a list, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// The strings in their order.
    pub fn texts(self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader(self.0);
        core::iter::from_fn(move || reader.text().map(text_of))
    }
}

impl Report {
    /// An empty report.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), unknown: 0 }
    }

    /// Whether no issue is an error.
    pub fn is_valid(&self) -> bool {
        self.issues().all(|issue| issue.code.severity() != Severity::Error)
    }

    /// The packed issues.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.unknown = 0;
    }

    /// The issues, for a platform to decode.
    pub fn issues(&self) -> impl Iterator<Item = Issue<'_>> {
        let mut reader = Reader(&self.bytes);
        core::iter::from_fn(move || read_issue(&mut reader))
    }

    // Writing: an issue, then what belongs to it.

    /// An issue of the field that the code is named after.
    pub(crate) fn add(&mut self, code: Code) {
        self.add_at(code, &[]);
    }

    /// An issue at this path.
    pub(crate) fn add_at(&mut self, code: Code, path: &[Key]) {
        self.byte(code as u8);
        self.path(path);
    }

    /// An issue of the field that the code is named after, with what its value should be.
    pub(crate) fn suggest(&mut self, code: Code, better: &[u8]) {
        self.suggest_at(code, &[], better);
    }

    /// An issue at this path, with what its value should be.
    pub(crate) fn suggest_at(&mut self, code: Code, path: &[Key], better: &[u8]) {
        self.add_at(code, path);
        self.suggestion(better);
    }

    /// What the value of the issue's field should be.
    pub(crate) fn suggestion(&mut self, better: &[u8]) {
        self.byte(SUGGESTION);
        self.text(better);
    }

    /// The same with a number.
    pub(crate) fn suggest_number(&mut self, code: Code, better: u32) {
        self.add(code);
        self.byte(SUGGESTION);
        self.number(better);
    }

    /// An issue of an item of a list, by its number.
    pub(crate) fn add_item(&mut self, code: Code, list: Key, item: u8) {
        self.byte(code as u8);
        self.path_to(&[list], Name::Other(&[b'0' + item]));
    }

    /// A change to a list of at most 255 texts.
    pub(crate) fn set_list(&mut self, list: Key, texts: &[&[u8]]) {
        self.change(&[list]);
        self.byte(ARRAY);
        self.byte(texts.len() as u8);
        for text in texts {
            write_text(&mut self.bytes, text);
        }
    }

    /// An issue about an unknown member, with its removal as the fix.
    pub(crate) fn add_unknown(&mut self, code: Code, parent: &[Key], name: Name<'_>) {
        self.unknown += 1;
        if self.unknown > MAX_UNKNOWN {
            return;
        }
        self.byte(code as u8);
        self.path_to(parent, name);
        self.byte(PARAM);
        self.byte(Param::Key as u8);
        self.name_text(name);
        self.byte(CHANGE);
        self.path_to(parent, name);
        self.byte(NULL);
    }

    /// A param of the issue.
    pub(crate) fn param(&mut self, param: Param, value: &[u8]) {
        self.byte(PARAM);
        self.byte(param as u8);
        self.text(value);
    }

    /// A param that is a number.
    pub(crate) fn param_number(&mut self, param: Param, value: u32) {
        self.byte(PARAM);
        self.byte(param as u8);
        self.number(value);
    }

    /// A change of the issue's fix.
    pub(crate) fn set(&mut self, path: &[Key], value: &[u8]) {
        self.change(path);
        self.text(value);
    }

    /// A change to a number.
    pub(crate) fn set_number(&mut self, path: &[Key], value: u32) {
        self.change(path);
        self.number(value);
    }

    /// A change that removes the field.
    pub(crate) fn remove(&mut self, path: &[Key]) {
        self.change(path);
        self.byte(NULL);
    }

    // Changes inside a secret.

    /// Removes a member.
    pub(crate) fn remove_member(&mut self, parent: &[Key], key: Key) {
        self.change_member(parent, key);
        self.byte(NULL);
    }

    /// Keeps what is stored.
    pub(crate) fn keep(&mut self, parent: &[Key]) {
        self.change_member(parent, Key::Keep);
        self.byte(TRUE);
    }

    /// Says what becomes of its spaces.
    pub(crate) fn set_spaces(&mut self, parent: &[Key], spaces: &[u8]) {
        self.change_member(parent, Key::Spaces);
        self.text(spaces);
    }

    fn change_member(&mut self, parent: &[Key], key: Key) {
        self.byte(CHANGE);
        self.path_to(parent, Name::Known(key));
    }

    fn change(&mut self, path: &[Key]) {
        self.byte(CHANGE);
        self.path(path);
    }

    fn path(&mut self, path: &[Key]) {
        self.byte(path.len() as u8);
        for key in path {
            self.byte(*key as u8);
        }
    }

    fn path_to(&mut self, parent: &[Key], name: Name<'_>) {
        self.byte(parent.len() as u8 + 1);
        for key in parent {
            self.byte(*key as u8);
        }
        match name {
            Name::Known(key) => self.byte(key as u8),
            Name::Other(name) => {
                self.byte(255);
                write_text(&mut self.bytes, name);
            }
        }
    }

    /// The name of an unknown member as a value, of which a message shows the beginning.
    fn name_text(&mut self, name: Name<'_>) {
        match name {
            Name::Known(key) => {
                self.byte(KEY_NAME);
                self.byte(key as u8);
            }
            Name::Other(name) => {
                let mut rest = name;
                for _ in 0..64 {
                    rest = split_char(rest).map_or(rest, |(_, rest)| rest);
                }
                self.text(name.get(..name.len() - rest.len()).unwrap_or(name));
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.byte(TEXT);
        write_text(&mut self.bytes, text);
    }

    fn number(&mut self, number: u32) {
        self.byte(NUMBER);
        put(&mut self.bytes, &number.to_le_bytes());
    }

    fn byte(&mut self, byte: u8) {
        put(&mut self.bytes, &[byte]);
    }
}

/// Settings that are proposed for an address or a host: the changes of a fix, packed as in a [`Report`], without an issue
/// in front.
#[derive(Debug, Default)]
pub struct Suggestion(Report);

impl Suggestion {
    /// A suggestion of nothing.
    pub const fn new() -> Self {
        Self(Report::new())
    }

    /// The packed changes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The changes, for the server to decode: each the path of a field and its value.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut reader = Reader(self.bytes());
        core::iter::from_fn(move || {
            reader.byte().filter(|mark| *mark == CHANGE)?;
            Some((read_path(&mut reader, &[])?, read_scalar(&mut reader)?))
        })
    }

    /// The writer of the changes.
    pub(crate) fn writer(&mut self) -> &mut Report {
        &mut self.0
    }
}

/// A change of a fix: the path of a field and its new value.
pub type Change<'a> = (Vec<Name<'a>>, Scalar<'a>);

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
    pub fix: Vec<Change<'a>>,
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
    let own: Vec<Name<'a>> = code.field().map(Name::Known).into_iter().collect();
    let path = read_path(reader, &own)?;
    let (mut params, mut fix) = (Vec::new(), Vec::new());
    while let Some(mark @ (PARAM | CHANGE | SUGGESTION)) = reader.0.first().copied() {
        reader.byte()?;
        match mark {
            PARAM => {
                let param = *Param::ALL.get(usize::from(reader.byte()?))?;
                params.push((param, read_scalar(reader)?));
            }
            CHANGE => {
                let path = read_path(reader, &path)?;
                fix.push((path, read_scalar(reader)?));
            }
            _ => {
                let value = read_scalar(reader)?;
                params.push((Param::Suggestion, value));
                fix.push((path.clone(), value));
            }
        }
    }
    Some(Issue { code, path, params, fix })
}

fn read_path<'a>(reader: &mut Reader<'a>, own: &[Name<'a>]) -> Option<Vec<Name<'a>>> {
    match reader.byte()? {
        0 => Some(own.to_vec()),
        count => (0..count).map(|_| reader.name()).collect(),
    }
}

fn read_scalar<'a>(reader: &mut Reader<'a>) -> Option<Scalar<'a>> {
    Some(match reader.byte()? {
        NULL => Scalar::Null,
        TRUE => Scalar::True,
        TEXT => Scalar::Text(text_of(reader.text()?)),
        NUMBER => Scalar::Number(u32::try_from(reader.word()?).ok()?),
        KEY_NAME => Scalar::Text(Key::ALL.get(usize::from(reader.byte()?))?.name()),
        ARRAY => {
            let count = reader.byte()?;
            let all = reader.0;
            for _ in 0..count {
                reader.text()?;
            }
            Scalar::List(List(all.get(..all.len() - reader.0.len())?))
        }
        _ => return None,
    })
}

fn text_of(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or("\u{fffd}")
}
