//! A batch over one connection after the other: in groups (RFC 2920) where the server takes them, a mail's body and the
//! next envelope being one group, so that a mail costs one round trip.

use std::collections::VecDeque;

use super::encode::Encoder;
use super::envelope::Envelope;
use super::line::ReadError;
use super::session::{Carrier, Session};
use super::transaction::{Body, EnvelopeResult, PIECE, is_closing, unknown};
use super::{BeforeCommit, Mail, MailResult, classify};
use crate::domain::failure::{Failure, FailureCode, Stage};

/// Where a batch gets its connections from, and leaves them.
pub(crate) trait SessionSource {
    /// What they run over.
    type Stream: Carrier;

    /// A kept connection, or else a new one.
    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure>;

    /// Takes back a connection whose replies are in step.
    fn put(&mut self, session: Session<Self::Stream>, stale: bool);

    /// What is known of the server from earlier batches.
    fn quirks(&self) -> Quirks;

    /// More is known now.
    fn learn(&mut self, quirks: Quirks);

    /// The most mails in flight at a time where the server takes BDAT.
    fn window(&self) -> usize;
}

/// A connection to send over.
pub(crate) struct OpenSession<S> {
    pub(crate) session: Session<S>,
    /// Whether RSET must come first.
    pub(crate) stale: bool,
    /// Whether it was kept from an earlier batch.
    pub(crate) reused: bool,
}

/// What a server has shown not to keep to, of what it offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// PIPELINING: every command waits for its reply.
    pub(crate) no_pipelining: bool,
    /// CHUNKING: bodies go by DATA.
    pub(crate) no_bdat: bool,
}

/// The mails of a batch and how far they are.
pub(crate) struct Batch<'a> {
    pub(super) mails: &'a [Mail],
    pub(super) gate: &'a dyn BeforeCommit,
    /// Those that are neither answered nor lost.
    pub(super) queue: VecDeque<usize>,
    pub(super) results: Vec<MailResult>,
}

/// How a batch ended on one connection.
pub(crate) struct BatchEnd<S> {
    /// The connection, if another mail may go over it.
    pub(crate) session: Option<Session<S>>,
    /// Whether a transaction may be open, so that RSET must come first.
    pub(crate) stale: bool,
    /// The mail that was under way when the connection failed, and how. Its last octet has not left.
    pub(crate) lost: Option<(usize, Failure)>,
    /// How many mails were accepted or refused by the server.
    pub(crate) answered: usize,
}

impl<S> BatchEnd<S> {
    /// With a connection that is of no further use.
    pub(super) fn broken(lost: Option<(usize, Failure)>, answered: usize) -> Self {
        Self { session: None, stale: true, lost, answered }
    }
}

/// Sends a batch: one result a mail, in their order. A lost connection fails what it carried; the rest goes over a
/// new one.
pub(crate) async fn deliver<C: SessionSource>(
    connections: &mut C,
    mails: &[Mail],
    gate: &dyn BeforeCommit,
) -> Vec<MailResult> {
    let mut batch =
        Batch { mails, gate, queue: (0..mails.len()).collect(), results: vec![None; mails.len()] };
    // A mail whose envelope was lost gets one more try, without pipelining.
    let mut tried_again = vec![false; mails.len()];
    let known = connections.quirks();
    let mut quirks = known;

    while !batch.queue.is_empty() && !gate.deadline_passed() {
        let OpenSession { session, stale, reused } = match connections.take().await {
            Ok(connection) => connection,
            Err(failure) => {
                for index in batch.queue.drain(..) {
                    batch.results[index] = Some(Err(failure.clone()));
                }
                break;
            }
        };
        let ending = session.send(&mut batch, &mut quirks, connections.window(), stale).await;
        if let Some(session) = ending.session {
            connections.put(session, ending.stale);
        }
        let Some((index, failure)) = ending.lost else { continue };
        // A kept connection that was closed meanwhile says nothing about the mail or the server.
        if reused && ending.answered == 0 {
            batch.queue.push_front(index);
            continue;
        }
        if std::mem::replace(&mut tried_again[index], true) {
            batch.results[index] = Some(Err(failure));
        } else {
            // Without a reply to its first group the server may not have read all of it, whatever it offers; one that
            // has answered some keeps to it, and only goes away.
            let silent =
                matches!(failure.code, FailureCode::ProtocolTimeout | FailureCode::ProtocolDisconnected);
            quirks.no_pipelining |= silent && ending.answered == 0;
            batch.queue.push_front(index);
        }
    }
    if quirks != known && batch.results.iter().any(|result| matches!(result, Some(Ok(_)))) {
        connections.learn(quirks);
    }
    batch.results
}

