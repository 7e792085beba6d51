//! `ownpost local` as a server that is left running: what is on disk after a stop, clients that break the
//! rules, and files that are missing or damaged.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
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
fn a_closed_terminal_is_a_stop_and_under_nohup_it_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    local.signal("HUP");
    local.wait();
    assert!(!folder.path().join("ownpost.db-wal").exists(), "the WAL is in the database");

    let mut command = Command::new("sh");
    let data = folder.path().to_str().expect("UTF-8");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" local --port 0 --data \"$1\""])
        .args([env!("CARGO_BIN_EXE_ownpost"), data])
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let local = Local::start_as(command);
    local.signal("HUP");
    std::thread::sleep(Duration::from_millis(500));
    local.token("acme");
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
    // The embedded relays keep to the same.
    let ports = local.relay("platform")["ports"].clone();
    let relay =
        |name: &str| ("127.0.0.1", u16::try_from(ports[name].as_u64().expect("a port")).expect("a port"));
    let _held: Vec<_> = [relay("starttls"), relay("tls")]
        .iter()
        .flat_map(|address| (0..10).map(|_| TcpStream::connect(*address).expect("a connection")))
        .collect();
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
        // Closed, or reset because of octets that were not read.
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
    // The server has read the requests that were sent before.
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
    assert!(local.is_running(), "a test under way gets time to end");
    local.signal("INT");
    let began = Instant::now();
    local.wait();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!folder.path().join("ownpost.db-wal").exists(), "the WAL is in the database");
}

/// The permission bits of a file or folder.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// What `ownpost local` says that does not start in this folder: one line.
fn refusal(folder: &Path) -> String {
    let output = ownpost(&["local", "--port", "0", "--data", folder.to_str().expect("UTF-8")])
        .env_remove("RUST_LOG")
        .output()
        .expect("it ends");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!output.status.success() && output.stdout.is_empty(), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn the_folder_and_its_files_are_private_whatever_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    Local::start(path).stop();
    for (name, bits) in [("", 0o755), ("ownpost.db", 0o644), ("ca.pem", 0o666), ("lock", 0o644)] {
        fs::set_permissions(path.join(name), Permissions::from_mode(bits)).expect("a mode");
    }
    let local = Local::start(path);
    let token = local.token("acme");
    send_one(&local, &token, "e1");
    assert_eq!(mode(path), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path);
    }
    assert!(names.iter().any(|path| path.ends_with("ownpost.db-wal")), "{names:?}");
}

#[test]
fn no_link_in_the_folder_is_followed() {
    for name in ["ownpost.db", "key", "lock", "ca.pem", "trusted-ca.pem", "ownpost.db-wal"] {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = tempfile::NamedTempFile::new().expect("a file");
        fs::write(outside.path(), "not Ownpost's").expect("written");
        symlink(outside.path(), folder.path().join(name)).expect("a link");
        let said = refusal(folder.path());
        assert!(said.contains(name) && said.contains("no link is followed"), "{said}");
        assert_eq!(fs::read(outside.path()).expect("the file"), b"not Ownpost's");
    }
}

#[test]
fn a_lost_key_is_named_and_a_half_made_one_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, key) = (folder.path(), folder.path().join("key"));
    // The file that a kill left between the open and the write of an earlier way to make keys.
    fs::write(&key, "").expect("a file");
    Local::start(path).stop();
    let right = fs::read(&key).expect("a key");

    fs::remove_file(&key).expect("removed");
    assert!(refusal(path).contains("the key is lost"));
    assert!(!key.exists(), "no other key takes its place");
    fs::write(&key, "").expect("a file");
    assert!(refusal(path).contains("the key is lost"));

    let other = tempfile::tempdir().expect("a folder");
    Local::start(other.path()).stop();
    fs::copy(other.path().join("key"), &key).expect("another key");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a mode");
    assert!(refusal(path).contains("is not the key of the ownpost.db beside it"));

    fs::write(&key, right).expect("a file");
    Local::start(path).stop();
}

#[test]
fn a_tenant_is_forgotten_in_a_folder_that_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let forget = || {
        let data = data.to_str().expect("UTF-8");
        ownpost(&["local", "--data", data, "--forget-tenant", "acme"]).output().expect("it ends")
    };
    let missing = forget();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no folder of `ownpost local`"));
    assert!(!data.exists(), "nothing is made");

    let local = Local::start(&data);
    let token = local.token("acme");
    assert_eq!(local.call(&token, "PUT", "/api/smtp", &local.settings("tls")).status, 200);
    local.stop();
    assert!(forget().status.success());
    let local = Local::start(&data);
    assert_eq!(local.call(&local.token("acme"), "GET", "/api/smtp", &Value::Null).status, 404);
    local.stop();
}

#[test]
fn a_backup_beside_a_running_server_is_whole_and_has_no_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, target) = (folder.path().to_str().expect("UTF-8"), tempfile::tempdir().expect("a folder"));
    let restored = target.path().join("ownpost.db");
    let backup = |file: &Path| {
        ownpost(&["local", "--data", data, "--backup", file.to_str().expect("UTF-8")])
            .env_remove("RUST_LOG")
            .output()
            .expect("it ends")
    };
    let nothing = backup(&restored);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing to copy"));

    let local = Local::start(folder.path());
    let token = local.token("acme");
    assert_eq!(local.call(&token, "PUT", "/api/smtp", &local.settings("tls")).status, 200);
    send_one(&local, &token, "before");
    let made = backup(&restored);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.contains("The key is not in it"), "{said}");
    assert_eq!(mode(&restored), 0o600);
    assert_eq!(
        fs::read_dir(target.path()).expect("the folder").count(),
        1,
        "one file, and no other beside it"
    );
    let key = fs::read(folder.path().join("key")).expect("a key");
    let bytes = fs::read(&restored).expect("the copy");
    assert!(!bytes.windows(key.len()).any(|window| window == key));
    let again = backup(&restored);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    // The server goes on.
    send_one(&local, &token, "after");
    local.stop();

    assert!(refusal(target.path()).contains("the key is lost"));
    fs::copy(folder.path().join("key"), target.path().join("key")).expect("the key");
    let local = Local::start(target.path());
    assert_eq!(local.call(&token, "GET", "/api/smtp", &Value::Null).status, 200);
    let rows = local.call(&token, "GET", "/api/deliveries", &Value::Null).json();
    assert_eq!(rows["deliveries"].as_array().map(Vec::len), Some(1), "{rows}");
    assert_eq!(rows["deliveries"][0]["event"], "before");
}

