//! Plays each file of `tests/dialogues/` and holds what it expects, and what must hold in every dialogue: the
//! report has its shape and its bounds, and shows no secret.
//!
//! A file's head is lines of `key: value`, a line `---` ends it, and the script ([`ownpost_tests::scripted`])
//! follows. Keys:
//! - `security` (starttls), `auth` (password | oauth2 | none; password), `to` (the recipient; none), `message` (none: the test ends after RCPT TO), `host`
//!   (127.0.0.1), `ehlo` (none: not set), `from` (the sender; noreply@example.org), `trust` (ca | none; ca).
//! - `short` a step whose timeout is short; the others' are long.
//! - `expect` the failure code, or `ok`; `stage`, `field`, `smtp` (code, enhanced code), `fix` (JSON; without
//!   it none is looked for).
//! - `dns` what the name server says of every name: addresses, NXDOMAIN, NODATA, SERVFAIL, SILENCE.
//! - `token` what the token endpoint answers: status and body; `token-wire` its octets, behind which it closes; `token-tls` the
//!   kind of its certificate (good).
//! - `listen`: `no` (nothing listens on the port), `full` (connections are not taken), `elsewhere` (the script is
//!   on another port, `ELSEWHERE` in `fix`), `silent` (likewise, and the port takes connections and says nothing). `loose: yes` does not mind where the client leaves the script.
//! - `shows`, `hides` what the report contains and what it does not.
//! - `mode: send` sends `mails` mails (1) through the pool; `expect` is then their results in order. After `over-after` mails it is too late to begin another. `calls` is in how many calls
//!   (1); `revisions: each` gives each call a revision of its own. At the end the pool is closed, which takes a QUIT; with
//!   `ends: room` its idle connections are asked to make room.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::functions::api::explain::explain;
use ownpost_core::mail::templates::Templates;
use ownpost_core::mail::test_message::{self, TestRun};
use ownpost_core::wire::test_report::TestReport;
use ownpost_domain::brand::Brand;
use ownpost_domain::category::Routing;
use ownpost_domain::failure::FailureCode;
use ownpost_domain::report::StageStatus;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Grant, OAuth2, Security, Settings};
use ownpost_smtp::probe::{order, probe};
use ownpost_smtp::{BeforeCommit, Mail, Network, Pool, ProbeOptions, RelayKey, Timeouts};
use ownpost_tests::certificates::Certificates;
use ownpost_tests::dns;
use ownpost_tests::scripted::Scripted;
use tokio::net::{TcpSocket, TcpStream};

const PASSWORD: &str = "correct horse battery";

struct Dialogue {
    head: BTreeMap<String, String>,
    script: String,
}

impl Dialogue {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let (head, script) = text.split_once("\n---\n").expect("a line of --- after the head");
        let head = head
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| line.split_once(": ").expect("key: value"))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Self { head, script: script.to_owned() }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.head.get(key).map(String::as_str)
    }

    fn settings(&self, port: u16, token_port: u16, certificates: &Certificates) -> Settings {
        Settings {
            host: self.get("host").unwrap_or("127.0.0.1").to_owned(),
            port,
            security: match self.get("security").unwrap_or("starttls") {
                "tls" => Security::Tls,
                _ => Security::StartTls,
            },
            auth: match self.get("auth").unwrap_or("password") {
                "none" => Auth::None,
                "oauth2" => Auth::OAuth2(OAuth2 {
                    username: "mailer@example.org".into(),
                    provider: None,
                    token_url: format!("https://127.0.0.1:{token_port}/token"),
                    client_id: "client".into(),
                    client_secret: None,
                    client_secret_expires: None,
                    grant: Grant::RefreshToken(Secret::new(PASSWORD.into())),
                    scope: None,
                }),
                _ => Auth::Password { username: "mailer".into(), password: Secret::new(PASSWORD.into()) },
            },
            sender_address: self.get("from").unwrap_or("noreply@example.org").to_owned(),
            sender_name: Some("Example".into()),
            reply_to: None,
            ehlo_name: match self.get("ehlo") {
                Some("none") => None,
                name => Some(name.unwrap_or("client.example.org").to_owned()),
            },
            ca_pem: (self.get("trust") != Some("none")).then(|| certificates.ca_pem().to_owned()),
            routing: Routing::default(),
            contacts: Vec::new(),
        }
    }

    fn network(&self, ports: &[u16], dns_server: Option<SocketAddr>, certificates: &Certificates) -> Network {
        // Unlike a relay's, a token endpoint's certificate has only the public roots and the operator's.
        let ca_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), certificates.ca_pem()).unwrap();
        let long = Duration::from_secs(20);
        let mut timeouts = Timeouts {
            resolve: long,
            connect: long,
            greeting: long,
            tls: long,
            auth: long,
            command: long,
            data: long,
            done: long,
            // Longer than on a page, for a machine that is busy; where the second connection is silent, that is how long it
            // is waited for.
            second: Duration::from_secs(10),
        };
        // Long enough for the steps of the same kind that are to pass on a busy machine, and shorter than a silence that
        // makes the client suspect the TLS mode.
        let short = Duration::from_secs(2);
        match self.get("short") {
            None => {}
            Some("resolve") => timeouts.resolve = short,
            Some("connect") => timeouts.connect = short,
            Some("greeting") => timeouts.greeting = short,
            Some("tls") => timeouts.tls = short,
            Some("auth") => timeouts.auth = short,
            Some("command") => timeouts.command = short,
            Some("done") => timeouts.done = short,
            Some(other) => panic!("no such step: {other}"),
        }
        let config = Config {
            // A multicast group is what no TCP connection can reach, on any machine.
            allow_networks: vec!["127.0.0.0/8".into(), "::1/128".into(), "224.0.0.1/32".into()],
            allow_ports: ports.to_vec(),
            dns_server,
            extra_ca_file: self.get("token").or(self.get("token-wire")).map(|_| ca_file.path().to_owned()),
            ..Config::default()
        };
        config.network().unwrap().with_timeouts(timeouts, timeouts)
    }
}

