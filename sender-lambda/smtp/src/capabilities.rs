//! What an EHLO reply offers (RFC 5321 §4.1.1.1 and the extensions' own RFCs). Pure.

use super::reply::RawReply;
use smtp_rules::shown::deceives;

/// The SASL mechanisms of this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, which asks for username and password one by one. Some servers offer nothing else.
    Login,
    /// XOAUTH2, the mechanism of Google and Microsoft.
    XOauth2,
    /// OAUTHBEARER (RFC 7628).
    OauthBearer,
}

impl Mechanism {
    /// The mechanism's name in EHLO and AUTH.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::XOauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// The most mechanisms kept. No server has a dozen. A hostile one could name thousands, and each is compared with all
/// before it.
const MOST_MECHANISMS: usize = 64;

/// The extensions of an EHLO reply.
#[allow(clippy::struct_excessive_bools, reason = "each is an extension of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The lines as they came, without the first, which names the server.
    pub lines: Vec<String>,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// SIZE (RFC 1870): the largest message in octets, 0 without a limit.
    pub size: Option<u64>,
    /// AUTH (RFC 4954): the mechanisms' names in upper case; `None` when AUTH is not offered.
    pub auth: Option<Vec<String>>,
    /// MAILMAX (RFC 9422): the most mails on one connection. Its other limits, RCPTMAX and RCPTDOMAINMAX, count the
    /// recipients of one mail, which here has one.
    pub mail_max: Option<u64>,
}

impl Offer {
    /// Reads the reply. Unknown extensions stay in `lines` and are otherwise ignored.
    pub fn parse(reply: &RawReply) -> Self {
        let mut offer = Self::default();
        for line in reply.lines.iter().skip(1) {
            // Some servers part the words by tabs.
            let line: String = line.replace('\t', " ").chars().filter(|c| !deceives(*c)).collect();
            // `AUTH=LOGIN PLAIN` is how servers offered AUTH before RFC 2554; some still say nothing else.
            let (keyword, parameters) = line.split_once([' ', '=']).unwrap_or((&line, ""));
            let mut words = parameters.split_ascii_whitespace();
            match keyword.to_ascii_uppercase().as_str() {
                "STARTTLS" => offer.starttls = true,
                "PIPELINING" => offer.pipelining = true,
                "8BITMIME" => offer.eight_bit = true,
                "SMTPUTF8" => offer.smtputf8 = true,
                "SIZE" => offer.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "AUTH" => {
                    let known = offer.auth.get_or_insert_with(Vec::new);
                    for word in words.map(|word| word.trim_start_matches('=').to_ascii_uppercase()) {
                        if known.len() < MOST_MECHANISMS && !known.contains(&word) {
                            known.push(word);
                        }
                    }
                }
                "LIMITS" => {
                    offer.mail_max = words
                        .filter_map(|word| word.split_once('='))
                        .find(|(name, _)| name.eq_ignore_ascii_case("MAILMAX"))
                        .and_then(|(_, n)| n.parse().ok())
                        .filter(|&n| n > 0);
                }
                _ => {}
            }
            offer.lines.push(line);
        }
        offer
    }

    /// Those of `wanted` that are offered, in the order of `wanted`.
    pub fn mechanisms(&self, wanted: &[Mechanism]) -> Vec<Mechanism> {
        let offered = self.auth.as_deref().unwrap_or_default();
        wanted.iter().copied().filter(|m| offered.iter().any(|name| name == m.name())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(lines: &[&str]) -> Offer {
        let lines = std::iter::once("mx.test at your service").chain(lines.iter().copied());
        Offer::parse(&RawReply { code: 250, lines: lines.map(str::to_owned).collect() })
    }

    #[test]
    fn an_ehlo_reply_is_read() {
        let seen = offer(&[
            "PIPELINING",
            "size 1000",
            "STARTTLS",
            "8bitmime",
            "SMTPUTF8",
            "AUTH plain LOGIN",
            "Chunking",
        ]);
        assert!(seen.pipelining && seen.starttls && seen.eight_bit && seen.smtputf8);
        assert_eq!(seen.size, Some(1000));
        assert_eq!(
            seen.mechanisms(&[Mechanism::Plain, Mechanism::Login]),
            [Mechanism::Plain, Mechanism::Login]
        );
        assert_eq!(seen.mechanisms(&[Mechanism::XOauth2]), []);
        assert_eq!(seen.lines.len(), 7);
        assert_eq!(
            offer(&["AUTH=LOGIN"]).mechanisms(&[Mechanism::Plain, Mechanism::Login]),
            [Mechanism::Login]
        );
        assert_eq!(offer(&["AUTH\tPLAIN\tLOGIN"]).mechanisms(&[Mechanism::Plain]), [Mechanism::Plain]);
        assert_eq!(offer(&["SIZE"]).size, Some(0));
        assert_eq!(offer(&["LIMITS RCPTMAX=5 MAILMAX=20"]).mail_max, Some(20));
        assert_eq!(offer(&[]).auth, None);
        let many: Vec<String> = (0..9000).map(|n| format!("M{n}")).collect();
        assert_eq!(
            offer(&[&format!("AUTH {}", many.join(" "))]).auth.map(|names| names.len()),
            Some(MOST_MECHANISMS)
        );
        // The first line is the server's name, even if it reads like an extension.
        assert!(!Offer::parse(&RawReply { code: 250, lines: vec!["STARTTLS".into()] }).starttls);
    }
}
