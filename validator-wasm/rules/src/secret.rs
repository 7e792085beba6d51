//! The password and the secrets of oauth2: `{"set": text}` or `{"keep": true}`. Their text never goes into a
//! report; a fix that changes one says how (`"spaces": "trim"`), not to what.

use alloc::vec::Vec;

use crate::catalogue::{Code, Param};
use crate::packed::{Key, Name, Object, Value, read};
use crate::platform::Platform;
use crate::rules::{Method, Rules};
use crate::text::{
    ALPHANUMERIC, class, has_control, has_invisible, has_line_break, has_replacement, has_space,
    is_space_code, put, seen, trim_bytes, trim_visible, word,
};

/// The longest secret, in octets.
const MAX_SECRET: usize = 4_096;

/// The codes of a field that holds a secret.
pub(crate) struct Codes {
    pub(crate) required: Code,
    pub(crate) wrong_type: Code,
    pub(crate) unknown_key: Code,
    pub(crate) is_set: Code,
    pub(crate) ambiguous: Code,
    pub(crate) line_break: Code,
    pub(crate) too_long: Code,
    pub(crate) looks_masked: Code,
    pub(crate) whitespace: Code,
    pub(crate) invisible: Code,
    pub(crate) replacement: Code,
}

const PASSWORD: Codes = Codes {
    required: Code::PasswordRequired,
    wrong_type: Code::PasswordWrongType,
    unknown_key: Code::PasswordUnknownKey,
    is_set: Code::PasswordIsSet,
    ambiguous: Code::PasswordAmbiguous,
    line_break: Code::PasswordLineBreak,
    too_long: Code::PasswordTooLong,
    looks_masked: Code::PasswordLooksMasked,
    whitespace: Code::PasswordWhitespace,
    invisible: Code::PasswordInvisibleCharacters,
    replacement: Code::PasswordReplacementCharacter,
};

/// What becomes of white space and invisible characters in a secret, by the member `spaces` beside `set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spaces {
    /// They belong to it.
    Keep,
    /// Those around it do not.
    Trim,
    /// None does: they are there for reading only.
    Remove,
}

impl Spaces {
    /// Reads the member's text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_bytes(text.as_bytes())
    }

    /// The secret that this makes of its text: without the white space and the invisible characters that do not belong
    /// to it. UTF-8 stays UTF-8.
    pub fn apply(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Keep => text.to_vec(),
            Self::Trim => trim_visible(text).to_vec(),
            Self::Remove => {
                // Room for everything at once: growing would leave copies of the secret in memory.
                let mut joined = Vec::with_capacity(text.len());
                for (_, bytes) in seen(text).filter(|(c, _)| !is_space_code(*c)) {
                    put(&mut joined, bytes);
                }
                joined
            }
        }
    }

    fn parse_bytes(text: &[u8]) -> Option<Self> {
        word(text, b"keep trim remove").map(|number| match number {
            0 => Self::Keep,
            1 => Self::Trim,
            _ => Self::Remove,
        })
    }
}

/// The secret that a packed `{"set": text, "spaces": …}` sets, as it is stored; empty when it sets none.
pub fn secret_text(secret: &[u8]) -> Vec<u8> {
    let Value::Object(object) = read(secret) else { return Vec::new() };
    Members::read(object).and_then(|members| Some(members.spaces.apply(members.set?))).unwrap_or_default()
}

/// A secret's text, and what becomes of its spaces.
pub(crate) type Secret<'a> = (&'a [u8], Spaces);

