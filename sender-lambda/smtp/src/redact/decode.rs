//! The encodings in which a server may send a text back, each undone wherever it occurs in a text. What is not encoded is
//! left as it is, so that the decoders can be applied one after the other, in any order.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Takes base64 with and without padding, and with stray bits: an echo need not be clean.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The shortest word that is taken for base64, in characters.
const SHORTEST_WORD: usize = 8;
/// The fewest bytes in a row that are taken for a list in hex.
const SHORTEST_LIST: usize = 4;

/// Undoes one encoding.
pub(super) type Decoder = fn(&[u8]) -> Vec<u8>;

/// All of them.
pub(super) const DECODERS: [Decoder; 12] =
    [joined, html, escapes, quoted_printable, percent, xtext, hex, decimal, octal, binary, base64, alike];

/// The text with each place replaced for which `decode` gives the length of the encoded text and its meaning.
fn replaced(text: &[u8], decode: impl Fn(&[u8]) -> Option<(usize, Vec<u8>)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        if let Some((length, meaning)) = decode(rest) {
            out.extend_from_slice(&meaning);
            rest = rest.get(length.max(1)..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
    out
}

/// Line ends and control characters taken out: a text over several lines, and UTF-16, whose other octets are NUL.
fn joined(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| *byte >= b' ' && *byte != 127).collect()
}

/// All white space taken out.
pub(super) fn squeezed(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| *byte > b' ' && *byte != 127).collect()
}

fn utf8(code: u32) -> Option<Vec<u8>> {
    char::from_u32(code).map(|c| c.to_string().into_bytes())
}

/// A number of at most `most` digits at the beginning: its value and its length.
fn number(text: &[u8], radix: u32, most: usize) -> Option<(u32, usize)> {
    let digits = text.iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let text = std::str::from_utf8(text.get(..digits)?).ok()?;
    u32::from_str_radix(text, radix).ok().map(|value| (value, digits))
}

/// Two hex digits.
fn octet(text: &[u8]) -> Option<u8> {
    let (value, length) = number(text, 16, 2)?;
    (length == 2).then_some(u8::try_from(value).ok()?)
}

/// HTML's names of the ASCII characters that have one (HTML §13.5).
const NAMES: [(&str, u8); 37] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("nbsp", b' '),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("equals", b'='),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("rcub", b'}'),
];

fn html(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| {
        let inner = rest.strip_prefix(b"&")?;
        // The semicolon may be missing.
        let end = |length: usize| length + usize::from(rest.get(length) == Some(&b';'));
        if let Some(digits) = inner.strip_prefix(b"#x").or_else(|| inner.strip_prefix(b"#X")) {
            let (code, length) = number(digits, 16, 8)?;
            return Some((end(3 + length), utf8(code)?));
        }
        if let Some(digits) = inner.strip_prefix(b"#") {
            let (code, length) = number(digits, 10, 9)?;
            return Some((end(2 + length), utf8(code)?));
        }
        // One name may begin with another: `commat` with `comma`.
        let names = NAMES.iter().filter(|(name, _)| inner.starts_with(name.as_bytes()));
        let (name, c) = names.max_by_key(|(name, _)| name.len())?;
        Some((end(1 + name.len()), vec![*c]))
    })
}

/// The escapes of JSON, C and shells.
fn escapes(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| {
        let inner = rest.strip_prefix(b"\\")?;
        match inner.first()? {
            b'u' if inner.get(1) == Some(&b'{') => {
                let (code, length) = number(inner.get(2..)?, 16, 6)?;
                Some((4 + length, utf8(code)?))
            }
            b'u' => {
                let (code, _) = number(inner.get(1..)?, 16, 4).filter(|(_, length)| *length == 4)?;
                // The second half of a character beyond U+FFFF (RFC 8259 §7).
                let low = inner.get(5..).and_then(|rest| number(rest.strip_prefix(b"\\u")?, 16, 4));
                match low {
                    Some((low @ 0xdc00..0xe000, 4)) if (0xd800..0xdc00).contains(&code) => {
                        let code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                        Some((12, utf8(code)?))
                    }
                    _ => Some((6, utf8(code)?)),
                }
            }
            b'x' => Some((4, vec![octet(inner.get(1..)?)?])),
            b'0'..=b'7' => {
                let (code, length) = number(inner, 8, 3)?;
                Some((1 + length, vec![u8::try_from(code).ok()?]))
            }
            b'n' => Some((2, b"\n".to_vec())),
            b'r' => Some((2, b"\r".to_vec())),
            b't' => Some((2, b"\t".to_vec())),
            other => Some((2, vec![*other])),
        }
    })
}

/// RFC 2045 §6.7, soft line breaks included.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| {
        let inner = rest.strip_prefix(b"=")?;
        if inner.starts_with(b"\r\n") {
            return Some((3, Vec::new()));
        }
        if inner.starts_with(b"\n") {
            return Some((2, Vec::new()));
        }
        // A soft line break whose line end is gone.
        if inner.is_empty() || inner.starts_with(b"=") {
            return Some((1, Vec::new()));
        }
        Some((3, vec![octet(inner)?]))
    })
}

fn percent(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| match rest.strip_prefix(b"%") {
        Some(inner) => Some((3, vec![octet(inner)?])),
        None => rest.strip_prefix(b"+").map(|_| (1, b" ".to_vec())),
    })
}

/// RFC 3461 §4.
fn xtext(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| Some((3, vec![octet(rest.strip_prefix(b"+")?)?])))
}

