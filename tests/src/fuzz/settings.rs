//! The rules on the server, with documents of any bytes.

use ownpost_core::config::Config;
use ownpost_core::wire::settings::{CheckedDraft, check, from_document, public, to_document};
use ownpost_core::wire::validation::{Issue, Severity, ValidationReport};
use serde_json::{Map, Value};

/// 2027-01-01 in seconds since 1970.
const NOW: i64 = 1_798_761_600;
/// The most fixes of one document that are tried.
const FIXES: usize = 12;
/// A text that is put into every secret; no report may contain it.
const MARK: &str = "s3cr3t-m4rk";

/// Validates the bytes as a settings document.
pub fn run(data: &[u8]) {
    let checked = check(data, &config(), "en", NOW);
    let report = text(&checked.report);
    assert_eq!(report, text(&check(data, &config(), "en", NOW).report), "the same document, the same report");
    consistent(&checked);
    for issue in &checked.report.issues {
        assert!(!issue.message.is_empty() && issue.message != issue.code, "{issue:?}");
    }
    if let Some(draft) = checked.draft
        && let Ok(settings) = draft.resolve(None, "en")
    {
        assert_eq!(
            from_document(&to_document(&settings)).as_ref(),
            Ok(&settings),
            "a stored document can be read"
        );
        public(&settings);
    }
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    fixes_cure(&document, &checked.report.issues);
    keeps_secrets(document);
}

fn config() -> Config {
    Config { allow_ports: vec![2626], allow_networks: vec!["10.1.0.0/16".to_owned()], ..Config::default() }
}

fn text(report: &ValidationReport) -> String {
    serde_json::to_string(report).expect("a report is JSON")
}

/// Checks the properties of every report.
fn consistent(checked: &CheckedDraft) {
    let issues = &checked.report.issues;
    let usable = issues.iter().all(|issue| issue.severity == Severity::Warning);
    assert_eq!(checked.report.valid, usable);
    assert_eq!(checked.draft.is_some(), usable, "settings that the rules accept can be used: {issues:?}");
    assert!(!checked.unreadable || issues.len() == 1);
}

/// Checks docs/reference/settings.md: a fix cures its issue and adds no error.
pub fn fixes_cure(document: &Value, before: &[Issue]) {
    let errors = |issues: &[Issue]| -> Vec<(String, String)> {
        let errors = issues.iter().filter(|issue| issue.severity == Severity::Error);
        errors.map(|issue| (issue.field.clone(), issue.code.clone())).collect()
    };
    let known = errors(before);
    let fixable = before.iter().filter_map(|issue| Some((issue, issue.fix.as_ref()?)));
    for (issue, fix) in fixable.take(FIXES) {
        let mut fixed = document.clone();
        merge(&mut fixed, fix);
        let after = check(fixed.to_string().as_bytes(), &config(), "en", NOW).report.issues;
        let cured = !after.iter().any(|other| other.code == issue.code && other.field == issue.field);
        assert!(cured, "{issue:?} is not cured: {fixed}");
        let new: Vec<_> = errors(&after).into_iter().filter(|error| !known.contains(error)).collect();
        assert!(new.is_empty(), "{issue:?} adds {new:?}: {fixed}");
    }
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let members = target.as_object_mut().expect("an object");
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Puts the mark into every secret, and checks that the report does not contain it.
fn keeps_secrets(mut document: Value) {
    let mut marked = document.get_mut("password").is_some_and(mark);
    if let Some(oauth2) = document.get_mut("oauth2") {
        for key in ["clientSecret", "refreshToken"] {
            marked |= oauth2.get_mut(key).is_some_and(mark);
        }
    }
    if marked {
        let report = text(&check(document.to_string().as_bytes(), &config(), "nl", NOW).report);
        assert!(!report.contains(MARK), "{report}");
    }
}

/// Puts the mark into a secret; returns whether there was one.
fn mark(secret: &mut Value) -> bool {
    let text = match secret {
        Value::Object(members) => members.get_mut("set"),
        secret => Some(secret),
    };
    let Some(Value::String(text)) = text else { return false };
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(text.len(), |(at, _)| at);
    text.insert_str(middle, MARK);
    true
}
