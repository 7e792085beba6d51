//! Secrets by their letters, digits and octets alone: whatever stands between these, no separator hides one. The decoders of
//! [`decode`](super::decode) undo what has a form of its own; here the form does not matter.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose;
use zeroize::Zeroizing;

/// The shortest row of characters that is looked for.
const SHORTEST: usize = 8;
/// The fewest letters and digits of a longer secret that count as one, if they are half of it: a server that leaves out a few
/// has shown it all the same. Fewer are a word that many texts have.
const PART: usize = 12;

/// The shortest piece of a secret that counts where its pieces are all over a text.
const PIECE: usize = 4;

/// A secret's letters and digits, or its octets in hex, in some spelling. In small letters.
#[derive(Clone)]
pub(super) struct Spelling {
    is_hex: bool,
    text: Zeroizing<Vec<u8>>,
}

/// The spellings of a secret that are long enough to be looked for.
pub(super) fn of(secret: &str) -> impl Iterator<Item = Spelling> {
    let octets = secret.as_bytes();
    let backwards: Zeroizing<Vec<u8>> = Zeroizing::new(octets.iter().rev().copied().collect());
    let mut plain = vec![letters(octets), letters(&backwards), letters(&rot13(octets))];
    plain.extend((0..3).map(|at| core(octets, at, 3, |octets| general_purpose::STANDARD.encode(octets))));
    plain.extend((0..5).map(|at| core(octets, at, 5, base32)));
    let mut swapped = Zeroizing::new(octets.to_vec());
    for pair in swapped.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    let wide = |width: usize, little: bool| {
        let mut all = Zeroizing::new(Vec::with_capacity(octets.len() * width));
        for octet in octets {
            let mut one = vec![0; width];
            one[if little { 0 } else { width - 1 }] = *octet;
            all.extend_from_slice(&one);
        }
        all
    };
    let hex = [Zeroizing::new(octets.to_vec()), swapped].into_iter().chain(
        [(2, false), (2, true), (3, false), (4, false), (4, true)].map(|(width, little)| wide(width, little)),
    );
    let hex = hex.map(|octets| Spelling { is_hex: true, text: hex_of(&octets) });
    let plain = plain.into_iter().map(|text| Spelling { is_hex: false, text });
    let all: Vec<_> = plain.chain(hex).collect();
    all.into_iter().filter(|spelling| spelling.text.len() >= SHORTEST)
}

/// A text by its letters and digits, and by its hex digits.
pub(super) struct Spelt {
    letters: Zeroizing<Vec<u8>>,
    hex: Zeroizing<Vec<u8>>,
}

impl Spelt {
    pub(super) fn new(text: &[u8]) -> Self {
        let hex: Vec<u8> = text
            .iter()
            .enumerate()
            // The zero of `0x` is no digit of the number.
            .filter(|(at, byte)| **byte != b'0' || !matches!(text.get(at + 1), Some(b'x' | b'X')))
            .map(|(_, byte)| byte.to_ascii_lowercase())
            .filter(u8::is_ascii_hexdigit)
            .collect();
        Self { letters: letters(text), hex: Zeroizing::new(hex) }
    }

    /// Whether one of these is in the text, or a large part of it.
    pub(super) fn has(&self, spellings: &[Spelling]) -> bool {
        let rows = |text: &[u8]| -> HashSet<[u8; SHORTEST]> {
            text.windows(SHORTEST).filter_map(|row| row.try_into().ok()).collect()
        };
        let (letters, hex) = (rows(&self.letters), rows(&self.hex));
        let pieces: HashSet<&[u8]> = self.letters.windows(PIECE).collect();
        spellings.iter().any(|spelling| {
            if !spelling.is_hex && is_pieced(&spelling.text, &pieces) {
                return true;
            }
            let (rows, part) = if spelling.is_hex { (&hex, SHORTEST) } else { (&letters, PART) };
            let length = spelling.text.len();
            // So many rows, each a character behind the one before, are that many characters.
            let wanted = part.max(length / 2).min(length) + 1 - SHORTEST;
            let mut found = 0;
            spelling.text.windows(SHORTEST).any(|row| {
                found = if rows.contains(row) { found + 1 } else { 0 };
                found == wanted
            })
        })
    }
}

