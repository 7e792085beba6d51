//! The contract suite of the effects, against the embedded store.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost::store::{Clock, Store};
use ownpost::worker;
use ownpost_core::config::Config;
use ownpost_core::effects::{Ledger as _, Queue as _, QueueMessage, SecretStage, Secrets};
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;
use ownpost_tests::effects_contract::{self, QueueBench};

/// A clock that the test sets.
#[derive(Clone, Default)]
struct HandClock(Arc<AtomicI64>);

impl HandClock {
    fn clock(&self) -> Clock {
        let seconds = self.0.clone();
        Arc::new(move || {
            Timestamp::from_second(1_790_000_000 + seconds.load(Ordering::SeqCst)).expect("in range")
        })
    }
    fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).expect("in range"), Ordering::SeqCst);
    }
}

struct Bench {
    store: Arc<Store>,
    clock: HandClock,
}

impl Bench {
    fn new() -> Self {
        let clock = HandClock::default();
        let store = Arc::new(Store::in_memory(clock.clock()).expect("a store"));
        Self { store, clock }
    }
}

#[async_trait]
impl QueueBench for Bench {
    async fn receive(&self, visibility: Duration) -> Vec<(String, String)> {
        let mut received = Vec::new();
        for group in self.store.ready_groups().await.expect("ready_groups") {
            received.extend(self.store.receive(&group, 10, visibility).await.expect("receive"));
        }
        received.into_iter().map(|message| (message.receipt, message.body)).collect()
    }
    async fn delete(&self, receipt: &str) {
        self.store.delete(vec![receipt.to_owned()]).await.expect("delete");
    }
    async fn pass(&self, time: Duration) {
        self.clock.turn(time);
    }
}

#[tokio::test]
async fn secrets() {
    effects_contract::secrets(&*Bench::new().store, "sqlite").await;
}

#[tokio::test]
async fn ledger() {
    effects_contract::ledger(&*Bench::new().store, "sqlite").await;
}

#[tokio::test]
async fn queue() {
    let bench = Bench::new();
    effects_contract::queue(&*bench.store, &bench, "sqlite").await;
}

#[tokio::test]
async fn events() {
    let store = Bench::new().store;
    effects_contract::events(&*store, "sqlite").await;
    assert_eq!(store.emitted(100).await.expect("emitted").len(), 12);
}

fn message(group: &Tenant, body: &str) -> QueueMessage {
    QueueMessage { group: group.clone(), category: None, body: body.to_owned(), delay: Duration::ZERO }
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = HandClock::default();
    let acme = Tenant::new("acme").expect("a name");
    let revision = ownpost_domain::delivery::Revision("r1".into());
    let visibility = Duration::from_secs(1000);
    {
        let store = Store::open(folder.path(), clock.clock()).expect("open");
        assert!(Store::open(folder.path(), clock.clock()).is_err(), "one process at a time");
        store.put_pending(&acme, &revision, "hunter2-document").await.expect("put");
        assert!(store.promote(&acme, &revision, None).await.expect("promote"));
        store.put_event(&acme, "e1", b"{}", jiff::Timestamp::MAX).await.expect("put_event");
        store.send(&[message(&acme, "in flight"), message(&acme, "hidden"), message(&acme, "waiting")]).await;
        let received = store.receive(&acme, 2, visibility).await.expect("receive");
        store.hide(&received[1].receipt, Duration::from_mins(1)).await.expect("hide");
    }
    let store = Store::open(folder.path(), clock.clock()).expect("open again");
    let current = Secrets::get(&store, &acme, SecretStage::Current).await;
    let current = current.expect("get").expect("is there");
    assert_eq!(current.document.as_str(), "hunter2-document");
    assert_eq!(store.get_event(&acme, "e1").await, Ok(Some(b"{}".to_vec())));
    let received = store.receive(&acme, 10, visibility).await.expect("receive");
    let mut bodies: Vec<_> = received.iter().map(|message| message.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(
        bodies,
        ["in flight", "waiting"],
        "the receiving process is gone; a hidden message is still hidden"
    );
    clock.turn(Duration::from_mins(1));
    let received = store.receive(&acme, 10, visibility).await.expect("receive");
    assert_eq!(received.len(), 1);
    drop(store);
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "secrets are sealed on disk");
    }
}

