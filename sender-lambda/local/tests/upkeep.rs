//! The store over months, and with a clock that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use ownpost::relays::{RelayInfo, Relays};
use ownpost::store::{CaughtMail, Store};
use ownpost::worker;
use ownpost_core::config::Config;
use ownpost_core::effects::{
    Emitted, Events as _, Filter, Ledger as _, Order, Queue as _, QueueMessage, SecretStage,
};
use ownpost_core::functions::{App, forget, router};
use ownpost_core::wire::emitted::SETTINGS_EXPIRED;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, Revision, Status};
use ownpost_domain::tenant::Tenant;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio_rustls::TlsConnector;

const DAY: i64 = 24 * 60 * 60;

/// A store whose clock is set by hand, in seconds.
struct World {
    store: Arc<Store>,
    app: App,
    seconds: Arc<AtomicI64>,
    acme: Tenant,
}

impl World {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_790_000_000));
        let clock = {
            let seconds = seconds.clone();
            move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).expect("in range")
        };
        let store = Arc::new(Store::in_memory(Arc::new(clock.clone())).expect("a store"));
        let mut app = App::new(Config::default(), store.effects()).expect("an app");
        app.now = Arc::new(clock);
        Self { store, app, seconds, acme: Tenant::new("acme").expect("a name") }
    }

    fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Accepts an event, and leaves its row in this state.
    async fn row(&self, id: &str, status: Status) {
        let event = json!({
            "id": id, "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org"}], "data": {},
        });
        let accepted = router::accept(&self.app, event.to_string().as_bytes(), None).await.expect("accepted");
        let stored = self.store.get(&self.acme, &accepted.deliveries[0]).await.expect("get").expect("a row");
        let row = Delivery { status, ..stored.value };
        assert!(self.store.update(&row, stored.version).await.expect("update"));
    }

    async fn rows(&self) -> Vec<String> {
        let page = self.store.list(&self.acme, &Filter::default(), Order::OldestFirst, None, 1000).await;
        page.expect("list").deliveries.into_iter().map(|row| row.event).collect()
    }
}

#[tokio::test]
async fn old_rows_mails_and_states_go_and_the_rest_stays() {
    let world = World::new();
    let store = &world.store;
    let mail =
        || CaughtMail { relay: "customer", from: "a@x.org".into(), to: Vec::new(), data: b"x".to_vec() };
    world.row("old", Status::Sent).await;
    world.row("held", Status::Held).await;
    store.catch(mail()).await.expect("caught");
    let expires = Some(Timestamp::from_second(1_790_000_060).expect("in range"));
    assert!(store.put_state(&world.acme, "k", &json!(1), 0, expires, (world.app.now)()).await.expect("put"));
    world.pass(89 * DAY);
    world.row("young", Status::Sent).await;
    store.catch(mail()).await.expect("caught");
    store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!(world.rows().await, ["old", "held", "young"], "nothing is 90 days old");
    let fresh = store.put_state(&world.acme, "k", &json!(1), 0, None, (world.app.now)()).await;
    assert_eq!((fresh, store.caught(1).await.expect("read").is_some()), (Ok(true), true));
    let state = store.get_state(&world.acme, "k", (world.app.now)()).await.expect("get").expect("a state");
    assert_eq!(state.version, 1, "the expired state has gone with its number");

    world.pass(2 * DAY);
    world.row("new", Status::Queued).await;
    store.catch(mail()).await.expect("caught");
    store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!(world.rows().await, ["held", "young", "new"], "what is not final stays");
    assert_eq!(store.get_event(&world.acme, "old").await, Ok(None));
    assert!(store.get_event(&world.acme, "held").await.expect("get").is_some());
    assert_eq!(store.caught(1).await, Ok(None));
    assert!(store.caught(2).await.expect("read").is_some());

    // A clock that is wrong by years empties nothing.
    world.pass(4000 * DAY);
    store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!(world.rows().await, ["held", "young", "new"]);
    assert!(store.caught(2).await.expect("read").is_some());
}

