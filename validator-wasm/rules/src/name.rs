//! Domain names: from what people type to A-labels, and what makes a name unusable.

use alloc::borrow::Cow;

use crate::platform::{Idn, Platform};
use crate::text::{
    ASCII, DIGIT, HEX, OF_NAMES, all, chars, class, last_label, rsplit_once, split_char, split_last_char,
};

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError<'a> {
    EmptyLabel,
    Underscore,
    Hyphen(&'a [u8]),
    LabelTooLong,
    TooLong,
    Invalid,
    IdnInvalid,
    IdnRefused,
}

/// The longest name and label, in octets of A-labels (RFC 1035 §2.3.4, less the root and length octets).
pub(crate) const MAX_NAME: usize = 253;
pub(crate) const MAX_LABEL: usize = 63;

/// The name as A-labels, which is the text itself when that is ASCII. The platform takes names that are not, and
/// those with labels already in A-form.
pub(crate) fn ascii<'a, S: Platform>(text: &'a [u8], platform: &S) -> Result<Cow<'a, [u8]>, NameError<'a>> {
    // Some labels longer than any name, for the IDN step has no bound of its own.
    if text.len() > 4 * MAX_NAME {
        return Err(NameError::TooLong);
    }
    match check(text) {
        Ok(Form::Ascii) => return Ok(Cow::Borrowed(text)),
        Err(error) if is_ascii(text) => return Err(error),
        _ => {}
    }
    // The IDN step must not meet what a URL parser would take for the end of a host.
    for byte in text {
        if class(*byte) & (OF_NAMES | ASCII) == ASCII {
            return Err(unknown(*byte));
        }
    }
    for label in labels(text) {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if has_outer_hyphen(label) {
            return Err(NameError::Hyphen(label));
        }
    }
    let (name, refused) = match platform.idn(text) {
        Idn::Name(name) => (name, false),
        Idn::Refused(name) => (name, true),
        Idn::Invalid => return Err(NameError::IdnInvalid),
        Idn::Unsure => return Err(NameError::IdnRefused),
    };
    match check(&name) {
        Ok(_) if refused => Err(NameError::IdnRefused),
        Ok(_) => Ok(Cow::Owned(name)),
        Err(NameError::EmptyLabel) => Err(NameError::EmptyLabel),
        Err(NameError::LabelTooLong) => Err(NameError::LabelTooLong),
        Err(NameError::TooLong) => Err(NameError::TooLong),
        Err(_) => Err(NameError::IdnInvalid),
    }
}

pub(crate) fn is_ascii(text: &[u8]) -> bool {
    all(text, ASCII)
}

/// What is wrong with a byte that no name of A-labels has.
fn unknown(byte: u8) -> NameError<'static> {
    if byte == b'_' { NameError::Underscore } else { NameError::Invalid }
}

/// The label separators of UTS 46.
pub(crate) fn is_dot(c: u32) -> bool {
    matches!(c, 0x2e | 0x3002 | 0xff0e | 0xff61)
}

/// The text without a final dot, when there is one.
pub(crate) fn strip_dot(text: &[u8]) -> Option<&[u8]> {
    split_last_char(text).filter(|(last, _)| is_dot(*last)).map(|(_, rest)| rest)
}

/// The labels of a name.
fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(name);
    core::iter::from_fn(move || {
        let name = left?;
        let mut rest = name;
        while let Some((c, after)) = split_char(rest) {
            if is_dot(c) {
                left = Some(after);
                return name.get(..name.len() - rest.len());
            }
            rest = after;
        }
        left = None;
        Some(name)
    })
}

fn is_ace(label: &[u8]) -> bool {
    label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
}

fn has_outer_hyphen(label: &[u8]) -> bool {
    label.starts_with(b"-") || label.ends_with(b"-")
}

/// The form of a name in ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No label is in A-form.
    Ascii,
    /// A label is in A-form.
    Encoded,
}

