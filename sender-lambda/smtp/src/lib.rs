//! The SMTP session: dial (resolve, check, pin) · tls · connection (bounded lines, CRLF) · session (typed states) ·
//! envelope · transaction (pipelined) · batch · pool · probe (the stages). It says facts, never sentences: it knows no
//! locale, no document and no operator's environment.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ownpost_domain::failure::{Failure, Reply};

mod allowed;
mod auth;
mod batch;
pub mod capabilities;
mod certificate;
mod classify;
pub mod client;
pub mod code_exchange;
mod connection;
pub mod deliverability;
mod dial;
pub mod encode;
mod envelope;
pub mod fix;
pub mod https;
mod legacy_tls;
mod limits;
mod network;
mod oauth;
mod oauth_refusals;
mod pool;
pub mod probe;
pub mod redact;
mod refusals;
pub mod reply;
mod session;
mod tls;
pub mod token_store;
mod tokens;
mod transaction;
mod transcript;
mod wording;

pub use limits::Timeouts;
pub use network::{Network, NetworkOptions};
pub use pool::Pool;
pub use session::Carrier;
pub use tls::has_unusable_certificate;
pub use tokens::grant_name;

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

/// A test mail ready to leave.
#[derive(Clone)]
pub struct TestMail {
    /// Its Message-ID without angle brackets.
    pub message_id: String,
    /// Header and body.
    pub message: Arc<[u8]>,
}

/// The options of one run of [`probe::probe`].
pub struct ProbeOptions<'a> {
    /// The recipient of the test mail. `None` ends the test after MAIL FROM.
    pub recipient: Option<&'a str>,
    /// Whether the test ends after RCPT TO: the server hears of the recipient and gets no mail.
    pub without_message: bool,
    /// The test mail; `None` when the settings make none, which fails the test at MAIL FROM.
    pub test_mail: Option<TestMail>,
    /// The time that the whole test has, from its start.
    pub deadline: Duration,
    /// Whose tokens it signs in with.
    pub owner: token_store::TokenOwner<'a>,
    /// Whether to look for a combination of port and security that works, when this one does not.
    pub look_for_fix: bool,
    /// Asked once, before the test dials; `None` lets it dial at once.
    pub before_dial: Option<&'a dyn BeforeDial>,
}

/// The caller's chance to let a test wait until it may connect.
#[async_trait]
pub trait BeforeDial: Send + Sync {
    /// Returns when the test may dial these addresses, all that the relay's name has. The wait counts for the test's deadline.
    async fn before_dial(&self, addresses: &[IpAddr]);
}

/// A gate that each mail of a batch passes before its last octet can leave: the caller's last chance to keep it back.
#[async_trait]
pub trait BeforeCommit: Send + Sync {
    /// Asks whether the mail with this index of the batch may be committed. `false` leaves it out: its result is `None`.
    async fn commit(&self, index: usize) -> bool;

    /// The mail with this index of the batch has its result, as soon as it is known: the final reply was read, or the
    /// mail is lost. Called once for each mail with a result, before [`Pool::send`] returns. It must not block.
    fn finished(&self, _index: usize, _result: &Result<Reply, Failure>) {}

    /// Whether the caller's own deadline has passed, such as that of a Lambda function: no other mail begins, and the
    /// rest of the batch is left out. From its commit on a mail takes up to [`Timeouts::data`] and [`Timeouts::done`].
    fn deadline_passed(&self) -> bool {
        false
    }

    /// Whether a connection that is still of use after the batch is kept for the next one. If not it ends with QUIT: the
    /// relay counts it as long as it is open.
    fn keeps_connection(&self) -> bool {
        true
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
