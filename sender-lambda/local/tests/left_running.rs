//! `ownpost local` as a server that is left running: what is on disk after a stop, what clients that break the rules
//! can take from others, and what is said when a file is missing or damaged.

use std::fs;

use serde_json::Value;

mod common;

use common::{Local, event, until};

/// Sends one mail of this tenant, and waits until it is sent.
fn send_one(local: &Local, token: &str, id: &str) {
    let answer = local.call(token, "POST", "/api/events", &event(id, "acme", "notification"));
    assert_eq!(answer.status, 202, "{}", answer.json());
    until("the mail to be sent", || {
        let rows = local.call(token, "GET", &format!("/api/deliveries?event={id}"), &Value::Null).json();
        (rows["deliveries"][0]["status"] == "sent").then_some(())
    });
}

#[test]
fn the_database_file_is_whole_after_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let put = local.call(&token, "PUT", "/api/smtp", &local.settings("starttls"));
    assert_eq!(put.status, 200, "{}", put.json());
    send_one(&local, &token, "e1");
    local.stop();
    assert!(!folder.path().join("ownpost.db-wal").exists(), "the WAL is in the database");

    let copy = tempfile::tempdir().expect("a folder");
    for name in ["ownpost.db", "key"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).expect("a copy");
    }
    let local = Local::start(copy.path());
    assert_eq!(local.call(&token, "GET", "/api/smtp", &Value::Null).status, 200, "the settings are there");
    let rows = local.call(&token, "GET", "/api/deliveries", &Value::Null).json();
    assert_eq!(rows["deliveries"].as_array().map(Vec::len), Some(1), "{rows}");
    local.stop();
}