fn stable(code: impl serde::Serialize) -> String {
    serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()
}

/// What must hold of every report.
fn check_report(report: &TestReport, settings: &Settings) {
    let json = serde_json::to_string(report).unwrap();
    assert!(json.len() <= 1_000_000, "a report of {} octets", json.len());
    let value = serde_json::to_value(report).unwrap();
    let keys =
        ["capabilities", "deliverability", "failure", "ok", "stages", "testMessage", "tls", "transcript"];
    let mut got: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    got.sort_unstable();
    assert_eq!(got, keys);
    let lower = json.to_lowercase();
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let lower_bare = bare(&lower);
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    for secret in [
        "access-token-1".to_owned(),
        PASSWORD.to_owned(),
        base64.encode(PASSWORD),
        base64.encode(format!("\0mailer\0{PASSWORD}")),
    ] {
        let secret = secret.to_lowercase();
        assert!(!lower.contains(&secret), "the report shows a secret: {json}");
        assert!(!lower_bare.contains(&bare(&secret)), "the report shows the letters of a secret: {json}");
    }
    let stages: Vec<_> = report.stages.iter().map(|result| result.stage).collect();
    assert_eq!(stages, order(settings.security), "the order of the stages");
    assert_eq!(report.ok, report.failure.is_none());
    let failed: Vec<_> =
        report.stages.iter().filter(|result| result.status == StageStatus::Failed).map(|r| r.stage).collect();
    assert_eq!(failed, report.failure.iter().map(|failure| failure.stage).collect::<Vec<_>>());
    if let Some(failure) = &report.failure {
        assert!(!failure.message.contains('{') && !failure.message.is_empty(), "{}", failure.message);
        assert!(!failure.remedy.contains('{') && !failure.remedy.is_empty(), "{}", failure.remedy);
    }
}

