//! Mail transactions: step by step for a test or a server without PIPELINING, in groups (RFC 2920) otherwise. In
//! a batch a mail's body and the next envelope are one group, so that a mail costs one round trip.

use std::collections::VecDeque;
use std::str::FromStr;

use lettre::Address;
use tokio::time::Instant;

use super::capabilities::Offer;
use super::line::Trouble;
use super::session::Secure;
use super::{Gate, Mail, classify, encode};
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};

/// What came of one mail: the server's reply when it was accepted, the failure when not, `None` when the gate
/// left it out.
pub(crate) type Outcome = Option<Result<Reply, Failure>>;

/// The commands of one envelope, ready to be written.
pub(crate) struct Envelope {
    mail: String,
    rcpt: String,
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

    fn append_to(&self, group: &mut Vec<u8>) {
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

/// How one mail's envelope went.
enum Opened {
    /// DATA got its 354: the body is due.
    Ready,
    /// Refused; the connection is in step.
    Refused(Failure),
    /// Refused, and the connection is of no further use.
    RefusedAndBroken(Failure),
}

/// How a batch ended on one connection.
pub(crate) struct Ending {
    /// The connection, if another mail may go over it.
    pub(crate) session: Option<Secure>,
    /// Whether a transaction may be open, so that RSET must come first.
    pub(crate) stale: bool,
    /// The mail whose envelope was under way when the connection failed, and how. Its dot has not left.
    pub(crate) lost: Option<(usize, Failure)>,
    /// How many mails were accepted or refused by the server.
    pub(crate) answered: usize,
}

impl Secure {
    /// MAIL FROM alone.
    pub(crate) async fn mail(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Sender, &envelope.mail).await?;
        accept(Stage::Sender, reply)
    }

    /// RCPT TO alone.
    pub(crate) async fn rcpt(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Recipient, &envelope.rcpt).await?;
        accept(Stage::Recipient, reply)
    }

    /// DATA alone.
    pub(crate) async fn data(&mut self) -> Result<(), Failure> {
        let reply = self.exchange(Stage::Message, "DATA").await?;
        if reply.code == 354 { Ok(()) } else { Err(classify::refusal(Stage::Message, reply, false)) }
    }

    /// The body, then, if the server is still listening, the dot, for a single mail after [`Secure::data`].
    /// Waiting until `quiet` between the two tells a server that went away after its 354 from one that went away
    /// after the dot, which costs time that only a test has.
    pub(crate) async fn body(&mut self, mail: &Mail, quiet: Instant) -> Result<Reply, Failure> {
        let trouble = |trouble| classify::trouble(Stage::Message, trouble);
        let mut body = Vec::new();
        encode::encode(&mail.message, &mut body);
        if self.wire.is_noting() {
            self.wire.note(&format!("<message, {} octets>", body.len()));
        }
        let until = self.limits.until(self.limits.timeouts.data);
        self.wire.write(&body, until).await.map_err(trouble)?;
        if !self.wire.is_quiet(quiet).await {
            return Err(self.spoke_too_soon(Stage::Message).await);
        }
        self.wire.note(".");
        self.wire.write(b".\r\n", until).await.map_err(|_| unknown())?;
        self.final_reply().await
    }

    /// The server spoke or closed where it should have listened: nothing has left that it could deliver.
    async fn spoke_too_soon(&mut self, stage: Stage) -> Failure {
        let until = self.limits.until(self.limits.timeouts.command);
        match self.wire.reply(until).await {
            Ok(reply) => classify::refusal(stage, reply, false),
            Err(trouble) => classify::trouble(stage, trouble),
        }
    }

    /// The reply after the final dot. Without a readable one nobody knows what became of the mail.
    async fn final_reply(&mut self) -> Result<Reply, Failure> {
        let until = self.limits.until(self.limits.timeouts.done);
        let reply = self.wire.reply(until).await.map_err(|_| unknown())?;
        match reply.code {
            200..=299 => Ok(reply),
            400..=599 => Err(classify::refusal(Stage::Message, reply, false)),
            _ => Err(unknown()),
        }
    }

