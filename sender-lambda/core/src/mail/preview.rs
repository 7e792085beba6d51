//! Mails made without an event source: for an operator who writes templates, and for looking at what there is.

use jiff::Timestamp;
use ownpost_domain::category::{Category, Routing};
use ownpost_domain::event::{Event, Person, Recipient};
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_i18n::language;
use serde_json::{Map, Value, json};

use super::build::{Built, Parts, build};
use super::catalogue::{FIELDS, Field, MailType};
use super::dkim::Keys;
use super::ids;
use super::templates::Templates;

/// The sender of a preview.
const SENDER: &str = "noreply@acme.example";
/// Its domain.
const DOMAIN: &str = "acme.example";

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

    /// The data for mails of any type, as people write it who speak this language.
    pub fn data(self, locale: &str) -> Map<String, Value> {
        const HOSTILE: &str =
            "<b onclick=x>\r\nBcc: eve@example.org\u{202e} {{ 7 * 7 }} =?utf-8?q?x?= שלום مرحبا";
        let local = LOCAL.iter().find(|(tag, _)| *tag == language(locale)).map_or(&[][..], |(_, data)| data);
        let value = |field: &Field| match self {
            Self::Hostile => HOSTILE,
            _ => local.iter().find(|(name, _)| *name == field.name).map_or(field.example, |(_, text)| text),
        };
        if self == Self::Minimal {
            return Map::new();
        }
        let examples = FIELDS.iter().filter(|field| !field.example.is_empty());
        let mut data: Map<_, _> =
            examples.map(|field| (field.name.to_owned(), value(field).into())).collect();
        let values = json!({
            "host": "smtp.acme.example", "port": "587", "sender": "noreply@acme.example", "recipient": "–",
            "username": "mailer", "ehlo": "mail.example.com", "names": "–", "detail": "",
        });
        data.insert("failure".to_owned(), json!({"code": "auth.rejected", "cause": null, "values": values}));
        data
    }
}

/// The examples that are sentences, in the other languages than English.
const LOCAL: &[(&str, &[(&str, &str)])] = &[
    (
        "de",
        &[
            ("title", "Verarbeitung 42"),
            ("excerpt", "Könnten Sie sich das bitte ansehen?\n\nDer zweite Absatz ist neu."),
            ("reason", "Aus dem Antrag geht nicht hervor, welche Daten gemeint sind."),
            ("authority", "Datenschutzbehörde, www.dpa.example"),
        ],
    ),
    (
        "es",
        &[
            ("title", "Tratamiento 42"),
            ("excerpt", "¿Podría revisarlo, por favor?\n\nEl segundo párrafo es nuevo."),
            ("reason", "La solicitud no indica a qué datos se refiere."),
            ("authority", "Autoridad de Protección de Datos, www.dpa.example"),
        ],
    ),
    (
        "fr",
        &[
            ("title", "Traitement 42"),
            ("excerpt", "Pourriez-vous y jeter un œil\u{202f}?\n\nLe deuxième paragraphe est nouveau."),
            ("reason", "La demande ne précise pas de quelles données il s’agit."),
            ("authority", "Autorité de protection des données, www.dpa.example"),
        ],
    ),
    (
        "nl",
        &[
            ("title", "Verwerking 42"),
            ("excerpt", "Zou u hier even naar willen kijken?\n\nDe tweede alinea is nieuw."),
            ("reason", "In het verzoek staat niet om welke gegevens het gaat."),
            ("authority", "Gegevensbeschermingsautoriteit, www.dpa.example"),
        ],
    ),
];

/// The event of a preview: one of this type with this data, to one recipient.
pub fn event(kind: &str, locale: &str, data: Map<String, Value>) -> Event {
    let known = MailType::find(kind);
    let category = known.map_or(Category::Notification, |known| known.category);
    // Nobody unsubscribes from alerts.
    let unsubscribe = "https://app.example.com/unsubscribe/42".to_owned();
    let person = Person { address: "jan@example.org".to_owned(), name: Some("Jan de Vries".to_owned()) };
    let recipients = vec![Recipient { person, locale: Some(locale.to_owned()) }];
    Event {
        data,
        unsubscribe: Some(unsubscribe).filter(|_| !known.is_some_and(MailType::is_own)),
        ..Event::new("preview".to_owned(), Tenant::platform(), category, kind.to_owned(), recipients)
    }
}

/// The mail to the first recipient of an event, as it would be sent and signed with these keys. Nobody gets it.
///
/// # Errors
/// The mail cannot be built or signed, with the reason.
pub fn preview(
    templates: &Templates,
    keys: Option<&Keys>,
    event: &Event,
    now: Timestamp,
) -> Result<Built, String> {
    let recipient = event.recipients.first().ok_or("the event has no recipient")?;
    let settings = Settings {
        host: "smtp.acme.example".to_owned(),
        port: 587,
        security: Security::StartTls,
        auth: Auth::None,
        sender_address: SENDER.to_owned(),
        sender_name: Some("Acme".to_owned()),
        reply_to: None,
        ehlo_name: None,
        ca_pem: None,
        routing: Routing::default(),
        contacts: Vec::new(),
    };
    let thread_id = event.thread.as_deref().map(|thread| ids::thread_id(&event.tenant, thread, DOMAIN));
    let parts = Parts {
        event,
        recipient,
        settings: &settings,
        message_id: "preview@acme.example",
        thread_id: thread_id.as_deref(),
        now,
    };
    let mut built = build(&parts, templates).map_err(|error| error.to_string())?;
    if let Some(keys) = keys {
        let signed = keys.sign(built.message, SENDER, Some(&event.tenant), now);
        built.message = signed.map_err(|error| error.to_string())?;
    }
    Ok(built)
}
