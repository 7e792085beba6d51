//! What comes of a state when no more trouble comes: senders finish, leases and pauses end, `monitor` runs, the relay works.

use ownpost_domain::delivery::Status;

use crate::breaker::MAILS;
use crate::relay::End;
use crate::state::{Phase, Sender, State};
use crate::steps::{ALL_SENDERS, Step};

/// More rounds than any state needs.
const ROUNDS: usize = 24;

impl State {
    /// Whether every row comes to its end from here.
    pub fn ends_in_peace(&self) -> bool {
        let is_over = |state: &Self| state.mails.iter().all(|mail| mail.status.is_none_or(Status::is_final));
        let mut state = self.clone();
        state.faults = 0;
        for _ in 0..ROUNDS {
            if is_over(&state) {
                return true;
            }
            state.round();
        }
        is_over(&state)
    }

    fn round(&mut self) {
        self.step(Step::RestoreSecret);
        self.step(Step::PauseIsOver);
        for sender in ALL_SENDERS {
            // As many steps as the longest way has.
            for _ in 0..8 {
                match self.next_of(sender) {
                    Some(step) => self.step(step),
                    None => break,
                }
            }
        }
        for mail in 0..MAILS {
            let open = self.mails[mail].status.is_some_and(|status| !status.is_final());
            if !open || self.is_carried(mail) {
                continue;
            }
            if self.mails[mail].visible == 0 {
                self.step(Step::Wake(mail));
            }
            if let Some(idle) = self.senders.iter().position(|sender| *sender == Sender::Idle) {
                self.step(Step::Receive(idle, mail));
            }
        }
    }

    fn next_of(&self, sender: usize) -> Option<Step> {
        let Sender::Busy(work) = &self.senders[sender] else { return None };
        Some(match work.phase {
            Phase::Loaded(_) => Step::Decide(sender, self.revision),
            Phase::Routed(_) => Step::Commit(sender),
            Phase::Committed => Step::End(sender, End::Taken),
            _ => Step::Act(sender),
        })
    }
}
