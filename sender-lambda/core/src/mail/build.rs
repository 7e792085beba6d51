//! From an event and a recipient to the message that is sent.

use std::str::FromStr as _;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use ownpost_domain::event::{Content, Event, Person, Recipient};
use ownpost_domain::settings::Settings;
use smtp_rules::shown::is_blank;

use super::compose::{Letter, compose};
use super::html;
use super::templates::{TemplateError, Templates};
use super::values::Rendering;

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
    /// The product's own content has nothing to read.
    #[error("content.html shows nothing when what acts in a mail is taken out, and there is no content.text")]
    NothingToRead,
    /// The mail builder refused a header or part.
    #[error("the message cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
}

/// A message, its parts, and what there is to say about it.
#[derive(Debug)]
pub struct Built {
    /// The message, header and body, with CRLF line ends.
    pub message: Vec<u8>,
    /// The parts that it was made of.
    pub bodies: Bodies,
}

/// Subject and bodies, from a template or from the event itself.
#[derive(Debug)]
pub struct Bodies {
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML alternative.
    pub html: Option<String>,
    /// The language, where it is known.
    pub language: Option<String>,
    /// What the event lacks, or has in a form that cannot be used.
    pub warnings: Vec<String>,
    /// Why the operator's template was left for the built-in one, if it was.
    pub fallback: Option<TemplateError>,
}

/// Builds the message. From: is always the sender of the settings (servers refuse others, 5.7.60); the people of the
/// event go to Reply-To.
///
/// # Errors
/// See [`BuildError`].
pub fn build(parts: &Parts<'_>, templates: &Templates) -> Result<Built, BuildError> {
    let Parts { event, recipient, settings, .. } = parts;
    let sender = Person { address: settings.sender_address.clone(), name: settings.sender_name.clone() };
    let settings_reply_to = settings.reply_to.clone().map(|address| Person { address, name: None });
    let reply_to = event.reply_to.as_ref().or(settings_reply_to.as_ref());
    let bodies = if let Some(content) = &event.content {
        given(content, recipient.locale.as_deref())?
    } else {
        let rendered = templates.render(&Rendering {
            event,
            recipient,
            sender: settings.sender_name.as_deref(),
            reply_to: settings.reply_to.as_deref(),
        })?;
        Bodies {
            subject: rendered.subject,
            text: rendered.text,
            html: Some(rendered.html),
            language: Some(rendered.locale),
            warnings: rendered.warnings,
            fallback: rendered.fallback,
        }
    };
    let letter = Letter {
        from: mailbox(&sender, "the sender")?,
        to: mailbox(&recipient.person, "the recipient")?,
        reply_to: reply_to.map(|person| mailbox(person, "the reply address")).transpose()?,
        message_id: parts.message_id,
        thread_id: parts.thread_id,
        now: parts.now,
        language: bodies.language.as_deref(),
        unsubscribe: event.unsubscribe.as_deref().filter(|_| event.may_unsubscribe()),
        subject: &bodies.subject,
        text: &bodies.text,
        html: bodies.html.as_deref(),
        attachments: &event.attachments,
    };
    let message = compose(letter)?;
    Ok(Built { message, bodies })
}

