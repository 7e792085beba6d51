//! The other side: Postfix' `smtp-sink`, and our own for TLS and BDAT; behind a round trip in a network namespace of
//! their own. Each port is the system's choice.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::run::Machine;

/// Running servers; they end when this does.
pub(crate) struct Servers {
    /// What a client's command must begin with to be on the other side of the round trip.
    pub(crate) prefix: Vec<String>,
    pub(crate) host: &'static str,
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    /// As `bdat`, without offering it.
    pub(crate) data: u16,
    pub(crate) bdat: u16,
    children: Vec<Child>,
    /// Closing it takes the namespaces down, which must be empty by then.
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

/// Starts them. `None` when there is no way to make a round trip here.
pub(crate) fn start(machine: &Machine, rtt: u32) -> Result<Option<Servers>> {
    let mut servers = Servers {
        prefix: Vec::new(),
        host: "127.0.0.1",
        plain: 0,
        tls: 0,
        data: 0,
        bdat: 0,
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
        let mut words = far.clone();
        words.push(machine.programs.join("sink").display().to_string());
        words.push(format!("{}:0", servers.host));
        words.extend(options.iter().map(|&option| option.to_owned()));
        words
    };
    let (certificate, key) = (machine.work.join("cert.pem"), machine.work.join("key.pem"));
    let tls = sink(&["--tls", &certificate.display().to_string(), &key.display().to_string()]);
    let bdat = sink(&["--chunking"]);
    let data = sink(&[]);
    let ours = [(tls, &mut servers.tls), (data, &mut servers.data), (bdat, &mut servers.bdat)];
    for (words, port) in ours {
        let mut child = spawn(&words)?;
        let line = first_line(&mut child);
        servers.children.push(child);
        *port = line?.parse().context("the sink's port")?;
    }
    // smtp-sink cannot be told to choose its port, so it is chosen for it, and asked for again should it be gone.
    for _ in 0..5 {
        servers.plain = if rtt == 0 { TcpListener::bind("127.0.0.1:0")?.local_addr()?.port() } else { 2525 };
        let mut words = far.clone();
        words.push(machine.smtp_sink.display().to_string());
        if machine.is_root {
            // It refuses to serve as root.
            words.extend(["-u", "nobody"].map(str::to_owned));
        }
        words.extend([format!("{}:{}", servers.host, servers.plain), "1024".into()]);
        let mut child = spawn(&words)?;
        if machine.answers(&servers) {
            servers.children.push(child);
            return Ok(Some(servers));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    anyhow::bail!("smtp-sink does not come up")
}

fn spawn(words: &[String]) -> Result<Child> {
    let (program, arguments) = words.split_first().context("a program")?;
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