/// What stands before the digits of a number in hex, and no separator: `0x68`, `\x68`, `%u0068`, `U+0068`.
const PREFIXES: [&[u8]; 8] = [b"0x", b"0X", b"x", b"X", b"u", b"U+", b"u+", b"U"];

/// Octets in hex, one behind the other or with separators: `68:75`, `68/75`, `0x68, 0x75`, `68h 75h`.
fn hex(text: &[u8]) -> Vec<u8> {
    replaced(text, |rest| {
        list(rest, |rest| {
            let digits = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(*prefix)).unwrap_or(rest);
            let octet = octet(digits)?;
            let end = rest.len() - digits.len() + 2;
            Some((end + usize::from(matches!(rest.get(end), Some(b'h' | b'H'))), octet))
        })
    })
}

/// Octets in decimal numbers, whatever stands between them: `104 117`, `[104]/[117]`, `104117`.
fn decimal(text: &[u8]) -> Vec<u8> {
    numbers(text, 10, 3)
}

/// Octets in octal numbers: `150 165`, `0o150, 0o165`.
fn octal(text: &[u8]) -> Vec<u8> {
    numbers(text, 8, 3)
}

/// Octets in binary numbers: `01101000 01110101`.
fn binary(text: &[u8]) -> Vec<u8> {
    numbers(text, 2, 8)
}

/// The octets of all numbers of a text, of at most so many digits each; what is no octet keeps its place.
fn numbers(text: &[u8], radix: u32, most: usize) -> Vec<u8> {
    let digits = text.split(|byte| !char::from(*byte).is_digit(radix)).filter(|digits| !digits.is_empty());
    let octet = |digits: &[u8]| number(digits, radix, most).and_then(|(value, _)| u8::try_from(value).ok());
    digits.flat_map(|digits| digits.chunks(most)).map(|digits| octet(digits).unwrap_or(0xff)).collect()
}

/// Letters and digits that only look like ASCII: full width, circled, mathematical.
fn alike(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let letter = |at: u32| char::from_u32(if at < 26 { 0x41 + at } else { 0x61 + at - 26 });
    text.chars()
        .map(|c| {
            let plain = match u32::from(c) {
                code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0),
                code @ 0x24b6..=0x24e9 => letter(code - 0x24b6),
                code @ 0x1d400..=0x1d6a3 => letter((code - 0x1d400) % 52),
                code @ 0x1d7ce..=0x1d7ff => char::from_u32(0x30 + (code - 0x1d7ce) % 10),
                _ => None,
            };
            plain.unwrap_or(c)
        })
        .collect::<String>()
        .into_bytes()
}

/// A list of octets at the beginning of the text, with up to four separators between them.
fn list(text: &[u8], one: impl Fn(&[u8]) -> Option<(usize, u8)>) -> Option<(usize, Vec<u8>)> {
    let (mut octets, mut end, mut at) = (Vec::new(), 0, 0);
    while let Some((length, octet)) = one(text.get(at..)?) {
        octets.push(octet);
        end = at + length;
        let separators = text[end..].iter().take(4).take_while(|byte| !byte.is_ascii_alphanumeric());
        at = end + separators.count();
    }
    (octets.len() >= SHORTEST_LIST).then_some((end, octets))
}

/// Each word of base64, in either alphabet and at each alignment. The words' meanings stand behind each other, apart.
fn base64(text: &[u8]) -> Vec<u8> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let mut out = Vec::new();
    for word in text.split(|byte| !is_base64(byte)).filter(|word| word.len() >= SHORTEST_WORD) {
        let standard: Vec<u8> = word
            .iter()
            .filter(|byte| **byte != b'=')
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        // A word may begin with letters that are not part of the base64.
        for part in (0..4).filter_map(|skip| standard.get(skip..)) {
            // One letter too many decodes to nothing; cut it.
            let part = if part.len() % 4 == 1 { &part[..part.len() - 1] } else { part };
            out.extend_from_slice(&LENIENT.decode(part).unwrap_or_default());
            out.push(0xff);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decoder_undoes_its_encoding_and_leaves_the_rest() {
        for (decoder, text, meaning) in [
            (html as Decoder, "a &amp;&#60; &#x3E &commat; &unknown; b", "a &< > @ &unknown; b"),
            (escapes, r#"a \"\u0041\x42\103\n\ud83d\ude00\u{43}"#, "a \"ABC\n😀C"),
            (quoted_printable, "a=41=\r\nb =zz", "aAb =zz"),
            (percent, "a%41+b%zz", "aA b%zz"),
            (xtext, "a+41b+zz", "aAb+zz"),
            (hex, "x: 68:75:6E:74, 0x68, 0x75, 0x6e, 0x74", "x: hunthunt"),
            (hex, "X'68756e74' <68><75><6e><74> 68h 75H 6eh 74h", "X'hunthunthunt"),
            (hex, "U+0068 U+0075", "\0h\0u"),
            (hex, "550 not hex", "550 not hex"),
            (decimal, "104 117 110 116", "hunt"),
            (decimal, "[104]   [117] / 110116", "hunt"),
            (octal, "150 0o165 156 164", "h\0unt"),
            (binary, "01101000 0111010101101110 01110100", "hunt"),
            (alike, "\u{ff48}\u{24e4}\u{1d427}\u{1d495}\u{1d7d2} a", "hunt4 a"),
            (joined, "a\r\nb\0c d", "abc d"),
        ] {
            assert_eq!(String::from_utf8_lossy(&decoder(text.as_bytes())), meaning, "{text}");
        }
        let decoded = base64(b"(aHVudGVyMg==) aHVudGVyMg");
        assert_eq!(decoded.windows(7).filter(|window| window == b"hunter2").count(), 2);
    }
}
