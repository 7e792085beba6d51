//! The reply parser (RFC 5321 §4.2): lines in, replies out, within fixed bounds. Pure, so that it can be fuzzed.

use ownpost_domain::failure::{EnhancedCode, Reply};
use smtp_rules::shown::deceives;

/// The longest line taken, in octets without its end. RFC 5321 §4.5.3.1.5 allows 512; servers that paste URLs
/// into refusals go beyond.
pub const MAX_LINE: usize = 2048;
/// The most lines in one reply. The longest EHLO answers seen have about thirty.
pub const MAX_LINES: usize = 128;
/// The most octets in one reply.
pub const MAX_REPLY: usize = 64 * 1024;

/// Why a line or reply is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It does not have the shape of a reply.
    Malformed,
    /// It is beyond the limits.
    TooLong,
}

/// A reply as it stands on the wire: the code and each line's text after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReply {
    /// The reply code, 200 to 599.
    pub code: u16,
    /// The text of each line; at least one. Octets that are not UTF-8 are U+FFFD.
    pub lines: Vec<String>,
}

/// Collects the lines of one reply.
///
/// ```
/// use ownpost_smtp::reply::ReplyParser;
///
/// let mut parser = ReplyParser::default();
/// assert_eq!(parser.push(b"550-5.1.1 No such user"), Ok(None));
/// let reply = parser.push(b"550 5.1.1 here").unwrap().unwrap().into_reply();
/// assert_eq!((reply.code, reply.text.as_str()), (550, "No such user\nhere"));
/// ```
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: Option<u16>,
    lines: Vec<String>,
    octets: usize,
    /// Whether a reply has been read: the first one on a connection is the greeting.
    is_past_first: bool,
}

impl ReplyParser {
    /// Whether the next line begins a reply.
    pub(crate) fn is_between_replies(&self) -> bool {
        self.code.is_none()
    }

    /// Takes the next line, without its line end. The reply when this was its last line.
    pub fn push(&mut self, line: &[u8]) -> Result<Option<RawReply>, Unreadable> {
        self.octets += line.len() + 2;
        if line.len() > MAX_LINE || self.octets > MAX_REPLY || self.lines.len() >= MAX_LINES {
            return Err(Unreadable::TooLong);
        }
        let (code, more, text) = split(line).ok_or(Unreadable::Malformed)?;
        // postscreen and others begin to greet, and refuse a client that talks meanwhile or is on a list.
        if !self.is_past_first && self.code == Some(220) && code >= 400 {
            self.code = None;
            self.lines.clear();
        }
        // All lines of a reply have one code (RFC 5321 §4.2.1). With two of them the server's meaning is not known.
        if *self.code.get_or_insert(code) != code {
            return Err(Unreadable::Malformed);
        }
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        if more {
            return Ok(None);
        }
        self.code = None;
        self.octets = 0;
        self.is_past_first = true;
        Ok(Some(RawReply { code, lines: std::mem::take(&mut self.lines) }))
    }
}

/// Code, whether more lines follow, text. A line of the bare code is a last line (RFC 5321 §4.2.1); odd servers write a tab
/// for the space.
pub(crate) fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let [first @ b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = digits else { return None };
    // C programs end the line at a NUL and terminals overwrite it after a bare CR, where this parser reads on.
    if rest.iter().any(|&b| b == 0 || b == b'\r') {
        return None;
    }
    let code = u16::from(first - b'0') * 100 + u16::from(digits[1] - b'0') * 10 + u16::from(digits[2] - b'0');
    match rest {
        [] => Some((code, false, rest)),
        [b' ' | b'\t', text @ ..] => Some((code, false, text)),
        [b'-', text @ ..] => Some((code, true, text)),
        _ => None,
    }
}

