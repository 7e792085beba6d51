//! What the rules ask of text, without the Unicode tables of the standard library.

use alloc::string::String;

/// White space, line ends and the byte order mark that copying from elsewhere brings along.
pub fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// The text without white space around it.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// C0, DEL and C1.
pub(crate) fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}')
}

pub(crate) fn has_control(text: &str) -> bool {
    // The bytes decide for ASCII; C1 is C2 and a continuation byte below A0.
    let mut previous = 0;
    text.bytes().any(|byte| {
        let control = byte < 0x20 || byte == 0x7f || (previous == 0xc2 && byte < 0xa0);
        previous = byte;
        control
    })
}

/// CR, LF or NUL: what could end a line or a string where the text goes next.
pub(crate) fn has_line_break(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Characters that take no room and reorder or join what stands beside them. Joiners (U+200C, U+200D) are
/// left to the IDN step, which knows where they are legitimate.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Appends a whole number in decimal.
pub(crate) fn push_number(out: &mut String, number: u32) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// The ASCII letters in lower case; everything else as it is.
pub(crate) fn lower(text: &str) -> String {
    let mut lower = String::from(text);
    lower.make_ascii_lowercase();
    lower
}
