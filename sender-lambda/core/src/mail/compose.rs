//! The one builder of every mail: events, alerts, test mails. lettre's builder folds and encodes; nothing of an event
//! reaches a header in any other way, so nothing of an event can add one.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::ContentTransferEncoding;
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use ownpost_domain::event::Attachment;

use super::header_text::{self, FileHeaders};

/// A mail before it is MIME.
pub(super) struct Letter<'a> {
    /// The sender of the settings: servers refuse others (5.7.60).
    pub(super) from: Mailbox,
    /// The recipient.
    pub(super) to: Mailbox,
    /// The address for answers.
    pub(super) reply_to: Option<Mailbox>,
    /// Without angle brackets.
    pub(super) message_id: &'a str,
    /// The id of the thread, without angle brackets.
    pub(super) thread_id: Option<&'a str>,
    /// The time for `Date`.
    pub(super) now: Timestamp,
    /// The language of the text (RFC 3282), where it is known.
    pub(super) language: Option<&'a str>,
    /// The address of a one-click unsubscription (RFC 8058): https, ASCII, without white space.
    pub(super) unsubscribe: Option<&'a str>,
    /// The subject.
    pub(super) subject: &'a str,
    /// The plain text.
    pub(super) text: &'a str,
    /// The HTML alternative.
    pub(super) html: Option<&'a str>,
    /// The files that go along.
    pub(super) attachments: &'a [Attachment],
}

/// The message, header and body, with CRLF line ends.
pub(super) fn compose(letter: Letter<'_>) -> Result<Vec<u8>, lettre::error::Error> {
    // The builder reads From and the envelope back out of the header, and does not understand a quoted local part there.
    // So it gets the envelope, and another From until the message is built.
    let envelope = Envelope::new(Some(letter.from.email.clone()), vec![letter.to.email.clone()])?;
    let stand_in = Mailbox::new(None, Address::new_dangerous("x", "ownpost.invalid"));
    let mut builder = Message::builder()
        .envelope(envelope)
        .from(stand_in.clone())
        .to(stand_in)
        .message_id(Some(format!("<{}>", letter.message_id)))
        .date(SystemTime::try_from(letter.now).unwrap_or(SystemTime::UNIX_EPOCH));
    if let Some(thread) = letter.thread_id {
        builder = builder.references(format!("<{thread}>")).in_reply_to(format!("<{thread}>"));
    }
    let text = SinglePart::plain(line_feeds(letter.text));
    let alternative = letter.html.map(|html| {
        MultiPart::alternative().singlepart(text.clone()).singlepart(SinglePart::html(line_feeds(html)))
    });
    let mut message = if letter.attachments.is_empty() {
        match alternative {
            Some(alternative) => builder.multipart(alternative)?,
            None => builder.singlepart(text)?,
        }
    } else {
        let mut mixed = match alternative {
            Some(alternative) => MultiPart::mixed().multipart(alternative),
            None => MultiPart::mixed().singlepart(text),
        };
        for file in letter.attachments {
            mixed = mixed.singlepart(part(file));
        }
        builder.multipart(mixed)?
    };
    let headers = message.headers_mut();
    headers.insert_raw(header_text::mailbox("From", letter.from));
    headers.insert_raw(header_text::mailbox("To", letter.to));
    if let Some(reply_to) = letter.reply_to {
        headers.insert_raw(header_text::mailbox("Reply-To", reply_to));
    }
    headers.insert_raw(header_text::subject(letter.subject));
    if let Some(language) = letter.language {
        headers.insert_raw(header_text::plain("Content-Language", language));
    }
    if let Some(url) = letter.unsubscribe {
        headers.insert_raw(header_text::plain("List-Unsubscribe", &format!("<{url}>")));
        headers.insert_raw(header_text::plain("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    // RFC 3834 §5: out-of-office answers stay away. Exchange looks at its own header instead.
    headers.insert_raw(header_text::plain("Auto-Submitted", "auto-generated"));
    headers.insert_raw(header_text::plain("X-Auto-Response-Suppress", "All"));
    Ok(message.formatted())
}

/// A file as a part, always in base64: every other encoding lets a mailer change line ends, and a signature or checksum
/// over the file would break.
fn part(file: &Attachment) -> SinglePart {
    // RFC 2046 §5.2: a part of `message/…` must not be in base64. As plain octets with its name it opens all the same.
    let message =
        file.content_type.trim_start().get(..8).is_some_and(|start| start.eq_ignore_ascii_case("message/"));
    let content_type = if message { "application/octet-stream" } else { file.content_type.as_str() };
    let FileHeaders { content_type, disposition } = FileHeaders::new(content_type, &file.filename);
    let mut encoded = String::with_capacity(file.bytes.len() / 3 * 4 + 4);
    base64_lines(&file.bytes, &mut encoded);
    SinglePart::builder()
        .header(content_type)
        .header(disposition)
        .body(Body::dangerous_pre_encoded(encoded.into_bytes(), ContentTransferEncoding::Base64))
}

/// Base64 in lines of 76 characters (RFC 2045 §6.8).
fn base64_lines(bytes: &[u8], out: &mut String) {
    use base64::Engine as _;
    for (index, chunk) in bytes.chunks(57).enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        base64::engine::general_purpose::STANDARD.encode_string(chunk, out);
    }
}

/// The builder takes a lone CR for text; servers take it for an attack.
fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
