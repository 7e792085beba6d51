//! Text and names in headers, so that they read as they were typed (RFC 2047, RFC 2231).
//!
//! lettre encodes what is not ASCII. ASCII that only looks like an encoded word goes out raw there, and readers decode it:
//! `=?utf-8?q?a?=` would arrive as `a`. Such text is encoded here.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, header};
use ownpost_domain::percent;

/// The most octets in one encoded word: with its frame it stays below 75 characters (RFC 2047 §2), also behind a header's
/// name.
const WORD: usize = 36;

/// The text without the characters that turn the direction of what follows (UAX #9 §2): in a subject, name or file name
/// `invoice\u{202e}fdp.exe` reads as another file.
pub(super) fn undirected(text: &str) -> String {
    text.chars().filter(|c| !is_direction_mark(*c)).collect()
}

/// Whether a character changes the direction of text.
pub(super) fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The header `Subject`.
pub(super) fn subject(text: &str) -> HeaderValue {
    let text = undirected(text);
    if looks_encoded(&text) {
        let encoded = words(&text);
        return raw("Subject", text, encoded);
    }
    header::Subject::from(text).display()
}

/// A header with one mailbox: `From`, `To` or `Reply-To`.
pub(super) fn mailbox(name: &'static str, mailbox: Mailbox) -> HeaderValue {
    let Mailbox { name: display, email } = mailbox;
    let display = display.map(|display| undirected(&display)).filter(|display| !display.trim().is_empty());
    if let Some(display) = display.as_deref().filter(|display| looks_encoded(display)) {
        let encoded = format!("{}\r\n <{email}>", words(display));
        return raw(name, format!("{display} <{email}>"), encoded);
    }
    let mailboxes = Mailboxes::from(Mailbox::new(display, email));
    match name {
        "From" => header::From::from(mailboxes).display(),
        "To" => header::To::from(mailboxes).display(),
        _ => header::ReplyTo::from(mailboxes).display(),
    }
}

/// A header whose value is ASCII without line breaks that we wrote ourselves.
pub(super) fn plain(name: &'static str, value: &str) -> HeaderValue {
    raw(name, value.to_owned(), value.to_owned())
}

/// The headers of an attachment: `Content-Disposition` by RFC 2231, and `name=` in `Content-Type` beside it, because old
/// Outlook reads that one alone.
pub(super) struct FileHeaders {
    /// The `Content-Type`, `name` included.
    pub(super) content_type: ContentType,
    /// The `Content-Disposition`.
    pub(super) disposition: Disposition,
}

impl FileHeaders {
    /// The headers of a file of this MIME type, which is a valid one.
    pub(super) fn new(content_type: &str, filename: &str) -> Self {
        let filename = file_name(filename);
        let bare = without_name(content_type);
        let name = if filename.is_ascii() && !looks_encoded(&filename) {
            quoted(&filename)
        } else {
            format!("\"{}\"", words(&filename))
        };
        let content_type = raw("Content-Type", bare.clone(), format!("{bare};\r\n name={name}"));
        let disposition = if looks_encoded(&filename) {
            let mut encoded = "attachment;\r\n filename*=utf-8''".to_owned();
            percent::encode(&filename, &mut encoded);
            raw("Content-Disposition", "attachment".to_owned(), encoded)
        } else {
            header::ContentDisposition::attachment(&filename).display()
        };
        Self { content_type: ContentType(content_type), disposition: Disposition(disposition) }
    }
}

/// `Content-Type` with a `name`.
#[derive(Clone)]
pub(super) struct ContentType(HeaderValue);
/// `Content-Disposition` of a file.
#[derive(Clone)]
pub(super) struct Disposition(HeaderValue);

/// Declares a header that was encoded beforehand.
macro_rules! encoded_header {
    ($type:ident $name:literal) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }
            fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(plain($name, value)))
            }
            fn display(&self) -> HeaderValue {
                self.0.clone()
            }
        }
    };
}

encoded_header!(ContentType "Content-Type");
encoded_header!(Disposition "Content-Disposition");

/// The last part of a path, without what file systems or eyes take for something else.
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = undirected(last).chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim();
    if clean.trim_matches('.').is_empty() { "attachment".to_owned() } else { clean.to_owned() }
}

/// A MIME type with its parameters but `name`, which the file's name replaces. Each parameter stands on a line of its own.
fn without_name(content_type: &str) -> String {
    let mut parts = parameters(content_type).into_iter();
    let mut bare = parts.next().unwrap_or_default().trim().to_owned();
    for part in parts {
        let part = part.trim();
        let key = part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !part.is_empty() && key != "name" && !key.starts_with("name*") {
            let _ = write!(bare, ";\r\n {part}");
        }
    }
    bare
}

/// The parts between the semicolons that are outside quotes.
fn parameters(text: &str) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        if c == ';' && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn raw(name: &'static str, value: String, encoded: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value, encoded)
}

/// Whether a reader could take some of the text for an encoded word.
fn looks_encoded(text: &str) -> bool {
    text.contains("=?")
}

/// The text as encoded words (RFC 2047 §2), none of which splits a character; folded between them.
fn words(text: &str) -> String {
    let mut chunks = vec![String::new()];
    for c in text.chars() {
        let full = chunks.last().is_some_and(|chunk| chunk.len() + c.len_utf8() > WORD);
        if full {
            chunks.push(String::new());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(c);
        }
    }
    let word = |chunk: &String| format!("=?utf-8?b?{}?=", STANDARD.encode(chunk));
    chunks.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_encoded_word_is_encoded() {
        let encoded = |value: &HeaderValue| {
            let debug = format!("{value:?}");
            debug.split("encoded_value: \"").nth(1).unwrap().trim_end_matches("\" }").to_owned()
        };
        assert_eq!(encoded(&subject("=?utf-8?q?already?=")), "=?utf-8?b?PT91dGYtOD9xP2FscmVhZHk/PQ==?=");
        assert_eq!(encoded(&subject("plain")), "plain");
        let address: lettre::Address = "a@example.org".parse().unwrap();
        let header = mailbox("To", Mailbox::new(Some("=?utf-8?q?x?=".to_owned()), address));
        assert_eq!(encoded(&header), "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?=\\r\\n <a@example.org>");
        let long = encoded(&subject(&format!("=?{}", "é".repeat(100))));
        assert!(long.split("\\r\\n ").all(|word| word.len() <= 75), "{long}");
        assert!(!encoded(&subject("invoice\u{202e}fdp.exe")).contains("=?"));
    }

    #[test]
    fn a_file_name_is_no_path_and_no_parameter() {
        for (given, want) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("..", "attachment"),
            ("a\u{202e}fdp.exe", "afdp.exe"),
        ] {
            assert_eq!(file_name(given), want);
        }
        for (given, want) in [
            ("text/csv; name=\"x;y.csv\"; charset=utf-8", "text/csv;\r\n charset=utf-8"),
            ("application/pdf", "application/pdf"),
            ("text/plain; NAME*=utf-8''a;format=\"a;\\\"b\"", "text/plain;\r\n format=\"a;\\\"b\""),
        ] {
            assert_eq!(without_name(given), want);
        }
    }
}