async fn check_test(dialogue: &Dialogue, server: &Scripted, certificates: &Arc<Certificates>) {
    let dns = match dialogue.get("dns") {
        Some(answer) => Some(dns::start(answer).await),
        None => None,
    };
    let elsewhere = server.address.port();
    let (port, _held) = match dialogue.get("listen") {
        None => (elsewhere, Vec::new()),
        Some("no" | "elsewhere") => {
            let (port, socket) = closed_port();
            (port, vec![socket])
        }
        Some("full") => full_port().await,
        Some("silent") => {
            let silent = Scripted::start("EVERY\nSILENCE\n", Arc::clone(certificates)).await;
            (silent.address.port(), Vec::new())
        }
        Some(other) => panic!("no way to listen: {other}"),
    };
    let token = match dialogue.get("token").or(dialogue.get("token-wire")) {
        None => None,
        Some(answer) => {
            let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
            let length = body.len();
            let tls = dialogue.get("token-tls").unwrap_or("good");
            let wire =
                dialogue.get("token-wire").map(|wire| format!("TLS {tls}\nC: <request>\nS! {wire}\nCLOSE\n"));
            let script = wire.unwrap_or_else(|| {
                format!(
                    "TLS {tls}\nC: <request>\nS: HTTP/1.1 {status} x\nS: Content-Type: application/json\n\
                 S: Content-Length: {length}\nS! \\r\\n{body}\n"
                )
            });
            Some(Scripted::start(&script, Arc::clone(certificates)).await)
        }
    };
    let (token_port, _bound) = if let Some(server) = &token {
        (server.address.port(), None)
    } else {
        let (port, socket) = closed_port();
        (port, Some(socket))
    };
    let settings = dialogue.settings(port, token_port, certificates);
    let network = dialogue.network(&[port, elsewhere, token_port], dns, certificates);
    let recipient = dialogue.get("to");
    let run = TestRun {
        settings: &settings,
        recipient,
        started_by: None,
        locale: "en",
        now: Timestamp::now(),
        unique: 1,
    };
    let templates = Templates::new(None, Brand::default()).unwrap();
    let test_mail = test_message::build(&run, &templates, None, None);
    let options = ProbeOptions {
        recipient,
        without_message: dialogue.get("message").is_some(),
        test_mail,
        deadline: Duration::from_secs(dialogue.get("deadline").map_or(60, |s| s.parse().unwrap())),
        owner: ownpost_smtp::token_store::TokenOwner::default(),
        look_for_fix: dialogue.get("fix").is_some(),
        before_dial: None,
    };
    let mut told = Vec::new();
    let found = probe(&network, &settings, &options, &mut |stage| told.push(stage.clone())).await;
    let report = explain(found, &settings, recipient, "en");
    check_report(&report, &settings);
    assert_eq!(told, report.stages, "what was told on the way");
    let shown = serde_json::to_string_pretty(&report).unwrap();
    let failure = report.failure.as_ref();
    let code = failure.map_or("ok".to_owned(), |failure| stable(failure.code));
    assert_eq!(code, dialogue.get("expect").unwrap(), "{shown}");
    if let Some(stage) = dialogue.get("stage") {
        assert_eq!(stable(failure.unwrap().stage), stage, "{shown}");
    }
    if let Some(field) = dialogue.get("field") {
        assert_eq!(failure.unwrap().field, field, "{shown}");
    }
    if let Some(want) = dialogue.get("smtp") {
        let smtp = failure.unwrap().smtp.as_ref();
        let got = smtp.map_or("none".to_owned(), |words| match &words.enhanced {
            Some(enhanced) => format!("{} {enhanced}", words.code),
            None => words.code.to_string(),
        });
        assert_eq!(got, want, "{shown}");
    }
    if let Some(fix) = dialogue.get("fix") {
        let fix = fix.replace("ELSEWHERE", &elsewhere.to_string()).replace("PORT", &port.to_string());
        let fix: serde_json::Value = serde_json::from_str(&fix).unwrap();
        let got = failure.and_then(|failure| failure.fix.clone()).unwrap_or_default();
        assert_eq!(got, fix, "{shown}");
    }
    if let Some(text) = dialogue.get("shows") {
        assert!(shown.contains(text), "{shown}");
    }
    if let Some(text) = dialogue.get("hides") {
        assert!(!shown.contains(text), "{shown}");
    }
}

/// A port on which nothing listens. The socket that comes with it is bound, so that nobody else gets the port, and
/// does not listen, so that connections are refused.
fn closed_port() -> (u16, Box<dyn Send>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (socket.local_addr().unwrap().port(), Box::new(socket))
}

/// A port whose queue of connections is full, so that the system answers no more.
async fn full_port() -> (u16, Vec<Box<dyn Send>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held: Vec<Box<dyn Send>> = vec![Box::new(listener)];
    for _ in 0..8 {
        let connected = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await;
        match connected {
            Ok(Ok(stream)) => held.push(Box::new(stream)),
            _ => break,
        }
    }
    (address.port(), held)
}

/// Leaves out the mails of these numbers.
struct LeaveOut(Vec<usize>);

#[async_trait]
impl BeforeCommit for LeaveOut {
    async fn commit(&self, index: usize) -> bool {
        !self.0.contains(&index)
    }
}

/// Is over after so many mails.
struct Over(AtomicUsize);

#[async_trait]
impl BeforeCommit for Over {
    async fn commit(&self, _: usize) -> bool {
        self.0.fetch_sub(1, Relaxed);
        true
    }

