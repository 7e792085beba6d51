//! Which IP addresses are public, by the IANA special-purpose address registries, and which names are known to
//! mean one that is not. The rules ask it about literals, the dialler about every address it resolves.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a connection from a server may lead to somewhere that is not the public Internet: its own host, its
/// network, a metadata service, a multicast group.
pub fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_forbidden_v4(v4),
        IpAddr::V6(v6) => is_forbidden_v6(v6),
    }
}

/// First address, prefix length.
const FORBIDDEN_V4: [(u32, u32); 15] = [
    (0x0000_0000, 8),  // this network
    (0x0A00_0000, 8),  // private use
    (0x6440_0000, 10), // shared address space
    (0x7F00_0000, 8),  // loopback
    (0xA9FE_0000, 16), // link local, metadata services
    (0xAC10_0000, 12), // private use
    (0xC000_0000, 24), // IETF protocol assignments
    (0xC000_0200, 24), // documentation
    (0xC058_6300, 24), // 6to4 relay anycast, deprecated
    (0xC0A8_0000, 16), // private use
    (0xC612_0000, 15), // benchmarking
    (0xC633_6400, 24), // documentation
    (0xCB00_7100, 24), // documentation
    (0xE000_0000, 4),  // multicast
    (0xF000_0000, 4),  // reserved, broadcast
];

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    FORBIDDEN_V4.iter().any(|(network, length)| (bits ^ network) >> (32 - length) == 0)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let bits = u128::from(address);
    let embedded = |shift: u32| Ipv4Addr::from((bits >> shift) as u32);
    // NAT64 (RFC 6052) leads to the IPv4 address in its last 32 bits, 6to4 (RFC 3056) to the one behind 2002.
    if bits >> 32 == 0x0064_ff9b_0000_0000_0000_0000 {
        return is_forbidden_v4(embedded(0));
    }
    if a == 0x2002 {
        return is_forbidden_v4(embedded(80));
    }
    // Only 2000::/3 is global unicast. What is special inside of it: protocol assignments with Teredo and
    // ORCHID, documentation twice.
    a & 0xe000 != 0x2000 || (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || (a == 0x3fff && b & 0xf000 == 0)
}

/// A network that the operator allows although it is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address. Bits behind the prefix are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(whole_number(length)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(longest);
        (length <= longest).then_some(Self { address, length })
    }

    /// Whether the address is in it. An IPv4-mapped IPv6 address is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = u32::from(network) ^ u32::from(address);
                differing.checked_shr(32 - self.length).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = u128::from(network) ^ u128::from(address);
                differing.checked_shr(128 - self.length).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether the address is in one of the networks, which are separated by commas; what is no network allows
/// nothing.
pub fn is_allowed(address: IpAddr, networks: &str) -> bool {
    networks.split(',').filter_map(Network::parse).any(|network| network.contains(address))
}

/// The address that a name is known to mean without asking DNS: loopback and metadata names. Case and a final
/// dot do not matter.
pub fn known_name(host: &str) -> Option<Ipv4Addr> {
    const LOOPBACK: [&str; 6] = [
        "localhost",
        "localhost.localdomain",
        "localhost6",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
    ];
    const METADATA: [&str; 3] = ["metadata.google.internal", "metadata", "instance-data"];
    let host = host.strip_suffix('.').unwrap_or(host);
    let top = host.rsplit('.').next().unwrap_or(host);
    if top.eq_ignore_ascii_case("localhost") || LOOPBACK.iter().any(|name| host.eq_ignore_ascii_case(name)) {
        Some(Ipv4Addr::LOCALHOST)
    } else if METADATA.iter().any(|name| host.eq_ignore_ascii_case(name)) {
        Some(Ipv4Addr::new(169, 254, 169, 254))
    } else {
        None
    }
}

/// A whole number of at most nine digits, without a sign.
pub(crate) fn whole_number(text: &str) -> Option<u32> {
    let digits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.bytes().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
}

/// What old resolvers take for an IPv4 address: one to four parts in decimal, octal (`0…`) or hexadecimal
/// (`0x…`), the last one filling what is left.
pub(crate) fn legacy_v4(text: &str) -> Option<Ipv4Addr> {
    let count = text.split('.').count();
    if count > 4 {
        return None;
    }
    let mut address = 0_u32;
    for (index, part) in text.split('.').enumerate() {
        let number = legacy_number(part)?;
        let bytes = if index + 1 == count { 5 - count } else { 1 };
        if bytes < 4 && number >> (8 * bytes) != 0 {
            return None;
        }
        let shift = if index + 1 == count { 0 } else { 24 - 8 * index };
        address |= number << shift;
    }
    Some(Ipv4Addr::from(address))
}

fn legacy_number(part: &str) -> Option<u32> {
    let (digits, radix) = match part.as_bytes() {
        [b'0', b'x' | b'X', ..] => (part.get(2..)?, 16),
        [b'0', _, ..] => (part.get(1..)?, 8),
        [] => return None,
        _ => (part, 10),
    };
    digits
        .bytes()
        .try_fold(0_u32, |sum, byte| sum.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::{is_allowed, is_forbidden, known_name, legacy_v4};

    #[test]
    fn special_purpose_addresses_are_forbidden() {
        let forbidden = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 \
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 \
            198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
            :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8 64:ff9b::10.0.0.1 64:ff9b::7f00:1 \
            64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff::1 2001:db8::1 2002:7f00:1::1 \
            2002:a00:1::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1";
        for address in forbidden.split_whitespace() {
            assert!(is_forbidden(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_not() {
        let public = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.0.0.1 128.0.0.1 \
            169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.0.1 192.169.0.1 198.17.0.1 198.20.0.1 \
            223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700::1 2a00:1450::1 2002:808:808::1 \
            64:ff9b::8.8.8.8 3ffe::1 3fff:1000::1";
        for address in public.split_whitespace() {
            assert!(!is_forbidden(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn networks_of_the_operator() {
        for (address, networks, expected) in [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", " 192.168.0.0/16 , 10.1.2.3 ", true),
            ("10.1.2.4", "10.1.2.3", false),
            ("::ffff:10.1.2.3", "10.0.0.0/8", true),
            ("fd00::1", "fd00::/8", true),
            ("fd00::1", "::/0", true),
            ("10.0.0.1", "0.0.0.0/0", true),
            ("10.0.0.1", "::/0", false),
            ("10.0.0.1", "10.0.0.0/33", false),
            ("10.0.0.1", "10.0.0.0/-1", false),
            ("10.0.0.1", "nonsense,,/", false),
            ("10.0.0.1", "", false),
        ] {
            assert_eq!(is_allowed(address.parse().unwrap(), networks), expected, "{address} in {networks}");
        }
    }

    #[test]
    fn old_spellings_of_addresses() {
        for (text, expected) in [
            ("2130706433", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("0177.0.0.1", Some("127.0.0.1")),
            ("127.1", Some("127.0.0.1")),
            ("0X7F000001", Some("127.0.0.1")),
            ("8.8.2056", Some("8.8.8.8")),
            ("1.2.3.4.5", None),
            ("256.1.1.1", None),
            ("4294967296", None),
            ("08.1", None),
            ("0x.1", Some("0.0.0.1")),
            ("1..2", None),
            ("", None),
        ] {
            assert_eq!(legacy_v4(text), expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn names_that_mean_an_address() {
        for name in
            ["localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "metadata.google.internal"]
        {
            assert!(known_name(name).is_some(), "{name}");
        }
        for name in ["localhost.example.com", "mylocalhost", "smtp.example.com", ""] {
            assert!(known_name(name).is_none(), "{name}");
        }
    }
}
