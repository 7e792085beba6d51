//! The vectors of `tests/vectors/events.json` through the server's reader. The npm package reads the same file
//! (`tests/validator/objects-documents.test.mjs`) and compares its reports with these, byte for byte.

use ownpost_core::wire::event::{QUEUE_LIMIT, parse, read};
use ownpost_core::wire::validation::Severity;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct File {
    base: Map<String, Value>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    #[serde(default)]
    event: Value,
    with: Option<Map<String, Value>>,
    expect: Vec<(String, String, Severity)>,
}

#[test]
fn every_vector_has_its_issues_and_the_router_names_the_first_error() {
    let file: File = serde_json::from_str(include_str!("../vectors/events.json")).unwrap();
    for Vector { event, with, expect } in file.vectors {
        let changed = |changes: Map<String, Value>| {
            Value::Object(
                file.base
                    .clone()
                    .into_iter()
                    .filter(|(key, _)| !changes.contains_key(key))
                    .chain(changes.clone())
                    .collect(),
            )
        };
        let document = with.map_or(event, changed).to_string();
        let report = read(&document);
        let found: Vec<_> = report
            .issues
            .iter()
            .map(|issue| (issue.field.clone(), issue.code.code().to_owned(), issue.severity))
            .collect();
        assert_eq!(found, expect, "{document}");
        let first = expect.iter().find(|(_, _, severity)| *severity == Severity::Error);
        let refused = parse(document.as_bytes(), QUEUE_LIMIT).err();
        let refused = refused.map(|error| (error.path, error.code.code().to_owned(), Severity::Error));
        // The router refuses the types of Ownpost's own events, which the reader has for them.
        if !document.contains("ownpost.test") {
            assert_eq!(refused.as_ref(), first, "{document}");
        }
        assert_eq!(report.valid, first.is_none());
        assert_eq!(report.event.is_some(), report.valid);
    }
}
