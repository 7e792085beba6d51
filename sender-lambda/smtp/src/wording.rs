//! The part of a reply that is the server's own, in one spelling, and the phrases in it.

use std::net::{Ipv4Addr, Ipv6Addr};

use ownpost_domain::failure::Stage;

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
    // The mail.
    "subject:",
];

/// The characters of a reply that are read. A reason comes early.
const MOST_READ: usize = 4096;

/// Spellings, and the one that the phrases are in.
const SPELLINGS: &[(&str, &str)] = &[
    ("’", "'"),
    ("n't ", " not "),
    ("ca not ", "cannot "),
    (" is not ", " not "),
    (" are not ", " not "),
    (" was not ", " not "),
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
    ("your host ", "your ip "),
    ("your server ", "your ip "),
    ("your network ", "your ip "),
    ("sending ip", "your ip"),
    ("sender ip", "your ip"),
    ("client ip", "your ip"),
    ("source ip", "your ip"),
    ("your smtp account", "your account"),
    ("your email account", "your account"),
    ("your mailbox", "your account"),
];

/// Kinds of public block lists, as words.
const LISTS: &[&str] = &["rbl", "rbls", "pbl", "sbl", "xbl", "scbl"];
/// Names of public block lists, as in the names of their servers and pages.
const LIST_NAMES: &[&str] = &["dnsbl", "spamhaus", "spamcop", "barracuda", "abuseat", "ipcheck.proofpoint"];

/// The text that is the server's own, in lower case and one spelling. Left out is what somebody else has said: another
/// server, whose words are about the recipient, and behind the final dot the mail, whose words a server may quote. No
/// address is read as words: `@sender` is the sender's, `@other` every other, `@ip` one of a host, `@name` a name with
/// dots, `dnsbl blocklist` that of a public block list.
pub(crate) fn own(stage: Stage, text: &str, sender: &str) -> String {
    let text: String = text.chars().take(MOST_READ).collect();
    let lower = text.to_ascii_lowercase();
    let quotes = QUOTES.iter().filter_map(|quote| Some(lower.find(quote)? + quote.len()));
    let end = quotes.chain(reply_within(&lower)).min();
    let mut said = without_names(&text[..end.unwrap_or(text.len())], &sender.to_ascii_lowercase());
    if stage == Stage::Message {
        said = without_quotations(&said);
    }
    for (theirs, ours) in SPELLINGS {
        said = said.replace(theirs, ours);
    }
    said
}

