//! Names that reach nobody: those that public DNS does not have, and those of manuals.

use crate::text::{last_label, word};
use crate::typo::main_label;

/// Whether the name of a host, in lower case, is [private](is_private) or an example's. `.example` and example.org are
/// left out: manuals and tests, our own among them, have them in place of names that are public.
pub(crate) fn is_not_public(name: &[u8]) -> bool {
    let last = last_label(name);
    is_private(name)
        || last == b"test"
        || (main_label(name) == b"example" && word(last, b"com net").is_some())
}

/// Whether the name, in lower case, is one that public DNS does not have: of RFC 2606, 6761, 6762, 7686, 8375 and 9476,
/// `.internal`, and what routers and offices use; or has a manual's placeholder for its domain. Names of examples and
/// tests are left out: an address of one is what a manual shows.
pub(crate) fn is_private(name: &[u8]) -> bool {
    const LAST: &[u8] = b"local localdomain lan home corp internal intranet private invalid onion alt";
    const PLACEHOLDERS: &[u8] = b"yourdomain your-domain yourcompany mydomain";
    let (main, last) = (main_label(name), last_label(name));
    word(last, LAST).is_some() || (main == b"home" && last == b"arpa") || word(main, PLACEHOLDERS).is_some()
}

#[cfg(test)]
mod tests {
    use super::{is_not_public, is_private};

    #[test]
    fn names_that_reach_nobody() {
        for name in [
            "mail.local",
            "a.home.arpa",
            "home.arpa",
            "x.onion",
            "host.docker.internal",
            "smtp.yourdomain.com",
            "mail.your-domain.de",
        ] {
            assert!(is_private(name.as_bytes()) && is_not_public(name.as_bytes()), "{name}");
        }
        for name in ["smtp.example.com", "example.net", "mail.test"] {
            assert!(is_not_public(name.as_bytes()) && !is_private(name.as_bytes()), "{name}");
        }
        for name in ["mail.your-server.de", "yourservice.com", "smtp.example.org", "local.de", "mydomain"] {
            assert!(!is_not_public(name.as_bytes()), "{name}");
        }
    }
}
