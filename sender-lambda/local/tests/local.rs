//! The whole product on one machine: the real binary, its own relays, real sockets and files.

use std::net::TcpListener;

use serde_json::{Value, json};

mod common;

use common::{Local, event, ownpost, until};

const CATEGORIES: [&str; 4] = ["notification", "rights-request", "audit-invitation", "user-invitation"];

/// Rows of this tenant, the newest first; `filter` is part of a query.
fn rows(local: &Local, token: &str, filter: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/deliveries?{filter}{cursor}");
        let answer = local.call(token, "GET", &path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let page = answer.json();
        rows.extend(page["deliveries"].as_array().expect("rows").iter().cloned());
        let Some(next) = page["cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

/// Sends the event, and waits until its row has this status.
fn send(local: &Local, token: &str, event: &Value, status: &str) -> Value {
    let answer = local.call(token, "POST", "/api/events", event);
    assert_eq!(answer.status, 202, "{}", answer.json());
    let id = event["id"].as_str().expect("an id");
    until(&format!("{id} to be {status}"), || {
        rows(local, token, &format!("event={id}")).into_iter().find(|row| row["status"] == status)
    })
}

/// To whom mails went through this relay, the oldest first.
fn through(local: &Local, relay: &str) -> Vec<String> {
    let mut found: Vec<_> =
        local.caught().into_iter().filter(|mail| mail.0 == relay).map(|mail| mail.1).collect();
    found.reverse();
    found
}

#[test]
fn a_customers_mail_leaves_through_the_customers_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let call = |local: &Local, method: &str, path: &str, body: &Value| local.call(&token, method, path, body);

    assert_eq!(call(&local, "GET", "/api/smtp", &Value::Null).status, 404, "the platform's default");
    let put = call(&local, "PUT", "/api/smtp", &local.settings("starttls"));
    assert_eq!((put.status, &put.json()["activated"]), (200, &json!(true)), "{}", put.json());
    assert_eq!(through(&local, "customer"), ["admin@acme.test"], "the test mail goes to the admin");

    for category in CATEGORIES {
        let row = send(&local, &token, &event(category, "acme", category), "sent");
        assert_eq!(row["route"], "relay", "{row}");
    }
    let mut to = through(&local, "customer");
    to.sort();
    let mut expected: Vec<_> = CATEGORIES.iter().map(|category| format!("{category}@example.org")).collect();
    expected.push("admin@acme.test".into());
    expected.sort();
    assert_eq!(to, expected);
    assert!(through(&local, "platform").is_empty(), "the platform saw none of them");

    // A wrong password changes nothing.
    let mut wrong = local.settings("starttls");
    wrong["password"] = json!({"set": "not-this-one-surely"});
    let refused = call(&local, "PUT", "/api/smtp", &wrong);
    assert_eq!((refused.status, &refused.json()["activated"]), (409, &json!(false)));
    let failure = &refused.json()["report"]["failure"];
    assert_eq!((&failure["code"], &failure["smtp"]["code"]), (&json!("auth.rejected"), &json!(535)));
    send(&local, &token, &event("after-wrong", "acme", "notification"), "sent");
    assert_eq!(through(&local, "customer").last().map(String::as_str), Some("after-wrong@example.org"));

    // A restart loses nothing: settings, rows, mail, the token and the relays' addresses.
    let before = (local.caught(), rows(&local, &token, ""), local.relay("customer"));
    let active = call(&local, "GET", "/api/smtp", &Value::Null).json();
    local.stop();
    let local = Local::start(folder.path());
    assert_eq!((local.caught(), rows(&local, &token, ""), local.relay("customer")), before);
    assert_eq!(call(&local, "GET", "/api/smtp", &Value::Null).json()["revision"], active["revision"]);
    send(&local, &token, &event("after-restart", "acme", "notification"), "sent");
    assert_eq!(through(&local, "customer").last().map(String::as_str), Some("after-restart@example.org"));

    assert_eq!(call(&local, "DELETE", "/api/smtp", &Value::Null).status, 204);
    let row = send(&local, &token, &event("after-delete", "acme", "notification"), "sent");
    assert_eq!(row["route"], "platform", "{row}");
    assert_eq!(through(&local, "platform"), ["after-delete@example.org"]);

    let password = local.relay("customer")["password"].as_str().expect("a password").to_owned();
    let log = String::from_utf8_lossy(&local.log.lock().expect("the log")).into_owned();
    assert!(log.contains("Everything is kept in"), "its messages are in the log");
    for secret in [password.as_str(), "not-this-one-surely", token.as_str()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    local.stop();
}

#[test]
fn either_kind_of_tls_with_or_without_the_ca() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let ca = local.relay("customer")["caPem"].clone();
    assert_eq!(
        std::fs::read_to_string(local.relay("customer")["caFile"].as_str().expect("a path")).expect("the CA"),
        ca.as_str().expect("PEM")
    );
    for (number, (security, ca)) in
        [("starttls", &ca), ("tls", &ca), ("starttls", &Value::Null), ("tls", &Value::Null)]
            .iter()
            .enumerate()
    {
        let token = local.token(&format!("tenant{number}"));
        let mut settings = local.settings(security);
        settings["caPem"] = (*ca).clone();
        let put = local.call(&token, "PUT", "/api/smtp", &settings);
        assert_eq!(put.status, 200, "{security} {ca}: {}", put.json());
    }
}

#[test]
fn a_test_streams_its_stages() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let bearer = format!("Bearer {}", local.token("acme"));
    let headers = [("authorization", bearer.as_str()), ("accept", "application/x-ndjson")];
    let body = local.settings("starttls").to_string();
    for (method, path) in [("POST", "/api/smtp/test"), ("PUT", "/api/smtp")] {
        let answer = local.raw(method, path, &headers, body.as_bytes());
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-ndjson"));
        let text = String::from_utf8(answer.bytes).expect("UTF-8");
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let last = lines.pop().expect("the answer");
        let report = if method == "PUT" { &last["report"] } else { &last };
        assert_eq!(report["ok"], true, "{last}");
        let of = |stages: &[Value]| stages.iter().map(|line| line["stage"].clone()).collect::<Vec<_>>();
        assert_eq!(of(&lines), of(report["stages"].as_array().expect("stages")), "{method}");
    }
    // An answer before any stage is not streamed.
    let answer = local.raw("PUT", "/api/smtp", &headers, b"{}");
    assert_eq!((answer.status, answer.content_type.as_str()), (422, "application/json"));
}

#[test]
fn no_tenant_sees_or_changes_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let (acme, other) = (local.token("acme"), local.token("other"));
    let put = local.call(&acme, "PUT", "/api/smtp", &local.settings("tls"));
    assert_eq!(put.status, 200, "{}", put.json());
    let row = send(&local, &acme, &event("e1", "acme", "notification"), "sent");
    let id = row["id"].as_str().expect("an id");

    assert_eq!(local.call(&other, "GET", "/api/smtp", &Value::Null).status, 404);
    assert!(rows(&local, &other, "").is_empty());
    assert_eq!(local.call(&other, "GET", &format!("/api/deliveries/{id}"), &Value::Null).status, 404);
    assert_eq!(local.call(&other, "POST", &format!("/api/deliveries/{id}/resend"), &Value::Null).status, 404);
    let rollback = local.call(&other, "POST", "/api/smtp/rollback", &Value::Null);
    assert!((400..500).contains(&rollback.status), "{}", rollback.json());
    let foreign = local.call(&other, "POST", "/api/events", &event("e2", "acme", "notification"));
    assert_eq!((foreign.status, foreign.json()["code"].as_str()), (403, Some("event.tenant_foreign")));
    // A secret that is kept has to be one's own.
    let mut keep = local.settings("tls");
    keep["password"] = json!({"keep": true});
    let kept = local.call(&other, "PUT", "/api/smtp", &keep);
    assert_eq!((kept.status, &kept.json()["issues"][0]["code"]), (422, &json!("password.reentry_required")));
    assert_eq!(local.call(&other, "DELETE", "/api/smtp", &Value::Null).status, 204);
    assert_eq!(local.call(&acme, "GET", "/api/smtp", &Value::Null).status, 200, "acme's are still there");
    assert_eq!(rows(&local, &acme, "").len(), 1);
}

