//! A batch over one connection: in groups (RFC 2920) where the server takes them, a mail's body and the next envelope
//! being one group, so that a mail costs one round trip.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::envelope::Envelope;
use super::session::{Carrier, Session};
use super::transaction::{Opened, unknown};
use super::{Gate, Mail, Outcome, classify, encode};
use crate::domain::failure::{Failure, FailureCode, Stage};

/// How a batch ended on one connection.
pub(crate) struct Ending<S> {
    /// The connection, if another mail may go over it.
    pub(crate) session: Option<Session<S>>,
    /// Whether a transaction may be open, so that RSET must come first.
    pub(crate) stale: bool,
    /// The mail whose envelope was under way when the connection failed, and how. Its dot has not left.
    pub(crate) lost: Option<(usize, Failure)>,
    /// How many mails were accepted or refused by the server.
    pub(crate) answered: usize,
}

/// Where a batch gets its connections from, and leaves them.
pub(crate) trait Connections {
    /// What they run over.
    type Stream: Carrier;

    /// A kept connection, or else a new one.
    async fn take(&mut self) -> Result<Connection<Self::Stream>, Failure>;

    /// Takes back a connection whose replies are in step.
    fn put(&mut self, session: Session<Self::Stream>, stale: bool);

    /// Whether this server has shown that it does not do what its PIPELINING promises.
    fn stepwise(&self) -> bool;

    /// It has now.
    fn set_stepwise(&mut self);
}

/// A connection to send over.
pub(crate) struct Connection<S> {
    pub(crate) session: Session<S>,
    /// Whether RSET must come first.
    pub(crate) stale: bool,
    /// Whether it was kept from an earlier batch.
    pub(crate) reused: bool,
}

/// Sends a batch: one result a mail, in their order. A lost connection fails what it carried; the rest goes over a
/// new one.
pub(crate) async fn deliver<C: Connections>(
    connections: &mut C,
    mails: &[Mail],
    gate: &dyn Gate,
) -> Vec<Outcome> {
    let mut results: Vec<Outcome> = vec![None; mails.len()];
    let mut queue: VecDeque<usize> = (0..mails.len()).collect();
    // A mail whose envelope was lost gets one more try, without pipelining.
    let mut tried_again = vec![false; mails.len()];
    let mut pipeline = !connections.stepwise();

    while !queue.is_empty() {
        let Connection { session, stale, reused } = match connections.take().await {
            Ok(connection) => connection,
            Err(failure) => {
                for index in queue.drain(..) {
                    results[index] = Some(Err(failure.clone()));
                }
                break;
            }
        };
        let ending = session.send(mails, &mut queue, gate, &mut results, pipeline, stale).await;
        if let Some(session) = ending.session {
            connections.put(session, ending.stale);
        }
        let Some((index, failure)) = ending.lost else { continue };
        // A kept connection that was closed meanwhile says nothing about the mail or the server.
        if reused && ending.answered == 0 {
            queue.push_front(index);
            continue;
        }
        if std::mem::replace(&mut tried_again[index], true) {
            results[index] = Some(Err(failure));
        } else {
            // Without a reply to a group the server may not have read all of it, whatever it offers.
            if pipeline
                && matches!(failure.code, FailureCode::ProtocolTimeout | FailureCode::ProtocolDisconnected)
            {
                pipeline = false;
            }
            queue.push_front(index);
        }
    }
    if !pipeline && results.iter().any(|result| matches!(result, Some(Ok(_)))) {
        connections.set_stepwise();
    }
    results
}

impl<S: Carrier> Session<S> {
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
    ) -> Ending<S> {
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
                // Haraka runs no command that it got before it had answered the body (GHSA-rp4q-8m6x-c43c), RFC
                // 2920 or not: it has said nothing of this mail.
                Ok(Opened::Refused(failure))
                    if in_flight && failure.reply.as_ref().is_some_and(|reply| reply.code == 503) =>
                {
                    self.takes_ahead = false;
                    queue.push_front(index);
                    continue;
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
            if pipeline && self.takes_ahead && self.room > 0 {
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
}

/// Puts a mail whose envelope is lost without consequences back in front.
fn put_back(queue: &mut VecDeque<usize>, index: Option<usize>) {
    if let Some(index) = index {
        queue.push_front(index);
    }
}
