//! Keeps secrets out of texts that a server may echo them in.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use zeroize::Zeroizing;

/// The text in a secret's place.
pub const REDACTED: &str = "<redacted>";

/// The shortest secret, in octets, that is cut out of a text. For a shorter one the whole text is replaced, because the
/// gaps would show where the secret stood.
const TOO_SHORT_TO_CUT_OUT: usize = 4;

/// Takes base64 with and without padding, and with stray bits: an echo need not be clean.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The secrets of one relay, in the forms in which a server could send them back.
///
/// ```
/// use ownpost_smtp::redact::Redactor;
///
/// let redactor = Redactor::new(["hunter2"]);
/// assert_eq!(redactor.clean("535 bad password HUNTER2"), "535 bad password <redacted>");
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    /// The secrets themselves.
    secrets: Vec<Zeroizing<String>>,
    /// Each secret in base64, hex and percent encoding.
    encoded: Vec<Zeroizing<String>>,
}

impl Redactor {
    /// Makes a redactor of these secrets. Empty ones do not count.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(secret);
        }
        redactor
    }

    /// Adds a secret that was learnt later, such as an access token.
    pub fn add(&mut self, secret: &str) {
        if secret.is_empty() || self.secrets.iter().any(|known| known.as_str() == secret) {
            return;
        }
        self.secrets.push(Zeroizing::new(secret.to_owned()));
        let base64 = general_purpose::STANDARD_NO_PAD.encode(secret);
        self.encoded.push(Zeroizing::new(base64.replace('+', "-").replace('/', "_")));
        self.encoded.push(Zeroizing::new(base64));
        self.encoded.push(Zeroizing::new(secret.bytes().fold(String::new(), |mut hex, byte| {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
            hex
        })));
        let mut percent = String::new();
        for byte in secret.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                percent.push(char::from(byte));
            } else {
                percent.push('%');
                for digit in [byte >> 4, byte & 15] {
                    percent.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
                }
            }
        }
        if percent != secret {
            self.encoded.push(Zeroizing::new(percent));
        }
        // Longest first, so that a secret that contains another one is replaced as a whole.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.encoded.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without the secrets, whatever their case or encoding, alone or inside a longer base64 word.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if secret.len() < TOO_SHORT_TO_CUT_OUT && text.contains(secret.as_str()) {
                return REDACTED.to_owned();
            }
        }
        for secret in self.secrets.iter().chain(&self.encoded).filter(|s| s.len() >= TOO_SHORT_TO_CUT_OUT) {
            text = replace_any_case(text, secret);
        }
        self.clean_base64_words(text)
    }

    /// Replaces each word of base64 whose decoded form contains a secret: `AUTH PLAIN`'s initial response holds
    /// the password at any of three alignments.
    fn clean_base64_words(&self, text: String) -> String {
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let mut cleaned: Option<String> = None;
        let mut copied = 0;
        for word in text.split(|c| !is_base64(c)) {
            if word.len() < 8 || !self.hides_secret(word) {
                continue;
            }
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let out = cleaned.get_or_insert_with(String::new);
            out.push_str(&text[copied..start]);
            out.push_str(REDACTED);
            copied = start + word.len();
        }
        match cleaned {
            Some(mut out) => {
                out.push_str(&text[copied..]);
                out
            }
            None => text,
        }
    }

    fn hides_secret(&self, word: &str) -> bool {
        // A word may begin with letters that are not part of the base64, so every alignment is tried.
        (0..4).any(|skip| {
            let Some(part) = word.get(skip..) else { return false };
            let part = part.trim_end_matches('=');
            // One letter too many decodes to nothing; cut it.
            let part = if part.len() % 4 == 1 { &part[..part.len() - 1] } else { part };
            let Ok(decoded) = LENIENT.decode(part) else { return false };
            let decoded = Zeroizing::new(decoded);
            self.secrets.iter().any(|secret| memchr::memmem::find(&decoded, secret.as_bytes()).is_some())
        })
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Replaces each `needle`, compared without ASCII case.
fn replace_any_case(text: String, needle: &str) -> String {
    let (hay, needle) = (text.as_bytes(), needle.as_bytes());
    if needle.is_empty() || hay.len() < needle.len() {
        return text;
    }
    let mut out: Option<String> = None;
    let (mut copied, mut at) = (0, 0);
    while at + needle.len() <= hay.len() {
        let found = hay[at..at + needle.len()].eq_ignore_ascii_case(needle)
            && text.is_char_boundary(at)
            && text.is_char_boundary(at + needle.len());
        if found {
            let out = out.get_or_insert_with(String::new);
            out.push_str(&text[copied..at]);
            out.push_str(REDACTED);
            at += needle.len();
            copied = at;
        } else {
            at += 1;
        }
    }
    match out {
        Some(mut out) => {
            out.push_str(&text[copied..]);
            out
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        let redactor = Redactor::new(["hunter2"]);
        let plain = general_purpose::STANDARD.encode("\0mailer\0hunter2");
        let shifted = general_purpose::STANDARD.encode("x\0mailer\0hunter2!");
        for (text, want) in [
            ("no secret here", "no secret here".to_owned()),
            ("bad password hunter2", format!("bad password {REDACTED}")),
            ("bad password HUNTER2!", format!("bad password {REDACTED}!")),
            ("aHVudGVyMg==", format!("{REDACTED}==")),
            ("got 68756e74657232", format!("got {REDACTED}")),
            (&format!("you sent {plain}."), format!("you sent {REDACTED}.")),
            (&format!("AUTH:{shifted}"), format!("AUTH:{REDACTED}")),
        ] {
            assert_eq!(redactor.clean(text), want, "{text}");
        }
    }

    #[test]
    fn for_a_short_secret_the_whole_text_is_replaced() {
        assert_eq!(Redactor::new(["a"]).clean("authentication failed"), REDACTED);
        assert_eq!(Redactor::new(["a"]).clean("no"), "no");
    }

    #[test]
    fn a_percent_encoded_secret_is_replaced() {
        assert_eq!(Redactor::new(["p@ss word"]).clean("u=p%40ss%20word"), format!("u={REDACTED}"));
    }
}
