//! `ownpost local` under many clients at once.

use std::thread;

use serde_json::Value;

mod common;

use common::{Local, event, ownpost};

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
