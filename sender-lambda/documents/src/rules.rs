//! The shell around `smtp-rules`: packs a document of any bytes, and decodes the issues.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter;

use ownpost_i18n::{Locale, fill};
use serde_json::{Map, Number, Value};
use smtp_rules::catalogue::{Code, Param};
use smtp_rules::packed::{ARRAY, FALSE, MAX_BYTES, MAX_DEPTH, NULL, Name, OBJECT, Packer, TOO_DEEP, TRUE};
use smtp_rules::report::{Issue as PackedIssue, Report, Scalar};
use smtp_rules::{Options, Platform};
use zeroize::Zeroizing;

use super::tree::{self, Twice};
use super::validation::{Issue, Severity, ValidationReport};

/// Why a document cannot be read as JSON at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    NotJson,
    TooLarge,
    TooDeep,
}

impl Unreadable {
    fn code(self) -> Code {
        match self {
            Self::NotJson => Code::SettingsNotJson,
            Self::TooLarge => Code::SettingsTooLarge,
            Self::TooDeep => Code::SettingsTooDeep,
        }
    }
}

/// Reads a document of any bytes: within the limits, text that is not valid Unicode as U+FFFD.
pub(super) fn parse(document: &[u8]) -> Result<Value, Unreadable> {
    if document.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    if depth(document) > MAX_DEPTH {
        return Err(Unreadable::TooDeep);
    }
    let lossy: Zeroizing<String>;
    let text = if let Ok(text) = str::from_utf8(document) {
        text
    } else {
        lossy = Zeroizing::new(String::from_utf8_lossy(document).into_owned());
        &lossy
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let repaired = repair_surrogates(text);
    tree::read(repaired.as_ref().map_or(text, |text| text.as_str()), &mut Twice::Last)
        .map_err(|_| Unreadable::NotJson)
}

/// How deep objects and arrays are nested, without trusting the text to be JSON.
fn depth(document: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in document {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Escapes of half a surrogate pair become U+FFFD, as in the browser. `None` when there is none.
pub(crate) fn repair_surrogates(text: &str) -> Option<Zeroizing<String>> {
    if !text.contains("\\u") {
        return None;
    }
    let escape = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut repaired = Zeroizing::new(String::with_capacity(text.len()));
    let (mut at, mut copied, mut changed) = (0, 0, false);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match escape(at) {
            Some(0xd800..=0xdbff) if matches!(escape(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                repaired.push_str(text.get(copied..at).unwrap_or_default());
                repaired.push_str("\\ufffd");
                at += 6;
                copied = at;
                changed = true;
            }
            // The escaped character may be the first of several bytes in input that is no JSON.
            _ => at += 1 + text.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
        }
    }
    repaired.push_str(text.get(copied..).unwrap_or_default());
    changed.then_some(repaired)
}

/// Packs a value. Members come as JavaScript enumerates them, array indices first, so that the reports agree.
pub(super) fn pack(value: &Value) -> Zeroizing<Vec<u8>> {
    let mut packer = Packer::with_capacity(room(value));
    Zeroizing::new(if pack_value(&mut packer, value, 0) { packer.finish() } else { vec![TOO_DEEP] })
}

/// The bytes that a value takes when it is packed, at most.
fn room(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 9,
        Value::String(text) => 6 + text.len(),
        Value::Array(values) => 5 + values.iter().map(room).sum::<usize>(),
        Value::Object(members) => {
            5 + members.iter().map(|(name, value)| 6 + name.len() + room(value)).sum::<usize>()
        }
    }
}

fn pack_value(packer: &mut Packer, value: &Value, depth: usize) -> bool {
    match value {
        Value::Null => packer.tag(NULL),
        Value::Bool(value) => packer.tag(if *value { TRUE } else { FALSE }),
        Value::Number(number) => packer.number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => packer.text(text),
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => return false,
        Value::Array(values) => {
            let start = packer.open(ARRAY);
            if !values.iter().all(|value| pack_value(packer, value, depth + 1)) {
                return false;
            }
            packer.close(start);
        }
        Value::Object(members) => {
            let start = packer.open(OBJECT);
            let members: Vec<_> = members.iter().collect();
            // By a heap: the standard library's sort would be a hundredth of the npm module.
            let number = |(at, (name, _)): (usize, &(&String, _))| Some(Reverse((array_index(name)?, at)));
            let mut numbered: BinaryHeap<_> = members.iter().enumerate().filter_map(number).collect();
            let in_order = iter::from_fn(|| members.get(numbered.pop()?.0.1));
            let others = members.iter().filter(|(name, _)| array_index(name).is_none());
            for (name, value) in in_order.chain(others) {
                packer.name(name);
                if !pack_value(packer, value, depth + 1) {
                    return false;
                }
            }
            packer.close(start);
        }
    }
    true
}

/// The number of a name that JavaScript takes for an array index.
fn array_index(name: &str) -> Option<u32> {
    let canonical = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|index| canonical && *index < u32::MAX)
}

/// The message of an issue, by its code and its params. The npm package has the sentences beside the module, loads those
/// of the languages that it is asked for, and fills them itself; so nothing here may name them but [`in_locale`].
pub type Say<'a> = &'a dyn Fn(&str, &[(&'static str, String)]) -> String;

/// The messages in the language of a BCP 47 tag.
pub(super) fn in_locale(locale: &str) -> impl Fn(&str, &[(&'static str, String)]) -> String {
    let locale = Locale::of(locale);
    move |code, values| fill(ownpost_i18n::issue(locale, code), values)
}

/// Checks a packed document and decodes the report.
pub(super) fn check(
    packed: &[u8],
    options: &Options<'_>,
    platform: &impl Platform,
    say: Say<'_>,
) -> ValidationReport {
    let mut report = Report::new();
    smtp_rules::check(packed, options, platform, &mut report);
    let issues = report.issues().map(|issue| decode(&issue, say)).collect();
    ValidationReport { valid: report.is_valid(), issues }
}

/// The report of a document that could not be read.
pub(super) fn unreadable(reason: Unreadable, say: Say<'_>) -> ValidationReport {
    single("", reason.code(), say)
}

/// A report of one issue that only the server can find.
pub(super) fn single(field: &str, code: Code, say: Say<'_>) -> ValidationReport {
    ValidationReport {
        valid: false,
        issues: vec![Issue {
            field: field.to_owned(),
            code: code.name().to_owned(),
            severity: severity(code),
            params: Map::new(),
            message: say(code.name(), &[]),
            fix: None,
        }],
    }
}

fn severity(code: Code) -> Severity {
    match code.severity() {
        smtp_rules::catalogue::Severity::Error => Severity::Error,
        smtp_rules::catalogue::Severity::Warning => Severity::Warning,
    }
}

fn decode(issue: &PackedIssue<'_>, say: Say<'_>) -> Issue {
    let code = issue.code.name();
    let params = issue.params.iter().map(|(param, value)| (param.name().to_owned(), json(*value))).collect();
    let mut fix = Map::new();
    for (path, value) in &issue.fix {
        patch(&mut fix, path, json(*value));
    }
    Issue {
        field: issue.field(),
        code: code.to_owned(),
        severity: severity(issue.code),
        params,
        message: say(code, &values(&issue.params)),
        fix: if fix.is_empty() { None } else { Some(Value::Object(fix)) },
    }
}

/// The params by their names, as a message shows them.
fn values(params: &[(Param, Scalar<'_>)]) -> Vec<(&'static str, String)> {
    let text = |value: &Scalar<'_>| match value {
        Scalar::Text(text) => Some((*text).to_owned()),
        Scalar::Number(number) => Some(number.to_string()),
        Scalar::Null | Scalar::True | Scalar::List(_) => None,
    };
    params.iter().filter_map(|(param, value)| Some((param.name(), text(value)?))).collect()
}

/// Puts the value into the merge patch, below the names of its path.
fn patch(object: &mut Map<String, Value>, path: &[Name<'_>], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.insert(first.text().to_owned(), value);
    } else if let Value::Object(inner) =
        object.entry(first.text().to_owned()).or_insert_with(|| Value::Object(Map::new()))
    {
        patch(inner, rest, value);
    }
}

fn json(value: Scalar<'_>) -> Value {
    match value {
        Scalar::Null => Value::Null,
        Scalar::True => Value::Bool(true),
        Scalar::Text(text) => Value::String(text.to_owned()),
        Scalar::Number(number) => Value::Number(Number::from(number)),
        Scalar::List(list) => list.texts().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, parse};

    #[test]
    fn documents_that_cannot_be_read() {
        let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&deep(32)).is_ok());
        assert_eq!(parse(&deep(33)), Err(Unreadable::TooDeep));
        assert_eq!(parse(&deep(100_000)), Err(Unreadable::TooDeep));
        assert_eq!(parse(&vec![b' '; (1 << 20) + 1]), Err(Unreadable::TooLarge));
        for text in ["", "{", "{]", "nul", "{\"a\":1,}", "\"\\x\"", "\"\\", "{\"é\\é\":1}"] {
            assert_eq!(parse(text.as_bytes()), Err(Unreadable::NotJson), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_unicode() {
        for (document, expected) in [
            (&b"\"a\xffb\""[..], "a\u{fffd}b"),
            (b"\"\\ud800\"", "\u{fffd}"),
            (b"\"\\udc00x\"", "\u{fffd}x"),
            (b"\"\\uD83D\\uDE00\"", "\u{1f600}"),
            (b"\"\\ud83d\\ud83d\\ude00\"", "\u{fffd}\u{1f600}"),
            (b"\"\\\\ud800\"", "\\ud800"),
            (b"\xef\xbb\xbf\"bom\"", "bom"),
        ] {
            assert_eq!(parse(document).unwrap().as_str(), Some(expected));
        }
    }
}
