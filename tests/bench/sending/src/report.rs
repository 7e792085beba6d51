//! The table and the plot of the benchmark.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::Measured;
use crate::cells::{Cell, Client};
use crate::run::{Machine, Sample};

/// All measured results.
pub(crate) struct Report<'a> {
    pub(crate) measured: &'a [(Cell, Measured)],
    pub(crate) quick: bool,
    pub(crate) took: Duration,
}

/// The clients with bars in the plot.
const PLOTTED: [Client; 6] =
    [Client::Ours, Client::Nodemailer, Client::SmtpSource, Client::Smtplib, Client::MailSend, Client::Lettre];

impl Report<'_> {
    /// The client that others are compared with in a cell: `smtp-source`, or Python's smtplib where `smtp-source`
    /// cannot run. Both wait for every reply.
    fn yardstick(cell: Cell) -> Client {
        match cell {
            Cell { tls: true, .. } => Client::Smtplib,
            _ => Client::SmtpSource,
        }
    }

    fn sample(measured: &Measured, client: Client) -> Option<Sample> {
        measured.iter().find(|(who, _)| *who == client).and_then(|(_, sample)| sample.as_ref().ok()).copied()
    }

    fn cell(&self, rtt: u32, connections: usize, tls: bool) -> Option<&Measured> {
        self.find(Cell { rtt, connections, tls, own_sink: false })
    }

    fn find(&self, wanted: Cell) -> Option<&Measured> {
        self.measured.iter().find(|(cell, _)| *cell == wanted).map(|(_, measured)| measured)
    }

    /// The ratio of Ownpost's rate to another client's, in one cell.
    fn ratio(measured: &Measured, other: Client) -> Option<f64> {
        Some(Self::sample(measured, Client::Ours)?.rate / Self::sample(measured, other)?.rate)
    }

    /// The whole report in Markdown.
    pub(crate) fn table(&self, machine: &Machine) -> String {
        let mut out = String::from("# Sending: Ownpost and its peers\n\n");
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "Mails of 10 KB, one recipient each, over kept connections; `cargo xtask bench sending{}`, {}, {} s.\n\
             {}.\n\n\
             Rates are mails a second from the first connect to the last reply, and hold for this machine alone; what \
             carries over is the ratio, in bold for us. Processor time is the client's own, kernel included. On \
             loopback each figure is the median of interleaved rounds. Without TLS everybody sends into Postfix' \
             `smtp-sink`, with TLS into a sink of our own, which takes more than `smtp-sink` can. The round trip is made between two network \
             namespaces, without a limit to the bandwidth.\n",
            if self.quick { " --quick" } else { "" },
            ask(&["date", "-u", "+%F"]),
            self.took.as_secs(),
            versions(machine),
        );
        self.headline(&mut out);
        for (cell, measured) in self.measured {
            let yardstick = Self::yardstick(*cell);
            let unit = Self::sample(measured, yardstick);
            let _ = writeln!(out, "\n## {cell}\n");
            let _ = writeln!(out, "| client | mails/s | to {} | CPU µs/mail | peak MB |", yardstick.name());
            out.push_str("|---|--:|--:|--:|--:|\n");
            for (client, sample) in measured {
                let name = client.name();
                let _ = match sample {
                    Ok(sample) => {
                        let ratio = unit.map_or(String::from("–"), |unit| figure(sample.rate / unit.rate));
                        let ratio = if *client == Client::Ours { format!("**{ratio}**") } else { ratio };
                        let (rate, cpu, memory) = (sample.rate, sample.cpu, sample.memory);
                        writeln!(out, "| {name} | {rate:.1} | {ratio} | {cpu:.1} | {memory:.1} |")
                    }
                    Err(why) => writeln!(out, "| {name} | – | – | – | – {} |", why.replace('|', "/")),
                };
            }
        }
        if !self.measured.iter().any(|(cell, _)| cell.rtt > 0) {
            out.push_str("\nNo round trips: network namespaces and TUN devices need root.\n");
        }
        out
    }

    /// Writes the goals and the results.
    fn headline(&self, out: &mut String) {
        out.push_str("| to reach | 1 connection | 10 connections |\n|---|--:|--:|\n");
        let mut line = |what: &str, figures: [Option<f64>; 2], reached: fn(f64, f64) -> bool, goal: f64| {
            if figures.iter().all(Option::is_none) {
                return;
            }
            let cells = figures.map(|figure_| match figure_ {
                None => "–".to_owned(),
                Some(value) if reached(value, goal) => figure(value),
                Some(value) => format!("{} (missed)", figure(value)),
            });
            let _ = writeln!(out, "| {what} | {} | {} |", cells[0], cells[1]);
        };
        let at_least = |value: f64, goal: f64| value >= goal;
        let both =
            |rtt, other| [1, 10].map(|connections| Self::ratio(self.cell(rtt, connections, false)?, other));
        line("loopback: ≥ 1.8 × smtp-source", both(0, Client::SmtpSource), at_least, 1.8);
        let into_ours = [1, 10].map(|connections| {
            let cell = Cell { rtt: 0, connections, tls: false, own_sink: true };
            Self::ratio(self.find(cell)?, Client::SmtpSource)
        });
        line("the same into our own sink", into_ours, at_least, 1.8);
        for rtt in [20, 80] {
            line(&format!("{rtt} ms: ≥ 3.7 × smtp-source"), both(rtt, Client::SmtpSource), at_least, 3.7);
            line(&format!("{rtt} ms: ≥ 1.9 × nodemailer"), both(rtt, Client::Nodemailer), at_least, 1.9);
            line(&format!("{rtt} ms: ≥ 5 × lettre's pool"), both(rtt, Client::Lettre), at_least, 5.0);
        }
        let cpu = |connections, client| Some(Self::sample(self.cell(0, connections, false)?, client)?.cpu);
        let ours = [1, 10].map(|connections| cpu(connections, Client::Ours));
        line("loopback: ≤ 20 µs of CPU a mail", ours, |value, goal| value <= goal, 20.0);
        // The time of a mail depends on the machine: the goal was set where smtp-source takes 50 microseconds.
        let shares = [1, 10]
            .map(|connections| Some(cpu(connections, Client::Ours)? / cpu(connections, Client::SmtpSource)?));
        line("the same, ≤ 0.4 × smtp-source", shares, |value, goal| value <= goal, 0.4);
    }

    /// The ratios to `smtp-source` with one connection, as bars in SVG, without script and fonts, for a light and a
    /// dark page.
    pub(crate) fn plot(&self) -> String {
        const LEFT: f64 = 130.0;
        const UNIT: f64 = 110.0;
        const BAR: f64 = 18.0;
        let mut body = String::new();
        let mut y = 46.0;
        for (rtt, title) in [(0, "loopback"), (20, "20 ms round trip"), (80, "80 ms round trip")] {
            let Some(measured) = self.cell(rtt, 1, false) else { continue };
            let Some(unit) = Self::sample(measured, Client::SmtpSource) else { continue };
            let _ = writeln!(body, r#"<text class="h" x="{LEFT}" y="{:.0}">{title}</text>"#, y + 12.0);
            y += 20.0;
            for client in PLOTTED {
                let Some(sample) = Self::sample(measured, client) else { continue };
                let ratio = sample.rate / unit.rate;
                let class = if client == Client::Ours { "us" } else { "them" };
                let (width, middle) = ((ratio * UNIT).max(1.0), y + 13.0);
                let _ = writeln!(
                    body,
                    r#"<text x="{:.0}" y="{middle:.0}" text-anchor="end">{}</text><rect class="{class}" x="{LEFT}" y="{y:.0}" width="{width:.1}" height="{:.0}" rx="2"/><text x="{:.1}" y="{middle:.0}">{}</text>"#,
                    LEFT - 8.0,
                    client.name(),
                    BAR - 3.0,
                    LEFT + width + 6.0,
                    figure(ratio),
                );
                y += BAR;
            }
            y += 12.0;
        }
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {y:.0}" width="720" height="{y:.0}" role="img" aria-label="Mails a second over one connection, as a ratio to Postfix' smtp-source">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #57606a }}
.h {{ font-weight: 600; fill: #24292f }}
.us {{ fill: #1f6feb }}
.them {{ fill: #9aa4af }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #9ea7b3 }}
.h {{ fill: #e6edf3 }}
.us {{ fill: #58a6ff }}
.them {{ fill: #6e7681 }}
}}
</style>
<text class="h" x="10" y="20">Mails a second over one connection, smtp-source = 1 (longer is faster)</text>
{body}</svg>
"#
        )
    }
}

/// A number with three significant digits.
fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// The machine and the versions of the peers.
fn versions(machine: &Machine) -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let python = machine.python.display().to_string();
    let version = |text: String| text.split_whitespace().last().unwrap_or("?").to_owned();
    let lock = include_str!("../Cargo.lock");
    let locked = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"')).map_or("?", |(version, _)| version)
    };
    let pinned = |text: &str, before: &str, after: char| {
        let version = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        version.map_or("?".to_owned(), |(version, _)| version.trim().to_owned())
    };
    format!(
        "{cores} cores, {}, Linux {}; Postfix {}, nodemailer {} on Node {}, aiosmtplib {} on Python {}, lettre {}, \
         mail-send {}; release builds without link-time optimisation",
        std::env::consts::ARCH,
        ask(&["uname", "-r"]),
        version(ask(&["postconf", "-d", "mail_version"])),
        pinned(include_str!("../clients/package.json"), "\"nodemailer\": \"", '"'),
        ask(&["node", "--version"]),
        pinned(include_str!("../clients/requirements.txt"), "aiosmtplib==", '\n'),
        version(ask(&[&python, "--version"])),
        locked("lettre"),
        locked("mail-send"),
    )
}

/// The output of a program, or a question mark.
fn ask(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let text = output.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "?".to_owned())
}
