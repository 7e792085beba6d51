//! Mail transactions up to the body: step by step for a test or a server without PIPELINING, MAIL, RCPT and what
//! follows them in one group (RFC 2920) otherwise.

use std::ops::RangeInclusive;

use tokio::time::Instant;

use super::encode::Encoder;
use super::envelope::Envelope;
use super::line::ReadError;
use super::session::{Carrier, Session};
use super::{Mail, classify};
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};

/// How much of a message is encoded at a time: what a connection holds of a message, however long it is.
pub(crate) const PIECE: usize = 64 * 1024;
/// A reply that accepts.
pub(crate) const POSITIVE: RangeInclusive<u16> = 200..=299;
/// A reply that asks for the body.
const GO_ON: RangeInclusive<u16> = 354..=354;

/// How bodies go over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// After DATA, up to a dot.
    Data,
    /// By BDAT, if the server takes an empty chunk. A server that offers CHUNKING and does not have it would take the
    /// body for commands, so no body goes before that is known.
    BdatProbe,
    /// By BDAT: the envelope ends with RCPT, and no word of the body means anything.
    Bdat,
}

impl Body {
    /// What an envelope ends with.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Data => "DATA\r\n",
            Self::BdatProbe => "BDAT 0\r\n",
            Self::Bdat => "",
        }
    }
}

/// How one mail's envelope went.
pub(crate) enum EnvelopeResult {
    /// The body is due.
    Ready,
    /// The mail is fine and BDAT is not: it is to be opened anew, for DATA.
    NoBdat,
    /// Refused; the connection is in step.
    Refused(Failure),
    /// Refused, and the connection is of no further use.
    RefusedAndBroken(Failure),
}

