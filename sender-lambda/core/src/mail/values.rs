//! The values that a template sees: the event's data by the catalogue's kinds, the brand, the people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Value, context};
use ownpost_domain::brand::Brand;
use ownpost_domain::event::{Event, Recipient};
use ownpost_i18n::{Locale, catalogue, setting_name};
use serde::Deserialize;
use serde_json::Value as Json;

use super::catalogue::{Field, Kind, MailType};
use super::header_text::{is_direction_mark, undirected};
use super::{dates, links};

/// The longest text of one line, in characters.
const LONGEST: usize = 1000;
/// U+2068 and U+2069: what is between them has a direction of its own (UAX #9 §2.4).
pub(super) const ISOLATE: char = '\u{2068}';
pub(super) const POP: char = '\u{2069}';

/// What a text is made for.
#[derive(Clone, Copy)]
pub struct Rendering<'a> {
    /// The event that the mail is about.
    pub event: &'a Event,
    /// The recipient, one of the event's.
    pub recipient: &'a Recipient,
    /// The name in From:, if there is one.
    pub sender: Option<&'a str>,
    /// Where answers go when the event does not say.
    pub reply_to: Option<&'a str>,
}

/// The values for one text.
pub(super) struct Values {
    /// By name, as templates know them.
    pub(super) by_name: HashMap<String, Value>,
    /// The address that the button opens.
    pub(super) url: Option<String>,
    /// All addresses that become links.
    pub(super) links: Vec<String>,
    /// What the event lacks or has in a form that cannot be used.
    pub(super) warnings: Vec<String>,
    /// The brand of this mail.
    pub(super) brand: Brand,
}

impl Values {
    pub(super) fn new(
        rendering: &Rendering<'_>,
        brand: &Brand,
        locale: &str,
        known: Option<&MailType>,
    ) -> Self {
        let Rendering { event, recipient, .. } = rendering;
        let brand = event.brand.clone().unwrap_or_default().over(brand);
        let language = Locale::of(locale);
        let mut values =
            Self { by_name: HashMap::new(), url: None, links: Vec::new(), warnings: Vec::new(), brand };
        // The names in our own mails are admins' addresses.
        let own = event.kind.starts_with("ownpost.");
        for (name, value) in &event.data {
            values.add_data(name, value, language, own);
        }
        if own {
            values.add_own(&event.data, language);
        }
        for wanted in known.into_iter().flat_map(|known| known.wanted) {
            if !values.by_name.contains_key(*wanted) {
                values.warnings.push(format!("data.{wanted} is missing"));
            }
        }
        let product = values.brand.name.as_deref().map(isolated);
        let sender = rendering.sender.map(isolated).filter(|sender| !sender.is_empty()).or(product.clone());
        let reply_to = event.reply_to.as_ref().map(|to| to.name.as_deref().unwrap_or(&to.address));
        let name = recipient.person.name.as_deref().filter(|name| !links::reads_as_link(name)).map(isolated);
        let unsubscribe = event.unsubscribe.as_deref().filter(|_| event.may_unsubscribe());
        for (name, value) in [
            ("locale", Value::from(locale)),
            ("sender", Value::from(sender)),
            ("product", Value::from(product)),
            ("replies", Value::from(reply_to.or(rendering.reply_to).map(isolated))),
            ("category", Value::from(event.category.name())),
            ("type", Value::from(&*event.kind)),
            ("recipient", context!(name => name, address => &recipient.person.address)),
            ("unsubscribe", Value::from(unsubscribe)),
            ("brand", Value::from(Serde(&values.brand))),
            ("data", Value::from(Serde(&event.data))),
        ] {
            values.by_name.insert(name.to_owned(), value);
        }
        values.links.extend(unsubscribe.map(str::to_owned));
        values.links.extend(values.brand.support_url.clone());
        values.links.extend(values.brand.url.clone());
        // The longest first: one address may begin like another.
        values.links.sort_by_key(|link| std::cmp::Reverse(link.len()));
        values
    }

