//! IP addresses: how they are written, which are public by the IANA special-purpose address registries, and which
//! names are known to mean one that is not. The rules ask it about literals, the dialler about every address it
//! resolves.

use core::net::IpAddr;

use crate::text::{HEX, all, find, last_label, lower, split, split_once, whole_number, word};

/// An address; of IPv4 the first two groups count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip {
    pub(crate) is_v4: bool,
    groups: [u16; 8],
}

impl From<IpAddr> for Ip {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::v4(u32::from(v4)),
            IpAddr::V6(v6) => Self { is_v4: false, groups: v6.segments() },
        }
    }
}

impl Ip {
    pub(crate) const fn v4(bits: u32) -> Self {
        Self { is_v4: true, groups: [(bits >> 16) as u16, bits as u16, 0, 0, 0, 0, 0, 0] }
    }

    /// The bits of an IPv4 address.
    pub(crate) fn v4_bits(self) -> u32 {
        let [first, second, ..] = self.groups;
        join(first, second)
    }

    /// Reads an address as the standard library does: dotted decimal without leading zeros, or RFC 4291 §2.2
    /// without a zone.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match find(text, b':') {
            Some(_) => parse_v6(text),
            None => parse_v4(text).map(Self::v4),
        }
    }

    /// An IPv4-mapped IPv6 address is the IPv4 address.
    fn canonical(self) -> Self {
        match self.groups {
            [0, 0, 0, 0, 0, 0xffff, first, second] if !self.is_v4 => Self::v4(join(first, second)),
            _ => self,
        }
    }

    pub(crate) fn is_forbidden(self) -> bool {
        let [a, b, c, .., before_last, last] = self.groups;
        if self.is_v4 {
            is_forbidden_v4(join(a, b))
        } else if self.groups.starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) {
            // NAT64 (RFC 6052) leads to the IPv4 address in its last 32 bits, 6to4 (RFC 3056) to the one behind
            // 2002.
            is_forbidden_v4(join(before_last, last))
        } else if a == 0x2002 {
            is_forbidden_v4(join(b, c))
        } else {
            // Only 2000::/3 is global unicast. What is special inside of it: protocol assignments with Teredo
            // and ORCHID, documentation twice.
            a & 0xe000 != 0x2000
                || (a == 0x2001 && (b < 0x0200 || b == 0x0db8))
                || (a == 0x3fff && b & 0xf000 == 0)
        }
    }

    /// Whether the address is in one of the networks, which are separated by commas; what is no network allows
    /// nothing.
    pub(crate) fn is_within(self, networks: &[u8]) -> bool {
        let mut networks = split(networks, b',').filter_map(Network::parse_bytes);
        networks.any(|network| network.holds(self))
    }
}

fn join(first: u16, second: u16) -> u32 {
    (u32::from(first) << 16) | u32::from(second)
}

fn parse_v4(text: &[u8]) -> Option<u32> {
    let (mut bits, mut count) = (0, 0);
    for part in split(text, b'.') {
        let number = whole_number(part).filter(|number| *number < 256)?;
        if part.len() > 3 || (part.len() > 1 && part.starts_with(b"0")) {
            return None;
        }
        bits = (bits << 8) | number;
        count += 1;
    }
    (count == 4).then_some(bits)
}

fn parse_v6(text: &[u8]) -> Option<Ip> {
    let mut groups = [0_u16; 8];
    let (mut count, mut gap) = (0, None);
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let (part, after) = rest.split_at_checked(find(rest, b':').unwrap_or(rest.len()))?;
        if after.is_empty() && find(part, b'.').is_some() {
            let bits = parse_v4(part)?;
            *groups.get_mut(count)? = (bits >> 16) as u16;
            *groups.get_mut(count + 1)? = bits as u16;
            count += 2;
            break;
        }
        if part.len() > 4 {
            return None;
        }
        *groups.get_mut(count)? = radix_number(part, 16)? as u16;
        count += 1;
        rest = if let Some(behind) = after.strip_prefix(b"::") {
            if gap.replace(count).is_some() {
                return None;
            }
            behind
        } else if let Some(behind) = after.strip_prefix(b":") {
            // A single colon stands between two groups.
            if behind.is_empty() {
                return None;
            }
            behind
        } else {
            after
        };
    }
    match gap {
        None if count == 8 => {}
        // The gap is at least one group.
        Some(gap) if count < 8 => {
            let mut end = groups.len();
            while count > gap {
                (count, end) = (count - 1, end - 1);
                *groups.get_mut(end)? = core::mem::take(groups.get_mut(count)?);
            }
        }
        _ => return None,
    }
    Some(Ip { is_v4: false, groups })
}

/// Digits, at least one, that make a number of 32 bits.
fn radix_number(digits: &[u8], radix: u64) -> Option<u32> {
    if digits.is_empty() || !all(digits, HEX) {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |sum, byte| {
        // Of a letter, the low bits are its place in the alphabet.
        let digit = u64::from(byte & 15) + if *byte > b'9' { 9 } else { 0 };
        (digit < radix && sum >> 32 == 0).then_some(sum * radix + digit)
    })?;
    u32::try_from(number).ok()
}

