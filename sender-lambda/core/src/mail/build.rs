//! Builds the MIME message with lettre's builder, which folds and encodes every header. Nothing of an event
//! reaches a header in any other way, so nothing of an event can add one.

use std::str::FromStr as _;
use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{self, ContentType};
use lettre::message::{Attachment, Body, Mailbox, Mailboxes, Message, MessageBuilder, MultiPart, SinglePart};
use ownpost_domain::event::{Event, Person, Recipient};
use ownpost_domain::settings::Settings;

use super::auto_submitted::AutoSubmitted;
use super::templates::{TemplateError, Templates};

/// What a message is built from.
pub struct Parts<'a> {
    /// The event that the mail is about.
    pub event: &'a Event,
    /// The recipient, one of the event's.
    pub recipient: &'a Recipient,
    /// Through whose server, and so in whose name.
    pub settings: &'a Settings,
    /// The Message-ID without angle brackets.
    pub message_id: &'a str,
    /// The id of the thread without angle brackets.
    pub thread_id: Option<&'a str>,
    /// The time for the header `Date`.
    pub now: Timestamp,
}

/// The message cannot be built; trying again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The operator's template fails.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// An address of the settings or the event is none.
    #[error("{0} is no address that a header takes")]
    Address(&'static str),
    /// A type that was a MIME type when the event came.
    #[error("the content type of {0} cannot be used")]
    ContentType(String),
    /// The mail builder refused a header or part.
    #[error("the message cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
}

/// The message, header and body, with CRLF line ends. From: is always the sender of the settings (servers refuse
/// others, 5.7.60); the people of the event go to Reply-To.
///
/// # Errors
/// See [`BuildError`].
pub fn build(parts: &Parts<'_>, templates: &Templates) -> Result<Vec<u8>, BuildError> {
    let Parts { event, recipient, settings, .. } = parts;
    let sender = Person { address: settings.sender_address.clone(), name: settings.sender_name.clone() };
    let (from, to) = (mailbox(&sender, "the sender")?, mailbox(&recipient.person, "the recipient")?);
    let mut builder = begin(&from, to)?
        .message_id(Some(format!("<{}>", parts.message_id)))
        .date(SystemTime::try_from(parts.now).unwrap_or(SystemTime::UNIX_EPOCH))
        .header(AutoSubmitted);
    let settings_reply_to = settings.reply_to.clone().map(|address| Person { address, name: None });
    if let Some(person) = event.reply_to.as_ref().or(settings_reply_to.as_ref()) {
        builder = builder.reply_to(mailbox(person, "the reply address")?);
    }
    if let Some(thread) = parts.thread_id {
        builder = builder.references(format!("<{thread}>")).in_reply_to(format!("<{thread}>"));
    }
    let (subject, text, html) = if let Some(content) = &event.content {
        (content.subject.clone(), content.text.clone(), content.html.clone())
    } else {
        let name = settings.sender_name.as_deref().unwrap_or(&settings.sender_address);
        let rendered = templates.render(event, recipient, name)?;
        (rendered.subject, rendered.text, Some(rendered.html))
    };
    builder = builder.subject(subject);
    let text = SinglePart::plain(line_feeds(&text));
    let alternative = html.map(|html| {
        MultiPart::alternative().singlepart(text.clone()).singlepart(SinglePart::html(line_feeds(&html)))
    });
    if event.attachments.is_empty() {
        let message = match alternative {
            Some(alternative) => builder.multipart(alternative)?,
            None => builder.singlepart(text)?,
        };
        return Ok(finish(message, from));
    }
    let mut mixed = match alternative {
        Some(alternative) => MultiPart::mixed().multipart(alternative),
        None => MultiPart::mixed().singlepart(text),
    };
    for file in &event.attachments {
        let content_type = ContentType::parse(&file.content_type)
            .map_err(|_| BuildError::ContentType(file.filename.clone()))?;
        mixed = mixed.singlepart(
            Attachment::new(file.filename.clone()).body(Body::new(file.bytes.clone()), content_type),
        );
    }
    Ok(finish(builder.multipart(mixed)?, from))
}

/// A message from one mailbox to another, to be ended by [`finish`].
///
/// The builder reads From and the envelope back out of the header, and does not understand a quoted local part there. So
/// it gets the envelope, and another From until the message is built.
pub(super) fn begin(from: &Mailbox, to: Mailbox) -> Result<MessageBuilder, lettre::error::Error> {
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()])?;
    let stand_in = Mailbox::new(None, Address::new_dangerous("x", "ownpost.invalid"));
    Ok(Message::builder().envelope(envelope).from(stand_in).to(to))
}

/// The message from this mailbox, as it goes over the wire.
pub(super) fn finish(mut message: Message, from: Mailbox) -> Vec<u8> {
    message.headers_mut().set(header::From::from(Mailboxes::from(from)));
    message.formatted()
}

fn mailbox(person: &Person, what: &'static str) -> Result<Mailbox, BuildError> {
    let address = Address::from_str(&person.address).map_err(|_| BuildError::Address(what))?;
    Ok(Mailbox::new(person.name.clone(), address))
}

