//! What every connection shares.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::NetError;
use ownpost_domain::settings::Settings;
use rustls::pki_types::CertificateDer;

use super::allowed::Allowed;
use super::dial::Resolvers;
use super::limits::Timeouts;
use super::tls::Trust;
use super::token_store::TokenStore;
use super::tokens::Tokens;

/// What the operator decides about connections.
#[derive(Clone, Debug, Default)]
pub struct NetworkOptions {
    /// Networks that may be dialled although private.
    pub allow_networks: Vec<smtp_rules::address::Network>,
    /// Ports allowed beside the usual ones.
    pub allow_ports: Vec<u16>,
    /// Exact endpoints that may be dialled although private.
    pub allow_endpoints: Vec<SocketAddr>,
    /// Certificates trusted beside the public roots.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// The name for EHLO of settings that have none.
    pub ehlo_name: Option<String>,
    /// The DNS server to ask; `None` for the system's.
    pub dns_server: Option<SocketAddr>,
}

/// What every connection shares: the resolver, what may be dialled, what is trusted.
pub struct Network {
    pub(crate) resolvers: Resolvers,
    pub(crate) allowed: Allowed,
    pub(crate) trust: Trust,
    pub(crate) tokens: Tokens,
    ehlo_name: Option<String>,
    pub(crate) test_timeouts: Timeouts,
    pub(crate) send_timeouts: Timeouts,
}

impl Network {
    /// Prepares it. Opens no socket.
    ///
    /// # Errors
    /// The resolver cannot be set up.
    pub fn new(options: NetworkOptions) -> Result<Self, NetError> {
        Ok(Self {
            resolvers: Resolvers::new(options.dns_server)?,
            allowed: Allowed::new(options.allow_networks, options.allow_ports, options.allow_endpoints),
            trust: Trust::new(&options.extra_roots),
            tokens: Tokens::default(),
            ehlo_name: options.ehlo_name,
            test_timeouts: Timeouts::TEST,
            send_timeouts: Timeouts::SEND,
        })
    }

    /// The same with a store of tokens that all processes share. Without one, this process keeps its own.
    #[must_use]
    pub fn with_token_store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.tokens.store = Some(store);
        self
    }

    /// The same with other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, test: Timeouts, send: Timeouts) -> Self {
        self.test_timeouts = test;
        self.send_timeouts = send;
        self
    }

    /// The same for a test whose caller waits: once connected, each step may take as long as the whole test.
    #[must_use]
    pub fn patient(mut self, deadline: Duration) -> Self {
        let Timeouts { resolve, connect, second, .. } = self.test_timeouts;
        self.test_timeouts = Timeouts {
            resolve,
            connect,
            greeting: deadline,
            tls: deadline,
            auth: deadline,
            command: deadline,
            data: deadline,
            done: deadline,
            second,
        };
        self
    }

    pub(crate) fn trust_for(&self, settings: &Settings) -> Trust {
        settings.ca_pem.as_deref().map_or_else(|| self.trust.clone(), |pem| self.trust.with_pem(pem))
    }

    /// The name to introduce ourselves with: the settings', the operator's, or our own address as a literal (RFC 5321
    /// §4.1.4), as mail programs give it. Never the sender's domain: to the customer's own server somebody else with its
    /// domain is the oldest sign of a spammer.
    pub(crate) fn ehlo_name(&self, settings: &Settings, local: Option<IpAddr>) -> String {
        let Some(name) = settings.ehlo_name.as_deref().or(self.ehlo_name.as_deref()) else {
            return match local {
                Some(IpAddr::V4(address)) => format!("[{address}]"),
                Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
                None => "localhost.localdomain".to_owned(),
            };
        };
        let ascii = idna::domain_to_ascii(name).unwrap_or_else(|_| "localhost.localdomain".to_owned());
        // The rules refuse such names; here they would be a second command.
        if name.chars().any(|c| c.is_control() || c == ' ') {
            return "localhost.localdomain".to_owned();
        }
        if name.starts_with('[') { name.to_owned() } else { ascii }
    }
}
