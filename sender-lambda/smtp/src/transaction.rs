//! The commands of a mail transaction: one at a time for a test or a server without PIPELINING, otherwise MAIL, RCPT and
//! DATA as one group (RFC 2920).

use std::ops::RangeInclusive;

use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};
use tokio::time::Instant;

use super::connection::ReadError;
use super::encode::Encoder;
use super::envelope::Envelope;
use super::session::{Carrier, Session};
use super::{Mail, classify};

/// The octets of a message that are encoded at a time, so that a connection needs no more memory for a longer message.
pub(crate) const PIECE: usize = 64 * 1024;
/// The codes of a reply that accepts MAIL or RCPT: x5x is about the mail (RFC 5321 §4.2.1), and 221 closes.
const POSITIVE: RangeInclusive<u16> = 250..=259;
/// The code of the reply that asks for the body after DATA.
const GO_ON: RangeInclusive<u16> = 354..=354;

/// The server's answer to one mail's envelope.
pub(crate) enum EnvelopeResult {
    /// The body is due.
    Ready,
    /// Refused. The replies are in step with the commands.
    Refused(Failure),
    /// Refused, and the connection is of no further use.
    RefusedAndBroken(Failure),
}

impl<S: Carrier> Session<S> {
    /// Sends MAIL FROM and reads its reply.
    pub(crate) async fn mail(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Sender, envelope.mail()).await?;
        self.accept(Stage::Sender, reply)
    }

    /// Sends RCPT TO and reads its reply.
    pub(crate) async fn rcpt(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Recipient, envelope.rcpt()).await?;
        self.accept(Stage::Recipient, reply)
    }

    /// Sends DATA and reads the 354.
    pub(crate) async fn data(&mut self) -> Result<(), Failure> {
        let reply = self.exchange(Stage::Message, "DATA").await?;
        if reply.code == 354 { Ok(()) } else { Err(self.refusal(Stage::Message, reply)) }
    }

    /// The body and the dot of a single mail, after [`Session::data`]. Between the two it listens until `quiet`: a server
    /// that closes there does not have the mail, where one that closes after the dot may have it. Only a test has time
    /// for that.
    pub(crate) async fn body(&mut self, mail: &Mail, quiet: Instant) -> Result<Reply, Failure> {
        let failure = |error| classify::read_error(Stage::Message, error);
        self.in_body = true;
        let mut encoder = Encoder::new(&mail.message);
        if self.connection.is_recording() {
            self.connection.record(&format!("<message, {} octets>", encoder.len()));
        }
        let until = self.limits.until(self.limits.timeouts.data);
        let (mut piece, mut more) = (Vec::new(), true);
        while more {
            piece.clear();
            more = encoder.fill(&mut piece, PIECE);
            self.connection.write(&piece, until).await.map_err(failure)?;
        }
        if !self.connection.is_quiet(quiet).await {
            return Err(self.unsolicited(Stage::Message).await);
        }
        self.connection.record(".");
        self.connection.write(b".\r\n", until).await.map_err(|_| unknown())?;
        let result = self.final_reply().await;
        self.in_body = false;
        result
    }

    /// The failure of a server that has sent something, or closed, where it should wait for the client. At no such place
    /// does the server have a whole mail.
    pub(crate) async fn unsolicited(&mut self, stage: Stage) -> Failure {
        let until = self.limits.until(self.limits.timeouts.command);
        match self.connection.reply(until).await {
            Ok(reply) => self.refusal(stage, reply),
            Err(error) => classify::read_error(stage, error),
        }
    }

    /// The reply after a mail's last octet. Without a readable one the mail is `message.unknown`: it may be delivered.
    pub(crate) async fn final_reply(&mut self) -> Result<Reply, Failure> {
        let until = self.limits.until(self.limits.timeouts.done);
        let reply = self.connection.reply(until).await.map_err(|_| unknown())?;
        match reply.code {
            200..=299 => Ok(reply),
            400..=599 => Err(self.refusal(Stage::Message, reply)),
            _ => Err(Failure { reply: Some(reply), ..unknown() }),
        }
    }

    fn accept(&self, stage: Stage, reply: Reply) -> Result<Reply, Failure> {
        if POSITIVE.contains(&reply.code) { Ok(reply) } else { Err(self.refusal(stage, reply)) }
    }

    /// Sends an envelope one command at a time. `Err` when the connection failed.
    pub(crate) async fn open_stepwise(&mut self, envelope: &Envelope) -> Result<EnvelopeResult, Failure> {
        if std::mem::take(&mut self.needs_rset) {
            let reply = self.exchange(Stage::Sender, "RSET").await?;
            self.accept(Stage::Sender, reply)?;
        }
        for (stage, line) in [(Stage::Sender, envelope.mail()), (Stage::Recipient, envelope.rcpt())] {
            let reply = self.exchange(stage, line).await?;
            if let Err(failure) = self.accept(stage, reply) {
                return Ok(refused(failure));
            }
        }
        // An unsolicited reply is no answer to DATA. As before MAIL and RCPT, `exchange` fails the connection for it.
        let reply = self.exchange(Stage::Message, "DATA").await?;
        if reply.code == 354 {
            return Ok(EnvelopeResult::Ready);
        }
        Ok(refused(self.refusal(Stage::Message, reply)))
    }

    /// Sends an envelope as one group (RFC 2920), behind RSET where that is due. `Err` when the connection failed.
    pub(crate) async fn open_grouped(&mut self, envelope: Envelope) -> Result<EnvelopeResult, Failure> {
        let failed = |error| classify::read_error(Stage::Sender, error);
        let until = self.limits.until(self.limits.timeouts.command);
        let needs_rset = std::mem::take(&mut self.needs_rset);
        let reset: &[u8] = if needs_rset { b"RSET\r\n" } else { b"" };
        let group = [reset, &envelope.group()].concat();
        self.connection.write(&group, until).await.map_err(failed)?;
        if needs_rset {
            let reply = self.connection.reply(until).await.map_err(failed)?;
            self.accept(Stage::Sender, reply)?;
        }
        self.envelope_replies(until).await
    }

    /// Reads the replies to an envelope's group. All of them are read before any of them counts, so that the replies stay
    /// in step with the commands whatever the server makes of the group.
    pub(crate) async fn envelope_replies(&mut self, until: Instant) -> Result<EnvelopeResult, Failure> {
        let failed = |stage| move |error: ReadError| classify::read_error(stage, error);
        let identity = &self.identity;
        let refusal = |stage| move |reply: Reply| identity.refusal(stage, reply);
        let mail = self.connection.expect(&POSITIVE, until).await.map_err(failed(Stage::Sender))?;
        let mail = mail.map_err(refusal(Stage::Sender));
        if let Err(failure) = &mail
            && is_closing(failure)
        {
            // The server closes now. There is no other reply to read.
            return Ok(EnvelopeResult::RefusedAndBroken(failure.clone()));
        }
        let rcpt = self.connection.expect(&POSITIVE, until).await.map_err(failed(Stage::Recipient))?;
        let rcpt = rcpt.map_err(refusal(Stage::Recipient));
        let closing = rcpt.as_ref().is_err_and(is_closing);
        let refused_by = match mail.and(rcpt).err() {
            Some(failure) if closing => return Ok(EnvelopeResult::RefusedAndBroken(failure)),
            refused_by => refused_by,
        };
        let data = self.connection.expect(&GO_ON, until).await.map_err(failed(Stage::Message))?;
        Ok(match (refused_by, data) {
            (None, Ok(_)) => EnvelopeResult::Ready,
            (None, Err(reply)) => refused(identity.refusal(Stage::Message, reply)),
            // Without a recipient there is nothing to deliver: a single dot ends the message that the server has asked
            // for (RFC 2920 §3.1), whatever the reply to it.
            (Some(failure), Ok(_)) if failure.stage == Stage::Recipient => {
                self.connection.write(b".\r\n", until).await.map_err(failed(Stage::Message))?;
                match self.connection.reply(until).await {
                    Ok(_) => refused(failure),
                    Err(_) => EnvelopeResult::RefusedAndBroken(failure),
                }
            }
            // A server that refuses the sender and still asks for the body is out of step.
            (Some(failure), Ok(_)) => EnvelopeResult::RefusedAndBroken(failure),
            (Some(failure), Err(_)) => refused(failure),
        })
    }
}

/// Sorts a refusal by what it does to the connection: after a reply of an unexpected class the two sides are out of step,
/// and after 421 the server closes.
fn refused(failure: Failure) -> EnvelopeResult {
    // A 5xx is in step, also where it refuses the command and not the address.
    let refused = failure.reply.as_ref().is_some_and(Reply::is_permanent);
    if is_closing(&failure) || (failure.code == FailureCode::ProtocolMalformed && !refused) {
        EnvelopeResult::RefusedAndBroken(failure)
    } else {
        EnvelopeResult::Refused(failure)
    }
}

/// Whether the server has announced that it closes the connection: 421 (RFC 5321 §3.8).
pub(crate) fn is_closing(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| reply.code == 421)
}

/// The failure of a mail that the server may or may not have.
pub(crate) fn unknown() -> Failure {
    Failure::new(Stage::Message, FailureCode::MessageUnknown)
}
