//! The templates: which there are, which one a mail takes, and what it says.
//!
//! A template is a text: its first line is the subject, the rest the body. The HTML part is made from the same
//! text by `layout.html`, so a translator writes every sentence once. Where a folder of the operator has a file
//! of the same name, that one is taken.

use std::collections::HashMap;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use ownpost_domain::event::{Event, Recipient};
use ownpost_i18n::{language, with_locales};
use serde::Serialize;
use serde_json::Map;

use crate::config::ConfigError;

/// Includes the templates of one locale: one file for each of the catalogue's names.
macro_rules! catalogue {
    ($($variant:ident $locale:literal)+) => {
        &[$(
            catalogue!(@one $locale "hello" "footer" "notification" "comment.created" "task.assigned" "task.due"
                "rights-request" "rights-request.received" "rights-request.message"
                "audit-invitation" "audit.invited" "audit.reminder" "user-invitation" "user.invited"
                "ownpost.relay-unhealthy" "ownpost.settings-changed")
        ),+]
    };
    (@one $locale:literal $($name:literal)+) => {
        ($locale, &[$((
            $name,
            include_str!(concat!("../../templates/", $locale, "/", $name, ".txt")),
        )),+])
    };
}

/// The templates of one locale, by name.
type LocaleTemplates = (&'static str, &'static [(&'static str, &'static str)]);

/// The templates compiled in.
const EMBEDDED: &[LocaleTemplates] = with_locales!(catalogue);
const LAYOUT: &str = include_str!("../../templates/layout.html");
/// The locale when none of a recipient's is there.
const LAST_RESORT: &str = "en";
/// The longest subject, in characters; mail programs show some 80.
const SUBJECT_LIMIT: usize = 250;

/// The result of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The plain text; its lines end with line feeds.
    pub text: String,
    /// The HTML alternative.
    pub html: String,
}

/// A template cannot be filled in.
#[derive(Clone, Debug, thiserror::Error)]
#[error("template {name}: {problem}")]
pub struct TemplateError {
    /// The template's name.
    pub name: String,
    /// The template engine's message.
    pub problem: String,
}

/// All templates, those of the operator before those compiled in.
pub struct Templates {
    environment: Environment<'static>,
    /// The operator's, by `en/comment.created.txt`.
    overrides: HashMap<String, String>,
}

impl Templates {
    /// The templates compiled in, and the operator's over them.
    ///
    /// # Errors
    /// A file of the folder cannot be read, or is no template.
    pub fn new(folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new();
        environment.add_filter("quote", quote);
        let overrides = match folder {
            None => HashMap::new(),
            Some(folder) => read_folder(folder)
                .map_err(|problem| ConfigError { variable: "OWNPOST_TEMPLATES", problem })?,
        };
        for (name, source) in &overrides {
            if let Err(error) = environment.template_from_named_str(name, source) {
                let problem = format!("{name}: {error}");
                return Err(ConfigError { variable: "OWNPOST_TEMPLATES", problem });
            }
        }
        Ok(Self { environment, overrides })
    }

    /// The subject and body for this recipient. `sender` is the name in From:.
    ///
    /// # Errors
    /// Only a template of the operator can fail.
    pub fn render(
        &self,
        event: &Event,
        recipient: &Recipient,
        sender: &str,
    ) -> Result<Rendered, TemplateError> {
        let (locale, name) = self.choose(event, recipient.locale.as_deref());
        let replies = event.reply_to.as_ref().map(|to| to.name.as_deref().unwrap_or(&to.address));
        let mut values = one_line_each(&event.data);
        let recipient = context!(name => &recipient.person.name, address => &recipient.person.address);
        for (key, value) in [
            ("locale", Value::from(&*locale)),
            ("sender", Value::from(one_line(sender))),
            ("replies", Value::from(replies)),
            ("category", Value::from(event.category.name())),
            ("type", Value::from(&*event.kind)),
            ("recipient", recipient),
            ("data", Value::from(Serde(&event.data))),
        ] {
            values.insert(key.to_owned(), value);
        }
        let hello = self.fill(&format!("{locale}/hello.txt"), &values)?;
        values.insert("hello".to_owned(), Value::from(hello.trim()));
        let filled = self.fill(&format!("{locale}/{name}.txt"), &values)?;
        let footer = self.fill(&format!("{locale}/footer.txt"), &values)?;
        let (subject, body) = filled.trim_start().split_once('\n').unwrap_or((filled.trim(), ""));
        let subject: String = one_line(subject).chars().take(SUBJECT_LIMIT).collect();
        let paragraphs = paragraphs(body);
        let footer = footer.trim();
        let mut text = paragraphs.join("\n\n");
        if !footer.is_empty() {
            // RFC 3676 §4.3: mail programs know what follows as a signature.
            text.push_str("\n\n-- \n");
            text.push_str(footer);
        }
        text.push('\n');
        let url =
            event.data.get("url").and_then(serde_json::Value::as_str).map(str::trim).unwrap_or_default();
        let blocks: Vec<Block<'_>> = paragraphs.iter().map(|paragraph| Block::of(paragraph, url)).collect();
        values.insert("subject".to_owned(), Value::from(&*subject));
        values.insert("blocks".to_owned(), Value::from(Serde(&blocks)));
        values.insert("footer".to_owned(), Value::from(Serde(footer.lines().collect::<Vec<_>>())));
        let html = self.fill("layout.html", &values)?;
        Ok(Rendered { subject, text, html })
    }

