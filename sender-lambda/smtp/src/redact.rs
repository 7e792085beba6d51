//! Keeps secrets out of texts that a server may echo them in.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose;
use smtp_rules::shown::deceives;
use zeroize::Zeroizing;

mod decode;
mod spelling;

use spelling::{Spelling, Spelt};

/// The text in a secret's place.
pub const REDACTED: &str = "<redacted>";

/// The shortest secret, in octets, that is cut out of a text. For a shorter one the whole text is replaced, because the
/// gaps would show where the secret stood.
const TOO_SHORT_TO_CUT_OUT: usize = 4;

/// The shortest secret, in octets, that is looked for in a text without its white space.
const TOO_SHORT_TO_SQUEEZE: usize = 8;
/// How often a text may be encoded: base64 of JSON of base64.
const DEPTH: usize = 3;
/// In how many encodings a secret is also looked for by its letters alone.
const SPELT: usize = 1;
/// The length, in octets, from which a secret is a token or key, which nobody remembers and no text has a part of.
const LONG: usize = 40;
/// How many octets in a row of what AUTH sent may not come back: six octets of the account's name and password.
const SENT: usize = 8;

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
    /// Each secret by its letters and digits alone.
    spellings: Vec<Spelling>,
    /// What AUTH sent, in base64, in small letters.
    sent: Vec<Zeroizing<String>>,
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
        self.add_form(secret);
        // A reply is shown without the characters that turn the text around it, so it has the secret without them too.
        let shown: Zeroizing<String> = Zeroizing::new(secret.chars().filter(|c| !deceives(*c)).collect());
        self.add_form(&shown);
    }

    fn add_form(&mut self, secret: &str) {
        // Not even a part of a token may come back: a reply of two lines has room for half of it in each.
        if secret.len() >= LONG {
            self.sent.push(Zeroizing::new(secret.to_ascii_lowercase()));
        }
        if secret.is_empty() || self.secrets.iter().any(|known| known.as_str() == secret) {
            return;
        }
        self.secrets.push(Zeroizing::new(secret.to_owned()));
        self.spellings.extend(spelling::of(secret));
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

    /// Adds a line that AUTH has sent: not even a part of it may come back.
    pub(crate) fn add_sent(&mut self, line: &str) {
        let base64 = line.rsplit(' ').next().unwrap_or(line);
        if base64.len() >= SENT {
            self.sent.push(Zeroizing::new(base64.to_ascii_lowercase()));
        }
    }

    /// The text without the secrets, whatever their case and however they are encoded. What cannot be cut out takes its
    /// word along, then its line, then the whole text.
    pub fn clean(&self, text: &str) -> String {
        if self.secrets.is_empty() && self.sent.is_empty() {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if secret.len() < TOO_SHORT_TO_CUT_OUT && text.contains(secret.as_str()) {
                return REDACTED.to_owned();
            }
        }
        for secret in self.secrets.iter().chain(&self.encoded).filter(|s| s.len() >= TOO_SHORT_TO_CUT_OUT) {
            text = replace_any_case(text, secret);
        }
        for separators in [" \n:;,.\"'()<>[]{}|", " \n", "\n"] {
            if !self.is_in(&text) {
                return text;
            }
            text = self.without_parts(&text, separators);
        }
        if self.is_in(&text) { REDACTED.to_owned() } else { text }
    }

    /// The text with each part replaced that has a secret in it.
    fn without_parts(&self, text: &str, separators: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for part in text.split_inclusive(|c| separators.contains(c)) {
            let bare = part.trim_end_matches(|c| separators.contains(c));
            let separator = &part[bare.len()..];
            out.push_str(if self.is_in(bare) { REDACTED } else { bare });
            out.push_str(separator);
        }
        out
    }

    /// Whether a secret is in the text, in some encoding, or a part of what AUTH sent.
    fn is_in(&self, text: &str) -> bool {
        self.echoes_auth(text) || self.is_encoded_in(text.as_bytes())
    }

    fn echoes_auth(&self, text: &str) -> bool {
        if self.sent.is_empty() {
            return false;
        }
        let text = decode::squeezed(text.to_ascii_lowercase().as_bytes());
        let windows: HashSet<&[u8]> = text.windows(SENT).collect();
        self.sent.iter().any(|sent| sent.as_bytes().windows(SENT).any(|window| windows.contains(window)))
    }

    /// Undoes the encodings in every order, up to [`DEPTH`] of them. A text that grows beyond all measure in that counts as
    /// one with a secret.
    fn is_encoded_in(&self, text: &[u8]) -> bool {
        let mut budget = 64 * (text.len() + 1024);
        let mut level = vec![Zeroizing::new(text.to_vec())];
        let mut seen = level.clone();
        for depth in 0..=DEPTH {
            if level.iter().any(|view| self.is_plain_in(view)) {
                return true;
            }
            if depth <= SPELT && level.iter().any(|view| Spelt::new(view).has(&self.spellings)) {
                return true;
            }
            if depth == DEPTH {
                break;
            }
            let mut next = Vec::new();
            for view in &level {
                for decoder in decode::DECODERS {
                    let decoded = Zeroizing::new(decoder(view));
                    let Some(rest) = budget.checked_sub(decoded.len()) else { return true };
                    budget = rest;
                    if decoded.len() >= TOO_SHORT_TO_CUT_OUT && !seen.contains(&decoded) {
                        seen.push(decoded.clone());
                        next.push(decoded);
                    }
                }
            }
            level = next;
        }
        false
    }

    fn is_plain_in(&self, view: &[u8]) -> bool {
        let squeezed = Zeroizing::new(decode::squeezed(view));
        self.secrets.iter().filter(|secret| secret.len() >= TOO_SHORT_TO_CUT_OUT).any(|secret| {
            let secret = secret.as_bytes();
            contains_any_case(view, secret) || {
                let secret = Zeroizing::new(decode::squeezed(secret));
                secret.len() >= TOO_SHORT_TO_SQUEEZE && contains_any_case(&squeezed, &secret)
            }
        })
    }
}

