//! The settings vectors of `tests/vectors/settings.json` through the rules and the server's reading of settings. The
//! same file is used for the npm package (`tests/validator`).

use ownpost_core::config::Config;
use ownpost_core::wire::settings::{CheckedDraft, check, from_document, to_document};
use ownpost_core::wire::validation::{Issue, Severity};
use ownpost_i18n::Locale;
use serde_json::{Map, Value};

/// 2027-01-01 in seconds since 1970.
const NOW: i64 = 1_798_761_600;

struct Vector {
    document: Value,
    config: Config,
    expect: Vec<[String; 3]>,
    /// The fix of the first issue, where the vector says it.
    fix: Option<Value>,
}

fn vectors() -> Vec<Vector> {
    let file: Value = serde_json::from_str(include_str!("../vectors/settings.json")).unwrap();
    let read = |vector: &Value| {
        let document = vector.get("settings").cloned().unwrap_or_else(|| {
            let mut document = file["base"].clone();
            document.as_object_mut().unwrap().extend(vector["with"].as_object().unwrap().clone());
            document
        });
        let list = |name: &str| -> Vec<String> {
            match &vector["options"][name] {
                Value::Array(values) => {
                    values.iter().map(|value| value.to_string().trim_matches('"').to_owned()).collect()
                }
                Value::String(text) => text.split(',').map(str::to_owned).collect(),
                _ => Vec::new(),
            }
        };
        let ports = list("allowPorts").iter().filter_map(|port| port.trim().parse().ok()).collect();
        let config =
            Config { allow_networks: list("allowNetworks"), allow_ports: ports, ..Config::default() };
        let expect = serde_json::from_value(vector["expect"].clone()).unwrap();
        Vector { document, config, expect, fix: vector.get("fix").cloned() }
    };
    file["vectors"].as_array().unwrap().iter().map(read).collect()
}

fn run(document: &Value, config: &Config, locale: &str) -> CheckedDraft {
    check(document.to_string().as_bytes(), config, locale, NOW)
}

fn severity(issue: &Issue) -> &'static str {
    match issue.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[test]
