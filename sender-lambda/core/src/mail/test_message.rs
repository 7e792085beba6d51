//! The test mail: what a connectivity test sends, if it sends anything.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use ownpost_domain::settings::Settings;
use ownpost_i18n::{Locale, catalogue, fill};
use ownpost_smtp::TestMail;

use super::auto_submitted::AutoSubmitted;
use super::build::{begin, finish};

/// Builds it. Without a recipient it is addressed to the sender: a test that ends after MAIL FROM announces its size.
/// `unique` makes the Message-ID. `None` when an address is not one that a message can carry.
pub fn build(
    settings: &Settings,
    recipient: Option<&str>,
    locale: &str,
    now: Timestamp,
    unique: u128,
) -> Option<TestMail> {
    let words = &catalogue(Locale::of(locale)).test_message;
    let sender = settings.sender_address.parse::<Address>().ok()?;
    let recipient: Address = recipient.unwrap_or(&settings.sender_address).parse().ok()?;
    let message_id = format!("ownpost-test.{unique:032x}@{}", sender.domain());
    let from = Mailbox::new(settings.sender_name.clone(), sender);
    let message = begin(&from, Mailbox::new(None, recipient))
        .ok()?
        .subject(words.subject.clone())
        .date(SystemTime::try_from(now).unwrap_or(SystemTime::UNIX_EPOCH))
        .message_id(Some(format!("<{message_id}>")))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(fill(&words.text, &[("host", &settings.host)]))
        .ok()?;
    Some(TestMail { message_id, message: finish(message, from).into() })
}