#[test]
fn one_bad_event_fails_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let mut no_recipients = event("nobody", "acme", "notification");
    no_recipients["recipients"] = json!([]);
    let batch = json!([
        event("good-1", "acme", "notification"),
        no_recipients,
        event("foreign", "other", "notification"),
        "rubbish",
        event("good-2", "acme", "user-invitation"),
    ]);
    let answer = local.call(&token, "POST", "/api/events", &batch);
    assert_eq!(answer.status, 202, "{}", answer.json());
    let refused: Vec<_> = answer.json()["refused"]
        .as_array()
        .expect("refused")
        .iter()
        .map(|refused| (refused["index"].as_u64().expect("an index"), refused["code"].clone()))
        .collect();
    assert_eq!(
        refused,
        [
            (1, json!("event.recipients_empty")),
            (2, json!("event.tenant_foreign")),
            (3, json!("event.wrong_shape"))
        ]
    );
    until("both good ones", || {
        let mut to = through(&local, "platform");
        to.sort();
        (to == ["good-1@example.org", "good-2@example.org"]).then_some(())
    });
    assert_eq!(rows(&local, &token, "").len(), 2, "and nothing of the others");
}

#[test]
fn bad_input_is_answered_with_a_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let large = format!("{{\"id\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let huge = "x".repeat(17 * 1024 * 1024);
    let e = |change: &dyn Fn(&mut Value)| {
        let mut event = event("e1", "acme", "notification");
        change(&mut event);
        event.to_string()
    };
    // Method, path, body, status, code.
    let cases: Vec<(&str, &str, String, u16, &str)> = vec![
        ("POST", "/dev/token", "not json".into(), 400, "request.not_json"),
        ("POST", "/dev/token", "[]".into(), 422, "request.invalid"),
        ("POST", "/dev/token", r#"{"tenant": 7}"#.into(), 422, "request.invalid"),
        ("POST", "/dev/token", r#"{"tenant": "acme", "role": "x"}"#.into(), 422, "request.invalid"),
        ("POST", "/dev/token", r#"{"tenant": "../etc"}"#.into(), 422, "tenant.invalid"),
        ("POST", "/dev/token", r#"{"tenant": "acme", "email": "a\r\nb@x.org"}"#.into(), 422, "email.invalid"),
        ("POST", "/dev/token", large.clone(), 413, "request.too_large"),
        ("GET", "/dev/token", String::new(), 405, "request.method_not_allowed"),
        ("GET", "/dev/mail/999", String::new(), 404, "mail.not_found"),
        ("GET", "/dev/mail/..%2f", String::new(), 404, "mail.not_found"),
        ("DELETE", "/dev/mail", String::new(), 405, "request.method_not_allowed"),
        ("GET", "/nowhere", String::new(), 404, "request.not_found"),
        ("GET", "/page/../../key", String::new(), 404, "request.not_found"),
        ("POST", "/api/events", "not json".into(), 400, "event.not_json"),
        ("POST", "/api/events", "[1, 2".into(), 400, "event.not_json"),
        ("POST", "/api/events", "7".into(), 422, "event.wrong_shape"),
        ("POST", "/api/events", e(&|event| event["colour"] = json!("red")), 422, "event.wrong_shape"),
        ("POST", "/api/events", e(&|event| event["recipients"] = json!([])), 422, "event.recipients_empty"),
        ("POST", "/api/events", e(&|event| event["tenant"] = json!("a b")), 422, "event.tenant_invalid"),
        ("POST", "/api/events", e(&|event| event["category"] = json!("spam")), 422, "event.category_unknown"),
        ("POST", "/api/events", large.clone(), 413, "event.too_large"),
        ("POST", "/api/events", huge.clone(), 413, "request.too_large"),
        ("GET", "/api/events", String::new(), 405, "request.method_not_allowed"),
        ("PUT", "/api/smtp", huge, 413, "request.too_large"),
    ];
    for (method, path, body, status, code) in cases {
        let bearer = format!("Bearer {token}");
        let answer = local.raw(method, path, &[("authorization", &bearer)], body.as_bytes());
        let beginning: String = body.chars().take(60).collect();
        let context = format!("{method} {path} {beginning}: {}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (status, "application/problem+json"),
            "{context}"
        );
        assert_eq!(answer.json()["code"], code, "{context}");
    }
    // Wrong settings are answered with a report that says why; nothing is stored.
    let mut typed = local.settings("tls");
    typed["port"] = json!(true);
    let mut unknown = local.settings("tls");
    unknown["colour"] = json!("red");
    for body in ["not json", "[]", "7", &typed.to_string(), &unknown.to_string(), &large] {
        for (method, path, status) in
            [("POST", "/api/smtp/validate", 200), ("POST", "/api/smtp/test", 422), ("PUT", "/api/smtp", 422)]
        {
            let bearer = format!("Bearer {token}");
            let answer = local.raw(method, path, &[("authorization", &bearer)], body.as_bytes());
            let context = format!("{method} {path}: {}", String::from_utf8_lossy(&answer.bytes));
            assert_eq!(answer.status, status, "{context}");
            assert_eq!(answer.json()["valid"], false, "{context}");
        }
    }
    assert_eq!(local.call(&token, "GET", "/api/smtp", &Value::Null).status, 404);
    assert!(rows(&local, &token, "").is_empty());
    assert!(local.caught().is_empty());

    // Tokens.
    for header in ["", "Bearer", "Bearer x", "Basic eDp5", &format!("Bearer {}x", &token)] {
        for path in ["/api/smtp", "/api/deliveries", "/api/nowhere"] {
            let answer = local.raw("GET", path, &[("authorization", header)], b"");
            assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("token.invalid")));
        }
    }
    let answer = local.raw("POST", "/api/events", &[], b"{}");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("token.required")));
}

