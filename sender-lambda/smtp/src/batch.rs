//! A batch of mails over one connection after another. Where the server offers PIPELINING (RFC 2920) a mail's body and
//! the next mail's envelope leave in one write, so that a mail costs one round trip.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};

use super::connection::{BodyWriteError, ReadError};
use super::encode::Encoder;
use super::envelope::Envelope;
use super::session::{Carrier, Session};
use super::transaction::{EnvelopeResult, PIECE, is_closing, unknown};
use super::{BeforeCommit, Mail, MailResult, classify};

/// Gives a batch its sessions and takes them back: the pool, or a client for tests.
pub(crate) trait SessionSource {
    /// The stream under each session.
    type Stream: Carrier;

    /// A kept session, or else a new one.
    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure>;

    /// Takes back a session whose replies are in step with its commands.
    fn put(&mut self, session: Session<Self::Stream>);

    /// The server's quirks as earlier batches have found them.
    fn quirks(&self) -> Quirks;

    /// Keeps the quirks for later batches.
    fn learn(&mut self, quirks: Quirks);
}

/// A session to send over.
pub(crate) struct OpenSession<S> {
    pub(crate) session: Session<S>,
    /// Whether it was kept from an earlier batch, so that the server may have closed it since.
    pub(crate) reused: bool,
}

/// The extensions that a server offers and does not keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// PIPELINING fails: every command waits for its reply.
    pub(crate) no_pipelining: bool,
}

/// The mails of a batch, and the results so far.
pub(crate) struct Batch<'a> {
    mails: &'a [Mail],
    gate: &'a dyn BeforeCommit,
    /// The mails that have no result yet and are not under way, in the order in which they leave.
    queue: VecDeque<usize>,
    results: Vec<MailResult>,
    /// The mails that the gate has let through and that have no result yet. Each of them gets one: its caller counts it as
    /// under way.
    committed: BTreeSet<usize>,
    /// The failures that lost mails before their last octet had left, of mails without a result.
    lost: BTreeMap<usize, Failure>,
    /// The relay takes no more mails now, on whatever connection: it has answered nothing to a last octet, or 421 to the
    /// first mail of a connection. The mails left get no result: what is true of the relay is said once.
    stopped: bool,
}

impl<'a> Batch<'a> {
    fn new(mails: &'a [Mail], gate: &'a dyn BeforeCommit) -> Self {
        Self {
            mails,
            gate,
            queue: (0..mails.len()).collect(),
            results: vec![None; mails.len()],
            committed: BTreeSet::new(),
            lost: BTreeMap::new(),
            stopped: false,
        }
    }

    /// Asks the gate whether the mail may be committed.
    async fn commit(&mut self, index: usize) -> bool {
        let may = self.gate.commit(index).await;
        if may {
            self.committed.insert(index);
        } else if self.committed.contains(&index) {
            self.finish_lost(index);
        }
        may
    }

    /// Keeps the mail's result, and reports it to the gate at once.
    fn finish(&mut self, index: usize, result: Result<Reply, Failure>) {
        // Each further mail that meets the same silence is one more that a person has to decide about.
        self.stopped |= result.as_ref().is_err_and(|failure| failure.code == FailureCode::MessageUnknown);
        self.gate.finished(index, &result);
        self.committed.remove(&index);
        self.lost.remove(&index);
        self.results[index] = Some(result);
    }

    /// Ends a mail that was committed and has not left.
    fn finish_lost(&mut self, index: usize) {
        let cut = Failure::new(Stage::Message, FailureCode::ProtocolDisconnected);
        let failure = self.lost.remove(&index).unwrap_or(cut);
        self.finish(index, Err(failure));
    }

    /// The results. A mail that was committed and then left out has not left: it has the failure that lost it.
    fn into_results(mut self) -> Vec<MailResult> {
        while let Some(&index) = self.committed.first() {
            self.finish_lost(index);
        }
        self.results
    }
}

/// A mail that was under way when its connection failed. Its last octet has not left, so it may be sent again.
pub(crate) struct Lost {
    pub(crate) index: usize,
    pub(crate) failure: Failure,
}

/// How a batch ended on one connection.
pub(crate) struct BatchEnd<S> {
    /// The session, if another mail may go over it.
    pub(crate) session: Option<Session<S>>,
    pub(crate) lost: Option<Lost>,
    /// How many mails were accepted or refused by the server.
    pub(crate) answered: usize,
}

/// Why a batch leaves a connection.
enum End {
    /// No mail is left, or none may begin any more. The session is kept.
    Idle,
    /// The server takes no more mails on this connection (RFC 9422). The others take another one.
    Full,
    /// The connection is of no further use.
    Broken(Option<Lost>),
}

