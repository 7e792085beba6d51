//! The cells of the benchmark: the compared clients, the connections, and the number of mails.

use std::fmt;

use anyhow::Result;

use crate::Measured;
use crate::run::{Machine, Sample, Task};
use crate::servers::Servers;

/// A client of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Ownpost's sender.
    Ours,
    /// Postfix' own load generator, which has no TLS.
    SmtpSource,
    /// The connection pool of nodemailer.
    Nodemailer,
    /// The smtplib module of Python.
    Smtplib,
    /// The Python package aiosmtplib.
    Aiosmtplib,
    /// The asynchronous pool of lettre.
    Lettre,
    /// mail-send with one client for each connection; it has no pool.
    MailSend,
}

impl Client {
    /// The client's name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "Ownpost",
            Self::SmtpSource => "smtp-source",
            Self::Nodemailer => "nodemailer pool",
            Self::Smtplib => "Python smtplib",
            Self::Aiosmtplib => "aiosmtplib",
            Self::Lettre => "lettre async pool",
            Self::MailSend => "mail-send",
        }
    }
}

/// The conditions under which clients are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The round-trip time in milliseconds; 0 is loopback.
    pub(crate) rtt: u32,
    pub(crate) connections: usize,
    pub(crate) tls: bool,
    /// Whether the mails go to this benchmark's own sink.
    pub(crate) own_sink: bool,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rtt {
            0 => f.write_str("loopback")?,
            ms => write!(f, "{ms} ms round trip")?,
        }
        let s = if self.connections == 1 { "" } else { "s" };
        write!(f, ", {} connection{s}, {}", self.connections, if self.tls { "TLS" } else { "plain" })?;
        if self.own_sink { f.write_str(", into our own sink") } else { Ok(()) }
    }
}

/// The cells for each round-trip time in milliseconds.
pub(crate) fn all(quick: bool) -> Vec<(u32, Vec<Cell>)> {
    let round_trips: &[u32] = if quick { &[0, 20] } else { &[0, 20, 80] };
    let cells = |rtt| {
        let mut cells = Vec::new();
        for tls in [false, true] {
            for connections in [1, 10] {
                if !quick || (rtt == 0 && !tls) || connections == 1 {
                    cells.push(Cell { rtt, connections, tls, own_sink: false });
                }
            }
        }
        // Ten connections on loopback are more than `smtp-sink` can serve: all fast clients are equal there.
        for connections in if rtt == 0 { [1, 10].as_slice() } else { &[1] } {
            cells.push(Cell { rtt, connections: *connections, tls: false, own_sink: true });
        }
        cells
    };
    round_trips.iter().map(|&rtt| (rtt, cells(rtt))).collect()
}

impl Cell {
    /// The clients that are compared in this cell.
    pub(crate) fn clients(self) -> Vec<Client> {
        if self.own_sink {
            return vec![Client::Ours, Client::SmtpSource];
        }
        let mut clients = vec![Client::Ours];
        if !self.tls {
            clients.push(Client::SmtpSource);
        }
        clients.extend([
            Client::Nodemailer,
            Client::Smtplib,
            Client::Aiosmtplib,
            Client::Lettre,
            Client::MailSend,
        ]);
        clients
    }

    /// The number of mails of each connection with a round trip: enough to make the time of opening negligible, and
    /// few enough for clients that wait for every reply.
    fn far_count(client: Client, quick: bool) -> usize {
        let count = match client {
            Client::Ours => 90,
            Client::Nodemailer => 45,
            _ => 24,
        };
        if quick { count / 2 } else { count }
    }

    /// Runs all clients in turn, in several rounds, and returns the median of each.
    pub(crate) fn measure(self, machine: &Machine, servers: &Servers, quick: bool) -> Result<Measured> {
        let clients = self.clients();
        let rounds = if self.rtt > 0 {
            1
        } else if quick {
            3
        } else {
            5
        };
        let mut samples: Vec<Result<Vec<Sample>, String>> = vec![Ok(Vec::new()); clients.len()];
        let task = |count: usize| Task { cell: self, count: count * self.connections };
        // On loopback some clients send ten thousand mails a second and others twenty. A short first run finds the
        // number of mails that takes about half a second.
        let mut counts = Vec::new();
        for (client, samples) in clients.iter().zip(&mut samples) {
            let mut count = Self::far_count(*client, quick);
            if self.rtt == 0 {
                match machine.run(*client, &task(24), servers) {
                    Ok(sample) => {
                        let each = 0.5 * sample.rate / self.connections as f64;
                        count = (each as usize).clamp(24, 5000);
                    }
                    Err(error) => *samples = Err(format!("{error:#}")),
                }
            }
            counts.push(count);
        }
        for _ in 0..rounds {
            for ((client, samples), count) in clients.iter().zip(&mut samples).zip(&counts) {
                let Ok(done) = samples else { continue };
                match machine.run(*client, &task(*count), servers) {
                    Ok(sample) => done.push(sample),
                    Err(error) => *samples = Err(format!("{error:#}")),
                }
            }
        }
        let median = |samples: Vec<Sample>| Sample::median(&samples);
        Ok(clients.into_iter().zip(samples).map(|(client, samples)| (client, samples.map(median))).collect())
    }
}
