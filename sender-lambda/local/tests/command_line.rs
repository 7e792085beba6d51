//! `ownpost validate`, `test`, `send`, `schema`, `completions` and `man`: output and exit status.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

mod common;

use common::{Local, event, run};

/// Exit status and standard output as JSON.
fn json_of(arguments: &[&str], input: &[u8]) -> (i32, Value) {
    let output = run(arguments, input);
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().expect("a status"), value)
}

#[test]
fn validate() {
    let good = json!({"host": "smtp.example.com", "port": 587, "username": "mailer",
        "password": {"set": "correct horse"}, "senderAddress": "noreply@example.com"});
    let mut bad = good.clone();
    bad["port"] = json!("587");
    let deep = "[".repeat(100) + &"]".repeat(100);
    let large = format!("{{\"host\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let cases = [
        (good.to_string(), 0),
        (bad.to_string(), 1),
        ("7".into(), 1),
        ("[]".into(), 1),
        (String::new(), 2),
        ("{".into(), 2),
        (deep, 2),
        (large, 2),
    ];
    for (input, status) in cases {
        let beginning: String = input.chars().take(40).collect();
        let (code, report) = json_of(&["validate", "--json"], input.as_bytes());
        assert_eq!(code, status, "{beginning}: {report}");
        assert_eq!(report["valid"], status == 0, "{beginning}: {report}");
        let output = run(&["validate", "-"], input.as_bytes());
        assert_eq!(output.status.code(), Some(status), "{beginning}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.trim_end().lines().last().is_some_and(|line| line.contains("valid")), "{text}");
        assert!(!text.contains('\u{1b}'), "no colours where there is no terminal: {text:?}");
        assert!(!text.contains("correct horse"), "no secret");
    }
    // Whatever the language, the codes are the same.
    let codes = |locale: &str| {
        let arguments = ["validate", "--json", "--locale", locale];
        let issues = json_of(&arguments, bad.to_string().as_bytes()).1["issues"].clone();
        issues.as_array().expect("issues").iter().map(|issue| issue["code"].clone()).collect::<Vec<_>>()
    };
    for locale in ["nl_BE", "FR-ca", "tlh", "", "\u{e9}"] {
        assert_eq!(codes(locale), codes("en"), "{locale}");
    }
    let output = run(&["validate", "/no/such/file"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

#[test]
fn unusable_input_of_test_and_send() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, content.to_string()).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let settings = json!({"host": "smtp.example.com", "port": 587, "username": "mailer",
        "password": {"set": "x"}, "senderAddress": "noreply@example.com"});
    let mut keep = settings.clone();
    keep["password"] = json!({"keep": true});
    for (input, code) in [
        (keep.clone(), "password.reentry_required"),
        (json!({}), "host.required"),
        (json!(7), "settings.wrong_type"),
    ] {
        let (status, report) = json_of(&["test", "--json"], input.to_string().as_bytes());
        assert_eq!((status, &report["valid"]), (2, &json!(false)), "{report}");
        if code != "settings.wrong_type" {
            assert!(
                report["issues"].as_array().expect("issues").iter().any(|issue| issue["code"] == code),
                "{report}"
            );
        }
    }
    assert_eq!(run(&["test", "--to", "no address"], b"{}").status.code(), Some(2));
    let (good, bad) = (file("good.json", &settings), file("bad.json", &json!({"host": 7})));
    let usable = event("e1", "acme", "notification").to_string();
    let mut no_recipients = event("e1", "acme", "notification");
    no_recipients["recipients"] = json!([]);
    for (settings, event) in [
        (&good, "not json".to_owned()),
        (&good, no_recipients.to_string()),
        (&bad, usable.clone()),
        (&file("keep.json", &keep), usable.clone()),
        (&"/no/such/file".to_owned(), usable),
    ] {
        let output = run(&["send", "-", "--settings", settings], event.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{settings} {event}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn schema() {
    let (status, all) = json_of(&["schema"], b"");
    assert_eq!(status, 0);
    for name in ["SmtpSettings", "ValidationReport", "TestReport", "Event", "Deliveries"] {
        assert!(all["$defs"][name].is_object(), "{name}");
        let (status, one) = json_of(&["schema", name], b"");
        assert_eq!((status, &one["$defs"][name]), (0, &all["$defs"][name]));
    }
    assert_eq!(run(&["schema", "Nothing"], b"").status.code(), Some(2));
}

#[test]
fn help_and_misuse() {
    for arguments in
        [&["--help"][..], &["local", "--help"], &["test", "--help"], &["send", "--help"], &["--version"]]
    {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
    for arguments in
        [&[][..], &["nothing"], &["send", "-"], &["local", "--port", "70000"], &["validate", "a", "b"]]
    {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    for arguments in [&["schema"][..], &["validate", "-"], &["inspect", "-", "--json"]] {
        let mut command = common::ownpost(arguments);
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stderr(Stdio::piped());
        command.stdout(File::options().write(true).open("/dev/full").expect("the full device"));
        let output = command.output().expect("ownpost ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains("the output cannot be written"), "{said}");
    }
}

/// The screen of `ownpost test` on a terminal of its own, which `script` makes, when these keys follow the prompt.
fn prompted(keys: &[u8]) -> String {
    let ownpost = env!("CARGO_BIN_EXE_ownpost");
    let session = format!(
        "trap : INT; env -u OWNPOST_PASSWORD {ownpost} test smtp.example.com --user jan --from nobody; \
         echo status=$?; stty -a"
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &session, "/dev/null"]);
    script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = script.spawn().expect("script (bsdutils) starts");
    let (mut keyboard, mut screen) =
        (script.stdin.take().expect("a pipe"), script.stdout.take().expect("a pipe"));
    let mut seen = Vec::new();
    let shows = |seen: &[u8], text: &str| String::from_utf8_lossy(seen).contains(text);
    let mut octet = [0];
    while !shows(&seen, "Password of jan: ") && screen.read(&mut octet).expect("the screen") == 1 {
        seen.extend(octet);
    }
    keyboard.write_all(keys).expect("the keyboard");
    screen.read_to_end(&mut seen).expect("the screen");
    assert!(script.wait().expect("script ends").success());
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.contains(" echo ") && !seen.contains(" -echo "), "{seen}");
    seen
}

#[test]
fn an_interrupted_prompt_leaves_the_echo_on() {
    for _ in 0..20 {
        let seen = prompted(b"\x03");
        assert!(seen.contains("status=130"), "{seen}");
    }
}

/// The sender is no address, so no server is asked.
#[test]
fn a_password_that_is_typed_is_not_seen() {
    for (keys, ended) in [
        (&b"geheim\n"[..], "sender"),
        ("ü\n".as_bytes(), "sender"),
        (b"\x04", "no password was entered"),
        (b"\xff\n", "the password is not UTF-8"),
    ] {
        let seen = prompted(keys);
        assert!(seen.contains(ended) && !seen.contains("geheim") && !seen.contains("status=0"), "{seen}");
    }
}

#[test]
fn completions_and_man_pages() {
    for (shell, part) in
        [("bash", "_ownpost()"), ("zsh", "#compdef ownpost"), ("fish", "complete -c ownpost")]
    {
        let output = run(&["completions", shell], b"");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains(part) && text.contains("save-password"), "{shell}");
    }
    for (arguments, title, part) in [
        (&["man"][..], ".TH ownpost 1", "ownpost\\-test(1)"),
        (&["man", "test"], ".TH ownpost-test 1", "OWNPOST_PASSWORD"),
    ] {
        let text = String::from_utf8(run(arguments, b"").stdout).expect("UTF-8");
        assert!(text.contains(title) && text.contains(part), "{arguments:?}: {text}");
    }
    assert_eq!(run(&["man", "nothing"], b"").status.code(), Some(2));
    assert_eq!(run(&["completions", "nothing"], b"").status.code(), Some(2));
}

#[test]
fn a_received_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.json");
    let settings = settings.to_str().expect("UTF-8");
    let mail = "Received: from app.example.net ([192.0.2.1]) by smtp.acme.example with ESMTPSA id 1;\n\
        \tMon, 16 Nov 2026 11:00:00 +0100\nMessage-ID: <1@acme.example>\nFrom: noreply@acme.example\n\nHello\n";
    let arguments = ["inspect", "-", "--settings", settings, "--json"];
    for (host, sender, status, via) in [
        ("smtp.acme.example", "noreply@acme.example", 0, "yes"),
        ("smtp.other.example", "noreply@acme.example", 1, "no"),
        ("smtp.acme.example", "jan@acme.example", 1, "yes"),
    ] {
        // What `GET /smtp` answers will do too.
        for document in [
            json!({"host": host, "senderAddress": sender}),
            json!({"settings": {"host": host, "senderAddress": sender}, "revision": "1"}),
        ] {
            fs::write(settings, document.to_string()).expect("a file");
            let (code, report) = json_of(&arguments, mail.as_bytes());
            assert_eq!((code, &report["viaRelay"]), (status, &json!(via)), "{report}");
        }
    }
    let text = String::from_utf8(run(&["inspect", "-"], mail.as_bytes()).stdout).expect("UTF-8");
    assert!(text.contains("were not compared"), "{text}");
    assert!(text.contains("<1@acme.example>") && text.contains("→ smtp.acme.example"), "{text}");
    let (code, report) =
        json_of(&["inspect", "-", "--json", "--message-id", "2@acme.example"], mail.as_bytes());
    assert_eq!((code, &report["matches"]), (1, &json!(false)));
    assert_eq!(run(&["inspect", "-"], b"Dear Jan,\n\nhello").status.code(), Some(2));
    assert_eq!(run(&["inspect", "/no/such/file"], b"").status.code(), Some(2));
}

#[test]
fn a_server_without_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let relay = local.relay("customer");
    let text = |name: &str| relay[name].as_str().expect("a text");
    let ports = format!("{},{}", relay["ports"]["starttls"], relay["ports"]["tls"]);
    let ownpost = |password: Option<&str>, arguments: &[&str]| {
        let mut command = common::ownpost(arguments);
        command.env_remove("RUST_LOG").env("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8");
        command.env("OWNPOST_ALLOW_PORTS", &ports).env_remove("OWNPOST_PASSWORD");
        command.envs(password.map(|password| ("OWNPOST_PASSWORD", password)));
        let output = common::run_with(command, b"");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        (output.status.code().expect("a status"), text.concat())
    };
    let password = Some(text("password"));
    let server = |security: &str| format!("127.0.0.1:{}", relay["ports"][security]);
    let account = ["--from", text("senderAddress"), "--user", text("username"), "--ca", text("caFile")];
    let starttls = server("starttls");
    let arguments = |target, more: &[&'static str]| [&["test", target][..], &account, more].concat();

    let (status, said) = ownpost(password, &arguments(&starttls, &["--to", "you@example.org"]));
    assert!(status == 0 && said.contains("The test has passed"), "{said}");
    let tls = server("tls");
    let (status, said) = ownpost(password, &arguments(&tls, &["--tls"]));
    assert!(status == 0 && said.contains(", TLS, customer"), "{said}");
    let (status, said) = ownpost(Some("not-this-one"), &arguments(&starttls, &[]));
    assert!(status == 1 && said.contains("auth.rejected") && !said.contains("not-this-one"), "{said}");

    // What is saved is the settings, by default without the password, which the next test takes from the environment.
    let saved = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    for (name, more) in [("without.json", &[][..]), ("with.json", &["--save-password"])] {
        use std::os::unix::fs::PermissionsExt as _;
        let file = saved(name);
        let all = [&arguments(&starttls, &["--save"])[..], &[&file], more].concat();
        let (status, said) = ownpost(password, &all);
        assert!(status == 0 && said.contains(&file), "{said}");
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        let document: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
        let kept = document["password"]["set"].as_str();
        assert_eq!(kept, password.filter(|_| !more.is_empty()));
        let (status, said) = ownpost(password.filter(|_| more.is_empty()), &["test", &file]);
        assert_eq!(status, 0, "{said}");
        let (status, said) = ownpost(password, &all);
        assert!(status == 2 && said.contains("is there already"), "{said}");
    }
    let (status, said) = ownpost(None, &["test", &saved("without.json")]);
    assert!(status == 2 && said.contains("password.required"), "{said}");

    // Settings that the rules refuse, and arguments that go only with --from.
    for (arguments, part) in [
        (&["test", "smtp.example.com:24", "--from", "a@example.com"][..], "port.not_allowed"),
        (&["test", "smtp.example.com", "--from", "nobody"], "senderAddress."),
        (&["test", "smtp.example.com:mail", "--from", "a@example.com"], "is no port"),
        (&["test", "--from", "a@example.com"], "HOST"),
        (&["test", "smtp://smtp.example.com:465", "--from", "a@example.com"], "host."),
        (&["test", "a.example.com", "--from", "a@example.com", "--save", "-"], "--save writes a new file"),
        (&["test", "a.example.com", "--from", "a@example.com", "--password", "x"], "never an argument"),
        (&["test", "smtp.example.com", "--user", "jan"], "--from"),
        (&["test", "smtp.example.com:587"], "--from"),
        (&["test", "a.example.com", "--from", "a@example.com", "--save-password"], "--save"),
        (&["test", "a.example.com", "--from", "a@example.com", "--ca", "/no/such/file"], "/no/such/file"),
    ] {
        let (status, said) = ownpost(password, arguments);
        assert!(status == 2 && said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn test_and_send_against_a_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path());
    let relay = local.relay("customer");
    let ca = relay["caFile"].as_str().expect("a path");
    let ports = format!("{},{}", relay["ports"]["starttls"], relay["ports"]["tls"]);
    let ownpost = |arguments: &[&str], input: &str| {
        let mut command = common::ownpost(arguments);
        command.env_remove("RUST_LOG").env("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8");
        command.env("OWNPOST_ALLOW_PORTS", &ports).env("OWNPOST_EXTRA_CA_FILE", ca);
        common::run_with(command, input.as_bytes())
    };
    for security in ["starttls", "tls"] {
        let settings = local.settings(security).to_string();
        let output = ownpost(&["test", "--to", "you@example.org"], &settings);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{text}");
        let stages =
            ["resolve", "connect", "greeting", "ehlo", "tls", "auth", "sender", "recipient", "message"];
        for stage in stages {
            let line = text.lines().find(|line| line.contains(&format!("✓ {stage} ")));
            assert!(line.is_some_and(|line| line.contains(" ms")), "{stage}: {text}");
        }
        assert!(text.contains("TLSv1.3") && text.contains("The test has passed"), "{text}");

        // Without a recipient it ends after MAIL FROM.
        let output = ownpost(&["test", "--json"], &settings);
        assert_eq!(output.status.code(), Some(0));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let status = |stage: &str| {
            let stages = report["stages"].as_array().expect("stages");
            stages.iter().find(|entry| entry["stage"] == stage).map(|entry| entry["status"].clone())
        };
        assert_eq!(status("sender"), Some(json!("passed")));
        assert_eq!(
            (status("recipient"), status("message")),
            (Some(json!("skipped")), Some(json!("skipped")))
        );
    }
    let mut wrong = local.settings("starttls");
    wrong["password"] = json!({"set": "not-this-one-surely"});
    let output = ownpost(&["test"], &wrong.to_string());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("✗ auth.rejected") && text.contains("535 5.7.8"), "{text}");
    assert!(!text.contains("not-this-one-surely"), "no secret: {text}");

    let file = folder.path().join("settings.json");
    fs::write(&file, local.settings("tls").to_string()).expect("a file");
    let arguments = ["send", "-", "--settings", file.to_str().expect("UTF-8")];
    let mut large = event("large", "acme", "user-invitation");
    large["recipients"] = json!([{"address": "a@example.org"}, {"address": "b@example.org"}]);
    // Beyond what the queue takes.
    let file_bytes = "QUJD".repeat(700_000);
    large["attachments"] = json!([{"filename": "a.bin", "contentType": "application/octet-stream",
        "base64": file_bytes}]);
    let output = ownpost(&[&arguments[..], &["--json"]].concat(), &large.to_string());
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{answer}");
    let found: Vec<_> = answer["deliveries"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["recipient"].clone(), row["status"].clone(), row["route"].clone()))
        .collect();
    let row = |to: &str| (json!(to), json!("sent"), json!("relay"));
    assert_eq!(found, [row("a@example.org"), row("b@example.org")]);
    let to: Vec<_> = local.caught().into_iter().map(|mail| mail.1).collect();
    assert_eq!(
        to.iter().filter(|to| to.ends_with("@example.org") && *to != "you@example.org").count(),
        2,
        "{to:?}"
    );

    fs::write(&file, wrong.to_string()).expect("a file");
    let output = ownpost(&arguments, &event("e2", "acme", "notification").to_string());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("0 of 1 sent"), "{text}");
}
