//! The test mail: what a connectivity test sends, if it sends anything.

use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::event::{Event, Person, Recipient};
use ownpost_domain::settings::{Security, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::TestMail;
use serde_json::json;

use super::build::{Parts, build as build_mail};
use super::dkim::Keys;
use super::ids;
use super::templates::Templates;

/// A test that wants a mail.
#[derive(Clone, Copy, Debug)]
pub struct TestRun<'a> {
    /// The settings that are tested.
    pub settings: &'a Settings,
    /// The recipient; without one the mail is addressed to the sender: a test that ends after MAIL FROM announces its size.
    pub recipient: Option<&'a str>,
    /// The person who started the test, where that is known.
    pub started_by: Option<&'a str>,
    /// The language of the mail.
    pub locale: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Makes the Message-ID.
    pub unique: u128,
}

/// Builds it, signed like every mail of this tenant (`None` for the platform). `None` when an address is not one that a
/// message can carry, or a key cannot sign.
pub fn build(
    run: &TestRun<'_>,
    templates: &Templates,
    keys: Option<&Keys>,
    tenant: Option<&Tenant>,
) -> Option<TestMail> {
    let settings = run.settings;
    let security = match settings.security {
        Security::StartTls => "STARTTLS",
        Security::Tls => "TLS",
    };
    let data = json!({
        "host": settings.host,
        "server": format!("{}:{}, {security}", settings.host, settings.port),
        "from": settings.sender_address,
        "actor": run.started_by,
        "when": run.now,
        "url": templates.brand().settings_url,
    });
    let address = run.recipient.unwrap_or(&settings.sender_address).to_owned();
    let recipient = Recipient { person: Person { address, name: None }, locale: Some(run.locale.to_owned()) };
    let (kind, recipients) = ("ownpost.test".to_owned(), vec![recipient.clone()]);
    let event = Event {
        data: data.as_object().cloned().unwrap_or_default(),
        ..Event::new(String::new(), Tenant::platform(), Category::Notification, kind, recipients)
    };
    let message_id = format!("ownpost-test.{:032x}@{}", run.unique, ids::domain(&settings.sender_address));
    let parts = Parts {
        event: &event,
        recipient: &recipient,
        settings,
        message_id: &message_id,
        thread_id: None,
        now: run.now,
    };
    let mut message = build_mail(&parts, templates).ok()?.message;
    if let Some(keys) = keys {
        let signed = keys.sign(message, &settings.sender_address, tenant, run.now);
        message = signed.inspect_err(|error| tracing::error!(%error, "no test mail")).ok()?;
    }
    Some(TestMail { message: message.into(), message_id })
}
