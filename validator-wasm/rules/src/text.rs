//! The questions that the rules ask of text. They work on bytes: most text is ASCII, and the standard library's strings
//! bring search algorithms and tables along that a page would have to download. Bytes that are no UTF-8 count as unknown
//! characters and never cause a panic.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// A letter, digit, hyphen or dot: what a name of A-labels is made of.
pub(crate) const OF_NAMES: u8 = 1;
/// What a local part has between its dots (RFC 5322 `atext`).
pub(crate) const ATEXT: u8 = 1 << 1;
/// No control character of ASCII, and perhaps none at all.
pub(crate) const CLEAN: u8 = 1 << 2;
/// A byte of ASCII.
pub(crate) const ASCII: u8 = 1 << 3;
/// A digit.
pub(crate) const DIGIT: u8 = 1 << 4;
/// A hexadecimal digit.
pub(crate) const HEX: u8 = 1 << 5;
/// A letter or a digit.
pub(crate) const ALPHANUMERIC: u8 = 1 << 6;
/// Neither a space nor the part of one.
const VISIBLE: u8 = 1 << 7;

/// The classes of each byte. One look into a table is smaller and quicker than a row of comparisons.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    const OTHER_ATEXT: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    let mut classes = [CLEAN; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        let mut class = ASCII;
        if !byte.is_ascii_control() {
            class |= CLEAN;
        }
        if byte > b' ' {
            class |= VISIBLE;
        }
        if byte.is_ascii_alphanumeric() {
            class |= ALPHANUMERIC | OF_NAMES | ATEXT;
        }
        if byte == b'-' || byte == b'.' {
            class |= OF_NAMES;
        }
        if byte.is_ascii_digit() {
            class |= DIGIT;
        }
        if byte.is_ascii_hexdigit() {
            class |= HEX;
        }
        let mut at = 0;
        while at < OTHER_ATEXT.len() {
            if OTHER_ATEXT[at] == byte {
                class |= ATEXT;
            }
            at += 1;
        }
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
}

/// The classes of a byte.
pub(crate) fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// The classes that all bytes of a text are of.
pub(crate) fn common(text: &[u8]) -> u8 {
    text.iter().fold(!0, |classes, byte| classes & class(*byte))
}

/// Whether all bytes of a text are of this class.
pub(crate) fn all(text: &[u8], class: u8) -> bool {
    common(text) & class != 0
}

/// White space, line ends and the byte order mark that copying from elsewhere brings along.
fn is_space(c: char) -> bool {
    is_space_code(u32::from(c))
}

pub(crate) fn is_space_code(c: u32) -> bool {
    matches!(c, 9..=13 | 0x20 | 0x85 | 0xa0 | 0x1680 | 0x2000..=0x200a)
        || matches!(c, 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 | 0xfeff)
}

/// The text without white space around it.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The first character and the rest.
pub(crate) fn split_char(text: &[u8]) -> Option<(u32, &[u8])> {
    let (first, mut rest) = text.split_first()?;
    let first = u32::from(*first);
    let (mut c, count) = match first {
        0..0xc0 => (first, 0),
        0xc0..0xe0 => (first & 0x1f, 1),
        0xe0..0xf0 => (first & 0x0f, 2),
        _ => (first & 0x07, 3),
    };
    for _ in 0..count {
        let Some((next, after)) = rest.split_first() else { break };
        c = (c << 6) | u32::from(*next & 0x3f);
        rest = after;
    }
    Some((c, rest))
}

/// The characters of a text.
pub(crate) fn chars(text: &[u8]) -> impl Iterator<Item = u32> + Clone {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (c, after) = split_char(rest)?;
        rest = after;
        Some(c)
    })
}

/// The text without white space around it.
pub(crate) fn trim_bytes(text: &[u8]) -> &[u8] {
    // Mostly there is none.
    if let [first, .., last] = text
        && class(*first) & class(*last) & VISIBLE != 0
    {
        return text;
    }
    let mut text = text;
    while let Some((c, rest)) = split_char(text)
        && is_space_code(c)
    {
        text = rest;
    }
    while let Some((c, rest)) = split_last_char(text)
        && is_space_code(c)
    {
        text = rest;
    }
    text
}

/// The last character, and what stands before it.
pub(crate) fn split_last_char(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut start = text.len().checked_sub(1)?;
    while start > 0 && text.get(start).is_some_and(|byte| byte & 0xc0 == 0x80) {
        start -= 1;
    }
    let (before, last) = text.split_at_checked(start)?;
    Some((split_char(last)?.0, before))
}

