use std::str::FromStr as _;

use ownpost_domain::event::Event;
use serde_json::json;

use super::*;
use crate::validation::Severity;

/// As the server brings it.
fn to_ascii(name: &str) -> Option<String> {
    idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::URL)
        .ok()
        .map(std::borrow::Cow::into_owned)
}

fn parse(document: &[u8], most: usize) -> Result<Event, EventError> {
    super::parse(document, most, to_ascii)
}

fn canonical_address(address: &str) -> Option<String> {
    super::canonical_address(address, to_ascii)
}

fn good() -> Value {
    json!({
        "id": "evt_01", "tenant": "acme", "category": "notification", "type": "comment.created",
        "recipients": [{"address": "jan@example.org", "name": "Jan", "locale": "nl"}],
        "replyTo": {"address": "ann@example.org", "name": "Ann"},
        "thread": "treatment-42",
        "data": {"actor": "Ann", "excerpt": "two\nlines", "nested": {"list": [1, null]}},
        "content": {"subject": "Hello", "text": "one\ntwo", "html": "<p>one</p>"},
        "attachments": [{"filename": "a.txt", "contentType": "text/plain", "base64": "aGk="}]
    })
}

#[test]
fn a_whole_event_is_read() {
    let event = parse(good().to_string().as_bytes(), QUEUE_LIMIT).unwrap();
    assert_eq!(event.recipients[0].person.address, "jan@example.org");
    assert_eq!(event.attachments[0].bytes, b"hi");
    assert_eq!(event.thread.as_deref(), Some("treatment-42"));
}

#[test]
fn what_makes_an_event_unusable() {
    let check = |pointer: &str, value: Value, code: &str, path: &str| {
        let mut document = good();
        // `parent/-name` removes the key.
        if let Some((parent, name)) = pointer.rsplit_once('/').filter(|(_, name)| name.starts_with('-')) {
            document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&name[1..]);
        } else if let Some(place) = document.pointer_mut(pointer) {
            *place = value;
        } else {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap()[name] = value;
        }
        let error = parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap_err();
        assert_eq!((error.code.code(), error.path.as_str()), (code, path), "{pointer}: {error}");
    };
    let long = "x".repeat(600);
    let person = json!({"address": "a@example.org"});
    for (pointer, value, code, path) in [
        ("", json!([]), "event.wrong_shape", ""),
        ("/id", json!(7), "event.wrong_shape", "id"),
        ("/-id", json!(null), "event.wrong_shape", ""),
        ("/id", json!(""), "event.id_invalid", "id"),
        ("/id", json!("a b"), "event.id_invalid", "id"),
        ("/id", json!("é"), "event.id_invalid", "id"),
        ("/id", json!("x".repeat(129)), "event.id_invalid", "id"),
        ("/tenant", json!("../x"), "event.tenant_invalid", "tenant"),
        ("/tenant", json!(null), "event.wrong_shape", "tenant"),
        ("/category", json!("newsletter"), "event.category_unknown", "category"),
        ("/type", json!("../../etc/passwd"), "event.type_invalid", "type"),
        ("/type", json!(".."), "event.type_invalid", "type"),
        ("/recipients", json!([]), "event.recipients_empty", "recipients"),
        ("/-recipients", json!(null), "event.wrong_shape", ""),
        ("/recipients", json!(vec![person; 1001]), "event.recipients_too_many", "recipients"),
        ("/recipients/0/address", json!("jan"), "event.address_invalid", "recipients[0].address"),
        ("/recipients/0/address", json!("jan@"), "event.address_invalid", "recipients[0].address"),
        ("/recipients/0/address", json!("a@b.example>"), "event.address_invalid", "recipients[0].address"),
        ("/recipients/0/address", json!("a b@example.org"), "event.address_invalid", "recipients[0].address"),
        ("/recipients/0/address", json!("a@x\r\nRCPT"), "event.control_character", "recipients[0].address"),
        ("/recipients/0/address", json!(5), "event.wrong_shape", "recipients[0].address"),
        ("/recipients/0/name", json!("Jan\nBcc: x"), "event.control_character", "recipients[0].name"),
        ("/recipients/0/name", json!("Jan\u{2028}x"), "event.control_character", "recipients[0].name"),
        ("/recipients/0/name", json!(long), "event.length_invalid", "recipients[0].name"),
        ("/recipients/0/locale", json!("nl\0"), "event.control_character", "recipients[0].locale"),
        ("/recipients/0/bcc", json!("x@y.example"), "event.wrong_shape", "recipients[0].bcc"),
        ("/replyTo/address", json!("@example.org"), "event.address_invalid", "replyTo.address"),
        ("/replyTo/name", json!("a\r\n"), "event.control_character", "replyTo.name"),
        ("/thread", json!("a\nb"), "event.control_character", "thread"),
        ("/thread", json!(""), "event.length_invalid", "thread"),
        ("/data", json!("x"), "event.wrong_shape", "data"),
        ("/data/deep", json!({"a": ["x\u{0}"]}), "event.control_character", "data.deep"),
        ("/content/subject", json!("a\r\nBcc: x@y.example"), "event.control_character", "content.subject"),
        ("/content/subject", json!(long), "event.length_invalid", "content.subject"),
        ("/content/text", json!("\u{0}"), "event.control_character", "content.text"),
        ("/content/html", json!(1), "event.wrong_shape", "content.html"),
        ("/attachments/0/base64", json!("a"), "event.base64_invalid", "attachments[0].base64"),
        ("/attachments/0/base64", json!("aGk=\n"), "event.base64_invalid", "attachments[0].base64"),
        ("/attachments/0/filename", json!("a\n.txt"), "event.control_character", "attachments[0].filename"),
        (
            "/attachments/0/contentType",
            json!("x"),
            "event.content_type_invalid",
            "attachments[0].contentType",
        ),
        (
            "/attachments/0/contentType",
            json!("multipart/mixed"),
            "event.content_type_invalid",
            "attachments[0].contentType",
        ),
        ("/unknown", json!(1), "event.wrong_shape", "unknown"),
    ] {
        check(pointer, value, code, path);
    }
}