#[test]
fn only_its_own_page_may_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let port = local.url.rsplit(':').next().expect("a port");
    let (own, foreign) = (format!("localhost:{port}"), format!("evil.example:{port}"));
    let cases: [(&str, String, u16); 5] = [
        ("host", own.clone(), 200),
        ("host", foreign.clone(), 421),
        ("origin", format!("http://{own}"), 200),
        ("origin", format!("http://{foreign}"), 403),
        ("origin", "null".into(), 403),
    ];
    for (name, value, status) in cases {
        for path in ["/dev/relays", "/"] {
            let answer = local.raw("GET", path, &[(name, &value)], b"");
            assert_eq!(answer.status, status, "{name}: {value}");
            let policy = answer.headers["content-security-policy"].to_str().expect("a policy");
            assert!(policy.starts_with("default-src 'none'") && policy.contains("'wasm-unsafe-eval'"));
            assert!(!policy.contains("unsafe-inline") && !policy.contains("http"), "{policy}");
        }
    }
}

#[test]
fn a_start_that_fails_gives_its_reason_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let check = |arguments: &[&str], expected: &str| {
        let output = ownpost(arguments).env_remove("RUST_LOG").output().expect("it ends");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {said}");
        assert!(said.contains(expected) && said.lines().count() == 1, "{arguments:?}: {said}");
    };
    check(&["local", "--port", &port, "--data", path], &format!("port {port} is in use"));
    check(&["local", "--port", "0"], "give --data DIR");
    let local = Local::start(folder.path());
    check(&["local", "--port", "0", "--data", path], "is in use by another ownpost");
    local.stop();
    std::fs::write(folder.path().join("platform.json"), "{}").expect("a file");
    check(&["local", "--port", "0", "--data", path], "platform.json");
    std::fs::remove_file(folder.path().join("platform.json")).expect("a file");
    // Nobody writes to the pipe: who reads it waits for ever.
    let pipe = folder.path().join("platform.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    check(&["local", "--port", "0", "--data", path], "it is a pipe or a device; a regular file is wanted");
    std::fs::remove_file(&pipe).expect("a file");
    std::os::unix::fs::symlink("/dev/zero", &pipe).expect("a link");
    check(&["local", "--port", "0", "--data", path], "it is a pipe or a device; a regular file is wanted");
    std::fs::remove_file(&pipe).expect("a file");
    std::fs::write(folder.path().join("key"), "rubbish").expect("a file");
    check(&["local", "--port", "0", "--data", path], "is no key file");
}