impl End {
    /// A broken connection that loses this mail.
    fn lost(index: usize, failure: Failure) -> Self {
        Self::Broken(Some(Lost { index, failure }))
    }

    /// Keeps, quits or drops the session, as this end requires.
    async fn leave<S: Carrier>(self, session: Session<S>, answered: usize) -> BatchEnd<S> {
        match self {
            Self::Idle => BatchEnd { session: Some(session), lost: None, answered },
            Self::Full => {
                Box::pin(session.quit()).await;
                BatchEnd { session: None, lost: None, answered }
            }
            Self::Broken(lost) => BatchEnd { session: None, lost, answered },
        }
    }
}

/// Sends a batch: one result for each mail, in their order. A connection that fails takes at most the mail under way
/// with it; the other mails go over a new one. They go over none once the relay has answered 4xx to a new connection or to
/// its first mail, or nothing to a mail's last octet: that is about the relay, so it is one mail's result.
pub(crate) async fn deliver<C: SessionSource>(
    source: &mut C,
    mails: &[Mail],
    gate: &dyn BeforeCommit,
) -> Vec<MailResult> {
    let mut batch = Batch::new(mails, gate);
    // A mail that was lost gets one more try.
    let mut tried_again = vec![false; mails.len()];
    let known = source.quirks();
    let mut quirks = known;

    while !batch.queue.is_empty() && !batch.stopped && !gate.deadline_passed() {
        let OpenSession { session, reused } = match source.take().await {
            Ok(session) => session,
            Err(failure) if failure.reply.as_ref().is_some_and(Reply::is_transient) => {
                if let Some(index) = batch.queue.pop_front() {
                    batch.finish(index, Err(failure));
                }
                break;
            }
            Err(failure) => {
                for index in std::mem::take(&mut batch.queue) {
                    batch.finish(index, Err(failure.clone()));
                }
                break;
            }
        };
        let end = session.send(&mut batch, quirks).await;
        if let Some(session) = end.session {
            if gate.keeps_connection() {
                source.put(session);
            } else {
                Box::pin(session.quit()).await;
            }
        }
        let Some(Lost { index, failure }) = end.lost else { continue };
        batch.lost.insert(index, failure.clone());
        // A kept connection that the server has closed since, with 421 or without, says nothing about the mail or the
        // server.
        if reused && end.answered == 0 {
            batch.queue.push_front(index);
            continue;
        }
        if is_closing(&failure) && end.answered == 0 {
            batch.finish(index, Err(failure));
            break;
        }
        if std::mem::replace(&mut tried_again[index], true) {
            batch.finish(index, Err(failure));
        } else {
            // A server that never replied to its first group may not have read all of it, whatever it offers. A server
            // that has replied to one takes groups, and only closes early.
            let silent =
                matches!(failure.code, FailureCode::ProtocolTimeout | FailureCode::ProtocolDisconnected);
            quirks.no_pipelining |= silent && end.answered == 0;
            batch.queue.push_front(index);
        }
    }
    if quirks != known && batch.results.iter().any(|result| matches!(result, Some(Ok(_)))) {
        source.learn(quirks);
    }
    batch.into_results()
}

/// The next step of a batch on its connection. A mail goes through [`Step::Envelope`] (or [`Step::EnvelopeAhead`]),
/// [`Step::Gate`], [`Step::Body`] and [`Step::Reply`], and every step says which one comes after it.
enum Step {
    /// Take the next mail from the queue.
    Take,
    /// Write this mail's envelope and read the replies to it.
    Envelope(usize, Envelope),
    /// Read the replies to an envelope that has left with the body before it.
    EnvelopeAhead(usize),
    /// Ask the gate whether the mail may be committed.
    Gate(usize),
    /// Write the body, and the next envelope behind it.
    Body(usize),
    /// Read the reply to the body.
    Reply(usize),
    /// Leave the connection for this reason.
    End(End),
}

/// A batch on one connection.
struct BatchRun<'a, 'b, S> {
    session: &'a mut Session<S>,
    batch: &'a mut Batch<'b>,
    /// Whether an envelope is written as one group (RFC 2920).
    pipelines: bool,
    /// The mail whose envelope has left with the body before it.
    ahead: Option<usize>,
    /// Whether the server has refused the body before.
    after_refusal: bool,
    /// How many mails were accepted or refused by the server.
    answered: usize,
}

