//! A password is nowhere in the memory of `ownpost local` once its request is over: neither a core dump nor a swapped page
//! has it. Linux shows a process's memory to its parent.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use self::common::{Local, ownpost, until};

mod common;

#[test]
fn a_password_is_wiped_after_its_request() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    // The relay is another process: what that one reads is its own matter.
    let other = Local::start(folders[0].path());
    let (relay, mut settings) = (other.relay("customer"), other.settings("starttls"));
    settings["caPem"] = relay["caPem"].clone();
    let mut command =
        ownpost(&["local", "--port", "0", "--data", folders[1].path().to_str().expect("UTF-8")]);
    command.env("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8");
    command.env("OWNPOST_ALLOW_PORTS", settings["port"].to_string());
    let local = Local::start_as(command);
    let token = local.token("acme");
    for (number, (method, path, token, status)) in [
        ("POST", "/api/smtp/validate", &*token, "200"),
        ("POST", "/api/smtp/test", &*token, "200"),
        ("PUT", "/api/smtp", &*token, "409"),
        ("PUT", "/api/smtp", "of-a-session-that-has-ended", "401"),
        ("POST", "/api/no-such-path", &*token, "404"),
    ]
    .into_iter()
    .enumerate()
    {
        let password = format!("none-of-its-passwords-{number}-{number}-{number}");
        settings["password"] = json!({"set": password});
        let body = settings.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // The body comes whole, as it does from a browser, behind its header.
        let mut client = local.half(&head);
        client.write_all(body.as_bytes()).expect("sent");
        let mut answer = [0; 12];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{path}");
        drop(client);
        // As AUTH has sent it.
        let sent = STANDARD.encode(format!("\0customer\0{password}"));
        until("the password to be wiped", || {
            (!local.remembers(&password) && !local.remembers(&sent[..sent.len() - 4])).then_some(())
        });
    }
    // What it must remember is found: the search can find something.
    assert!(local.remembers("customer"));
    local.stop();
    other.stop();
}