    /// A member of `data`. What the catalogue does not know is the operator's own: text on one line, all else as it came.
    fn add_data(&mut self, name: &str, value: &Json, language: Locale, own: bool) {
        let Some(field) = Field::find(name) else {
            let value =
                value.as_str().map_or_else(|| Value::from(Serde(value)), |text| Value::from(isolated(text)));
            self.by_name.insert(name.to_owned(), value);
            return;
        };
        let text = match value {
            Json::Null | Json::Bool(false) => return,
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(true) => true.to_string(),
            Json::Array(_) | Json::Object(_) => {
                self.warnings.push(format!("data.{name} is no text and is left out"));
                return;
            }
        };
        if text.trim().is_empty() {
            return;
        }
        let read = match field.kind {
            Kind::Text | Kind::Number => Some(isolated(&text)),
            Kind::Person => Some(isolated(&text)).filter(|name| own || !links::reads_as_link(name)),
            Kind::Quotation => Some(several_lines(&text)),
            Kind::Date => dates::written_out(&text, language)
                .or_else(|| dates::is_readable(&text).then(|| isolated(&text))),
            Kind::Time => {
                let at = text.trim().parse::<Timestamp>().ok();
                Some(at.map_or_else(|| isolated(&text), |at| dates::moment(at, language)))
            }
            Kind::Url => links::web(&text),
        };
        match (read, field.kind) {
            (None, Kind::Person) => {
                self.warnings.push(format!("data.{name} reads as a web address and is left out"));
            }
            (None, Kind::Date) => self.warnings.push(format!("data.{name} is no ISO date and is left out")),
            (None, _) => self.warnings.push(format!("data.{name} is no web address and is left out")),
            (Some(read), Kind::Date) if dates::written_out(&text, language).is_none() => {
                self.warnings.push(format!("data.{name} is no ISO date and stands as it came"));
                self.by_name.insert(name.to_owned(), Value::from(read));
            }
            (Some(read), Kind::Url) => {
                self.links.push(read.clone());
                self.url = Some(read.clone());
                self.by_name.insert(name.to_owned(), Value::from(read));
            }
            (Some(read), Kind::Number) => {
                let number = read.parse::<u64>().map_or_else(|_| Value::from(read), Value::from);
                self.by_name.insert(name.to_owned(), number);
            }
            (Some(read), _) => {
                self.by_name.insert(name.to_owned(), Value::from(read));
            }
        }
    }

    /// What only our own mails have: help pages, and a failure in the recipient's language.
    fn add_own(&mut self, data: &serde_json::Map<String, Json>, language: Locale) {
        let tag = language.tag();
        let region = if language == Locale::English { "us" } else { tag };
        let gmail = format!("https://support.google.com/mail/answer/29436?hl={tag}");
        let outlook = format!(
            "https://support.microsoft.com/{tag}-{region}/office/cd039382-dc6e-4264-ac74-c048563d212c"
        );
        for (name, link) in [("gmail_help", gmail), ("outlook_help", outlook)] {
            self.links.push(link.clone());
            self.by_name.insert(name.to_owned(), Value::from(link));
        }
        if let Some(fields) = data.get("fields").and_then(Json::as_str) {
            let names: BTreeSet<_> = fields.split(", ").map(|field| setting_name(language, field)).collect();
            let names: Vec<_> = names.into_iter().collect();
            self.by_name.insert("fields".to_owned(), Value::from(isolated(&names.join(", "))));
        }
        let failure = data.get("failure").map(AlertFailure::deserialize);
        if let Some(Ok(failure)) = failure {
            let values: Vec<_> = failure.values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let sentences = catalogue(language);
            let (cause, remedy) = sentences.failure(&failure.code, failure.cause.as_deref(), &values);
            self.by_name.insert("cause".to_owned(), Value::from(isolated(&cause)));
            self.by_name.insert("remedy".to_owned(), Value::from(isolated(&remedy)));
        }
    }
}

/// A failure as an alert's data carries it: its sentences are chosen when the mail is written, in each recipient's language.
#[derive(Debug, Deserialize, serde::Serialize)]
pub(crate) struct AlertFailure {
    /// The failure's code.
    pub(crate) code: String,
    /// The key of its cause, where that is known.
    pub(crate) cause: Option<String>,
    /// The values of the sentences.
    pub(crate) values: BTreeMap<String, String>,
}

/// One line without direction marks; text of the other direction is isolated, so that it turns nothing around it.
pub(super) fn isolated(text: &str) -> String {
    let line = undirected(&one_line(text));
    let line = if line.chars().count() > LONGEST {
        let cut: String = line.chars().take(LONGEST - 1).collect();
        format!("{}…", cut.trim_end())
    } else {
        line
    };
    if line.chars().any(is_right_to_left) { format!("{ISOLATE}{line}{POP}") } else { line }
}

/// White space and control characters become single spaces.
pub(super) fn one_line(text: &str) -> String {
    let words =
        text.split(|c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}') || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Lines that end with line feeds, whatever they ended with: a lone CR would get a line out of its quotation.
fn several_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let ends_line = |c: char| matches!(c, '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.chars()
        .filter(|c| !is_direction_mark(*c))
        .map(|c| if ends_line(c) { '\n' } else { c })
        .filter(|c| *c == '\n' || *c == '\t' || !c.is_control())
        .collect()
}

/// Letters of Hebrew, Arabic and the other scripts that run from right to left (UAX #9 §3.2, classes R and AL).
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}