impl<S: Carrier> Session<S> {
    /// Sends the mails of the batch until none is left or the connection is of no further use. The mails that are
    /// neither answered nor lost stay in the batch's queue.
    pub(crate) async fn send(mut self, batch: &mut Batch<'_>, quirks: Quirks) -> BatchEnd<S> {
        let pipelines = !quirks.no_pipelining && self.offer.pipelining;
        let mut run =
            BatchRun { session: &mut self, batch, pipelines, ahead: None, after_refusal: false, answered: 0 };
        let mut step = Step::Take;
        let end = loop {
            step = match step {
                Step::Take => run.take(),
                Step::Envelope(index, envelope) => run.envelope(index, envelope).await,
                Step::EnvelopeAhead(index) => run.envelope_ahead(index).await,
                Step::Gate(index) => run.gate(index).await,
                Step::Body(index) => run.body(index).await,
                Step::Reply(index) => run.reply(index).await,
                Step::End(end) => break end,
            };
        };
        let (ahead, answered) = (run.ahead, run.answered);
        if let Some(index) = ahead {
            // Its envelope is lost without consequences.
            batch.queue.push_front(index);
        }
        end.leave(self, answered).await
    }

    /// Writes a message piece by piece, and `tail`, the next envelope, along with its last piece.
    ///
    /// A server that speaks before the last piece has refused the message, or is out of step. The dot does not leave then,
    /// so that the server has no whole mail and no second reply of it can count for the next mail.
    async fn write_body(&mut self, mail: &Mail, tail: &[u8]) -> Result<(), BodyWriteError> {
        let until = self.limits.until(self.limits.timeouts.data);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let mut encoder = Encoder::new(&mail.message);
        while encoder.fill(&mut out, PIECE) {
            self.connection.write(&out, until).await.map_err(BodyWriteError::Incomplete)?;
            out.clear();
            if !self.connection.is_quiet_now().await {
                return Err(BodyWriteError::Interrupted);
            }
        }
        out.push(b'.');
        let last = out.len() - 1;
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(tail);
        let written = self.connection.write_with_end(&out, last, until).await;
        self.out = out;
        written
    }

    /// The next mail of the queue that has an envelope for this server. A mail without one gets its failure.
    fn next_envelope(&self, batch: &mut Batch<'_>) -> Option<(usize, Envelope)> {
        while let Some(index) = batch.queue.pop_front() {
            match Envelope::new(&batch.mails[index], &self.offer) {
                Ok(envelope) => return Some((index, envelope)),
                Err(failure) => batch.finish(index, Err(failure)),
            }
        }
        None
    }
}

impl<S: Carrier> BatchRun<'_, '_, S> {
    /// Takes the next mail: the one whose envelope has left already, or the first of the queue.
    fn take(&mut self) -> Step {
        if let Some(index) = self.ahead.take() {
            return Step::EnvelopeAhead(index);
        }
        if self.batch.gate.deadline_passed() {
            return Step::End(End::Idle);
        }
        let Some(index) = self.batch.queue.pop_front() else { return Step::End(End::Idle) };
        if self.session.remaining == 0 {
            self.batch.queue.push_front(index);
            return Step::End(End::Full);
        }
        match Envelope::new(&self.batch.mails[index], &self.session.offer) {
            Ok(envelope) => Step::Envelope(index, envelope),
            Err(failure) => {
                self.batch.finish(index, Err(failure));
                Step::Take
            }
        }
    }

    async fn envelope(&mut self, index: usize, envelope: Envelope) -> Step {
        self.session.remaining = self.session.remaining.saturating_sub(1);
        // An unsolicited reply in the buffer would count for this mail's first command, and every later reply for the
        // command before its own. A kept connection that the server has closed shows here too.
        if !self.session.connection.is_quiet_now().await {
            let failure = self.session.unsolicited(Stage::Sender).await;
            return Step::End(End::lost(index, failure));
        }
        let result = if self.pipelines {
            self.session.open_grouped(envelope).await
        } else {
            self.session.open_stepwise(&envelope).await
        };
        self.after_envelope(index, result)
    }

