//! Unit tests of the warnings, by the runs of `monitor` that lead to them.

use std::time::Duration;

use ownpost_domain::category::{OnFailure, Via};
use ownpost_domain::expiry::GrantEnd;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Grant, OAuth2};
use ownpost_smtp::grant_name;
use serde_json::{Value, json};

use super::*;
use crate::effects::Emitted;
use crate::functions::{monitor, tasks};
use crate::oauth_providers::OAuthProviders;
use crate::testing::memory::life;
use crate::testing::world::{World, acme, settings};
use crate::wire::settings::to_document;
use crate::wire::sqs::{Task, TaskJob};

const DAY: Duration = Duration::from_hours(24);

fn relay() -> Settings {
    settings("smtp.acme.example", Via::Relay, OnFailure::Hold)
}

async fn watched(world: &World) {
    let tomorrow = crate::functions::later(world.memory.now(), DAY);
    world.app.effects.ledger.watch(&acme(), tomorrow).await.unwrap();
}

async fn world() -> World {
    let world = World::new();
    world.activate("r1", &relay()).await;
    watched(&world).await;
    world
}

/// Runs monitor, and then the sender until the queue is empty for now.
async fn run_at_work(world: &World) {
    monitor::run(&world.app).await.unwrap();
    while world.work().await > 0 {}
}