#[tokio::test]
async fn a_document_goes_a_week_after_its_last_mail_was_final() {
    let world = World::new();
    let store = &world.store;
    world.row("sent", Status::Sent).await;
    world.row("held", Status::Held).await;
    let kept = async |event: &str| store.get_event(&world.acme, event).await.expect("get").is_some();
    world.pass(6 * DAY);
    store.prune(Config::RETAIN).await.expect("prune");
    assert!(kept("sent").await, "somebody may want to send it again");
    world.pass(DAY + 1);
    store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!((kept("sent").await, kept("held").await), (false, true), "a held mail needs its document");
    assert_eq!(world.rows().await, ["sent", "held"], "the rows stay");
}

#[tokio::test]
async fn many_old_rows_go_in_one_run() {
    let world = World::new();
    for number in 0..2500 {
        world.row(&format!("e{number}"), Status::Sent).await;
    }
    world.pass(91 * DAY);
    world.row("new", Status::Sent).await;
    world.store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!(world.rows().await, ["new"]);
}

#[tokio::test]
async fn of_caught_mail_the_newest_hundred_thousand_stay_and_of_the_ledger_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let now: jiff::SignedDuration = jiff::SignedDuration::from_secs(1_790_000_000);
    let clock = Arc::new(move || Timestamp::from_duration(now).expect("in range"));
    let acme = Tenant::new("acme").expect("a name");
    let store = Arc::new(Store::open(folder.path(), clock.clone()).expect("open"));
    let mut app = App::new(Config::default(), store.effects()).expect("an app");
    app.now = clock.clone();
    for number in 0..3 {
        let event = json!({
            "id": format!("e{number}"), "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org"}], "data": {},
        });
        router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
    }
    drop((app, store));
    let database = rusqlite::Connection::open(folder.path().join("ownpost.db")).expect("the database");
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100005)
               INSERT INTO mail (relay, mail_from, rcpt_to, data, at) SELECT 'customer', '', '[]', x'2e', ?1 FROM n";
    assert_eq!(
        database.execute(sql, [i64::try_from(now.as_micros()).expect("fits")]).expect("executed"),
        100_005
    );
    database.close().expect("closed");
    let store = Store::open(folder.path(), clock).expect("open");
    store.prune(Config::RETAIN).await.expect("prune");
    assert_eq!((store.caught(5).await, store.caught(6).await), (Ok(None), Ok(Some(b".".to_vec()))));
    let oldest = store.caught_before(8, 10).await.expect("a page");
    assert_eq!(oldest.iter().map(|mail| mail.id).collect::<Vec<_>>(), [7, 6]);
    assert!(store.caught(100_005).await.expect("read").is_some());
    let rows = store.list(&acme, &Filter::default(), Order::OldestFirst, None, 10).await.expect("list");
    assert_eq!(rows.deliveries.len(), 3, "the ledger is kept by its days");
    assert!(store.get_event(&acme, "e0").await.expect("get").is_some());
}

#[tokio::test]
async fn emitted_events_go_with_the_person_they_name_and_with_their_time() {
    let world = World::new();
    let store = &world.store;
    let failed = async |event: &str| {
        world.row(event, Status::Failed).await;
        let filter = Filter { event: Some(event.to_owned()), ..Filter::default() };
        let page = store.list(&world.acme, &filter, Order::NewestFirst, None, 1).await.expect("listed");
        let row = page.deliveries.into_iter().next().expect("a row");
        let detail = json!({"tenant": "acme", "delivery": {"id": row.id, "recipient": row.recipient}});
        store
            .emit(&[Emitted { detail_type: "Delivery Failed", detail }])
            .await
            .pop()
            .expect("one")
            .expect("emitted");
        row.id
    };
    let (erased, kept) = (failed("first").await, failed("second").await);
    let row = store.get(&world.acme, &erased).await.expect("read").expect("a row");
    assert!(store.update(&row.value.erased((world.app.now)()), row.version).await.expect("written"));
    let emitted = store.emitted(10).await.expect("read");
    assert_eq!(emitted.len(), 1);
    assert!(emitted[0].1.contains(kept.as_str()));
    world.pass(91 * DAY);
    world.row("third", Status::Sent).await;
    store.prune(Config::RETAIN).await.expect("pruned");
    assert_eq!(store.emitted(10).await, Ok(Vec::new()));
}