/// Replaces addresses and names, and joins the lines. A line that begins with a reply's code quotes another server: the rest
/// is left out.
fn without_names(text: &str, sender: &str) -> String {
    let ours = text.lines().enumerate().take_while(|(index, line)| *index == 0 || !begins_with_code(line));
    let lines = ours.map(|(_, line)| line).collect::<Vec<_>>().join(" ");
    let mut said = String::with_capacity(lines.len());
    let mut rest = lines.as_str();
    while let Some(start) = rest.find(|c: char| c == '<' || in_address(c)) {
        said.push_str(&rest[..start]);
        rest = &rest[start..];
        let bracketed = rest.strip_prefix('<').and_then(|inside| inside.split_once('>'));
        match bracketed {
            // An address, or the client's name as Postfix gives it.
            Some((inside, behind)) if inside.contains('[') || name_of(inside.trim(), sender).is_some() => {
                said.push_str(name_of(inside.trim(), sender).unwrap_or_default());
                rest = behind;
            }
            // Several words are quoted. A tag such as `<DATA>` stays.
            Some((inside, behind)) if inside.contains(' ') => {
                said.extend(["\"", &inside.to_ascii_lowercase(), "\""]);
                rest = behind;
            }
            _ if rest.starts_with('<') => rest = &rest[1..],
            _ => {
                let (word, behind) = split_word(rest);
                let name = word.trim_end_matches('.');
                match name_of(name, sender) {
                    Some(known) => said.extend([known, &word[name.len()..]]),
                    None => said.push_str(&word.to_ascii_lowercase()),
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

/// The word or address at the beginning, and what is behind it.
fn split_word(text: &str) -> (&str, &str) {
    let of_host = text.find(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.').unwrap_or(text.len());
    let of_host = text[..of_host].trim_end_matches(['.', ':']);
    let is_ipv6 = of_host.parse::<Ipv6Addr>().is_ok();
    let end = text.find(|c: char| !in_address(c)).unwrap_or(text.len());
    text.split_at(if is_ipv6 { of_host.len() } else { end })
}

/// Where a text goes on with a whole reply, code and enhanced code, as only another server's does.
fn reply_within(text: &str) -> Option<usize> {
    text.char_indices().map(|(index, _)| index).find(|&index| {
        let (before, reply) = text.split_at(index);
        let is_enhanced = matches!(reply.as_bytes(), [_, _, _, _, b'4' | b'5', b'.', b'0'..=b'9', b'.', ..]);
        index > 0 && is_enhanced && begins_with_code(reply) && !before.ends_with(char::is_alphanumeric)
    })
}

fn in_address(c: char) -> bool {
    c.is_alphanumeric() || "@.!#$%&*+/=?^_`{|}~-".contains(c)
}

/// What stands for an address or a name in the server's own text.
fn name_of(word: &str, sender: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let host = lower.strip_prefix("ip=").unwrap_or(&lower);
    if word.contains('@') {
        Some(if lower == sender { "@sender" } else { "@other" })
    } else if host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
        Some("@ip")
    } else if LISTS.contains(&&*lower) || LIST_NAMES.iter().any(|name| lower.contains(name)) {
        Some("dnsbl blocklist")
    } else {
        has_dots(word).then_some("@name")
    }
}

/// Whether a word is the name of a host or user, as `daily.limit`. In `refused.See` a sentence begins, and Exchange writes
/// `RESOLVER.RST.AuthRequired`.
fn has_dots(word: &str) -> bool {
    word.as_bytes().windows(3).any(
        |three| matches!(three, [before, b'.', b'a'..=b'z' | b'0'..=b'9'] if before.is_ascii_alphanumeric()),
    )
}

/// Leaves out what is in quotation marks, also where the last mark is missing. One word in them is a name or is stressed, and
/// stays; so does a quotation where nothing else is said.
fn without_quotations(text: &str) -> String {
    let (mut said, mut open, mut from, mut before) = (String::new(), Vec::new(), 0, None);
    for (index, mark) in text.char_indices() {
        let behind = index + mark.len_utf8();
        let after = text[behind..].chars().next();
        if let Some(marks) = QUOTATION_MARKS.iter().find(|marks| marks.contains(mark)) {
            let closed = open.iter().rposition(|opened| opened == marks);
            if opens_quotation(before, mark, after) {
                if open.is_empty() {
                    said.push_str(&text[from..index]);
                    from = behind;
                }
                open.push(*marks);
            } else if let Some(place) = closed.filter(|_| !after.is_some_and(char::is_alphanumeric)) {
                open.truncate(place);
                if open.is_empty() {
                    said.push_str(one_word(&text[from..index]));
                    from = behind;
                }
            }
        }
        before = Some(mark);
    }
    match open.first() {
        // An apostrophe.
        None | Some(&APOSTROPHES) => said.push_str(&text[from..]),
        Some(_) => said.push_str(one_word(&text[from..])),
    }
    let mut words = said.split(|c: char| c != '@' && !c.is_alphanumeric());
    if words.any(|word| word.starts_with(char::is_alphabetic)) { said } else { text.to_owned() }
}

/// What is quoted, if it is one word.
fn one_word(quoted: &str) -> &str {
    if quoted.contains(char::is_whitespace) { "" } else { quoted }
}

/// Quotation marks, by their kinds.
const QUOTATION_MARKS: &[&str] = &["\"“”„‟", APOSTROPHES, "«»‹›"];
const APOSTROPHES: &str = "'‘’‚`";

/// Whether a quotation mark between these characters opens. Many marks open in one language and close in another.
fn opens_quotation(before: Option<char>, mark: char, after: Option<char>) -> bool {
    let at_beginning = before.is_none_or(|c| c.is_whitespace() || "([{:;,=-\\".contains(c) || is_mark(c));
    at_beginning && (mark == '«' || after.is_some_and(|c| !c.is_whitespace()))
}

fn is_mark(c: char) -> bool {
    QUOTATION_MARKS.iter().any(|marks| marks.contains(c))
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
            ("<unknown[192.0.2.1]>: Client host rejected", "@name: client host rejected"),
            ("Sender NoReply@Acme.test. isn’t authorised", "sender @sender. not authorized"),
            ("<\"relay denied\"@example.org> unknown", "@other unknown"),
            ("<DATA>: host mx[192.0.2.1] said: 550 relay denied", "data>: host mx[@ip] said:"),
            ("Callers\n550 Relaying denied\nhere", "callers"),
            ("550 5.7.1 no (by mx: 550 5.7.1 Relaying denied)", "550 @name no (by mx: "),
            ("IP=192.0.2.1 is on a black list", "@ip is on a blocklist"),
            ("[2001:db8::1]: 2001:DB8::2. Error:bad", "[@ip]: @ip. error:bad"),
            (
                "zen.spamhaus.org, the PBL, Barracuda's",
                "dnsbl blocklist, the dnsbl blocklist, dnsbl blocklist's",
            ),
            (
                "User daily.limit, see https://x.test/spf. Refused.See RESOLVER.RST.No",
                "user @name, see https:@name. refused.see resolver.rst.no",
            ),
            ("a < b, \"c@d\"", "a  b, \"@other\""),
        ] {
            assert_eq!(own(Stage::Recipient, text, "noreply@acme.test"), own_text, "{text}");
        }
    }

    #[test]
    fn what_a_server_quotes_behind_the_dot_is_the_mails() {
        for (text, own_text) in [
            ("subject \"Relay denied\" refused", "subject  refused"),
            ("subject “Relay denied”, refused", "subject , refused"),
            ("subject „Relay denied“ refused", "subject  refused"),
            ("subject « Relay denied » refused", "subject  refused"),
            ("subject »Relay denied« refused", "subject  refused"),
            ("subject 'It isn't denied' refused", "subject  refused"),
            ("subject ‘Relay denied’ refused", "subject  refused"),
            ("subject <Relay denied> refused", "subject  refused"),
            ("\"Re: \"Relay denied\" again\" refused", " refused"),
            ("refused for \"Relay den", "refused for "),
            ("subject \\\"Relay denied\\\" refused", "subject \\ refused"),
            ("the users' 'tis refused", "the users' tis refused"),
            ("5\" is refused", "5\" is refused"),
            // One word is a name.
            ("the 'From' address of `a' in \"b@c.test\"", "the from address of a in @other"),
            // Nothing else is said.
            ("<jan@example.org>: \"Relay denied\"", "@other: \"relay denied\""),
        ] {
            assert_eq!(own(Stage::Message, text, "noreply@acme.test"), own_text, "{text}");
        }
        let at_rcpt = own(Stage::Recipient, "\"Relay denied\" here", "noreply@acme.test");
        assert_eq!(at_rcpt, "\"relay denied\" here");
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
