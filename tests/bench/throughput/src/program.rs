//! A running `ownpost local`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

/// The longest wait; a call that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Local {
    child: Child,
    url: String,
    agent: ureq::Agent,
}

/// A relay as `GET /dev/relays` shows it.
pub(crate) struct Relay {
    pub(crate) host: String,
    pub(crate) starttls: u16,
    pub(crate) tls: u16,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) ca_pem: String,
    pub(crate) sender: String,
}

impl Local {
    pub(crate) fn start(program: &Path, data: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["local", "--port", "0", "--data"]).arg(data);
        command.env_clear().env("RUST_LOG", "error");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("no pipe")?).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("ready ").map(str::to_owned));
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections_per_host(64)
            .build();
        Ok(Self { child, url: url.context("ownpost did not get ready")?, agent: config.new_agent() })
    }

    /// Makes a call; returns the status and the body.
    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .body(body)?;
        let mut response = self.agent.run(request)?;
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok((response.status().as_u16(), bytes))
    }

    /// Makes a call that must succeed; returns the document.
    pub(crate) fn json(&self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<Value> {
        let (status, bytes) = self.call(method, path, token, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status} {}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(serde_json::from_slice(&bytes)?)
    }

    pub(crate) fn token(&self, tenant: &str) -> Result<String> {
        let body = json!({"tenant": tenant, "email": format!("admin@{tenant}.example")}).to_string();
        let answer = self.json("POST", "/dev/token", "", body.as_bytes())?;
        Ok(answer["token"].as_str().context("no token")?.to_owned())
    }

    pub(crate) fn relay(&self, name: &str) -> Result<Relay> {
        let relays = self.json("GET", "/dev/relays", "", b"")?;
        let relay =
            relays["relays"].as_array().and_then(|all| all.iter().find(|relay| relay["name"] == name));
        let relay = relay.context("no such relay")?;
        let text = |name: &str| Ok::<_, anyhow::Error>(relay[name].as_str().context("no text")?.to_owned());
        let port = |name: &str| {
            relay["ports"][name].as_u64().and_then(|port| u16::try_from(port).ok()).context("no port")
        };
        Ok(Relay {
            host: text("host")?,
            starttls: port("starttls")?,
            tls: port("tls")?,
            username: text("username")?,
            password: text("password")?,
            ca_pem: text("caPem")
                .or_else(|_| Ok::<_, anyhow::Error>(std::fs::read_to_string(text("caFile")?)?))?,
            sender: text("senderAddress")?,
        })
    }

    /// Activates the example customer's relay as this tenant's own.
    pub(crate) fn activate(&self, token: &str) -> Result<()> {
        let relay = self.relay("customer")?;
        let settings = json!({
            "host": relay.host, "port": relay.starttls, "security": "starttls", "username": relay.username,
            "password": {"set": relay.password}, "senderAddress": relay.sender, "senderName": "A Customer",
        });
        let answer = self.json("PUT", "/api/smtp", token, settings.to_string().as_bytes())?;
        ensure!(answer["activated"] == true, "{answer}");
        Ok(())
    }

    /// Whether the mail with this number has been accepted. The numbers begin at 1 and have no gaps.
    pub(crate) fn has_mail(&self, number: usize) -> Result<bool> {
        match self.call("GET", &format!("/dev/mail/{number}"), "", b"")? {
            (200, _) => Ok(true),
            (404, _) => Ok(false),
            (status, _) => bail!("GET /dev/mail/{number}: {status}"),
        }
    }

    /// The bytes of a caught mail.
    pub(crate) fn mail(&self, number: usize) -> Result<Vec<u8>> {
        let (status, bytes) = self.call("GET", &format!("/dev/mail/{number}"), "", b"")?;
        ensure!(status == 200, "no mail {number}");
        Ok(bytes)
    }

    /// The number of accepted mails.
    pub(crate) fn mails(&self) -> Result<usize> {
        let mut most = 1;
        while self.has_mail(most)? {
            most *= 2;
        }
        let (mut least, mut most) = (most / 2, most);
        while most - least > 1 {
            let middle = usize::midpoint(least, most);
            if self.has_mail(middle)? { least = middle } else { most = middle }
        }
        Ok(least)
    }

    /// Resident memory in MB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill");
        let status = self.child.wait()?;
        ensure!(status.success(), "ownpost ended with {status}");
        Ok(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
