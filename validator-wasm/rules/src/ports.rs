//! Ports and TLS modes: which there are, and which go together.

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In plain text until STARTTLS (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314 §3.3).
    Tls,
}

impl Security {
    /// The name in JSON.
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::StartTls => b"starttls",
            Self::Tls => b"tls",
        }
    }

    /// The mode that goes with the port; none for a port that only the operator allows.
    pub fn of_port(port: u16) -> Option<Self> {
        PORTS.iter().find(|(known, _)| *known == port).map(|(_, security)| *security)
    }
}

/// The ports that every operator allows, each with its TLS mode.
pub const PORTS: [(u16, Security); 6] = [
    (25, Security::StartTls),
    (465, Security::Tls),
    (587, Security::StartTls),
    (2525, Security::StartTls),
    (2465, Security::Tls),
    (2587, Security::StartTls),
];

/// The port of settings that name none.
pub(crate) const DEFAULT_PORT: u16 = 25;
