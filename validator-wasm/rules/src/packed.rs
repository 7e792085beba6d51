//! A JSON value as bytes. The browser writes it into the module's memory and the server packs it from `serde_json`, so
//! that the same code reads both, without a copy.
//!
//! A value is a tag byte and its content: nothing (null, booleans, the markers), eight bytes of a little-endian double,
//! a length and UTF-8, or four bytes of length and the members (object: name and value in turn; array: values). A
//! length is one byte, or 255 and four bytes little-endian. A name is the number of a [`Key`], or 255 and a length and
//! UTF-8.

use alloc::vec::Vec;

use crate::text::put;

/// JSON null.
pub const NULL: u8 = 0;
/// JSON false.
pub const FALSE: u8 = 1;
/// JSON true.
pub const TRUE: u8 = 2;
/// A number.
pub const NUMBER: u8 = 3;
/// A string.
pub const TEXT: u8 = 4;
/// An object.
pub const OBJECT: u8 = 5;
/// An array.
pub const ARRAY: u8 = 6;
/// A value that JSON does not have: a function, a big integer, a property that cannot be read.
pub const OTHER: u8 = 7;
/// The name of a [`Key`], by its number; only in a report.
pub const KEY_NAME: u8 = 10;
/// In place of a document beyond [`MAX_BYTES`].
pub const TOO_LARGE: u8 = 8;
/// In place of a document beyond [`MAX_DEPTH`].
pub const TOO_DEEP: u8 = 9;

/// The largest document, in bytes of compact JSON.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest document, in nested objects and arrays.
pub const MAX_DEPTH: usize = 32;

macro_rules! keys {
    ($($variant:ident = $name:literal,)+) => {
        /// The names that the rules know. The fields of the settings come first, in the order of their issues.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Key { $(#[doc = $name] $variant,)+ }
        impl Key {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The names in JSON, in the order of their numbers.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];
            /// The lengths of the names, in the order of their numbers.
            const LENGTHS: &'static [u8] = &[$($name.len() as u8,)+];
        }
    };
}

keys! {
    Host = "host",
    Port = "port",
    Security = "security",
    AuthMethod = "authMethod",
    Username = "username",
    Password = "password",
    OAuth2 = "oauth2",
    SenderAddress = "senderAddress",
    SenderName = "senderName",
    ReplyTo = "replyTo",
    EhloName = "ehloName",
    CaPem = "caPem",
    Routing = "routing",
    Contacts = "contacts",
    Grant = "grant",
    Provider = "provider",
    TokenUrl = "tokenUrl",
    ClientId = "clientId",
    ClientSecret = "clientSecret",
    ClientSecretExpires = "clientSecretExpires",
    RefreshToken = "refreshToken",
    Scope = "scope",
    Set = "set",
    Keep = "keep",
    Spaces = "spaces",
    IsSet = "isSet",
    Granted = "granted",
    Via = "via",
    OnFailure = "onFailure",
    Notification = "notification",
    RightsRequest = "rights-request",
    AuditInvitation = "audit-invitation",
    UserInvitation = "user-invitation",
}

impl Key {
    /// How many of the keys are fields of the document itself; they come first.
    pub const FIELDS: usize = 14;

    /// The categories of mail, each a member of `routing`.
    pub const CATEGORIES: [Self; 4] =
        [Self::Notification, Self::RightsRequest, Self::AuditInvitation, Self::UserInvitation];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// The key of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name)
    }
}

/// The name of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A name that the rules know, at any place in the settings.
    Known(Key),
    /// Any other name, in UTF-8.
    Other(&'a [u8]),
}

impl<'a> Name<'a> {
    /// The name as text.
    pub fn text(self) -> &'a str {
        match self {
            Self::Known(key) => key.name(),
            Self::Other(text) => str::from_utf8(text).unwrap_or("\u{fffd}"),
        }
    }
}

