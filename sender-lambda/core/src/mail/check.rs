//! The check of an operator's templates, before a mail meets their faults: every file read, every name known, every type
//! rendered in every language with all data, with none and with hostile data.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use jiff::Timestamp;
use minijinja::UndefinedBehavior;
use ownpost_domain::brand::Brand;
use ownpost_i18n::{Locale, language};
use serde::Serialize;

use super::build::Built;
use super::catalogue::{FIELDS, MailType, TYPES};
use super::preview::{self, Sample, preview};
use super::templates::{PARTS, Templates, environment};
use crate::files;

/// The names that a template sees beside the members of `data`.
const NAMES: &[&str] = &[
    "locale",
    "sender",
    "product",
    "replies",
    "category",
    "type",
    "recipient",
    "unsubscribe",
    "brand",
    "data",
    "hello",
    "closing",
    "gmail_help",
    "outlook_help",
    "subject",
    "heading",
    "preheader",
    "accent",
    "on_accent",
    "dir",
    "start",
    "blocks",
    "footer",
    "loop",
];
/// Gmail cuts a mail at 102 KB.
const LARGEST_HTML: usize = 102 * 1024;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Mails would be wrong, or the built-in text would be taken.
    Error,
    /// It may be meant so.
    Warning,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, below the folder.
    pub file: String,
    /// The line, from 1; 0 for the whole file.
    pub line: usize,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub problem: String,
}

/// Checks a folder of templates. The findings come by file and line.
///
/// # Errors
/// The folder cannot be read.
pub fn check(folder: &Path, now: Timestamp) -> Result<Vec<Finding>, String> {
    let mut found = BTreeSet::new();
    let files = templates_of(folder, &mut found)?;
    let engine = environment(UndefinedBehavior::Lenient);
    let mut sound = true;
    for (name, path) in &files {
        let source = match files::read_text(path) {
            Ok(source) => source,
            Err(error) => {
                sound = false;
                add(&mut found, name, 0, Severity::Error, format!("cannot be read: {error}"));
                continue;
            }
        };
        match engine.template_from_named_str(name, &source) {
            Err(error) => {
                sound = false;
                let problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                add(&mut found, name, error.line().unwrap_or(0), Severity::Error, problem);
            }
            Ok(template) => {
                for unknown in template.undeclared_variables(false) {
                    unknown_name(&mut found, name, &source, &unknown);
                }
                unused(&mut found, name, &template.undeclared_variables(true));
            }
        }
        for (index, line) in source.lines().enumerate() {
            if line.contains("|safe") || line.contains("| safe") || line.contains("autoescape false") {
                let problem = "what is not escaped here can act in the mail".to_owned();
                add(&mut found, name, index + 1, Severity::Error, problem);
            }
        }
    }
    untranslated(&mut found, &files);
    if sound {
        let templates = Templates::new(Some(folder), Brand::default()).map_err(|error| error.to_string())?;
        render_all(&mut found, &templates, now);
    }
    Ok(found.into_iter().collect())
}

fn add(found: &mut BTreeSet<Finding>, file: &str, line: usize, severity: Severity, problem: String) {
    found.insert(Finding { file: file.to_owned(), line, severity, problem });
}

/// The templates of a folder; what is no template is a finding, because nobody would read it.
fn templates_of(
    folder: &Path,
    found: &mut BTreeSet<Finding>,
) -> Result<Vec<(String, std::path::PathBuf)>, String> {
    let list = |path: &Path| -> Result<Vec<std::path::PathBuf>, String> {
        let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| error.to_string())).collect()
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = Vec::new();
    for entry in list(folder)? {
        let first = name(&entry);
        if !entry.is_dir() {
            if first == "layout.html" {
                files.push((first, entry));
            } else {
                let problem = "is not read: only layout.html and folders of languages are".to_owned();
                add(found, &first, 0, Severity::Warning, problem);
            }
            continue;
        }
        let language = language(&first);
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_alphabetic()) {
            let problem = "is no language: name the folder by its tag, such as en or pt-br".to_owned();
            add(found, &first, 0, Severity::Error, problem);
        } else if first.contains('_') {
            let problem = "is not found: write a hyphen, as in pt-br".to_owned();
            add(found, &first, 0, Severity::Error, problem);
        }
        for file in list(&entry)? {
            let (second, shown) = (name(&file), format!("{}/{}", first.to_ascii_lowercase(), name(&file)));
            let Some(stem) = second.strip_suffix(".txt") else {
                add(found, &shown, 0, Severity::Warning, "is not read: templates end in .txt".to_owned());
                continue;
            };
            if MailType::find(stem).is_none() && !PARTS.contains(&stem) {
                let known = TYPES.iter().map(|known| known.name).chain(PARTS);
                let (severity, hint) = match closest(stem, known) {
                    Some(meant) => (Severity::Error, format!("did you mean {meant}.txt?")),
                    None => (Severity::Warning, format!("it serves events of the type `{stem}` alone")),
                };
                add(found, &shown, 0, severity, format!("is the name of no built-in template; {hint}"));
            }
            files.push((shown, file));
        }
    }
    files.sort();
    Ok(files)
}

