//! `ownpost mails`: an operator's templates checked, and mails looked at before anybody gets them.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::functions::signing;
use ownpost_core::mail::build::{Bodies, Built};
use ownpost_core::mail::catalogue::{MailType, TYPES};
use ownpost_core::mail::check::{Severity, check};
use ownpost_core::mail::preview::{Sample, event, preview};
use ownpost_core::mail::templates::Templates;
use ownpost_core::wire::event::parse;
use ownpost_domain::event::Event;
use serde_json::Value;

use super::terminal::{BAD, BOLD, Styled, WARN, clean, complain, note, pretty, say};
use super::{MailsCheckArgs, MailsRenderArgs, MailsSample, NO, UNUSABLE, YES, input};

/// The largest file of data, an event with attachments.
const LARGEST_DATA: usize = 25 * 1024 * 1024;

/// `ownpost mails check`.
pub(super) fn run_check(args: &MailsCheckArgs) -> ExitCode {
    let found = match check(&args.dir, Timestamp::now()) {
        Ok(found) => found,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    if args.json {
        say(&pretty(&found));
    } else {
        for finding in &found {
            let mark = match finding.severity {
                Severity::Error => Styled(BAD, "✗"),
                Severity::Warning => Styled(WARN, "!"),
            };
            let place = match finding.line {
                0 => clean(&finding.file),
                line => format!("{}:{line}", clean(&finding.file)),
            };
            say(&format!("{mark} {}  {}\n", Styled(BOLD, place), clean(&finding.problem)));
        }
        if found.is_empty() {
            say("No fault found.\n");
        }
    }
    let faulty = found.iter().any(|finding| finding.severity == Severity::Error);
    ExitCode::from(if faulty { NO } else { YES })
}

/// `ownpost mails render`.
pub(super) fn run_render(config: &Config, args: &MailsRenderArgs) -> ExitCode {
    let keys = match signing::of_file(config.dkim.as_ref()) {
        Ok(keys) => keys,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let templates = match Templates::new(config.templates.as_deref(), config.product.clone()) {
        Ok(templates) => templates,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let events = match events(args, &templates) {
        Ok(events) => events,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let mut code = YES;
    for event in &events {
        let built = match preview(&templates, keys.as_ref(), event, Timestamp::now()) {
            Ok(built) => built,
            Err(problem) => return complain(NO, &problem),
        };
        // Of all mails at once the examples lack nothing that anybody could add.
        for warning in built.bodies.warnings.iter().filter(|_| args.kind.is_some()) {
            note(&format!("! {warning}"));
        }
        if let Some(error) = &built.bodies.fallback {
            note(&format!("✗ {error}: the built-in text is used"));
            code = NO;
        }
        match &args.out {
            None => say(&String::from_utf8_lossy(&built.message)),
            Some(folder) => {
                if let Err(error) = write(folder, &event.kind, &built) {
                    return complain(NO, &format!("{}: {error}", folder.display()));
                }
            }
        }
    }
    ExitCode::from(code)
}

/// The events whose mails are asked for: one, or an example of each type in each language.
fn events(args: &MailsRenderArgs, templates: &Templates) -> Result<Vec<Event>, String> {
    let sample = match args.sample {
        MailsSample::Full => Sample::Full,
        MailsSample::Minimal => Sample::Minimal,
        MailsSample::Hostile => Sample::Hostile,
    };
    let Some(kind) = &args.kind else {
        let locales = args.locale.as_ref().map_or_else(|| templates.locales(), |one| vec![one.clone()]);
        let each = |kind: &String| -> Vec<_> {
            locales.iter().map(|locale| event(kind, locale, sample.data(locale))).collect()
        };
        return Ok(templates.kinds().iter().flat_map(each).collect());
    };
    if MailType::find(kind).is_none() {
        let names: Vec<&str> = TYPES.iter().map(|known| known.name).collect();
        let known = names.join(", ");
        note(&format!(
            "{kind} has no text of its own; the neutral text of notifications follows. Known: {known}"
        ));
    }
    let locale = args.locale.as_deref();
    let Some(file) = &args.data else {
        let locale = locale.unwrap_or("en");
        return Ok(vec![event(kind, locale, sample.data(locale))]);
    };
    let json = input::read(file, LARGEST_DATA)?;
    let unusable = |problem: String| format!("{}: {problem}", file.display());
    let value: Value = serde_json::from_slice(&json).map_err(|error| unusable(error.to_string()))?;
    if value["recipients"].is_array() {
        let mut event = parse(&json, LARGEST_DATA).map_err(|error| unusable(error.to_string()))?;
        event.kind.clone_from(kind);
        if let (Some(locale), Some(recipient)) = (locale, event.recipients.first_mut()) {
            recipient.locale = Some(locale.to_owned());
        }
        return Ok(vec![event]);
    }
    let data = if value["data"].is_object() { value["data"].clone() } else { value };
    match data {
        Value::Object(data) => Ok(vec![event(kind, locale.unwrap_or("en"), data)]),
        _ => Err(unusable("no JSON object".to_owned())),
    }
}

fn write(folder: &Path, kind: &str, built: &Built) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A type has letters, digits and `._-` alone; anything else stays out of a path.
    let name: String =
        kind.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let Bodies { html, text, language, .. } = &built.bodies;
    let stem = format!("{name}.{}", language.as_deref().unwrap_or("en"));
    std::fs::write(folder.join(format!("{stem}.eml")), &built.message)?;
    if let Some(html) = html {
        std::fs::write(folder.join(format!("{stem}.html")), html)?;
    }
    std::fs::write(folder.join(format!("{stem}.txt")), text)?;
    say(&format!("{}\n", folder.join(format!("{stem}.eml")).display()));
    Ok(())
}