/// Changes the database of a server that is not running.
fn damage(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(folder.join("ownpost.db")).expect("the database");
    assert_eq!(database.execute(sql, []).expect("executed"), 1, "{sql}");
}

#[test]
fn a_damaged_row_or_version_takes_nothing_else_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let settings = local.settings("starttls");
    assert_eq!(local.call(&token, "PUT", "/api/smtp", &settings).status, 200);
    for id in ["e1", "e2", "e3"] {
        send_one(&local, &token, id);
    }
    local.stop();
    damage(folder.path(), "UPDATE delivery SET document = '{\"id\": 7' WHERE event = 'e1'");
    damage(folder.path(), "UPDATE delivery SET document = x'ff00' WHERE event = 'e2'");
    damage(folder.path(), "UPDATE secret SET sealed = x'00'");

    let local = Local::start(folder.path());
    let page = local.call(&token, "GET", "/api/deliveries", &Value::Null);
    assert_eq!(page.status, 200, "{}", page.json());
    let page = page.json();
    let rows = page["deliveries"].as_array().expect("rows");
    assert_eq!(rows.len(), 3, "{page}");
    for row in rows {
        let readable = row["event"] == "e3";
        assert_eq!(row["status"], if readable { "sent" } else { "unknown" }, "{row}");
        assert_eq!(row["reason"].as_str().expect("a reason").contains("cannot be read"), !readable, "{row}");
        assert!(row["recipient"].as_str().expect("an address").ends_with("@example.org"), "{row}");
        let path = format!("/api/deliveries/{}", row["id"].as_str().expect("an id"));
        let one = local.call(&token, "GET", &path, &Value::Null);
        assert_eq!((one.status, &one.json()["reason"]), (200, &row["reason"]), "{}", one.json());
        if !readable {
            for (action, code) in
                [("resend", "delivery.not_resendable"), ("cancel", "delivery.not_cancellable")]
            {
                let refused = local.call(&token, "POST", &format!("{path}/{action}"), &Value::Null);
                assert_eq!((refused.status, &refused.json()["code"]), (409, &json!(code)));
            }
        }
    }
    let shown = local.call(&token, "GET", "/api/smtp", &Value::Null);
    assert_eq!((shown.status, &shown.json()["code"]), (500, &json!("settings.unreadable")));
    let history = local.call(&token, "GET", "/api/smtp/history", &Value::Null);
    assert_eq!((history.status, &history.json()["history"][0]["ended"]), (200, &json!("done")));
    let put = local.call(&token, "PUT", "/api/smtp", &settings);
    assert_eq!(put.status, 200, "{}", put.json());
    let shown = local.call(&token, "GET", "/api/smtp", &Value::Null);
    assert_eq!((shown.status, &shown.json()["previous"]), (200, &json!(false)), "nothing to go back to");
    let back = local.call(&token, "POST", "/api/smtp/rollback", &Value::Null);
    assert_eq!((back.status, &back.json()["code"]), (409, &json!("rollback.unreadable")));
    send_one(&local, &token, "e4");
}

#[test]
fn caught_mail_comes_in_pages_and_is_pushed() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let token = local.token("acme");
    let events: Vec<_> = (0..60).map(|n| event(&format!("e{n}"), "acme", "notification")).collect();
    assert_eq!(local.call(&token, "POST", "/api/events", &json!(events)).status, 202);
    until("all mails", || (local.caught().len() == 60).then_some(()));

    let page = |query: &str| local.raw("GET", &format!("/dev/mail{query}"), &[], b"").json();
    let ids = |page: &Value| -> Vec<u64> {
        let mails = page["mail"].as_array().expect("mails").iter();
        mails.map(|mail| mail["id"].as_str().expect("an id").parse().expect("a number")).collect()
    };
    let first = page("");
    assert_eq!((ids(&first), &first["next"]), ((11..=60).rev().collect(), &json!("11")));
    let second = page("?before=11");
    assert_eq!((ids(&second), &second["next"]), ((1..=10).rev().collect(), &Value::Null));
    let tenth = page("?limit=10&before=11");
    assert_eq!((ids(&tenth).len(), &tenth["next"]), (10, &Value::Null));
    let wrong = local.raw("GET", "/dev/mail?limit=many", &[], b"");
    assert_eq!((wrong.status, &wrong.json()["code"]), (400, &json!("request.query_invalid")));

    let mut pushed = local.half("GET /dev/mail/events HTTP/1.1\r\nHost: HOST\r\n\r\n");
    let mut text = String::new();
    let mut next = |count: usize| {
        let mut bytes = [0; 4096];
        while text.matches("data: caught").count() < count {
            let read = pushed.read(&mut bytes).expect("a push");
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    next(1);
    send_one(&local, &token, "one-more");
    next(2);
    // A client that listens does not hold up a stop.
    let began = Instant::now();
    local.stop();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
