//! The protocol by which a mail leaves, explored in every order of steps by a model checker: a router, two senders,
//! `monitor`, a release, a resend, a cancel and new settings, for two mails and one relay. Senders are killed, messages are
//! lost and doubled, answers of the ledger and the secret are lost, and races are lost at every step.
//!
//! The model decides by the product's own functions: [`route::decide`](ownpost_domain::route::decide),
//! [`outcome::verdict`](ownpost_domain::outcome::verdict), [`Status::overwrites`](ownpost_domain::delivery::Status::overwrites),
//! [`due::at`](ownpost_domain::due::at) and [`Health`](ownpost_domain::health::Health) with its `admit`, `claim` and `observe`.
//! They are asked once for each of the few values that the model knows ([`breaker`], [`relay`]), so that a million states take
//! seconds. The reads and conditional writes around them are those of `functions::{router, sender, monitor}` and
//! `functions::resend`; each step in [`steps`] names the function that it follows.
//!
//! Times are not in it: whatever waits may happen at any later step, so every order of times is among the orders of steps.
//! Seats and lines are not in it either: they delay a mail and decide nothing else.

pub mod breaker;
pub mod peace;
pub mod relay;
pub mod state;
pub mod steps;

use ownpost_domain::delivery::Status;
use stateright::{Model, Property};

use crate::state::{Mail, Sender, State};
use crate::steps::Step;

/// The model with the trouble that may come: more of it takes more states.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// How many times something is killed, lost, doubled, or taken for dead.
    pub faults: u8,
    /// How often the relay does something else than take a mail.
    pub refusals: u8,
    /// How many times a person decides: sends again, takes back, or saves other settings.
    pub persons: u8,
}

fn is(mail: &Mail, status: Status) -> bool {
    mail.status == Some(status)
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults, self.refusals, self.persons)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend(state.steps());
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        next.step(step);
        // The senders are alike, so what one may do the other may: half of the states.
        next.senders.sort_unstable();
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("no mail is taken twice without a person's word", |_, state: &State| {
                state.mails.iter().all(|mail| mail.taken <= 1 + mail.asked)
            }),
            Property::always("no mail leaves by another server", |_, state: &State| !state.strayed),
            Property::always("a row that says sent was taken", |_, state: &State| {
                state.mails.iter().all(|mail| !is(mail, Status::Sent) || mail.taken > 0)
            }),
            Property::always("a row that says failed was refused or taken back", |_, state: &State| {
                state.mails.iter().all(|mail| !is(mail, Status::Failed) || mail.ended)
            }),
            Property::always("a row that says unknown has a reason", |_, state: &State| {
                state.mails.iter().all(|mail| !is(mail, Status::Unknown) || mail.doubtful)
            }),
            Property::always(
                "a mail that was taken is sent, unknown, or in somebody's hands",
                |_, state: &State| {
                    state.mails.iter().enumerate().all(|(index, mail)| {
                        let says =
                            [Status::Sent, Status::Unknown, Status::Sending].map(|status| is(mail, status));
                        mail.taken == 0 || mail.asked > 0 || says.contains(&true) || state.is_carried(index)
                    })
                },
            ),
            Property::always("in peace every row comes to its end", |_, state: &State| state.ends_in_peace()),
            Property::sometimes("both mails are sent", |_, state: &State| {
                state.mails.iter().all(|mail| is(mail, Status::Sent))
            }),
        ];
        // The trouble that there is must show, or the model proves nothing.
        if self.refusals > 0 {
            properties.push(Property::sometimes("a mail is held", |_, state: &State| {
                state.mails.iter().any(|mail| is(mail, Status::Held))
            }));
            properties.push(Property::sometimes("the relay is tried by a mail", |_, state: &State| {
                breaker::is_tried(state.breaker)
            }));
        }
        if self.faults > 0 {
            properties.push(Property::sometimes(
                "a sender is taken for dead that has its reply",
                |_, state: &State| {
                    state.senders.iter().any(Sender::knows_better)
                        && state.mails.iter().any(|mail| is(mail, Status::Unknown))
                },
            ));
        }
        properties
    }
}