    /// Sends the mails of `queue` until it is empty or the connection is of no further use. Mails that are
    /// neither answered nor lost stay in the queue. With `pipeline` false every command waits for its reply.
    pub(crate) async fn send(
        mut self,
        mails: &[Mail],
        queue: &mut VecDeque<usize>,
        gate: &dyn Gate,
        results: &mut [Outcome],
        pipeline: bool,
        mut stale: bool,
    ) -> Ending {
        let pipeline = pipeline && self.offer.pipelining;
        let mut answered = 0;
        // The mail whose envelope is written already, together with the body before it.
        let mut ahead: Option<usize> = None;
        let mut group = Vec::new();
        loop {
            let (index, in_flight) = match ahead.take() {
                Some(index) => (index, true),
                None => match queue.pop_front() {
                    Some(index) if self.room > 0 => (index, false),
                    Some(index) => {
                        // The server's own limit is reached (RFC 9422): the rest takes another connection.
                        queue.push_front(index);
                        self.quit().await;
                        return Ending { session: None, stale, lost: None, answered };
                    }
                    None => return Ending { session: Some(self), stale, lost: None, answered },
                },
            };
            let mail = &mails[index];
            let envelope = match Envelope::new(mail, &self.offer) {
                Ok(envelope) => envelope,
                Err(failure) => {
                    results[index] = Some(Err(failure));
                    continue;
                }
            };
            self.room = self.room.saturating_sub(1);
            // Whatever a server says unasked answers nothing: with it in the buffer every reply would count for
            // the command before its own. A kept connection that was closed shows here too.
            if !in_flight && !self.wire.is_quiet(Instant::now()).await {
                let failure = self.spoke_too_soon(Stage::Sender).await;
                return Ending { session: None, stale: true, lost: Some((index, failure)), answered };
            }
            let opened = if pipeline {
                self.open_grouped(&envelope, in_flight, std::mem::take(&mut stale)).await
            } else {
                self.open_stepwise(&envelope, std::mem::take(&mut stale)).await
            };
            match opened {
                Err(failure) => {
                    return Ending { session: None, stale: true, lost: Some((index, failure)), answered };
                }
                // A 421 announces the end of the connection (RFC 5321 §3.8); after some mails that is the
                // server's way to say that they are enough for one.
                Ok(Opened::Refused(failure) | Opened::RefusedAndBroken(failure))
                    if answered > 0 && failure.reply.as_ref().is_some_and(|reply| reply.code == 421) =>
                {
                    return Ending { session: None, stale: true, lost: Some((index, failure)), answered };
                }
                Ok(Opened::Refused(failure)) => {
                    answered += 1;
                    results[index] = Some(Err(failure));
                    stale = true;
                    continue;
                }
                Ok(Opened::RefusedAndBroken(failure)) => {
                    results[index] = Some(Err(failure));
                    return Ending { session: None, stale: true, lost: None, answered: answered + 1 };
                }
                Ok(Opened::Ready) => {}
            }
            // DATA is open: a mail that may not leave now can only be left out by giving the connection up.
            if !gate.commit(index).await {
                return Ending { session: None, stale: true, lost: None, answered };
            }
            // The gate took its time; a server that went away meanwhile has not got the mail.
            if !self.wire.is_quiet(Instant::now()).await {
                let failure = self.spoke_too_soon(Stage::Message).await;
                return Ending { session: None, stale: true, lost: Some((index, failure)), answered };
            }
            group.clear();
            encode::encode(&mail.message, &mut group);
            let dot = group.len();
            group.extend_from_slice(b".\r\n");
            if pipeline && self.room > 0 {
                ahead = self.next_envelope(mails, queue, results, &mut group);
            }
            let until = self.limits.until(self.limits.timeouts.data);
            if let Err((trouble, dot_may_have_left)) = self.wire.write_with_dot(&group, dot, until).await {
                put_back(queue, ahead);
                if dot_may_have_left {
                    results[index] = Some(Err(unknown()));
                    return Ending { session: None, stale: true, lost: None, answered };
                }
                let failure = classify::trouble(Stage::Message, trouble);
                return Ending { session: None, stale: true, lost: Some((index, failure)), answered };
            }
            let result = self.final_reply().await;
            let broken = matches!(&result, Err(failure) if failure.code == FailureCode::MessageUnknown);
            results[index] = Some(result);
            answered += 1;
            if broken {
                put_back(queue, ahead);
                return Ending { session: None, stale: true, lost: None, answered };
            }
        }
    }

    /// Appends the next envelope to the group that ends the mail before it.
    fn next_envelope(
        &self,
        mails: &[Mail],
        queue: &mut VecDeque<usize>,
        results: &mut [Outcome],
        group: &mut Vec<u8>,
    ) -> Option<usize> {
        while let Some(index) = queue.pop_front() {
            match Envelope::new(&mails[index], &self.offer) {
                Ok(envelope) => {
                    envelope.append_to(group);
                    return Some(index);
                }
                Err(failure) => results[index] = Some(Err(failure)),
            }
        }
        None
    }

