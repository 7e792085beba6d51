//! The templates: which there are, which one a mail takes, and what it says.
//!
//! A template is a text: its first line is the subject, the rest the body. The HTML part is made from the same
//! text by `layout.html`, so a translator writes every sentence once. Where a folder of the operator has a file
//! of the same name, that one is taken; when it fails, the built-in one is.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use ownpost_domain::brand::Brand;
use ownpost_domain::event::Event;
use ownpost_i18n::{language, with_locales};

use super::blocks::{Line, bdi, blocks, paragraphs, preheader, quote};
use super::catalogue::{MailType, TYPES};
use super::header_text::undirected;
use super::typography;
use super::values::{Rendering, Values, one_line};
use crate::config::ConfigError;
use crate::files;

/// Includes the templates of one locale: one file for each part and each type of the catalogue.
macro_rules! embedded {
    ($($variant:ident $locale:literal)+) => {
        &[$(
            embedded!(@one $locale "hello" "closing" "footer"
                "notification" "comment.created" "mention.created" "task.assigned" "task.due"
                "rights-request" "rights-request.received" "rights-request.message"
                "rights-request.identity-needed" "rights-request.completed" "rights-request.refused"
                "audit-invitation" "audit.invited" "audit.reminder" "audit.completed"
                "user-invitation" "user.invited" "user.reminder"
                "ownpost.test" "ownpost.relay-unhealthy" "ownpost.relay-recovered"
                "ownpost.certificate-expiring" "ownpost.credential-expiring" "ownpost.settings-changed")
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
const EMBEDDED: &[LocaleTemplates] = with_locales!(embedded);
const LAYOUT: &str = include_str!("../../templates/layout.html");
/// The locale when none of a recipient's is there.
const LAST_RESORT: &str = "en";
/// Parts of every mail, which are no mails.
pub(super) const PARTS: [&str; 3] = ["hello", "closing", "footer"];
/// The longest subject, in characters; filters count longer ones against a mail.
const SUBJECT_LIMIT: usize = 180;
/// The colour of buttons when the brand has none.
const ACCENT: &str = "#0b57d0";

/// The result of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The plain text; its lines end with line feeds.
    pub text: String,
    /// The HTML alternative.
    pub html: String,
    /// The locale of the text.
    pub locale: String,
    /// What the event lacks, or has in a form that cannot be used.
    pub warnings: Vec<String>,
    /// Why the operator's template was left and the built-in one taken, if it was.
    pub fallback: Option<TemplateError>,
}

/// A template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template {name}: {problem}")]
pub struct TemplateError {
    /// The template's name.
    pub name: String,
    /// The template engine's message.
    pub problem: String,
}

/// All templates, those of the operator before those compiled in, and the operator's brand.
pub struct Templates {
    pub(super) environment: Environment<'static>,
    /// The operator's, by `en/comment.created.txt`.
    pub(super) overrides: HashMap<String, String>,
    brand: Brand,
}

impl Templates {
    /// The templates compiled in, and the operator's over them.
    ///
    /// # Errors
    /// A file of the folder cannot be read, or is no template.
    pub fn new(folder: Option<&Path>, brand: Brand) -> Result<Self, ConfigError> {
        let overrides = match folder {
            None => HashMap::new(),
            Some(folder) => read_folder(folder)
                .map_err(|problem| ConfigError { variable: "OWNPOST_TEMPLATES", problem })?,
        };
        let templates = Self { environment: environment(UndefinedBehavior::Lenient), overrides, brand };
        for (name, source) in &templates.overrides {
            if let Err(error) = templates.environment.template_from_named_str(name, source) {
                let problem = format!("{name}: {error}");
                return Err(ConfigError { variable: "OWNPOST_TEMPLATES", problem });
            }
        }
        Ok(templates)
    }

    /// The operator's brand.
    pub fn brand(&self) -> &Brand {
        &self.brand
    }

    /// The types that have texts of their own: the catalogue's, then the operator's.
    pub fn kinds(&self) -> Vec<String> {
        let files = self.overrides.keys().filter_map(|path| path.split_once('/')?.1.strip_suffix(".txt"));
        let own: BTreeSet<_> =
            files.filter(|name| !PARTS.contains(name) && MailType::find(name).is_none()).collect();
        TYPES.iter().map(|known| known.name).chain(own).map(str::to_owned).collect()
    }

    /// The languages that have texts: the built-in ones, then the operator's.
    pub fn locales(&self) -> Vec<String> {
        let built_in = || EMBEDDED.iter().map(|(locale, _)| *locale);
        let folders = self.overrides.keys().filter_map(|path| Some(path.split_once('/')?.0));
        let own: BTreeSet<_> = folders.filter(|folder| !built_in().any(|known| known == *folder)).collect();
        built_in().chain(own).map(str::to_owned).collect()
    }

    /// The subject and body for this recipient. A template of the operator that fails or says nothing is left for the
    /// built-in one.
    ///
    /// # Errors
    /// A built-in template fails: a fault of ours.
    pub fn render(&self, rendering: &Rendering<'_>) -> Result<Rendered, TemplateError> {
        match self.render_from(rendering, &self.overrides) {
            Err(error) if !self.overrides.is_empty() => {
                let rendered = self.render_from(rendering, &HashMap::new())?;
                Ok(Rendered { fallback: Some(error), ..rendered })
            }
            rendered => rendered,
        }
    }

    fn render_from(
        &self,
        rendering: &Rendering<'_>,
        overrides: &HashMap<String, String>,
    ) -> Result<Rendered, TemplateError> {
        let (locale, name) = choose(overrides, rendering.event, rendering.recipient.locale.as_deref());
        let filler = Filler { environment: &self.environment, overrides };
        let mut values = Values::new(rendering, &self.brand, &locale, MailType::find(name));
        for part in ["hello", "closing"] {
            let filled = filler.fill(&format!("{locale}/{part}.txt"), &values.by_name)?;
            values.by_name.insert(part.to_owned(), Value::from(paragraphs(&filled).join("\n")));
        }
        let path = format!("{locale}/{name}.txt");
        let filled = filler.fill(&path, &values.by_name)?;
        let footer = filler.fill(&format!("{locale}/footer.txt"), &values.by_name)?;
        let (subject, body) = filled.trim_start().split_once('\n').unwrap_or((filled.trim(), ""));
        let subject = shortened(&one_line(&undirected(subject)));
        let paragraphs = paragraphs(body);
        if subject.is_empty() || paragraphs.is_empty() {
            let problem = "it gives no subject or no text".to_owned();
            return Err(TemplateError { name: path, problem });
        }
        let footer = footer_lines(&footer, &values.brand);
        let mut text = paragraphs.join("\n\n");
        if !footer.is_empty() {
            // RFC 3676 §4.3: mail programs know what follows as a signature.
            text.push_str("\n\n-- \n");
            text.push_str(&footer.join("\n"));
        }
        text.push('\n');
        let html = layout(&filler, values, &subject, &paragraphs, &footer)?;
        let Layout { html, warnings } = html;
        Ok(Rendered { subject, text, html, locale, warnings, fallback: None })
    }
}

/// The engine with our filters.
pub(super) fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.add_filter("quote", quote);
    environment.add_filter("bdi", bdi);
    environment
}

struct Layout {
    html: String,
    warnings: Vec<String>,
}

/// The HTML of a text.
fn layout(
    filler: &Filler<'_>,
    values: Values,
    subject: &str,
    paragraphs: &[String],
    footer: &[String],
) -> Result<Layout, TemplateError> {
    let Values { mut by_name, url, links, warnings, brand } = values;
    let blocks = blocks(paragraphs, url.as_deref(), &links);
    let hello = by_name.get("hello").map(ToString::to_string).unwrap_or_default();
    let footer: Vec<Line> = footer.iter().map(|line| Line::of(line, &links)).collect();
    let accent = brand.accent_color.as_deref().unwrap_or(ACCENT);
    let locale = by_name.get("locale").map(ToString::to_string).unwrap_or_default();
    let right_to_left = matches!(language(&locale), "ar" | "fa" | "he" | "ur" | "yi");
    let preheader = preheader(&blocks, &hello);
    for (name, value) in [
        ("subject", Value::from(subject)),
        ("heading", Value::from(subject)),
        ("preheader", Value::from(preheader)),
        ("accent", Value::from(accent)),
        ("on_accent", Value::from(readable_on(accent))),
        ("dir", Value::from(if right_to_left { "rtl" } else { "ltr" })),
        ("start", Value::from(if right_to_left { "right" } else { "left" })),
        ("blocks", Value::from(Serde(&blocks))),
        ("footer", Value::from(Serde(&footer))),
    ] {
        by_name.insert(name.to_owned(), value);
    }
    Ok(Layout { html: filler.fill("layout.html", &by_name)?, warnings })
}

/// Black or white, whichever is easier to read on a colour (WCAG 2.2 §1.4.3).
fn readable_on(color: &str) -> &'static str {
    let channel = |range| {
        let value = color.get(range).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * channel(1..3) + 0.7152 * channel(3..5) + 0.0722 * channel(5..7);
    if luminance > 0.179 { "#000000" } else { "#ffffff" }
}

/// The footer's lines, and those of the brand below them.
fn footer_lines(filled: &str, brand: &Brand) -> Vec<String> {
    let own = [brand.footer.as_deref(), brand.postal_address.as_deref()];
    filled
        .lines()
        .chain(own.into_iter().flatten().flat_map(str::lines))
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// A subject of at most [`SUBJECT_LIMIT`] characters.
fn shortened(subject: &str) -> String {
    if subject.chars().count() <= SUBJECT_LIMIT {
        return subject.to_owned();
    }
    let cut: String = subject.chars().take(SUBJECT_LIMIT - 1).collect();
    format!("{}…", cut.trim_end())
}

/// The locale and name of the template that a mail takes. The recipient's language comes before the type: a generic
/// sentence that is understood says more than a special one that is not.
fn choose<'a>(
    overrides: &HashMap<String, String>,
    event: &'a Event,
    locale: Option<&str>,
) -> (String, &'a str) {
    let wanted = locale.unwrap_or_default().replace('_', "-").to_ascii_lowercase();
    let language = language(&wanted).to_owned();
    for locale in [wanted, language, LAST_RESORT.to_owned()] {
        for name in [event.kind.as_str(), event.category.name()] {
            let path = format!("{locale}/{name}.txt");
            if !PARTS.contains(&name) && (overrides.contains_key(&path) || built_in(&path).is_some()) {
                return (locale, name);
            }
        }
    }
    (LAST_RESORT.to_owned(), event.category.name())
}

/// The template compiled in under this path.
pub(super) fn built_in(path: &str) -> Option<&'static str> {
    if path == "layout.html" {
        return Some(LAYOUT);
    }
    let (locale, file) = path.split_once('/')?;
    let name = file.strip_suffix(".txt")?;
    let (_, templates) = EMBEDDED.iter().find(|(known, _)| *known == locale)?;
    templates.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}

/// Fills templates from one set of files.
pub(super) struct Filler<'a> {
    pub(super) environment: &'a Environment<'static>,
    pub(super) overrides: &'a HashMap<String, String>,
}