/// Whether `needle` is in the text, compared without ASCII case.
fn contains_any_case(text: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let ends = [first.to_ascii_lowercase(), first.to_ascii_uppercase()];
    memchr::memchr2_iter(ends[0], ends[1], text)
        .any(|at| text.get(at..at + needle.len()).is_some_and(|found| found.eq_ignore_ascii_case(needle)))
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
    fn a_part_of_what_auth_sent_is_left_out() {
        let mut redactor = Redactor::new(["correct horse battery"]);
        redactor.add_sent(&format!(
            "AUTH PLAIN {}",
            general_purpose::STANDARD.encode("\0mailer\0correct horse battery")
        ));
        let part = &general_purpose::STANDARD.encode("\0mailer\0correct horse battery")[12..24];
        assert_eq!(redactor.clean(&format!("535 bad {part}. Sorry")), format!("535 bad {REDACTED}. Sorry"));
        assert_eq!(redactor.clean("535 authentication failed"), "535 authentication failed");
    }

    #[test]
    fn a_part_of_a_token_is_left_out() {
        let mut redactor = Redactor::default();
        let token = "ya29.a0AfH6SMBx-3kZ9vQ2m7Lw4TtYpR8sUcVbNjKhGfDsEaQzXw";
        redactor.add(token);
        let (one, two) = token.split_at(token.len() / 2);
        assert_eq!(redactor.clean(&format!("bad token {one}")), format!("bad token ya29.{REDACTED}"));
        assert_eq!(redactor.clean(&format!("{two} refused")), format!("{REDACTED} refused"));
        let whole = redactor.clean(&format!("bad {one}\n{two} refused"));
        assert!(!whole.contains(&one[6..]) && !whole.contains(&two[..12]), "{whole}");
        assert_eq!(
            redactor.clean("5.7.8 Username and Password not accepted"),
            "5.7.8 Username and Password not accepted"
        );
    }

    #[test]
    fn a_secret_in_pieces_takes_the_text_along() {
        for secret in ["abcdefghijklmnop", "Tr0ub4dor&3x", "k7Qz-93Lm-Xw2p-R5tV"] {
            let redactor = Redactor::new([secret]);
            for at in 4..=secret.len() - 4 {
                let (one, two) = secret.split_at(at);
                // Three letters are in many words.
                let is_short = |part: &str| part.bytes().filter(u8::is_ascii_alphanumeric).count() < 4;
                if is_short(one) || is_short(two) {
                    continue;
                }
                for text in [
                    format!("5.7.8 got {one}\nand {two}, sorry"),
                    format!("5.7.8 {two} follows\nupon {one}."),
                ] {
                    let clean = redactor.clean(&text);
                    assert!(!clean.contains(one) || !clean.contains(two), "{text}: {clean}");
                }
            }
            assert_eq!(redactor.clean("5.7.8 authentication failed"), "5.7.8 authentication failed");
        }
    }

    #[test]
    fn texts_without_a_secret_stay_as_they_are() {
        let mut redactor =
            Redactor::new(["hunter2", "a much longer pass phrase", "Summer-2026-mailer", "abcdefghijklmnop"]);
        redactor.add_sent("AUTH PLAIN AG1haWxlcgBodW50ZXIy");
        for text in [
            "5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
            "mail.example.org Hello [192.0.2.1], pleased to meet you\nSIZE 35882577\nAUTH PLAIN LOGIN\n8BITMIME",
            "5.7.60 SMTP; Client does not have permissions to send as this sender [AM6PR07CA0021.eurprd07.prod.outlook.com 2026-11-30T01:02:03.456Z 08DD0F9A1B2C3D4E]",
            "Requested mail action okay, completed: id=1MsI0K-1tPQbY2pYw-00tCDz 00:11:22:33:44:55 2001:db8::1",
        ] {
            assert_eq!(redactor.clean(text), text);
        }
    }

    #[test]
    fn for_a_short_secret_the_whole_text_is_replaced() {
        assert_eq!(Redactor::new(["a"]).clean("authentication failed"), REDACTED);
        assert_eq!(Redactor::new(["a"]).clean("no"), "no");
    }

    #[test]
    fn a_secret_is_replaced_without_its_marks_of_direction_too() {
        let redactor = Redactor::new(["correct\u{200e}horse"]);
        assert_eq!(redactor.clean("bad: correcthorse"), format!("bad: {REDACTED}"));
        assert_eq!(redactor.clean("bad: correct\u{200e}horse"), format!("bad: {REDACTED}"));
    }

    #[test]
    fn a_percent_encoded_secret_is_replaced() {
        assert_eq!(Redactor::new(["p@ss word"]).clean("u=p%40ss%20word"), format!("u={REDACTED}"));
    }
}
