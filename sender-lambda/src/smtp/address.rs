//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{Config, ConfigError};

/// What the operator allows beside the public Internet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    networks: Vec<(IpAddr, u8)>,
    ports: Vec<u16>,
    endpoints: Vec<SocketAddr>,
}

/// The ports of mail submission and relay (CONTRACT §1).
const PORTS: [u16; 6] = [25, 465, 587, 2525, 2465, 2587];

impl Allowed {
    /// Reads the operator's configuration.
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut networks = Vec::new();
        for text in &config.allow_networks {
            networks.push(cidr(text).ok_or_else(|| ConfigError {
                variable: "OWNPOST_ALLOW_NETWORKS",
                problem: format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8"),
            })?);
        }
        Ok(Self { networks, ports: config.allow_ports.clone(), endpoints: config.allow_endpoints.clone() })
    }

    /// Whether a relay at this endpoint may be dialled.
    pub(crate) fn relay(&self, endpoint: SocketAddr) -> bool {
        self.endpoints.contains(&endpoint)
            || ((PORTS.contains(&endpoint.port()) || self.ports.contains(&endpoint.port()))
                && self.address(endpoint.ip()))
    }

    /// Ports that the operator allows beside the usual ones.
    pub(crate) fn extra_ports(&self) -> &[u16] {
        &self.ports
    }

    fn address(&self, address: IpAddr) -> bool {
        is_public(address) || self.networks.iter().any(|&network| contains(network, address))
    }
}

fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.trim().split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

fn contains((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(matches!(a, 0 | 10 | 127 | 224..=255)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && matches!(c, 0 | 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && matches!(b, 18 | 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    // NAT64 (RFC 6052): what counts is the address behind it.
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(Ipv4Addr::from_bits(u32::from(s[6]) << 16 | u32::from(s[7])));
    }
    // Global unicast is 2000::/3; what is special inside it goes. v4-mapped, v4-compatible, unique local, link
    // local and multicast are all outside it.
    (s[0] & 0xe000) == 0x2000
        && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
        && s[0] != 0x2002
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}
