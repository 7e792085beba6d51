//! The password and the secrets of oauth2: `{"set": text}` or `{"keep": true}`. Their text never goes into a
//! report; a fix that changes one says how (`"spaces": "trim"`), not to what.

use crate::catalogue::{Code, Param};
use crate::document::{Method, Rules};
use crate::packed::{Key, Object, Value};
use crate::report::Scalar::{Null, Text, True};
use crate::text::{has_control, has_line_break, is_space, trim};

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
};

/// What becomes of the spaces in a secret, by the member `spaces` beside `set`.
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
        match text {
            "keep" => Some(Self::Keep),
            "trim" => Some(Self::Trim),
            "remove" => Some(Self::Remove),
            _ => None,
        }
    }
}

impl Rules<'_> {
    pub(crate) fn password(&mut self) {
        let path = &[Key::Password];
        let needed = self.method() == Method::Password;
        let value = self.field(Key::Password);
        let Some((text, spaces)) = self.secret(&PASSWORD, path, value, needed) else { return };
        let inner = if spaces == Spaces::Keep { text } else { trim(text) };
        if has_control(inner) && !has_line_break(inner) {
            self.report.add(Code::PasswordControlCharacters, path, &[], &[]);
        }
        self.app_password(path, text, spaces);
        if !needed {
            self.report.add(Code::PasswordUnused, path, &[], &[(path, Null)]);
        }
    }

    /// Google and others show application passwords in groups of four, and take nothing else.
    fn app_password(&mut self, path: &[Key], text: &str, spaces: Spaces) {
        let Some(provider) = self.provider().filter(|provider| provider.app_password()) else { return };
        let params = [(Param::Provider, Text(provider.name))];
        let letters = text.chars().filter(|c| !is_space(*c));
        let looks_right = letters.clone().count() == 16 && letters.clone().all(|c| c.is_ascii_alphanumeric());
        if !looks_right {
            self.report.add(Code::PasswordAppPassword, path, &params, &[]);
        } else if trim(text).contains(is_space) && spaces != Spaces::Remove {
            let change = [(&[Key::Password, Key::Spaces][..], Text("remove"))];
            self.report.add(Code::PasswordAppPasswordSpaces, path, &params, &change);
        }
    }

    /// The shape of a secret and what all secrets have in common; its text, when there is one to look at.
    pub(crate) fn secret<'v>(
        &mut self,
        codes: &Codes,
        path: &[Key],
        value: Value<'v>,
        needed: bool,
    ) -> Option<(&'v str, Spaces)> {
        let object = match value {
            Value::Null => {
                if needed {
                    self.report.add(codes.required, path, &[], &[]);
                }
                return None;
            }
            Value::Object(object) => object,
            _ => {
                self.report.add(codes.wrong_type, path, &[], &[]);
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
    ) -> Option<(&'v str, Spaces)> {
        let member = |key: Key| path_with(path, key);
        let spaces = match object.get(Key::Spaces) {
            Value::Null => Some(Spaces::Keep),
            Value::Text(text) => Spaces::parse(text),
            _ => None,
        };
        let kept = match object.get(Key::Keep) {
            Value::Null => Some(false),
            Value::Bool(true) => Some(true),
            _ => None,
        };
        let (Some(spaces), Some(kept)) = (spaces, kept) else {
            self.report.add(codes.wrong_type, path, &[], &[]);
            return None;
        };
        let set = match object.get(Key::Set) {
            Value::Null => None,
            Value::Text(text) => Some(text),
            _ => {
                self.report.add(codes.wrong_type, path, &[], &[]);
                return None;
            }
        };
        match object.get(Key::IsSet) {
            Value::Null => {}
            // What `GET /smtp` answers was sent back: true means keep, false means there is none.
            Value::Bool(is_set) => {
                let keep = is_set && set.is_none() && !kept;
                let (is_set, keep_path) = (member(Key::IsSet), member(Key::Keep));
                let changes = [(is_set.as_slice(), Null), (keep_path.as_slice(), True)];
                let count = if keep { 2 } else { 1 };
                self.report.add(codes.is_set, path, &[], changes.get(..count).unwrap_or(&changes));
                if keep {
                    return None;
                }
            }
            _ => {
                self.report.add(codes.wrong_type, path, &[], &[]);
                return None;
            }
        }
        match (set, kept) {
            (Some(_), true) => {
                let keep = member(Key::Keep);
                self.report.add(codes.ambiguous, path, &[], &[(&keep, Null)]);
            }
            (None, true) => return None,
            (None, false) => {
                if needed {
                    self.report.add(codes.required, path, &[], &[]);
                }
                return None;
            }
            (Some(_), false) => {}
        }
        let text = set?;
        self.secret_text(codes, path, text, spaces, needed).then_some((text, spaces))
    }

    /// Whether there is more to say about the text.
    fn secret_text(&mut self, codes: &Codes, path: &[Key], text: &str, spaces: Spaces, needed: bool) -> bool {
        let trimmed = trim(text);
        if trimmed.is_empty() {
            if needed || !text.is_empty() {
                self.report.add(codes.required, path, &[], &[]);
            }
            return false;
        }
        if trimmed.chars().all(is_mask) {
            self.report.add(codes.looks_masked, path, &[], &[]);
        }
        if text.len() > MAX_SECRET {
            self.too_long(codes.too_long, path, MAX_SECRET);
        }
        let change = [(&path_with(path, Key::Spaces)[..], Text("trim"))];
        let around = trimmed.len() != text.len() && spaces == Spaces::Keep;
        let inner = if spaces == Spaces::Keep { text } else { trimmed };
        if has_line_break(inner) {
            let curable = around && !has_line_break(trimmed);
            self.report.add(codes.line_break, path, &[], if curable { &change } else { &[] });
        } else if around {
            self.report.add(codes.whitespace, path, &[], &change);
        }
        true
    }
}

/// The path and one name more.
pub(crate) fn path_with(path: &[Key], key: Key) -> alloc::vec::Vec<Key> {
    path.iter().copied().chain([key]).collect()
}

/// What password fields and secret stores show in place of each character.
fn is_mask(c: char) -> bool {
    matches!(
        c,
        '*' | '\u{2022}' | '\u{25cf}' | '\u{25cb}' | '\u{25e6}' | '\u{2217}' | '\u{204e}' | '\u{2731}'
    ) || matches!(c, '\u{b7}' | '\u{2219}' | '\u{22c5}' | '\u{25aa}' | '\u{25a0}' | '\u{2588}' | '\u{2b24}')
        || matches!(c, '\u{26ab}' | '\u{2b1b}' | '\u{ff0a}' | '\u{ff65}' | '\u{30fb}' | '\u{2981}')
}