/// Checks the LDH rules (RFC 1123 §2.1) and the lengths. One walk over the bytes, because every keystroke comes here.
fn check(name: &[u8]) -> Result<Form, NameError<'_>> {
    let mut form = Form::Ascii;
    let (mut start, mut at) = (0, 0);
    loop {
        let byte = name.get(at).copied();
        if let Some(byte) = byte.filter(|byte| *byte != b'.') {
            if class(byte) & OF_NAMES == 0 {
                return Err(unknown(byte));
            }
        } else {
            let label = name.get(start..at).unwrap_or_default();
            let (Some(first), Some(last)) = (label.first(), label.last()) else {
                return Err(NameError::EmptyLabel);
            };
            if *first == b'-' || *last == b'-' {
                return Err(NameError::Hyphen(label));
            }
            if label.len() > MAX_LABEL {
                return Err(NameError::LabelTooLong);
            }
            if label.get(3) == Some(&b'-') && is_ace(label) {
                form = Form::Encoded;
            }
            start = at + 1;
        }
        if byte.is_none() {
            break;
        }
        at += 1;
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong);
    }
    Ok(form)
}

/// Whether the last label is all digits, or what old resolvers take for a hexadecimal number: no name, but an
/// address, well-formed or not.
pub(crate) fn is_numeric(name: &[u8]) -> bool {
    match last_label(name) {
        [] => false,
        [b'0', b'x' | b'X', hex @ ..] => all(hex, HEX),
        label => all(label, DIGIT),
    }
}

