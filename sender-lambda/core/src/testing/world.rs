//! A world for the functions' unit tests: effects in memory, relays that follow a script, a clock that tests
//! move.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ownpost_domain::category::{Category, CategoryRoute, OnFailure, Routing, Via};
use ownpost_domain::delivery::{Delivery, Revision};
use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};
use ownpost_domain::report::{
    Capabilities, CertificateFacts, StageDetail, StageResult, StageStatus, TestMessage, TlsFacts,
};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::{Mail, ProbeOptions, RelayKey};

use super::fake::{Fake, reply};
use crate::config::Config;
use crate::effects::SecretStage;
use crate::functions::{App, expiry, relay_health, router, sender};
use crate::testing::memory::{Meanwhile, Memory};
use crate::wire::settings::to_document;

/// How long a received message stays hidden.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(90);

/// The platform's server.
const PLATFORM: &str = "smtp.platform.example";

/// The world and the app in it.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) memory: Arc<Memory>,
    pub(crate) relays: Arc<Script>,
}

impl World {
    pub(crate) fn new() -> Self {
        let memory = Memory::new();
        let relays = Arc::new(Script::default());
        *relays.memory.lock().unwrap() = Some(memory.clone());
        let mut app = App::with_relays(Config::default(), memory.effects(), relays.clone()).unwrap();
        let clock = memory.clone();
        app.now = Arc::new(move || clock.now());
        let platform = settings(PLATFORM, Via::Platform, OnFailure::Hold);
        memory.set_platform("p1", &to_document(&platform));
        Self { app, memory, relays }
    }

    /// Another process over the same effects and relays.
    pub(crate) fn another_process(&self) -> Self {
        let (memory, relays) = (self.memory.clone(), self.relays.clone());
        let mut app = App::with_relays(Config::default(), memory.effects(), relays.clone()).unwrap();
        app.now = self.app.now.clone();
        Self { app, memory, relays }
    }

    /// Makes settings of acme active, as a saved form does.
    pub(crate) async fn activate(&self, revision: &str, settings: &Settings) {
        self.promote(revision, settings).await;
        let revision = Revision(revision.to_owned());
        expiry::activated(&self.app, &acme(), &revision, settings, None).await.unwrap();
    }

    /// The same, but the process ends before it has noted what ends of them.
    pub(crate) async fn promote(&self, revision: &str, settings: &Settings) {
        let revision = Revision(revision.to_owned());
        let secrets = &self.app.effects.secrets;
        let before =
            secrets.get(&acme(), SecretStage::Current).await.unwrap().map(|version| version.revision);
        secrets.put_pending(&acme(), &revision, &to_document(settings)).await.unwrap();
        assert!(secrets.promote(&acme(), &revision, before.as_ref()).await.unwrap());
        relay_health::reset(&self.app, &acme(), &revision).await;
    }

    /// Accepts an event to these recipients.
    pub(crate) async fn accept(&self, id: &str, recipients: &[&str]) {
        router::accept(&self.app, event(id, recipients).as_bytes(), None).await.unwrap();
    }

    /// Lets the sender work through one batch, as the event source does; how many messages it was given.
    pub(crate) async fn work(&self) -> usize {
        let records = self.memory.receive(10, VISIBILITY);
        let stay = sender::handle(&self.app, &records).await;
        for record in records.iter().filter(|record| !stay.contains(&record.message_id)) {
            self.memory.delete(&record.message_id);
        }
        records.len()
    }

    /// The only row of the ledger.
    pub(crate) fn row(&self) -> Delivery {
        let rows = self.memory.rows();
        assert_eq!(rows.len(), 1);
        rows[0].clone()
    }
}

/// Settings of the server with this name; every category takes this way.
pub(crate) fn settings(host: &str, via: Via, on_failure: OnFailure) -> Settings {
    let mut routing = Routing::default();
    for category in Category::ALL {
        routing.set(category, CategoryRoute { via, on_failure });
    }
    Settings {
        host: host.into(),
        port: 587,
        security: Security::StartTls,
        auth: Auth::Password { username: "mailer".into(), password: Secret::new("s3cret-word".into()) },
        sender_address: "noreply@acme.example".into(),
        sender_name: None,
        reply_to: None,
        ehlo_name: None,
        ca_pem: None,
        routing,
        contacts: Vec::new(),
    }
}

/// The tenant of all tests.
pub(crate) fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

/// An event document of tenant acme.
pub(crate) fn event(id: &str, recipients: &[&str]) -> String {
    let recipients: Vec<_> = recipients.iter().map(|to| serde_json::json!({"address": to})).collect();
    serde_json::json!({
        "id": id, "tenant": "acme", "category": "notification", "type": "comment.created",
        "recipients": recipients, "data": {"actor": "Ann", "title": "x"},
    })
    .to_string()
}

/// What a relay does with a mail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Accepts the mail.
    Accept,
    /// Fails before the final dot.
    Fail(Stage, FailureCode, u16),
    /// Fails after the final dot.
    FailLate(FailureCode, u16),
    /// Fails after the final dot, and then these many calls of an effect fail.
    FailLateThenFail(FailureCode, u16, &'static str, u32),
    /// Takes it, and then these many calls of an effect fail.
    AcceptThenFail(&'static str, u32),
    /// Brings the sender down after the final dot.
    Panic,
}

/// One mail that a relay took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) tenant: Option<String>,
    pub(crate) revision: String,
    pub(crate) to: String,
}

