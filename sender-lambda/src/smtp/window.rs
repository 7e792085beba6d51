//! Several mails in flight on one connection, whole: MAIL, RCPT and BDAT with the body are one group (RFC 3030 §4.2), and
//! up to a window's worth of them waits for its replies. Only where it was asked for, because whatever is in flight when
//! a connection breaks is `message.unknown`.

use std::collections::VecDeque;
use std::io::Write as _;

use super::batch::{Batch, BatchEnd, Quirks, is_bad_sequence, is_unsupported_command};
use super::classify;
use super::encode::Encoder;
use super::line::ReadError;
use super::session::{Carrier, Session};
use super::transaction::{PIECE, POSITIVE, is_closing, unknown};
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};

/// What a mail in flight is answered with: to MAIL, to RCPT, to its chunk.
const REPLIES: usize = 3;

/// What came of one mail in flight.
struct Answer {
    result: Result<Reply, Failure>,
    /// Whether the replies to the mails behind it can still be told apart.
    in_step: bool,
}

impl<S: Carrier> Session<S> {
    /// As [`Session::send`], on a connection that has taken BDAT.
    pub(super) async fn send_window(
        mut self,
        batch: &mut Batch<'_>,
        quirks: &mut Quirks,
        window: usize,
        mut stale: bool,
        mut answered: usize,
    ) -> BatchEnd<S> {
        let mut flight: VecDeque<usize> = VecDeque::new();
        // The mail that a failed write has cut short.
        let mut lost = None;
        // Mails that were refused for coming behind a refused one. They go again after RSET, once nothing is in flight.
        let mut again: Vec<usize> = Vec::new();
        let mut after_refusal = false;
        loop {
            if flight.is_empty() {
                for index in again.drain(..).rev() {
                    batch.queue.push_front(index);
                }
                if batch.queue.is_empty() || batch.gate.deadline_passed() {
                    return BatchEnd { session: Some(self), stale, lost: None, answered };
                }
                if self.remaining == 0 {
                    self.quit().await;
                    return BatchEnd { session: None, stale, lost: None, answered };
                }
                if !self.connection.is_quiet_now().await
                    || (stale && self.exchange(Stage::Sender, "RSET").await.is_err())
                {
                    return BatchEnd::broken(None, answered);
                }
                (stale, after_refusal) = (false, false);
            }
            // Words that nobody asked for would count as the answer to what goes next. What is in flight has its
            // answers in front of them; then the connection is found not to be quiet.
            if again.is_empty()
                && lost.is_none()
                && !self.connection.has_more_replies_than(REPLIES * flight.len()).await
            {
                lost = self.top_up(batch, &mut flight, window).await.err();
            }
            let Some(index) = flight.pop_front() else {
                if lost.is_some() {
                    return BatchEnd::broken(lost, answered);
                }
                continue;
            };
            let Answer { result, in_step } = self.answer().await;
            match result {
                Err(failure)
                    if in_step
                        && after_refusal
                        && failure.stage != Stage::Message
                        && is_bad_sequence(&failure) =>
                {
                    again.push(index);
                    self.remaining = self.remaining.saturating_add(1);
                    stale = true;
                }
                Err(failure) if failure.stage == Stage::Message && is_unsupported_command(&failure) => {
                    quirks.no_bdat = true;
                    give_up(batch, &flight, lost.map(|(index, _)| index));
                    requeue(batch, &again);
                    return BatchEnd::broken(Some((index, failure)), answered);
                }
                result => {
                    after_refusal = result.is_err();
                    stale |= after_refusal;
                    answered += usize::from(
                        !matches!(&result, Err(failure) if failure.code == FailureCode::MessageUnknown),
                    );
                    batch.results[index] = Some(result);
                }
            }
            if !in_step || (lost.is_some() && flight.is_empty()) {
                give_up(batch, &flight, None);
                requeue(batch, &again);
                return BatchEnd::broken(lost, answered);
            }
        }
    }

    /// Writes mails until the window is full. `Err` with the mail that a failed write has cut short, if it has; those
    /// before it are in flight.
    async fn top_up(
        &mut self,
        batch: &mut Batch<'_>,
        flight: &mut VecDeque<usize>,
        window: usize,
    ) -> Result<(), (usize, Failure)> {
        let mut group = std::mem::take(&mut self.out);
        group.clear();
        while flight.len() < window && self.remaining > 0 && !batch.gate.deadline_passed() {
            let Some((index, envelope)) = self.next_envelope(batch) else { break };
            if !batch.gate.commit(index).await {
                continue;
            }
            self.remaining -= 1;
            group.extend_from_slice(envelope.lines());
            let mut encoder = Encoder::for_chunk(&batch.mails[index].message);
            // Writing to a vector cannot fail.
            let _ = write!(group, "BDAT {} LAST\r\n", encoder.len());
            while encoder.fill(&mut group, PIECE) {
                self.flush_group(&mut group)
                    .await
                    .map_err(|error| (index, classify::read_error(Stage::Message, error)))?;
            }
            flight.push_back(index);
        }
        // Mails that are all in the group count as having left, whether or not the write says that it failed: their
        // replies, or the silence, will tell.
        let _ = self.flush_group(&mut group).await;
        self.out = group;
        Ok(())
    }

    async fn flush_group(&mut self, group: &mut Vec<u8>) -> Result<(), ReadError> {
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
                    let failure = classify::refusal(stage, reply, false);
                    if failure.code == FailureCode::ProtocolMalformed {
                        // Neither yes nor no, and the body is there.
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
            // A server that takes the body of what it has refused has lost its way.
            Some(failure) => Answer { in_step: !closing && last.is_err(), result: Err(failure) },
        }
    }
}

/// What is in flight when the connection is given up is unknown; what was cut short goes again.
fn give_up(batch: &mut Batch<'_>, flight: &VecDeque<usize>, cut_short: Option<usize>) {
    for &index in flight {
        batch.results[index] = Some(Err(unknown()));
    }
    if let Some(index) = cut_short {
        batch.queue.push_front(index);
    }
}

fn requeue(batch: &mut Batch<'_>, again: &[usize]) {
    for &index in again.iter().rev() {
        batch.queue.push_front(index);
    }
}