impl RawReply {
    /// The reply with its enhanced code taken out of the text, as far as the two classes agree (RFC 2034 §4).
    pub fn into_reply(self) -> Reply {
        let enhanced =
            self.lines.first().and_then(|line| enhanced_code(line, self.code)).map(|(code, _)| code);
        let mut text = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let line = match (enhanced, enhanced_code(line, self.code)) {
                (Some(ours), Some((theirs, rest))) if ours == theirs => rest,
                _ => line,
            };
            text.extend(line.chars().filter(|c| !deceives(*c)));
        }
        Reply { code: self.code, enhanced, text }
    }
}

fn enhanced_code(line: &str, code: u16) -> Option<(EnhancedCode, &str)> {
    let (first, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let enhanced = EnhancedCode::parse(first)?;
    (u16::from(enhanced.0) == code / 100).then_some((enhanced, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(wire: &str) -> Result<Option<RawReply>, Unreadable> {
        let mut parser = ReplyParser::default();
        let mut last = Ok(None);
        for line in wire.split_terminator("\r\n") {
            last = parser.push(line.as_bytes());
            if last.is_err() {
                break;
            }
        }
        last
    }

    #[test]
    fn a_reply_does_not_turn_the_text_around_it() {
        let reply =
            parse("550 5.7.1 \u{202e}gnihton\u{2066} here\u{1b}[2J\r\n").unwrap().unwrap().into_reply();
        assert_eq!(reply.text, "gnihton here[2J");
    }

    #[test]
    fn a_reply_has_a_code_an_enhanced_code_and_a_text() {
        let reply = |wire| parse(wire).unwrap().unwrap().into_reply();
        let check = |wire, code, enhanced: Option<&str>, text: &str| {
            let got = reply(wire);
            assert_eq!((got.code, got.text.as_str()), (code, text), "{wire:?}");
            assert_eq!(got.enhanced.map(|e| e.to_string()).as_deref(), enhanced, "{wire:?}");
        };
        check("250 OK\r\n", 250, None, "OK");
        check("250\r\n", 250, None, "");
        check("535-5.7.8 no\r\n535 5.7.8 never\r\n", 535, Some("5.7.8"), "no\nnever");
        check("250 5.7.8 odd\r\n", 250, None, "5.7.8 odd");
        check("550 5.1.1\r\n", 550, Some("5.1.1"), "");
        check("250 02.1.5 odd\r\n", 250, None, "02.1.5 odd");
        check("250 \u{1b}[31mred\r\n", 250, None, "[31mred");
        check("550\t5.1.1\tNo such user\r\n", 550, Some("5.1.1"), "No such user");
    }

    #[test]
    fn a_greeting_that_ends_as_a_refusal_is_the_refusal() {
        let refusal = parse("220-mx.test\r\n220-please wait\r\n550-5.7.1 listed\r\n550 5.7.1 at bl.test\r\n");
        let refusal = refusal.unwrap().unwrap().into_reply();
        assert_eq!((refusal.code, refusal.text.as_str()), (550, "listed\nat bl.test"));
        // Only the first reply is a greeting.
        let mut parser = ReplyParser::default();
        parser.push(b"220 mx.test").unwrap().unwrap();
        assert_eq!(parser.push(b"220-go"), Ok(None));
        assert_eq!(parser.push(b"554 no"), Err(Unreadable::Malformed));
    }

    #[test]
    fn malformed_and_too_long_replies_are_refused() {
        for bad in [
            "25 OK",
            "650 OK",
            "150 OK",
            "250:OK",
            "2x0 OK",
            "hello",
            "",
            "250-a\r\n251 b",
            "250 a\0b",
            "250 a\rb",
        ] {
            assert_eq!(parse(&format!("{bad}\r\n")), Err(Unreadable::Malformed), "{bad:?}");
        }
        assert_eq!(parse(&format!("250 {}\r\n", "x".repeat(MAX_LINE))), Err(Unreadable::TooLong));
        assert_eq!(parse(&"250-x\r\n".repeat(MAX_LINES + 1)), Err(Unreadable::TooLong));
        assert_eq!(parse(&format!("250-{}\r\n", "x".repeat(2000)).repeat(40)), Err(Unreadable::TooLong));
        assert_eq!(parse("250-more\r\n"), Ok(None));
    }
}
