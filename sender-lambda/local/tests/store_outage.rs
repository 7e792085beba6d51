//! The store fails for a moment while mails are being sent: they go on as soon as it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost::store::Store;
use ownpost::worker;
use ownpost_core::config::Config;
use ownpost_core::effects::{Filter, Ledger as _, Order, Secrets as _};
use ownpost_core::functions::{App, router};
use ownpost_core::testing::fake::{Fake, reply};
use ownpost_domain::delivery::{Revision, Status};
use ownpost_domain::failure::{Failure, Reply};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::{Mail, RelayKey};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

/// A relay that takes mails once its door is open.
struct Relay {
    waiting: AtomicUsize,
    door: Semaphore,
}

#[async_trait]
impl Fake for Relay {
    type Then = ();

    async fn enter(&self, _key: &RelayKey) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.door.acquire().await.expect("never closed"));
    }

    fn before_the_dot(&self, _key: &RelayKey) -> Result<(), Failure> {
        Ok(())
    }

    fn after_the_dot(&self, (): (), _key: &RelayKey, _mail: &Mail) -> Result<Reply, Failure> {
        Ok(reply(250))
    }

    fn leave(&self, _key: &RelayKey) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_on_soon_after_the_store_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Store::open(folder.path(), Arc::new(Timestamp::now)).expect("a store"));
    let relay = Arc::new(Relay { waiting: AtomicUsize::new(0), door: Semaphore::new(0) });
    let app = App::with_relays(Config::default(), store.effects(), relay.clone()).expect("an app");
    let app = Arc::new(app);
    let acme = Tenant::new("acme").expect("a name");
    let settings = json!({
        "host": "smtp.relay.example", "username": "mailer", "password": {"set": "s3cret-word"},
        "senderAddress": "noreply@relay.example",
    });
    let revision = Revision("r1".into());
    store.put_pending(&acme, &revision, &settings.to_string()).await.expect("put");
    assert!(store.promote(&acme, &revision, None).await.expect("promote"));
    let event = json!({
        "id": "e1", "tenant": "acme", "category": "notification", "type": "comment.created",
        "recipients": [{"address": "jan@example.org"}, {"address": "ann@example.org"}], "data": {},
    });
    router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app, store.clone(), stopped));
    while relay.waiting.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    // Another connection holds the write lock: SQLite gives up waiting for it after five seconds.
    let other = rusqlite::Connection::open(folder.path().join("ownpost.db")).expect("the database");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    relay.door.add_permits(100);
    tokio::time::sleep(Duration::from_secs(7)).await;
    other.execute_batch("ROLLBACK").expect("no lock");

    let sent = Filter { status: Some(Status::Sent), ..Filter::default() };
    let both = async {
        while store.list(&acme, &sent, Order::OldestFirst, None, 10).await.expect("list").deliveries.len() < 2
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let went = tokio::time::timeout(Duration::from_secs(40), both).await;
    let all = store.list(&acme, &Filter::default(), Order::OldestFirst, None, 10).await.expect("list");
    let stand: Vec<_> = all.deliveries.iter().map(|row| (row.status, row.reason.clone())).collect();
    assert!(went.is_ok(), "{stand:?}");
    stop.send(true).expect("the worker listens");
    worker.await.expect("it ends");
}
