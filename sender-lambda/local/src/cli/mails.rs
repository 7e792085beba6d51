//! `ownpost mails`: an operator's templates checked, and mails looked at before anybody gets them.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::mail::catalogue::TYPES;
use ownpost_core::mail::check::{Severity, check};
use ownpost_core::mail::preview::{Preview, Sample, preview};
use ownpost_core::mail::templates::Templates;
use serde_json::Map;

use super::terminal::{BAD, BOLD, Styled, WARN, clean, complain, pretty, say};
use super::{MailsCheckArgs, MailsRenderArgs, NO, UNUSABLE, YES, input};

/// The largest file of data.
const LARGEST_DATA: usize = 1024 * 1024;

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
    let templates = match Templates::new(config.templates.as_deref(), config.product.clone()) {
        Ok(templates) => templates,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    if !TYPES.iter().any(|known| known.name == args.kind) {
        let names: Vec<&str> = TYPES.iter().map(|known| known.name).collect();
        eprintln!(
            "{} has no text of its own; the neutral text of notifications follows. Known: {}",
            clean(&args.kind),
            names.join(", ")
        );
    }
    let data = match &args.data {
        None => Sample::Full.data(),
        Some(file) => match read_data(file) {
            Ok(data) => data,
            Err(problem) => return complain(UNUSABLE, &problem),
        },
    };
    let made = match preview(&templates, &args.kind, &args.locale, data, Timestamp::now()) {
        Ok(made) => made,
        Err(problem) => return complain(NO, &problem),
    };
    for warning in &made.rendered.warnings {
        eprintln!("! {}", clean(warning));
    }
    if let Some(error) = &made.rendered.fallback {
        eprintln!("✗ {}: the built-in text is used", clean(&error.to_string()));
    }
    match &args.out {
        None => say(&String::from_utf8_lossy(&made.message)),
        Some(folder) => {
            if let Err(error) = write(folder, args, &made) {
                return complain(NO, &format!("{}: {error}", folder.display()));
            }
        }
    }
    ExitCode::from(if made.rendered.fallback.is_some() { NO } else { YES })
}

/// The members of `data`, as a file of their own or in an event.
fn read_data(file: &Path) -> Result<Map<String, serde_json::Value>, String> {
    let json = input::read(file, LARGEST_DATA)?;
    let value: serde_json::Value =
        serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", file.display()))?;
    let data = if value["data"].is_object() { value["data"].clone() } else { value };
    match data {
        serde_json::Value::Object(data) => Ok(data),
        _ => Err(format!("{}: no JSON object", file.display())),
    }
}

fn write(folder: &Path, args: &MailsRenderArgs, made: &Preview) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A type has letters, digits and `._-` alone; anything else stays out of a path.
    let name: String = args
        .kind
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .collect();
    let stem = format!("{name}.{}", made.rendered.locale);
    std::fs::write(folder.join(format!("{stem}.eml")), &made.message)?;
    std::fs::write(folder.join(format!("{stem}.html")), &made.rendered.html)?;
    std::fs::write(folder.join(format!("{stem}.txt")), &made.rendered.text)?;
    say(&format!("{}\n", folder.join(format!("{stem}.eml")).display()));
    Ok(())
}
