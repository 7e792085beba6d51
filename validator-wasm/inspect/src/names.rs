//! Names of hosts and addresses, compared.

use std::net::IpAddr;

/// Second labels under which a country's registry registers names.
const REGISTRY_LABELS: [&str; 9] = ["ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"];
/// Top labels of names that mean nothing outside their network.
const LOCAL: [&str; 8] = ["localhost", "local", "localdomain", "internal", "lan", "invalid", "arpa", "home"];

/// A host's name in lower case, without brackets and final dot.
pub(crate) fn normal(name: &str) -> String {
    name.trim()
        .trim_matches(['[', ']', '<', '>', '(', ')', ',', ';'])
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// The domain that an organisation has registered, as far as the name alone tells; `None` for an address, a single
/// label, and a name of a private network.
pub(crate) fn organisation(name: &str) -> Option<&str> {
    let is_name =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_') || b >= 0x80);
    if !is_name || name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (top, second) = (dots.next()?, dots.next());
    if LOCAL.contains(&&name[top + 1..]) || name[top + 1..].is_empty() {
        return None;
    }
    let label = &name[second.map_or(0, |at| at + 1)..top];
    let is_registry = name.len() - top == 3 && REGISTRY_LABELS.contains(&label);
    let start = if is_registry { dots.next().map_or(0, |at| at + 1) } else { second.map_or(0, |at| at + 1) };
    Some(&name[start..]).filter(|name| !name.starts_with('.'))
}

/// Whether two mail addresses are one: the domain without its case and in either form of an IDN that is written.
pub(crate) fn same_address(one: &str, other: &str) -> bool {
    match (one.trim().rsplit_once('@'), other.trim().rsplit_once('@')) {
        (Some((local, domain)), Some((other_local, other_domain))) => {
            local == other_local && normal(domain) == normal(other_domain)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations() {
        for (name, organisation_of) in [
            ("mx.google.com", Some("google.com")),
            ("google.com", Some("google.com")),
            ("smtp.acme.co.uk", Some("acme.co.uk")),
            ("acme.co.uk", Some("acme.co.uk")),
            ("a.b.acme.nl", Some("acme.nl")),
            ("mail.t-online.de", Some("t-online.de")),
            ("localhost", None),
            ("mailmx.nyi.internal", None),
            ("10.253.61.2", None),
            ("2002:a05:6a10::", None),
            ("", None),
            (".", None),
            ("..", None),
            ("a.", None),
            (".com", None),
            ("co.uk", Some("co.uk")),
        ] {
            assert_eq!(organisation(name), organisation_of, "{name}");
        }
    }

    #[test]
    fn addresses() {
        assert!(same_address("Jan@Acme.example", "Jan@acme.EXAMPLE"));
        assert!(!same_address("jan@acme.example", "Jan@acme.example"));
        assert!(!same_address("jan", "jan"));
    }
}