    /// One command after the other. `Err` when the connection failed.
    async fn open_stepwise(&mut self, envelope: &Envelope, stale: bool) -> Result<Opened, Failure> {
        if stale {
            accept(Stage::Sender, self.exchange(Stage::Sender, "RSET").await?)?;
        }
        for (stage, line) in [(Stage::Sender, &envelope.mail), (Stage::Recipient, &envelope.rcpt)] {
            let reply = self.exchange(stage, line).await?;
            if let Err(failure) = accept(stage, reply) {
                return Ok(sort(failure));
            }
        }
        match self.data().await {
            Ok(()) => Ok(Opened::Ready),
            // No reply at all is the connection's failure, not a refusal.
            Err(failure) if failure.reply.is_none() => Err(failure),
            Err(failure) => Ok(sort(failure)),
        }
    }

    /// MAIL, RCPT and DATA in one group, unless they are in flight already. All three replies are read before
    /// anything is decided, so that the two sides stay in step whatever the server makes of the group.
    async fn open_grouped(
        &mut self,
        envelope: &Envelope,
        in_flight: bool,
        stale: bool,
    ) -> Result<Opened, Failure> {
        let trouble = |stage| move |trouble: Trouble| classify::trouble(stage, trouble);
        let until = self.limits.until(self.limits.timeouts.command);
        if !in_flight {
            let mut group = Vec::new();
            if stale {
                group.extend_from_slice(b"RSET\r\n");
            }
            envelope.append_to(&mut group);
            self.wire.write(&group, until).await.map_err(trouble(Stage::Sender))?;
            if stale {
                let reply = self.wire.reply(until).await.map_err(trouble(Stage::Sender))?;
                if !reply.is_positive() {
                    return Err(classify::refusal(Stage::Sender, reply, false));
                }
            }
        }
        let mail = self.wire.reply(until).await.map_err(trouble(Stage::Sender))?;
        if mail.code == 421 {
            // Nothing follows but the end of the connection.
            return Ok(Opened::RefusedAndBroken(classify::refusal(Stage::Sender, mail, false)));
        }
        let rcpt = self.wire.reply(until).await.map_err(trouble(Stage::Recipient))?;
        if rcpt.code == 421 {
            let failure = match accept(Stage::Sender, mail) {
                Ok(_) => classify::refusal(Stage::Recipient, rcpt, false),
                Err(failure) => failure,
            };
            return Ok(Opened::RefusedAndBroken(failure));
        }
        let data = self.wire.reply(until).await.map_err(trouble(Stage::Message))?;
        let mail_refused = accept(Stage::Sender, mail).err();
        let rcpt_refused = accept(Stage::Recipient, rcpt).err();
        match (mail_refused, rcpt_refused, data.code) {
            (None, None, 354) => Ok(Opened::Ready),
            (None, None, _) => Ok(sort(classify::refusal(Stage::Message, data, false))),
            // Without a recipient there is nothing to deliver: a lone dot ends what the server has opened (RFC
            // 2920 §3.1), whatever it answers.
            (None, Some(failure), 354) => {
                self.wire.write(b".\r\n", until).await.map_err(trouble(Stage::Message))?;
                match self.wire.reply(until).await {
                    Ok(_) => Ok(sort(failure)),
                    Err(_) => Ok(Opened::RefusedAndBroken(failure)),
                }
            }
            // A server that refuses the sender and asks for the body all the same has lost its way.
            (Some(failure), _, 354) => Ok(Opened::RefusedAndBroken(failure)),
            (Some(failure), _, _) | (None, Some(failure), _) => Ok(sort(failure)),
        }
    }
}

/// A refusal that leaves the two sides out of step, as an unexpected class does, ends the connection; a 421
/// says that it does.
fn sort(failure: Failure) -> Opened {
    let closing = failure.reply.as_ref().is_some_and(|reply| reply.code == 421);
    if closing || failure.code == FailureCode::ProtocolMalformed {
        Opened::RefusedAndBroken(failure)
    } else {
        Opened::Refused(failure)
    }
}

fn accept(stage: Stage, reply: Reply) -> Result<Reply, Failure> {
    if reply.is_positive() { Ok(reply) } else { Err(classify::refusal(stage, reply, false)) }
}

fn unknown() -> Failure {
    Failure { stage: Stage::Message, code: FailureCode::MessageUnknown, reply: None }
}

/// Puts a mail whose envelope is lost without consequences back in front.
fn put_back(queue: &mut VecDeque<usize>, index: Option<usize>) {
    if let Some(index) = index {
        queue.push_front(index);
    }
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