    fn deadline_passed(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}

async fn check_send(dialogue: &Dialogue, server: &Scripted, certificates: &Certificates) {
    let settings = dialogue.settings(server.address.port(), 1, certificates);
    let network = Arc::new(dialogue.network(&[server.address.port()], None, certificates));
    let pool = Pool::new(network);
    let count = dialogue.get("mails").map_or(1, |n| n.parse().unwrap());
    let mails: Vec<_> = (0..count)
        .map(|n| Mail {
            from: settings.sender_address.clone(),
            to: format!("to{n}@example.net"),
            message: format!("Subject: {n}\n\nHello.\n.\n..dots\n").into_bytes().into(),
        })
        .collect();
    let mut key = RelayKey { tenant: Some("acme".into()), revision: "1".into() };
    let left_out = dialogue.get("left-out").map_or(Vec::new(), |n| vec![n.parse().unwrap()]);
    let over = Over(dialogue.get("over-after").map_or(usize::MAX, |n| n.parse().unwrap()).into());
    let gate: &dyn BeforeCommit = if left_out.is_empty() { &over } else { &LeaveOut(left_out) };
    let calls: usize = dialogue.get("calls").map_or(1, |n| n.parse().unwrap());
    let mut results = Vec::new();
    for part in mails.chunks(mails.len().div_ceil(calls)) {
        results.extend(pool.send(&key, &settings, part, gate).await);
        if dialogue.get("revisions") == Some("each") {
            key.revision.push('1');
        }
    }
    match dialogue.get("ends") {
        None => pool.close().await,
        Some("room") => pool.make_room(&settings.host),
        Some("time") => {
            // Idle connections are kept for a minute, and looked at four times in it.
            tokio::time::pause();
            tokio::time::sleep(Duration::from_secs(76)).await;
            tokio::time::resume();
        }
        Some(other) => panic!("ends: {other}"),
    }
    let ended = tokio::time::timeout(Duration::from_mins(1), server.ended());
    ended.await.expect("a connection is left open");
    drop(pool);
    let results: Vec<_> = results
        .iter()
        .map(|result| match result {
            None => "left-out".to_owned(),
            Some(Ok(reply)) => format!("accepted({})", reply.text),
            Some(Err(failure)) => stable(failure.code),
        })
        .collect();
    assert_eq!(results.join(" "), dialogue.get("expect").unwrap());
    // Exactly once, and as it was meant.
    let mut subjects: Vec<_> = server
        .messages()
        .iter()
        .map(|message| {
            let text = String::from_utf8(message.clone()).unwrap();
            let (subject, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "Hello.\r\n.\r\n..dots\r\n");
            subject.to_owned()
        })
        .collect();
    subjects.sort();
    let before = subjects.len();
    subjects.dedup();
    assert_eq!(before, subjects.len(), "a mail was sent twice: {subjects:?}");
}

#[tokio::test]
async fn an_idle_connection_ends_by_itself_after_its_time() {
    let certificates = Arc::new(Certificates::new());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues/send.reuse.txt");
    let mut dialogue = Dialogue::read(&path);
    dialogue.head.insert("ends".to_owned(), "time".to_owned());
    let server = Scripted::start(&dialogue.script, Arc::clone(&certificates)).await;
    check_send(&dialogue, &server, &certificates).await;
    assert_eq!(server.wrong(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialogues() {
    let only = std::env::var("DIALOGUE").ok();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues");
    let certificates = Arc::new(Certificates::new());
    let mut running = tokio::task::JoinSet::new();
    let mut names = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let certificates = Arc::clone(&certificates);
        let handle = running.spawn(async move {
            let dialogue = Dialogue::read(&path);
            let server = Scripted::start(&dialogue.script, Arc::clone(&certificates)).await;
            if dialogue.get("mode") == Some("send") {
                Box::pin(check_send(&dialogue, &server, &certificates)).await;
            } else {
                Box::pin(check_test(&dialogue, &server, &certificates)).await;
            }
            if dialogue.get("loose") == Some("yes") {
                return;
            }
            assert_eq!(server.wrong(), Vec::<String>::new(), "where the client left the script");
        });
        names.insert(handle.id().to_string(), name);
    }
    let mut failed = Vec::new();
    while let Some(done) = running.join_next_with_id().await {
        if let Err(error) = done {
            failed.push(names[&error.id().to_string()].clone());
        }
    }
    failed.sort();
    assert!(failed.is_empty(), "these dialogues went wrong: {failed:?}");
}

#[test]
fn every_failure_code_has_a_dialogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues");
    let expected: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Dialogue::read(&entry.unwrap().path()).get("expect").map(str::to_owned))
        .collect();
    for code in FailureCode::ALL {
        // What a cloud does to port 25 cannot be done on loopback; `dial` has a table for it.
        let elsewhere = *code == FailureCode::ConnectPortBlocked;
        assert!(elsewhere || expected.iter().any(|expect| expect == code.code()), "{}", code.code());
    }
}
