//! The servers: Postfix' `smtp-sink`, and this benchmark's own sink, which has TLS. With a round trip they run in
//! their own network namespace. The system chooses each port.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::run::Machine;

/// Running servers; they end on drop.
pub(crate) struct Servers {
    /// The beginning of a client's command that places it on the other side of the round trip.
    pub(crate) prefix: Vec<String>,
    pub(crate) host: &'static str,
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    /// The port of the own sink without TLS.
    pub(crate) data: u16,
    children: Vec<Child>,
    /// Closing it removes the namespaces, which must be empty then.
    round_trip: Option<(Child, ChildStdin)>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some((mut child, stdin)) = self.round_trip.take() {
            drop(stdin);
            let _ = child.wait();
        }
    }
}

/// Starts the servers. `None` when this machine cannot make a round trip.
pub(crate) fn start(machine: &Machine, rtt: u32) -> Result<Option<Servers>> {
    let mut servers = Servers {
        prefix: Vec::new(),
        host: "127.0.0.1",
        plain: 0,
        tls: 0,
        data: 0,
        children: Vec::new(),
        round_trip: None,
    };
    let mut far = Vec::new();
    if rtt > 0 {
        if !machine.is_root {
            return Ok(None);
        }
        let name = format!("ob{}", std::process::id() % 100_000);
        let mut command = Command::new(&machine.python);
        command.arg(machine.folder.join("rtt.py")).args([&rtt.to_string(), &name]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("its input")?;
        let ready = first_line(&mut child)? == "ready";
        servers.round_trip = Some((child, stdin));
        if !ready {
            return Ok(None);
        }
        let inside =
            |end: &str| ["ip", "netns", "exec", &format!("{name}-{end}")].map(str::to_owned).to_vec();
        (servers.prefix, far) = (inside("a"), inside("b"));
        servers.host = "10.77.0.2";
    }
    let sink = |options: &[&str]| {
        let mut command = far.clone();
        command.push(machine.programs.join("sink").display().to_string());
        command.push(format!("{}:0", servers.host));
        command.extend(options.iter().map(|&option| option.to_owned()));
        command
    };
    let (certificate, key) = (machine.work.join("cert.pem"), machine.work.join("key.pem"));
    let tls = sink(&["--tls", &certificate.display().to_string(), &key.display().to_string()]);
    let data = sink(&[]);
    for (command, port) in [(tls, &mut servers.tls), (data, &mut servers.data)] {
        let mut child = spawn(&command)?;
        let line = first_line(&mut child);
        servers.children.push(child);
        *port = line?.parse().context("the sink's port")?;
    }
    // smtp-sink cannot choose a free port by itself, so one is chosen for it; if another process takes the port
    // first, the next one is tried.
    for _ in 0..5 {
        servers.plain = if rtt == 0 { TcpListener::bind("127.0.0.1:0")?.local_addr()?.port() } else { 2525 };
        let mut command = far.clone();
        command.push(machine.smtp_sink.display().to_string());
        if machine.is_root {
            // smtp-sink refuses to run as root.
            command.extend(["-u", "nobody"].map(str::to_owned));
        }
        command.extend([format!("{}:{}", servers.host, servers.plain), "1024".into()]);
        let mut child = spawn(&command)?;
        if machine.answers(&servers) {
            servers.children.push(child);
            return Ok(Some(servers));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    anyhow::bail!("smtp-sink does not come up")
}

fn spawn(command: &[String]) -> Result<Child> {
    let (program, arguments) = command.split_first().context("a program")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().with_context(|| format!("cannot start {program}"))
}

fn first_line(child: &mut Child) -> Result<String> {
    let mut line = String::new();
    let output = child.stdout.take().context("its output")?;
    BufReader::new(output).read_line(&mut line)?;
    ensure!(line.len() < 100, "more than was asked for");
    Ok(line.trim().to_owned())
}