    /// The recipient's language comes before the type: a generic sentence that is understood says more than a
    /// special one that is not.
    fn choose<'a>(&self, event: &'a Event, locale: Option<&str>) -> (String, &'a str) {
        let wanted = locale.unwrap_or_default().replace('_', "-").to_ascii_lowercase();
        let language = language(&wanted).to_owned();
        for locale in [wanted, language, LAST_RESORT.to_owned()] {
            for name in [event.kind.as_str(), event.category.name()] {
                // `hello` and `footer` are parts, not mails.
                let part = matches!(name, "hello" | "footer");
                if !part && self.source(&format!("{locale}/{name}.txt")).is_some() {
                    return (locale, name);
                }
            }
        }
        (LAST_RESORT.to_owned(), event.category.name())
    }

    /// Where a locale of the operator lacks a part, the language's and then the last resort's is taken.
    fn source(&self, path: &str) -> Option<&str> {
        if let Some(source) = self.overrides.get(path) {
            return Some(source);
        }
        if path == "layout.html" {
            return Some(LAYOUT);
        }
        let (locale, file) = path.split_once('/')?;
        let name = file.strip_suffix(".txt")?;
        let (_, templates) = EMBEDDED.iter().find(|(known, _)| *known == locale)?;
        templates.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }

    fn fill(&self, path: &str, values: &HashMap<String, Value>) -> Result<String, TemplateError> {
        let part = path.split_once('/').map_or(path, |(_, file)| file);
        let language = path.split(['/', '-']).next().unwrap_or_default();
        let source = self
            .source(path)
            .or_else(|| self.source(&format!("{language}/{part}")))
            .or_else(|| self.source(&format!("{LAST_RESORT}/{part}")))
            .unwrap_or_default();
        // The name's ending decides about escaping: `.html` is escaped, `.txt` is not.
        self.environment
            .render_named_str(path, source, values)
            .map_err(|error| TemplateError { name: path.to_owned(), problem: error.to_string() })
    }
}

/// A paragraph for the HTML layout.
#[derive(Serialize)]
struct Block<'a> {
    kind: &'static str,
    lines: Vec<&'a str>,
    url: &'a str,
    label: &'a str,
}

impl<'a> Block<'a> {
    fn of(paragraph: &'a str, url: &'a str) -> Self {
        let lines: Vec<&str> = paragraph.lines().collect();
        let web = url.starts_with("https://") || url.starts_with("http://");
        if lines.iter().all(|line| line.starts_with('>')) {
            let lines = lines.into_iter().map(|line| line[1..].trim_start()).collect();
            return Self { kind: "quote", lines, url: "", label: "" };
        }
        match paragraph.strip_suffix(url) {
            // "Read the comment: https://…" becomes a link that reads "Read the comment".
            Some(label) if web => {
                let label = label.trim().trim_end_matches(':').trim_end();
                let label = if label.is_empty() { url } else { label };
                Self { kind: "link", lines, url, label }
            }
            _ => Self { kind: "text", lines, url: "", label: "" },
        }
    }
}

/// The paragraphs of a text: separated by blank lines, however many a skipped sentence has left.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim_end) {
        match (line.is_empty(), open, paragraphs.last_mut()) {
            (true, ..) => open = false,
            (false, true, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (false, ..) => {
                paragraphs.push(line.to_owned());
                open = true;
            }
        }
    }
    paragraphs
}

/// Filter `quote`: every line behind `> `, as people quote in mails. Nothing gives nothing.
fn quote(value: &Value) -> String {
    if value.is_undefined() || value.is_none() {
        return String::new();
    }
    let text = value.to_string();
    let lines = text.trim().lines().map(|line| format!("> {}", line.trim_end()).trim_end().to_owned());
    if text.trim().is_empty() { String::new() } else { lines.collect::<Vec<_>>().join("\n") }
}

/// The product's values as templates see them. All but `excerpt` are made one line, so that a title with a line
/// break in it cannot end the subject early; `data` has them as they came.
fn one_line_each(data: &Map<String, serde_json::Value>) -> HashMap<String, Value> {
    let one = |(key, value): (&String, &serde_json::Value)| {
        let value = match value {
            serde_json::Value::String(text) if key != "excerpt" => Value::from(one_line(text)),
            other => Value::from(Serde(other)),
        };
        (key.clone(), value)
    };
    data.iter().map(one).collect()
}

