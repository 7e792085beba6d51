//! The real binary in a temporary folder, and calls to it.
#![allow(dead_code, reason = "each suite uses what it needs")]

use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// A command with nothing of this process's own settings.
pub(crate) fn ownpost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ownpost"));
    command.args(arguments).env_clear().env("RUST_LOG", "trace");
    command
}

/// Runs a command to its end with this standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = ownpost(arguments);
    command.env_remove("RUST_LOG");
    run_with(command, input)
}

/// Runs this command to its end with this standard input.
pub(crate) fn run_with(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("ownpost starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end without reading.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("ownpost ends")
}

/// Waits until `ready` gives something.
pub(crate) fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }
}

/// A running `ownpost local`.
pub(crate) struct Local {
    child: Child,
    pub(crate) url: String,
    pub(crate) log: Arc<Mutex<Vec<u8>>>,
    agent: ureq::Agent,
}

impl Local {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_as(ownpost(&["local", "--port", "0", "--data", data.to_str().expect("UTF-8")]))
    }

    /// Starts it by this command.
    pub(crate) fn start_as(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ownpost starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (mut stderr, sink) = (child.stderr.take().expect("a pipe"), log.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(read @ 1..) = stderr.read(&mut bytes) {
                sink.lock().expect("the log").extend_from_slice(&bytes[..read]);
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("ready ").map(str::to_owned));
        let url =
            url.unwrap_or_else(|| panic!("not ready: {}", String::from_utf8_lossy(&log.lock().unwrap())));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { child, url, log, agent: config.new_agent() }
    }

    /// A call as it is, with these headers.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a request");
        let mut response = self.agent.run(request).expect("an answer");
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec().expect("a body");
        Answer {
            status: response.status().as_u16(),
            content_type,
            headers: response.headers().clone(),
            bytes,
        }
    }

    /// A bearer token of this tenant's admin.
    pub(crate) fn token(&self, tenant: &str) -> String {
        let body = json!({"tenant": tenant, "email": format!("admin@{tenant}.test")}).to_string();
        let answer = self.raw("POST", "/dev/token", &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// A call with a token; no body when it is null.
    pub(crate) fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = format!("Bearer {token}");
        self.raw(method, path, &[("authorization", &bearer)], body.as_bytes())
    }

    /// The relay of this name.
    pub(crate) fn relay(&self, name: &str) -> Value {
        let relays = self.raw("GET", "/dev/relays", &[], b"").json();
        let found = relays["relays"].as_array().expect("relays").iter().find(|relay| relay["name"] == name);
        found.expect("the relay").clone()
    }

    /// Settings for the example customer's relay.
    pub(crate) fn settings(&self, security: &str) -> Value {
        let relay = self.relay("customer");
        json!({
            "host": relay["host"], "port": relay["ports"][security], "security": security,
            "username": relay["username"], "password": {"set": relay["password"]},
            "senderAddress": relay["senderAddress"], "senderName": "Example Customer",
        })
    }

    /// Caught mail, the newest first: relay, recipient and subject of each.
    pub(crate) fn caught(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mut caught, mut before) = (Vec::new(), String::new());
        loop {
            let answer = self.raw("GET", &format!("/dev/mail?limit=500{before}"), &[], b"").json();
            let mails = answer["mail"].as_array().expect("mails").iter();
            caught.extend(mails.map(|mail| {
                (text(&mail["relay"]), text(&mail["envelope"]["to"][0]), text(&mail["headers"]["Subject"]))
            }));
            let Some(next) = answer["next"].as_str() else { return caught };
            before = format!("&before={next}");
        }
    }

    /// A connection of its own on which this much of a request was sent.
    pub(crate) fn half(&self, request: &str) -> TcpStream {
        let address = self.url.strip_prefix("http://").expect("a URL");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(request.replace("HOST", address).as_bytes()).expect("sent");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Whether this text is anywhere in the memory that it can write.
    pub(crate) fn remembers(&self, wanted: &str) -> bool {
        let proc = |name: &str| format!("/proc/{}/{name}", self.child.id());
        let maps = std::fs::read_to_string(proc("maps")).expect("its memory's parts");
        let mut memory = std::fs::File::open(proc("mem")).expect("its memory");
        maps.lines().filter(|part| part.contains(" rw")).any(|part| {
            let (from, to) =
                part.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
            let [from, to] = [from, to].map(|number| u64::from_str_radix(number, 16).expect("a number"));
            let mut bytes = Vec::new();
            // A part may be gone by now.
            let _ = memory.seek(SeekFrom::Start(from));
            let _ = Read::by_ref(&mut memory).take(to - from).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).contains(wanted)
        })
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(kill.success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) {
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&self.log.lock().unwrap()));
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        self.wait();
    }

    /// Ends it without asking.
    pub(crate) fn crash(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event with one recipient.
pub(crate) fn event(id: &str, tenant: &str, category: &str) -> Value {
    json!({
        "id": id, "tenant": tenant, "category": category, "type": "example.happened",
        "recipients": [{"address": format!("{id}@example.org"), "name": "Jan"}],
        "data": {"actor": "Ann", "title": "A title", "url": "https://app.example/1"},
    })
}
