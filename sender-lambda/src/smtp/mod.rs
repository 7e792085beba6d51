//! The SMTP client, from the bottom up: dial (resolve, check, connect) · tls · line (bounded replies) · session (dial to
//! AUTH) · envelope · transaction · batch and window (many mails, one connection) · pool (for sending) · probe (the test).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::{Config, ConfigError};
use crate::domain::failure::{Failure, Reply};
use crate::domain::settings::Settings;

mod address;
mod auth;
mod batch;
pub mod capabilities;
pub mod catalogue;
mod certificate;
mod classify;
pub mod deliverability;
mod dial;
pub mod encode;
mod envelope;
mod fix;
mod line;
mod oauth;
mod old_tls;
mod pool;
pub mod probe;
pub mod redact;
pub mod reply;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod transaction;
mod transcript;
mod window;

pub use pool::Pool;

/// How long each step may take.
///
/// RFC 5321 §4.5.3.2 asks senders for minutes: 5 for the greeting and each command, 10 after the final dot. A
/// person waits for a test, and a Lambda lives 15 minutes, so a test is short with all, and a send takes what
/// keeps `message.unknown` rare without holding a function for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the DNS answer.
    pub resolve: Duration,
    /// For TCP, for each address.
    pub connect: Duration,
    /// For the 220. Servers delay it on purpose to catch senders of spam; Postfix' postscreen by 6 seconds.
    pub greeting: Duration,
    /// For the handshake.
    pub tls: Duration,
    /// For the reply to each AUTH line, and for a token endpoint's answer.
    pub auth: Duration,
    /// For the reply to any other command.
    pub command: Duration,
    /// For writing a message.
    pub data: Duration,
    /// For the reply after the final dot, when the server may scan the message.
    pub done: Duration,
}

impl Timeouts {
    /// For a test that a person waits for.
    pub const TEST: Self = Self {
        resolve: Duration::from_secs(5),
        connect: Duration::from_secs(5),
        greeting: Duration::from_secs(10),
        tls: Duration::from_secs(8),
        auth: Duration::from_secs(8),
        command: Duration::from_secs(8),
        data: Duration::from_secs(10),
        done: Duration::from_secs(15),
    };
    /// For sending.
    pub const SEND: Self = Self {
        resolve: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        greeting: Duration::from_mins(1),
        tls: Duration::from_secs(20),
        auth: Duration::from_secs(30),
        command: Duration::from_mins(1),
        data: Duration::from_mins(2),
        done: Duration::from_mins(3),
    };
}

/// What every connection shares: the resolver, what may be dialled, what is trusted.
pub struct Network {
    resolver: TokioResolver,
    allowed: address::Allowed,
    trust: tls::Trust,
    tokens: oauth::Tokens,
    ehlo_name: Option<String>,
    test_timeouts: Timeouts,
    send_timeouts: Timeouts,
}

impl Network {
    /// Prepares it from the operator's configuration. Opens no socket.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let problem = |variable, problem: String| ConfigError { variable, problem };
        let mut extra = Vec::new();
        if let Some(file) = &config.extra_ca_file {
            let unusable =
                |why: String| problem("OWNPOST_EXTRA_CA_FILE", format!("{}: {why}", file.display()));
            let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                extra.push(certificate.map_err(|error| unusable(error.to_string()))?);
            }
            if extra.is_empty() {
                return Err(unusable("holds no certificate in PEM".to_owned()));
            }
        }
        Ok(Self {
            resolver: dial::resolver(config.dns_server)
                .map_err(|error| problem("OWNPOST_DNS_SERVER", error.to_string()))?,
            allowed: address::Allowed::new(config)?,
            trust: tls::Trust::new(&extra),
            tokens: oauth::Tokens::default(),
            ehlo_name: config.ehlo_name.clone(),
            test_timeouts: Timeouts::TEST,
            send_timeouts: Timeouts::SEND,
        })
    }

    /// The same with other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, test: Timeouts, send: Timeouts) -> Self {
        self.test_timeouts = test;
        self.send_timeouts = send;
        self
    }

    fn trust_for(&self, settings: &Settings) -> tls::Trust {
        settings.ca_pem.as_deref().map_or_else(|| self.trust.clone(), |pem| self.trust.with_pem(pem))
    }

    /// The name to introduce ourselves with: the settings', the operator's, or the sender's domain, which is a
    /// name in DNS as servers want it (RFC 5321 §4.1.4) where a Lambda's own is not.
    fn ehlo_name(&self, settings: &Settings) -> String {
        let name = settings.ehlo_name.as_deref().or(self.ehlo_name.as_deref()).unwrap_or_else(|| {
            settings.sender_address.rsplit_once('@').map_or("localhost.localdomain", |(_, domain)| domain)
        });
        let ascii = idna::domain_to_ascii(name).unwrap_or_else(|_| "localhost.localdomain".to_owned());
        // The rules refuse such names; here they would be a second command.
        if name.chars().any(|c| c.is_control() || c == ' ') {
            return "localhost.localdomain".to_owned();
        }
        if name.starts_with('[') { name.to_owned() } else { ascii }
    }
}

/// A message ready to leave.
#[derive(Clone)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipient: one mail each.
    pub to: String,
    /// The message, header and body; whatever its line ends, CRLF leaves.
    pub message: Arc<[u8]>,
}

/// The options of one run of [`probe::probe`].
pub struct ProbeOptions<'a> {
    /// The recipient of the test mail. `None` ends the test after MAIL FROM.
    pub recipient: Option<&'a str>,
    /// The time that the whole test has, from its start.
    pub deadline: Duration,
    /// The language of messages and remedies, BCP 47.
    pub locale: &'a str,
    /// Whether to look for a combination of port and security that works, when this one does not.
    pub look_for_fix: bool,
}

/// A gate that each mail of a batch passes before its last octet can leave: the caller's last chance to keep it back.
#[async_trait]
pub trait BeforeCommit: Send + Sync {
    /// Asks whether the mail with this index of the batch may be committed. `false` leaves it out: its result is `None`.
    async fn commit(&self, index: usize) -> bool;

    /// Whether the caller's own deadline has passed, such as that of a Lambda function: no other mail begins, and the
    /// rest of the batch is left out. From its commit on a mail takes up to [`Timeouts::data`] and [`Timeouts::done`].
    fn deadline_passed(&self) -> bool {
        false
    }
}

/// The result of one mail: the server's reply when it was accepted, the failure when it was not, `None` when the gate
/// left it out.
pub type MailResult = Option<Result<Reply, Failure>>;

/// The pool's key of a relay: its owner and the revision of its settings. The same key always means the same settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayKey {
    /// The tenant's name, or `None` for the platform's relay.
    pub tenant: Option<String>,
    /// The settings' revision.
    pub revision: String,
}