/// The tests of the tenant's relay.
fn tests(world: &World) -> usize {
    let tested = world.relays.tested.lock().unwrap();
    tested.iter().filter(|(host, _)| *host == relay().host).count()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_warned_of_at_30_7_and_1_days_also_while_mail_passes() {
    for idle in [true, false] {
        let world = world().await;
        *world.relays.certificate.lock().unwrap() = Some("1970-02-20T00:00:00Z".to_owned());
        // What the test at activation has seen.
        let facts = crate::testing::world::certificate("1970-02-20T00:00:00Z");
        certificate_seen(&world.app, &acme(), &relay(), &facts).await.unwrap();
        let mut warned = Vec::new();
        for day in 0..50 {
            if !idle {
                world.accept(&format!("e{day}"), &["jan@example.org"]).await;
            }
            run_at_work(&world).await;
            warned.extend(certificates(&world).into_iter().filter(|detail| detail["tenant"] == "acme"));
            world.memory.pass(DAY);
        }
        let days: Vec<_> = warned.iter().map(|detail| detail["days"].as_u64().unwrap()).collect();
        assert_eq!(days, [30, 7, 1], "idle: {idle}");
        assert!(idle || tests(&world) <= 3, "{} tests of a relay that works", tests(&world));
    }
}

/// The details of the warnings of certificates since the last call.
fn certificates(world: &World) -> Vec<Value> {
    let detail = |event: Emitted| (event.detail_type == "Certificate Expiring").then_some(event.detail);
    world.memory.take_emitted().into_iter().filter_map(detail).collect()
}

#[tokio::test(start_paused = true)]
async fn the_operator_is_warned_of_the_certificate_of_the_platforms_own_server() {
    for renewed in [false, true] {
        let world = World::new();
        alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
        *world.relays.certificate.lock().unwrap() = Some("1970-02-20T00:00:00Z".to_owned());
        let mut warned = Vec::new();
        for day in 0..60 {
            if renewed && day == 25 {
                *world.relays.certificate.lock().unwrap() = Some("1970-05-20T00:00:00Z".to_owned());
            }
            run_at_work(&world).await;
            warned.extend(certificates(&world));
            world.memory.pass(DAY);
        }
        let days: Vec<_> = warned.iter().map(|detail| detail["days"].as_u64().unwrap()).collect();
        assert_eq!(days, if renewed { &[30][..] } else { &[30, 7, 1] }, "{warned:?}");
        let first = (&warned[0]["tenant"], &warned[0]["host"]);
        assert_eq!(first, (&json!("-platform"), &json!("smtp.platform.example")));
        assert!(world.memory.rows().is_empty(), "no tenant can change it");
        // Without a message, so that nobody gets one.
        let tested = world.relays.tested.lock().unwrap();
        assert!(tested.iter().all(|test| *test == ("smtp.platform.example".to_owned(), None)), "{tested:?}");
        assert_eq!(tested.len(), 60);
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_fails_its_test_is_warned_of_all_the_same() {
    let world = World::new();
    *world.relays.certificate.lock().unwrap() = Some("1970-01-20T00:00:00Z".to_owned());
    world.memory.set_platform("p2", &to_document(&relay()));
    *world.relays.failing_tests.lock().unwrap() = u32::MAX;
    run_at_work(&world).await;
    assert_eq!(certificates(&world).len(), 1);
    world.memory.remove_platform();
    world.memory.pass(DAY);
    run_at_work(&world).await;
    assert_eq!(world.relays.tested.lock().unwrap().len(), 1, "there is no server");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_renewed_is_not_warned_of() {
    let world = world().await;
    let facts = crate::testing::world::certificate("1970-02-20T00:00:00Z");
    certificate_seen(&world.app, &acme(), &relay(), &facts).await.unwrap();
    *world.relays.certificate.lock().unwrap() = Some("1971-02-20T00:00:00Z".to_owned());
    for _ in 0..60 {
        world.memory.pass(DAY);
        run_at_work(&world).await;
    }
    assert!(world.memory.take_emitted().is_empty());
}

fn with_secret_until(day: &str) -> Settings {
    let oauth2 = OAuth2 {
        username: "noreply@acme.example".into(),
        provider: None,
        token_url: "https://id.acme.example/token".into(),
        client_id: "client".into(),
        client_secret: Some(Secret::new("hunter2".into())),
        client_secret_expires: Some(day.parse().unwrap()),
        grant: Grant::ClientCredentials,
        scope: Some("mail".into()),
    };
    Settings { auth: Auth::OAuth2(oauth2), ..relay() }
}

/// The days of the warnings of this type, by day, over so many days.
async fn warned(world: &World, detail_type: &str, days: u32) -> Vec<(u32, u64)> {
    let mut warned = Vec::new();
    for day in 0..days {
        run_at_work(world).await;
        let emitted = world.memory.take_emitted().into_iter();
        let of_type = emitted.filter(|event| event.detail_type == detail_type);
        warned.extend(of_type.map(|event| (day, event.detail["days"].as_u64().unwrap())));
        world.memory.pass(DAY);
    }
    warned
}

#[tokio::test(start_paused = true)]
async fn a_client_secret_is_warned_of_at_30_7_and_1_days_without_reading_secrets_before() {
    let world = World::new();
    let settings = with_secret_until("1970-02-20");
    world.activate("r1", &settings).await;
    alert::remember_admin(&world.app, &acme(), "admin@acme.example", "nl").await;
    watched(&world).await;
    let given = warned(&world, "Credential Expiring", 60).await;
    assert_eq!(given.iter().map(|(_, days)| *days).collect::<Vec<_>>(), [30, 7, 1], "{given:?}");
    let subjects = world.relays.subjects.lock().unwrap().clone();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects.iter().all(|subject| subject.contains("clientgeheim")), "{subjects:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_secret_that_was_replaced_is_not_warned_of() {
    let world = World::new();
    let before = with_secret_until("1970-02-20");
    world.activate("r1", &before).await;
    watched(&world).await;
    // The process ends before it notes the new end.
    world.promote("r2", &with_secret_until("1971-02-20")).await;
    assert_eq!(warned(&world, "Credential Expiring", 60).await, []);
    assert_eq!(warned(&world, "Credential Expiring", 350).await.len(), 2, "but of the new one");
    // Back to a password.
    world.activate("r3", &relay()).await;
    assert_eq!(warned(&world, "Credential Expiring", 90).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_warning_that_breaks_off_anywhere_is_given_again() {
    let settings = with_secret_until("1970-01-20");
    let facts = crate::testing::world::certificate("1970-01-20T00:00:00Z");
    for calls in 0.. {
        let world = World::new();
        alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
        watched(&world).await;
        world.promote("r1", &settings).await;
        let revision = Revision("r1".to_owned());
        life::ends_after(calls);
        let ended = activated(&world.app, &acme(), &revision, &settings, Some(&facts)).await.is_err();
        life::begins();
        *world.relays.certificate.lock().unwrap() = Some("1970-01-20T00:00:00Z".to_owned());
        for _ in 0..4 {
            run_at_work(&world).await;
            world.memory.pass(DAY);
        }
        let emitted = world.memory.take_emitted();
        for detail_type in ["Certificate Expiring", "Credential Expiring"] {
            let of_acme = emitted.iter().filter(|event| event.detail["tenant"] == "acme");
            let count = of_acme.filter(|event| event.detail_type == detail_type).count();
            assert!((1..=2).contains(&count), "{calls} calls: {detail_type} {count} times");
        }
        assert_eq!(world.relays.subjects.lock().unwrap().len(), 2, "{calls} calls: a mail for each");
        if !ended {
            assert!(calls > 15, "{calls} calls");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_out_of_reach_gets_the_warning_later() {
    let world = World::new();
    let settings = with_secret_until("1970-02-20");
    world.activate("r1", &settings).await;
    watched(&world).await;
    world.memory.pass(DAY * 25);
    world.memory.fail("events.emit", 1);
    run_at_work(&world).await;
    assert_eq!(world.memory.take_emitted(), []);
    world.memory.pass(DAY);
    assert_eq!(warned(&world, "Credential Expiring", 2).await, [(0, 30)]);
}

const APPLICATION: &str =
    r#"{"google": {"clientId": "g", "clientSecret": "hunter2", "clientSecretExpires": "1970-02-20"}}"#;

/// The days and the details of the warnings of credentials over 60 days.
async fn of_credentials(world: &World) -> (Vec<u64>, Vec<Value>) {
    let mut details = Vec::new();
    for _ in 0..60 {
        run_at_work(world).await;
        let emitted = world.memory.take_emitted().into_iter();
        details.extend(emitted.filter(|e| e.detail_type == "Credential Expiring").map(|e| e.detail));
        world.memory.pass(DAY);
    }
    (details.iter().map(|detail| detail["days"].as_u64().unwrap()).collect(), details)
}

#[tokio::test(start_paused = true)]
async fn the_operator_is_warned_of_the_secret_of_its_application_also_without_a_tenant() {
    for tenants in [true, false] {
        let mut world = if tenants { world().await } else { World::new() };
        world.app.config.oauth_providers = OAuthProviders::parse(APPLICATION).unwrap();
        alert::remember_admin(&world.app, &acme(), "admin@acme.example", "en").await;
        let (days, details) = of_credentials(&world).await;
        assert_eq!(days, [30, 7, 1], "{details:?}");
        assert_eq!((&details[0]["tenant"], &details[0]["provider"]), (&Value::Null, &json!("google")));
        assert!(world.relays.taken().is_empty(), "no tenant can change it");
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_is_warned_of_the_platforms_own_credentials() {
    let by_secret = with_secret_until("1970-02-20");
    let mut by_grant = by_secret.clone();
    let Auth::OAuth2(oauth2) = &mut by_grant.auth else { panic!() };
    oauth2.grant = Grant::RefreshToken(Secret::new("r".into()));
    oauth2.client_secret_expires = None;
    let name = grant_name(oauth2);
    // By the token endpoint the grant ends at that time, and using it does not move the end.
    let end = GrantEnd::after(None, 0, Some(50 * 86_400), true);
    let end = GrantEnd::after(end, 3600, Some(50 * 86_400 - 3600), false);
    let tokens = json!({"grants": [
        {"grant": name, "refresh": "r", "access": "a", "until": 0, "ends": end, "draft": false},
    ]});
    for (settings, credential) in [(by_secret, "clientSecret"), (by_grant, "grant")] {
        let world = World::new();
        world.memory.set_platform("p2", &to_document(&settings));
        let platform = Tenant::platform();
        if credential == "grant" {
            world.app.effects.secrets.put_tokens(&platform, &tokens.to_string()).await.unwrap();
            let at = end.and_then(GrantEnd::that_stands).map(End::at);
            At::of(&world.app).note(Owner::Tenant(&platform), Ending::Grant, at).await.unwrap();
        }
        let (days, details) = of_credentials(&world).await;
        assert_eq!(days, [30, 7, 1], "{details:?}");
        let first = (&details[0]["tenant"], &details[0]["host"], &details[0]["credential"]);
        assert_eq!(first, (&json!("-platform"), &json!("smtp.acme.example"), &json!(credential)));
        assert!(world.memory.rows().is_empty(), "a mail to nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_relay_reads_nothing_of_the_operators() {
    let mut calls = Vec::new();
    for providers in ["{}", APPLICATION] {
        let mut world = world().await;
        world.app.config.oauth_providers = OAuthProviders::parse(providers).unwrap();
        world.memory.pass(DAY * 40);
        let before = world.memory.calls("ledger.get_state");
        let job = TaskJob { tenant: acme(), task: Task::LookAtRelay {} };
        tasks::run(&world.app, &job).await.unwrap();
        calls.push(world.memory.calls("ledger.get_state") - before);
        assert_eq!(world.memory.take_emitted(), []);
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test(start_paused = true)]
async fn the_operators_credentials_are_looked_at_every_six_hours_and_again_where_the_queue_was_away() {
    let world = World::new();
    world.memory.fail("queue.send", 1);
    let mut looks = Vec::new();
    for hour in 0..13 {
        let before = world.memory.calls("secrets.platform");
        run_at_work(&world).await;
        looks.extend((world.memory.calls("secrets.platform") > before).then_some(hour));
        world.memory.pass(Duration::from_hours(1));
    }
    assert_eq!(looks, [1, 7]);
}