/// A name that no value has: misspelt, or a member of the operator's own.
fn unknown_name(found: &mut BTreeSet<Finding>, file: &str, source: &str, unknown: &str) {
    let known = || FIELDS.iter().map(|field| field.name).chain(NAMES.iter().copied());
    if known().any(|name| name == unknown) {
        return;
    }
    let line = source.lines().position(|line| line.contains(unknown)).map_or(0, |index| index + 1);
    let (severity, hint) = match closest(unknown, known()) {
        Some(meant) => (Severity::Error, format!("did you mean `{meant}`?")),
        None => (Severity::Warning, "it is empty unless your events have it in `data`".to_owned()),
    };
    add(found, file, line, severity, format!("`{unknown}` is no member that Ownpost knows; {hint}"));
}

/// Wanted members of the type that its template never reads: no mail would say them.
fn unused(found: &mut BTreeSet<Finding>, file: &str, used: &HashSet<String>) {
    let kind = file.split_once('/').and_then(|(_, file)| file.strip_suffix(".txt")).and_then(MailType::find);
    for wanted in kind.into_iter().flat_map(|kind| kind.wanted) {
        if !used.contains(*wanted) && !used.contains(&format!("data.{wanted}")) {
            let problem = format!("does not say `{wanted}`, although such a mail should");
            add(found, file, 0, Severity::Warning, problem);
        }
    }
}

/// Languages of the operator's own that lack texts: those mails, or parts of them, would be in English.
fn untranslated(found: &mut BTreeSet<Finding>, files: &[(String, std::path::PathBuf)]) {
    let locales = files.iter().filter_map(|(name, _)| name.split_once('/')).map(|(locale, _)| locale);
    for locale in locales.collect::<BTreeSet<_>>() {
        let language = language(locale);
        if Locale::ALL.iter().any(|known| known.tag() == language) {
            continue;
        }
        let has = |tag: &str, name: &str| files.iter().any(|(file, _)| *file == format!("{tag}/{name}.txt"));
        let own = TYPES.iter().filter(|known| !known.is_own()).map(|known| known.name);
        let lacks: Vec<_> =
            PARTS.into_iter().chain(own).filter(|name| !has(locale, name) && !has(language, name)).collect();
        if !lacks.is_empty() {
            let problem = format!("has no {}: these texts are in English", lacks.join(", "));
            add(found, locale, 0, Severity::Warning, problem);
        }
    }
}

/// The known name that is at most two slips away.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known
        .map(|known| (slips(name, known), known))
        .filter(|(slips, known)| *slips <= 2 && *slips * 2 <= known.len());
    near.min().map(|(_, known)| known)
}

/// Levenshtein's distance.
fn slips(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Renders every type in every language, ours and those of the folder.
fn render_all(found: &mut BTreeSet<Finding>, templates: &Templates, now: Timestamp) {
    let kinds = templates.kinds();
    for locale in &templates.locales() {
        for kind in &kinds {
            for sample in Sample::ALL {
                let at = format!("{locale}/{kind}.txt");
                let event = preview::event(kind, locale, sample.data(locale));
                match preview(templates, None, &event, now) {
                    Err(problem) => add(found, &at, 0, Severity::Error, problem),
                    Ok(Built { bodies, .. }) => {
                        if let Some(error) = bodies.fallback {
                            let problem = format!("fails with {} data: {}", sample.name(), error.problem);
                            add(found, &error.name, 0, Severity::Error, problem);
                        }
                        if bodies.html.is_some_and(|html| html.len() > LARGEST_HTML) {
                            let problem = "its HTML is larger than 102 KB, where Gmail cuts".to_owned();
                            add(found, "layout.html", 0, Severity::Error, problem);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_is_found_by_file_and_line() {
        let folder = std::env::temp_dir().join(format!("ownpost-check-{}", std::process::id()));
        for (name, text) in [
            ("en/comment.created.txt", "Subject\n\n{{ titel }}\n"),
            ("en/task.due.txt", "{% if %}\n"),
            ("en/coment.created.txt", "S\n\nT\n"),
            ("english/footer.txt", "x"),
            ("tlh/notification.txt", "S\n\n{{ title }} {{ data.url }}\n"),
            ("en/note.html", "x"),
            ("notes.md", "x"),
        ] {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let lines = |found: Vec<Finding>| -> Vec<String> {
            found.iter().map(|f| format!("{}:{} {:?} {}", f.file, f.line, f.severity, f.problem)).collect()
        };
        let found = lines(check(&folder, Timestamp::UNIX_EPOCH).unwrap());
        for (place, part) in [
            ("en/comment.created.txt:3 Error", "did you mean `title`?"),
            ("en/task.due.txt:1 Error", ""),
            ("en/coment.created.txt:0 Error", "did you mean comment.created.txt?"),
            ("english:0 Error", "is no language"),
            ("en/note.html:0 Warning", "is not read"),
            ("notes.md:0 Warning", "is not read"),
            ("en/comment.created.txt:0 Warning", "does not say `url`"),
            ("tlh:0 Warning", "has no hello, closing, footer, comment.created"),
        ] {
            assert!(
                found.iter().any(|line| line.starts_with(place) && line.contains(part)),
                "{place}: {found:#?}"
            );
        }
        std::fs::write(folder.join("en/task.due.txt"), "Due\n\n{{ data.request.reference.number }}\n")
            .unwrap();
        let found = lines(check(&folder, Timestamp::UNIX_EPOCH).unwrap());
        assert!(
            found.iter().any(|line| line.starts_with("en/task.due.txt:0 Error fails with")),
            "{found:#?}"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
