//! The worst that a machine does to `ownpost local`: SIGKILL at any point, a full disk, a folder that cannot be written.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use common::{Local, event, ownpost, until};

/// A call that may be cut off by a kill: the status and the body of the answer, if one came.
fn ask(url: &str, token: &str, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_mins(1)))
        .build()
        .into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{url}{path}"))
        .header("authorization", format!("Bearer {token}"));
    let mut response = agent.run(request.body(body.to_string()).expect("a request")).ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_kill_in_the_first_start_leaves_a_folder_that_starts() {
    const KILLS: u32 = 24;
    // The time of a first start, over which the kills are spread.
    let whole = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    Local::start(whole.path()).stop();
    let (start, key_length) = (began.elapsed(), fs::read(whole.path().join("key")).expect("a key").len());

    let folder = tempfile::tempdir().expect("a folder");
    for kill in 0..KILLS {
        // Half of them in a folder of their own, half in one that has seen kills before.
        let own = tempfile::tempdir().expect("a folder");
        let path = if kill % 2 == 0 { own.path() } else { folder.path() };
        let key = path.join("key");
        let before = fs::read(&key).ok();
        let mut child = ownpost(&["local", "--port", "0", "--data", path.to_str().expect("UTF-8")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        thread::sleep(start * kill / KILLS);
        child.kill().expect("kill");
        child.wait().expect("it ends");
        let after = fs::read(&key).ok();
        if let Some(after) = &after {
            assert_eq!(after.len(), key_length, "half a key after {kill}");
        }
        assert!(before.is_none() || before == after, "another key after {kill}");
        // What a kill leaves that comes between a file's content and its name.
        fs::write(path.join(".ownpost-draft-aB3"), "half").expect("a draft");
        Local::start(path).stop();
        let left: Vec<_> = names(path).into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(left.is_empty(), "drafts stay: {left:?}");
    }
}

#[test]
fn kills_in_saves_events_and_releases_lose_nothing_and_open_nothing() {
    const ROUNDS: usize = 10;
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path());
    let token = local.token("acme");
    let mut settings = local.settings("tls");
    settings["senderName"] = json!("Round 0");
    assert_eq!(local.call(&token, "PUT", "/api/smtp", &settings).status, 200);
    let key = fs::read(folder.path().join("key")).expect("a key");
    let (mut accepted, mut saved) = (Vec::new(), "Round 0".to_owned());
    for round in 1..=ROUNDS {
        settings["senderName"] = json!(format!("Round {round}"));
        let (url, caller, draft) = (local.url.clone(), token.clone(), settings.clone());
        let save = thread::spawn(move || ask(&url, &caller, "PUT", "/api/smtp", &draft));
        let (url, caller) = (local.url.clone(), token.clone());
        let events = thread::spawn(move || {
            let one = |number| {
                let id = format!("r{round}-{number}");
                let body = event(&id, "acme", "notification");
                let (status, _) = ask(&url, &caller, "POST", "/api/events", &body)?;
                (status == 202).then_some(id)
            };
            (0..40).map_while(one).collect::<Vec<_>>()
        });
        let (url, caller) = (local.url.clone(), token.clone());
        let release =
            thread::spawn(
                move || {
                    while ask(&url, &caller, "POST", "/api/held/release", &Value::Null).is_some() {}
                },
            );
        // Spread over a save, which takes some tenths of a second.
        thread::sleep(Duration::from_millis(37 * round as u64));
        local.crash();
        let save = save.join().expect("a save");
        accepted.extend(events.join().expect("events"));
        release.join().expect("releases");

        local = Local::start(folder.path());
        assert_eq!(fs::read(folder.path().join("key")).expect("a key"), key);
        let shown = local.call(&token, "GET", "/api/smtp", &Value::Null);
        assert_eq!(shown.status, 200, "{}", shown.json());
        let name = shown.json()["senderName"].as_str().expect("a name").to_owned();
        let (attempted, answered) = (format!("Round {round}"), matches!(save, Some((200, _))));
        assert!(name == attempted || (name == saved && !answered), "{name}, not {attempted}: {save:?}");
        saved = name;
        // What was saved is whole: with its password it still passes.
        let mut kept = settings.clone();
        kept["senderName"] = json!(saved);
        kept["password"] = json!({"keep": true});
        let test = local.call(&token, "POST", "/api/smtp/test", &kept);
        assert!(test.status == 429 || test.json()["ok"] == json!(true), "{}", test.json());
    }
    assert!(accepted.len() > ROUNDS, "{} events were accepted", accepted.len());
    let ended = ["sent", "unknown"];
    for id in &accepted {
        let path = format!("/api/deliveries?event={id}");
        until("the end of a mail", || {
            let rows = local.call(&token, "GET", &path, &Value::Null).json();
            let status = rows["deliveries"][0]["status"].as_str().expect("a row of each event").to_owned();
            (ended.contains(&status.as_str()) || status == "sending").then_some(())
        });
    }
    let caught = local.caught();
    for id in &accepted {
        let copies = caught.iter().filter(|(_, to, _)| *to == format!("{id}@example.org")).count();
        assert!(copies <= 1, "{id} came {copies} times");
    }
    // Neither the password nor the key is in a file of the folder in clear.
    let password = settings["password"]["set"].as_str().expect("a password").as_bytes();
    for name in names(folder.path()).iter().filter(|name| *name != "key") {
        let bytes = fs::read(folder.path().join(name)).expect("a file");
        for secret in [password, &key] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
        }
    }
}

