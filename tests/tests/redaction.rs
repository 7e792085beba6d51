//! No encoding of a secret passes the redactor, alone or one inside the other. The seed is fixed, as in `properties.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ownpost_smtp::redact::{REDACTED, Redactor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn config() -> Config {
    let default = Config::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(20_261_130),
        given @ RngSeed::Fixed(_) => given,
    };
    Config { rng_seed, failure_persistence: None, ..default }
}

fn each(text: &[u8], write: fn(u8) -> String) -> String {
    text.iter().map(|byte| write(*byte)).collect::<Vec<_>>().concat()
}

/// The characters that stay as they are in most encodings.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

type Encoding = (&'static str, fn(&[u8]) -> String);

fn html_decimal(byte: u8) -> String {
    if plain(byte) { char::from(byte).to_string() } else { format!("&#{byte};") }
}

const ENCODINGS: &[Encoding] = &[
    ("html decimal", |text| each(text, html_decimal)),
    ("html hex", |text| each(text, |byte| format!("&#x{byte:X};"))),
    ("json", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    ("c", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    ("octal", |text| each(text, |byte| format!("\\{byte:03o}"))),
    ("quoted-printable", |text| each(text, |byte| format!("={byte:02X}"))),
    ("soft line breaks", |text| each(text, |byte| format!("={byte:02X}=\r\n"))),
    ("percent", |text| each(text, |byte| format!("%{byte:02x}"))),
    ("xtext", |text| each(text, |byte| format!("+{byte:02X}"))),
    ("hex", |text| each(text, |byte| format!("{byte:02x}"))),
    ("hex with colons", |text| each(text, |byte| format!("{byte:02x}:"))),
    ("hex in C", |text| each(text, |byte| format!("0x{byte:02x}, "))),
    ("decimal", |text| each(text, |byte| format!("{byte} "))),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 for URLs", |text| URL_SAFE_NO_PAD.encode(text)),
    ("base64 behind another octet", |text| STANDARD_NO_PAD.encode([b"x", text].concat())),
    ("AUTH PLAIN", |text| STANDARD.encode([b"\0mailer\0", text, b"!"].concat())),
    ("UTF-16", |text| STANDARD.encode(text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>())),
    ("UTF-16 big endian", |text| {
        STANDARD.encode(text.iter().flat_map(|byte| [0, *byte]).collect::<Vec<_>>())
    }),
    ("UTF-16 in the open", |text| each(text, |byte| format!("{}\0", char::from(byte)))),
    ("over lines", |text| each(text, |byte| format!("{}\n", char::from(byte)))),
    ("hex between slashes", |text| each(text, |byte| format!("/{byte:02x}/"))),
    ("hex with a letter", |text| each(text, |byte| format!("{byte:02X}h "))),
    ("code points", |text| each(text, |byte| format!("U+{byte:04X} "))),
    ("escapes of CSS", |text| each(text, |byte| format!("\\{byte:06x}"))),
    ("decimal in brackets", |text| each(text, |byte| format!("[{byte}]   "))),
    ("octal list", |text| each(text, |byte| format!("{byte:o} "))),
    ("binary", |text| each(text, |byte| format!("{byte:08b}"))),
];

/// Encodings that are found where nothing else encodes what they gave.
const OUTER: &[Encoding] = &[
    ("base64 in fours", |text| {
        STANDARD
            .encode(text)
            .as_bytes()
            .chunks(4)
            .map(|four| String::from_utf8_lossy(four).into_owned() + " - ")
            .collect()
    }),
    ("hex in pairs, as od writes it", |text| {
        let turned = |pair: &[u8]| pair.iter().rev().copied().collect::<Vec<_>>();
        let pair = |pair: &[u8]| each(&turned(pair), |byte| format!("{byte:02x}")) + " ";
        text.chunks(2).map(pair).collect()
    }),
    ("between dashes", |text| each(text, |byte| format!("{}-", char::from(byte)))),
    ("backwards", |text| text.iter().rev().map(|byte| char::from(*byte)).collect()),
    ("full width", |text| {
        let wide = |byte: &u8| char::from_u32(u32::from(*byte) + 0xfee0).filter(|_| *byte > b' ');
        text.iter().map(|byte| wide(byte).unwrap_or(' ')).collect()
    }),
    ("all but one character", |text| String::from_utf8_lossy(&text[..text.len() - 1]).into_owned()),
];

/// Secrets as people and generators make them.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9]{8,24}", "[!-~]{8,40}", "[a-z]{3,8} [a-z]{3,8} [a-z]{3,8}"]
}

proptest! {
    #![proptest_config(config())]

    /// Whatever stands around it, an encoded secret does not pass.
    #[test]
    fn an_encoded_secret_does_not_pass(
        secret in secret(),
        in_capitals: bool,
        encodings in vec(prop::sample::select(ENCODINGS), 0..=2),
        before in "[A-Za-z ]{0,20}",
    ) {
        let mut text = if in_capitals { secret.to_ascii_uppercase() } else { secret.clone() }.into_bytes();
        for (_, encode) in &encodings {
            text = encode(&text).into_bytes();
        }
        let text = String::from_utf8(text).expect("text");
        let names: Vec<_> = encodings.iter().map(|(name, _)| name).collect();
        let said = format!("{before} {text} sorry");
        let cleaned = Redactor::new([secret.as_str()]).clean(&said);
        prop_assert!(cleaned.contains(REDACTED), "{names:?}: {secret:?} in {said:?}");
        prop_assert!(!cleaned.contains(&text), "{names:?}: {secret:?} in {cleaned:?}");
    }

    /// Nor does one of letters and digits whose characters are only parted or put in another order.
    #[test]
    fn a_secret_is_found_by_its_letters(
        secret in "[a-zA-Z0-9]{16,30}",
        inner in prop::option::of(prop::sample::select(&["percent", "quoted-printable", "c"][..])),
        (name, encode) in prop::sample::select(OUTER),
        before in "[A-Za-z ]{0,20}",
    ) {
        let mut text = encode(secret.as_bytes());
        for (_, encode) in ENCODINGS.iter().filter(|(name, _)| Some(*name) == inner) {
            text = encode(text.as_bytes());
        }
        let cleaned = Redactor::new([secret.as_str()]).clean(&format!("{before} {text} sorry"));
        prop_assert!(cleaned.contains(REDACTED), "{name} in {inner:?}: {secret:?} in {cleaned:?}");
        prop_assert!(!cleaned.contains(&text), "{name} in {inner:?}: {secret:?} in {cleaned:?}");
    }

    /// A text that has nothing to do with the secret stays as it is.
    #[test]
    fn another_text_stays(secret in "[a-zA-Z0-9]{12,24}", text in "[ -~]{0,200}") {
        prop_assume!(!text.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()));
        prop_assert_eq!(Redactor::new([secret.as_str()]).clean(&text), text);
    }
}
