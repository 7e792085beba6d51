//! The test mail: what a connectivity test sends, if it sends anything.

use std::time::SystemTime;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use ownpost_i18n::{Locale, catalogue, fill};

use super::auto_submitted::AutoSubmitted;
use crate::domain::settings::Settings;

/// A test mail ready to leave.
pub struct TestMail {
    /// Its Message-ID without angle brackets.
    pub message_id: String,
    /// Header and body.
    pub message: Vec<u8>,
}

/// Builds it. `unique` makes the Message-ID; `None` when an address is none.
pub fn build(
    settings: &Settings,
    recipient: &str,
    locale: &str,
    now: SystemTime,
    unique: u128,
) -> Option<TestMail> {
    let words = &catalogue(Locale::of(locale)).test_message;
    let sender = settings.sender_address.parse::<lettre::Address>().ok()?;
    let message_id = format!("ownpost-test.{unique:032x}@{}", sender.domain());
    let message = Message::builder()
        .from(Mailbox::new(settings.sender_name.clone(), sender))
        .to(Mailbox::new(None, recipient.parse().ok()?))
        .subject(words.subject.clone())
        .date(now)
        .message_id(Some(format!("<{message_id}>")))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(fill(&words.text, &[("host", &settings.host)]))
        .ok()?;
    Some(TestMail { message_id, message: message.formatted() })
}
