//! The SMTP session: dial (resolve, check, pin) · tls · line (bounded, CRLF) · session (typed states) ·
//! transaction (pipelined) · pool · probe (the stages).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{Config, ConfigError};
use crate::domain::failure::{Failure, Reply};
use crate::domain::settings::Settings;

/// What every connection shares: the resolver, what may be dialled, what is trusted.
pub struct Network {}

impl Network {
    /// Prepares it from the operator's configuration. Opens no socket.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let _ = config;
        todo!("smtp")
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

/// What was asked of [`probe`].
pub struct Plan<'a> {
    /// Who gets the test mail; `None` ends the test after MAIL FROM.
    pub recipient: Option<&'a str>,
    /// When the whole test ends, whatever stage it is in.
    pub deadline: Duration,
    /// The language of messages and remedies, BCP 47.
    pub locale: &'a str,
    /// Whether to look for a combination of port and security that works, when this one does not.
    pub look_for_fix: bool,
}

/// Asked before a mail's final dot can leave.
#[async_trait]
pub trait Gate: Send + Sync {
    /// The mail with this index of the batch is about to be committed. `false` leaves it out: its result is
    /// `None`.
    async fn commit(&self, index: usize) -> bool;
}

/// Connections to relays, kept for the next mail.
pub struct Pool {}

/// A relay as the pool knows it: whose, and which version of its settings. The same key always means the same
/// settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayKey {
    /// The tenant's name, or `None` for the platform's relay.
    pub tenant: Option<String>,
    /// The version of the settings.
    pub revision: String,
}

impl Pool {
    /// An empty pool.
    pub fn new(network: Arc<Network>) -> Self {
        let _ = network;
        todo!("smtp")
    }

    /// Sends a batch through one relay, pipelined on one connection as far as the server allows. One result a
    /// mail, in their order: the server's reply when it was accepted, the failure when not, `None` when the gate
    /// left it out. A lost connection fails what it carried; the rest goes over a new one.
    pub async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        gate: &dyn Gate,
    ) -> Vec<Option<Result<Reply, Failure>>> {
        let _ = (key, settings, mails, gate);
        todo!("smtp")
    }
}
