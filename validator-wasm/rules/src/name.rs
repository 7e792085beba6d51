//! Domain names: from what people type to A-labels, and what makes a name unusable.

use alloc::borrow::Cow;
use alloc::string::String;

/// What the IDN step made of a name (UTS 46, non-transitional).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idn {
    /// The name as A-labels.
    Name(String),
    /// The name as A-labels by the lenient form that browsers have; the strict one refuses it.
    Refused(String),
    /// No name in either.
    Invalid,
    /// A name in some browsers perhaps, but not here.
    Unsure,
}

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError<'a> {
    EmptyLabel,
    Underscore,
    Hyphen(&'a str),
    LabelTooLong,
    TooLong,
    Invalid,
    IdnInvalid,
    IdnRefused,
}

/// The longest name and label, in octets of A-labels (RFC 1035 §2.3.4, less the root and length octets).
pub(crate) const MAX_NAME: usize = 253;
pub(crate) const MAX_LABEL: usize = 63;

/// The name as A-labels, which is the text itself when that is ASCII. `idn` takes names that are not, and those
/// with labels already in A-form.
pub(crate) fn ascii<'a>(text: &'a str, idn: &dyn Fn(&str) -> Idn) -> Result<Cow<'a, str>, NameError<'a>> {
    // Some labels longer than any name, for the IDN step has no bound of its own.
    if text.len() > 4 * MAX_NAME {
        return Err(NameError::TooLong);
    }
    let plain = text.is_ascii();
    if plain && !has_ace(text) {
        return check(text).map(|()| Cow::Borrowed(text));
    }
    // The IDN step must not meet what a URL parser would take for the end of a host.
    for c in text.chars().filter(char::is_ascii) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => {}
            '_' => return Err(NameError::Underscore),
            _ => return Err(NameError::Invalid),
        }
    }
    if plain {
        check(text)?;
    }
    for label in text.split(is_dot) {
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::Hyphen(label));
        }
    }
    let (name, refused) = match idn(text) {
        Idn::Name(name) => (name, false),
        Idn::Refused(name) => (name, true),
        Idn::Invalid => return Err(NameError::IdnInvalid),
        Idn::Unsure => return Err(NameError::IdnRefused),
    };
    match check(&name) {
        Ok(()) if refused => Err(NameError::IdnRefused),
        Ok(()) => Ok(Cow::Owned(name)),
        Err(NameError::EmptyLabel) => Err(NameError::EmptyLabel),
        Err(NameError::LabelTooLong) => Err(NameError::LabelTooLong),
        Err(NameError::TooLong) => Err(NameError::TooLong),
        Err(_) => Err(NameError::IdnInvalid),
    }
}

/// The label separators of UTS 46.
pub(crate) fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

fn has_ace(text: &str) -> bool {
    text.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}

/// The LDH rules (RFC 1123 §2.1) and the lengths.
fn check(name: &str) -> Result<(), NameError<'_>> {
    for label in name.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        for byte in label.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => {}
                b'_' => return Err(NameError::Underscore),
                _ => return Err(NameError::Invalid),
            }
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::Hyphen(label));
        }
        if label.len() > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// Whether the last label is all digits, or what old resolvers take for a hexadecimal number: no name, but an
/// address, well-formed or not.
pub(crate) fn is_numeric(name: &str) -> bool {
    let label = name.rsplit('.').next().unwrap_or(name);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match label.as_bytes() {
        [] => false,
        [b'0', b'x' | b'X', ..] => hex(label.get(2..).unwrap_or_default()),
        _ => digits(label),
    }
}

/// The U-label of an A-label (RFC 3492), or nothing when it is none.
fn decode(label: &str) -> Option<String> {
    let text = label.get(4..).filter(|_| has_ace(label))?;
    let (basic, extended) = text.rsplit_once('-').unwrap_or(("", text));
    let mut output: alloc::vec::Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = extended.bytes();
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
        let length = output.len() as u32 + 1;
        let mut delta = if start == 0 { (i - start) / 700 } else { (i - start) / 2 };
        delta += delta / length;
        let mut k = 0;
        while delta > 455 {
            delta /= 35;
            k += 36;
        }
        bias = k + 36 * delta / (delta + 38);
        n = n.checked_add(i / length)?;
        i %= length;
        output.insert(i as usize, char::from_u32(n)?);
        i += 1;
    }
    Some(output.into_iter().collect())
}

/// The first label that mixes scripts as no language does (UTS 39, highly restrictive): a look-alike.
pub(crate) fn mixed_label(name: &str) -> Option<&str> {
    if name.is_ascii() && !has_ace(name) {
        return None;
    }
    name.split(is_dot).find(|label| match decode(label) {
        Some(decoded) => is_mixed(&decoded),
        None => is_mixed(label),
    })
}

const LATIN: u32 = 1;
const HAN: u32 = 2;
const KANA: u32 = 4;
const HANGUL: u32 = 8;
const BOPOMOFO: u32 = 16;

fn is_mixed(label: &str) -> bool {
    let scripts = label.chars().fold(0, |scripts, c| scripts | script(c));
    let within = |allowed: u32| scripts & !allowed == 0;
    !(scripts.count_ones() <= 1
        || within(LATIN | HAN | KANA)
        || within(LATIN | HAN | BOPOMOFO)
        || within(LATIN | HAN | HANGUL))
}

