//! `ownpost local` under many clients at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

mod common;

use common::{Local, event, ownpost, until};

/// Half requests that are held all the time.
const HALVES: usize = 300;
const CLIENTS: usize = 200;
/// Arrays that each client posts.
const ARRAYS: usize = 10;
/// Events of one array.
const EVENTS: usize = 10;

#[test]
fn two_hundred_clients_beside_three_hundred_half_requests_lose_none_of_twenty_thousand_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let data = folder.path().to_str().expect("UTF-8");
        let mut command = ownpost(&["local", "--port", "0", "--data", data]);
        command.env_remove("RUST_LOG");
        Local::start_as(command)
    };
    let local = start();
    let half = "POST /api/events HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1000\r\n\r\n[";
    let held: Vec<_> = (0..HALVES).map(|_| local.half(half)).collect();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let local = &local;
            scope.spawn(move || {
                let tenant = format!("tenant-{}", client % 20);
                let token = local.token(&tenant);
                for array in 0..ARRAYS {
                    let id = |number| format!("e-{client}-{array}-{number}");
                    let events =
                        (0..EVENTS).map(|number| event(&id(number), &tenant, "notification")).collect();
                    let answer = local.call(&token, "POST", "/api/events", &Value::Array(events));
                    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.bytes));
                    assert_eq!(answer.json()["accepted"].as_array().map(Vec::len), Some(EVENTS));
                }
            });
        }
    });
    drop(held);
    assert!(local.peak_memory() < 300 * 1024 * 1024, "{} bytes", local.peak_memory());
    // Most mails are still on their way; the stop ends those that have begun.
    local.stop();
    start().stop();
    let database = rusqlite::Connection::open(folder.path().join("ownpost.db")).expect("the database");
    let count = |sql: &str| {
        let count = database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count");
        usize::try_from(count).expect("not negative")
    };
    let all = CLIENTS * ARRAYS * EVENTS;
    assert_eq!((all, count("SELECT count(*) FROM event")), (20_000, all));
    assert_eq!(count("SELECT count(DISTINCT event) FROM delivery"), all);
    assert_eq!(count("SELECT count(*) FROM delivery WHERE status IN ('failed', 'unknown')"), 0);
    let (caught, distinct) =
        (count("SELECT count(*) FROM mail"), count("SELECT count(DISTINCT rcpt_to) FROM mail"));
    assert_eq!(caught, distinct, "none arrived twice");
    let sent = count("SELECT count(*) FROM delivery WHERE status = 'sent'");
    assert!(caught >= sent && sent > 0, "{sent} sent, {caught} caught");
}

/// Of many large bodies sixteen are in memory at a time; the others wait.
#[test]
fn of_large_bodies_sixteen_are_in_memory_at_a_time() {
    const BODIES: usize = 48;
    const MIB: usize = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let head = format!(
        "POST /api/events HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        13 * MIB
    );
    let part = vec![b'x'; MIB];
    thread::scope(|scope| {
        for _ in 0..BODIES {
            scope.spawn(|| {
                let mut stream = local.half(&head);
                stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a socket");
                // As much as the server takes; the end of the body never comes.
                for _ in 0..12 {
                    if stream.write_all(&part).is_err() {
                        break;
                    }
                }
            });
        }
    });
    assert!(local.peak_memory() < 500 * 1024 * 1024, "{} bytes", local.peak_memory());
    assert_eq!(local.raw("GET", "/dev/relays", &[], b"").status, 200);
}

/// Whether the server has its end of this connection open, as the system lists it.
fn has_open(local: &Local, stream: &TcpStream) -> bool {
    const ESTABLISHED: &str = "01";
    let server = local.url.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).expect("a port");
    let client = stream.local_addr().expect("an address").port();
    let all = std::fs::read_to_string("/proc/net/tcp").expect("the connections");
    all.lines().any(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let ends_in = |column: usize, port: u16| columns[column].ends_with(&format!(":{port:04X}"));
        columns.len() > 3 && ends_in(1, server) && ends_in(2, client) && columns[3] == ESTABLISHED
    })
}

#[test]
fn a_body_that_does_not_end_and_an_answer_that_nobody_reads_are_given_up() {
    const ANSWERS: usize = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let mut large = event("large", "acme", "notification");
    large["content"] = json!({"subject": "A subject", "text": "x".repeat(700_000)});
    assert_eq!(local.call(&token, "POST", "/api/events", &large).status, 202);
    let mail =
        until("the mail", || (!local.caught().is_empty()).then(|| local.raw("GET", "/dev/mail/1", &[], b"")));
    assert!(mail.bytes.len() > 700_000, "{} bytes", mail.bytes.len());

    let mut body = local.half(&format!(
        "POST /api/events HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nContent-Length: 10\r\n\r\n["
    ));
    // More than the system keeps for a client that does not read.
    let mut unread = local.half(&"GET /dev/mail/1 HTTP/1.1\r\nHost: HOST\r\n\r\n".repeat(ANSWERS));
    let mut answer = String::new();
    body.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request.timeout"), "{answer}");
    until("the end of the connection that does not read", || (!has_open(&local, &unread)).then_some(()));
    let mut read = Vec::new();
    let _ = unread.read_to_end(&mut read);
    assert!(read.len() < ANSWERS * mail.bytes.len(), "{} bytes", read.len());
}
