//! A world for the functions' unit tests: effects in memory, relays that answer as told, a clock that tests
//! move.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{App, Relays};
use crate::config::Config;
use crate::domain::failure::{Failure, FailureCode, Reply, Stage};
use crate::domain::settings::Settings;
use crate::effects::memory::Memory;
use crate::smtp::{Gate, Mail, RelayKey};

/// The world and the app in it.
pub(super) struct World {
    pub(super) app: App,
    pub(super) memory: Arc<Memory>,
    pub(super) relays: Arc<Script>,
}

impl World {
    pub(super) fn new() -> Self {
        let memory = Memory::new();
        let relays = Arc::new(Script::default());
        let mut app = App::with_relays(Config::default(), memory.effects(), relays.clone()).unwrap();
        let clock = memory.clone();
        app.now = Arc::new(move || clock.now());
        Self { app, memory, relays }
    }
}

/// An event document of tenant acme.
pub(super) fn event(id: &str, recipients: &[&str]) -> String {
    let recipients: Vec<_> = recipients.iter().map(|to| serde_json::json!({"address": to})).collect();
    serde_json::json!({
        "id": id, "tenant": "acme", "category": "notification", "type": "comment.created",
        "recipients": recipients, "data": {"actor": "Ann", "title": "x"},
    })
    .to_string()
}

/// What a relay does with a mail.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Takes it.
    Accept,
    /// Fails before the final dot.
    Fail(Stage, FailureCode, u16),
    /// Fails after the final dot.
    FailLate(FailureCode, u16),
    /// Brings the sender down after the final dot.
    Panic,
}

/// One mail that a relay took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) tenant: Option<String>,
    pub(super) revision: String,
    pub(super) to: String,
}

/// Relays that do what the script says, mail by mail, and take everything when it is at its end.
#[derive(Default)]
pub(super) struct Script {
    pub(super) acts: Mutex<VecDeque<Act>>,
    pub(super) taken: Mutex<Vec<Taken>>,
}

impl Script {
    pub(super) fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: "words".to_owned() }
}

#[async_trait]
impl Relays for Script {
    async fn send(
        &self,
        key: &RelayKey,
        _settings: &Settings,
        mails: &[Mail],
        gate: &dyn Gate,
    ) -> Vec<Option<Result<Reply, Failure>>> {
        let mut results = Vec::new();
        for (index, mail) in mails.iter().enumerate() {
            let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Accept);
            let failure =
                |stage, code, said| Failure { stage, code, reply: (said != 0).then(|| reply(said)) };
            if let Act::Fail(stage, code, said) = act {
                results.push(Some(Err(failure(stage, code, said))));
                continue;
            }
            if !gate.commit(index).await {
                results.push(None);
                continue;
            }
            let taken =
                Taken { tenant: key.tenant.clone(), revision: key.revision.clone(), to: mail.to.clone() };
            results.push(Some(match act {
                Act::FailLate(code, said) => Err(failure(Stage::Message, code, said)),
                Act::Panic => panic!("as the script says"),
                Act::Accept | Act::Fail(..) => {
                    self.taken.lock().unwrap().push(taken);
                    Ok(reply(250))
                }
            }));
        }
        results
    }
}
