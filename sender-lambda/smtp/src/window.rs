//! Several mails in flight on one connection. MAIL, RCPT and BDAT with the body leave as one group (RFC 3030 §4.2), and
//! up to `window` such groups wait for their replies. Off unless asked for: every mail in flight when a connection breaks
//! is `message.unknown`.

use std::collections::VecDeque;
use std::io::Write as _;

use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};

use super::batch::{Batch, BatchEnd, End, Lost, Quirks, is_bad_sequence, is_unsupported_command};
use super::classify;
use super::connection::ReadError;
use super::encode::Encoder;
use super::session::{Carrier, Session};
use super::transaction::{PIECE, POSITIVE, is_closing, unknown};

/// The number of replies to a mail in flight: to MAIL, to RCPT and to its chunk.
const REPLIES: usize = 3;

/// The server's answer to one mail in flight.
struct Answer {
    result: Result<Reply, Failure>,
    /// Whether the next replies still belong to the next mails.
    in_step: bool,
}

/// The next step of a batch with several mails in flight.
enum Step {
    /// Nothing is in flight: end, or make the session ready for more.
    Start,
    /// Write mails until the window is full.
    Fill,
    /// Read the replies to the oldest mail in flight.
    Reply,
    /// Leave the connection for this reason.
    End(End),
}

/// A batch on one connection with up to `window` mails in flight.
struct WindowRun<'a, 'b, S> {
    session: &'a mut Session<S>,
    batch: &'a mut Batch<'b>,
    quirks: &'a mut Quirks,
    /// The most mails in flight at a time.
    window: usize,
    /// The mails whose replies are due, oldest first.
    in_flight: VecDeque<usize>,
    /// The mail that a failed write has cut short. Nothing is written after it.
    cut_short: Option<Lost>,
    /// Mails refused only for coming behind a refused one. They go again after RSET, once nothing is in flight.
    after_rset: Vec<usize>,
    /// Whether the server has refused the mail before.
    after_refusal: bool,
    /// How many mails were accepted or refused by the server.
    answered: usize,
}

impl<S: Carrier> Session<S> {
    /// Sends the mails as [`Session::send`] does, with several in flight. The server has taken an empty BDAT before.
    pub(super) async fn send_window(
        mut self,
        batch: &mut Batch<'_>,
        quirks: &mut Quirks,
        window: usize,
        answered: usize,
    ) -> BatchEnd<S> {
        let mut run = WindowRun {
            session: &mut self,
            batch,
            quirks,
            window,
            in_flight: VecDeque::new(),
            cut_short: None,
            after_rset: Vec::new(),
            after_refusal: false,
            answered,
        };
        let mut step = Step::Start;
        let end = loop {
            step = match step {
                Step::Start => run.start().await,
                Step::Fill => run.fill().await,
                Step::Reply => run.reply().await,
                Step::End(end) => break end,
            };
        };
        for index in run.in_flight.drain(..) {
            run.batch.finish(index, Err(unknown()));
        }
        run.requeue();
        let answered = run.answered;
        end.leave(self, answered).await
    }
}

impl<S: Carrier> WindowRun<'_, '_, S> {
    async fn start(&mut self) -> Step {
        self.requeue();
        if self.batch.queue.is_empty() || self.batch.gate.deadline_passed() {
            return Step::End(End::Idle);
        }
        if self.session.remaining == 0 {
            return Step::End(End::Full);
        }
        if !self.session.connection.is_quiet_now().await
            || (self.session.needs_rset && self.session.exchange(Stage::Sender, "RSET").await.is_err())
        {
            return Step::End(End::Broken(None));
        }
        (self.session.needs_rset, self.after_refusal) = (false, false);
        Step::Fill
    }

    async fn fill(&mut self) -> Step {
        // Nothing more is written once the buffer holds more replies than are due: the extra one is unsolicited, and
        // would count for the next mail. The replies due come first, and then the connection is found not to be quiet.
        if self.after_rset.is_empty()
            && self.cut_short.is_none()
            && !self.session.connection.has_more_replies_than(REPLIES * self.in_flight.len()).await
        {
            self.cut_short = self.top_up().await.err();
        }
        if !self.in_flight.is_empty() {
            return Step::Reply;
        }
        match self.cut_short.take() {
            Some(lost) => Step::End(End::Broken(Some(lost))),
            None => Step::Start,
        }
    }

