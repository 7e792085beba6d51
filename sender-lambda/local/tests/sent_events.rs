//! `ownpost send` gives the vectors of `tests/vectors/events.json` the verdict that router and npm package give them
//! (`tests/tests/event_vectors.rs`, `tests/validator/objects-documents.test.mjs`).

use std::fs;
use std::net::TcpListener;

use serde_json::{Map, Value, json};

mod common;

/// The vectors: a document, and its issues as field, code and severity.
fn vectors() -> Vec<(Value, Value)> {
    let mut file: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/events.json")).expect("JSON");
    let Some(Value::Array(vectors)) = file.get_mut("vectors").map(Value::take) else { panic!("no vectors") };
    let base = file["base"].as_object().expect("a base");
    let document = |vector: &Value| match vector["with"].as_object() {
        None => vector["event"].clone(),
        Some(changes) => {
            let mut event: Map<_, _> = base.clone();
            event.extend(changes.clone());
            event.into()
        }
    };
    vectors.iter().map(|vector| (document(vector), vector["expect"].clone())).collect()
}

#[test]
fn an_event_has_the_issues_that_router_and_package_find() {
    // A port where nobody listens: what is accepted is tried, and stays in its row.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("settings.json");
    let settings = json!({"host": "127.0.0.1", "port": closed.port(), "username": "mailer",
        "password": {"set": "x"}, "senderAddress": "noreply@example.com"});
    fs::write(&file, settings.to_string()).expect("a file");
    let send = |event: &Value, more: &[&str]| {
        let arguments = ["send", "-", "--settings", file.to_str().expect("UTF-8")];
        let mut command = common::ownpost(&[&arguments[..], more].concat());
        command.env_remove("RUST_LOG").env("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8");
        command.env("OWNPOST_ALLOW_PORTS", closed.port().to_string());
        common::run_with(command, event.to_string().as_bytes())
    };
    let vectors = vectors();
    assert!(vectors.len() > 40, "{}", vectors.len());
    for (event, expect) in vectors {
        let output = send(&event, &["--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{event}: {}", String::from_utf8_lossy(&output.stderr)));
        let expected = expect.as_array().expect("issues");
        if expected.iter().any(|issue| issue[2] == "error") {
            assert_eq!(output.status.code(), Some(2), "{event}: {answer}");
            assert_eq!((&answer["valid"], &answer["event"]), (&json!(false), &Value::Null));
            let issues = answer["issues"].as_array().expect("issues").iter();
            let found: Vec<_> =
                issues.map(|issue| json!([issue["field"], issue["code"], issue["severity"]])).collect();
            assert_eq!(&found, expected, "{event}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{event}: {answer}");
            let rows = answer["deliveries"].as_array().expect("rows");
            // Two spellings of one address are one mail.
            let recipients = event["recipients"].as_array().expect("recipients").len();
            assert!((1..=recipients).contains(&rows.len()), "{event}: {answer}");
            // A mail whose time is over has failed too.
            if event["notAfter"].is_null() {
                let failed = rows.iter().filter(|row| row["status"] == "failed").count();
                assert_eq!(failed, expected.len(), "{event}: {answer}");
            }
        }
    }

    let output = send(&json!({"id": "a b", "recipients": [{"adress": "jan@example.org"}]}), &[]);
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("✗ ") && said.contains("  event.wrong_shape\n"), "{said}");
    assert_eq!((error.lines().count(), error.contains("the event cannot be used")), (1, true), "{error}");
}
