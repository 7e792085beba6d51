//! `ownpost local` as a server that is left running: what is on disk after a stop, what clients that break the rules
//! can take from others, and what is said when a file is missing or damaged.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

mod common;

use common::{Local, event, ownpost, until};

/// A header that is not whole, and a body of which most is missing.
const HALVES: [&str; 2] = [
    "POST /dev/token HTTP/1.1\r\nHost: HOST\r\nX-",
    "POST /dev/token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1000\r\n\r\n{",
];

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

#[test]
fn an_array_of_rubbish_gets_a_small_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let bearer = format!("Bearer {token}");
    let post = |body: &str| local.raw("POST", "/api/events", &[("authorization", &bearer)], body.as_bytes());

    let rubbish = format!("[{}1]", "1,".repeat(7 * 1024 * 1024 / 2));
    let answer = post(&rubbish);
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("request.too_many_events")));
    assert!(local.peak_memory() < 200 * 1024 * 1024, "{} bytes", local.peak_memory());

    // As many as there may be, with one good event: each is accounted for, and the answer is bounded.
    let good = event("good", "acme", "notification").to_string();
    let answer = post(&format!("[{}{good}]", "1,".repeat(9_999)));
    assert_eq!(answer.status, 202, "{}", answer.json());
    assert!(answer.bytes.len() < 600_000, "{} bytes", answer.bytes.len());
    let refused = answer.json()["refused"].as_array().expect("refused").clone();
    assert_eq!((refused.len(), &refused[9_998]["index"]), (9_999, &json!(9_998)));
    assert!(refused.iter().all(|entry| entry["code"] == "event.wrong_shape"));
    assert_eq!(refused.iter().filter(|entry| entry["detail"].is_string()).count(), 100);
    local.stop();
}

#[test]
fn half_requests_take_no_place_from_whole_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    let data = folder.path().to_str().expect("UTF-8");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" local --port 0 --data \"$1\""])
        .args([env!("CARGO_BIN_EXE_ownpost"), data])
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let local = Local::start_as(command);
    for half in HALVES {
        let _held: Vec<_> = (0..80).map(|_| local.half(half)).collect();
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(local.raw("GET", "/dev/relays", &[], b"").status, 200);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    let token = local.token("acme");
    send_one(&local, &token, "e1");
}

#[test]
fn a_header_that_does_not_end_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let began = Instant::now();
    let mut held: Vec<_> = (0..300).map(|_| local.half(HALVES[0])).collect();
    for stream in &mut held {
        let mut answer = Vec::new();
        // Closed, or reset because of what was not read.
        let _ = stream.read_to_end(&mut answer);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn half_requests_do_not_hold_up_a_stop_and_whole_ones_are_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let _held: Vec<_> = HALVES.iter().map(|half| local.half(half)).collect();
    let mut late = local.half("GET /dev/relays HTTP/1.1\r\nHost: HOST\r\n");
    // The server has seen what was sent before.
    local.token("acme");
    local.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    late.write_all(b"\r\n").expect("sent");
    let mut answer = String::new();
    late.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('}'), "{answer}");
    let began = Instant::now();
    local.wait();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = ownpost(&["local", "--port", "0", "--data", folder.path().to_str().expect("UTF-8")]);
    command.env("OWNPOST_ALLOW_NETWORKS", "127.0.0.1/32").env("OWNPOST_ALLOW_PORTS", port.to_string());
    let mut local = Local::start_as(command);
    let token = local.token("acme");
    let mut settings = local.settings("starttls");
    settings["port"] = json!(port);
    let body = settings.to_string();
    let length = body.len();
    // A test that waits for a greeting.
    let _under_way = local.half(&format!(
        "POST /api/smtp/test HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    let (_dialled, _) = silent.accept().expect("a connection");
    local.signal("INT");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(local.is_running(), "what is under way gets time to end");
    local.signal("INT");
    let began = Instant::now();
    local.wait();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!folder.path().join("ownpost.db-wal").exists(), "the WAL is in the database");
}