/// Whether one of the characters is a space.
pub(crate) fn has_space(text: &[u8]) -> bool {
    chars(text).any(is_space_code)
}

/// C0, DEL and C1.
pub(crate) fn has_control(text: &[u8]) -> bool {
    is_controlled(text, common(text))
}

/// The same of a text whose classes are known.
pub(crate) fn is_controlled(text: &[u8], common: u8) -> bool {
    // The bytes decide for ASCII; C1 is C2 and a continuation byte below A0.
    common & CLEAN == 0
        || (common & ASCII == 0 && text.windows(2).any(|pair| matches!(pair, [0xc2, 0x80..0xa0])))
}

/// CR, LF or NUL: what could end a line or a string where the text goes next.
pub(crate) fn has_line_break(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Characters that take no room and reorder or join what stands beside them. Joiners (U+200C, U+200D) are
/// left to the IDN step, which knows where they are legitimate.
pub(crate) fn is_invisible(c: u32) -> bool {
    matches!(c, 0xad | 0x34f | 0x61c | 0x180e | 0x200b | 0x200e | 0x200f)
        || matches!(c, 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb)
}

/// Beyond ASCII, and to be seen.
pub(crate) fn is_beyond_ascii(c: u32) -> bool {
    c > 0x9f && !is_space_code(c) && !is_invisible(c)
}

/// Where the byte first stands.
pub(crate) fn find(text: &[u8], byte: u8) -> Option<usize> {
    text.iter().position(|other| *other == byte)
}

/// What stands before and behind the first of these bytes.
pub(crate) fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    split_at_byte(text, find(text, byte)?)
}

/// What stands before and behind the last of these bytes.
pub(crate) fn rsplit_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    split_at_byte(text, text.iter().rposition(|other| *other == byte)?)
}

/// The text behind the last dot; all of it where there is no dot.
pub(crate) fn last_label(name: &[u8]) -> &[u8] {
    rsplit_once(name, b'.').map_or(name, |(_, label)| label)
}

fn split_at_byte(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// The parts of a text between these bytes. One type for all that take a text apart, so that it is compiled once.
pub(crate) fn split(text: &[u8], at: u8) -> Split<'_> {
    Split { rest: Some(text), at }
}

/// What [`split`] gives.
#[derive(Clone)]
pub(crate) struct Split<'a> {
    rest: Option<&'a [u8]>,
    at: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let (part, rest) = match split_once(text, self.at) {
            Some((part, rest)) => (part, Some(rest)),
            None => (text, None),
        };
        self.rest = rest;
        Some(part)
    }
}

/// Appends the bytes; like [`joined`] compiled once.
#[inline(never)]
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// One text after the other.
#[inline(never)]
pub(crate) fn joined(texts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for text in texts {
        put(&mut all, text);
    }
    all
}

/// What stands before and behind the first such text in another.
pub(crate) fn split_text<'a>(text: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(part.len()).position(|window| window == part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// The number of the word among these, which are separated by spaces, that the text is.
pub(crate) fn word(text: &[u8], words: &[u8]) -> Option<usize> {
    split(words, b' ').position(|word| word == text)
}

/// Appends a whole number in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    put(out, &[b'0' + (number % 10) as u8]);
}

/// The ASCII letters in lower case; everything else as it is. Mostly nothing is to be done.
pub(crate) fn lower(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// A whole number of at most nine digits, without a sign.
pub(crate) fn whole_number(text: &[u8]) -> Option<u32> {
    if !(1..=9).contains(&text.len()) {
        return None;
    }
    let number = text.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte & 15));
    all(text, DIGIT).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{chars, trim, trim_bytes};

    #[test]
    fn characters_are_those_of_the_text() {
        for text in [
            "",
            "a",
            "smtp.example.org",
            "mü",
            "日本語.jp",
            "🦀a",
            "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        ] {
            assert!(chars(text.as_bytes()).eq(text.chars().map(u32::from)), "{text}");
        }
        for bytes in [&b"\xff"[..], b"\xc2", b"\xe2\x82", b"\xf0\x9f", b"\x80\x80", b"a\xffb"] {
            assert!(chars(bytes).count() <= bytes.len());
            assert!(trim_bytes(bytes).len() <= bytes.len());
        }
    }

    #[test]
    fn both_trims_agree() {
        for text in
            ["", " ", " a ", "\u{a0}a\u{3000}", "\u{feff}\t", "a b", "é ", "\u{2009}🦀\u{85}", "\u{200b}"]
        {
            assert_eq!(trim_bytes(text.as_bytes()), trim(text).as_bytes(), "{text:?}");
        }
    }
}
