//! Web addresses in mails: which ones become links, and which texts must not.

use std::fmt::Write as _;

use ownpost_domain::brand::is_url;

/// The address as it can stand in a mail: https or http in any case, spaces and what is not ASCII percent-encoded; `None`
/// for anything that is no web address.
pub(super) fn web(text: &str) -> Option<String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = if host.is_ascii() { host.to_owned() } else { idna::domain_to_ascii(host).ok()? };
    let mut url = format!("{scheme}://{host}");
    for c in path.chars() {
        if c.is_control() {
            return None;
        }
        if c.is_ascii_graphic() && !"<>\"'`\\^{|}".contains(c) {
            url.push(c);
        } else {
            for byte in c.to_string().bytes() {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    is_url(&url, &["https://", "http://"]).then_some(url)
}

/// Whether mail programs would make a link of the text, or of some of it. As somebody's name it is a trap: the reader sees
/// a link that the product seems to have set.
pub(super) fn reads_as_link(name: &str) -> bool {
    name.contains("://")
        || name.split(|c: char| c.is_whitespace() || ",;()<>[]\"".contains(c)).any(is_address)
}

/// The endings of names that mail programs know, beside those of two letters.
const ENDINGS: &[&str] = &[
    "com", "net", "org", "info", "biz", "app", "dev", "shop", "online", "site", "xyz", "top", "club", "live",
    "link", "click", "page", "store", "icu", "pro", "name", "mobi", "edu", "gov", "cloud", "website",
    "space", "tech", "test", "example", "support", "email", "world", "today", "news", "vip",
];

fn is_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| ".!?:".contains(c)).to_lowercase();
    if word.starts_with("www.") {
        return true;
    }
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    // The name of a mailbox, `jan@example.org`, is a link to write to somebody.
    let host = host.rsplit('@').next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let known = |ending: &&str| {
        (ending.len() == 2 && ending.bytes().all(|b| b.is_ascii_alphabetic())) || ENDINGS.contains(ending)
    };
    labels.len() >= 2 && labels.iter().all(|label| !label.is_empty()) && labels.last().is_some_and(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_a_link() {
        for (text, want) in [
            ("https://app.example.com/42?a=b&c=d#e", Some("https://app.example.com/42?a=b&c=d#e")),
            (" HTTPS://app.example.com/a b ", Some("https://app.example.com/a%20b")),
            ("https://größe.example/ü", Some("https://xn--gre-6ka8i.example/%C3%BC")),
            ("https://a.example/\"><script>", Some("https://a.example/%22%3E%3Cscript%3E")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://", None),
            ("https://a.example/\r\nBcc: x", None),
            ("app.example.com", None),
        ] {
            assert_eq!(web(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_web_address_is_nobodys_name() {
        for name in
            ["www.evil.example", "evil.com", "Win at EVIL.COM/now!", "https://x", "jan@evil.org", "(a.io)"]
        {
            assert!(reads_as_link(name), "{name}");
        }
        for name in ["Jan de Vries", "J.R. Smith", "Dr. Müller", "Acme Inc.", "A. b", "St.John", "3.14"] {
            assert!(!reads_as_link(name), "{name}");
        }
    }
}