/// Whether these pieces of a text are a secret together, or most of it: a reply of two lines has room for half of it in each.
fn is_pieced(secret: &[u8], pieces: &HashSet<&[u8]>) -> bool {
    let (mut found, mut end) = (0, 0);
    for (at, piece) in secret.windows(PIECE).enumerate() {
        if pieces.contains(piece) {
            found += at + PIECE - end.max(at);
            end = at + PIECE;
        }
    }
    found >= PART.max(secret.len() * 3 / 4).min(secret.len())
}

/// The ASCII letters and digits of a text, in small letters.
fn letters(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let letters = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    Zeroizing::new(letters.map(u8::to_ascii_lowercase).collect())
}

fn hex_of(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    Zeroizing::new(digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]).collect())
}

fn rot13(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let turn = |byte: u8, first: u8| (byte - first + 13) % 26 + first;
    Zeroizing::new(
        text.iter()
            .map(|byte| match byte {
                b'a'..=b'z' => turn(*byte, b'a'),
                b'A'..=b'Z' => turn(*byte, b'A'),
                byte => *byte,
            })
            .collect(),
    )
}

/// The letters and digits that stand for these octets alone where so many others are before them in a group: what depends on
/// the octets around is left out.
fn core(octets: &[u8], before: usize, group: usize, encode: fn(&[u8]) -> String) -> Zeroizing<Vec<u8>> {
    let bits = if group == 3 { 6 } else { 5 };
    let padded = Zeroizing::new([vec![0; before], octets.to_vec()].concat());
    let encoded = Zeroizing::new(encode(&padded));
    let (from, to) = ((before * 8).div_ceil(bits), padded.len() * 8 / bits);
    letters(encoded.as_bytes().get(from..to).unwrap_or_default())
}

/// Base32 (RFC 4648 §6) without padding.
fn base32(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len() * 8 / 5 + 1);
    let digit = |value: u32| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(value & 31) as usize]);
    let (mut held, mut bits) = (0_u32, 0);
    for octet in octets {
        held = (held << 8) | u32::from(*octet);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(digit(held >> bits));
        }
    }
    if bits > 0 {
        out.push(digit(held << (5 - bits)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (text, encoded) in
            [("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn nothing_between_the_characters_hides_a_secret_and_other_texts_have_none() {
        let spellings: Vec<_> = of("correct horse battery").collect();
        let has = |text: &str| Spelt::new(text.as_bytes()).has(&spellings);
        for text in [
            "c-o-r-r-e-c-t h*o*r*s*e b'a't't'e'r'y",
            "CORRECTHORSEBATT",
            "yrettab esroh tcerroc",
            "pbeerpg ubefr onggrel",
            "Y29y cmVj dCBo b3Jz ZSBi YXR0 ZXJ5",
            "MNXXE4TFMN2CA2DPOJZWKIDCMF2HIZLSPE======",
            "63h 6Fh 72h 72h 65h 63h 74h 20h 68h 6Fh 72h 73h 65h",
            "0x63/0x6f/0x72/0x72/0x65/0x63/0x74/0x20/0x68/0x6f/0x72",
            "bad: correct hor\n and then se battery",
            "6f63 7272 6365 2074 6f68 7372 2065 6162 7474 7265",
            "U+0063 U+006F U+0072 U+0072 U+0065 U+0063 U+0074 U+0020 U+0068 U+006F U+0072",
        ] {
            assert!(has(text), "{text}");
        }
        for text in [
            "correct",
            "a battery of horses",
            "correct the name of the host",
            "Y29ycmVj",
            "deadbeef 0123456789abcdef 00000000000000000000",
            "",
        ] {
            assert!(!has(text), "{text}");
        }
    }
}
