//! Mails made without an event source: for an operator who writes templates, and for looking at what there is.

use jiff::Timestamp;
use ownpost_domain::category::{Category, Routing};
use ownpost_domain::event::{Event, Person, Recipient};
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_domain::tenant::Tenant;
use serde_json::{Map, Value, json};

use super::build::{Parts, build};
use super::catalogue::{FIELDS, MailType};
use super::templates::{Rendered, Templates};
use super::values::Rendering;

/// The data of a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Every member of the type.
    Full,
    /// No member at all.
    Minimal,
    /// Members that try to be more than text.
    Hostile,
}

impl Sample {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::Minimal, Self::Hostile];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Minimal => "minimal",
            Self::Hostile => "hostile",
        }
    }

    /// The data for mails of any type.
    pub fn data(self) -> Map<String, Value> {
        const HOSTILE: &str =
            "<b onclick=x>\r\nBcc: eve@example.org\u{202e} {{ 7 * 7 }} =?utf-8?q?x?= שלום مرحبا";
        let value = |example: &str| match self {
            Self::Hostile => HOSTILE.to_owned(),
            _ => example.to_owned(),
        };
        if self == Self::Minimal {
            return Map::new();
        }
        let examples = FIELDS.iter().filter(|field| !field.example.is_empty());
        let mut data: Map<_, _> =
            examples.map(|field| (field.name.to_owned(), value(field.example).into())).collect();
        let values = json!({
            "host": "smtp.acme.example", "port": "587", "sender": "noreply@acme.example", "recipient": "–",
            "username": "mailer", "ehlo": "mail.example.com", "names": "–", "detail": "",
        });
        data.insert("failure".to_owned(), json!({"code": "auth.rejected", "cause": null, "values": values}));
        data
    }
}

/// A mail that nobody gets.
#[derive(Debug)]
pub struct Preview {
    /// Its texts.
    pub rendered: Rendered,
    /// The message as it would be sent.
    pub message: Vec<u8>,
}

/// The mail of a type in a language.
///
/// # Errors
/// The mail cannot be built, with the reason.
pub fn preview(
    templates: &Templates,
    kind: &str,
    locale: &str,
    data: Map<String, Value>,
    now: Timestamp,
) -> Result<Preview, String> {
    let category = MailType::find(kind).map_or(Category::Notification, |known| known.category);
    let person = Person { address: "jan@example.org".to_owned(), name: Some("Jan de Vries".to_owned()) };
    let recipient = Recipient { person, locale: Some(locale.to_owned()) };
    let (id, recipients) = ("preview".to_owned(), vec![recipient.clone()]);
    let event = Event {
        data,
        unsubscribe: Some("https://app.example.com/unsubscribe/42".to_owned()),
        ..Event::new(id, Tenant::platform(), category, kind.to_owned(), recipients)
    };
    let settings = Settings {
        host: "smtp.acme.example".to_owned(),
        port: 587,
        security: Security::StartTls,
        auth: Auth::None,
        sender_address: "noreply@acme.example".to_owned(),
        sender_name: Some("Acme".to_owned()),
        reply_to: None,
        ehlo_name: None,
        ca_pem: None,
        routing: Routing::default(),
        contacts: Vec::new(),
    };
    let rendering = Rendering {
        event: &event,
        recipient: &recipient,
        sender: settings.sender_name.as_deref(),
        reply_to: None,
    };
    let rendered = templates.render(&rendering).map_err(|error| error.to_string())?;
    let parts = Parts {
        event: &event,
        recipient: &recipient,
        settings: &settings,
        message_id: "preview@acme.example",
        thread_id: None,
        now,
    };
    let message = build(&parts, templates).map_err(|error| error.to_string())?.message;
    Ok(Preview { rendered, message })
}