/// The builder takes a lone CR for text; servers take it for an attack.
fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::ids;
    use crate::wire::event::{QUEUE_LIMIT, parse};
    use ownpost_domain::category::Routing;
    use ownpost_domain::settings::{Auth, Security};

    fn settings() -> Settings {
        Settings {
            host: "smtp.acme.test".into(),
            port: 587,
            security: Security::StartTls,
            auth: Auth::None,
            sender_address: "noreply@acme.test".into(),
            sender_name: Some("Acmé".into()),
            reply_to: Some("help@acme.test".into()),
            ehlo_name: None,
            ca_pem: None,
            routing: Routing::default(),
        }
    }

    /// The message as lines, and its header unfolded.
    fn built(event: &serde_json::Value) -> (String, Vec<String>) {
        let event = parse(event.to_string().as_bytes(), QUEUE_LIMIT).unwrap();
        let thread_id = event.thread.as_deref().map(|thread| ids::thread_id(&event.tenant, thread, None));
        let parts = Parts {
            event: &event,
            recipient: &event.recipients[0],
            settings: &settings(),
            message_id: "m1@ownpost.invalid",
            thread_id: thread_id.as_deref(),
            now: "2026-05-01T12:00:00Z".parse().unwrap(),
        };
        let message = build(&parts, &Templates::new(None).unwrap()).unwrap();
        let message = String::from_utf8(message).unwrap();
        let (header, _) = message.split_once("\r\n\r\n").unwrap();
        let header = header.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect();
        (message, header)
    }

    fn event() -> serde_json::Value {
        serde_json::json!({
            "id": "e1", "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org", "name": "Jan Źdźbło, \"J\" <eve@example.org>"}],
            "replyTo": {"address": "ann@example.org", "name": "Ann"},
            "thread": "treatment-42\u{a0}x",
            "data": {"actor": "Ann", "title": "x"},
        })
    }

    #[test]
    fn the_header_is_ours() {
        let (_, header) = built(&event());
        let names: Vec<&str> = header.iter().map(|line| line.split_once(':').unwrap().0).collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Message-ID",
                "Date",
                "Auto-Submitted",
                "Reply-To",
                "References",
                "In-Reply-To",
                "Subject",
                "MIME-Version",
                "Content-Type"
            ]
        );
        assert_eq!(header[0], "From: =?utf-8?b?QWNtw6k=?= <noreply@acme.test>");
        assert!(header[1].ends_with("<jan@example.org>"), "{}", header[1]);
        assert_eq!(header[1].matches("@example.org").count(), 1, "{}", header[1]);
        assert_eq!(header[2], "Message-ID: <m1@ownpost.invalid>");
        assert_eq!(header[3], "Date: Fri, 01 May 2026 12:00:00 +0000");
        assert_eq!(header[4], "Auto-Submitted: auto-generated");
        assert_eq!(header[5], "Reply-To: Ann <ann@example.org>");
        assert_eq!(header[6].replace("References", "In-Reply-To"), header[7]);
    }

    #[test]
    fn without_people_in_the_event_the_settings_say_where_answers_go() {
        let mut event = event();
        event["replyTo"] = serde_json::Value::Null;
        let (_, header) = built(&event);
        assert!(header.contains(&"Reply-To: help@acme.test".to_owned()), "{header:?}");
    }

    #[test]
    fn a_quoted_local_part_goes_into_the_header_as_it_is() {
        let mut event = event();
        for quoted in [r#""xxx.yyy."@example.jp"#, r#""ann b"@example.jp"#, r#""a,b>\"c"@example.jp"#] {
            event["recipients"] = serde_json::json!([{"address": quoted}]);
            event["replyTo"] = serde_json::json!({"address": quoted});
            let (_, header) = built(&event);
            assert!(header.contains(&format!("To: {quoted}")), "{header:?}");
            assert!(header.contains(&format!("Reply-To: {quoted}")), "{header:?}");
            event["recipients"][0]["name"] = "Jan".into();
            let (_, header) = built(&event);
            assert!(header.contains(&format!("To: Jan <{quoted}>")), "{header:?}");
            let address = quoted.parse::<Address>().unwrap();
            let builder = begin(&address.clone().into(), address.clone().into()).unwrap();
            let message = finish(builder.body(String::new()).unwrap(), address.into());
            let message = String::from_utf8(message).unwrap();
            assert!(message.starts_with(&format!("From: {quoted}\r\nTo: {quoted}\r\n")), "{message}");
        }
    }

    #[test]
    fn ready_content_bypasses_the_templates() {
        let mut event = event();
        event["content"] = serde_json::json!({"subject": "Größe", "text": "a\r\n.\rb\n"});
        let (message, header) = built(&event);
        assert!(header.contains(&"Subject: =?utf-8?b?R3LDtsOfZQ==?=".to_owned()), "{header:?}");
        assert!(message.contains("\r\n\r\na\r\n.\r\nb\r\n"), "{message:?}");
        assert!(!message.contains("multipart"), "{message}");
    }

    #[test]
    fn attachments_go_along() {
        let mut event = event();
        event["attachments"] = serde_json::json!([
            {"filename": "Übersicht \"1\".pdf", "contentType": "application/pdf", "base64": "AAEC/w=="},
            {"filename": "b.txt", "contentType": "text/plain; charset=utf-8", "base64": ""},
        ]);
        for content in [serde_json::Value::Null, serde_json::json!({"subject": "s", "text": "t"})] {
            event["content"] = content;
            let (message, _) = built(&event);
            assert!(message.contains("\r\nAAEC/w==\r\n"), "{message}");
            assert_eq!(message.matches("Content-Disposition: attachment").count(), 2, "{message}");
            assert_eq!(message.matches("multipart/mixed").count(), 1, "{message}");
        }
    }

    #[test]
    fn every_line_ends_with_crlf_and_none_is_too_long() {
        let mut event = event();
        event["data"]["excerpt"] = "long ".repeat(3000).into();
        event["data"]["title"] = "é".repeat(900).into();
        let (message, _) = built(&event);
        assert_eq!(message.matches('\n').count(), message.matches("\r\n").count());
        assert_eq!(message.matches('\r').count(), message.matches("\r\n").count());
        // RFC 5322 §2.1.1.
        assert!(message.split("\r\n").all(|line| line.len() <= 998));
    }
}