/// Calls `each` with the characters of an A-label in the order of RFC 3492 and the place at which each goes between those
/// before it; `None` when it is none.
fn decode(label: &[u8], mut each: impl FnMut(u32, u32)) -> Option<()> {
    let text = label.get(4..).filter(|_| is_ace(label))?;
    let (basic, extended) = rsplit_once(text, b'-').unwrap_or((b"", text));
    let mut length = 0_u32;
    for byte in basic {
        each(length, u32::from(*byte));
        length += 1;
    }
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = extended.iter();
    while digits.len() > 0 {
        let start = i;
        let (mut weight, mut k) = (1_u32, 36_u32);
        loop {
            let digit = u32::from(match digits.next()? {
                byte @ b'a'..=b'z' => byte - b'a',
                byte @ b'A'..=b'Z' => byte - b'A',
                byte @ b'0'..=b'9' => byte - b'0' + 26,
                _ => return None,
            });
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        length += 1;
        let mut delta = if start == 0 { (i - start) / 700 } else { (i - start) / 2 };
        delta += delta / length;
        let mut k = 0;
        while delta > 455 {
            delta /= 35;
            k += 36;
        }
        bias = k + 36 * delta / (delta + 38);
        n = n.checked_add(i / length).filter(|n| char::from_u32(*n).is_some())?;
        i %= length;
        each(i, n);
        i += 1;
    }
    Some(())
}

/// The first label that mixes scripts as no language does (UTS 39, highly restrictive): a look-alike. Of a name
/// that [`ascii`] gives back as it was, there is none.
pub(crate) fn mixed_label(name: &[u8]) -> Option<&[u8]> {
    labels(name).find(|label| {
        // Which scripts there are does not depend on the order.
        let mut scripts = 0;
        if decode(label, |_, c| scripts |= script(c)).is_none() {
            scripts = chars(label).fold(0, |scripts, c| scripts | script(c));
        }
        is_mixed(scripts)
    })
}

const LATIN: u32 = 0;
const HAN: u32 = 1;
const KANA: u32 = 2;
const HANGUL: u32 = 3;
const BOPOMOFO: u32 = 4;
/// What is common to all scripts, or not looked at.
const NONE: u32 = 31;

/// Whether these scripts, as bits, do not go together.
fn is_mixed(scripts: u32) -> bool {
    let within = |allowed: u32| scripts & !(allowed | 1 << LATIN) == 0;
    !(scripts.count_ones() <= 1
        || within(1 << HAN | 1 << KANA)
        || within(1 << HAN | 1 << BOPOMOFO)
        || within(1 << HAN | 1 << HANGUL))
}

const fn at(start: u32, script: u32) -> u32 {
    start << 8 | script
}

/// Where blocks of scripts begin, with the script: those that share no look-alikes share a number.
#[rustfmt::skip]
const SCRIPTS: [u32; 72] = [
    at(0x41, LATIN), at(0x5b, NONE), at(0x61, LATIN), at(0x7b, NONE), at(0xaa, LATIN), at(0xab, NONE),
    at(0xba, LATIN), at(0xbb, NONE), at(0xc0, LATIN), at(0xd7, NONE), at(0xd8, LATIN), at(0xf7, NONE),
    at(0xf8, LATIN), at(0x2b9, NONE), at(0x370, 5), at(0x400, 6), at(0x530, 7), at(0x591, 8), at(0x600, 9),
    at(0x700, 10), at(0x900, 11), at(0xe00, 12), at(0xe80, 13), at(0xf00, 14), at(0x1000, 15),
    at(0x10a0, 16), at(0x1100, HANGUL), at(0x1200, 17), at(0x13a0, 18), at(0x1400, 19), at(0x1680, 20),
    at(0x1780, 21), at(0x1800, 22), at(0x1900, 23), at(0x1c80, 6), at(0x1c90, 16), at(0x1cd0, NONE),
    at(0x1d00, LATIN), at(0x1dc0, NONE), at(0x1e00, LATIN), at(0x1f00, 5), at(0x2000, NONE),
    at(0x2c60, LATIN), at(0x2c80, 24), at(0x2d00, 16), at(0x2d30, 25), at(0x2de0, 6), at(0x2e00, NONE),
    at(0x2e80, HAN), at(0x3008, NONE), at(0x3041, KANA), at(0x3105, BOPOMOFO),
    at(0x3130, HANGUL), at(0x3190, NONE), at(0x31f0, KANA), at(0x3200, NONE), at(0x3400, HAN),
    at(0x4dc0, NONE), at(0x4e00, HAN), at(0xa000, 26), at(0xa640, 6), at(0xa6a0, NONE), at(0xa722, LATIN),
    at(0xa800, 27), at(0xac00, HANGUL), at(0xd800, NONE), at(0xf900, HAN), at(0xfb00, LATIN),
    at(0xfb13, NONE), at(0xff21, LATIN), at(0xff5b, NONE), at(0x20000, HAN),
];

/// The script of a character, as a bit.
fn script(c: u32) -> u32 {
    let block = SCRIPTS.iter().take_while(|block| **block >> 8 <= c).last();
    match block.map_or(NONE, |block| block & 0xff) {
        NONE => 0,
        script => 1 << script,
    }
}

#[cfg(test)]
mod tests {
    use super::{Idn, NameError, Platform, ascii, decode, mixed_label};

    struct OnlyAscii;

    impl Platform for OnlyAscii {
        fn idn(&self, name: &[u8]) -> Idn {
            if name.is_ascii() { Idn::Name(name.into()) } else { Idn::Invalid }
        }

        fn directory(&self) -> &crate::Directory {
            unreachable!("no name is looked up")
        }
    }

    fn name(text: &str) -> Result<alloc::vec::Vec<u8>, NameError<'_>> {
        ascii(text.as_bytes(), &OnlyAscii).map(alloc::borrow::Cow::into_owned)
    }

    #[test]
    fn ldh_rules() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".");
        for good in
            ["a", "a.b", "3com.example", "r3---s.example", "a-b.c-d", "xn--mnchen-3ya.de", &long[..253]]
        {
            assert_eq!(name(good).as_deref(), Ok(good.as_bytes()));
        }
        for (bad, error) in [
            ("", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            ("_smtp.a", NameError::Underscore),
            ("a b.c", NameError::Invalid),
            ("a/b", NameError::Invalid),
            ("-a.b", NameError::Hyphen(b"-a")),
            ("a-.b", NameError::Hyphen(b"a-")),
            (&"a".repeat(64), NameError::LabelTooLong),
            (&long[..254], NameError::TooLong),
            ("mü/x.de", NameError::Invalid),
            ("mü_x.de", NameError::Underscore),
            ("-mü.de", NameError::Hyphen("-mü".as_bytes())),
            ("mü.de", NameError::IdnInvalid),
        ] {
            assert_eq!(name(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn punycode() {
        let decoded = |label: &str| -> Option<alloc::string::String> {
            let mut characters = alloc::vec::Vec::new();
            decode(label.as_bytes(), |place, c| characters.insert(place as usize, c))?;
            characters.into_iter().map(char::from_u32).collect()
        };
        assert_eq!(decoded("xn--mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(decoded("XN--80AK6AA92E").as_deref(), Some("аррӏе"));
        assert_eq!(decoded("xn--99999999").as_deref(), None);
        assert_eq!(decoded("munchen"), None);
    }

    #[test]
    fn look_alikes() {
        for mixed in ["smtp.p\u{430}ypal.com", "\u{3b1}bc.de", "xn--pypal-4ve.com"] {
            assert!(mixed_label(mixed.as_bytes()).is_some(), "{mixed}");
        }
        for plain in
            ["smtp.paypal.com", "münchen.de", "пример.example", "例え.テスト", "日本語abc.jp", "한국abc.kr"]
        {
            assert_eq!(mixed_label(plain.as_bytes()), None, "{plain}");
        }
    }
}