#[tokio::test]
async fn each_group_is_served_separately() {
    let bench = Bench::new();
    let names = ["loud", "quiet"].map(|name| Tenant::new(name).expect("a name"));
    let mut messages: Vec<_> = (0..50).map(|n| message(&names[0], &n.to_string())).collect();
    messages.push(message(&names[1], "first"));
    bench.store.send(&messages).await;
    assert_eq!(bench.store.ready_groups().await.expect("groups"), names);
    let received = bench.store.receive(&names[0], 50, Duration::from_secs(30)).await.expect("receive");
    assert_eq!(received.len(), 50);
    assert_eq!(bench.store.ready_groups().await.expect("groups"), names[1..]);
    assert_eq!(bench.store.next_visible().await, Ok(Some(Duration::from_secs(30))));
}

#[tokio::test]
async fn an_old_receipt_neither_hides_nor_deletes() {
    let bench = Bench::new();
    let acme = Tenant::new("acme").expect("a name");
    bench.store.send(&[message(&acme, "body")]).await;
    let first = bench.store.receive(&acme, 1, Duration::from_secs(1)).await.expect("receive");
    bench.clock.turn(Duration::from_secs(1));
    let second = bench.store.receive(&acme, 1, Duration::from_secs(1)).await.expect("receive");
    assert_eq!((first[0].receives, second[0].receives), (1, 2));
    assert!(bench.store.hide(&first[0].receipt, Duration::from_secs(9)).await.is_err());
    bench.store.delete(vec![first[0].receipt.clone()]).await.expect("delete");
    assert_eq!(bench.store.queue_length().await, Ok(1), "the message is still received by its new worker");
    bench.store.delete(vec![second[0].receipt.clone()]).await.expect("delete");
    assert_eq!(bench.store.queue_length().await, Ok(0));
}

#[tokio::test]
async fn concurrent_calls_share_commits() {
    // Concurrent calls share commits; each gets its own answer.
    let bench = Bench::new();
    let acme = Tenant::new("acme").expect("a name");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..400 {
        let (store, acme) = (bench.store.clone(), acme.clone());
        tasks.spawn(async move {
            store.put_event(&acme, &(n % 200).to_string(), b"x", jiff::Timestamp::MAX).await
        });
    }
    let results = tasks.join_all().await;
    let first = results.iter().filter(|result| **result == Ok(true)).count();
    assert_eq!((first, results.len()), (200, 400), "each id is new once");
}

#[tokio::test]
async fn a_version_without_a_label_goes_with_the_first_save_a_day_later() {
    let Bench { store, clock } = Bench::new();
    let acme = Tenant::new("acme").expect("a name");
    let revision = |name: &str| Revision(name.to_owned());
    let kept = async |name| store.get_revision(&acme, &revision(name)).await.expect("get").is_some();
    for (name, before) in [("one", None), ("two", Some("one"))] {
        store.put_pending(&acme, &revision(name), name).await.expect("put");
        assert!(store.promote(&acme, &revision(name), before.map(revision).as_ref()).await.expect("promote"));
    }
    store.put_pending(&acme, &revision("failed"), "failed").await.expect("put");
    store.discard_pending(&acme, &revision("failed")).await.expect("discard");
    for (hours, left) in [(23, true), (2, false)] {
        clock.turn(Duration::from_hours(hours));
        store.put_pending(&acme, &revision(&format!("save-{hours}")), "next").await.expect("put");
        assert_eq!(kept("failed").await, left, "{hours}");
        assert!(kept("one").await && kept("two").await, "what has a label stays");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_while_it_runs_is_noticed() {
    const DAY: i64 = 24 * 60 * 60;
    let seconds = Arc::new(AtomicI64::new(1_790_000_000));
    // The clock goes on with the time of this test, and jumps by hand.
    let began = tokio::time::Instant::now();
    let clock = {
        let seconds = seconds.clone();
        move || {
            let passed = began.elapsed().as_secs().cast_signed();
            Timestamp::from_second(seconds.load(Ordering::SeqCst) + passed).expect("in range")
        }
    };
    let store = Arc::new(Store::in_memory(Arc::new(clock)).expect("a store"));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let house = tokio::spawn(worker::keep_house(store.clone(), Config::RETAIN, stopped));
    seconds.fetch_add(400 * DAY, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let group = Tenant::new("acme").expect("a name");
    for sent in store
        .send(&[QueueMessage { group, category: None, body: "x".into(), delay: Duration::from_mins(15) }])
        .await
    {
        sent.expect("sent");
    }
    seconds.fetch_add(-400 * DAY, Ordering::SeqCst);
    // How often the house looks until then depends on the store's thread, which the paused time does not wait for.
    let mut shown = Duration::MAX;
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shown = store.next_visible().await.expect("read").unwrap_or_default();
        if shown <= Duration::from_mins(15) {
            break;
        }
    }
    assert!(shown <= Duration::from_mins(15), "{shown:?}");
    stop.send_replace(true);
    house.await.expect("ended");
}
