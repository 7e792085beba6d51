//! The questions that the rules ask of text. They work on bytes: most text is ASCII, and the standard library's strings
//! bring search algorithms and tables along that a page would have to download. Bytes that are no UTF-8 count as unknown
//! characters and never cause a panic.

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
    trim_by(text, is_space_code)
}

#[inline(never)]
fn trim_by(text: &[u8], is_around: fn(u32) -> bool) -> &[u8] {
    let mut text = text;
    while let Some((c, rest)) = split_char(text)
        && is_around(c)
    {
        text = rest;
    }
    while let Some((c, rest)) = split_last_char(text)
        && is_around(c)
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

/// Characters that nobody sees: Unicode's default ignorable ones (zero-width, soft hyphen, bidi marks, variation
/// selectors, fillers, tags), the annotation marks and the blank of Braille. Joiners (U+200C, U+200D) are left out:
/// [`Seen`] looks at their neighbours.
pub(crate) fn is_invisible(c: u32) -> bool {
    matches!(c, 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b)
        || matches!(c, 0x200e | 0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164)
        || matches!(c, 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb)
        || matches!(c, 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

pub(crate) fn is_joiner(c: u32) -> bool {
    c & !1 == 0x200c
}

/// The signs behind which a joiner means something (RFC 5892 A.1 and A.2: Virama). Of the Indic scripts beyond the
/// first plane, every character counts as one.
fn is_virama(c: u32) -> bool {
    (matches!(c, 0x900..=0xdff) && c & 0x7f == 0x4d)
        || matches!(c, 0xd3b | 0xd3c | 0xdca | 0xe3a | 0xeba | 0xf84 | 0x1039 | 0x103a | 0x1714 | 0x1715)
        || matches!(c, 0x1734 | 0x17d2 | 0x1a60 | 0x1b44 | 0x1baa | 0x1bab | 0x1bf2 | 0x1bf3 | 0x2d7f)
        || matches!(c, 0xa806 | 0xa82c | 0xa8c4 | 0xa953 | 0xa9c0 | 0xaaf6 | 0xabed | 0x10a00..=0x11fff)
}

/// The scripts whose letters join, so that a non-joiner between two of them means something (RFC 5892 A.1).
fn is_cursive(c: u32) -> bool {
    matches!(c, 0x620..=0x8ff | 0x1807..=0x18aa | 0xa840..=0xa873 | 0x1e900..=0x1e94b) && !is_invisible(c)
}

/// Of those, the signs that join nothing behind them: digits, Alef, Dal, Reh, Waw and the like.
fn ends_join(c: u32) -> bool {
    matches!(c, 0x621..=0x625 | 0x627 | 0x629 | 0x62f..=0x632 | 0x648 | 0x660..=0x669 | 0x671..=0x677)
        || matches!(c, 0x688..=0x699 | 0x6c0 | 0x6c3..=0x6cb | 0x6cd | 0x6cf | 0x6d2 | 0x6d3 | 0x6d5)
        || matches!(c, 0x6ee..=0x6f9)
}

/// Whether nobody sees the character between these neighbours; of none, the one before is 0.
fn is_hidden(before: u32, c: u32, after: &[u8]) -> bool {
    if is_joiner(c) {
        let is_between = || {
            is_cursive(before)
                && !ends_join(before)
                && split_char(after).is_some_and(|(next, _)| is_cursive(next))
        };
        return !(is_virama(before) || (c == 0x200c && is_between()));
    }
    is_invisible(c)
}

/// Whether the character means something in a name: behind a sign, joiners, variation selectors and tags make an emoji, and
/// marks of direction mend what two scripts do to each other, but turn nothing around.
fn is_of_name(before: u32, c: u32) -> bool {
    matches!(c, 0x61c | 0x200e | 0x200f)
        || (before > 0x17ff && matches!(c, 0x180b..=0x180f | 0x200d | 0xfe0e | 0xfe0f | 0xe0020..=0xe007f))
}

/// The characters of a text that are seen, each with its bytes.
pub(crate) struct Seen<'a> {
    rest: &'a [u8],
    /// The last one that was seen: what nobody sees stands between no others.
    before: u32,
    is_name: bool,
}

impl<'a> Iterator for Seen<'a> {
    type Item = (u32, &'a [u8]);

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest;
            let (c, after) = split_char(rest)?;
            self.rest = after;
            if !is_hidden(self.before, c, after) || (self.is_name && is_of_name(self.before, c)) {
                self.before = c;
                return Some((c, rest.get(..rest.len() - after.len())?));
            }
        }
    }
}

/// The characters of a text that are seen.
pub(crate) fn seen(text: &[u8]) -> Seen<'_> {
    Seen { rest: text, before: 0, is_name: false }
}

/// The text without the characters that nobody sees.
pub(crate) fn visible(text: &[u8]) -> Vec<u8> {
    all_of(seen(text))
}