/// White space and control characters become single spaces.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Reads `<folder>/layout.html` and `<folder>/<locale>/<name>.txt`.
fn read_folder(folder: &Path) -> Result<HashMap<String, String>, String> {
    let mut sources = HashMap::new();
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let list = |path: &Path| -> Result<Vec<_>, String> {
        let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(|e| e.to_string())).collect()
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    for entry in list(folder)? {
        let Some(first) = name(&entry) else { continue };
        if entry.is_dir() {
            for file in list(&entry)? {
                let text = file.extension().is_some_and(|extension| extension == "txt");
                if let Some(second) = name(&file).filter(|_| text) {
                    sources.insert(format!("{}/{second}", first.to_ascii_lowercase()), read(&file)?);
                }
            }
        } else if first == "layout.html" {
            sources.insert(first, read(&entry)?);
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::event::{QUEUE_LIMIT, parse};
    use ownpost_domain::category::Category;

    fn event(category: &str, kind: &str, data: &serde_json::Value) -> Event {
        let document = serde_json::json!({
            "id": "e1", "tenant": "acme", "category": category, "type": kind,
            "recipients": [{"address": "jan@example.org", "name": "Jan"}], "data": data,
        });
        parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap()
    }

    fn render(templates: &Templates, event: &Event, locale: &str) -> Rendered {
        let recipient = Recipient { locale: Some(locale.to_owned()), ..event.recipients[0].clone() };
        templates.render(event, &recipient, "Acme").unwrap()
    }

    #[test]
    fn every_template_of_every_locale_reads_well_with_everything_and_with_nothing() {
        let templates = Templates::new(None).unwrap();
        let full = serde_json::json!({
            "actor": "Ann", "title": "Cookie banner", "excerpt": "First line\n\nLast line",
            "url": "https://app.example.com/42", "due": "1 May",
            "action": "remove", "fields": "host, password", "at": "2026-11-30 10:00 UTC",
        });
        for (locale, names) in EMBEDDED {
            for (name, _) in *names {
                for data in [full.clone(), serde_json::json!({})] {
                    let with_data = data["title"].is_string();
                    let rendered = render(&templates, &event("notification", name, &data), locale);
                    let at = format!("{locale}/{name}: {rendered:?}");
                    assert!(!rendered.subject.is_empty(), "{at}");
                    for odd in [
                        "  ",
                        "{{",
                        "{%",
                        " .",
                        " ,",
                        "“”",
                        "„“",
                        "«»",
                        "«  »",
                        "::",
                        "\n\n\n",
                        "undefined",
                        "none",
                    ] {
                        let quoted = rendered.text.replace("\n\n-- \n", "\n");
                        assert!(!rendered.subject.contains(odd) && !quoted.contains(odd), "{odd:?} in {at}");
                    }
                    if with_data && !matches!(*name, "hello" | "footer") && !name.starts_with("ownpost.") {
                        assert!(rendered.text.contains("https://app.example.com/42"), "{at}");
                        assert!(rendered.text.contains("> First line\n>\n> Last line"), "{at}");
                        assert!(
                            rendered.html.contains("<a href=\"https:&#x2f;&#x2f;app.example.com"),
                            "{at}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn all_locales_have_the_same_templates() {
        let names = |locale: &LocaleTemplates| locale.1.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        for locale in EMBEDDED {
            assert_eq!(names(locale), names(&EMBEDDED[0]), "{}", locale.0);
        }
    }

    #[test]
    fn each_category_has_a_template() {
        let (_, english) = EMBEDDED.iter().find(|(locale, _)| *locale == LAST_RESORT).unwrap();
        for category in Category::ALL {
            assert!(english.iter().any(|(name, _)| *name == category.name()), "{}", category.name());
        }
    }

    #[test]
    fn which_template_a_mail_takes() {
        let templates = Templates::new(None).unwrap();
        for (kind, locale, expected) in [
            ("comment.created", "en", ("en", "comment.created")),
            ("comment.created", "EN_gb", ("en", "comment.created")),
            ("comment.deleted", "en", ("en", "notification")),
            ("comment.created", "nl_BE", ("nl", "comment.created")),
            ("comment.deleted", "de-AT", ("de", "notification")),
            ("comment.created", "tlh", ("en", "comment.created")),
            ("comment.created", "", ("en", "comment.created")),
            ("footer", "en", ("en", "notification")),
        ] {
            let event = event("notification", kind, &serde_json::json!({}));
            let (found, name) = templates.choose(&event, Some(locale));
            assert_eq!((found.as_str(), name), expected, "{kind} {locale}");
        }
    }

    #[test]
    fn what_the_product_says_is_text_and_not_markup() {
        let hostile = serde_json::json!({
            "actor": "<img src=x onerror=alert(1)>", "title": "a\r\nBcc: eve@example.org",
            "url": "javascript:alert(1)", "excerpt": "{{ 7 * 7 }} <script>",
        });
        let templates = Templates::new(None).unwrap();
        let rendered = render(&templates, &event("notification", "comment.created", &hostile), "en");
        assert!(!rendered.html.contains("<img") && !rendered.html.contains("<script"), "{}", rendered.html);
        assert!(!rendered.html.contains("href=\"javascript"), "{}", rendered.html);
        assert!(rendered.text.contains("{{ 7 * 7 }}"));
        assert!(rendered.subject.ends_with("“a Bcc: eve@example.org”"), "{}", rendered.subject);
    }
}
