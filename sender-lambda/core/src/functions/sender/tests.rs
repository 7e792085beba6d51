use std::time::Duration;

use jiff::SignedDuration;
use ownpost_domain::category::OnFailure;
use ownpost_domain::failure::{FailureCode, Stage};

use super::*;
use crate::testing::world::{Act, Taken, VISIBILITY, World, acme, settings};

const HOUR: Duration = Duration::from_hours(1);

fn own(on_failure: OnFailure) -> ownpost_domain::settings::Settings {
    settings("smtp.acme.example", Via::Relay, on_failure)
}

fn taken(tenant: Option<&str>, revision: &str) -> Taken {
    Taken {
        tenant: tenant.map(str::to_owned),
        revision: revision.to_owned(),
        to: "jan@example.org".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_each_outcome_leads_to() {
    use FailureCode as Code;
    use OnFailure::{Hold, Platform};
    let fail = Act::Fail;
    // What the relay does with the mail, the policy; then: the status, whether the message stays on the queue,
    // and what the reason says.
    for (act, policy, status, stays, says) in [
        (Act::Accept, Hold, Status::Sent, false, "through your own server smtp.acme.example"),
        (fail(Stage::Recipient, Code::RecipientRejected, 550), Platform, Status::Failed, false, "550 words"),
        (
            fail(Stage::Message, Code::MessageRejected, 554),
            Hold,
            Status::Failed,
            false,
            "refused this mail for good",
        ),
        (fail(Stage::Recipient, Code::SmtpTemporary, 450), Platform, Status::Deferred, true, "450 words"),
        (fail(Stage::Connect, Code::ConnectRefused, 0), Platform, Status::Deferred, true, "connect.refused"),
        (
            fail(Stage::Message, Code::ProtocolDisconnected, 0),
            Hold,
            Status::Deferred,
            true,
            "closed the connection",
        ),
        (
            Act::FailLate(Code::MessageUnknown, 0),
            Platform,
            Status::Unknown,
            false,
            "may have taken this mail",
        ),
        (Act::FailLate(Code::MessageRejected, 554), Hold, Status::Failed, false, "554 words"),
        (Act::FailLate(Code::SmtpTemporary, 451), Hold, Status::Deferred, true, "451 words"),
        (Act::FailLate(Code::SenderRejected, 550), Hold, Status::Held, false, "refused the sender address"),
        (
            Act::FailLate(Code::SenderRejected, 550),
            Platform,
            Status::Sent,
            false,
            "through the platform's server",
        ),
        (fail(Stage::Auth, Code::AuthRejected, 535), Hold, Status::Held, false, "Held, as your settings say"),
        (fail(Stage::Tls, Code::TlsExpired, 0), Hold, Status::Held, false, "certificate has expired"),
        (fail(Stage::Resolve, Code::ResolveForbidden, 0), Hold, Status::Held, false, "resolve.forbidden"),
        (
            fail(Stage::Auth, Code::AuthRejected, 535),
            Platform,
            Status::Sent,
            false,
            "through the platform's server",
        ),
    ] {
        let world = World::new();
        world.activate("r1", &own(policy)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([act]);
        world.work().await;
        let row = world.row();
        let at = format!("{act:?} {policy:?}: {row:?}");
        assert_eq!((row.status, world.memory.queued() == 1), (status, stays), "{at}");
        assert!(row.reason.contains(says), "{at}");
        assert_eq!(row.next_attempt_at.is_some(), status == Status::Deferred, "{at}");
        let tries = if status == Status::Sent && policy == Platform { 2 } else { 1 };
        assert_eq!(row.attempts.len(), tries, "{at}");
        let emitted: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
        assert_eq!(emitted.contains(&"Delivery Failed"), status == Status::Failed, "{at}");
    }
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_nothing_is_lost_and_nothing_doubled() {
    const OPERATIONS: [&str; 9] = [
        "ledger.get",
        "ledger.update",
        "ledger.get_event",
        "ledger.get_state",
        "ledger.put_state",
        "ledger.list",
        "secrets.get",
        "queue.send",
        "queue.hide",
    ];
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let world = World::new();
        let policy = if seed % 2 == 0 { OnFailure::Hold } else { OnFailure::Platform };
        world.activate("r1", &own(policy)).await;
        let recipients: Vec<String> = (0..100).map(|index| format!("r{index}@example.org")).collect();
        for (index, to) in recipients.iter().enumerate() {
            world.accept(&format!("e{index}"), &[to]).await;
        }
        for round in 0..600 {
            // Trouble for half of the time, then peace.
            if round < 300 {
                world.relays.acts.lock().unwrap().clear();
                world.relays.then((0..dice.roll(4)).map(|_| match dice.roll(9) {
                    0 => Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450),
                    1 => Act::Fail(Stage::Connect, FailureCode::ConnectRefused, 0),
                    2 => Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535),
                    3 => Act::FailLate(FailureCode::MessageUnknown, 0),
                    4 => Act::FailLate(FailureCode::SmtpTemporary, 451),
                    5 => Act::Panic,
                    6 => Act::AcceptThenFail("ledger.update", 1 + u32::try_from(dice.roll(6)).unwrap()),
                    _ => Act::Accept,
                }));
                let operation = OPERATIONS[usize::try_from(dice.roll(9)).unwrap()];
                world.memory.fail(operation, u32::try_from(dice.roll(3)).unwrap());
            } else {
                world.relays.acts.lock().unwrap().clear();
                for operation in OPERATIONS {
                    world.memory.fail(operation, 0);
                }
            }
            world.work().await;
            if round % 10 == 0 {
                let _ = super::super::monitor::run(&world.app).await;
            }
            world.memory.pass(Duration::from_secs(dice.roll(240)));
        }
        let taken = world.relays.taken();
        for row in world.memory.rows().iter().filter(|row| !row.event.starts_with("ownpost.")) {
            let times = taken.iter().filter(|taken| taken.to == row.recipient).count();
            let fits = match row.status {
                Status::Sent => times == 1,
                // Nobody knows: it may have been taken, and never twice.
                Status::Unknown => times <= 1,
                _ => false,
            };
            assert!(fits, "seed {seed}: taken {times} times: {row:?}");
        }
        assert!(world.memory.rows().len() >= recipients.len());
        assert_eq!(world.memory.queued(), 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn which_server_takes_it_and_in_whose_name_is_in_the_row() {
    let to_platform = settings("smtp.acme.example", Via::Platform, OnFailure::Hold);
    for (active, route, revision, by) in [
        (None, Via::Platform, None, taken(None, "p1")),
        (Some(own(OnFailure::Hold)), Via::Relay, Some("r1"), taken(Some("acme"), "r1")),
        (Some(to_platform), Via::Platform, None, taken(None, "p1")),
    ] {
        let world = World::new();
        if let Some(active) = &active {
            world.activate("r1", active).await;
        }
        world.accept("e1", &["jan@example.org"]).await;
        world.work().await;
        let row = world.row();
        assert_eq!((row.route, row.status), (Some(route), Status::Sent));
        assert_eq!(row.revision.map(|revision| revision.0), revision.map(str::to_owned));
        assert_eq!(world.relays.taken(), [by]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deferred_mail_is_tried_again_when_it_is_due_and_fails_in_the_end() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then(vec![Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450); 500]);
    let mut runs = 0;
    while world.memory.queued() > 0 {
        runs += world.work().await;
        world.memory.pass(Duration::from_mins(5));
        // A look at its row at the end of each delay of 15 minutes, and one more before and at each attempt.
        assert!(runs <= 48 * 4 + 2 * 30, "{:?}", world.row());
    }
    let row = world.row();
    assert_eq!(row.status, Status::Failed);
    assert!(row.reason.contains("given up"), "{}", row.reason);
    // Nothing is tried once the time is up; that it is up is seen when the message shows next, which is up to one
    // step of this clock later.
    let after = |at: Timestamp| at.duration_since(row.queued_at);
    let limit = SignedDuration::from_hours(48);
    assert!(row.attempts.iter().all(|attempt| after(attempt.at) < limit), "{:?}", row.attempts);
    let ended = after(row.updated_at);
    let last_step = limit + SignedDuration::from_mins(5);
    assert!((SignedDuration::from_hours(45)..=last_step).contains(&ended), "{ended}");
    assert!(row.attempts.len() <= 30 && row.attempts[0].at.duration_since(row.queued_at).as_secs() < 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_never_sent_again_by_itself() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Platform)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::FailLate(FailureCode::MessageUnknown, 0)]);
    for _ in 0..50 {
        world.work().await;
        // The event repeated, a message repeated.
        world.accept("e1", &["jan@example.org"]).await;
        let again = router_message(&world);
        world.app.effects.queue.send(&[again]).await;
        world.memory.pass(HOUR);
    }
    assert_eq!((world.row().status, world.relays.taken().len()), (Status::Unknown, 0));
}

fn router_message(world: &World) -> crate::effects::QueueMessage {
    super::super::router::message(&world.row())
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_died_leaves_unknown_only_the_mail_whose_reply_it_had_not_read() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org", "ann@example.org"]).await;
    world.relays.then([Act::Accept, Act::Panic]);
    assert_eq!(world.work().await, 2);
    // The reply to the first was read, so it is recorded; only the second is in doubt, and may not be sent again.
    let statuses = || {
        let mut rows = world.memory.rows();
        rows.sort_by(|one, other| other.recipient.cmp(&one.recipient));
        rows.iter().map(|row| row.status).collect::<Vec<_>>()
    };
    assert_eq!(world.memory.queued(), 2);
    assert_eq!(statuses(), [Status::Sent, Status::Sending]);
    world.memory.pass(VISIBILITY);
    assert_eq!(world.work().await, 2);
    assert_eq!(statuses(), [Status::Sent, Status::Sending], "the lease is not over");
    world.memory.pass(HOUR);
    world.work().await;
    assert_eq!(statuses(), [Status::Sent, Status::Unknown]);
    assert_eq!((world.memory.queued(), world.relays.taken().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_touches_only_the_mails_of_its_relay() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    let other = crate::testing::world::event("e1", &["jan@example.org"]).replace("acme", "other");
    super::super::router::accept(&world.app, other.as_bytes(), None).await.unwrap();
    world.relays.then([Act::Panic]);
    world.work().await;
    let mut statuses: Vec<Status> = world.memory.rows().iter().map(|row| row.status).collect();
    statuses.sort_by_key(|status| *status == Status::Sent);
    assert_eq!((statuses, world.memory.queued()), (vec![Status::Sending, Status::Sent], 1));
}

#[tokio::test(start_paused = true)]
async fn two_messages_for_one_row_are_one_mail() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    let again = router_message(&world);
    world.app.effects.queue.send(&[again]).await;
    for _ in 0..5 {
        world.work().await;
        world.memory.pass(VISIBILITY);
    }
    assert_eq!((world.relays.taken().len(), world.memory.queued()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn whatever_effect_fails_once_the_mail_is_sent_once() {
    let operations = [
        "ledger.get",
        "ledger.update",
        "ledger.get_event",
        "ledger.get_state",
        "ledger.put_state",
        "secrets.get",
        "secrets.platform",
        "queue.hide",
        "events.emit",
    ];
    for operation in operations {
        for first in [Act::Accept, Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450)] {
            let world = World::new();
            world.activate("r1", &own(OnFailure::Hold)).await;
            world.accept("e1", &["jan@example.org"]).await;
            world.relays.then([first]);
            world.memory.fail(operation, 1);
            for _ in 0..10 {
                world.work().await;
                world.memory.pass(VISIBILITY);
            }
            assert_eq!(
                (world.row().status, world.relays.taken().len(), world.memory.queued()),
                (Status::Sent, 1, 0),
                "{operation}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_written_becomes_unknown_and_not_a_second_mail() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    // The first update is the gate's; the next four are the result's.
    world.relays.then([Act::AcceptThenFail("ledger.update", 4)]);
    world.work().await;
    assert_eq!(world.row().status, Status::Sending);
    world.memory.pass(HOUR);
    world.work().await;
    assert_eq!((world.row().status, world.relays.taken().len()), (Status::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reply_wins_over_the_guess_of_another_sender() {
    for (known, stays) in [
        (Status::Sent, 0),
        (Status::Failed, 0),
        (Status::Held, 0),
        (Status::Deferred, 1),
        (Status::Unknown, 0),
    ] {
        let world = World::new();
        world.accept("e1", &["jan@example.org"]).await;
        let ledger = &world.app.effects.ledger;
        let marked = Delivery { status: Status::Sending, ..world.row() };
        assert!(ledger.update(&marked, 1).await.unwrap());
        world.memory.pass(HOUR);
        world.work().await;
        assert_eq!((world.row().status, world.memory.queued()), (Status::Unknown, 0));
        // The sender was slow and not dead.
        let row = Delivery { status: known, ..marked };
        settle(&world.app, row, 2, Disposition::Delete).await;
        assert_eq!((world.row().status, world.memory.queued()), (known, stays), "{known:?}");
        // Once a person has decided, a guess is no guess any more.
        let decided = Delivery { status: Status::Queued, ..world.row() };
        let version = ledger.get(&decided.tenant, &decided.id).await.unwrap().unwrap().version;
        assert!(ledger.update(&decided, version).await.unwrap());
        let late = Delivery { status: Status::Failed, ..world.row() };
        settle(&world.app, late, 2, Disposition::Delete).await;
        assert_eq!(world.row().status, Status::Queued, "{known:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_bodies_leave_the_queue_and_fail_no_other_message() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    let record = |id: &str, body: &str| Record {
        message_id: id.to_owned(),
        receipt: id.to_owned(),
        receives: 1,
        body: body.to_owned(),
    };
    let good = world.memory.receive(1, VISIBILITY).remove(0);
    let records = [
        record("m1", "no JSON"),
        record("m2", r#"{"tenant":"acme","delivery":"dlv_0"}"#),
        good,
        record("m3", ""),
    ];
    assert_eq!(handle(&world.app, &records).await, Vec::<String>::new());
    assert_eq!(world.row().status, Status::Sent);
}

#[tokio::test(start_paused = true)]
async fn a_password_replaced_meanwhile_is_read_again_once() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.work().await;
    // Another process saves; the marker that would tell this one is lost to a crash.
    let secrets = &world.app.effects.secrets;
    let (old, new) =
        (ownpost_domain::delivery::Revision("r1".into()), ownpost_domain::delivery::Revision("r2".into()));
    let document = crate::wire::settings::to_document(&own(OnFailure::Hold));
    secrets.put_pending(&acme(), &new, &document).await.unwrap();
    assert!(secrets.promote(&acme(), &new, Some(&old)).await.unwrap());
    world.accept("e2", &["jan@example.org"]).await;
    world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
    world.work().await;
    assert_eq!(world.relays.taken(), [taken(Some("acme"), "r1"), taken(Some("acme"), "r2")]);
    assert!(world.memory.take_emitted().is_empty(), "the relay was never unhealthy");
}

#[tokio::test(start_paused = true)]
async fn a_broken_relay_is_paused_announced_and_comes_back() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    super::super::alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
    world.work().await;
    let types = |world: &World| world.memory.take_emitted().iter().map(|e| e.detail_type).collect::<Vec<_>>();
    assert_eq!(types(&world), ["Relay Unhealthy"]);
    // Held without asking the relay again; the alert goes to the admin, by the platform's server.
    world.accept("e2", &["jan@example.org"]).await;
    world.work().await;
    let alert = Taken { to: "admin@acme.example".to_owned(), ..taken(None, "p1") };
    assert_eq!(world.relays.taken(), [alert]);
    let held = |world: &World| world.memory.rows().iter().filter(|row| row.status == Status::Held).count();
    assert_eq!((held(&world), world.memory.queued()), (2, 0));
    // After the pause one mail is the probe; that it passes releases the others, oldest first.
    world.memory.pass(Duration::from_mins(2));
    world.accept("e3", &["jan@example.org"]).await;
    while world.work().await > 0 {}
    assert_eq!(types(&world), ["Relay Recovered"]);
    assert!(world.memory.rows().iter().all(|row| row.status == Status::Sent));
    // Two alerts, that it fails and that it works again, beside the three mails.
    assert_eq!(world.relays.taken().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_refuses_every_recipient_is_one_outage_with_one_alert() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    super::super::alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
    for number in 0..200 {
        world.relays.acts.lock().unwrap().clear();
        world.relays.then([Act::Fail(Stage::Recipient, FailureCode::RelayDenied, 554)]);
        world.accept(&format!("e{number}"), &["jan@example.org"]).await;
        while world.work().await > 0 {
            world.relays.then([Act::Fail(Stage::Recipient, FailureCode::RelayDenied, 554)]);
        }
        if number % 5 == 0 {
            super::super::monitor::run(&world.app).await.unwrap();
        }
        world.memory.pass(Duration::from_mins(1));
    }
    // The script refuses at the platform's server too, which is another outage.
    let emitted = world.memory.take_emitted().into_iter().filter(|event| event.detail["tenant"] == "acme");
    let types: Vec<_> = emitted.map(|event| event.detail_type).collect();
    assert_eq!(types, ["Relay Unhealthy"]);
    let alerts = world.memory.rows().iter().filter(|row| row.recipient == "admin@acme.example").count();
    let tried: usize = world.memory.rows().iter().map(|row| row.attempts.len()).sum();
    assert!(alerts == 1 && tried <= 30, "{alerts} alerts, {tried} attempts in 200 minutes");
}

#[tokio::test(start_paused = true)]
async fn silence_behind_every_dot_costs_few_unknown_mails() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    let recipients: Vec<String> = (0..300).map(|index| format!("r{index}@example.org")).collect();
    world.accept("e1", &recipients.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.relays.then(vec![Act::FailLate(FailureCode::MessageUnknown, 0); 300]);
    for _ in 0..(4 * 60 * 6) {
        while world.work().await > 0 {}
        world.memory.pass(Duration::from_secs(10));
    }
    for _ in 0..48 {
        super::super::monitor::run(&world.app).await.unwrap();
        while world.work().await > 0 {}
        world.memory.pass(Duration::from_mins(5));
    }
    let unknown = world.memory.rows().iter().filter(|row| row.status == Status::Unknown).count();
    assert!(unknown <= 3 + 9, "{unknown} unknown in eight hours");
    // The first mail that passes closes it, and all others follow.
    world.relays.acts.lock().unwrap().clear();
    for _ in 0..20 {
        super::super::monitor::run(&world.app).await.unwrap();
        while world.work().await > 0 {}
        world.memory.pass(Duration::from_mins(5));
    }
    let sent = world.memory.rows().iter().filter(|row| row.status == Status::Sent).count();
    assert_eq!(sent, 300 - unknown);
    let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
    assert_eq!(types, ["Relay Unhealthy", "Relay Recovered"]);
}

#[tokio::test(start_paused = true)]
async fn mail_that_goes_by_the_platform_does_not_take_the_relays_turn() {
    let world = World::new();
    let mut mixed = own(OnFailure::Hold);
    let by_platform =
        ownpost_domain::category::CategoryRoute { via: Via::Platform, on_failure: OnFailure::Hold };
    mixed.routing.set(ownpost_domain::category::Category::Notification, by_platform);
    world.activate("r1", &mixed).await;
    let request =
        crate::testing::world::event("r", &["ann@example.org"]).replace("notification", "rights-request");
    super::super::router::accept(&world.app, request.as_bytes(), None).await.unwrap();
    world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
    world.work().await;
    world.memory.pass(Duration::from_mins(2));
    for number in 0..5 {
        world.accept(&format!("e{number}"), &["jan@example.org"]).await;
        world.work().await;
    }
    // The relay's turn is still due: a mail for it takes it, and the oldest held one at that.
    let request =
        crate::testing::world::event("s", &["eve@example.org"]).replace("notification", "rights-request");
    super::super::router::accept(&world.app, request.as_bytes(), None).await.unwrap();
    while world.work().await > 0 {}
    let by_relay: Vec<String> = world
        .relays
        .taken()
        .into_iter()
        .filter(|taken| taken.tenant.is_some())
        .map(|taken| taken.to)
        .collect();
    assert_eq!(by_relay, ["ann@example.org", "eve@example.org"]);
}

#[tokio::test(start_paused = true)]
async fn connections_refused_in_a_row_open_the_breaker() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Platform)).await;
    world.relays.then(vec![Act::Fail(Stage::Connect, FailureCode::ConnectRefused, 0); 5]);
    for index in 0..6 {
        world.accept(&format!("e{index}"), &["jan@example.org"]).await;
        world.work().await;
    }
    // Five were deferred, as any lost connection; the sixth goes the way the policy says without a try.
    assert_eq!(world.relays.taken(), [taken(None, "p1")]);
    let deferred = world.memory.rows().iter().filter(|row| row.status == Status::Deferred).count();
    assert_eq!(deferred, 5);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_an_outage_neither_ends_nor_prolongs_it() {
    use crate::functions::relay_health::{self, Seen};
    use ownpost_domain::failure::Failure;
    use ownpost_domain::health::HealthStatus;
    use ownpost_domain::outcome::Observation;

    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.memory.take_emitted();
    let revision = ownpost_domain::delivery::Revision("r1".into());
    let broken = Failure::new(Stage::Recipient, FailureCode::RelaySuspended);
    let observe = async |works: bool, began: Option<Timestamp>| {
        let seen = Seen {
            observation: if works { Observation::Works } else { Observation::Broken },
            passed: works.then_some(Stage::Message),
            failure: (!works).then_some(&broken),
            took: works,
            recipient: "",
            began,
        };
        relay_health::observe(&world.app, &acme(), "smtp.acme.example", &revision, &seen).await;
        let health = relay_health::load(&world.app, &acme()).await.unwrap().value.unwrap();
        (health.status, health.failures, health.probe_at)
    };
    // Three connections are at work when the account is suspended. One has seen it first, one has had its 250 before, and one
    // sees it, too.
    let began = world.memory.now();
    world.memory.pass(Duration::from_secs(1));
    let open = observe(false, Some(began)).await;
    assert_eq!(open.0, HealthStatus::Unhealthy);
    world.memory.pass(Duration::from_millis(90));
    assert_eq!(observe(true, Some(began)).await, open);
    assert_eq!(observe(false, Some(began)).await, open);
    assert_eq!(observe(true, None).await.0, HealthStatus::Healthy, "the try decides");
    let emitted: Vec<String> =
        world.memory.take_emitted().into_iter().map(|event| event.detail_type.to_owned()).collect();
    assert_eq!(emitted, ["Relay Unhealthy", "Relay Recovered"]);
}

#[tokio::test(start_paused = true)]
async fn unreadable_settings_defer_the_mail_until_somebody_has_restored_them() {
    let world = World::new();
    let [broken, restored] = ["r1", "r2"].map(|name| ownpost_domain::delivery::Revision(name.into()));
    let secrets = &world.app.effects.secrets;
    secrets.put_pending(&acme(), &broken, "{\"garbage\":1}").await.unwrap();
    secrets.promote(&acme(), &broken, None).await.unwrap();
    world.accept("e1", &["jan@example.org"]).await;
    world.work().await;
    assert_eq!((world.row().status, world.relays.taken().len()), (Status::Deferred, 0));
    let emitted = world.memory.take_emitted();
    assert_eq!(emitted.iter().map(|event| event.detail_type).collect::<Vec<_>>(), ["Secret Unreadable"]);
    // In the store alone, as an operator does it: no marker tells the senders.
    secrets
        .put_pending(&acme(), &restored, &crate::wire::settings::to_document(&own(OnFailure::Hold)))
        .await
        .unwrap();
    secrets.promote(&acme(), &restored, Some(&broken)).await.unwrap();
    world.memory.pass(Duration::from_mins(8));
    world.work().await;
    assert_eq!(world.row().status, Status::Sent, "{}", world.row().reason);
    assert_eq!(world.relays.taken(), [taken(Some("acme"), "r2")]);
}

#[tokio::test(start_paused = true)]
async fn the_platforms_mail_waits_while_its_server_is_broken() {
    let world = World::new();
    world.accept("e1", &["a@example.org"]).await;
    world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
    world.work().await;
    for event in ["e2", "e3", "e4"] {
        world.accept(event, &["b@example.org"]).await;
    }
    world.work().await;
    let rows = world.memory.rows();
    assert!(rows.iter().all(|row| row.status == Status::Deferred), "{rows:?}");
    let waiting = rows.iter().filter(|row| row.attempts.is_empty());
    assert!(waiting.clone().all(|row| row.reason.contains("left alone for a while: it refused")), "{rows:?}");
    assert_eq!((waiting.count(), world.relays.taken().len(), world.memory.queued()), (3, 0, 4));
    for _ in 0..20 {
        world.memory.pass(Duration::from_secs(30));
        world.work().await;
    }
    assert!(world.memory.rows().iter().all(|row| row.status == Status::Sent), "{:?}", world.memory.rows());
    let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
    assert_eq!(types, ["Relay Unhealthy", "Relay Recovered"]);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_told() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535)]);
    world.work().await;
    let told = format!("{:?} {:?}", world.memory.rows(), world.memory.take_emitted());
    assert!(told.contains("535 words") && !told.contains("s3cret-word"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_mails_fault_hides_it_for_seconds() {
    for operation in ["ledger.get", "ledger.get_event", "ledger.get_state", "secrets.get", "ledger.update"] {
        let world = World::new();
        world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org"]).await;
        // More often than a batch tries by itself.
        world.memory.fail(operation, 1);
        world.work().await;
        if world.row().status != Status::Sent {
            world.memory.pass(Duration::from_secs(1));
            world.work().await;
        }
        assert_eq!(world.row().status, Status::Sent, "{operation}");
    }
}

/// While 120 000 messages are hidden, SQS gives out none: mail that waits for long must not be among them.
#[tokio::test(start_paused = true)]
async fn who_waits_for_minutes_is_delayed_and_not_hidden() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.memory.lose_secret(&acme());
    world.accept("e1", &["jan@example.org", "pim@example.org"]).await;
    let hidden = || world.memory.calls("queue.hide");
    let sent = || world.memory.calls("queue.send");
    let before = sent();
    world.work().await;
    assert!(world.memory.rows().iter().all(|row| row.status == Status::Deferred));
    assert_eq!((world.memory.queued(), hidden(), sent() - before), (2, 0, 2));
    world.memory.pass(Duration::from_mins(2));
    assert_eq!(world.memory.receive(10, VISIBILITY).len(), 0, "the copies are not visible before their time");
    // Where no copy can be sent, the message is hidden as any other.
    world.memory.pass(Duration::from_mins(6));
    world.memory.fail("queue.send", 1);
    world.work().await;
    assert_eq!((world.memory.queued(), hidden()), (2, 1));
    world.activate("r2", &own(OnFailure::Hold)).await;
    world.memory.pass(Duration::from_mins(8));
    world.work().await;
    assert_eq!((world.relays.taken().len(), world.memory.queued()), (2, 0));
}

/// A wait of hours is more than one delay: the mail comes back before its time, reads its row and is delayed again.
#[tokio::test(start_paused = true)]
async fn a_wait_of_an_hour_is_four_delays_and_one_attempt() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    // The eighth wait is an hour, half to one and a half times.
    let later = Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450);
    world.relays.then([later; 8]);
    let tried = || world.row().attempts.len();
    for _ in 0..2000 {
        if tried() < 8 {
            world.work().await;
            world.memory.pass(Duration::from_secs(10));
        }
    }
    assert_eq!((tried(), world.row().status), (8, Status::Deferred));
    let (sent, next) = (world.memory.calls("queue.send"), world.row().next_attempt_at.unwrap());
    while world.memory.now() < next {
        assert_eq!(tried(), 8, "before its time");
        world.memory.pass(Duration::from_secs(10));
        world.work().await;
    }
    world.memory.pass(Duration::from_secs(2));
    world.work().await;
    let delays = world.memory.calls("queue.send") - sent;
    assert!((1..=6).contains(&delays), "{delays}");
    assert_eq!((world.row().status, world.memory.queued()), (Status::Sent, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_out_of_reach_is_asked_ever_more_rarely() {
    let world = World::new();
    world.activate("r1", &settings("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.memory.fail("ledger.get", u32::MAX);
    let mut asked = 0;
    for _ in 0..3600 {
        asked += usize::from(world.work().await > 0);
        world.memory.pass(Duration::from_secs(1));
    }
    assert!((8..=12).contains(&asked), "{asked} times in an hour");
    world.memory.fail("ledger.get", 0);
    world.memory.pass(Duration::from_mins(15));
    world.work().await;
    assert_eq!(world.row().status, Status::Sent);
}

#[tokio::test(start_paused = true)]
async fn settings_that_are_lost_defer_their_mail_and_open_no_other_way() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Platform)).await;
    world.memory.lose_secret(&acme());
    world.accept("e1", &["jan@example.org"]).await;
    world.work().await;
    let row = world.row();
    assert_eq!(row.status, Status::Deferred, "{row:?}");
    assert!(row.reason.contains("secret store"), "{}", row.reason);
    world.memory.pass(Duration::from_mins(10));
    world.work().await;
    assert_eq!(world.relays.taken().len(), 0);
    let types: Vec<_> = world.memory.take_emitted().iter().map(|event| event.detail_type).collect();
    assert_eq!(types, ["Secret Unreadable"], "once");
    // Saved again, the mail goes by the tenant's own server.
    world.activate("r2", &own(OnFailure::Platform)).await;
    world.memory.pass(Duration::from_mins(10));
    world.work().await;
    assert_eq!(world.row().route, Some(Via::Relay));
    assert_eq!(world.row().status, Status::Sent);
}

#[tokio::test(start_paused = true)]
async fn settings_that_are_lost_while_their_relay_fails_open_no_other_way() {
    for act in
        [Act::Fail(Stage::Auth, FailureCode::AuthRejected, 535), Act::FailLate(FailureCode::RelayDenied, 554)]
    {
        let world = World::new();
        world.activate("r1", &own(OnFailure::Platform)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.work().await;
        // The sender remembers them.
        world.memory.lose_secret(&acme());
        world.accept("e2", &["ann@example.org"]).await;
        world.relays.then([act]);
        world.work().await;
        let row = world.memory.rows().into_iter().find(|row| row.event == "e2").unwrap();
        assert_eq!((row.status, row.route), (Status::Deferred, Some(Via::Relay)), "{row:?}");
        assert!(row.reason.contains("secret store"), "{}", row.reason);
        assert_eq!(world.relays.taken(), [taken(Some("acme"), "r1")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_was_refused_at_the_dot_is_never_unknown() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Platform)).await;
    world.accept("e1", &["jan@example.org"]).await;
    // Neither the breaker nor that of the platform's server can be read after the refusal.
    world.relays.then([Act::FailLateThenFail(FailureCode::RelayDenied, 554, "ledger.get_state", 20)]);
    world.work().await;
    assert_eq!((world.row().status, world.row().attempts.len()), (Status::Deferred, 1), "{:?}", world.row());
    world.memory.fail("ledger.get_state", 0);
    world.memory.pass(HOUR);
    world.work().await;
    assert_eq!(world.row().status, Status::Sent);
}

#[tokio::test(start_paused = true)]
async fn the_platforms_settings_concern_only_the_mail_that_goes_there() {
    let world = World::new();
    world.activate("r1", &own(OnFailure::Hold)).await;
    world.memory.set_platform("p2", "no JSON");
    world.accept("e1", &["jan@example.org"]).await;
    let other = crate::testing::world::event("e2", &["ann@example.org"]).replace("acme", "other");
    super::super::router::accept(&world.app, other.as_bytes(), None).await.unwrap();
    world.work().await;
    let status = |recipient: &str| {
        world.memory.rows().iter().find(|row| row.recipient == recipient).map(|row| row.status)
    };
    assert_eq!(status("jan@example.org"), Some(Status::Sent), "its own relay needs no platform");
    assert_eq!(status("ann@example.org"), Some(Status::Deferred));
    // The operator mends it, and the mail leaves by itself.
    let platform = settings("smtp.platform.example", Via::Platform, OnFailure::Hold);
    world.memory.set_platform("p3", &crate::wire::settings::to_document(&platform));
    world.memory.pass(Duration::from_mins(10));
    world.work().await;
    assert_eq!(status("ann@example.org"), Some(Status::Sent));
}

/// Without the keys nothing leaves, unsigned or otherwise; with them every mail is signed.
#[tokio::test(start_paused = true)]
async fn a_mail_whose_dkim_key_cannot_be_read_waits_and_is_signed_later() {
    let mut world = World::new();
    let source = crate::config::DkimSource::Secret("dkim".to_owned());
    world.app.signing = crate::functions::signing::Signing::of(Some(&source)).unwrap();
    world.activate("r1", &own(OnFailure::Platform)).await;
    world.accept("e1", &["jan@example.org"]).await;
    for document in [None, Some("no JSON")] {
        if let Some(document) = document {
            world.memory.set_operator("dkim", document);
        }
        world.work().await;
        let row = world.row();
        assert_eq!(row.status, Status::Deferred, "{row:?}");
        assert!(row.reason.contains("DKIM"), "{}", row.reason);
        world.memory.pass(Duration::from_mins(10));
    }
    assert_eq!(world.relays.taken().len(), 0);
    let emitted = world.memory.take_emitted();
    let reported: Vec<_> = emitted.iter().map(|event| (event.detail_type, &event.detail["secret"])).collect();
    assert_eq!(reported, [("Secret Unreadable", &serde_json::json!("dkim"))], "once");
    let pem = include_str!("../../mail/dkim_test_rsa.pem");
    let keys = serde_json::json!([{"domain": "acme.example", "selector": "s1", "privateKeyPem": pem}]);
    world.memory.set_operator("dkim", &keys.to_string());
    world.work().await;
    assert_eq!(world.row().status, Status::Sent, "{}", world.row().reason);
    // Keys that are known stay in use while the secret cannot be read.
    world.memory.set_operator("dkim", "no JSON");
    world.memory.pass(Duration::from_mins(10));
    world.accept("e2", &["ann@example.org"]).await;
    world.work().await;
    let sent = world.relays.taken();
    assert_eq!(sent.len(), 2);
}

/// What a clock that was ahead has written into rows holds up no mail, and takes none for sent.
#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_holds_up_no_mail() {
    const AHEAD: Duration = Duration::from_hours(400 * 24);
    for (act, expected) in [
        (Act::Fail(Stage::Recipient, FailureCode::SmtpTemporary, 450), Status::Sent),
        (Act::AcceptThenFail("ledger.update", 100), Status::Unknown),
    ] {
        let world = World::new();
        world.activate("r1", &own(OnFailure::Hold)).await;
        world.memory.pass(AHEAD);
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([act]);
        world.work().await;
        world.memory.fail("ledger.update", 0);
        assert!(!matches!(world.row().status, Status::Sent | Status::Unknown), "{:?}", world.row());
        world.memory.go_back(AHEAD);
        world.memory.pass(HOUR);
        world.work().await;
        assert_eq!(world.row().status, expected, "{:?}", world.row());
    }
}

/// What was read under a clock that was ahead is not taken for fresh until that time comes.
#[tokio::test(start_paused = true)]
async fn what_was_read_under_a_clock_that_was_ahead_is_read_again() {
    const AHEAD: Duration = Duration::from_hours(400 * 24);
    let mut world = World::new();
    let source = crate::config::DkimSource::Secret("dkim".to_owned());
    world.app.signing = crate::functions::signing::Signing::of(Some(&source)).unwrap();
    let pem = include_str!("../../mail/dkim_test_rsa.pem");
    let keys = serde_json::json!([{"domain": "acme.example", "selector": "s1", "privateKeyPem": pem}]);
    world.memory.set_operator("dkim", &keys.to_string());
    let reads = |world: &World| {
        ["secrets.get", "secrets.platform", "secrets.operator"].map(|operation| world.memory.calls(operation))
    };
    world.memory.pass(AHEAD);
    world.accept("ahead", &["jan@example.org"]).await;
    world.work().await;
    world.memory.go_back(AHEAD);
    let before = reads(&world);
    world.accept("again", &["jan@example.org"]).await;
    world.work().await;
    let after = reads(&world);
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{before:?} {after:?}");
    assert_eq!(world.relays.taken().len(), 2);
}
