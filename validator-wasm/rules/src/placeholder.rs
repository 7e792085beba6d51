//! Values that reach nobody: names that public DNS does not have, and what manuals have in place of a value.

use crate::text::{ALPHANUMERIC, class, last_label, lower, split, trim_visible, word};
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
/// `.internal`, and what routers and offices use; or has a placeholder for its domain. Names of examples and tests are
/// left out: an address of one is what a manual shows.
pub(crate) fn is_private(name: &[u8]) -> bool {
    const LAST: &[u8] = b"local localdomain lan home corp internal intranet private invalid onion alt";
    let (main, last) = (main_label(name), last_label(name));
    word(last, LAST).is_some() || (main == b"home" && last == b"arpa") || is_your_domain(main)
}

/// Whether the label is `yourdomain`, `your-company` and the like, in one of five languages. `your-server` is a name of
/// Hetzner's.
fn is_your_domain(label: &[u8]) -> bool {
    const YOUR: &[u8] = b"your my ihre deine meine votre mon uw jouw mijn su tu mi";
    const NOUNS: &[u8] = b"domain domainname company domaine entreprise domein bedrijf firma dominio empresa";
    split(YOUR, b' ')
        .filter_map(|your| label.strip_prefix(your))
        .any(|noun| word(noun.strip_prefix(b"-").unwrap_or(noun), NOUNS).is_some())
}

/// Whether the text is what a manual has in place of a value: `<user>`, `{tenant}`, `${PASSWORD}`, `YOUR_CLIENT_ID`.
#[inline(never)]
pub(crate) fn is_placeholder(text: &[u8]) -> bool {
    let text = lower(trim_visible(text));
    let mut inner = &*text;
    while let [b'$' | b'<' | b'{' | b'[', rest @ ..] = inner {
        inner = rest;
    }
    let is_open = inner.len() != text.len();
    let end = inner.len();
    while let [rest @ .., b'>' | b'}' | b']'] = inner {
        inner = rest;
    }
    let is_word = |byte: &u8| class(*byte) & ALPHANUMERIC != 0 || matches!(byte, b'_' | b'-' | b' ' | b'.');
    let is_yours =
        inner.starts_with(b"your") && inner.get(4).is_some_and(|next| !next.is_ascii_alphanumeric());
    ((is_open && inner.len() != end) || is_yours)
        && inner.iter().all(is_word)
        && inner.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::{is_not_public, is_placeholder, is_private};

    #[test]
    fn placeholders_of_manuals() {
        for text in [
            "<user>",
            "{tenant}",
            "{{client_id}}",
            "${SMTP_PASSWORD}",
            "[your password]",
            "YOUR_TENANT_ID",
            "your-client-id",
            " <client-id> ",
            "${{ secrets.SMTP }}",
        ] {
            assert!(is_placeholder(text.as_bytes()), "{text}");
        }
        for text in
            ["", "yours", "mailer", "<>", "{}", "your", "a<b>", "<a", "<123>", "<a\">", "{\"a\":1}", "youri"]
        {
            assert!(!is_placeholder(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn names_that_reach_nobody() {
        for name in [
            "mail.local",
            "a.home.arpa",
            "home.arpa",
            "x.onion",
            "host.docker.internal",
            "smtp.yourdomain.com",
            "mail.your-company.de",
            "smtp.votre-domaine.fr",
            "mail.ihrefirma.de",
            "tudominio.es",
            "uw-domein.nl",
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