/// The same of a name that people read.
pub(crate) fn visible_name(name: &[u8]) -> Vec<u8> {
    all_of(Seen { is_name: true, ..seen(name) })
}

#[inline(never)]
fn all_of(seen: Seen<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    for (_, bytes) in seen {
        put(&mut all, bytes);
    }
    all
}

/// Whether the text has a character that nobody sees.
#[inline(never)]
pub(crate) fn has_invisible(text: &[u8]) -> bool {
    !all(text, ASCII) && seen(text).map(|(_, bytes)| bytes.len()).sum::<usize>() != text.len()
}

/// The text without white space and invisible characters around it.
#[inline(never)]
pub(crate) fn trim_visible(text: &[u8]) -> &[u8] {
    let mut text = trim_bytes(text);
    if all(text, ASCII) {
        return text;
    }
    while let Some((c, rest)) = split_char(text)
        && (is_space_code(c) || is_hidden(0, c, rest))
    {
        text = rest;
    }
    while let Some((c, rest)) = split_last_char(text)
        && (is_space_code(c) || is_hidden(split_last_char(rest).map_or(0, |(before, _)| before), c, b""))
    {
        text = rest;
    }
    text
}

/// The text without white space, quotation marks, brackets, and the punctuation of a sentence around it.
pub(crate) fn unwrapped(text: &[u8]) -> &[u8] {
    trim_by(text, |c| {
        is_space_code(c)
            || matches!(c, 0x22 | 0x27..=0x29 | 0x2c | 0x3b | 0x3c | 0x3e | 0x60 | 0xab | 0xbb)
            || matches!(c, 0x2018..=0x201f | 0x2039 | 0x203a)
    })
}

/// The text with plain hyphens in place of those of typesetting: hyphens, dashes and the minus sign.
#[inline(never)]
pub(crate) fn plain_hyphens(text: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((c, after)) = split_char(rest) {
        let bytes = rest.get(..rest.len() - after.len()).unwrap_or_default();
        put(&mut all, if matches!(c, 0x2010..=0x2015 | 0x2212) { b"-" } else { bytes });
        rest = after;
    }
    all
}

/// Whether the text has U+FFFD, which stands where bytes were no Unicode: nobody types it.
#[inline(never)]
pub(crate) fn has_replacement(text: &[u8]) -> bool {
    text.windows(3).any(|bytes| bytes == b"\xef\xbf\xbd")
}

/// Beyond ASCII, and to be seen.
pub(crate) fn is_beyond_ascii(c: u32) -> bool {
    c > 0x9f && c != 0xfffd && !is_space_code(c) && !is_invisible(c)
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

/// The ASCII letters in lower case; everything else as it is.
#[inline(never)]
pub(crate) fn lower(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
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
    use super::{chars, has_invisible, trim, trim_bytes, trim_visible, visible, visible_name};

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
    fn joiners_are_seen_where_they_join() {
        for (text, seen) in [
            ("", ""),
            ("pass\u{200b}word", "password"),
            ("\u{feff}a\u{ad}b\u{2060}", "ab"),
            ("a\u{fe0f}\u{e0101}\u{3164}\u{1160}\u{2800}b", "ab"),
            ("\u{202e}a\u{200f}", "a"),
            // After a Virama both joiners, between letters that join the non-joiner alone.
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("क्\u{200c}ष", "क्\u{200c}ष"),
            ("नी\u{200d}", "नी"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("می\u{200d}خواهم", "میخواهم"),
            ("می\u{200c}", "می"),
            ("a\u{200c}b\u{200d}", "ab"),
            ("क्\u{200d}\u{200d}", "क्\u{200d}"),
            ("क्\u{200b}\u{200d}ष", "क्\u{200d}ष"),
            ("ᠠ\u{200c}\u{180b}b", "ᠠb"),
            ("👩\u{200d}🔧", "👩🔧"),
        ] {
            assert_eq!(visible(text.as_bytes()), seen.as_bytes(), "{text:?}");
            assert_eq!(has_invisible(text.as_bytes()), text != seen, "{text:?}");
            assert!(!has_invisible(seen.as_bytes()), "{seen:?}");
        }
        for (text, trimmed) in [
            (" \u{200b} a b\u{200d} \u{ad}", "a b"),
            ("क्\u{200d}", "क्\u{200d}"),
            ("\u{200b}\u{a0}", ""),
            ("a\u{200b}b", "a\u{200b}b"),
        ] {
            assert_eq!(trim_visible(text.as_bytes()), trimmed.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn of_a_name_nothing_is_left_that_nobody_sees() {
        for (name, seen) in [
            ("mailto:\u{200b}\u{200d}", "mailto:"),
            ("a\u{202e}\u{200d}\u{2060}{", "a{"),
            ("👩\u{200b}\u{200d}🔧", "👩\u{200d}🔧"),
            ("👩\u{200d}🔧", "👩\u{200d}🔧"),
        ] {
            assert_eq!(visible_name(name.as_bytes()), seen.as_bytes(), "{name:?}");
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
