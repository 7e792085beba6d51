//! What is compared, and how many mails each takes.

use std::fmt;

use anyhow::Result;

use crate::Measured;
use crate::run::{Machine, Sample, Task};
use crate::servers::Servers;

/// One of those compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Ownpost's sender.
    Ours,
    /// The same by BDAT, with so many mails in flight.
    OursBdat(usize),
    /// Postfix' own load generator, which speaks no TLS.
    SmtpSource,
    /// nodemailer's pool.
    Nodemailer,
    /// Python's own.
    Smtplib,
    /// aiosmtplib.
    Aiosmtplib,
    /// lettre's asynchronous pool.
    Lettre,
    /// mail-send, one client a connection; it has no pool.
    MailSend,
}

impl Client {
    /// As the table calls it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours => "Ownpost".into(),
            Self::OursBdat(window) => format!("Ownpost, BDAT, window {window}"),
            Self::SmtpSource => "smtp-source".into(),
            Self::Nodemailer => "nodemailer pool".into(),
            Self::Smtplib => "Python smtplib".into(),
            Self::Aiosmtplib => "aiosmtplib".into(),
            Self::Lettre => "lettre async pool".into(),
            Self::MailSend => "mail-send".into(),
        }
    }
}

/// One place where they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The round trip in milliseconds; 0 is loopback.
    pub(crate) rtt: u32,
    pub(crate) connections: usize,
    pub(crate) tls: bool,
    /// Into our own sink, by BDAT and by DATA.
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
        if self.own_sink { f.write_str(", BDAT and DATA into our own sink") } else { Ok(()) }
    }
}

/// The cells of each round-trip time.
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
        // Ten connections on loopback are more than `smtp-sink` can take, so that all fast clients look alike there.
        for connections in if rtt == 0 { [1, 10].as_slice() } else { &[1] } {
            cells.push(Cell { rtt, connections: *connections, tls: false, own_sink: true });
        }
        cells
    };
    round_trips.iter().map(|&rtt| (rtt, cells(rtt))).collect()
}

impl Cell {
    /// Who takes part.
    pub(crate) fn clients(self) -> Vec<Client> {
        if self.own_sink {
            return vec![Client::Ours, Client::SmtpSource, Client::OursBdat(1), Client::OursBdat(4)];
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

    /// How many mails each connection gets behind a round trip: enough that opening it hardly counts, and so few that
    /// those who wait for every reply come to an end.
    fn far_count(client: Client, quick: bool) -> usize {
        let count = match client {
            Client::Ours | Client::OursBdat(1) => 90,
            Client::OursBdat(_) => 240,
            Client::Nodemailer => 45,
            _ => 24,
        };
        if quick { count / 2 } else { count }
    }

    /// Runs everybody in turn, several times over, and takes each one's median.
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
        // On loopback some send ten thousand mails a second and some twenty: a first, short run says how many make
        // a run of about half a second.
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