#[test]
fn a_crash_loses_nothing_and_sends_nothing_twice() {
    const EVENTS: usize = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let put = local.call(&token, "PUT", "/api/smtp", &local.settings("starttls"));
    assert_eq!(put.status, 200, "{}", put.json());
    let events: Vec<_> = (0..EVENTS).map(|n| event(&format!("e{n}"), "acme", "notification")).collect();
    let answer = local.call(&token, "POST", "/api/events", &json!(events));
    assert_eq!(answer.status, 202, "{}", answer.json());
    // Somewhere in the middle of it.
    until("the first mail", || (through(&local, "customer").len() > 1).then_some(()));
    local.crash();

    let local = Local::start(folder.path());
    let settled = ["sent", "unknown", "sending"];
    let rows = until("every mail to be settled", || {
        let rows = rows(&local, &token, "");
        let done = |row: &&Value| settled.contains(&row["status"].as_str().unwrap_or_default());
        (rows.len() == EVENTS && rows.iter().filter(done).count() == EVENTS).then_some(rows)
    });
    let to = through(&local, "customer");
    for row in rows {
        let recipient = row["recipient"].as_str().expect("a recipient");
        let copies = to.iter().filter(|to| *to == recipient).count();
        match row["status"].as_str() {
            Some("sent") => assert_eq!(copies, 1, "{row}"),
            // The outcome is unknown until a person has looked.
            _ => assert!(copies <= 1, "{row}"),
        }
    }
}
