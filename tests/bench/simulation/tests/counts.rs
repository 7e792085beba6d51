//! The model makes the same calls to its effects as the real functions: each case runs through both, and the calls
//! are compared. A change of the calls of `router`, `sender` or `monitor` needs the same change in `src/sender.rs`,
//! `src/engine.rs` or `src/cost.rs`, so that the figures stay true.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::effects::{
    Due, Effects, Emitted, Events, Filter, Ledger, Order, Page, Queue, QueueMessage, Result, SecretStage,
    Secrets, StoredVersion, Versioned,
};
use ownpost_core::functions::{App, monitor, router, sender};
use ownpost_core::testing::fake::Fake;
use ownpost_core::testing::memory::Memory;
use ownpost_core::wire::settings::to_document;
use ownpost_core::wire::stored_row;
use ownpost_domain::category::{Category, CategoryRoute, OnFailure, Routing, Via};
use ownpost_domain::delivery::{Delivery, DeliveryId, Revision};
use ownpost_domain::failure::{Failure, Reply};
use ownpost_domain::report::{Capabilities, CertificateFacts, StageResult, TlsFacts};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_simulation::counts::{Counts, Operation as O};
use ownpost_simulation::relay::{Fault, Mood, Said, converse};
use ownpost_simulation::scenario::latency;
use ownpost_simulation::{Case, Simulation, cost};
use ownpost_smtp::probe::Probe;
use ownpost_smtp::{Mail, ProbeOptions, RelayKey, Timeouts};

/// Effects in memory that count their calls.
struct Counting {
    memory: Arc<Memory>,
    counts: Mutex<Counts>,
}

impl Counting {
    fn count(&self, operation: O, times: usize) -> &Memory {
        self.counts.lock().expect("the counts")[operation] += times as u64;
        &self.memory
    }

    fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().expect("the counts"))
    }
}

#[async_trait]
impl Secrets for Counting {
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>> {
        Secrets::get(self.count(O::SecretGet, 1), tenant, stage).await
    }
    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>> {
        self.count(O::SecretGet, 1).get_revision(tenant, revision).await
    }
    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()> {
        self.memory.put_pending(tenant, revision, document).await
    }
    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool> {
        self.memory.promote(tenant, revision, expected).await
    }
    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()> {
        self.memory.discard_pending(tenant, revision).await
    }
    async fn forget(&self, tenant: &Tenant) -> Result<()> {
        self.memory.forget(tenant).await
    }
    async fn tokens(&self, tenant: &Tenant) -> Result<Option<zeroize::Zeroizing<String>>> {
        self.memory.tokens(tenant).await
    }
    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()> {
        self.memory.put_tokens(tenant, document).await
    }
    async fn platform(&self) -> Result<Option<StoredVersion>> {
        self.count(O::PlatformGet, 1).platform().await
    }
    async fn operator(&self, name: &str) -> Result<Option<zeroize::Zeroizing<String>>> {
        self.memory.operator(name).await
    }
}

#[async_trait]
impl Ledger for Counting {
    async fn put_event(
        &self,
        tenant: &Tenant,
        event: &str,
        document: &[u8],
        keep_until: Timestamp,
    ) -> Result<bool> {
        assert!(document.len() <= 1024, "an event's document is more than a write request unit");
        self.count(O::EventPut, 1).put_event(tenant, event, document, keep_until).await
    }
    async fn get_event(&self, tenant: &Tenant, event: &str) -> Result<Option<Vec<u8>>> {
        self.count(O::EventGet, 1).get_event(tenant, event).await
    }
    async fn insert(&self, row: &Delivery) -> Result<bool> {
        assert!(units(row) <= cost::ROW, "{row:?}");
        self.count(O::RowInsert, 1).insert(row).await
    }
    async fn get(&self, tenant: &Tenant, id: &DeliveryId) -> Result<Option<Versioned<Delivery>>> {
        Ledger::get(self.count(O::RowGet, 1), tenant, id).await
    }
    async fn update(&self, row: &Delivery, version: u64) -> Result<bool> {
        assert!(units(row) <= cost::ROW, "{row:?}");
        self.count(O::RowUpdate, 1).update(row, version).await
    }
    async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        order: Order,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        self.count(O::List, 1).list(tenant, filter, order, cursor, limit).await
    }
    async fn get_state(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<serde_json::Value>>> {
        self.count(O::StateGet, 1).get_state(tenant, key, now).await
    }
    async fn put_state(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &serde_json::Value,
        version: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        self.count(O::StatePut, 1).put_state(tenant, key, value, version, expires, now).await
    }
    async fn due(&self, shard: u16, before: Timestamp, limit: usize) -> Result<Vec<Due>> {
        self.count(O::Due, 1).due(shard, before, limit).await
    }
    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<bool> {
        self.count(O::Postpone, 1).postpone(due, until).await
    }
    async fn keep_event(&self, tenant: &Tenant, event: &str, until: Timestamp) -> Result<()> {
        self.count(O::EventKeep, 1).keep_event(tenant, event, until).await
    }
    async fn replace_event(&self, tenant: &Tenant, event: &str, before: &[u8], after: &[u8]) -> Result<bool> {
        self.memory.replace_event(tenant, event, before, after).await
    }
    async fn forget_some(&self, tenant: &Tenant) -> Result<bool> {
        self.memory.forget_some(tenant).await
    }
    async fn watch(&self, tenant: &Tenant, at: Timestamp) -> Result<()> {
        self.count(O::Watch, 1).watch(tenant, at).await
    }
}