/// The product's own content: its HTML made harmless, its text derived where it has none. HTML of which nothing is left to see
/// is left out: a mailer would show an empty page in the place of the text.
fn given(content: &Content, locale: Option<&str>) -> Result<Bodies, BuildError> {
    let language = locale.filter(|tag| tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    let given = content.html.as_deref().filter(|html| !html.trim().is_empty());
    let html = given.filter(|html| html::shows_something(html));
    let text = match html {
        _ if !is_blank(&content.text) => content.text.clone(),
        Some(html) => html::as_text(html),
        None => return Err(BuildError::NothingToRead),
    };
    let left_out = given.filter(|_| html.is_none());
    let left_out = left_out.map(|_| "content.html shows nothing and is left out".to_owned());
    Ok(Bodies {
        subject: content.subject.clone(),
        text,
        html: html.map(|html| html::sanitised(html, &content.subject, language)),
        language: language.map(str::to_owned),
        warnings: left_out.into_iter().collect(),
        fallback: None,
    })
}

fn mailbox(person: &Person, what: &'static str) -> Result<Mailbox, BuildError> {
    let address = Address::from_str(&person.address).map_err(|_| BuildError::Address(what))?;
    Ok(Mailbox::new(person.name.clone(), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::ids;
    use crate::wire::event::{QUEUE_LIMIT, parse};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ownpost_domain::brand::Brand;
    use ownpost_domain::category::Routing;
    use ownpost_domain::settings::{Auth, Security};
    use sha2::{Digest as _, Sha256};

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
            contacts: Vec::new(),
        }
    }

    /// The message as lines, and its header unfolded.
    fn built(event: &serde_json::Value) -> (String, Vec<String>) {
        let message = built_by(event, &settings());
        let (header, _) = message.split_once("\r\n\r\n").unwrap();
        let header = header.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect();
        (message, header)
    }

    fn built_by(event: &serde_json::Value, settings: &Settings) -> String {
        let event = parse(event.to_string().as_bytes(), QUEUE_LIMIT).unwrap();
        let thread_id =
            event.thread.as_deref().map(|thread| ids::thread_id(&event.tenant, thread, "acme.test"));
        let parts = Parts {
            event: &event,
            recipient: &event.recipients[0],
            settings,
            message_id: "m1@acme.test",
            thread_id: thread_id.as_deref(),
            now: "2026-05-01T12:00:00Z".parse().unwrap(),
        };
        let message = build(&parts, &Templates::new(None, Brand::default()).unwrap()).unwrap().message;
        String::from_utf8(message).unwrap()
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
        let expected = [
            "From",
            "To",
            "Message-ID",
            "Date",
            "References",
            "In-Reply-To",
            "MIME-Version",
            "Reply-To",
            "Subject",
            "Content-Language",
            "Auto-Submitted",
            "X-Auto-Response-Suppress",
            "Content-Type",
        ];
        assert_eq!(names, expected);
        assert_eq!(header[0], "From: =?utf-8?b?QWNtw6k=?= <noreply@acme.test>");
        assert!(header[1].ends_with("<jan@example.org>"), "{}", header[1]);
        assert_eq!(header[1].matches("@example.org").count(), 1, "{}", header[1]);
        assert_eq!(header[2], "Message-ID: <m1@acme.test>");
        assert_eq!(header[3], "Date: Fri, 01 May 2026 12:00:00 +0000");
        assert_eq!(header[4].replace("References", "In-Reply-To"), header[5]);
        assert_eq!(header[7], "Reply-To: Ann <ann@example.org>");
        assert_eq!(header[10], "Auto-Submitted: auto-generated");
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
            let mut settings = settings();
            settings.sender_address = quoted.to_owned();
            let message = built_by(&event, &settings);
            assert!(message.contains(&format!("From: =?utf-8?b?QWNtw6k=?= <{quoted}>\r\n")), "{message}");
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
    fn html_of_which_nothing_is_left_is_left_out() {
        let mut event = event();
        let html = "<script>alert(1)</script><form><input></form>";
        event["content"] = serde_json::json!({"subject": "s", "text": "Hello", "html": html});
        let (message, _) = built(&event);
        assert!(message.contains("\r\n\r\nHello") && !message.contains("html"), "{message}");
        let bodies = |event: &serde_json::Value| {
            let event = parse(event.to_string().as_bytes(), QUEUE_LIMIT).unwrap();
            given(event.content.as_ref().unwrap(), None)
        };
        let warnings = bodies(&event).unwrap().warnings;
        assert_eq!(warnings, ["content.html shows nothing and is left out"]);
        event["content"]["html"] = "<p>Hello</p>".into();
        assert_eq!(bodies(&event).unwrap().warnings, Vec::<String>::new());
        // Nobody wants a mail without a word.
        event["content"] = serde_json::json!({"subject": "s", "text": " ", "html": html});
        assert!(matches!(bodies(&event), Err(BuildError::NothingToRead)));
    }

    #[test]
    fn a_notification_can_be_unsubscribed_with_one_click() {
        let mut event = event();
        let of_unsubscribing = |event: &serde_json::Value| -> Vec<String> {
            built(event).1.into_iter().filter(|line| line.starts_with("List-")).collect()
        };
        assert_eq!(of_unsubscribing(&event), Vec::<String>::new());
        event["unsubscribe"] = serde_json::json!({"url": "https://app.example.com/unsubscribe/42?a=1"});
        // RFC 8058 §3.1: both headers, and the second one has this value and no other.
        let both = [
            "List-Unsubscribe: <https://app.example.com/unsubscribe/42?a=1>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ];
        assert_eq!(of_unsubscribing(&event), both);
        event["content"] = serde_json::json!({"subject": "s", "text": "t"});
        assert_eq!(of_unsubscribing(&event), both);
        event["category"] = "user-invitation".into();
        assert_eq!(of_unsubscribing(&event), Vec::<String>::new());
    }

    /// Every octet of every kind of file arrives as it was: base64 alone keeps line ends, NUL and lone CR.
    #[test]
    fn attachments_arrive_byte_for_byte() {
        let files: [(&str, &str, &[u8]); 9] = [
            ("a.csv", "text/csv", b"a,b\nc,d\n"),
            ("b.xml", "application/xml; charset=utf-8", b"<a>\r\n</a>\n"),
            ("c.txt", "text/plain; charset=utf-8; name=other.txt", b".\n..\n.\r\n"),
            ("d.pem", "application/x-pem-file", b"-----BEGIN X-----\nAAAA\n-----END X-----\n"),
            ("e.tar", "application/x-tar", b"ustar\0\0\0\n"),
            ("f.eml", "message/rfc822", b"Subject: x\n\ny\n"),
            ("\u{dc}bersicht \"1\".pdf", "application/pdf", &[0, 1, 2, 255]),
            ("g", "text/html", b"\r"),
            ("h", "application/json", b""),
        ];
        let mut event = event();
        let list = files.map(|(name, kind, bytes)| {
            serde_json::json!({"filename": name, "contentType": kind, "base64": STANDARD.encode(bytes)})
        });
        event["attachments"] = serde_json::Value::from(list.to_vec());
        for content in [serde_json::Value::Null, serde_json::json!({"subject": "s", "text": "t"})] {
            event["content"] = content;
            let (message, _) = built(&event);
            assert_eq!(message.matches("multipart/mixed").count(), 1, "{message}");
            let parts: Vec<&str> = message.split("Content-Disposition: attachment").skip(1).collect();
            assert_eq!(parts.len(), files.len(), "{message}");
            for (part, (name, _, bytes)) in parts.iter().zip(files) {
                assert!(part.contains("Content-Transfer-Encoding: base64"), "{name}: {part}");
                let body = part.split_once("\r\n\r\n").unwrap().1.split("\r\n--").next().unwrap();
                let octets = STANDARD.decode(body.replace("\r\n", "")).unwrap();
                assert_eq!(Sha256::digest(octets), Sha256::digest(bytes), "{name}: {part}");
            }
            assert!(message.contains("name=\"=?utf-8?b?"), "{message}");
            assert!(message.contains("charset=utf-8;\r\n name=\"c.txt\""), "{message}");
            assert!(!message.contains("message/rfc822") && !message.contains("other.txt"), "{message}");
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
