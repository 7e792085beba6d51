//! Runs one client once, in its own process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde::Deserialize;

use crate::cells::{Cell, Client};
use crate::servers::Servers;

/// The size of a message in octets, header and body.
const SIZE: usize = 10 * 1024;
/// The longest run; a longer one has hung.
const LIMIT: Duration = Duration::from_secs(90);

/// The programs, folders and rights of this machine.
pub(crate) struct Machine {
    pub(crate) work: PathBuf,
    /// The folder of this benchmark's sources.
    pub(crate) folder: PathBuf,
    /// The folder of the Rust programs.
    pub(crate) programs: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) smtp_sink: PathBuf,
    smtp_source: PathBuf,
    pub(crate) is_root: bool,
}

/// The task of one run.
pub(crate) struct Task {
    pub(crate) cell: Cell,
    /// The number of mails in all.
    pub(crate) count: usize,
}

/// The results of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The rate in mails a second.
    pub(crate) rate: f64,
    /// Processor time for a mail, in microseconds.
    pub(crate) cpu: f64,
    /// The most resident memory in MB.
    pub(crate) memory: f64,
}

impl Sample {
    /// The median of each figure.
    pub(crate) fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = samples.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self { rate: of(|s| s.rate), cpu: of(|s| s.cpu), memory: of(|s| s.memory) }
    }
}

/// A client's own report of its run.
#[derive(Deserialize)]
struct Said {
    seconds: f64,
    cpu: f64,
}

impl Machine {
    /// Makes the message and a certificate.
    pub(crate) fn prepare(work: PathBuf, python: PathBuf) -> Result<Self> {
        let mut message =
            String::from("From: noreply@example.org\r\nTo: someone@example.net\r\nSubject: A mail\r\n\r\n");
        while message.len() < SIZE {
            let line = message.len();
            message.push_str(&format!("{line:<70}\r\n"));
        }
        fs::write(work.join("message.eml"), message)?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "Benchmark CA");
        let (ca_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
        fs::write(work.join("ca.pem"), ca.self_signed(&ca_key)?.pem())?;
        let names = ["127.0.0.1", "10.77.0.2"].map(str::to_owned).to_vec();
        let leaf = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(ca, ca_key))?;
        fs::write(work.join("cert.pem"), leaf.pem())?;
        fs::write(work.join("key.pem"), key.serialize_pem())?;
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let programs = std::env::current_exe()?.parent().context("a folder")?.to_path_buf();
        let system = |name: &str| {
            let found =
                ["/usr/sbin", "/usr/bin", "/usr/libexec/postfix"].map(|folder| Path::new(folder).join(name));
            found
                .into_iter()
                .find(|path| path.is_file())
                .with_context(|| format!("no {name}: install Postfix"))
        };
        let is_root = nix_is_root();
        Ok(Self {
            smtp_sink: system("smtp-sink")?,
            smtp_source: system("smtp-source")?,
            work,
            folder,
            programs,
            python,
            is_root,
        })
    }

    /// Whether the plain sink accepts a mail, within a second.
    pub(crate) fn answers(&self, servers: &Servers) -> bool {
        let cell = Cell { rtt: 0, connections: 1, tls: false, own_sink: false };
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            if self.run(Client::SmtpSource, &Task { cell, count: 1 }, servers).is_ok() {
                return true;
            }
        }
        false
    }

    /// Runs a client to its end.
    pub(crate) fn run(&self, client: Client, task: &Task, servers: &Servers) -> Result<Sample> {
        let mut command = servers.prefix.clone();
        command.extend(self.client_command(client, task, servers));
        let (program, arguments) = command.split_first().context("a program")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PYTHONPATH", self.work.join("python"));
        let before = children()?;
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let memory = watch(&mut child, began)?;
        let output = child.wait_with_output()?;
        let whole = began.elapsed().as_secs_f64();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}", client.name(), why.lines().last().unwrap_or("failed"));
        }
        // smtp-source prints nothing; it starts within a millisecond, so its whole run is its sending time.
        let (seconds, cpu) = match client {
            Client::SmtpSource => (whole, children()? - before),
            _ => {
                let said: Said = serde_json::from_slice(&output.stdout).context("not what a client says")?;
                (said.seconds, said.cpu)
            }
        };
        let count = task.count as f64;
        Ok(Sample { rate: count / seconds, cpu: cpu / count * 1e6, memory })
    }

    fn client_command(&self, client: Client, task: &Task, servers: &Servers) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let port = match task.cell {
            Cell { tls: true, .. } => servers.tls,
            Cell { own_sink: true, .. } => servers.data,
            _ => servers.plain,
        };
        let message = path(self.work.join("message.eml"));
        let (count, connections) = (task.count.to_string(), task.cell.connections.to_string());
        if client == Client::SmtpSource {
            let mut command = vec![path(self.smtp_source.clone())];
            command
                .extend(["-d", "-f", "noreply@example.org", "-t", "someone@example.net"].map(str::to_owned));
            command.extend(["-M", "client.example.org", "-F", &message, "-m", &count].map(str::to_owned));
            command.extend(["-s", &connections, &format!("{}:{port}", servers.host)].map(str::to_owned));
            return command;
        }
        let rust = |which: &str| vec![path(self.programs.join("client")), which.to_owned()];
        let script = |program: &str, name: &str| {
            vec![program.to_owned(), path(self.folder.join("clients").join(name))]
        };
        let python = self.python.display().to_string();
        let mut command = match client {
            Client::Ours | Client::SmtpSource => rust("ours"),
            Client::Lettre => rust("lettre"),
            Client::MailSend => rust("mail-send"),
            Client::Nodemailer => script("node", "nodemailer.mjs"),
            Client::Smtplib => script(&python, "python_smtplib.py"),
            Client::Aiosmtplib => script(&python, "python_aiosmtplib.py"),
        };
        command.extend([servers.host.to_owned(), port.to_string(), message, count, connections]);
        if task.cell.tls {
            command.extend(["--tls".to_owned(), path(self.work.join("ca.pem"))]);
        }
        command
    }
}

/// Processor time of all ended children, in seconds.
fn children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}

fn nix_is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// Waits until a child ends; returns the most memory that it was seen with, in MB. The system's own figure for an
/// ended child also counts the memory of its parent at the start.
fn watch(child: &mut Child, began: Instant) -> Result<f64> {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0.0f64;
    loop {
        if let Ok(status) = fs::read_to_string(&status) {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
            most = most.max(kilobytes.unwrap_or(0.0) / 1024.0);
        }
        if child.try_wait()?.is_some() {
            return Ok(most);
        }
        if began.elapsed() > LIMIT {
            child.kill()?;
            ensure!(false, "took more than {} s", LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