#[async_trait]
impl Queue for Counting {
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>> {
        self.count(O::QueueSend, messages.len().div_ceil(10)).send(messages).await
    }
    async fn hide(&self, receipt: &str, during: Duration) -> Result<()> {
        self.count(O::QueueHide, 1).hide(receipt, during).await
    }
}

#[async_trait]
impl Events for Counting {
    async fn emit(&self, events: &[Emitted]) -> Vec<Result<()>> {
        self.count(O::Emit, events.len()).emit(events).await
    }
}

/// Write request units of a row: its packed JSON, its keys (names and values), its version and token.
fn units(row: &Delivery) -> u64 {
    let packed = stored_row::pack(row).expect("a row").len();
    let (tenant, id) = (row.tenant.as_str().len(), row.id.as_str().len());
    let keys = (tenant + id + 4) + (id + 21) + tenant + (tenant + row.recipient.len()) + 22;
    let names = "pk sk row v w at by_time by_recipient by_open by_due due expires".len();
    (packed + keys + names + 40).div_ceil(1024) as u64
}

/// A relay that gives the same answer to every mail, after the time that it needs for one.
struct Parrot {
    said: Said,
    memory: Arc<Memory>,
    each: Duration,
}

#[async_trait]
impl Fake for Parrot {
    type Then = Said;

    fn before_the_dot(&self, key: &RelayKey) -> std::result::Result<Said, Failure> {
        let own = key.tenant.is_some();
        let said = if own { self.said } else { Said::Accepted };
        self.memory.pass(if own { self.each } else { Duration::ZERO });
        match said.outcome() {
            Err(failure) if !said.after_the_dot() => Err(failure.clone()),
            _ => Ok(said),
        }
    }

    fn after_the_dot(&self, said: Said, _: &RelayKey, _: &Mail) -> std::result::Result<Reply, Failure> {
        said.outcome().clone()
    }

    async fn test(
        &self,
        _: &Settings,
        _: &ProbeOptions<'_>,
        _: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        let certificate = CertificateFacts {
            subject: "CN=x".to_owned(),
            issuer: "CN=y".to_owned(),
            names: Vec::new(),
            not_before: "2020-01-01T00:00:00Z".to_owned(),
            not_after: "2040-01-01T00:00:00Z".to_owned(),
            sha256: "00".to_owned(),
        };
        Probe {
            stages: Vec::new(),
            failure: None,
            tls: Some(TlsFacts { version: None, cipher: None, certificate: Some(certificate) }),
            capabilities: Capabilities::default(),
            transcript: Vec::new(),
            test_message: None,
            dns: None,
            fix: None,
            ehlo_name: "mail.platform.example".to_owned(),
        }
    }
}

fn settings(case: &Case) -> Settings {
    let mut routing = Routing::default();
    for category in Category::ALL {
        routing.set(category, CategoryRoute { via: Via::Relay, on_failure: case.on_failure });
    }
    Settings {
        host: if case.limited { "smtp.office365.com" } else { "smtp.acme.example" }.to_owned(),
        port: 587,
        security: Security::StartTls,
        auth: Auth::Password { username: "u".to_owned(), password: Secret::new("p".to_owned()) },
        sender_address: "noreply@acme.example".to_owned(),
        sender_name: None,
        reply_to: None,
        ehlo_name: None,
        ca_pem: None,
        routing,
        contacts: Vec::new(),
    }
}

struct World {
    app: App,
    counting: Arc<Counting>,
}

