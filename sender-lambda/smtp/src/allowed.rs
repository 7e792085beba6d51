//! The addresses and ports that may be dialled.

use std::net::{IpAddr, SocketAddr};

use smtp_rules::PORTS;
use smtp_rules::address::{Network, is_forbidden};

/// The networks, ports and endpoints that the operator allows beside the public Internet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    networks: Vec<Network>,
    ports: Vec<u16>,
    endpoints: Vec<SocketAddr>,
}

impl Allowed {
    /// The public Internet and, beside it, these.
    pub(crate) fn new(networks: Vec<Network>, ports: Vec<u16>, endpoints: Vec<SocketAddr>) -> Self {
        Self { networks, ports, endpoints }
    }

    /// Whether a relay at this endpoint may be dialled.
    pub(crate) fn relay(&self, endpoint: SocketAddr) -> bool {
        self.endpoints.contains(&endpoint) || (self.port(endpoint.port()) && self.address(endpoint.ip()))
    }

    /// Whether a token endpoint may be dialled: by https on its usual port, or on one of the operator's.
    pub(crate) fn https(&self, endpoint: SocketAddr) -> bool {
        self.https_port(endpoint.port()) && self.address(endpoint.ip())
    }

    /// Whether a token endpoint may have this port.
    pub(crate) fn https_port(&self, port: u16) -> bool {
        port == 443 || self.ports.contains(&port)
    }

    /// Ports that the operator allows beside the usual ones.
    pub(crate) fn extra_ports(&self) -> &[u16] {
        &self.ports
    }

    fn port(&self, port: u16) -> bool {
        PORTS.iter().any(|(usual, _)| *usual == port) || self.ports.contains(&port)
    }

    fn address(&self, address: IpAddr) -> bool {
        !is_forbidden(address) || self.networks.iter().any(|network| network.contains(address))
    }
}