#[test]
fn bytes_that_are_no_event() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let check = |bytes: &[u8], code: EventCode| {
        assert_eq!(parse(bytes, 100_000).unwrap_err().code, code, "{:?}", String::from_utf8_lossy(bytes));
    };
    for (bytes, code) in [
        (&b""[..], EventCode::NotJson),
        (b"{", EventCode::NotJson),
        (b"{\"id\":\"\xff\"}", EventCode::NotJson),
        (b"{\"id\":\"\\ud800\"}", EventCode::WrongShape),
        (deep.as_bytes(), EventCode::WrongShape),
        (b"{\"id\":\"1\"}}", EventCode::NotJson),
        (
            b"[\"1\",\"a\",\"notification\",\"t\",[{\"address\":\"a@b.example\"}],null,null,null,null,null]",
            EventCode::WrongShape,
        ),
        (b"null", EventCode::WrongShape),
        (&vec![b' '; 100_001], EventCode::TooLarge),
    ] {
        check(bytes, code);
    }
}

#[test]
fn addresses_are_kept_in_one_form() {
    for (address, canonical) in [
        ("Jan@Example.ORG", Some("Jan@example.org")),
        ("jan@münchen.de", Some("jan@xn--mnchen-3ya.de")),
        ("zoë@example.org", Some("zoë@example.org")),
        ("\"a b\"@example.org", Some("\"a b\"@example.org")),
        ("jan@-x-.example..org", None),
        ("jan@exa mple.org", None),
        ("jan", None),
        ("", None),
    ] {
        assert_eq!(canonical_address(address).as_deref(), canonical, "{address}");
    }
}