async fn world(case: &Case) -> World {
    let memory = Memory::new();
    memory.pass(Duration::from_secs(1_790_000_000));
    let counting = Arc::new(Counting { memory: memory.clone(), counts: Mutex::default() });
    let effects = Effects {
        secrets: counting.clone(),
        ledger: counting.clone(),
        queue: counting.clone(),
        events: counting.clone(),
    };
    let (said, _) = converse(case.fault.map_or(Mood::Works, Mood::Fails), 1, |_| false)[0];
    let each = if case.fault == Some(Fault::Slow) { Duration::from_millis(5_046) } else { Duration::ZERO };
    let parrot = Parrot { said, memory: memory.clone(), each };
    let mut app = App::with_relays(Config::default(), effects, Arc::new(parrot)).expect("an app");
    let clock = memory.clone();
    app.now = Arc::new(move || clock.now());
    memory.set_platform("p1", &to_document(&settings(case)));
    let acme = Tenant::new("acme").expect("a name");
    if case.own {
        let revision = Revision("r1".to_owned());
        memory.put_pending(&acme, &revision, &to_document(&settings(case))).await.expect("put");
        assert!(memory.promote(&acme, &revision, None).await.expect("promote"));
        memory.watch(&acme, memory.now()).await.expect("watch");
    }
    World { app, counting }
}

/// The calls of the real functions.
async fn real(case: &Case) -> Counts {
    let World { app, counting } = world(case).await;
    for number in 0..case.mails {
        let event = serde_json::json!({
            "id": format!("evt_01J9Z3K4M5N6P7Q8R9S0T1V2W{number}"), "tenant": "acme", "category": "notification",
            "type": "comment.created",
            "recipients": [{"address": "jan.jansen@example.org", "name": "Jan Jansen", "locale": "nl"}],
            "thread": "treatment-42",
            "data": {"actor": "Ann", "title": "Retention period", "url": "https://app.example/comments/1"},
        });
        router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
    }
    let records = counting.memory.receive(10, Duration::from_mins(48));
    counting.count(O::Batch, 1);
    let staying = sender::handle(&app, &records).await;
    counting.count(O::QueueDelete, usize::from(staying.len() < records.len()));
    counting.take()
}

#[tokio::test]
async fn the_model_makes_the_same_calls_as_the_functions() {
    let faults = Fault::ALL.into_iter().map(Some).chain([None]);
    for fault in faults {
        for (own, on_failure, limited) in [
            (true, OnFailure::Hold, false),
            (true, OnFailure::Platform, false),
            (true, OnFailure::Hold, true),
            (false, OnFailure::Hold, false),
        ] {
            for mails in [1, 3, 10] {
                let case = Case { fault, own, on_failure, limited, mails };
                assert_eq!(
                    Simulation::one_batch(&case),
                    real(&case).await,
                    "{case:?}: the model, the functions"
                );
            }
        }
    }
}

#[tokio::test]
async fn monitor_and_a_look_make_the_counted_calls() {
    let case = Case { fault: None, own: true, on_failure: OnFailure::Hold, limited: false, mails: 0 };
    let World { app, counting } = world(&case).await;
    let day = Duration::from_hours(24);
    // The first look stores the revision, the second what ends of its settings.
    for look in 1..=3 {
        counting.memory.pass(day);
        counting.take();
        assert_eq!(monitor::run(&app).await.expect("a run").relays, 1);
        let records = counting.memory.receive(10, Duration::from_mins(48));
        counting.count(O::Batch, 1);
        assert!(sender::handle(&app, &records).await.is_empty());
        for record in &records {
            counting.memory.delete(&record.message_id);
        }
        counting.count(O::QueueDelete, 1);
        let mut counts = counting.take();
        // One query finds the relay, and one more finds nothing behind it.
        assert_eq!(std::mem::take(&mut counts[O::Due]), cost::RUN + 1);
        let mut expected = Counts::default();
        for (operation, times) in cost::LOOK.into_iter().chain(cost::OPERATOR) {
            expected[operation] += times;
        }
        assert!(look < 3 || counts == expected, "{counts:?}, expected {expected:?}");
    }
    counting.take();
    assert_eq!(monitor::run(&app).await.expect("a run").relays, 0);
    let mut expected = Counts::default();
    expected[O::Due] = cost::RUN;
    assert_eq!(
        counting.take(),
        expected,
        "nothing is due: {} queries, however many tenants there are",
        cost::RUN
    );
    let (_, tenant) = cost::tenant_month();
    assert!(tenant <= 0.005, "${tenant} a month");
}

#[test]
fn a_greeting_is_waited_for_as_long_as_by_the_sender() {
    assert_eq!(u128::from(latency::GREETING), Timeouts::SEND.greeting.as_micros());
}
