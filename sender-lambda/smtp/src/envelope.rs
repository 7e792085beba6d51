//! An envelope's commands: MAIL FROM with the parameters that this server and this message need, and RCPT TO. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

use lettre::Address;
use ownpost_domain::failure::{Failure, FailureCode, Stage};

use super::Mail;
use super::capabilities::Offer;

/// The commands of one envelope, ready to be written.
pub(crate) struct Envelope {
    /// MAIL FROM and RCPT TO with their CRLF.
    lines: String,
    /// The index of RCPT TO.
    second: usize,
}

/// An address as it goes between angle brackets, and whether it needs SMTPUTF8. `None` when no envelope can hold it.
fn path(address: &str) -> Option<(Cow<'_, str>, bool)> {
    let parsed = Address::from_str(address).ok()?;
    // A quoted local part (RFC 5321 §4.1.2) may hold every printable character, the path's brackets too: inside the quotes
    // they end nothing. A control character could end the line.
    let stays_in = |text: &str| !text.chars().any(char::is_control);
    let (local, domain) = (parsed.user(), parsed.domain());
    if domain.is_ascii() {
        return stays_in(address).then(|| (Cow::Borrowed(address), !local.is_ascii()));
    }
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let path = format!("{local}@{domain}");
    stays_in(&path).then(|| (Cow::Owned(path), !local.is_ascii()))
}

impl Envelope {
    /// Builds the commands for what this server offers.
    pub(crate) fn new(mail: &Mail, offer: &Offer) -> Result<Self, Failure> {
        let fail = |stage, code| Failure::new(stage, code);
        let (from, from_utf8) =
            path(&mail.from).ok_or_else(|| fail(Stage::Sender, FailureCode::SenderRejected))?;
        let (to, to_utf8) =
            path(&mail.to).ok_or_else(|| fail(Stage::Recipient, FailureCode::RecipientRejected))?;
        if from_utf8 && !offer.smtputf8 {
            return Err(fail(Stage::Sender, FailureCode::SenderNeedsSmtputf8));
        }
        if to_utf8 && !offer.smtputf8 {
            return Err(fail(Stage::Recipient, FailureCode::RecipientNeedsSmtputf8));
        }
        // Room for both addresses and all parameters.
        let mut lines = String::with_capacity(from.len() + to.len() + 96);
        // Writing to a string cannot fail.
        let _ = write!(lines, "MAIL FROM:<{from}>");
        if offer.size.is_some() {
            let _ = write!(lines, " SIZE={}", mail.message.len());
        }
        let eight_bit = !mail.message.is_ascii();
        if eight_bit && offer.eight_bit {
            lines.push_str(" BODY=8BITMIME");
        }
        if offer.smtputf8 && (from_utf8 || to_utf8 || (eight_bit && !header(&mail.message).is_ascii())) {
            lines.push_str(" SMTPUTF8");
        }
        lines.push_str("\r\n");
        let second = lines.len();
        let _ = write!(lines, "RCPT TO:<{to}>\r\n");
        Ok(Self { lines, second })
    }

    /// The MAIL FROM command, without CRLF.
    pub(crate) fn mail(&self) -> &str {
        self.lines[..self.second].trim_end()
    }

    /// The RCPT TO command, without CRLF.
    pub(crate) fn rcpt(&self) -> &str {
        self.lines[self.second..].trim_end()
    }

    /// MAIL FROM, RCPT TO and DATA as one group (RFC 2920), each with CRLF.
    pub(crate) fn group(mut self) -> Vec<u8> {
        self.lines.push_str("DATA\r\n");
        self.lines.into_bytes()
    }
}

/// The message up to its first empty line.
fn header(message: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(b'\n', message)
        .find(|&at| matches!(&message[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
        .unwrap_or(message.len());
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(from: &str, to: &str, message: &str, offer: &Offer) -> Result<String, FailureCode> {
        let mail = Mail { from: from.into(), to: to.into(), message: message.as_bytes().into() };
        Envelope::new(&mail, offer).map(|e| format!("{} | {}", e.mail(), e.rcpt())).map_err(|f| f.code)
    }

    #[test]
    fn an_envelope_has_the_parameters_that_the_server_offers() {
        let plain = Offer::default();
        let full = Offer { size: Some(0), eight_bit: true, smtputf8: true, ..Offer::default() };
        let check = |from, to, message, offer: &Offer, want: Result<&str, FailureCode>| {
            assert_eq!(envelope(from, to, message, offer), want.map(str::to_owned), "{from} {to}");
        };
        check("a@x.test", "b@y.test", "hi", &plain, Ok("MAIL FROM:<a@x.test> | RCPT TO:<b@y.test>"));
        check("a@x.test", "b@y.test", "hi", &full, Ok("MAIL FROM:<a@x.test> SIZE=2 | RCPT TO:<b@y.test>"));
        check(
            "a@x.test",
            "b@y.test",
            "S: x\n\n\u{e9}",
            &full,
            Ok("MAIL FROM:<a@x.test> SIZE=8 BODY=8BITMIME | RCPT TO:<b@y.test>"),
        );
        check(
            "a@x.test",
            "\u{fc}@y.test",
            "hi",
            &full,
            Ok("MAIL FROM:<a@x.test> SIZE=2 SMTPUTF8 | RCPT TO:<\u{fc}@y.test>"),
        );
        check(
            "a@x.test",
            "b@m\u{fc}nchen.test",
            "hi",
            &plain,
            Ok("MAIL FROM:<a@x.test> | RCPT TO:<b@xn--mnchen-3ya.test>"),
        );
        check("a@x.test", "\u{fc}@y.test", "hi", &plain, Err(FailureCode::RecipientNeedsSmtputf8));
        check("\u{fc}@x.test", "b@y.test", "hi", &plain, Err(FailureCode::SenderNeedsSmtputf8));
        for quoted in [
            r#""ann b"@x.test"#,
            r#""xxx.yyy."@x.test"#,
            r#""a>b"@x.test"#,
            r#""a@b"@x.test"#,
            r#""a\"b\\"@x.test"#,
            r#""a,b;c:(d)[e]"@x.test"#,
            r#"".a..b"@x.test"#,
            r#"" "@x.test"#,
        ] {
            let want = format!("MAIL FROM:<{quoted}> | RCPT TO:<{quoted}>");
            check(quoted, quoted, "hi", &plain, Ok(&want));
        }
        for bad in
            ["b@y.test>\r\nRCPT TO:<c@z.test", "b", "", "b@y.test\n", "\"a\nb\"@y.test", "b@y.test SIZE=1"]
        {
            check("a@x.test", bad, "hi", &full, Err(FailureCode::RecipientRejected));
        }
    }
}
