//! How long things may take: each step, and a whole session.

use std::time::Duration;

use tokio::time::Instant;

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
    /// The most for each step of a second connection, which is a guess while the admin waits.
    pub second: Duration,
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
        second: Duration::from_secs(3),
    };
    /// The timeouts of sending.
    pub const SEND: Self = Self {
        resolve: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        greeting: Duration::from_mins(1),
        tls: Duration::from_secs(20),
        auth: Duration::from_secs(30),
        command: Duration::from_mins(1),
        data: Duration::from_mins(2),
        done: Duration::from_mins(3),
        second: Duration::from_secs(3),
    };
}

/// How long things may take: each step, and all of it.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) timeouts: Timeouts,
    /// The end of the whole session, whatever step it is in.
    pub(crate) overall: Instant,
}

impl Limits {
    /// When a step that begins now must be done.
    pub(crate) fn until(&self, step: Duration) -> Instant {
        (Instant::now() + step).min(self.overall)
    }
}