impl<S: Carrier> Session<S> {
    /// Sends the mails of the batch until there are no more or the connection is of no further use. Mails that are
    /// neither answered nor lost stay in its queue.
    pub(crate) async fn send(
        mut self,
        batch: &mut Batch<'_>,
        quirks: &mut Quirks,
        window: usize,
        mut stale: bool,
    ) -> BatchEnd<S> {
        let pipeline = !quirks.no_pipelining && self.offer.pipelining;
        let mut body = self.body_for(batch, *quirks);
        let mut answered = 0;
        // The mail whose envelope is written already, together with the body before it.
        let mut ahead: Option<usize> = None;
        // Whether the body before it was refused.
        let mut after_refusal = false;
        loop {
            if body == Body::Bdat && window > 1 {
                return self.send_window(batch, quirks, window, stale, answered).await;
            }
            let (index, in_flight) = match ahead.take() {
                Some(index) => (index, true),
                None if batch.gate.deadline_passed() => {
                    return BatchEnd { session: Some(self), stale, lost: None, answered };
                }
                None => match batch.queue.pop_front() {
                    Some(index) if self.remaining > 0 => (index, false),
                    Some(index) => {
                        // The server's own limit is reached (RFC 9422): the rest takes another connection.
                        batch.queue.push_front(index);
                        self.quit().await;
                        return BatchEnd { session: None, stale, lost: None, answered };
                    }
                    None => return BatchEnd { session: Some(self), stale, lost: None, answered },
                },
            };
            let envelope = match Envelope::new(&batch.mails[index], &self.offer) {
                Ok(envelope) => envelope,
                Err(failure) => {
                    batch.results[index] = Some(Err(failure));
                    continue;
                }
            };
            self.remaining = self.remaining.saturating_sub(1);
            // Whatever a server says unasked answers nothing: with it in the buffer every reply would count for
            // the command before its own. A kept connection that was closed shows here too.
            if !in_flight && !self.connection.is_quiet_now().await {
                let failure = self.unsolicited(Stage::Sender).await;
                return BatchEnd::broken(Some((index, failure)), answered);
            }
            let opened = if pipeline {
                self.open_grouped(&envelope, body, in_flight, std::mem::take(&mut stale)).await
            } else {
                self.open_stepwise(&envelope, std::mem::take(&mut stale)).await
            };
            match opened {
                Err(failure) => return BatchEnd::broken(Some((index, failure)), answered),
                // After some mails a 421 is the server's way to say that they are enough for one connection.
                Ok(EnvelopeResult::Refused(failure) | EnvelopeResult::RefusedAndBroken(failure))
                    if answered > 0 && is_closing(&failure) =>
                {
                    return BatchEnd::broken(Some((index, failure)), answered);
                }
                // It has said nothing of this mail, only of the one before: behind a refused chunk a strict server
                // wants RSET (RFC 3030 §2), and Haraka runs no command that it got before it had answered the body
                // (GHSA-rp4q-8m6x-c43c), RFC 2920 or not.
                Ok(EnvelopeResult::Refused(failure)) if in_flight && is_bad_sequence(&failure) => {
                    if std::mem::take(&mut after_refusal) {
                        stale = true;
                    } else {
                        self.pipelines_envelope = false;
                    }
                    batch.queue.push_front(index);
                    self.remaining = self.remaining.saturating_add(1);
                    continue;
                }
                Ok(EnvelopeResult::Refused(failure)) => {
                    answered += 1;
                    batch.results[index] = Some(Err(failure));
                    stale = true;
                    continue;
                }
                Ok(EnvelopeResult::RefusedAndBroken(failure)) => {
                    batch.results[index] = Some(Err(failure));
                    return BatchEnd::broken(None, answered + 1);
                }
                Ok(EnvelopeResult::NoBdat) => {
                    (body, quirks.no_bdat) = (Body::Data, true);
                    batch.queue.push_front(index);
                    self.remaining = self.remaining.saturating_add(1);
                    stale = true;
                    continue;
                }
                Ok(EnvelopeResult::Ready) if body == Body::BdatProbe => body = Body::Bdat,
                Ok(EnvelopeResult::Ready) => {}
            }
            // Asked as late as can be, so that what counts as under way has hardly begun to leave.
            if batch.gate.deadline_passed() || !batch.gate.commit(index).await {
                if body == Body::Bdat {
                    stale = true;
                    continue;
                }
                // DATA is open: a mail that may not leave now can only be left out by giving the connection up.
                return BatchEnd::broken(None, answered);
            }
            // The gate took its time; a server that went away meanwhile has not got the mail.
            if !self.connection.is_quiet_now().await {
                let failure = self.unsolicited(Stage::Message).await;
                return BatchEnd::broken(Some((index, failure)), answered);
            }
            let mut tail = Vec::new();
            if pipeline
                && self.pipelines_envelope
                && self.remaining > 0
                && !batch.gate.deadline_passed()
                && (body == Body::Data || window == 1)
                && let Some((next, envelope)) = self.next_envelope(batch)
            {
                (tail, ahead) = (envelope.group(body), Some(next));
            }
            if let Err((error, may_have_left)) = self.write_body(&batch.mails[index], body, &tail).await {
                put_back(&mut batch.queue, ahead);
                if may_have_left {
                    batch.results[index] = Some(Err(unknown()));
                    return BatchEnd::broken(None, answered);
                }
                let failure = classify::read_error(Stage::Message, error);
                return BatchEnd::broken(Some((index, failure)), answered);
            }
            let result = self.final_reply().await;
            if body == Body::Bdat
                && let Err(failure) = &result
                && is_unsupported_command(failure)
            {
                // Whatever it has made of the body, it has not taken the mail; nor may it get more to misread.
                quirks.no_bdat = true;
                put_back(&mut batch.queue, ahead);
                return BatchEnd::broken(Some((index, failure.clone())), answered);
            }
            let broken = matches!(&result, Err(failure) if failure.code == FailureCode::MessageUnknown);
            after_refusal = body == Body::Bdat && result.is_err();
            batch.results[index] = Some(result);
            answered += 1;
            if broken {
                put_back(&mut batch.queue, ahead);
                return BatchEnd::broken(None, answered);
            }
        }
    }