/// A value, read in place.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// JSON null, or an absent member.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string, in UTF-8.
    Text(&'a [u8]),
    /// An object.
    Object(Object<'a>),
    /// An array; of the settings, `contacts` alone is one.
    Array(Items<'a>),
    /// No JSON value.
    Other,
    /// Beyond the limit of size.
    TooLarge,
    /// Beyond the limit of depth.
    TooDeep,
}

/// The members of an object.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(pub(crate) &'a [u8]);

/// The values of an array.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// Takes the next value. `None` at the end, which is also the first byte that no packer writes.
    pub fn next_value(&mut self) -> Option<Value<'a>> {
        let (value, rest) = split_value(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

/// Walks packed bytes.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn word(&mut self) -> Option<usize> {
        self.take(4).map(word)
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let (text, rest) = split_text(self.0)?;
        self.0 = rest;
        Some(text)
    }

    pub(crate) fn name(&mut self) -> Option<Name<'a>> {
        let (name, rest) = split_name(self.0)?;
        self.0 = rest;
        Some(name)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let (value, rest) = split_value(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

/// The text in front, after its length, and the bytes behind it.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let mut length = usize::from(*first);
    if length == 255 {
        length = word(rest);
        rest = rest.get(4..)?;
    }
    rest.split_at_checked(length)
}

/// The name in front, and the bytes behind it.
pub(crate) fn split_name(bytes: &[u8]) -> Option<(Name<'_>, &[u8])> {
    let (number, rest) = bytes.split_first()?;
    if *number == 255 {
        return split_text(rest).map(|(name, rest)| (Name::Other(name), rest));
    }
    Some((Name::Known(*Key::ALL.get(usize::from(*number))?), rest))
}

/// Four bytes little-endian.
fn word(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |word| u32::from_le_bytes(*word) as usize)
}

/// The length of the value in front, in bytes; 0 when no packer writes such bytes.
pub(crate) fn length_of(bytes: &[u8]) -> usize {
    let length = match bytes {
        [] | [TEXT] => 0,
        [NUMBER, ..] => 9,
        [TEXT, 255, rest @ ..] => word(rest).saturating_add(6),
        [TEXT, length, ..] => usize::from(*length) + 2,
        [OBJECT | ARRAY, rest @ ..] => word(rest).saturating_add(5),
        _ => 1,
    };
    if length <= bytes.len() { length } else { 0 }
}

/// The value in front, and the bytes behind it.
fn split_value(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (own, rest) = bytes.split_at_checked(length_of(bytes))?;
    let (tag, content) = own.split_first()?;
    let value = match *tag {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NUMBER => Value::Number(f64::from_le_bytes(*content.first_chunk()?)),
        TEXT => Value::Text(split_text(content)?.0),
        OBJECT => Value::Object(Object(content.get(4..)?)),
        ARRAY => Value::Array(Items(content.get(4..)?)),
        TOO_LARGE => Value::TooLarge,
        TOO_DEEP => Value::TooDeep,
        _ => Value::Other,
    };
    Some((value, rest))
}

/// How many bytes the document has as compact JSON, where of a number with a fraction or an exponent one is
/// counted. `None` for bytes that no packer writes.
pub(crate) fn json_size(bytes: &[u8]) -> Option<usize> {
    value_size(&mut Reader(bytes), 0)
}

fn value_size(reader: &mut Reader<'_>, depth: usize) -> Option<usize> {
    let tag = *reader.0.first()?;
    if tag != OBJECT && tag != ARRAY {
        return Some(match reader.value()? {
            Value::Null | Value::Bool(true) => 4,
            Value::Bool(false) => 5,
            Value::Text(text) => text_size(text),
            Value::Number(number) => number_size(number),
            _ => 1,
        });
    }
    if depth > MAX_DEPTH {
        return None;
    }
    reader.byte()?;
    let length = reader.word()?;
    let mut inner = Reader(reader.take(length)?);
    let mut size = 1;
    while !inner.0.is_empty() {
        if tag == OBJECT {
            size += name_size(inner.name()?) + 1;
        }
        // The comma behind it, or the closing bracket.
        size += value_size(&mut inner, depth + 1)? + 1;
    }
    Some(size.max(2))
}

fn number_size(number: f64) -> usize {
    let whole = number as u32;
    if f64::from(whole).to_bits() == number.to_bits() {
        (whole.checked_ilog10().unwrap_or(0) + 1) as usize
    } else {
        1
    }
}

fn name_size(name: Name<'_>) -> usize {
    match name {
        Name::Known(key) => usize::from(Key::LENGTHS.get(key as usize).copied().unwrap_or(0)) + 2,
        Name::Other(text) => text_size(text),
    }
}

fn text_size(text: &[u8]) -> usize {
    text.iter().fold(2, |size, byte| {
        size + match byte {
            b'"' | b'\\' | 8 | 9 | 10 | 12 | 13 => 2,
            0..0x20 => 6,
            _ => 1,
        }
    })
}

/// Reads a packed document. Bytes that no packer writes are [`Value::Other`].
pub fn read(bytes: &[u8]) -> Value<'_> {
    split_value(bytes).map_or(Value::Other, |(value, _)| value)
}

impl<'a> Object<'a> {
    /// The members in their order. Ends at the first byte that no packer writes.
    pub fn members(self) -> impl Iterator<Item = (Name<'a>, Value<'a>)> {
        Members(self.0)
    }

    /// The member of this name; null when there is none.
    pub fn get(self, key: Key) -> Value<'a> {
        self.members().find(|(name, _)| *name == Name::Known(key)).map_or(Value::Null, |(_, value)| value)
    }
}

/// The walk over members, as one type, so that it is compiled once.
struct Members<'a>(&'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = (Name<'a>, Value<'a>);

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = split_name(self.0)?;
        let (value, rest) = split_value(rest)?;
        self.0 = rest;
        Some((name, value))
    }
}

/// Writes a packed document.
#[derive(Debug, Default)]
pub struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    /// With room for so many bytes: a document that fits leaves no copy of its secrets behind as it grows.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// A value without content: one of the tags.
    pub fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    /// A number.
    pub fn number(&mut self, number: f64) {
        self.bytes.push(NUMBER);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        self.bytes.push(TEXT);
        write_text(&mut self.bytes, text.as_bytes());
    }

    /// The name of an object's member; its value comes next.
    pub fn name(&mut self, name: &str) {
        if let Some(key) = Key::find(name) {
            self.bytes.push(key as u8);
        } else {
            self.bytes.push(255);
            write_text(&mut self.bytes, name.as_bytes());
        }
    }

    /// Starts an object or array; its result is for [`Packer::close`].
    pub fn open(&mut self, tag: u8) -> usize {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.len()
    }

    /// Ends the object or array that [`Packer::open`] started.
    pub fn close(&mut self, start: usize) {
        let length = u32::try_from(self.bytes.len().saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(start.saturating_sub(4)..start) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Appends a length and the text.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short) if short < 255 => put(out, &[short]),
        _ => {
            put(out, &[255]);
            put(out, &u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    put(out, text);
}