/// Where blocks of scripts begin, with a bit for the script; 0 for what is common to all or not looked at.
/// Scripts that share no look-alikes share a bit.
const SCRIPTS: [(u32, u32); 56] = [
    (0x41, LATIN),
    (0x5b, 0),
    (0x61, LATIN),
    (0x7b, 0),
    (0xaa, LATIN),
    (0xab, 0),
    (0xba, LATIN),
    (0xbb, 0),
    (0xc0, LATIN),
    (0xd7, 0),
    (0xd8, LATIN),
    (0xf7, 0),
    (0xf8, LATIN),
    (0x2b9, 0),
    (0x370, 1 << 5),
    (0x400, 1 << 6),
    (0x530, 1 << 7),
    (0x591, 1 << 8),
    (0x600, 1 << 9),
    (0x700, 1 << 10),
    (0x900, 1 << 11),
    (0xe00, 1 << 12),
    (0xe80, 1 << 13),
    (0xf00, 1 << 14),
    (0x1000, 1 << 15),
    (0x10a0, 1 << 16),
    (0x1100, HANGUL),
    (0x1200, 1 << 17),
    (0x13a0, 1 << 18),
    (0x1400, 1 << 19),
    (0x1680, 1 << 20),
    (0x1780, 1 << 21),
    (0x1800, 1 << 22),
    (0x1900, 1 << 23),
    (0x1c80, 1 << 6),
    (0x1c90, 1 << 16),
    (0x1cd0, 0),
    (0x1d00, LATIN),
    (0x1dc0, 0),
    (0x1e00, LATIN),
    (0x1f00, 1 << 5),
    (0x2000, 0),
    (0x2c60, LATIN),
    (0x2c80, 1 << 24),
    (0x2d00, 1 << 16),
    (0x2d30, 1 << 25),
    (0x2de0, 1 << 6),
    (0x2e00, 0),
    (0x2e80, HAN),
    (0x3007, HAN),
    (0x3008, 0),
    (0x3041, KANA),
    (0x3105, BOPOMOFO),
    (0x3130, HANGUL),
    (0x3190, 0),
    (0x31f0, KANA),
];
const MORE_SCRIPTS: [(u32, u32); 17] = [
    (0x3200, 0),
    (0x3400, HAN),
    (0x4dc0, 0),
    (0x4e00, HAN),
    (0xa000, 1 << 26),
    (0xa640, 1 << 6),
    (0xa6a0, 0),
    (0xa722, LATIN),
    (0xa800, 1 << 27),
    (0xac00, HANGUL),
    (0xd800, 0),
    (0xf900, HAN),
    (0xfb00, LATIN),
    (0xfb13, 0),
    (0xff21, LATIN),
    (0xff5b, 0),
    (0x20000, HAN),
];

fn script(c: char) -> u32 {
    let c = u32::from(c);
    let table: &[(u32, u32)] = if c < 0x3200 { &SCRIPTS } else { &MORE_SCRIPTS };
    table.iter().take_while(|(start, _)| *start <= c).last().map_or(0, |(_, script)| *script)
}

#[cfg(test)]
mod tests {
    use super::{Idn, NameError, ascii, decode, mixed_label};

    fn name(text: &str) -> Result<alloc::string::String, NameError<'_>> {
        let idn = |name: &str| if name.is_ascii() { Idn::Name(name.into()) } else { Idn::Invalid };
        ascii(text, &idn).map(alloc::borrow::Cow::into_owned)
    }

    #[test]
    fn ldh_rules() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".");
        for good in
            ["a", "a.b", "3com.example", "r3---s.example", "a-b.c-d", "xn--mnchen-3ya.de", &long[..253]]
        {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for (bad, error) in [
            ("", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            ("_smtp.a", NameError::Underscore),
            ("a b.c", NameError::Invalid),
            ("a/b", NameError::Invalid),
            ("-a.b", NameError::Hyphen("-a")),
            ("a-.b", NameError::Hyphen("a-")),
            (&"a".repeat(64), NameError::LabelTooLong),
            (&long[..254], NameError::TooLong),
            ("mü/x.de", NameError::Invalid),
            ("mü_x.de", NameError::Underscore),
            ("-mü.de", NameError::Hyphen("-mü")),
            ("mü.de", NameError::IdnInvalid),
        ] {
            assert_eq!(name(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn punycode() {
        assert_eq!(decode("xn--mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(decode("XN--80AK6AA92E").as_deref(), Some("аррӏе"));
        assert_eq!(decode("xn--99999999").as_deref(), None);
        assert_eq!(decode("munchen"), None);
    }

    #[test]
    fn look_alikes() {
        for mixed in ["smtp.p\u{430}ypal.com", "\u{3b1}bc.de", "xn--pypal-4ve.com"] {
            assert!(mixed_label(mixed).is_some(), "{mixed}");
        }
        for plain in
            ["smtp.paypal.com", "münchen.de", "пример.example", "例え.テスト", "日本語abc.jp", "한국abc.kr"]
        {
            assert_eq!(mixed_label(plain), None, "{plain}");
        }
    }
}
