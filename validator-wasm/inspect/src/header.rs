//! The header of a mail as people paste it, and its fields.

use std::borrow::Cow;

use mail_parser::{HeaderName, HeaderValue, Message, MessageParser, Received};

/// The most octets of a header that are read: no server takes more.
const LARGEST_HEADER: usize = 256 * 1024;
/// The most characters of a text in the report.
const LONGEST_TEXT: usize = 255;

/// The header of what was pasted, with CRLF, each field whole: mail programs and web pages put lines before it, lose the
/// white space at the beginning of folded lines, and end lines in their own way.
pub(crate) fn source(message: &[u8]) -> Vec<u8> {
    let text = utf8(message);
    let lines = || lines(&text);
    // A page such as "Show original" has a summary above the header, and a blank line in between.
    let start = lines().take(200).position(is_trace);
    let (mut header, whole) = block(lines());
    if !whole && let Some(start) = start {
        (header, _) = block(lines().skip(start));
    }
    header.extend(b"\r\n");
    header
}

/// The text without its byte order mark. PowerShell's `>` writes UTF-16.
fn utf8(message: &[u8]) -> Cow<'_, [u8]> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = message.as_chunks().0.iter().skip(1).map(|&bytes| unit(bytes));
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match message {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => Cow::Borrowed(message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message)),
    }
}

/// The lines, however they end: CRLF, LF, CR.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&b| b == b'\n').flat_map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|&b| b == b'\r')
    })
}

/// The fields up to the first blank line behind one, and whether a mail's own fields are among them.
fn block<'a>(lines: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let mut header = Vec::new();
    let mut whole = false;
    for line in lines {
        if header.len() + line.len() > LARGEST_HEADER {
            break;
        }
        if line.trim_ascii().is_empty() {
            if header.is_empty() {
                continue;
            }
            break;
        }
        if is_field(line) {
            whole |= is_trace(line) || begins(line, b"message-id:") || begins(line, b"mime-version:");
            if !header.is_empty() {
                header.extend(b"\r\n");
            }
            header.extend(line);
        } else if !header.is_empty() {
            // Folded, or torn by what it was pasted through.
            header.push(b' ');
            header.extend(line.trim_ascii());
        }
    }
    if !header.is_empty() {
        header.extend(b"\r\n");
    }
    (header, whole)
}

/// Whether the line begins a field: a name and a colon (RFC 5322 §2.2). A torn line may begin with a time, `10:00:09`.
fn is_field(line: &[u8]) -> bool {
    let name = line.iter().position(|&b| b == b':').map_or(&[][..], |colon| &line[..colon]);
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.len() <= 76
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether the line is a field that servers put before a mail.
fn is_trace(line: &[u8]) -> bool {
    [&b"received:"[..], b"return-path:", b"delivered-to:", b"authentication-results:"]
        .iter()
        .any(|name| begins(line, name))
}

fn begins(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// The fields of a mail.
pub(crate) struct Header<'x> {
    message: Message<'x>,
    source: &'x [u8],
}

/// A field that matters for the way: in the order of the header, the newest first.
pub(crate) enum Field<'a> {
    /// A Received field, parsed where it could be, and its text.
    Received(Option<&'a Received<'a>>, String),
    /// An Authentication-Results field.
    Results(String),
}

impl<'x> Header<'x> {
    /// Reads what [`source`] has made; `None` when there is no field of a mail.
    pub(crate) fn read(source: &'x [u8]) -> Option<Self> {
        let message = MessageParser::default().parse_headers(source)?;
        let known = message.headers().iter().any(|field| {
            matches!(
                field.name,
                HeaderName::From
                    | HeaderName::Received
                    | HeaderName::MessageId
                    | HeaderName::Date
                    | HeaderName::ReturnPath
            )
        });
        known.then_some(Self { message, source })
    }

    /// The fields of the way, the newest first.
    pub(crate) fn trace(&self) -> impl Iterator<Item = Field<'_>> {
        self.message.headers().iter().filter_map(|field| {
            let text = || {
                let (start, end) = (field.offset_start as usize, field.offset_end as usize);
                let raw = self.source.get(start..end).unwrap_or_default();
                String::from_utf8_lossy(raw).trim().to_owned()
            };
            match &field.name {
                HeaderName::Received => Some(Field::Received(field.value.as_received(), text())),
                name if name.as_str().eq_ignore_ascii_case("Authentication-Results") => {
                    Some(Field::Results(text()))
                }
                _ => None,
            }
        })
    }

    pub(crate) fn message_id(&self) -> Option<String> {
        self.message.message_id().map(shown).filter(|id| !id.is_empty())
    }

    /// The address in From; of several the first.
    pub(crate) fn from(&self) -> Option<String> {
        let field = self.message.headers().iter().find(|field| field.name == HeaderName::From)?;
        field.value.as_address()?.first()?.address().map(shown)
    }

    /// The number of From fields: RFC 5322 §3.6 allows one, and mail programs do not agree which of several they show.
    pub(crate) fn sender_fields(&self) -> usize {
        self.message.headers().iter().filter(|field| field.name == HeaderName::From).count()
    }

    /// The address in Return-Path; empty for `<>`.
    pub(crate) fn return_path(&self) -> Option<String> {
        let field = self.message.headers().iter().find(|field| field.name == HeaderName::ReturnPath)?;
        Some(match &field.value {
            HeaderValue::Text(text) => shown(text),
            HeaderValue::TextList(texts) => texts.first().map_or_else(String::new, |text| shown(text)),
            _ => String::new(),
        })
    }

    /// Whether something between sender and reader has sent the mail on: a mailing list, or a mailbox that forwards.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.message.headers().iter().any(|field| {
            let name = field.name.as_str().to_ascii_lowercase();
            matches!(
                name.as_str(),
                "list-id" | "list-post" | "resent-from" | "x-forwarded-for" | "x-forwarded-to"
            ) || (name == "delivered-to" && self.delivered_to() > 1)
        })
    }

    fn delivered_to(&self) -> usize {
        let names = self.message.headers().iter().map(|field| field.name.as_str());
        names.filter(|name| name.eq_ignore_ascii_case("delivered-to")).count()
    }
}

/// A text for the report: without control characters, and not too long.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    text.take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn the_header_of_what_is_pasted() {
        let check = |text: &[u8], want: &str| assert_eq!(String::from_utf8_lossy(&source(text)), want);
        check(b"\xef\xbb\xbf\n\nFrom: a@b\nTo: c@d\n\nbody: x\n", "From: a@b\r\nTo: c@d\r\n\r\n");
        check(b"From: a@b\rTo: c@d\r", "From: a@b\r\nTo: c@d\r\n\r\n");
        check(
            b"Received: from a\r\n\tby b;\r\nMon, 1 Jan 2026 10:00:00 +0000\r\n",
            "Received: from a by b; Mon, 1 Jan 2026 10:00:00 +0000\r\n\r\n",
        );
        // The summary of a web page, and the header behind it.
        check(b"Original message\nMessage ID\t<1@a>\nFrom:\tA <a@b>\nSPF:\tPASS\n\nDownload original\n\nDelivered-To: x@y\nReceived: by z\n\nbody", "Delivered-To: x@y\r\nReceived: by z\r\n\r\n");
        check(b"", "\r\n");
        check(b"no header here", "\r\n");
    }
}
