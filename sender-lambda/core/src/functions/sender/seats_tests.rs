use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::{FutureExt as _, future, poll};
use ownpost_domain::category::OnFailure;
use ownpost_domain::failure::{Failure, FailureCode, Reply, Stage};
use ownpost_domain::seats::{Asking, Place, Seats};
use ownpost_smtp::Mail;

use super::*;
use crate::config::Config;
use crate::testing::fake::{Fake, reply};
use crate::testing::memory::Memory;
use crate::testing::world::{Act, VISIBILITY, World, acme, event, settings};
use crate::wire::settings::to_document;

/// A relay that takes so many connections and answers 421 to each further one. A mail needs a step of the senders.
#[derive(Default)]
struct Counting {
    takes: usize,
    /// Takes no mail to its end.
    stands_still: AtomicBool,
    open: AtomicUsize,
    most: AtomicUsize,
    connections: AtomicUsize,
    refused: AtomicUsize,
    taken: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Fake for Counting {
    type Then = ();

    async fn enter(&self, key: &RelayKey) {
        if key.tenant.as_deref() == Some("acme") {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.connections.fetch_add(1, Ordering::SeqCst);
            self.most.fetch_max(open.min(self.takes + 1), Ordering::SeqCst);
            tokio::task::yield_now().await;
            while self.stands_still.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    fn before_the_dot(&self, _key: &RelayKey) -> std::result::Result<(), Failure> {
        if self.open.load(Ordering::SeqCst) <= self.takes {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err(Failure { reply: Some(reply(421)), ..Failure::new(Stage::Greeting, FailureCode::SmtpTemporary) })
    }

    fn after_the_dot(&self, (): (), _key: &RelayKey, mail: &Mail) -> std::result::Result<Reply, Failure> {
        self.taken.lock().unwrap().push(mail.to.clone());
        Ok(reply(250))
    }

    fn leave(&self, key: &RelayKey) {
        if key.tenant.as_deref() == Some("acme") {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Ten processes before one relay, as the Lambda has them.
struct Senders {
    memory: Arc<Memory>,
    relay: Arc<Counting>,
    apps: Vec<App>,
}

impl Senders {
    async fn new(relay: Counting) -> Self {
        Self::with(relay, 10, &Config { senders: Some(10), ..Config::default() }).await
    }

    /// The only process of its ledger, as `ownpost local` is.
    async fn alone(relay: Counting) -> Self {
        let mut config = Config::default();
        config.overrides.senders_since = Some(Timestamp::UNIX_EPOCH);
        Self::with(relay, 1, &config).await
    }

    async fn with(relay: Counting, count: usize, config: &Config) -> Self {
        let (memory, relay) = (Memory::new(), Arc::new(relay));
        memory.far_away.store(true, Ordering::Relaxed);
        let apps = (0..count).map(|_| {
            let config = config.clone();
            let mut app = App::with_relays(config, memory.effects(), relay.clone()).unwrap();
            let clock = memory.clone();
            app.now = Arc::new(move || clock.now());
            app
        });
        let senders = Self { apps: apps.collect(), memory, relay };
        let secrets = &senders.memory.effects().secrets;
        for tenant in ["acme", "other"] {
            let tenant = Tenant::new(tenant).unwrap();
            let revision = Revision("r1".to_owned());
            let own = settings("smtp.acme.example", Via::Relay, OnFailure::Hold);
            secrets.put_pending(&tenant, &revision, &to_document(&own)).await.unwrap();
            assert!(secrets.promote(&tenant, &revision, None).await.unwrap());
            relay_health::reset(&senders.apps[0], &tenant, &revision).await;
        }
        senders
    }

    async fn accept(&self, document: &str) {
        super::super::router::accept(&self.apps[0], document.as_bytes(), None).await.unwrap();
    }

    /// One batch of one process; how many messages it had.
    async fn work(&self, app: &App) -> usize {
        let records = self.memory.receive(10, VISIBILITY);
        let stay = handle(app, &records).await;
        for record in records.iter().filter(|record| !stay.contains(&record.message_id)) {
            self.memory.delete(&record.message_id);
        }
        records.len()
    }

    /// A batch of each process, all at the same time.
    async fn work_together(&self) {
        future::join_all(self.apps.iter().map(|app| self.work(app))).await;
    }
}

fn to_many(id: &str, count: usize) -> String {
    let recipients: Vec<String> = (0..count).map(|index| format!("{id}-{index}@example.org")).collect();
    event(id, &recipients.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_takes_three_connections_gets_three_and_all_is_sent() {
    let senders = Senders::new(Counting { takes: 3, ..Counting::default() }).await;
    senders.accept(&to_many("e", 300)).await;
    for _ in 0..600 {
        senders.work_together().await;
        senders.memory.pass(Duration::from_secs(1));
        if senders.memory.queued() == 0 {
            break;
        }
    }
    let sent = senders.memory.rows().iter().filter(|row| row.status == Status::Sent).count();
    assert_eq!((sent, senders.relay.taken.lock().unwrap().len()), (300, 300));
    assert_eq!(senders.memory.take_emitted(), [], "the relay was never ill");
    let refused = senders.relay.refused.load(Ordering::SeqCst);
    assert!(refused <= 3, "{refused} of {:?} connections refused", senders.relay.connections);
}

/// The seats of acme's relay as the ledger has them.
async fn stored_seats(app: &App) -> serde_json::Value {
    let stored = app.effects.ledger.get_state(&acme(), "seats", (app.now)()).await.unwrap();
    stored.unwrap().value
}

#[tokio::test(start_paused = true)]
async fn in_the_only_process_no_mail_of_a_quick_relay_is_put_off() {
    let senders = Senders::alone(Counting { takes: 20, ..Counting::default() }).await;
    senders.accept(&to_many("e", 400)).await;
    future::join_all((0..40).map(|_| senders.work(&senders.apps[0]))).await;
    assert_eq!((senders.memory.queued(), senders.relay.taken.lock().unwrap().len()), (0, 400));
    assert!(senders.memory.rows().iter().all(|row| row.status == Status::Sent));
    let most = senders.relay.most.load(Ordering::SeqCst);
    assert!((4..=20).contains(&most), "{most} connections at a time");
    // What it keeps of them is at hand.
    let (seats, kept) = (stored_seats(&senders.apps[0]).await, senders.apps[0].at_hand.idle());
    assert_eq!(seats["taken"].as_array().map(Vec::len), Some(kept), "{seats}");
}

#[tokio::test(start_paused = true)]
async fn in_the_only_process_too_the_mails_of_a_relay_that_stands_still_wait_in_the_line() {
    let senders = Senders::alone(Counting { takes: 100, ..Counting::default() }).await;
    senders.relay.stands_still.store(true, Ordering::SeqCst);
    senders.accept(&to_many("e", 100)).await;
    let work = future::join_all((0..10).map(|_| senders.work(&senders.apps[0])));
    let free = async {
        while senders.memory.rows().iter().filter(|row| row.status == Status::Deferred).count() < 70 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        senders.relay.stands_still.store(false, Ordering::SeqCst);
    };
    future::join(work, tokio::time::timeout(Duration::from_secs(5), free))
        .await
        .1
        .expect("seven of ten wait");
    assert_eq!(senders.relay.taken.lock().unwrap().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_hand_takes_a_mail_whose_turn_has_come() {
    let senders = Senders::with(Counting { takes: 3, ..Counting::default() }, 1, &Config::default()).await;
    let app = &senders.apps[0];
    senders.accept(&to_many("a", 1)).await;
    senders.work(app).await;
    assert_eq!(app.at_hand.idle(), 1, "one of three is kept");
    // A mail that another process has put into the line meanwhile.
    senders.accept(&to_many("b", 1)).await;
    let row = |name: &str| {
        let rows = senders.memory.rows();
        rows.into_iter().find(|row| row.recipient == format!("{name}-0@example.org")).unwrap()
    };
    let asking = [Asking { category: row("b").category, ticket: None }];
    let bounds = app.config.bounds("smtp.acme.example", false);
    let tenant = acme();
    let given = shared_state::update(app, &tenant, "seats", |mut seats: Seats, now| {
        // The other two connections are in use, so it waits.
        for _ in 0..2 {
            seats = seats.ask("other", &asking, &bounds, now).seats;
        }
        let answer = seats.ask("other", &asking, &bounds, now);
        Change::Write(answer.seats, None, answer.places[0])
    });
    let Some(Place::Wait(ticket, wait)) = given.await.unwrap() else { panic!("all are taken") };
    let stored = app.effects.ledger.get(&acme(), &row("b").id).await.unwrap().unwrap();
    defer(
        app,
        Delivery { ticket: Some(ticket), ..stored.value },
        stored.version,
        Duration::ZERO,
        String::new(),
    )
    .await;
    // Before its turn it waits, and what it does not use is given back.
    senders.work(app).await;
    assert_eq!(row("b").status, Status::Deferred);
    let seats = stored_seats(app).await;
    let own = seats["taken"].as_array().unwrap().iter().filter(|seat| seat[0] == app.process.as_str());
    assert_eq!((own.count(), app.at_hand.idle()), (0, 0), "{seats}");
    senders.memory.pass(wait + Duration::from_secs(1));
    senders.work(app).await;
    assert_eq!(row("b").status, Status::Sent, "{}", row("b").reason);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_takes_one_connection_is_found_out_and_not_called_ill() {
    let senders = Senders::new(Counting { takes: 1, ..Counting::default() }).await;
    senders.accept(&to_many("e", 100)).await;
    for _ in 0..600 {
        senders.work_together().await;
        senders.memory.pass(Duration::from_secs(1));
    }
    assert_eq!(senders.relay.taken.lock().unwrap().len(), 100);
    assert_eq!(senders.memory.take_emitted(), []);
    let refused = senders.relay.refused.load(Ordering::SeqCst);
    assert!(refused <= 8, "{refused} connections refused");
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_stands_still_occupies_a_third_of_the_senders() {
    let senders = Senders::new(Counting { takes: 100, ..Counting::default() }).await;
    senders.relay.stands_still.store(true, Ordering::SeqCst);
    senders.accept(&to_many("e", 100)).await;
    let mut batches: Vec<_> = senders.apps.iter().map(|app| senders.work(app).boxed()).collect();
    let mut free = Vec::new();
    for _ in 0..200 {
        let mut left = Vec::new();
        for (index, mut batch) in std::mem::take(&mut batches).into_iter().enumerate() {
            match poll!(&mut batch) {
                Poll::Ready(_) => free.push(index),
                Poll::Pending => left.push(batch),
            }
        }
        batches = left;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((batches.len(), free.len()), (3, 7), "the others wait in the line and not in a sender");
    // Another tenant's mail does not wait for any of it.
    senders.accept(&event("f", &["ann@example.org"]).replace("acme", "other")).await;
    let app = &senders.apps[9];
    assert_eq!(senders.work(app).await, 1);
    assert_eq!(*senders.relay.taken.lock().unwrap(), ["ann@example.org"]);
    senders.relay.stands_still.store(false, Ordering::SeqCst);
    future::join_all(batches).await;
}

#[tokio::test(start_paused = true)]
async fn an_invitation_does_not_wait_behind_a_thousand_notifications() {
    let world = World::new();
    world.activate("r1", &settings("smtp.office365.com", Via::Relay, OnFailure::Hold)).await;
    for part in 0..2 {
        world
            .accept(&format!("e{part}"), &names(part, 500).iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    }
    while world.work().await > 0 {}
    assert_eq!(world.relays.taken().len(), 30);
    let invitation = event("i", &["ann@example.org"]).replace("notification", "user-invitation");
    super::super::router::accept(&world.app, invitation.as_bytes(), None).await.unwrap();
    world.work().await;
    world.memory.pass(Duration::from_secs(6));
    while world.work().await > 0 {}
    assert!(world.relays.taken().iter().any(|taken| taken.to == "ann@example.org"));
}

fn names(part: usize, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("r{part}-{index}@example.org")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_counts_gets_no_more_than_it_takes_and_each_mail_waits_once() {
    let world = World::new();
    world.activate("r1", &settings("smtp.office365.com", Via::Relay, OnFailure::Hold)).await;
    let recipients = names(0, 90);
    world.accept("e1", &recipients.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut looks = 0;
    for second in 0..=130 {
        loop {
            match world.work().await {
                0 => break,
                count => looks += count,
            }
        }
        let taken = world.relays.taken().len();
        // Thirty at once, and one each two seconds; a message is hidden for whole seconds.
        assert!(taken <= 30 + second / 2, "{taken} after {second} s");
        if second == 0 {
            let mut due: Vec<_> = world.memory.rows().iter().filter_map(|row| row.next_attempt_at).collect();
            due.sort();
            due.dedup();
            assert_eq!(due.len(), 60, "each has a turn of its own");
        }
        world.memory.pass(Duration::from_secs(1));
    }
    assert_eq!(world.relays.taken().len(), 90);
    // Five looks of ten at first, the other forty once; sixty of them once more in their turn.
    assert!(looks <= 90 + 60 + 5, "{looks} looks for 90 mails");
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_is_resent_after_days_waits_no_longer_than_a_new_one() {
    let world = World::new();
    world.activate("r1", &settings("smtp.office365.com", Via::Relay, OnFailure::Hold)).await;
    world.accept("old", &["old@example.org"]).await;
    world.relays.then([Act::Fail(Stage::Message, FailureCode::MessageRejected, 554)]);
    world.work().await;
    world.memory.pass(Duration::from_hours(240));
    world.accept("e1", &names(0, 35).iter().map(String::as_str).collect::<Vec<_>>()).await;
    for _ in 0..4 {
        world.work().await;
    }
    let ledger = &world.app.effects.ledger;
    let row = world.memory.rows().into_iter().find(|row| row.event == "old").unwrap();
    let version = ledger.get(&row.tenant, &row.id).await.unwrap().unwrap().version;
    let retry_until = world.memory.now() + jiff::SignedDuration::from_hours(48);
    let again = Delivery { status: Status::Queued, retry_until, ..row.clone() };
    assert!(ledger.update(&again, version).await.unwrap());
    world.app.effects.queue.send(&[super::super::router::message(&again)]).await;
    world.work().await;
    world.memory.pass(Duration::from_secs(20));
    while world.work().await > 0 {}
    assert!(world.relays.taken().iter().any(|taken| taken.to == "old@example.org"));
}

/// Lets senders elsewhere take seats of acme's relay.
async fn others_sit(world: &World, host: &str, count: usize) {
    let bounds = world.app.config.bounds(host, false);
    let asking = [Asking { category: ownpost_domain::category::Category::Notification, ticket: None }];
    for number in 0..count {
        let taken = shared_state::update(&world.app, &acme(), "seats", |seats: Seats, now| {
            let answer = seats.about(host).ask(&format!("p{number}"), &asking, &bounds, now);
            Change::Write(answer.seats, None, answer.seat.is_some())
        })
        .await;
        assert_eq!(taken, Ok(Some(true)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_counts_connections_gets_no_more_from_all_senders_together() {
    let world = World::new();
    world.activate("r1", &settings("smtp.office365.com", Via::Relay, OnFailure::Hold)).await;
    others_sit(&world, "smtp.office365.com", 3).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.work().await;
    let row = world.row();
    assert_eq!((row.status, row.attempts.len(), world.memory.queued()), (Status::Deferred, 0, 1), "{row:?}");
    assert!(row.reason.contains("at most 3 connections"), "{}", row.reason);
    // The three die; their seats lapse, and the mail goes without anybody's doing.
    for _ in 0..70 {
        world.memory.pass(Duration::from_secs(1));
        world.work().await;
    }
    assert_eq!((world.row().status, world.relays.taken().len()), (Status::Sent, 1));
}

#[tokio::test(start_paused = true)]
async fn too_many_is_no_illness_while_others_are_connected_and_one_without_others_is() {
    for (others, expected) in [(1, vec![]), (0, vec!["Relay Unhealthy"])] {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org", "ann@example.org", "eve@example.org"]).await;
        world.relays.then(vec![Act::Fail(Stage::Greeting, FailureCode::SmtpTemporary, 421); 20]);
        for _ in 0..30 {
            if others > 0 {
                // Whoever sits there goes on sending.
                shared_state::update(&world.app, &acme(), "seats", |seats: Seats, now| {
                    let mut seats = seats.about("smtp.acme.example");
                    seats.renew("p", 0, now);
                    Change::Write(seats, None, ())
                })
                .await
                .unwrap();
            }
            world.work().await;
            world.memory.pass(Duration::from_secs(62));
        }
        let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
        assert_eq!(types.first().copied(), expected.first().copied(), "{others} others");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_other_tenants_fill_is_not_ill_while_it_takes_a_mail_now_and_then() {
    let world = World::new();
    world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.memory.take_emitted();
    // For an hour it takes one of twenty.
    for round in 0..20 {
        world.relays.then(vec![Act::Fail(Stage::Greeting, FailureCode::SmtpTemporary, 421); 19]);
        world.relays.then([Act::Accept]);
        world.accept(&format!("e{round}"), &["jan@example.org"]).await;
        for _ in 0..20 {
            world.work().await;
            world.memory.pass(Duration::from_secs(9));
        }
    }
    let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
    assert!(!types.contains(&"Relay Unhealthy"), "{types:?}");
    assert!(world.relays.taken().len() > 2);
}

#[tokio::test(start_paused = true)]
async fn too_many_counts_once_for_a_batch_and_for_no_mail_but_the_first() {
    let world = World::new();
    world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    let recipients = names(0, 10);
    world.accept("e1", &recipients.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.relays.then([Act::Fail(Stage::Sender, FailureCode::SmtpTemporary, 421)]);
    world.work().await;
    let tried = world.memory.rows().iter().filter(|row| !row.attempts.is_empty()).count();
    assert_eq!((tried, world.memory.queued()), (1, 10));
    for _ in 0..30 {
        world.memory.pass(Duration::from_secs(1));
        world.work().await;
    }
    assert_eq!(world.relays.taken().len(), 10, "seconds later");
}

#[tokio::test(start_paused = true)]
async fn a_process_alone_writes_its_seat_once_a_minute() {
    let world = World::new();
    world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    let version = async || {
        let state = world.app.effects.ledger.get_state(&acme(), "seats", world.memory.now()).await.unwrap();
        state.map_or(0, |state| state.version)
    };
    for number in 0..25 {
        world.accept(&format!("e{number}"), &["jan@example.org"]).await;
        world.work().await;
        world.memory.pass(Duration::from_secs(1));
    }
    assert_eq!((version().await, world.relays.taken().len()), (1, 25));
}
