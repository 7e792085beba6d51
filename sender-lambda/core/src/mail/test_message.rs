//! The test mail: what a connectivity test sends, if it sends anything.

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use ownpost_domain::settings::Settings;
use ownpost_i18n::{Locale, catalogue, fill};
use ownpost_smtp::TestMail;

use super::compose::{Letter, compose};
use super::ids;

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
    let message_id = format!("ownpost-test.{unique:032x}@{}", ids::domain(&settings.sender_address));
    let message = compose(Letter {
        from: Mailbox::new(settings.sender_name.clone(), sender),
        to: Mailbox::new(None, recipient),
        reply_to: None,
        message_id: &message_id,
        thread_id: None,
        now,
        language: None,
        unsubscribe: None,
        subject: &words.subject,
        text: &fill(&words.text, &[("host", &settings.host)]),
        html: None,
        attachments: &[],
    })
    .ok()?;
    Some(TestMail { message_id, message: message.into() })
}
