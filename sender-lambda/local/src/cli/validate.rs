//! `ownpost validate`, and how a ValidationReport reads.

use std::fmt::Write as _;
use std::process::ExitCode;

use ownpost_core::config::Config;
use ownpost_core::wire::settings::{self, CheckedDraft};
use ownpost_core::wire::validation::{Severity, ValidationReport};

use super::terminal::{BAD, BOLD, DIM, GOOD, Styled, WARN, clean, complain, pretty, say};
use super::{NO, Output, UNUSABLE, ValidateArgs, YES, input};

/// Bytes of a document that the rules take.
pub(super) const LARGEST_SETTINGS: usize = 1024 * 1024;

pub(super) fn run(config: &Config, args: &ValidateArgs) -> ExitCode {
    let checked = match read(config, &args.file, &args.output.locale) {
        Ok(checked) => checked,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    print(&checked.report, &args.output);
    ExitCode::from(match checked {
        CheckedDraft { unreadable: true, .. } => UNUSABLE,
        CheckedDraft { report: ValidationReport { valid: true, .. }, .. } => YES,
        CheckedDraft { .. } => NO,
    })
}

/// Reads settings and checks them.
pub(super) fn read(config: &Config, file: &std::path::Path, locale: &str) -> Result<CheckedDraft, String> {
    let document = input::read(file, LARGEST_SETTINGS)?;
    Ok(settings::check(&document, config, locale, jiff::Timestamp::now().as_second()))
}

pub(super) fn print(report: &ValidationReport, output: &Output) {
    say(&if output.json { pretty(report) } else { readable(report) });
}

/// The issues of a report that is valid, for a person; empty when there are none.
pub(super) fn warnings(report: &ValidationReport) -> String {
    let mut out = String::new();
    issues(&mut out, report);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// An issue each with its field, code, message and fix.
fn issues(out: &mut String, report: &ValidationReport) {
    for issue in &report.issues {
        let field = if issue.field.is_empty() { "settings" } else { &issue.field };
        issue_line(out, issue.severity, field, &issue.code, &issue.message);
        if let Some(fix) = &issue.fix {
            let _ = writeln!(out, "  {} {}", Styled(GOOD, "fix:"), clean(&fix.to_string()));
        }
    }
}

/// An issue with its field and code, and its message below.
pub(super) fn issue_line(out: &mut String, severity: Severity, field: &str, code: &str, message: &str) {
    let mark = match severity {
        Severity::Error => Styled(BAD, "✗"),
        Severity::Warning => Styled(WARN, "!"),
    };
    let _ = writeln!(out, "{mark} {}  {}", Styled(BOLD, clean(field)), Styled(DIM, clean(code)));
    let _ = writeln!(out, "  {}", clean(message));
}

/// The report for a person: the issues and the verdict.
fn readable(report: &ValidationReport) -> String {
    let mut out = String::new();
    issues(&mut out, report);
    let count = |severity| report.issues.iter().filter(|issue| issue.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let verdict = match (report.valid, warnings) {
        (true, 0) => Styled(GOOD, "valid".to_owned()),
        (true, _) => Styled(GOOD, format!("valid, with {}", plural(warnings, "warning"))),
        (false, 0) => Styled(BAD, format!("not valid: {}", plural(errors, "error"))),
        (false, _) => {
            Styled(BAD, format!("not valid: {}, {}", plural(errors, "error"), plural(warnings, "warning")))
        }
    };
    let _ = writeln!(out, "{verdict}");
    out
}

#[cfg(test)]
mod tests {
    use ownpost_core::wire::validation::Issue;
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn a_report_reads() {
        let issue = |field: &str, severity, fix| Issue {
            field: field.into(),
            code: "host.typo".into(),
            severity,
            params: Map::new(),
            message: "Did you mean smtp.gmail.com\u{1b}[2J?".into(),
            fix,
        };
        let issues = vec![
            issue("host", Severity::Warning, Some(json!({"host": "smtp.gmail.com"}))),
            issue("", Severity::Error, None),
        ];
        let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
        let text = readable(&ValidationReport { valid: false, issues });
        assert_eq!(
            plain(&text),
            "! host  host.typo\n  Did you mean smtp.gmail.com\u{fffd}[2J?\n  \
             fix: {\"host\":\"smtp.gmail.com\"}\n✗ settings  host.typo\n  \
             Did you mean smtp.gmail.com\u{fffd}[2J?\nnot valid: 1 error, 1 warning\n"
        );
        let valid = ValidationReport { valid: true, issues: Vec::new() };
        assert_eq!(plain(&readable(&valid)), "valid\n");
    }
}
