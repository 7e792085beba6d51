//! A slow relay delays the mail of its own tenant only.

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

/// Relays of which the one of tenant `slow` takes no mail until its door is open.
struct Slow {
    batches: AtomicUsize,
    most: AtomicUsize,
    door: Semaphore,
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

    fn after_the_dot(&self, (): (), _key: &RelayKey, _mail: &Mail) -> Result<Reply, Failure> {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_relay_delays_its_own_tenant_only_and_gets_three_connections_at_most() {
    let store = Arc::new(Store::in_memory(Arc::new(Timestamp::now)).expect("a store"));
    let (batches, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let relays = Arc::new(Slow { batches, most, door: Semaphore::new(0) });
    let app = App::with_relays(Config::default(), store.effects(), relays.clone()).expect("an app");
    let app = Arc::new(app);
    let tenants = ["quick", "slow"].map(|name| Tenant::new(name).expect("a name"));
    for tenant in &tenants {
        let document = json!({
            "host": "smtp.relay.example", "username": "mailer", "password": {"set": "s3cret-word"},
            "senderAddress": "noreply@relay.example",
        });
        let revision = Revision(format!("revision-of-{tenant}"));
        store.put_pending(tenant, &revision, &document.to_string()).await.expect("put");
        assert!(store.promote(tenant, &revision, None).await.expect("promote"));
    }
    // The slow one's mail comes first, and is far more.
    for (tenant, count) in [(&tenants[1], 100), (&tenants[0], 20)] {
        let to: Vec<_> = (0..count).map(|n| json!({"address": format!("r{n}@example.org")})).collect();
        let event = json!({
            "id": "e1", "tenant": tenant, "category": "notification", "type": "comment.created",
            "recipients": to, "data": {},
        });
        router::accept(&app, event.to_string().as_bytes(), None).await.expect("accepted");
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
