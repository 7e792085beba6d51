//! What the rules ask of text. They work on bytes: most text is ASCII, and the standard library's strings bring
//! search algorithms and tables along that a page would have to download. Bytes that are no UTF-8 are characters
//! that nobody knows, never a panic.

use alloc::vec::Vec;

/// White space, line ends and the byte order mark that copying from elsewhere brings along.
pub fn is_space(c: char) -> bool {
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
    // Mostly there is none: it begins and ends with what is neither a space nor the part of one.
    let is_visible = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, 0x21..=0x7f));
    if is_visible(text.first()) && is_visible(text.last()) {
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
    // The bytes decide for ASCII; C1 is C2 and a continuation byte below A0.
    let mut all = 0;
    for byte in text {
        if *byte < 0x20 || *byte == 0x7f {
            return true;
        }
        all |= byte;
    }
    all >= 0x80 && text.windows(2).any(|pair| matches!(pair, [0xc2, 0x80..0xa0]))
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

fn split_at_byte(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// What stands before and behind the first such text in another.
pub(crate) fn split_text<'a>(text: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(part.len()).position(|window| window == part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// Appends a whole number in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// The ASCII letters in lower case; everything else as it is.
pub(crate) fn lower(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}

/// A whole number of at most nine digits, without a sign.
pub(crate) fn whole_number(text: &[u8]) -> Option<u32> {
    if !(1..=9).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
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