    async fn envelope_ahead(&mut self, index: usize) -> Step {
        self.session.remaining = self.session.remaining.saturating_sub(1);
        let until = self.session.limits.until(self.session.limits.timeouts.command);
        match self.session.envelope_replies(until).await {
            // 503 to an envelope that went ahead means "not after the body before", so this mail goes again by itself. The
            // server runs no command that it got before it had answered the body, as Haraka does (GHSA-rp4q-8m6x-c43c),
            // whatever RFC 2920 says.
            Ok(EnvelopeResult::Refused(failure)) if is_bad_sequence(&failure) => {
                self.session.pipelines_envelope = false;
                self.put_back(index);
                Step::Take
            }
            // Behind a refused body this may be that refusal once more: some servers refuse in the middle of the body, and
            // again after the dot. It is no verdict about this mail, which goes over another connection.
            Ok(EnvelopeResult::Refused(failure) | EnvelopeResult::RefusedAndBroken(failure))
                if self.after_refusal && failure.stage == Stage::Sender =>
            {
                self.put_back(index);
                Step::End(End::Broken(None))
            }
            result => self.after_envelope(index, result),
        }
    }

    /// The step after the replies to an envelope.
    fn after_envelope(&mut self, index: usize, result: Result<EnvelopeResult, Failure>) -> Step {
        match result {
            Err(failure) => Step::End(End::lost(index, failure)),
            // After some mails 421 means that they are enough for one connection; to the first, that the relay takes none
            // now.
            Ok(EnvelopeResult::Refused(failure) | EnvelopeResult::RefusedAndBroken(failure))
                if is_closing(&failure) =>
            {
                Step::End(End::lost(index, failure))
            }
            Ok(EnvelopeResult::Refused(failure)) => {
                self.batch.finish(index, Err(failure));
                self.answered += 1;
                self.session.needs_rset = true;
                Step::Take
            }
            Ok(EnvelopeResult::RefusedAndBroken(failure)) => {
                self.batch.finish(index, Err(failure));
                self.answered += 1;
                Step::End(End::Broken(None))
            }
            Ok(EnvelopeResult::Ready) => Step::Gate(index),
        }
    }

    /// Asks the gate as late as possible: a mail that counts as committed leaves at once.
    async fn gate(&mut self, index: usize) -> Step {
        if self.batch.gate.deadline_passed() || !self.batch.commit(index).await {
            // After DATA the server waits for a message: to leave this one out, the connection must go.
            return Step::End(End::Broken(None));
        }
        // The gate took its time. A server that has closed meanwhile does not have the mail.
        if !self.session.connection.is_quiet_now().await {
            let failure = self.session.unsolicited(Stage::Message).await;
            return Step::End(End::lost(index, failure));
        }
        Step::Body(index)
    }

    async fn body(&mut self, index: usize) -> Step {
        let tail = self.next_group();
        match self.session.write_body(&self.batch.mails[index], &tail).await {
            Ok(()) => Step::Reply(index),
            Err(BodyWriteError::Interrupted | BodyWriteError::Incomplete(ReadError::Closed)) => {
                let failure = self.session.unsolicited(Stage::Message).await;
                if is_closing(&failure)
                    || !failure
                        .reply
                        .as_ref()
                        .is_some_and(|reply| reply.is_transient() || reply.is_permanent())
                {
                    return Step::End(End::lost(index, failure));
                }
                self.batch.finish(index, Err(failure));
                self.answered += 1;
                Step::End(End::Broken(None))
            }
            Err(BodyWriteError::Incomplete(error)) => {
                Step::End(End::lost(index, classify::read_error(Stage::Message, error)))
            }
            Err(BodyWriteError::InDoubt) => {
                self.batch.finish(index, Err(unknown()));
                Step::End(End::Broken(None))
            }
        }
    }

    /// The next envelope's group, if it may leave with the body; empty if not.
    fn next_group(&mut self) -> Vec<u8> {
        if self.pipelines
            && self.session.pipelines_envelope
            && self.session.remaining > 0
            && !self.batch.gate.deadline_passed()
            && let Some((next, envelope)) = self.session.next_envelope(self.batch)
        {
            self.ahead = Some(next);
            return envelope.group();
        }
        Vec::new()
    }

    async fn reply(&mut self, index: usize) -> Step {
        let result = self.session.final_reply().await;
        let in_doubt = matches!(&result, Err(failure) if failure.code == FailureCode::MessageUnknown);
        self.after_refusal = result.is_err();
        // The reply to RSET shows whether the refusal came a second time.
        self.session.needs_rset |= self.after_refusal && self.ahead.is_none();
        self.batch.finish(index, result);
        self.answered += 1;
        if in_doubt { Step::End(End::Broken(None)) } else { Step::Take }
    }

    /// Puts a mail that the server has not judged back in front of the queue.
    fn put_back(&mut self, index: usize) {
        self.batch.queue.push_front(index);
        self.session.remaining = self.session.remaining.saturating_add(1);
    }
}

/// Whether an envelope was refused for its place among the commands: 503, "bad sequence of commands".
fn is_bad_sequence(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| reply.code == 503)
}