#[tokio::test]
async fn removed_settings_end_when_their_time_is_over() {
    let World { store, app, seconds, acme } = World::new();
    let (app, revision) = (Arc::new(app), Revision("r1".to_owned()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let ending = tokio::spawn(worker::end_expired(app.clone(), store.hear(), stopped));
    store.effects().secrets.put_pending(&acme, &revision, r#"{"removed":true}"#).await.expect("put");
    assert!(store.effects().secrets.promote(&acme, &revision, None).await.expect("promoted"));
    seconds.fetch_add(90 * DAY, Ordering::SeqCst);
    let mut heard = store.hear();
    let expired = Emitted { detail_type: SETTINGS_EXPIRED, detail: json!({"tenant": "acme"}) };
    store.emit(&[expired]).await.pop().expect("one").expect("emitted");
    while heard.recv().await.expect("an event").detail_type != "Settings Removed" {}
    assert!(store.effects().secrets.get(&acme, SecretStage::Current).await.expect("read").is_none());
    stop.send_replace(true);
    ending.await.expect("ended");
}

#[tokio::test]
async fn a_clock_that_goes_back_leaves_nothing_behind() {
    let world = World::new();
    let message = QueueMessage {
        group: world.acme.clone(),
        category: None,
        body: "x".into(),
        delay: Duration::from_mins(1),
    };
    for sent in world.store.send(&[message]).await {
        sent.expect("sent");
    }
    world.pass(-400 * DAY);
    let by = Duration::from_secs(400 * DAY.unsigned_abs());
    world.store.clock_went_back(by).await.expect("mended");
    assert_eq!(world.store.next_visible().await, Ok(Some(Duration::from_mins(1))));
    world.pass(60);
    assert_eq!(world.store.ready_groups().await, Ok(vec![world.acme.clone()]));

    world.pass(400 * DAY);
    world.row("sent", Status::Sent).await;
    world.row("held", Status::Held).await;
    world.store.watch(&world.acme, (world.app.now)()).await.expect("watched");
    world.pass(-400 * DAY);
    world.store.clock_went_back(by).await.expect("mended");
    let due = world.store.due(0, (world.app.now)() + Duration::from_secs(1), 10).await.expect("read");
    assert_eq!(due.len(), 2, "the held mail and the relay are looked at: {due:?}");
}

/// A handshake with a relay by a client that reads this clock.
async fn handshake(relay: &RelayInfo, now: Timestamp) -> std::io::Result<()> {
    #[derive(Debug)]
    struct At(Timestamp);
    impl TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            let seconds = u64::try_from(self.0.as_second()).ok()?;
            Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(relay.ca_pem.as_bytes()).expect("a CA")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(At(now)))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect((relay.host, relay.ports.tls)).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop)
}

#[tokio::test]
async fn relays_that_run_for_years_have_certificates_that_are_valid() {
    let world = World::new();
    let folder = tempfile::tempdir().expect("a folder");
    let relays = Relays::start(&world.store, folder.path(), (world.app.now)(), 8).await.expect("relays");
    for days in [0, 200, 164, 3, 400, -767, 4000] {
        world.pass(days * DAY);
        for relay in &relays.infos {
            handshake(relay, (world.app.now)()).await.expect("a valid certificate");
        }
    }
}

#[tokio::test]
async fn a_clock_that_went_back_between_two_runs_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = Tenant::new("acme").expect("a name");
    let at = |seconds: i64| Arc::new(move || Timestamp::from_second(seconds).expect("in range"));
    let message =
        QueueMessage { group: acme.clone(), category: None, body: "x".into(), delay: Duration::ZERO };
    let store = Store::open(folder.path(), at(1_790_000_000)).expect("open");
    for sent in store.send(&[message]).await {
        sent.expect("sent");
    }
    store.watch(&acme, at(1_790_000_000)()).await.expect("watched");
    drop(store);
    let store = Store::open(folder.path(), at(1_790_000_000 - 400 * DAY)).expect("open");
    assert_eq!(store.ready_groups().await, Ok(vec![acme]));
    let soon = at(1_790_000_001 - 400 * DAY)();
    assert_eq!(store.due(0, soon, 10).await.expect("read").len(), 1, "its relay is looked at");
}

