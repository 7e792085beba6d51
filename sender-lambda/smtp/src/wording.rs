//! The part of a reply that is the server's own, in one spelling, and the phrases in it.

/// How servers introduce what another server has said: Postfix' address verification, Exim's and MDaemon's callouts,
/// gateways in front of Exchange.
const QUOTES: &[&str] = &[
    " said:",
    " says:",
    "response:",
    "responded:",
    "responded with",
    "replied:",
    "answered:",
    "returned:",
    "remote server returned",
    "remote server said",
    "remote host said",
    "error from remote",
    "smtp error from",
    "rejected by remote",
    "called:",
    "callout",
    "(in reply to",
    "undeliverable address:",
    "while talking to",
];

/// The characters of a reply that are read. A reason comes early.
const MOST_READ: usize = 4096;

/// Spellings, and the one that the phrases are in.
const SPELLINGS: &[(&str, &str)] = &[
    ("’", "'"),
    ("n't ", " not "),
    ("ca not ", "cannot "),
    ("authoris", "authoriz"),
    ("e-mail", "email"),
    ("black list", "blocklist"),
    ("black-list", "blocklist"),
    ("blacklist", "blocklist"),
    ("block list", "blocklist"),
    ("block-list", "blocklist"),
    ("white list", "allowlist"),
    ("white-list", "allowlist"),
    ("whitelist", "allowlist"),
    ("allow list", "allowlist"),
    ("allow-list", "allowlist"),
];

/// The text that is the server's own: up to where it begins to quote another server, whose words are about the recipient,
/// in lower case and one spelling, with `@sender` for the sender's address, `@other` for every other address and `@ip` for
/// an IPv4 address, so that no address is read as words.
pub(crate) fn own(text: &str, sender: &str) -> String {
    let lower: String = text.chars().take(MOST_READ).map(|c| c.to_ascii_lowercase()).collect();
    let end = QUOTES.iter().filter_map(|quote| Some(lower.find(quote)? + quote.len())).min();
    let mut said = without_addresses(&lower[..end.unwrap_or(lower.len())], &sender.to_ascii_lowercase());
    for (theirs, ours) in SPELLINGS {
        said = said.replace(theirs, ours);
    }
    said
}

/// Replaces addresses, and joins the lines. A line that begins with a reply's code quotes another server: the rest is
/// left out.
fn without_addresses(text: &str, sender: &str) -> String {
    let ours = text.lines().enumerate().take_while(|(index, line)| *index == 0 || !begins_with_code(line));
    let lines = ours.map(|(_, line)| line).collect::<Vec<_>>().join(" ");
    let mut said = String::with_capacity(lines.len());
    let mut rest = lines.as_str();
    while let Some(start) = rest.find(|c: char| c == '<' || in_address(c)) {
        said.push_str(&rest[..start]);
        rest = &rest[start..];
        let bracketed = rest.strip_prefix('<').and_then(|inside| inside.split_once('>'));
        match bracketed {
            // An address, or the client's name as Postfix gives it. A tag such as `<DATA>` stays.
            Some((inside, behind)) if inside.contains(['@', '[']) => {
                said.push_str(name_of(inside, sender).unwrap_or_default());
                rest = behind;
            }
            _ if rest.starts_with('<') => rest = &rest[1..],
            _ => {
                let end = rest.find(|c: char| !in_address(c)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                let address = word.trim_end_matches('.');
                match name_of(address, sender) {
                    Some(name) => said.extend([name, &word[address.len()..]]),
                    None => said.push_str(word),
                }
                rest = behind;
            }
        }
    }
    said.push_str(rest);
    said
}

/// Whether a line of a reply's text begins with a reply code, as only another server's reply does.
fn begins_with_code(line: &str) -> bool {
    matches!(line.as_bytes(), [b'4' | b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..])
}

fn in_address(c: char) -> bool {
    c.is_alphanumeric() || "@.!#$%&*+/=?^_`{|}~-".contains(c)
}

/// What stands for an address in the server's own text.
fn name_of(word: &str, sender: &str) -> Option<&'static str> {
    if word.contains('@') {
        Some(if word == sender { "@sender" } else { "@other" })
    } else {
        let address = word.strip_prefix("ip=").unwrap_or(word);
        address.parse::<std::net::Ipv4Addr>().ok().map(|_| "@ip")
    }
}

/// Whether the text has these parts of a phrase one after the other, each at the beginning of a word.
pub(crate) fn says(text: &str, phrase: &[&str]) -> bool {
    let mut rest = 0;
    phrase.iter().all(|part| {
        let found = text[rest..].match_indices(part).map(|(index, _)| rest + index).find(|&index| {
            // `@sender` stands for an address, so it does not begin the word `sender`.
            !part.starts_with(char::is_alphanumeric)
                || !text[..index].ends_with(|c: char| c.is_alphanumeric() || c == '@')
        });
        rest = found.map_or(rest, |index| index + part.len());
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_text_has_names_for_addresses_and_no_other_server() {
        for (text, own_text) in [
            ("<jan@example.org>: Relay access denied", "@other: relay access denied"),
            ("<unknown[192.0.2.1]>: Client host rejected", ": client host rejected"),
            ("Sender NoReply@Acme.test. isn’t authorised", "sender @sender. is not authorized"),
            ("<\"relay denied\"@example.org> unknown", "@other unknown"),
            ("<DATA>: host mx[192.0.2.1] said: 550 relay denied", "data>: host mx[@ip] said:"),
            ("Callers\n550 Relaying denied\nhere", "callers"),
            ("IP=192.0.2.1 is on a black list", "@ip is on a blocklist"),
            ("a < b, \"c@d\"", "a  b, \"@other\""),
        ] {
            assert_eq!(own(text, "noreply@acme.test"), own_text, "{text}");
        }
    }

    #[test]
    fn a_phrase_begins_with_a_word_and_keeps_its_order() {
        assert!(says("your ip is not in the list", &["ip", "not in"]));
        assert!(!says("this recipient is not in the list", &["ip", "not in"]));
        assert!(!says("not in: ip", &["ip", "not in"]));
        assert!(says("an rbl (rbl)", &["rbl", "rbl"]));
        assert!(!says("an rbl", &["rbl", "rbl"]));
    }
}
