//! Mail transactions up to the body: step by step for a test or a server without PIPELINING, MAIL, RCPT and DATA in
//! one group (RFC 2920) otherwise.

use tokio::time::Instant;

use super::envelope::Envelope;
use super::line::Trouble;
use super::session::{Carrier, Session};
use super::{Mail, classify, encode};
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};

/// How one mail's envelope went.
pub(crate) enum Opened {
    /// DATA got its 354: the body is due.
    Ready,
    /// Refused; the connection is in step.
    Refused(Failure),
    /// Refused, and the connection is of no further use.
    RefusedAndBroken(Failure),
}

impl<S: Carrier> Session<S> {
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

    /// The body, then, if the server is still listening, the dot, for a single mail after [`Session::data`].
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
    pub(crate) async fn spoke_too_soon(&mut self, stage: Stage) -> Failure {
        let until = self.limits.until(self.limits.timeouts.command);
        match self.wire.reply(until).await {
            Ok(reply) => classify::refusal(stage, reply, false),
            Err(trouble) => classify::trouble(stage, trouble),
        }
    }

    /// The reply after the final dot. Without a readable one nobody knows what became of the mail.
    pub(crate) async fn final_reply(&mut self) -> Result<Reply, Failure> {
        let until = self.limits.until(self.limits.timeouts.done);
        let reply = self.wire.reply(until).await.map_err(|_| unknown())?;
        match reply.code {
            200..=299 => Ok(reply),
            400..=599 => Err(classify::refusal(Stage::Message, reply, false)),
            _ => Err(unknown()),
        }
    }

    /// One command after the other. `Err` when the connection failed.
    pub(crate) async fn open_stepwise(
        &mut self,
        envelope: &Envelope,
        stale: bool,
    ) -> Result<Opened, Failure> {
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
    pub(crate) async fn open_grouped(
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

pub(crate) fn unknown() -> Failure {
    Failure { stage: Stage::Message, code: FailureCode::MessageUnknown, reply: None }
}