impl Filler<'_> {
    /// Fills one. Where a locale of the operator lacks a part, the language's and then the last resort's is taken.
    pub(super) fn fill(&self, path: &str, values: &HashMap<String, Value>) -> Result<String, TemplateError> {
        let part = path.split_once('/').map_or(path, |(_, file)| file);
        let language = path.split(['/', '-']).next().unwrap_or_default();
        let source = self
            .source(path)
            .or_else(|| self.source(&format!("{language}/{part}")))
            .or_else(|| self.source(&format!("{LAST_RESORT}/{part}")))
            .unwrap_or_default();
        let source = typography::set(source, language);
        // The name's ending decides about escaping: `.html` is escaped, `.txt` is not.
        self.environment
            .render_named_str(path, &source, values)
            .map_err(|error| TemplateError { name: path.to_owned(), problem: error.to_string() })
    }

    fn source(&self, path: &str) -> Option<&str> {
        self.overrides.get(path).map(String::as_str).or_else(|| built_in(path))
    }
}

/// Reads `<folder>/layout.html` and `<folder>/<locale>/<name>.txt`.
fn read_folder(folder: &Path) -> Result<HashMap<String, String>, String> {
    let mut sources = HashMap::new();
    let read = |path: &Path| {
        let text = files::read_text(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok::<_, String>(text.to_string())
    };
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
#[path = "templates_tests.rs"]
mod tests;
