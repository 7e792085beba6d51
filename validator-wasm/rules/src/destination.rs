//! Where a secret of the settings goes. A stored secret may be kept only as long as that stays the same: otherwise
//! settings that name another server would send it there.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use crate::host;
use crate::packed::{Key, Value, read, write_text};
use crate::platform::Platform;
use crate::ports::Security;
use crate::rules::{Method, method_of, port_of, security_of};
use crate::text::{lower, put};

/// The server and the account that a secret is for.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// A-labels without a final dot, or an IP literal. Case does not matter.
    pub host: Cow<'a, [u8]>,
    /// The TCP port.
    pub port: u16,
    /// The TLS mode.
    pub security: Security,
    /// The account.
    pub account: Account<'a>,
    /// The PEM text of the private CA, which decides who may say to be that server; empty without one. The kind and
    /// number of spaces and line ends in a row do not matter.
    pub ca_pem: &'a [u8],
}

/// The account that a secret is for. Its texts are compared octet for octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// No account: the session does not authenticate.
    None,
    /// An account with a password.
    Password {
        /// Its name.
        username: &'a [u8],
    },
    /// An account whose access tokens come from an OAuth 2 token endpoint.
    OAuth2 {
        /// Its name.
        username: &'a [u8],
        /// The operator's provider that it was connected with; empty for an application of the tenant's own.
        provider: &'a [u8],
        /// The address of the token endpoint; empty with a provider, whose address is the operator's.
        token_url: &'a [u8],
    },
}

impl<'a> Destination<'a> {
    /// Reads the destination of packed settings; `None` when their host, port or TLS mode is none.
    pub fn read<S: Platform>(settings: &'a [u8], platform: &S) -> Option<Self> {
        let Value::Object(fields) = read(settings) else { return None };
        let username = text(fields.get(Key::Username));
        let account = match method_of(fields.get(Key::AuthMethod)) {
            Method::None => Account::None,
            Method::Password => Account::Password { username },
            Method::OAuth2 => {
                let Value::Object(oauth2) = fields.get(Key::OAuth2) else { return None };
                let provider = text(oauth2.get(Key::Provider));
                let token_url = if provider.is_empty() { text(oauth2.get(Key::TokenUrl)) } else { b"" };
                Account::OAuth2 { username, provider, token_url }
            }
        };
        Some(Self {
            host: host::normal(text(fields.get(Key::Host)), platform)?,
            port: port_of(fields.get(Key::Port))?,
            security: security_of(fields.get(Key::Security))?,
            account,
            ca_pem: text(fields.get(Key::CaPem)),
        })
    }

    /// Whether a secret that is stored for one of the two may be used for the other.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// All that has to be the same, in bytes.
    pub fn key(&self) -> Vec<u8> {
        let [low, high] = self.port.to_le_bytes();
        let (method, texts) = match self.account {
            Account::None => (Method::None, [&b""[..]; 3]),
            Account::Password { username } => (Method::Password, [username, b"", b""]),
            Account::OAuth2 { username, provider, token_url } => {
                (Method::OAuth2, [username, provider, token_url])
            }
        };
        let mut key = vec![low, high, self.security as u8, method as u8];
        for text in texts {
            write_text(&mut key, text);
        }
        write_text(&mut key, &lower(&self.host));
        // A form's text area changes line ends, and no certificate with them.
        let mut is_behind_space = false;
        for byte in self.ca_pem.trim_ascii() {
            let is_space = *byte <= b' ';
            if !is_space {
                put(&mut key, if is_behind_space { b"\n" } else { b"" });
                put(&mut key, &[*byte]);
            }
            is_behind_space = is_space;
        }
        key
    }
}

fn text(value: Value<'_>) -> &[u8] {
    match value {
        Value::Text(text) => text,
        _ => b"",
    }
}
