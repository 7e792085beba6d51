//! Who did it: history, events, mails to the other admins; and erasing.

use std::time::Duration;

use super::*;
use crate::functions::{forget, monitor};
use crate::wire::emitted::SETTINGS_EXPIRED;

fn email(address: &str) -> Claims {
    let tenant = Tenant::new("acme").unwrap();
    Claims { tenant, email: Some(address.to_owned()), by: By::new(None, Some(address), None, Some("t1")) }
}

async fn history(world: &World) -> Vec<Value> {
    let (status, body) = call(world, "GET", "/smtp/history", &Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body["history"].as_array().unwrap().clone()
}

fn emitted(world: &World) -> Vec<(&'static str, Value)> {
    world.memory.take_emitted().into_iter().map(|event| (event.detail_type, event.detail)).collect()
}

#[tokio::test(start_paused = true)]
async fn every_change_says_who_made_it_and_how_it_ended() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    let mut two = draft("smtp.two.example");
    two["password"] = json!({"set": "another"});
    two["senderName"] = json!("Acme");
    *world.relays.failing_tests.lock().unwrap() = 1;
    call_as(&world, email("mallory@acme.example"), "PUT", "/smtp", &two).await;
    call_as(&world, email("mallory@acme.example"), "PUT", "/smtp", &two).await;
    call(&world, "POST", "/smtp/rollback", &Value::Null).await;
    call(&world, "DELETE", "/smtp", &Value::Null).await;
    let history = history(&world).await;
    let of = |name: &str| history.iter().map(|change| change[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("action"), ["remove", "rollback", "save", "save", "save"]);
    assert_eq!(of("ended"), ["done", "done", "done", "test_failed", "done"]);
    assert_eq!(history[3]["code"], "auth.rejected");
    assert_eq!(history[2]["changed"], json!(["host", "senderName", "password"]));
    assert_eq!(history[2]["by"], json!({"email": "mallory@acme.example", "jti": "t1"}));
    let by = json!({"sub": "user-1", "email": "admin@acme.example", "sid": "session-1"});
    assert_eq!(history[0]["by"], by);
    assert_eq!(history[0]["host"], Value::Null);
    let events = emitted(&world);
    let names: Vec<_> = events.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "Settings Activated",
            "Settings Activated",
            "Settings Activated",
            "Settings Rolled Back",
            "Settings Removed"
        ]
    );
    assert_eq!(events[1].1["by"]["email"], "mallory@acme.example");
    assert_eq!((&events[3].1["by"], &events[3].1["host"]), (&by, &json!("smtp.one.example")));
    assert_eq!((&events[4].1["by"], &events[4].1["forgotten"]), (&by, &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_written_down_does_not_happen() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    let effects = world.memory.clone();
    *world.relays.meanwhile.lock().unwrap() =
        Some(Box::new(move || Box::pin(async move { effects.fail("ledger.put_state", 1) })));
    let (status, body) = call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!((status, &body["code"]), (503, &json!("store.unavailable")), "{body}");
    assert_eq!(active_host(&world).await.as_deref(), Some("smtp.one.example"));
    let pending = world.app.effects.secrets.get(&acme(), SecretStage::Pending).await.unwrap();
    assert!(pending.is_none(), "what was not activated is discarded");
}

/// How many mails say that the settings were changed.
fn notices(world: &World) -> usize {
    world.memory.rows().iter().filter(|row| row.kind == "ownpost.settings-changed").count()
}

#[tokio::test(start_paused = true)]
async fn the_other_admins_hear_of_a_change_by_the_platforms_server() {
    let world = World::new();
    call_as(&world, email("first@acme.example"), "PUT", "/smtp", &draft("smtp.one.example")).await;
    assert_eq!(notices(&world), 0, "there is nobody else to tell");
    call_as(&world, email("mallory@acme.example"), "PUT", "/smtp", &draft("smtp.evil.example")).await;
    while world.work().await > 0 {}
    let taken: Vec<_> = world.relays.taken().into_iter().map(|taken| (taken.tenant, taken.to)).collect();
    assert_eq!(taken, [(None, "first@acme.example".to_owned())]);
    call_as(&world, email("mallory@acme.example"), "PUT", "/smtp", &draft("smtp.evil.example")).await;
    assert_eq!(notices(&world), 1, "saved again as they were");
    call_as(&world, email("mallory@acme.example"), "DELETE", "/smtp", &Value::Null).await;
    assert_eq!(notices(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_nowhere_and_mail_goes_on_by_the_platform() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    world.accept("before", &["jan@example.org"]).await;
    world.work().await;
    let (status, body) = call(&world, "DELETE", "/smtp?forget=yes", &Value::Null).await;
    assert_eq!((status, &body["code"]), (400, &json!("query.invalid")));
    assert_eq!(call(&world, "DELETE", "/smtp?forget=1", &Value::Null).await.0, 204);
    for stage in [SecretStage::Current, SecretStage::Previous, SecretStage::Pending] {
        assert!(world.app.effects.secrets.get(&acme(), stage).await.unwrap().is_none(), "{stage:?}");
    }
    let (_, body) = call(&world, "POST", "/smtp/rollback", &Value::Null).await;
    assert_eq!(body["code"], "rollback.nothing_before");
    // A sender that remembers nothing must not take the absent settings for lost ones.
    let world = world.another_process();
    world.accept("after", &["jan@example.org"]).await;
    world.work().await;
    let last = world.relays.taken().pop().unwrap();
    assert_eq!((last.tenant, last.to.as_str()), (None, "jan@example.org"));
    let (_, body) = call(&world, "GET", "/smtp?default=1", &Value::Null).await;
    assert_eq!(body, json!({"status": "platform", "previous": false}));
    assert_eq!(history(&world).await[0]["action"], "forget");
    assert_eq!(call(&world, "PUT", "/smtp", &draft("smtp.three.example")).await.0, 200, "a new beginning");
    assert_eq!(active_host(&world).await.as_deref(), Some("smtp.three.example"));
}

#[tokio::test(start_paused = true)]
async fn credentials_of_removed_settings_end_with_retention() {
    const DAY: Duration = Duration::from_hours(24);
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!(call(&world, "DELETE", "/smtp", &Value::Null).await.0, 204);
    let stored = async |world: &World| {
        let secrets = &world.app.effects.secrets;
        secrets.get(&acme(), SecretStage::Previous).await.unwrap().is_some()
    };
    // The sender's look, and the events for which the stack's rule calls the function `settings`.
    let look = async |world: &World| {
        world.memory.take_emitted();
        monitor::run(&world.app).await.unwrap();
        while world.work().await > 0 {}
        emitted(world)
            .iter()
            .filter(|(kind, detail)| *kind == SETTINGS_EXPIRED && detail["tenant"] == "acme")
            .count()
    };
    for _ in 0..89 {
        world.memory.pass(DAY);
        assert_eq!(look(&world).await, 0);
        // An event that should not be there ends nothing.
        forget::expired(&world.app, &acme()).await.unwrap();
        assert!(stored(&world).await, "until then a rollback has something to go back to");
    }
    world.memory.fail("secrets.forget", 1);
    let (mut heard, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        world.memory.pass(DAY);
        heard.push(look(&world).await);
        if heard.last() == Some(&1) {
            assert!(stored(&world).await, "the sender deletes nothing");
            // The store fails once; the next day's event completes it.
            drop(forget::expired(&world.app, &acme()).await);
            ended.extend(emitted(&world));
        }
    }
    assert_eq!(heard, [1, 1, 0]);
    for stage in [SecretStage::Current, SecretStage::Previous, SecretStage::Pending] {
        assert!(world.app.effects.secrets.get(&acme(), stage).await.unwrap().is_none(), "{stage:?}");
    }
    let newest = &history(&world).await[0];
    assert_eq!((&newest["action"], &newest["ended"]), (&json!("forget"), &json!("done")), "{newest}");
    let said = ended.into_iter().rfind(|(kind, _)| *kind == "Settings Removed").unwrap().1;
    assert_eq!((&said["forgotten"], &said["by"]["sub"]), (&json!(true), &json!("OWNPOST_RETAIN_DAYS")));
    // Mail goes on by the platform's server, and settings that are in use stay.
    world.accept("after", &["jan@example.org"]).await;
    world.work().await;
    assert_eq!(world.relays.taken().pop().unwrap().tenant, None);
    call(&world, "PUT", "/smtp", &draft("smtp.three.example")).await;
    for _ in 0..100 {
        world.memory.pass(DAY);
        look(&world).await;
    }
    assert_eq!(active_host(&world).await.as_deref(), Some("smtp.three.example"));
}

#[tokio::test(start_paused = true)]
async fn erasing_that_fails_leaves_a_removal_and_can_be_asked_for_again() {
    for (operation, times) in [("secrets.forget", 1), ("ledger.put_state", 0)] {
        let world = World::new();
        call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
        world.memory.fail(operation, times.max(1));
        let (status, body) = call(&world, "DELETE", "/smtp?forget=1", &Value::Null).await;
        assert_eq!((status, body["retryAfter"].is_number()), (503, true), "{operation}: {body}");
        if times > 0 {
            assert_eq!(history(&world).await[0]["action"], "remove", "{operation}");
            assert_eq!(active_host(&world).await, None, "{operation}");
        }
        assert_eq!(call(&world, "DELETE", "/smtp?forget=1", &Value::Null).await.0, 204, "{operation}");
        assert_eq!(history(&world).await[0]["action"], "forget", "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_there_is_something_to_go_back_to() {
    let world = World::new();
    let shown = async |query: &str| call(&world, "GET", &format!("/smtp{query}"), &Value::Null).await;
    assert_eq!(shown("").await.1["code"], "not_configured");
    assert_eq!(shown("?default=1").await, (200, json!({"status": "platform", "previous": false})));
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    assert_eq!(shown("").await.1["previous"], false);
    call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!(shown("").await.1["previous"], true);
    call(&world, "DELETE", "/smtp", &Value::Null).await;
    assert_eq!(shown("?default=1").await.1["previous"], true);
}