impl<S: Carrier> Session<S> {
    /// MAIL FROM alone.
    pub(crate) async fn mail(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Sender, envelope.mail()).await?;
        accept(Stage::Sender, reply)
    }

    /// RCPT TO alone.
    pub(crate) async fn rcpt(&mut self, envelope: &Envelope) -> Result<Reply, Failure> {
        let reply = self.exchange(Stage::Recipient, envelope.rcpt()).await?;
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
        let failure = |error| classify::read_error(Stage::Message, error);
        let mut encoder = Encoder::for_data(&mail.message);
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
        self.final_reply().await
    }

    /// The server spoke or closed where it should have listened: nothing has left that it could deliver.
    pub(crate) async fn unsolicited(&mut self, stage: Stage) -> Failure {
        let until = self.limits.until(self.limits.timeouts.command);
        match self.connection.reply(until).await {
            Ok(reply) => classify::refusal(stage, reply, false),
            Err(error) => classify::read_error(stage, error),
        }
    }

    /// The reply after a mail's last octet. Without a readable one nobody knows what became of the mail.
    pub(crate) async fn final_reply(&mut self) -> Result<Reply, Failure> {
        let until = self.limits.until(self.limits.timeouts.done);
        let reply = self.connection.reply(until).await.map_err(|_| unknown())?;
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
    ) -> Result<EnvelopeResult, Failure> {
        if stale {
            accept(Stage::Sender, self.exchange(Stage::Sender, "RSET").await?)?;
        }
        for (stage, line) in [(Stage::Sender, envelope.mail()), (Stage::Recipient, envelope.rcpt())] {
            let reply = self.exchange(stage, line).await?;
            if let Err(failure) = accept(stage, reply) {
                return Ok(sort(failure));
            }
        }
        // A word that nobody asked for is no answer to DATA: as before MAIL and RCPT it ends the connection.
        let reply = self.exchange(Stage::Message, "DATA").await?;
        if reply.code == 354 {
            return Ok(EnvelopeResult::Ready);
        }
        Ok(sort(classify::refusal(Stage::Message, reply, false)))
    }

    /// An envelope in one group, unless it is in flight already. All its replies are read before anything is decided, so
    /// that the two sides stay in step whatever the server makes of the group.
    pub(crate) async fn open_grouped(
        &mut self,
        envelope: &Envelope,
        body: Body,
        in_flight: bool,
        stale: bool,
    ) -> Result<EnvelopeResult, Failure> {
        let failed = |stage| move |error: ReadError| classify::read_error(stage, error);
        let until = self.limits.until(self.limits.timeouts.command);
        if !in_flight {
            let reset: &[u8] = if stale { b"RSET\r\n" } else { b"" };
            let group = [reset, envelope.lines(), body.command().as_bytes()].concat();
            self.connection.write(&group, until).await.map_err(failed(Stage::Sender))?;
            if stale {
                let reply = self.connection.reply(until).await.map_err(failed(Stage::Sender))?;
                if !reply.is_positive() {
                    return Err(classify::refusal(Stage::Sender, reply, false));
                }
            }
        }
        let refusal = |stage| move |reply: Reply| classify::refusal(stage, reply, false);
        let mail = self.connection.expect(&POSITIVE, until).await.map_err(failed(Stage::Sender))?;
        let mail = mail.map_err(refusal(Stage::Sender));
        if let Err(failure) = &mail
            && is_closing(failure)
        {
            // Nothing follows but the end of the connection.
            return Ok(EnvelopeResult::RefusedAndBroken(failure.clone()));
        }
        let rcpt = self.connection.expect(&POSITIVE, until).await.map_err(failed(Stage::Recipient))?;
        let rcpt = rcpt.map_err(refusal(Stage::Recipient));
        let closing = rcpt.as_ref().is_err_and(is_closing);
        let refused = mail.and(rcpt).err();
        let last = match body {
            _ if closing => None,
            Body::Bdat => None,
            Body::Data => Some(self.connection.expect(&GO_ON, until).await),
            Body::BdatProbe => Some(self.connection.expect(&POSITIVE, until).await),
        };
        let last = last.transpose().map_err(failed(Stage::Message))?;
        Ok(match (refused, last) {
            (Some(failure), _) if closing => EnvelopeResult::RefusedAndBroken(failure),
            (None, None | Some(Ok(_))) => EnvelopeResult::Ready,
            (None, Some(Err(reply))) if body == Body::BdatProbe && reply.code != 421 => {
                EnvelopeResult::NoBdat
            }
            (None, Some(Err(reply))) => sort(classify::refusal(Stage::Message, reply, false)),
            // Without a recipient there is nothing to deliver: a lone dot ends what the server has opened (RFC
            // 2920 §3.1), whatever it answers.
            (Some(failure), Some(Ok(_))) if body == Body::Data && failure.stage == Stage::Recipient => {
                self.connection.write(b".\r\n", until).await.map_err(failed(Stage::Message))?;
                match self.connection.reply(until).await {
                    Ok(_) => sort(failure),
                    Err(_) => EnvelopeResult::RefusedAndBroken(failure),
                }
            }
            // A server that refuses the sender and asks for the body all the same has lost its way.
            (Some(failure), Some(Ok(_))) if body == Body::Data => EnvelopeResult::RefusedAndBroken(failure),
            (Some(failure), _) => sort(failure),
        })
    }
}

/// A refusal that leaves the two sides out of step, as an unexpected class does, ends the connection; a 421
/// says that it does.
fn sort(failure: Failure) -> EnvelopeResult {
    if is_closing(&failure) || failure.code == FailureCode::ProtocolMalformed {
        EnvelopeResult::RefusedAndBroken(failure)
    } else {
        EnvelopeResult::Refused(failure)
    }
}

/// Whether the server has announced the end of the connection (RFC 5321 §3.8).
pub(crate) fn is_closing(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| reply.code == 421)
}

fn accept(stage: Stage, reply: Reply) -> Result<Reply, Failure> {
    if reply.is_positive() { Ok(reply) } else { Err(classify::refusal(stage, reply, false)) }
}

pub(crate) fn unknown() -> Failure {
    Failure { stage: Stage::Message, code: FailureCode::MessageUnknown, reply: None }
}