/// Whether a connection from a server may lead to somewhere that is not the public Internet: its own host, its
/// network, a metadata service, a multicast group.
pub fn is_forbidden(address: IpAddr) -> bool {
    Ip::from(address).is_forbidden()
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

fn is_forbidden_v4(bits: u32) -> bool {
    FORBIDDEN_V4.iter().any(|(network, length)| (bits ^ network) >> (32 - length) == 0)
}

/// A network that the operator allows although it is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: Ip,
    length: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address. Bits behind the prefix are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_bytes(text.as_bytes())
    }

    fn parse_bytes(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (address, length) = match split_once(text, b'/') {
            Some((address, length)) => (address, Some(whole_number(length)?)),
            None => (text, None),
        };
        let address = Ip::parse(address)?;
        let longest = if address.is_v4 { 32 } else { 128 };
        let length = length.unwrap_or(longest);
        (length <= longest).then_some(Self { address, length })
    }

    /// Whether the address is in it. An IPv4-mapped IPv6 address is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        self.holds(Ip::from(address))
    }

    fn holds(self, address: Ip) -> bool {
        let address = address.canonical();
        let mut left = self.length;
        let same = self.address.groups.iter().zip(address.groups).all(|(ours, theirs)| {
            let bits = left.min(16);
            left -= bits;
            // Of no bits, none differs; a shift by all bits of a u16 would overflow.
            u32::from(ours ^ theirs) >> (16 - bits) == 0
        });
        same && self.address.is_v4 == address.is_v4
    }
}

/// The address that a name is known to mean without asking DNS: loopback and metadata names. Case and a final
/// dot do not matter.
pub(crate) fn known_name(host: &[u8]) -> Option<Ip> {
    const LOOPBACK: &[u8] =
        b"localhost localhost.localdomain localhost6 localhost6.localdomain6 ip6-localhost ip6-loopback";
    const METADATA: &[u8] = b"metadata.google.internal metadata instance-data";
    let host = host.strip_suffix(b".").unwrap_or(host);
    // Few other names have a last label as long as those of the lists.
    if last_label(host).len() < b"internal".len() {
        return None;
    }
    let host = lower(host);
    if last_label(&host) == b"localhost" || word(&host, LOOPBACK).is_some() {
        Some(Ip::v4(0x7f00_0001))
    } else if word(&host, METADATA).is_some() {
        Some(Ip::v4(0xa9fe_a9fe))
    } else {
        None
    }
}

/// What old resolvers take for an IPv4 address: one to four parts in decimal, octal (`0…`) or hexadecimal
/// (`0x…`), the last one filling what is left.
pub(crate) fn legacy_v4(text: &[u8]) -> Option<Ip> {
    let parts = || split(text, b'.');
    let count = parts().count() as u32;
    if count > 4 {
        return None;
    }
    let mut address = 0_u32;
    for (index, part) in (1..).zip(parts()) {
        let number = legacy_number(part)?;
        if index == count {
            let bits = 8 * (5 - count);
            if bits < 32 && number >> bits != 0 {
                return None;
            }
            address |= number;
        } else if number > 255 {
            return None;
        } else {
            address |= number << (32 - 8 * index);
        }
    }
    Some(Ip::v4(address))
}

fn legacy_number(part: &[u8]) -> Option<u32> {
    match part {
        // Without digits behind it, 0x is zero to them.
        [b'0', b'x' | b'X'] => Some(0),
        [b'0', b'x' | b'X', hex @ ..] => radix_number(hex, 16),
        [b'0', octal @ ..] if !octal.is_empty() => radix_number(octal, 8),
        _ => radix_number(part, 10),
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::{Ip, is_forbidden, known_name, legacy_v4};

    fn ip(text: &str) -> Ip {
        Ip::from(text.parse::<IpAddr>().unwrap())
    }

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
            assert_eq!(ip(address).is_within(networks.as_bytes()), expected, "{address} in {networks}");
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
            assert_eq!(legacy_v4(text.as_bytes()), expected.map(ip), "{text}");
        }
    }

    #[test]
    fn names_that_mean_an_address() {
        for name in
            ["localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "metadata.google.internal"]
        {
            assert!(known_name(name.as_bytes()).is_some(), "{name}");
        }
        for name in ["localhost.example.com", "mylocalhost", "smtp.example.com", ""] {
            assert!(known_name(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them() {
        // All texts of a few pieces: what stands at the limits of the grammar.
        let pieces = [
            "",
            "0",
            "1",
            "01",
            "255",
            "256",
            "ffff",
            "10000",
            "g",
            "::",
            ":",
            ".",
            "1.2.3.4",
            "a:b:c:d:e:f:1:2",
        ];
        let mut texts = alloc::vec![alloc::string::String::new()];
        for _ in 0..4 {
            texts = texts
                .iter()
                .flat_map(|text| pieces.iter().map(move |piece| alloc::format!("{text}{piece}")))
                .collect();
            texts.sort();
            texts.dedup();
        }
        for groups in 1..=9 {
            texts.push(alloc::vec!["1"; groups].join(":"));
            texts.push(alloc::format!("{}::", alloc::vec!["1"; groups].join(":")));
            texts.push(alloc::format!("::{}", alloc::vec!["1"; groups].join(":")));
            texts.push(alloc::format!("1::{}", alloc::vec!["1"; groups].join(":")));
            texts.push(alloc::format!("{}:1.2.3.4", alloc::vec!["1"; groups].join(":")));
            texts.push(alloc::format!("::{}:1.2.3.4", alloc::vec!["1"; groups].join(":")));
        }
        for text in texts {
            assert_eq!(
                Ip::parse(text.as_bytes()),
                text.parse().ok().map(|ip: IpAddr| Ip::from(ip)),
                "{text}"
            );
        }
    }
}
