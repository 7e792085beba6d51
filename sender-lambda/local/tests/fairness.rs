//! A slow relay delays the mail of its own tenant only.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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

/// Relays of which the one of tenant `slow` takes no mail until its door is open.
struct Slow {
    batches: AtomicUsize,
    most: AtomicUsize,
    door: Semaphore,
    taken: Mutex<Vec<String>>,
}

impl Default for Slow {
    fn default() -> Self {
        let (batches, most, taken) = (0.into(), 0.into(), Mutex::default());
        Self { batches, most, door: Semaphore::new(0), taken }
    }
}

#[async_trait]
impl Fake for Slow {
    type Then = ();

    async fn enter(&self, key: &RelayKey) {
        if is_slow(key) {
            let batches = self.batches.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(batches, Ordering::SeqCst);
            // Once open, it lets one after the other through.
            drop(self.door.acquire().await.expect("never closed"));
        }
    }

    fn before_the_dot(&self, _key: &RelayKey) -> Result<(), Failure> {
        Ok(())
    }

    fn after_the_dot(&self, (): (), _key: &RelayKey, mail: &Mail) -> Result<Reply, Failure> {
        self.taken.lock().expect("not poisoned").push(mail.to.clone());
        Ok(reply(250))
    }

    fn leave(&self, key: &RelayKey) {
        if is_slow(key) {
            self.batches.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn is_slow(key: &RelayKey) -> bool {
    key.tenant.as_deref() == Some("slow")
}

/// Waits until so many of the tenant's mails are sent.
async fn until_sent(store: &Store, tenant: &Tenant, count: usize) {
    let sent = Filter { status: Some(Status::Sent), ..Filter::default() };
    let all = async {
        loop {
            let page = store.list(tenant, &sent, Order::OldestFirst, None, 1000).await.expect("list");
            if page.deliveries.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all)
        .await
        .expect("the mail of this tenant waits for another's");
}

/// A store with active settings for these tenants, and an app on it.
async fn world(config: Config, relays: &Arc<Slow>, tenants: &[Tenant]) -> (Arc<Store>, Arc<App>) {
    let store = Arc::new(Store::in_memory(Arc::new(Timestamp::now)).expect("a store"));
    let app = App::with_relays(config, store.effects(), relays.clone()).expect("an app");
    for tenant in tenants {
        let document = json!({
            "host": "smtp.relay.example", "username": "mailer", "password": {"set": "s3cret-word"},
            "senderAddress": "noreply@relay.example",
        });
        let revision = Revision(format!("revision-of-{tenant}"));
        store.put_pending(tenant, &revision, &document.to_string()).await.expect("put");
        assert!(store.promote(tenant, &revision, None).await.expect("promote"));
    }
    (store, Arc::new(app))
}

/// Accepts an event of this category to so many recipients.
async fn accept(app: &App, tenant: &Tenant, category: &str, count: usize) {
    let to: Vec<_> = (0..count).map(|n| json!({"address": format!("{category}{n}@example.org")})).collect();
    let event = json!({
        "id": category, "tenant": tenant, "category": category, "type": "some.type", "recipients": to, "data": {},
    });
    router::accept(app, event.to_string().as_bytes(), None).await.expect("accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_does_not_wait_behind_all_notifications_where_every_batch_has_a_connection() {
    let relays = Arc::new(Slow::default());
    let mut config = Config { relay_connections: Some(20), ..Config::default() };
    config.overrides.senders_since = Some(Timestamp::now());
    let slow = Tenant::new("slow").expect("a name");
    let (store, app) = world(config, &relays, std::slice::from_ref(&slow)).await;
    accept(&app, &slow, "notification", 200).await;
    accept(&app, &slow, "user-invitation", 1).await;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app, store.clone(), stopped));
    relays.door.add_permits(1);
    until_sent(&store, &slow, 201).await;
    let taken = relays.taken.lock().expect("not poisoned").clone();
    let place = taken.iter().position(|to| to == "user-invitation0@example.org").expect("it was sent");
    // The batches that were begun before it, of ten mails each.
    assert!(place < 50, "it was mail {place} of 201");
    stop.send(true).expect("the worker listens");
    worker.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_relay_delays_its_own_tenant_only_and_gets_three_connections_at_most() {
    let relays = Arc::new(Slow::default());
    let tenants = ["quick", "slow"].map(|name| Tenant::new(name).expect("a name"));
    let (store, app) = world(Config::default(), &relays, &tenants).await;
    // The slow one's mail comes first, and is far more.
    for (tenant, count) in [(&tenants[1], 100), (&tenants[0], 20)] {
        accept(&app, tenant, "notification", count).await;
    }
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app, store.clone(), stopped));
    until_sent(&store, &tenants[0], 20).await;
    let three = async {
        while relays.batches.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), three).await.expect("three batches of the slow one's mail");
    until_sent(&store, &tenants[1], 0).await;
    // Once it takes mail, it may get more.
    assert_eq!(relays.most.load(Ordering::SeqCst), 3);
    relays.door.add_permits(1);
    until_sent(&store, &tenants[1], 100).await;
    stop.send(true).expect("the worker listens");
    worker.await.expect("it ends");
}