    /// How the bodies of this batch go. A mail alone goes by DATA, as the test has proven that it can.
    fn body_for(&self, batch: &Batch<'_>, quirks: Quirks) -> Body {
        let takes_chunks = self.offer.chunking && self.offer.pipelining;
        if takes_chunks && quirks == Quirks::default() && batch.mails.len() > 1 {
            Body::BdatProbe
        } else {
            Body::Data
        }
    }

    /// Writes a message piece by piece, and `tail`, the next envelope, along with its last piece. On failure also says
    /// whether the message's last octet may have left.
    async fn write_body(&mut self, mail: &Mail, body: Body, tail: &[u8]) -> Result<(), (ReadError, bool)> {
        let until = self.limits.until(self.limits.timeouts.data);
        let mut group = std::mem::take(&mut self.out);
        group.clear();
        let mut encoder = if body == Body::Bdat {
            let encoder = Encoder::for_chunk(&mail.message);
            group.extend_from_slice(format!("BDAT {} LAST\r\n", encoder.len()).as_bytes());
            encoder
        } else {
            Encoder::for_data(&mail.message)
        };
        while encoder.fill(&mut group, PIECE) {
            self.connection.write(&group, until).await.map_err(|error| (error, false))?;
            group.clear();
        }
        if body != Body::Bdat {
            group.push(b'.');
        }
        let last = group.len().saturating_sub(1);
        if body != Body::Bdat {
            group.extend_from_slice(b"\r\n");
        }
        group.extend_from_slice(tail);
        let written = self.connection.write_with_end(&group, last, until).await;
        self.out = group;
        written
    }

    /// The next mail whose envelope can be written, and that.
    pub(super) fn next_envelope(&self, batch: &mut Batch<'_>) -> Option<(usize, Envelope)> {
        while let Some(index) = batch.queue.pop_front() {
            match Envelope::new(&batch.mails[index], &self.offer) {
                Ok(envelope) => return Some((index, envelope)),
                Err(failure) => batch.results[index] = Some(Err(failure)),
            }
        }
        None
    }
}

/// Whether an envelope was refused not for itself but for where it came.
pub(super) fn is_bad_sequence(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| reply.code == 503)
}

/// Whether a chunk was refused as a command that the server does not know or expect: not the mail, BDAT itself.
pub(super) fn is_unsupported_command(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| (500..=504).contains(&reply.code))
}

/// Puts a mail whose envelope is lost without consequences back in front.
fn put_back(queue: &mut VecDeque<usize>, index: Option<usize>) {
    if let Some(index) = index {
        queue.push_front(index);
    }
}