    async fn reply(&mut self) -> Step {
        let Some(index) = self.in_flight.pop_front() else { return Step::Start };
        let Answer { result, in_step } = self.session.answer().await;
        match result {
            Err(failure)
                if in_step
                    && self.after_refusal
                    && failure.stage != Stage::Message
                    && is_bad_sequence(&failure) =>
            {
                self.after_rset.push(index);
                self.session.remaining = self.session.remaining.saturating_add(1);
                self.session.needs_rset = true;
            }
            Err(failure) if failure.stage == Stage::Message && is_unsupported_command(&failure) => {
                self.quirks.no_bdat = true;
                if let Some(Lost { index, .. }) = self.cut_short.take() {
                    self.batch.queue.push_front(index);
                }
                return Step::End(End::lost(index, failure));
            }
            result => {
                self.after_refusal = result.is_err();
                self.session.needs_rset |= self.after_refusal;
                self.batch.stopped |= self.answered == 0 && result.as_ref().is_err_and(is_closing);
                let in_doubt = matches!(&result, Err(failure) if failure.code == FailureCode::MessageUnknown);
                self.answered += usize::from(!in_doubt);
                self.batch.finish(index, result);
            }
        }
        let is_last = self.in_flight.is_empty();
        if !in_step || (is_last && self.cut_short.is_some()) {
            return Step::End(End::Broken(self.cut_short.take()));
        }
        if is_last { Step::Start } else { Step::Fill }
    }

    /// Writes mails until the window is full. `Err` with the mail that a failed write has cut short, if there is one;
    /// the mails before it are in flight.
    async fn top_up(&mut self) -> Result<(), Lost> {
        let mut out = std::mem::take(&mut self.session.out);
        out.clear();
        while self.in_flight.len() < self.window
            && self.session.remaining > 0
            && !self.batch.gate.deadline_passed()
        {
            let Some((index, envelope)) = self.session.next_envelope(self.batch) else { break };
            if !self.batch.commit(index).await {
                continue;
            }
            self.session.remaining -= 1;
            out.extend_from_slice(envelope.lines());
            let mut encoder = Encoder::for_chunk(&self.batch.mails[index].message);
            // Writing to a vector cannot fail.
            let _ = write!(out, "BDAT {} LAST\r\n", encoder.len());
            while encoder.fill(&mut out, PIECE) {
                self.session
                    .flush(&mut out)
                    .await
                    .map_err(|error| Lost { index, failure: classify::read_error(Stage::Message, error) })?;
            }
            self.in_flight.push_back(index);
        }
        // The mails in this last group count as having left even if the write fails: the replies, or their absence,
        // decide.
        let _ = self.session.flush(&mut out).await;
        self.session.out = out;
        Ok(())
    }

    /// Puts the mails that wait for RSET back in front of the queue, in their order.
    fn requeue(&mut self) {
        for index in self.after_rset.drain(..).rev() {
            self.batch.queue.push_front(index);
        }
    }
}

impl<S: Carrier> Session<S> {
    /// Writes the group, if there is one, and clears it.
    async fn flush(&mut self, group: &mut Vec<u8>) -> Result<(), ReadError> {
        if group.is_empty() {
            return Ok(());
        }
        let until = self.limits.until(self.limits.timeouts.data);
        let written = self.connection.write(group, until).await;
        group.clear();
        written
    }

    /// Reads the replies to the oldest mail in flight. A refusal that has been read stands, whatever comes after it.
    async fn answer(&mut self) -> Answer {
        let until = self.limits.until(self.limits.timeouts.done);
        let mut refused: Option<Failure> = None;
        for stage in [Stage::Sender, Stage::Recipient] {
            match self.connection.expect(&POSITIVE, until).await {
                Ok(Ok(_)) => {}
                Ok(Err(reply)) => {
                    let failure = classify::refusal(stage, reply);
                    if failure.code == FailureCode::ProtocolMalformed {
                        // Neither yes nor no, and the body has left.
                        return Answer { result: Err(refused.unwrap_or_else(unknown)), in_step: false };
                    }
                    let closing = is_closing(&failure);
                    refused = refused.or(Some(failure));
                    if closing && let Some(failure) = refused {
                        return Answer { result: Err(failure), in_step: false };
                    }
                }
                Err(_) => return Answer { result: Err(refused.unwrap_or_else(unknown)), in_step: false },
            }
        }
        let last = self.final_reply().await;
        let closing = last
            .as_ref()
            .is_err_and(|failure| is_closing(failure) || failure.code == FailureCode::MessageUnknown);
        match refused {
            None => Answer { result: last, in_step: !closing },
            // A server that takes the body of a mail that it has refused is out of step.
            Some(failure) => Answer { in_step: !closing && last.is_err(), result: Err(failure) },
        }
    }
}
