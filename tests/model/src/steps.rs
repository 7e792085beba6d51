//! The steps: what a sender, the router, `monitor`, a person or bad luck does next. Each names the function that it follows.

use ownpost_domain::category::{Category, Routing, Via};
use ownpost_domain::delivery::Status;
use ownpost_domain::health::Admission;
use ownpost_domain::route::{self, PlatformServer, Relay, Route};

use crate::breaker::{self, Change, MAILS};
use crate::relay::End;
use crate::state::{MOST_MESSAGES, Phase, SENDERS, Sender, State, Work, is_due};

/// A step. Numbers are those of senders and mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `router::record` writes the row.
    Insert(usize),
    /// A message comes: the router's, that of a release, a resend, a try of the relay, or of `monitor`, which has found the
    /// row in what is due.
    Wake(usize),
    /// A sender receives a message: `sender::load_row`.
    Receive(usize, usize),
    /// A sender does the next thing that it does in any case.
    Act(usize),
    /// A sender decides the way of a mail with these settings: `sender::route_all`.
    Decide(usize, u8),
    /// The row is written as `sending`: `in_flight::commit`.
    Commit(usize),
    /// The same, and the ledger's answer is lost.
    CommitInDoubt(usize),
    /// The attempt is over.
    End(usize, End),
    /// The mail is not begun, for lack of time or of a store: `group::transmit`, what is left out.
    LeaveOut(usize),
    /// The sender is killed: its message shows again.
    Kill(usize),
    /// The queue delivers a message twice.
    Double(usize),
    /// A message is lost.
    Lose(usize),
    /// A person sends it again: `resend::resend`, which writes the row first.
    Resend(usize),
    /// A person takes it back: `resend::cancel`.
    Cancel(usize),
    /// Other settings are active: `api::activation` moves the label.
    Activate,
    /// The marker of the active settings is written: `relay_health::reset`.
    Mark,
    /// The secret store loses the settings, or an operator restores them.
    LoseSecret,
    /// An operator restores them.
    RestoreSecret,
    /// A pause of the breaker is over.
    PauseIsOver,
    /// A test claims the try: `tasks::look`.
    ClaimTest,
    /// The test passes.
    TestPasses,
}

/// The way of a mail by the product's rule: `Some(true)` to its relay, `Some(false)` to the platform's; else its new status.
fn way(missing: bool, fault: bool) -> Result<Via, Status> {
    let routing = Routing::default();
    let fault = fault.then_some("it fails.");
    let relay = if missing {
        Relay::Missing
    } else {
        Relay::Active { host: "smtp.acme.test", routing: &routing, fault }
    };
    match route::decide(Category::RightsRequest, &relay, PlatformServer::Available) {
        Route::Send { via, .. } => Ok(via),
        Route::Hold { .. } => Err(Status::Held),
        Route::Defer { .. } => Err(Status::Deferred),
    }
}