#[tokio::test]
async fn a_folder_from_before_the_lanes_keeps_its_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = Tenant::new("acme").expect("a name");
    let open = || Store::open(folder.path(), Arc::new(Timestamp::now)).expect("a store");
    let send = async |store: &Store, body: &str, category| {
        let message =
            QueueMessage { group: acme.clone(), category, body: body.into(), delay: Duration::ZERO };
        store.send(&[message]).await.pop().expect("one").expect("sent");
    };
    let store = open();
    send(&store, "old", None).await;
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("ownpost.db")).expect("the database");
    let before = "DROP INDEX message_by_lane; ALTER TABLE message DROP COLUMN lane;
                  CREATE INDEX message_by_group ON message (grp, visible_at, seq); PRAGMA user_version = 2;";
    database.execute_batch(before).expect("as it was");
    database.close().expect("closed");

    for opened in 1..=2 {
        let store = open();
        let category = Some(Category::UserInvitation);
        send(&store, "new", category).await;
        assert_eq!(store.ready_groups().await, Ok(vec![acme.clone()]));
        let received = store.receive(&acme, 10, Duration::ZERO).await.expect("received");
        let bodies: Vec<_> = received.iter().map(|message| message.body.as_str()).collect();
        assert_eq!(bodies, [vec!["old"], vec!["new"; opened]].concat());
        drop(store);
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_upkeep() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |seconds: i64| Arc::new(move || Timestamp::from_second(seconds).expect("in range"));
    let acme = Tenant::new("acme").expect("a name");
    let store = Arc::new(Store::open(folder.path(), at(1_790_000_000)).expect("open"));
    let mut app = App::new(Config::default(), store.effects()).expect("an app");
    app.now = at(1_790_000_000);
    for id in ["text", "bytes", "whole"] {
        let event = json!({
            "id": id, "tenant": "acme", "category": "notification", "type": "comment.created",
            "recipients": [{"address": "jan@example.org"}], "data": {},
        });
        let accepted = router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
        let stored = store.get(&acme, &accepted.deliveries[0]).await.expect("get").expect("a row");
        let row = Delivery { status: Status::Sent, ..stored.value };
        assert!(store.update(&row, stored.version).await.expect("update"));
    }
    drop((app, store));
    let database = rusqlite::Connection::open(folder.path().join("ownpost.db")).expect("the database");
    for (id, document) in [("text", "'{\"id\": 7'"), ("bytes", "x'ff00'")] {
        let sql = format!("UPDATE delivery SET document = {document} WHERE event = '{id}'");
        assert_eq!(database.execute(&sql, []).expect("executed"), 1);
    }
    database.close().expect("closed");
    let store = Store::open(folder.path(), at(1_790_000_000 + 8 * DAY)).expect("open");
    store.prune(Config::RETAIN).await.expect("prune");
    for id in ["text", "bytes", "whole"] {
        assert_eq!(store.get_event(&acme, id).await, Ok(None), "{id}");
    }
}

#[tokio::test]
async fn what_is_erased_is_not_in_the_file_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = Tenant::new("acme").expect("a name");
    let is_in_file = || {
        let bytes = std::fs::read(folder.path().join("ownpost.db")).expect("the database");
        bytes.windows(6).any(|window| window == b"erased")
    };
    for erases in [false, true] {
        let store = Arc::new(Store::open(folder.path(), Arc::new(Timestamp::now)).expect("a store"));
        if erases {
            forget::at_once(&store.effects(), &acme).await.expect("forgotten");
        } else {
            let app = App::new(Config::default(), store.effects()).expect("an app");
            // One that fits in a page of the file, and one with pages of its own.
            for (id, length) in [("erased-1", 1), ("erased-2", 100_000)] {
                let event = json!({
                    "id": id, "tenant": "acme", "category": "notification", "type": "comment.created",
                    "recipients": [{"address": "erased@example.org", "name": "erased"}],
                    "data": {"excerpt": "erased ".repeat(length)},
                });
                router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
            }
        }
        store.close();
        assert_eq!(is_in_file(), !erases);
    }
}