impl<S: Platform> Rules<'_, S> {
    pub(crate) fn password(&mut self) {
        let needed = self.method() == Method::Password;
        let value = self.field(Key::Password);
        let Some((text, spaces)) = self.secret(&PASSWORD, &[Key::Password], value, needed) else { return };
        let inner = if spaces == Spaces::Keep { text } else { trim_visible(text) };
        if has_control(inner) && !has_line_break(inner) {
            self.report.add(Code::PasswordControlCharacters);
        }
        self.app_password(text, spaces);
        if !needed {
            self.report.add(Code::PasswordUnused);
            self.report.remove(&[]);
        }
    }

    /// Google and others show application passwords in groups of four, and take nothing else.
    fn app_password(&mut self, text: &[u8], spaces: Spaces) {
        let Some(provider) = self.provider().filter(|provider| provider.app_password()) else { return };
        let mut count = 0;
        let looks_right = seen(text).filter(|(c, _)| !is_space_code(*c)).all(|(c, _)| {
            count += 1;
            u8::try_from(c).is_ok_and(|byte| class(byte) & ALPHANUMERIC != 0)
        }) && count == 16;
        if !looks_right {
            self.report.add(Code::PasswordAppPassword);
        } else if has_space(trim_visible(text)) && spaces != Spaces::Remove {
            self.report.add(Code::PasswordAppPasswordSpaces);
            self.report.set_spaces(&[Key::Password], b"remove");
        } else {
            return;
        }
        self.report.param(Param::Provider, provider.name);
    }

    /// The shape of a secret and what all secrets have in common; its text, when there is one to look at.
    pub(crate) fn secret<'v>(
        &mut self,
        codes: &Codes,
        path: &[Key],
        value: Value<'v>,
        needed: bool,
    ) -> Option<Secret<'v>> {
        let object = match value {
            Value::Null => {
                if needed {
                    self.report.add_at(codes.required, path);
                }
                return None;
            }
            Value::Object(object) => object,
            _ => {
                self.report.add_at(codes.wrong_type, path);
                return None;
            }
        };
        let found = self.secret_members(codes, path, object, needed);
        self.unknown(codes.unknown_key, path, object, |key| {
            matches!(key, Key::Set | Key::Keep | Key::Spaces | Key::IsSet)
        });
        found
    }

    fn secret_members<'v>(
        &mut self,
        codes: &Codes,
        path: &[Key],
        object: Object<'v>,
        needed: bool,
    ) -> Option<Secret<'v>> {
        let Some(Members { set, keep, spaces, is_set }) = Members::read(object) else {
            self.report.add_at(codes.wrong_type, path);
            return None;
        };
        // What `GET /smtp` answers was sent back: true means keep, false means there is none.
        if let Some(is_set) = is_set {
            self.report.add_at(codes.is_set, path);
            self.report.remove_member(path, Key::IsSet);
            if is_set && set.is_none() && !keep {
                self.report.keep(path);
                return None;
            }
        }
        let Some(text) = set else {
            if needed && !keep {
                self.report.add_at(codes.required, path);
            }
            return None;
        };
        if keep {
            self.report.add_at(codes.ambiguous, path);
            self.report.remove_member(path, Key::Keep);
        }
        self.secret_text(codes, path, text, spaces, needed).then_some((text, spaces))
    }

    /// Whether there is more to say about the text.
    fn secret_text(
        &mut self,
        codes: &Codes,
        path: &[Key],
        text: &[u8],
        spaces: Spaces,
        needed: bool,
    ) -> bool {
        let trimmed = trim_visible(text);
        if trimmed.is_empty() {
            if needed || !text.is_empty() {
                self.report.add_at(codes.required, path);
            }
            return false;
        }
        if seen(trimmed).all(|(c, _)| is_mask(c)) {
            self.report.add_at(codes.looks_masked, path);
        }
        if text.len() > MAX_SECRET {
            self.too_long(codes.too_long, path, MAX_SECRET);
        }
        let is_kept = spaces == Spaces::Keep;
        let inner = if is_kept { text } else { trimmed };
        let can_trim = inner.len() != trimmed.len();
        let broken = has_line_break(inner);
        if broken || (is_kept && trim_bytes(text).len() != text.len()) {
            self.report.add_at(if broken { codes.line_break } else { codes.whitespace }, path);
            // One code says all of control characters in the secrets of OAuth 2, and is cured only when none is left.
            let is_cured = if codes.line_break == Code::PasswordLineBreak {
                !has_line_break(trimmed)
            } else {
                !broken || !has_control(trimmed)
            };
            if can_trim && is_cured {
                self.report.set_spaces(path, b"trim");
            }
        }
        if spaces != Spaces::Remove && has_invisible(inner) {
            self.report.add_at(codes.invisible, path);
            if !has_invisible(trimmed) {
                self.report.set_spaces(path, b"trim");
            } else if !has_space(trimmed) {
                // Spaces inside a secret may belong to it, and would go with the invisible characters.
                self.report.set_spaces(path, b"remove");
            }
        }
        if has_replacement(text) {
            self.report.add_at(codes.replacement, path);
        }
        true
    }
}

/// The members of a secret.
struct Members<'a> {
    /// The text of `set`.
    set: Option<&'a [u8]>,
    /// Whether `keep` is there.
    keep: bool,
    spaces: Spaces,
    is_set: Option<bool>,
}

impl<'a> Members<'a> {
    /// Reads the members; `None` when one is of the wrong type. Unknown ones are left out.
    fn read(object: Object<'a>) -> Option<Self> {
        let mut members = Self { set: None, keep: false, spaces: Spaces::Keep, is_set: None };
        for (name, value) in object.members() {
            match (name, value) {
                (Name::Known(Key::Set), Value::Text(text)) => members.set = Some(text),
                (Name::Known(Key::Keep), Value::Bool(true)) => members.keep = true,
                (Name::Known(Key::Spaces), Value::Text(text)) => members.spaces = Spaces::parse_bytes(text)?,
                (Name::Known(Key::IsSet), Value::Bool(value)) => members.is_set = Some(value),
                (Name::Known(Key::Set | Key::Keep | Key::Spaces | Key::IsSet), Value::Null) => {}
                (Name::Known(Key::Set | Key::Keep | Key::Spaces | Key::IsSet), _) => return None,
                _ => {}
            }
        }
        Some(members)
    }
}

/// What password fields and secret stores show in place of each character.
fn is_mask(c: u32) -> bool {
    matches!(c, 0x2a | 0x2022 | 0x25cf | 0x25cb | 0x25e6 | 0x2217 | 0x204e | 0x2731)
        || matches!(c, 0xb7 | 0x2219 | 0x22c5 | 0x25aa | 0x25a0 | 0x2588 | 0x2b24)
        || matches!(c, 0x26ab | 0x2b1b | 0xff0a | 0xff65 | 0x30fb | 0x2981)
}
