//! An envelope's commands: MAIL FROM with the parameters that this server and this message need, and RCPT TO. Pure.

use std::str::FromStr;

use lettre::Address;

use super::Mail;
use super::capabilities::Offer;
use crate::domain::failure::{Failure, FailureCode, Stage};

/// The commands of one envelope, ready to be written.
pub(crate) struct Envelope {
    pub(crate) mail: String,
    pub(crate) rcpt: String,
}

/// An address as it goes between angle brackets, and whether that needs SMTPUTF8. `None` when it cannot go
/// there at all.
fn path(address: &str) -> Option<(String, bool)> {
    let parsed = Address::from_str(address).ok()?;
    let domain = parsed.domain();
    let domain =
        if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii_strict(domain).ok()? };
    // lettre takes a quoted local part; what would end the line or the path inside one goes nowhere.
    let local = parsed.user();
    if local.chars().chain(domain.chars()).any(|c| c.is_control() || matches!(c, '<' | '>')) {
        return None;
    }
    Some((format!("{local}@{domain}"), !local.is_ascii()))
}

impl Envelope {
    /// Builds the commands for what this server offers.
    pub(crate) fn new(mail: &Mail, offer: &Offer) -> Result<Self, Failure> {
        let fail = |stage, code| Failure { stage, code, reply: None };
        let (from, from_utf8) =
            path(&mail.from).ok_or_else(|| fail(Stage::Sender, FailureCode::SenderRejected))?;
        let (to, to_utf8) =
            path(&mail.to).ok_or_else(|| fail(Stage::Recipient, FailureCode::RecipientRejected))?;
        if from_utf8 && !offer.smtputf8 {
            return Err(fail(Stage::Sender, FailureCode::SenderRejected));
        }
        if to_utf8 && !offer.smtputf8 {
            return Err(fail(Stage::Recipient, FailureCode::RecipientRejected));
        }
        let mut command = format!("MAIL FROM:<{from}>");
        if offer.size.is_some() {
            use std::fmt::Write as _;
            let _ = write!(command, " SIZE={}", mail.message.len());
        }
        let eight_bit = !mail.message.is_ascii();
        if eight_bit && offer.eight_bit {
            command.push_str(" BODY=8BITMIME");
        }
        if offer.smtputf8 && (from_utf8 || to_utf8 || (eight_bit && !header(&mail.message).is_ascii())) {
            command.push_str(" SMTPUTF8");
        }
        Ok(Self { mail: command, rcpt: format!("RCPT TO:<{to}>") })
    }

    /// Appends MAIL, RCPT and DATA as one group.
    pub(crate) fn append_to(&self, group: &mut Vec<u8>) {
        for line in [&self.mail, &self.rcpt, "DATA"] {
            group.extend_from_slice(line.as_bytes());
            group.extend_from_slice(b"\r\n");
        }
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
        Envelope::new(&mail, offer).map(|e| format!("{} | {}", e.mail, e.rcpt)).map_err(|f| f.code)
    }

    #[test]
    fn envelopes() {
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
        check("a@x.test", "\u{fc}@y.test", "hi", &plain, Err(FailureCode::RecipientRejected));
        check("\u{fc}@x.test", "b@y.test", "hi", &plain, Err(FailureCode::SenderRejected));
        for bad in
            ["b@y.test>\r\nRCPT TO:<c@z.test", "b", "", "b@y.test\n", "\"a>b\"@y.test", "b@y.test SIZE=1"]
        {
            check("a@x.test", bad, "hi", &full, Err(FailureCode::RecipientRejected));
        }
    }
}