fn every_vector_has_its_issues() {
    let mut wrong = Vec::new();
    for Vector { document, config, expect, fix } in vectors() {
        let report = run(&document, &config, "en").report;
        if let (Some(fix), Some(issue)) = (&fix, report.issues.first())
            && issue.fix.clone().unwrap_or_default() != *fix
        {
            wrong.push(format!("{document:.300}\n  expected the fix {fix}\n  found {:?}", issue.fix));
        }
        let found: Vec<[String; 3]> = report
            .issues
            .iter()
            .map(|issue| [issue.field.clone(), issue.code.clone(), severity(issue).to_owned()])
            .collect();
        let valid = found.iter().all(|[_, _, severity]| severity != "error");
        if found != expect || report.valid != valid {
            wrong.push(format!("{document:.300}\n  expected {expect:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_valid_vector_can_be_stored_and_read() {
    for Vector { document, config, .. } in vectors() {
        let checked = run(&document, &config, "en");
        assert_eq!(checked.draft.is_some(), checked.report.valid, "{document}");
        let Some(draft) = checked.draft else { continue };
        if let Ok(settings) = draft.resolve(None, "en") {
            assert_eq!(from_document(&to_document(&settings)), Ok(settings), "{document}");
        }
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
    let members = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[test]
fn every_fix_cures_its_issue_and_adds_no_error() {
    let errors = |issues: &[Issue]| -> Vec<[String; 2]> {
        let errors = issues.iter().filter(|issue| issue.severity == Severity::Error);
        errors.map(|issue| [issue.field.clone(), issue.code.clone()]).collect()
    };
    let mut fixes = 0;
    for Vector { document, config, .. } in vectors() {
        let before = run(&document, &config, "en").report.issues;
        for issue in &before {
            let Some(fix) = &issue.fix else { continue };
            fixes += 1;
            let mut fixed = document.clone();
            merge(&mut fixed, fix);
            let after = run(&fixed, &config, "en").report.issues;
            let here = |other: &&Issue| other.code == issue.code && other.field == issue.field;
            assert!(after.iter().find(here).is_none(), "{issue:?} is not cured: {fixed}");
            let known = errors(&before);
            let new: Vec<_> = errors(&after).into_iter().filter(|error| !known.contains(error)).collect();
            assert!(new.is_empty(), "{issue:?} adds {new:?}");
        }
    }
    assert!(fixes > 100, "{fixes}");
}

#[test]
fn no_report_holds_a_secret() {
    const SECRET: &str = "s3cr3t-marker";
    let mark = |value: &mut Value| {
        if let Some(text) = value.get("set").and_then(Value::as_str) {
            let marked = format!("{text}{SECRET}{text}");
            value["set"] = Value::String(marked);
        } else if value.is_string() || value.is_null() {
            *value = Value::String(SECRET.to_owned());
        }
    };
    for Vector { mut document, config, .. } in vectors() {
        if let Some(password) = document.get_mut("password") {
            mark(password);
        }
        if let Some(oauth2) = document.get_mut("oauth2").filter(|oauth2| oauth2.is_object()) {
            mark(&mut oauth2["clientSecret"]);
            mark(&mut oauth2["refreshToken"]);
        }
        let report = serde_json::to_string(&run(&document, &config, "de").report).unwrap();
        assert!(!report.contains(SECRET), "{report}");
    }
}

#[test]
fn messages_in_every_language_are_filled() {
    for locale in Locale::ALL.iter().map(|locale| locale.tag()) {
        for Vector { document, config, .. } in vectors() {
            for issue in run(&document, &config, locale).report.issues {
                assert!(!issue.message.is_empty() && issue.message != issue.code, "{locale} {}", issue.code);
                let filled = issue.params.values().any(|value| value.to_string().contains('{'));
                assert!(filled || !issue.message.contains('{'), "{}", issue.message);
            }
        }
    }
}

#[test]
fn a_language_tag_selects_the_language_of_messages() {
    let message =
        |locale: &str| run(&Value::Null, &Config::default(), locale).report.issues[0].message.clone();
    for (tag, like) in [
        ("FR", "fr"),
        ("fr-CA", "fr"),
        ("nl_BE", "nl"),
        ("de-XX-x-y", "de"),
        ("es-419", "es"),
        ("pt", "en"),
        ("", "en"),
        ("frx", "en"),
    ] {
        assert_eq!(message(tag), message(like), "{tag}");
    }
    assert_ne!(message("fr"), message("en"));
}

#[test]
fn certificates_are_reported_outside_their_validity() {
    let is_ca = |vector: &Vector| {
        vector.expect.is_empty() && vector.document["caPem"].as_str().is_some_and(|pem| pem.contains("BEGIN"))
    };
    let document = vectors().into_iter().find(is_ca).expect("a vector with a CA").document;
    for (now, expected) in
        [(0, Some("caPem.not_yet_valid")), (NOW, None), (5_000_000_000, Some("caPem.expired"))]
    {
        let report = check(document.to_string().as_bytes(), &Config::default(), "en", now).report;
        let found =
            report.issues.iter().find(|issue| issue.field == "caPem").map(|issue| issue.code.as_str());
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn documents_beyond_the_limits_are_refused() {
    for (document, code) in [
        ("nonsense".to_owned(), "settings.not_json"),
        (format!("{{\"x\":{}{}}}", "[".repeat(40), "]".repeat(40)), "settings.too_deep"),
        (format!("{{\"host\":\"{}\"}}", "a".repeat(1 << 20)), "settings.too_large"),
    ] {
        let checked = check(document.as_bytes(), &Config::default(), "en", NOW);
        assert!(checked.unreadable && checked.draft.is_none());
        assert_eq!(checked.report.issues.len(), 1);
        assert_eq!(checked.report.issues[0].code, code);
    }
}