#[test]
fn an_object_is_not_written_as_a_list_of_its_values() {
    for (pointer, value) in [
        ("/recipients/0", json!(["jan@example.org", null, null])),
        ("/replyTo", json!(["ann@example.org", null])),
        ("/content", json!(["Hello", "text", null])),
        ("/attachments/0", json!(["a.txt", "text/plain", "aGk="])),
    ] {
        let mut document = good();
        *document.pointer_mut(pointer).unwrap() = value;
        let error = parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap_err();
        let path = pointer.trim_start_matches('/').replace("/0", "[0]");
        assert_eq!((error.code, error.path), (EventCode::WrongShape, path));
        assert_eq!(error.problem, "invalid type: sequence, expected an object");
    }
}

#[test]
fn half_of_an_emoji_is_a_replacement_character() {
    let document = good().to_string().replace("two\\nlines", "cut \\ud83d");
    let event = parse(document.as_bytes(), QUEUE_LIMIT).unwrap();
    assert_eq!(event.data["excerpt"], "cut \u{fffd}");
}

#[test]
fn an_event_has_a_most_of_levels() {
    let levels = |count: usize| (0..count).fold(json!(1), |inner, _| json!([inner]));
    // Two levels are the document and `data`.
    for (count, deep) in [(124, false), (125, false), (126, true)] {
        let mut document = good();
        document["data"] = json!({"deep": 0});
        let text = document.to_string().replace("\"deep\":0", &format!("\"deep\":{}", levels(count)));
        let report = EventReport::of_text(&text, to_ascii);
        let too_deep = report.issues.iter().any(|issue| issue.message == TOO_DEEP);
        assert_eq!((report.valid, too_deep), (!deep, deep), "{count}: {:?}", report.issues);
    }
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_members() {
    let document = json!({
        "id": "a b", "tenant": "acme", "category": "news", "type": "x",
        "recipients": [{"address": "jan"}, {"address": "Ann@Example.org", "name": "a\nb"}],
        "thread": "", "data": {"a": "\0"}, "content": {"subject": ""},
    });
    let report = EventReport::of_text(&document.to_string(), to_ascii);
    let issues: Vec<_> =
        report.issues.iter().map(|issue| (issue.field.as_str(), issue.code.code(), issue.severity)).collect();
    let error = Severity::Error;
    assert_eq!(
        issues,
        [
            ("id", "event.id_invalid", error),
            ("category", "event.category_unknown", error),
            ("recipients[0].address", "event.address_invalid", Severity::Warning),
            ("recipients[1].name", "event.control_character", error),
            ("thread", "event.length_invalid", error),
            ("data.a", "event.control_character", error),
            ("content.subject", "event.length_invalid", error),
            ("content.text", "event.content_empty", error),
        ]
    );
    assert!(!report.valid && report.event.is_none());
}

#[test]
fn the_event_of_a_report_is_read_as_the_same_event() {
    let mut document = good();
    document["recipients"] = json!([
        {"address": "Jan@BÜCHER.example", "name": ""}, {"address": "jan"}, {"address": "\"a b\"@EXAMPLE.org"},
    ]);
    let text = document.to_string();
    let report = EventReport::of_text(&text, to_ascii);
    assert!(report.valid, "{report:?}");
    let normal = serde_json::to_string(&report.event).unwrap();
    assert!(
        normal.contains("Jan@xn--bcher-kva.example") && normal.contains(r#"{"address":"jan"}"#),
        "{normal}"
    );
    let read = |text: &str| parse(text.as_bytes(), QUEUE_LIMIT).unwrap();
    assert_eq!(read(&normal), read(&text));
}

/// lettre builds the mails: what it would refuse there must be refused here.
#[test]
fn what_is_accepted_can_be_sent() {
    let locals = ["jan", "j.a.n", ".jan", "\"a b\"", "\"", "zoë", "a+b", "a b", "", "<jan", "a,b", "x\\y"];
    let domains = [
        "example.org",
        "EXAMPLE",
        "1.2.3.4",
        "[1.2.3.4]",
        "[::1]",
        "::1",
        "a_b.example",
        "-a.example",
        "münchen.de",
        "xn--a.example",
        "xn--mnchen-3ya.de",
        "ü%41.example",
        "a..b",
        "a.",
        "[x y]",
        "[]",
        "ａ.example",
        "ⅷ.example",
    ];
    for (local, domain) in locals.iter().flat_map(|local| domains.iter().map(move |domain| (local, domain))) {
        let ascii = if domain.starts_with('[') { Some((*domain).to_owned()) } else { to_ascii(domain) };
        let sendable = ascii.map(|domain| format!("{local}@{domain}"));
        let sendable = sendable.filter(|address| lettre::Address::from_str(address).is_ok());
        assert_eq!(canonical_address(&format!("{local}@{domain}")), sendable, "{local}@{domain}");
    }
    for text in [
        "text/plain",
        "text/plain; charset=utf-8",
        "x",
        "a/b/c",
        "text/",
        "image/svg+xml",
        "a/b; c",
        "Text/HTML",
    ] {
        let mut document = good();
        document["attachments"][0]["contentType"] = json!(text);
        let accepted = parse(document.to_string().as_bytes(), QUEUE_LIMIT).is_ok();
        assert_eq!(accepted, lettre::message::header::ContentType::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn every_member_of_the_schema_is_read_and_no_other() {
    let schema = schemars::schema_for!(EventDocument).to_value();
    let required = json!({
        "id": "1", "tenant": "acme", "category": "notification", "type": "x", "recipients": [{"address": "a@b.example"}],
    });
    let problem = |document: &Value| {
        let error = parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap_err();
        (error.code, error.path, error.problem)
    };
    let names =
        |schema: &Value| schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let unknown = |names: &[String]| {
        format!(
            "unknown field `x_x`, expected one of {}",
            names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
        )
    };
    let mut document = required.clone();
    document["x_x"] = json!(1);
    assert_eq!(problem(&document), (EventCode::WrongShape, "x_x".to_owned(), unknown(&names(&schema))));
    for (member, definition, list) in [
        ("recipients", "EventRecipient", true),
        ("replyTo", "EventPerson", false),
        ("content", "EventContent", false),
        ("attachments", "EventAttachment", true),
        ("unsubscribe", "EventUnsubscribe", false),
        ("brand", "Brand", false),
    ] {
        let names = names(&schema["$defs"][definition]);
        let mut document = required.clone();
        document[member] = if list { json!([{"x_x": 1}]) } else { json!({"x_x": 1}) };
        let path = format!("{member}{}.x_x", if list { "[0]" } else { "" });
        assert_eq!(problem(&document), (EventCode::WrongShape, path, unknown(&names)));
        // Each member is looked at: none of them is a list.
        for name in names {
            let inner = json!({name.as_str(): []});
            document[member] = if list { json!([inner]) } else { inner };
            let (code, path, problem) = problem(&document);
            assert_eq!(code, EventCode::WrongShape, "{member}.{name}");
            assert!(
                path.ends_with(&name) || problem.starts_with("missing field"),
                "{member}.{name}: {path} {problem}"
            );
        }
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused_outside_of_data() {
    let with = |from: &str, to: &str| good().to_string().replacen(from, to, 1);
    for (text, path) in [
        (with("\"id\":", "\"id\":\"x\",\"id\":"), "id"),
        (with("\"address\":", "\"address\":\"x\",\"address\":"), "recipients[0].address"),
        (with("\"subject\":", "\"subject\":{},\"subject\":"), "content.subject"),
    ] {
        let error = parse(text.as_bytes(), QUEUE_LIMIT).unwrap_err();
        assert_eq!((error.code, error.path.as_str()), (EventCode::WrongShape, path), "{text}");
        assert!(error.problem.starts_with("duplicate field"), "{error}");
    }
    let event = parse(with("\"actor\":", "\"actor\":1,\"actor\":").as_bytes(), QUEUE_LIMIT).unwrap();
    assert_eq!(event.data["actor"], "Ann");
}