impl State {
    /// The steps that are possible now.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(24);
        let (faulty, troubled, asked) = (self.faults > 0, self.refusals > 0, self.persons > 0);
        for (mail, known) in self.mails.iter().enumerate() {
            let Some(status) = known.status else {
                steps.push(Step::Insert(mail));
                continue;
            };
            // A message beside another one is a doubled one.
            if known.visible == 0 && is_due(status) {
                steps.push(Step::Wake(mail));
            }
            if known.visible > 0 {
                if faulty {
                    steps.push(Step::Lose(mail));
                    steps.extend((known.visible < MOST_MESSAGES).then_some(Step::Double(mail)));
                }
                // Idle senders are alike.
                let idle = self.senders.iter().position(|sender| *sender == Sender::Idle);
                // The message of a row that another sender has waits for the end of the lease; that comes too early only
                // for a sender that stands still.
                let waits = status == Status::Sending && self.has_an_owner(mail) && !faulty;
                steps.extend(idle.filter(|_| !waits).map(|sender| Step::Receive(sender, mail)));
            }
            if asked && matches!(status, Status::Failed | Status::Unknown) {
                steps.push(Step::Resend(mail));
            }
            if asked && matches!(status, Status::Queued | Status::Deferred | Status::Held) {
                steps.push(Step::Cancel(mail));
            }
        }
        for (index, sender) in self.senders.iter().enumerate() {
            let Sender::Busy(work) = sender else { continue };
            match work.phase {
                Phase::Loaded(_) => self.ways(index, &mut steps),
                Phase::Routed(_) => {
                    steps.push(Step::Commit(index));
                    steps.extend(faulty.then_some(Step::CommitInDoubt(index)));
                    steps.extend(End::EARLY.iter().filter(|_| troubled).map(|end| Step::End(index, *end)));
                }
                Phase::Committed => {
                    let ends = End::LATE.iter().filter(|end| troubled || **end == End::Taken);
                    steps.extend(ends.map(|end| Step::End(index, *end)));
                }
                _ => steps.push(Step::Act(index)),
            }
            if faulty {
                steps.push(Step::Kill(index));
                steps.extend(
                    matches!(work.phase, Phase::Loaded(_) | Phase::Routed(_))
                        .then_some(Step::LeaveOut(index)),
                );
            }
        }
        if asked && self.revision == 0 {
            steps.push(Step::Activate);
        }
        let alone = [
            (self.revision != breaker::marker(self.breaker), Step::Mark),
            (faulty && !self.secret_lost, Step::LoseSecret),
            (self.secret_lost, Step::RestoreSecret),
            (self.changes(Change::PauseIsOver), Step::PauseIsOver),
            (self.nothing_is_held() && self.changes(Change::Claim(None, self.revision)), Step::ClaimTest),
            (self.changes(Change::TestPasses), Step::TestPasses),
        ];
        steps.extend(alone.into_iter().filter_map(|(is, step)| is.then_some(step)));
        steps
    }

    /// A sender uses the settings that it remembers, as long as the marker is theirs, or those that are active.
    fn ways(&self, sender: usize, steps: &mut Vec<Step>) {
        steps.push(Step::Decide(sender, self.revision));
        let marker = breaker::marker(self.breaker);
        steps.extend((marker != self.revision).then_some(Step::Decide(sender, marker)));
    }

    fn changes(&self, change: Change) -> bool {
        breaker::after(self.breaker, change) != self.breaker
    }

    fn nothing_is_held(&self) -> bool {
        self.oldest_held().is_none()
    }

    /// `relay_health::oldest_held`.
    fn oldest_held(&self) -> Option<usize> {
        (0..MAILS).find(|mail| self.mails[*mail].status == Some(Status::Held))
    }

    /// Takes the step.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Insert(mail) => self.mails[mail].status = Some(Status::Queued),
            Step::Wake(mail) => self.wake(mail, true),
            Step::Receive(sender, mail) => self.receive(sender, mail),
            Step::Act(sender) => self.act(sender),
            Step::Decide(sender, revision) => self.decide(sender, revision),
            Step::Commit(sender) => self.commit(sender, false),
            Step::CommitInDoubt(sender) => {
                self.faults -= 1;
                self.commit(sender, true);
            }
            Step::End(sender, end) => self.end(sender, end),
            Step::LeaveOut(sender) => {
                self.faults -= 1;
                self.free(sender, true);
            }
            Step::Kill(sender) => {
                self.faults -= 1;
                if let Sender::Busy(Work { mail, behind, .. }) = self.senders[sender] {
                    let committed = self.mails[mail].status == Some(Status::Sending) && behind == 0;
                    self.mails[mail].doubtful |= committed;
                }
                self.free(sender, true);
            }
            Step::Double(mail) => {
                self.faults -= 1;
                self.wake(mail, true);
            }
            Step::Lose(mail) => {
                self.faults -= 1;
                self.mails[mail].visible -= 1;
            }
            Step::Resend(mail) => {
                self.persons -= 1;
                self.mails[mail].asked += 1;
                self.mails[mail].ended = false;
                self.mails[mail].doubtful = false;
                self.write(None, mail, Status::Queued);
            }
            Step::Cancel(mail) => {
                self.persons -= 1;
                self.mails[mail].ended = true;
                self.write(None, mail, Status::Failed);
            }
            Step::Activate => {
                self.persons -= 1;
                self.revision = 1;
                self.secret_lost = false;
            }
            Step::Mark => self.breaker = breaker::after(self.breaker, Change::Reset(self.revision)),
            Step::LoseSecret => {
                self.faults -= 1;
                self.secret_lost = true;
            }
            Step::RestoreSecret => self.secret_lost = false,
            Step::PauseIsOver => self.breaker = breaker::after(self.breaker, Change::PauseIsOver),
            Step::ClaimTest => {
                self.breaker = breaker::after(self.breaker, Change::Claim(None, self.revision));
            }
            Step::TestPasses => self.breaker = breaker::after(self.breaker, Change::TestPasses),
        }
    }

    fn receive(&mut self, sender: usize, mail: usize) {
        self.mails[mail].visible -= 1;
        let Some(status) = self.mails[mail].status else { return };
        let phase = match status {
            Status::Sent | Status::Failed | Status::Unknown => return,
            Status::Sending => {
                if self.has_an_owner(mail) {
                    self.faults -= 1;
                    self.mails[mail].doubtful = true;
                }
                Phase::Guessing
            }
            Status::Queued | Status::Deferred | Status::Held => Phase::Loaded(status.into()),
        };
        self.senders[sender] = Sender::Busy(Work { mail, behind: 0, revision: 0, tries: false, phase });
    }

    fn work(&self, sender: usize) -> Option<Work> {
        match self.senders[sender] {
            Sender::Busy(work) => Some(work),
            Sender::Idle => None,
        }
    }

    fn go(&mut self, sender: usize, work: Work, phase: Phase) {
        self.senders[sender] = Sender::Busy(Work { phase, ..work });
    }

    /// Decides the way of a mail, and claims the try of a relay that is left alone.
    fn decide(&mut self, sender: usize, revision: u8) {
        let Some(work) = self.work(sender) else { return };
        let Phase::Loaded(code) = work.phase else { return };
        // What is remembered of the settings needs no secret.
        let missing = self.secret_lost && revision == self.revision;
        let fault = match breaker::admits(self.breaker, revision) {
            Admission::Open => false,
            _ if missing => true,
            Admission::Closed => !breaker::is_tried_by(self.breaker, work.mail),
            Admission::Due => {
                let held = self.oldest_held().filter(|_| Status::from(code) != Status::Held);
                let by = held.unwrap_or(work.mail);
                self.breaker = breaker::after(self.breaker, Change::Claim(Some(by), revision));
                if let Some(held) = held {
                    self.wake(held, true);
                }
                held.is_some()
            }
        };
        let tries = breaker::is_tried_by(self.breaker, work.mail);
        self.take_way(sender, Work { revision, tries, ..work }, code.into(), way(missing, fault));
    }

    fn take_way(&mut self, sender: usize, work: Work, before: Status, way: Result<Via, Status>) {
        match way {
            Ok(via) => {
                self.strayed |= via == Via::Platform;
                self.go(sender, work, Phase::Routed(before.into()));
            }
            Err(status) => {
                self.senders[sender] = Sender::Busy(work);
                self.settle(sender, status, None);
            }
        }
    }

    fn commit(&mut self, sender: usize, in_doubt: bool) {
        let Some(work) = self.work(sender) else { return };
        let Phase::Routed(before) = work.phase else { return };
        if work.behind > 0 {
            return self.free(sender, true);
        }
        self.write(Some(sender), work.mail, Status::Sending);
        self.go(sender, work, if in_doubt { Phase::InDoubt(before) } else { Phase::Committed });
    }

    fn end(&mut self, sender: usize, end: End) {
        let Some(work) = self.work(sender) else { return };
        let late = work.phase == Phase::Committed;
        self.refusals -= u8::from(end != End::Taken);
        let mail = &mut self.mails[work.mail];
        mail.taken += u8::from(matches!(end, End::Taken | End::TakenSilently));
        mail.doubtful |= matches!(end, End::TakenSilently | End::LostSilently);
        mail.ended |= end == End::Refused;
        self.go(sender, work, Phase::Ended(end, late));
    }

    fn act(&mut self, sender: usize) {
        let Some(work) = self.work(sender) else { return };
        match work.phase {
            Phase::Guessing => self.settle(sender, Status::Unknown, None),
            // `in_flight::left_out`: only this sender knows that nothing was sent.
            Phase::InDoubt(before) if work.behind == 0 => {
                self.write(Some(sender), work.mail, before.into());
                self.free(sender, true);
            }
            Phase::InDoubt(_) => self.free(sender, true),
            Phase::Ended(end, late) => match end.status(late) {
                Some(status) => self.settle(sender, status, Some((end, late))),
                None => self.blame(sender, work, end, late),
            },
            Phase::Overwriting(code, end) => self.settle(sender, code.into(), end),
            Phase::Recorded(end, late, stays) => {
                self.observe(work, end, late);
                self.free(sender, stays);
            }
            // `group::faulty`: the mail is routed once more, by the settings that are active and the fault.
            Phase::Faulty(before) => self.take_way(sender, work, before.into(), way(self.secret_lost, true)),
            // `group::take_back`.
            Phase::Blamed(replaced) if work.behind == 0 => {
                self.write(Some(sender), work.mail, Status::Deferred);
                self.route_again(sender, work, Status::Deferred, replaced);
            }
            Phase::Blamed(_) => self.settle(sender, Status::Deferred, None),
            Phase::Loaded(_) | Phase::Routed(_) | Phase::Committed => {}
        }
    }

    fn observe(&mut self, work: Work, end: End, late: bool) {
        // `Health::is_news_of_before`: only the mail that tries an unhealthy relay has begun after it failed.
        if !work.tries && !breaker::is_healthy(self.breaker) {
            return;
        }
        self.breaker = breaker::after(self.breaker, Change::Observe(end, late, work.revision));
    }

    /// `group::relay_observed`: a fault of settings that are replaced is not the relay's.
    fn blame(&mut self, sender: usize, work: Work, end: End, late: bool) {
        let replaced = work.revision != self.revision;
        if !replaced {
            self.observe(work, end, late);
        }
        if late {
            self.go(sender, work, Phase::Blamed(replaced));
        } else {
            self.route_again(sender, work, Status::Queued, replaced);
        }
    }

    fn route_again(&mut self, sender: usize, work: Work, before: Status, replaced: bool) {
        let before = before.into();
        self.go(sender, work, if replaced { Phase::Loaded(before) } else { Phase::Faulty(before) });
    }

    /// `settle::settle`: a conditional write, and after a lost race the question whose status stays.
    fn settle(&mut self, sender: usize, status: Status, end: Option<(End, bool)>) {
        let Some(work) = self.work(sender) else { return };
        let stays = status == Status::Deferred;
        if work.behind == 0 {
            self.write(Some(sender), work.mail, status);
            return self.recorded(sender, work, end, stays);
        }
        let Some(stored) = self.mails[work.mail].status else { return };
        if !status.overwrites(stored, work.behind == 1) {
            return self.recorded(sender, work, end, true);
        }
        // The sender that wrote the guess has deleted the message.
        self.wake(work.mail, stays);
        self.go(sender, Work { behind: 0, ..work }, Phase::Overwriting(status.into(), end));
    }

    /// A mail whose attempt is recorded still tells the breaker; another is done.
    fn recorded(&mut self, sender: usize, work: Work, end: Option<(End, bool)>, stays: bool) {
        match end {
            Some((end, late)) => self.go(sender, work, Phase::Recorded(end, late, stays)),
            None => self.free(sender, stays),
        }
    }
}

/// How many senders there are.
pub const ALL_SENDERS: std::ops::Range<usize> = 0..SENDERS;