/// Relays that do what the script says, mail by mail, and take everything when it is at its end.
#[derive(Default)]
pub(crate) struct Script {
    /// Whose operations [`Act::AcceptThenFail`] makes fail.
    pub(crate) memory: Mutex<Option<Arc<Memory>>>,
    pub(crate) acts: Mutex<VecDeque<Act>>,
    pub(crate) taken: Mutex<Vec<Taken>>,
    /// The subject lines of the mails taken, as they were sent.
    pub(crate) subjects: Mutex<Vec<String>>,
    /// How many of the next tests of other servers than this world's platform fail.
    pub(crate) failing_tests: Mutex<u32>,
    /// The end of the certificate that the next tests see.
    pub(crate) certificate: Mutex<Option<String>>,
    /// Host and recipient of each test.
    pub(crate) tested: Mutex<Vec<(String, Option<String>)>>,
    /// What happens while a test runs: what somebody else does at that moment.
    pub(crate) meanwhile: Mutex<Option<Meanwhile>>,
}

impl Script {
    fn break_effect(&self, operation: &'static str, times: u32) {
        if let Some(memory) = &*self.memory.lock().unwrap() {
            memory.fail(operation, times);
        }
    }

    pub(crate) fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

fn failure(stage: Stage, code: FailureCode, said: u16) -> Failure {
    Failure { reply: (said != 0).then(|| reply(said)), ..Failure::new(stage, code) }
}

/// A certificate that ends at this time.
pub(crate) fn certificate(not_after: &str) -> CertificateFacts {
    CertificateFacts {
        subject: "CN=x".to_owned(),
        issuer: "CN=y".to_owned(),
        names: Vec::new(),
        not_before: "1970-01-01T00:00:00Z".to_owned(),
        not_after: not_after.to_owned(),
        sha256: "00".to_owned(),
    }
}

fn tls(not_after: &str) -> TlsFacts {
    TlsFacts { version: None, cipher: None, certificate: Some(certificate(not_after)) }
}

#[async_trait]
impl Fake for Script {
    type Then = Act;

    fn before_the_dot(&self, _key: &RelayKey) -> Result<Act, Failure> {
        match self.acts.lock().unwrap().pop_front().unwrap_or(Act::Accept) {
            Act::Fail(stage, code, said) => Err(failure(stage, code, said)),
            act => Ok(act),
        }
    }

    fn after_the_dot(&self, act: Act, key: &RelayKey, mail: &Mail) -> Result<Reply, Failure> {
        match act {
            // Many servers name the recipient.
            Act::FailLate(code, said) => {
                let mut failed = failure(Stage::Message, code, said);
                if let Some(reply) = &mut failed.reply {
                    reply.text = format!("words about <{}>", mail.to);
                }
                return Err(failed);
            }
            Act::FailLateThenFail(code, said, operation, times) => {
                self.break_effect(operation, times);
                return Err(failure(Stage::Message, code, said));
            }
            Act::Panic => panic!("as the script says"),
            Act::AcceptThenFail(operation, times) => self.break_effect(operation, times),
            Act::Accept | Act::Fail(..) => {}
        }
        let (tenant, revision) = (key.tenant.clone(), key.revision.clone());
        self.taken.lock().unwrap().push(Taken { tenant, revision, to: mail.to.clone() });
        let message = String::from_utf8_lossy(&mail.message);
        let subject = message.lines().find_map(|line| line.strip_prefix("Subject: "));
        self.subjects.lock().unwrap().extend(subject.map(str::to_owned));
        Ok(reply(250))
    }

    async fn test(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        let recipient = options.recipient.map(str::to_owned);
        self.tested.lock().unwrap().push((settings.host.clone(), recipient.clone()));
        if let Some(gate) = options.before_dial {
            // Every name leads to one server.
            gate.before_dial(&["192.0.2.1".parse().unwrap()]).await;
        }
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile().await;
        }
        let ok = {
            let mut failing = self.failing_tests.lock().unwrap();
            let ok = *failing == 0 || settings.host == PLATFORM;
            *failing -= u32::from(!ok);
            ok
        };
        let status = if ok { StageStatus::Passed } else { StageStatus::Failed };
        let stage = StageResult { stage: Stage::Auth, status, ms: 1.0, detail: StageDetail::default() };
        on_stage(&stage);
        let failure = (!ok).then_some(Failure::new(Stage::Auth, FailureCode::AuthRejected));
        let message =
            |recipient| TestMessage { message_id: "t@x".to_owned(), recipient, reply: "250 ok".to_owned() };
        Probe {
            stages: vec![stage],
            failure,
            tls: self.certificate.lock().unwrap().as_deref().map(tls),
            capabilities: Capabilities::default(),
            transcript: Vec::new(),
            test_message: recipient.filter(|_| ok).map(message),
            dns: None,
            fix: None,
            ehlo_name: "mail.platform.example".to_owned(),
        }
    }
}