/// A rollback, a removal and an erasing each write several times: a kill between two leaves the settings before or after.
#[test]
fn kills_in_rollbacks_removals_and_erasings_leave_the_settings_before_or_after() {
    let changes = [
        ("POST", "/api/smtp/rollback", Some("One"), 6),
        ("DELETE", "/api/smtp", None, 2),
        ("DELETE", "/api/smtp?forget=1", None, 2),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path());
    for round in 0..5_u64 {
        for (number, (method, path, after, step)) in changes.into_iter().enumerate() {
            let tenant = format!("t{round}-{number}");
            let token = local.token(&tenant);
            for name in ["One", "Two"] {
                let mut settings = local.settings("tls");
                settings["senderName"] = json!(name);
                assert_eq!(local.call(&token, "PUT", "/api/smtp", &settings).status, 200);
            }
            let (url, caller) = (local.url.clone(), token.clone());
            let asked = thread::spawn(move || ask(&url, &caller, method, path, &Value::Null));
            thread::sleep(Duration::from_millis(step * round * round));
            local.crash();
            let answered = asked.join().expect("a call").is_some_and(|(status, _)| status < 300);

            local = Local::start(folder.path());
            let shown = local.call(&token, "GET", "/api/smtp?default=1", &Value::Null);
            let shown = (shown.status, shown.json());
            assert_eq!(shown.0, 200, "{path}: {}", shown.1);
            let active = shown.1["senderName"].as_str();
            assert!(active == after || (active == Some("Two") && !answered), "{path}: {active:?} {answered}");
            // No mail waits for settings that are neither there nor gone, and none leaves by another server.
            let id = format!("mail-{tenant}");
            assert_eq!(
                local.call(&token, "POST", "/api/events", &event(&id, &tenant, "notification")).status,
                202
            );
            let row = until("the mail", || {
                let rows = local.call(&token, "GET", &format!("/api/deliveries?event={id}"), &Value::Null);
                let row = rows.json()["deliveries"][0].clone();
                assert_ne!(row["status"], "deferred", "{path}: {row}");
                (row["status"] == "sent").then_some(row)
            });
            assert_eq!(row["route"], if active.is_some() { "relay" } else { "platform" }, "{path}: {row}");
            // The same call completes it.
            let again = local.call(&token, method, path, &Value::Null);
            assert!(again.status < 300 || again.status == 409, "{path}: {}", again.json());
        }
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    // A limit on the size of files, which holds for root, too. SIGXFSZ is ignored, so that writes fail as on a full disk.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ownpost")]);
    limited
        .args(["local", "--port", "0", "--data"])
        .arg(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let local = Local::start_as(limited);
    let token = local.token("acme");
    let settings = local.settings("tls");
    assert_eq!(local.call(&token, "PUT", "/api/smtp", &settings).status, 200);
    let mut accepted = Vec::new();
    let refused = loop {
        let id = format!("e{}", accepted.len());
        let mut large = event(&id, "acme", "notification");
        large["content"] = json!({"subject": "A subject", "text": "x".repeat(200_000)});
        let answer = local.call(&token, "POST", "/api/events", &large);
        if answer.status != 202 {
            break answer;
        }
        accepted.push(id);
        assert!(accepted.len() < 1_000, "the disk is never full");
    };
    let problem = refused.json();
    assert_eq!((refused.status, &problem["code"]), (503, &json!("event.unavailable")), "{problem}");
    assert!(problem["retryAfter"].is_number() && problem["detail"].to_string().contains("disk"), "{problem}");
    let shown = local.call(&token, "GET", "/api/smtp", &Value::Null);
    assert_eq!(shown.status, 200, "reads go on");
    assert_eq!(local.call(&token, "GET", "/api/deliveries", &Value::Null).status, 200);
    let log = String::from_utf8_lossy(&local.log.lock().expect("the log")).into_owned();
    assert!(
        log.contains("ownpost.db") && log.contains("is the disk full?"),
        "the log names the cause: {log}"
    );
    local.crash();

    // There is room again.
    let local = Local::start(folder.path());
    for id in &accepted {
        until("a mail of before", || {
            let path = format!("/api/deliveries?event={id}");
            let rows = local.call(&token, "GET", &path, &Value::Null).json();
            let status = rows["deliveries"][0]["status"].as_str().expect("a row of each event").to_owned();
            ["sent", "unknown", "sending"].contains(&status.as_str()).then_some(())
        });
    }
    let caught = local.caught();
    for id in &accepted {
        assert!(caught.iter().filter(|(_, to, _)| *to == format!("{id}@example.org")).count() <= 1, "{id}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
    let program = folder.path().join("ownpost");
    fs::copy(env!("CARGO_BIN_EXE_ownpost"), &program).expect("a copy that everybody may run");
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).expect("a folder");
    let is_root =
        fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).expect("an owner")
            == 0;
    fs::set_permissions(&locked, Permissions::from_mode(0o500)).expect("a mode");
    for data in [locked.clone(), locked.join("below")] {
        let mut command = Command::new(&program);
        command.args(["local", "--port", "0", "--data"]).arg(&data).env_clear();
        if is_root {
            // Root writes everywhere; nobody does not.
            std::os::unix::fs::chown(&locked, Some(65_534), Some(65_534)).expect("an owner");
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().expect("it ends");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
        assert!(said.lines().count() == 1 && said.contains("locked"), "{said}");
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
    }
    assert!(names(&locked).is_empty());
}
