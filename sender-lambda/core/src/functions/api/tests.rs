use ownpost_domain::category::{OnFailure, Via};
use ownpost_domain::delivery::{Delivery, DeliveryId, Revision, Status};
use ownpost_domain::failure::FailureCode;
use serde_json::{Value, json};

use super::super::sender::handle as send;
use super::*;
use crate::effects::SecretStage;
use crate::testing::world::{Act, VISIBILITY, World, acme, settings as stored};
use crate::wire::settings::to_document;

mod events;
mod history;
mod limits;

fn claims(tenant: &str) -> Claims {
    let email = format!("admin@{tenant}.example");
    let by = By::new(Some("user-1"), Some(&email), Some("session-1"), None);
    Claims { tenant: Tenant::new(tenant).unwrap(), email: Some(email), by }
}

async fn call_by(world: &World, caller: Caller, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let body = body.to_string();
    let request = Request {
        method,
        path,
        query: query.split('&').filter_map(pair).collect(),
        caller,
        origin: None,
        accept_language: None,
        body: body.as_bytes(),
        time: None,
    };
    world.memory.pass(std::time::Duration::from_millis(1));
    let response = handle(&world.app, request, None).await;
    let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    if response.status >= 400 && response.status != 422 {
        assert_eq!(response.content_type, "application/problem+json", "{body}");
        assert_eq!(body["status"], response.status, "{body}");
    }
    assert!(!String::from_utf8_lossy(&response.body).contains("s3cret"), "{body}");
    (response.status, body)
}

async fn call_as(world: &World, claims: Claims, method: &str, path: &str, body: &Value) -> (u16, Value) {
    call_by(world, Caller::admin(claims), method, path, body).await
}

async fn call(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    call_as(world, claims("acme"), method, path, body).await
}

fn draft(host: &str) -> Value {
    json!({
        "host": host, "port": 587, "security": "starttls", "username": "mailer",
        "password": {"set": "s3cret-word"}, "senderAddress": "noreply@acme.example",
    })
}

/// What is active: its host.
async fn active_host(world: &World) -> Option<String> {
    let (status, body) = call(world, "GET", "/smtp", &Value::Null).await;
    match status {
        200 => body["host"].as_str().map(str::to_owned),
        404 => {
            assert_eq!(body["code"], "not_configured");
            None
        }
        _ => panic!("{body}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_is_tested_and_active_and_shown_without_secrets() {
    let world = World::new();
    assert_eq!(active_host(&world).await, None);
    let (status, body) = call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    assert_eq!((status, &body["activated"]), (200, &json!(true)), "{body}");
    assert_eq!(
        *world.relays.tested.lock().unwrap(),
        [("smtp.one.example".to_owned(), Some("admin@acme.example".to_owned()))]
    );
    let (_, shown) = call(&world, "GET", "/smtp", &Value::Null).await;
    assert_eq!(shown["password"], json!({"isSet": true}));
    assert_eq!(shown["revision"], body["revision"]);
    assert_eq!((&shown["status"], &shown["health"]["status"]), (&json!("active"), &json!("healthy")));
    assert_eq!(world.memory.take_emitted()[0].detail_type, "Settings Activated");
    let pending = world.app.effects.secrets.get(&acme(), SecretStage::Pending).await.unwrap();
    assert!(pending.is_none());
}

#[tokio::test(start_paused = true)]
async fn settings_that_fail_change_nothing() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    *world.relays.failing_tests.lock().unwrap() = 1;
    let (status, body) = call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    assert_eq!((status, &body["activated"]), (409, &json!(false)), "{body}");
    assert_eq!((&body["code"], &body["report"]["ok"]), (&json!("settings.test_failed"), &json!(false)));
    assert_eq!(active_host(&world).await.as_deref(), Some("smtp.one.example"));
    let secrets = &world.app.effects.secrets;
    assert!(secrets.get(&acme(), SecretStage::Pending).await.unwrap().is_none());
    assert!(secrets.get(&acme(), SecretStage::Previous).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_way_back() {
    let world = World::new();
    assert_eq!(
        call(&world, "POST", "/smtp/rollback", &Value::Null).await.1["code"],
        "rollback.nothing_before"
    );
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    call(&world, "PUT", "/smtp", &draft("smtp.two.example")).await;
    // What is done, its status, and what is active then.
    for (method, path, status, host) in [
        ("POST", "/smtp/rollback", 200, Some("smtp.one.example")),
        ("POST", "/smtp/rollback", 200, Some("smtp.two.example")),
        ("DELETE", "/smtp", 204, None),
        ("DELETE", "/smtp", 204, None),
        ("POST", "/smtp/rollback", 200, Some("smtp.two.example")),
        ("POST", "/smtp/rollback", 200, None),
    ] {
        let (answered, body) = call(&world, method, path, &Value::Null).await;
        assert_eq!(answered, status, "{method} {path}: {body}");
        assert_eq!(active_host(&world).await.as_deref(), host, "{method} {path}");
    }
    *world.relays.failing_tests.lock().unwrap() = 1;
    let (status, body) = call(&world, "POST", "/smtp/rollback", &Value::Null).await;
    assert_eq!((status, &body["activated"]), (409, &json!(false)));
    assert_eq!(active_host(&world).await, None, "a rollback that fails its test changes nothing");
}

#[tokio::test(start_paused = true)]
async fn of_two_who_save_at_once_one_wins() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    for (method, path) in [("PUT", "/smtp"), ("POST", "/smtp/rollback")] {
        call(&world, "PUT", "/smtp", &draft("smtp.before.example")).await;
        let effects = world.app.effects.clone();
        let other = Revision(format!("somebody-elses-{}", method.to_lowercase()));
        let revision = other.clone();
        *world.relays.meanwhile.lock().unwrap() = Some(Box::new(move || {
            Box::pin(async move {
                let now = effects.secrets.get(&acme(), SecretStage::Current).await.unwrap().unwrap().revision;
                let document = to_document(&stored("smtp.other.example", Via::Relay, OnFailure::Hold));
                effects.secrets.put_pending(&acme(), &revision, &document).await.unwrap();
                assert!(effects.secrets.promote(&acme(), &revision, Some(&now)).await.unwrap());
            })
        }));
        let (status, body) = call(&world, method, path, &draft("smtp.mine.example")).await;
        assert_eq!((status, &body["code"]), (409, &json!("settings.conflict")), "{body}");
        assert_eq!(active_host(&world).await.as_deref(), Some("smtp.other.example"));
    }
}

#[tokio::test(start_paused = true)]
async fn saving_what_is_active_leaves_no_version_behind() {
    let world = World::new();
    let (_, first) = call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    let mut keep = draft("smtp.one.example");
    keep["password"] = json!({"keep": true});
    let (status, second) = call(&world, "PUT", "/smtp", &keep).await;
    assert_eq!((status, &second["revision"]), (200, &first["revision"]));
    assert_eq!(world.relays.tested.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_kept_password_stays_with_its_server() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    let mut keep = draft("smtp.evil.example");
    keep["password"] = json!({"keep": true});
    for path in ["/smtp", "/smtp/test"] {
        let method = if path == "/smtp" { "PUT" } else { "POST" };
        let (status, body) = call(&world, method, path, &keep).await;
        assert_eq!(
            (status, &body["issues"][0]["code"]),
            (422, &json!("password.reentry_required")),
            "{body}"
        );
    }
    assert_eq!(world.relays.tested.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn drafts_are_tested_and_not_stored() {
    let world = World::new();
    let (status, body) = call(&world, "POST", "/smtp/test", &draft("smtp.one.example")).await;
    assert_eq!((status, &body["ok"]), (200, &json!(true)));
    assert_eq!(body["testMessage"]["recipient"], "admin@acme.example");
    assert_eq!(active_host(&world).await, None);
    let (status, body) = call(&world, "POST", "/smtp/test", &json!({"host": 7})).await;
    assert_eq!((status, &body["valid"]), (422, &json!(false)));
    let (status, body) = call(&world, "POST", "/smtp/validate", &json!([])).await;
    assert_eq!((status, &body["valid"]), (200, &json!(false)));
    assert_eq!(world.relays.tested.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tests_are_limited_for_each_tenant() {
    let world = World::new();
    for _ in 0..30 {
        assert_eq!(call(&world, "POST", "/smtp/test", &draft("smtp.one.example")).await.0, 200);
    }
    let limited = [("POST", "/smtp/test"), ("PUT", "/smtp")];
    for (method, path) in limited {
        let (status, body) = call(&world, method, path, &draft("smtp.one.example")).await;
        assert_eq!((status, &body["code"]), (429, &json!("test.rate_limited")), "{path}");
        assert!(body["retryAfter"].as_u64().is_some_and(|seconds| (1..=30).contains(&seconds)), "{body}");
    }
    let other = call_as(&world, claims("other"), "POST", "/smtp/test", &draft("smtp.one.example")).await;
    assert_eq!(other.0, 200);
    assert_eq!(call(&world, "POST", "/smtp/test", &json!({})).await.0, 422, "rules are not limited");
    world.memory.pass(std::time::Duration::from_secs(30));
    assert_eq!(call(&world, "POST", "/smtp/test", &draft("smtp.one.example")).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn many_tenants_slow_the_tests_of_one_server_and_refuse_none() {
    let world = World::new();
    let test = async |number: usize| {
        let before = tokio::time::Instant::now();
        // Each name is another one, and all lead to one address.
        let (tenant, host) = (format!("t{}", number % 20), format!("w{number}.evil.example"));
        let (status, body) = call_as(&world, claims(&tenant), "POST", "/smtp/test", &draft(&host)).await;
        assert_eq!(status, 200, "{number}: {body}");
        before.elapsed()
    };
    for number in 0..300 {
        assert!(test(number).await.is_zero(), "{number}");
    }
    let slowed = test(300).await;
    assert!(
        (std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(4)).contains(&slowed),
        "{slowed:?}"
    );
    world.memory.pass(std::time::Duration::from_mins(10));
    assert!(test(301).await.is_zero());
}

#[tokio::test(start_paused = true)]
async fn mail_that_is_held_when_the_settings_go_waits_for_a_person_and_not_for_ever() {
    for released in [true, false] {
        let world = World::new();
        world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(ownpost_domain::failure::Stage::Auth, FailureCode::AuthRejected, 535)]);
        sent(&world).await;
        assert_eq!(call(&world, "DELETE", "/smtp", &Value::Null).await.0, 204);
        sent(&world).await;
        world.memory.pass(std::time::Duration::from_hours(119));
        crate::functions::monitor::run(&world.app).await.unwrap();
        let row = sent(&world).await.remove(0);
        assert_eq!((row.status, world.relays.taken().len()), (Status::Held, 0));
        assert!(row.reason.contains("as soon as you release it"), "{}", row.reason);
        if released {
            let (status, body) = call(&world, "POST", "/held/release", &Value::Null).await;
            assert_eq!((status, &body["released"]), (202, &json!(1)));
            let row = sent(&world).await.remove(0);
            assert_eq!((row.status, row.route), (Status::Sent, Some(Via::Platform)));
        } else {
            world.memory.pass(std::time::Duration::from_hours(2));
            crate::functions::monitor::run(&world.app).await.unwrap();
            assert_eq!(sent(&world).await[0].status, Status::Failed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_address_nothing_is_activated() {
    let world = World::new();
    let nobody = Claims { email: None, ..claims("acme") };
    let (status, body) = call_as(&world, nobody.clone(), "PUT", "/smtp", &draft("smtp.one.example")).await;
    assert_eq!((status, &body["code"]), (400, &json!("token.email_missing")));
    let (status, body) = call_as(&world, nobody, "POST", "/smtp/test", &draft("smtp.one.example")).await;
    assert_eq!((status, &body["testMessage"]), (200, &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn stages_are_streamed_as_they_pass() {
    let world = World::new();
    let mut told = Vec::new();
    let body = draft("smtp.one.example").to_string();
    let request = Request {
        method: "POST",
        path: "/smtp/test",
        query: Vec::new(),
        caller: Caller::admin(claims("acme")),
        origin: None,
        accept_language: None,
        body: body.as_bytes(),
        time: None,
    };
    handle(&world.app, request, Some(&mut |stage| told.push(stage))).await;
    assert_eq!(told[0]["stage"], "auth");
}

#[tokio::test(start_paused = true)]
async fn the_ledger_is_listed_page_by_page_and_filtered() {
    let world = World::new();
    let recipients: Vec<String> = (0..60).map(|index| format!("r{index}@example.org")).collect();
    world.accept("e1", &recipients.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.accept("e2", &["jan@münchen.de"]).await;
    let count = |body: &Value| body["deliveries"].as_array().unwrap().len();
    let (_, first) = call(&world, "GET", "/deliveries?event=e1", &Value::Null).await;
    let cursor = first["cursor"].as_str().unwrap();
    let (_, second) =
        call(&world, "GET", &format!("/deliveries?event=e1&cursor={cursor}"), &Value::Null).await;
    assert_eq!((count(&first), count(&second), &second["cursor"]), (50, 10, &Value::Null));
    for (query, expected) in [
        ("recipient=jan@MÜNCHEN.de", 1),
        ("recipient=nobody@example.org", 0),
        ("recipient=nonsense", 0),
        ("status=queued&event=e2", 1),
        ("status=sent", 0),
        ("unknown=1&event=e2", 1),
    ] {
        let (status, body) = call(&world, "GET", &format!("/deliveries?{query}"), &Value::Null).await;
        assert_eq!((status, count(&body)), (200, expected), "{query}");
    }
    for (query, code) in [("status=lost", "query.invalid"), ("cursor=x", "cursor.invalid")] {
        let (status, body) = call(&world, "GET", &format!("/deliveries?{query}"), &Value::Null).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{query}");
    }
}

/// Lets the sender work until the queue is empty for now, with the rows as it leaves them.
async fn sent(world: &World) -> Vec<Delivery> {
    loop {
        let records = world.memory.receive(10, VISIBILITY);
        if records.is_empty() {
            return world.memory.rows();
        }
        for record in &records {
            if send(&world.app, std::slice::from_ref(record)).await.is_empty() {
                world.memory.delete(&record.message_id);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_decides_about_unknown_and_failed_mails() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::FailLate(FailureCode::MessageUnknown, 0)]);
    let id = sent(&world).await[0].id.as_str().to_owned();
    let (_, detail) = call(&world, "GET", &format!("/deliveries/{id}"), &Value::Null).await;
    assert_eq!(detail["status"], "unknown");
    assert!(detail["story"][0]["text"].as_str().unwrap().starts_with("Triggered by event e1"), "{detail}");
    // The queue is out of reach once; calling again completes it.
    world.memory.fail("queue.send", 1);
    let path = format!("/deliveries/{id}/resend");
    assert_eq!(call(&world, "POST", &path, &Value::Null).await.0, 503);
    let (status, row) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &row["status"]), (202, &json!("queued")));
    let rows = sent(&world).await;
    assert_eq!((rows[0].status, rows[0].attempts.len()), (Status::Sent, 2));
    let (status, body) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("delivery.not_resendable")));
    for path in ["/deliveries/dlv_0", "/deliveries/%00"] {
        let (status, body) = call(&world, "GET", path, &Value::Null).await;
        assert_eq!((status, &body["code"]), (404, &json!("never_triggered")));
    }
}

#[tokio::test(start_paused = true)]
async fn held_mail_is_released_only_by_a_passing_test() {
    let world = World::new();
    world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::Fail(ownpost_domain::failure::Stage::Auth, FailureCode::AuthRejected, 535)]);
    assert_eq!(sent(&world).await[0].status, Status::Held);
    *world.relays.failing_tests.lock().unwrap() = 1;
    let (status, body) = call(&world, "POST", "/held/release", &Value::Null).await;
    assert_eq!((status, &body["released"]), (409, &json!(0)));
    assert_eq!((world.memory.rows()[0].status, world.memory.queued()), (Status::Held, 0));
    let (status, body) = call(&world, "POST", "/held/release", &Value::Null).await;
    assert_eq!((status, body), (202, json!({"released": 1})));
    assert_eq!(sent(&world).await[0].status, Status::Sent);
    // The test mail goes to the admin who asks: a test that ends at MAIL proves nothing of the later stages.
    let tested = world.relays.tested.lock().unwrap().clone();
    assert!(
        tested.iter().all(|(_, recipient)| recipient.as_deref() == Some("admin@acme.example")),
        "{tested:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn settings_that_have_vanished_are_not_told_as_the_platforms_server() {
    let world = World::new();
    assert_eq!(call(&world, "GET", "/smtp", &Value::Null).await.0, 404, "there were none");
    world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.app.effects.secrets.forget(&acme()).await.unwrap();
    for path in ["/smtp", "/smtp?default=1"] {
        let (status, body) = call(&world, "GET", path, &Value::Null).await;
        assert_eq!((status, &body["code"]), (500, &json!("settings.unreadable")), "{body}");
    }
    // Erased by the tenant they are gone.
    assert_eq!(call(&world, "DELETE", "/smtp?forget=1", &Value::Null).await.0, 204);
    assert_eq!(call(&world, "GET", "/smtp", &Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_a_release_or_a_save_ends_has_one_recovery() {
    for (method, path) in [("POST", "/held/release"), ("PUT", "/smtp")] {
        let world = World::new();
        world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        world.accept("e1", &["jan@example.org"]).await;
        world.relays.then([Act::Fail(ownpost_domain::failure::Stage::Auth, FailureCode::AuthRejected, 535)]);
        assert_eq!(sent(&world).await[0].status, Status::Held);
        // The second time the relay is healthy already.
        for _ in 0..2 {
            let (status, body) = call(&world, method, path, &draft("smtp.acme.example")).await;
            assert!(status < 300, "{body}");
        }
        let emitted = world.memory.take_emitted().into_iter().map(|event| event.detail_type);
        let relay: Vec<_> = emitted.filter(|kind| kind.starts_with("Relay ")).collect();
        assert_eq!(relay, ["Relay Unhealthy", "Relay Recovered"], "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_is_not_done_inside_the_call() {
    let world = World::new();
    world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.relays.then([Act::Fail(ownpost_domain::failure::Stage::Auth, FailureCode::AuthRejected, 535)]);
    let recipients: Vec<String> = (0..510).map(|index| format!("r{index}@example.org")).collect();
    world.accept("e1", &recipients.iter().map(String::as_str).collect::<Vec<_>>()).await;
    sent(&world).await;
    let calls = [
        // The task, and the mail that says that the relay is well again.
        ("PUT", "/smtp", draft("smtp.two.example"), (200, 2)),
        ("POST", "/held/release", Value::Null, (202, 1)),
        ("DELETE", "/smtp", Value::Null, (204, 1)),
    ];
    for (method, path, body, expected) in calls {
        let (status, body) = call(&world, method, path, &body).await;
        assert_eq!((status, world.memory.queued()), expected, "{path} queues one task, and no mail");
        // More than an answer waits for are not counted.
        assert!(path != "/held/release" || body == json!({"released": null}), "{body}");
        let rows = world.memory.rows();
        assert!(
            rows.iter().all(|row| row.status == Status::Held || row.kind.starts_with("ownpost.")),
            "{path}"
        );
        for record in world.memory.receive(10, VISIBILITY) {
            world.memory.delete(&record.message_id);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_not_left_can_be_taken_back() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    let id = world.row().id.as_str().to_owned();
    let path = format!("/deliveries/{id}/cancel");
    let (status, body) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &body["status"]), (202, &json!("failed")));
    assert!(sent(&world).await.iter().all(|row| row.status == Status::Failed));
    assert_eq!((world.relays.taken().len(), world.memory.queued()), (0, 0));
    let (status, body) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("delivery.not_cancellable")));
    // Not sent again together with others, but by a decision about this one.
    let many = json!({"status": "failed", "since": "1970-01-01T00:00:00Z"});
    let (status, body) = call(&world, "POST", "/deliveries/resend", &many).await;
    assert_eq!((status, &body["resent"]), (202, &json!(0)));
    assert_eq!(sent(&world).await[0].status, Status::Failed);
    assert_eq!(call(&world, "POST", &format!("/deliveries/{id}/resend"), &Value::Null).await.0, 202);
    assert_eq!(sent(&world).await[0].status, Status::Sent);
    let (status, body) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("delivery.not_cancellable")));
}

#[tokio::test(start_paused = true)]
async fn many_mails_are_sent_again_by_one_decision() {
    let world = World::new();
    for number in 0..250 {
        world.accept(&format!("e{number}"), &[&format!("r{number}@example.org")]).await;
        world.memory.pass(std::time::Duration::from_secs(1));
    }
    // Not alike, or they would not be believed.
    world
        .relays
        .then((0..250).map(|number| Act::FailLate(FailureCode::MessageRejected, 550 + number % 2 * 4)));
    assert!(sent(&world).await.iter().all(|row| row.status == Status::Failed));
    world.memory.lose_event(&acme(), "e30");
    let many = |since: &str, more: Value| {
        let mut body = json!({"status": "failed", "since": since});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, expected) in [
        (many("1970-01-01T00:00:10Z", json!({"until": "1970-01-01T00:00:20Z"})), 10),
        (many("1970-01-01T00:00:10Z", json!({"until": "1970-01-01T00:00:20Z"})), 0),
        (many("1970-01-01T00:00:00Z", json!({"category": "user-invitation"})), 0),
        (many("1970-01-01T00:00:00Z", json!({})), 240),
    ] {
        let before = world.relays.taken().len();
        let (status, answer) = call(&world, "POST", "/deliveries/resend", &body).await;
        assert_eq!((status, answer), (202, json!({"resent": expected})), "{body}");
        sent(&world).await;
        // The one whose document is gone is left as it is.
        let expected = expected - usize::from(expected == 240);
        assert_eq!(world.relays.taken().len() - before, expected, "{body}");
    }
    let id = DeliveryId::derive(&acme(), "e30", "r30@example.org");
    let path = format!("/deliveries/{}/resend", id.as_str());
    let (status, body) = call(&world, "POST", &path, &Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("delivery.document_gone")));
    for bad in [
        json!({}),
        json!({"status": "failed"}),
        many("now", json!({})),
        many("1970-01-01T00:00:00Z", json!({"x": 1})),
    ] {
        let (status, body) = call(&world, "POST", "/deliveries/resend", &bad).await;
        assert_eq!((status, &body["code"]), (400, &json!("request.invalid")), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_mail_gets_a_message_and_one_in_time_does_not() {
    let world = World::new();
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::Fail(
        ownpost_domain::failure::Stage::Recipient,
        FailureCode::SmtpTemporary,
        450,
    )]);
    assert_eq!(sent(&world).await[0].status, Status::Deferred);
    world.memory.lose_messages();
    let path = format!("/deliveries/{}/resend", world.row().id.as_str());
    assert_eq!(call(&world, "POST", &path, &Value::Null).await.0, 409);
    world.memory.pass(std::time::Duration::from_hours(2));
    assert_eq!(call(&world, "POST", &path, &Value::Null).await.0, 202);
    assert_eq!(sent(&world).await[0].status, Status::Sent);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_erased_and_a_repeated_event_sends_nothing() {
    let world = World::new();
    world.accept("e1", &["jan@example.org", "ann@example.org"]).await;
    sent(&world).await;
    world.accept("e2", &["jan@example.org"]).await;
    let (status, _) = call(&world, "DELETE", "/deliveries?recipient=jan@EXAMPLE.org", &Value::Null).await;
    assert_eq!(status, 202);
    sent(&world).await;
    assert_eq!(world.relays.taken().len(), 2, "what had not left is not sent");
    let everything = format!("{:?}", world.memory.rows());
    assert!(!everything.contains("jan@") && everything.contains("ann@"), "{everything}");
    for event in ["e1", "e2"] {
        let document = world.app.effects.ledger.get_event(&acme(), event).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&document).contains("jan@"), "{event}");
    }
    for (event, to) in [("e1", &["jan@example.org", "ann@example.org"][..]), ("e2", &["jan@example.org"])] {
        world.accept(event, to).await;
    }
    sent(&world).await;
    assert_eq!((world.relays.taken().len(), world.memory.rows().len()), (2, 3));
    let (status, body) = call(&world, "DELETE", "/deliveries", &Value::Null).await;
    assert_eq!((status, &body["code"]), (400, &json!("query.invalid")));
}

#[tokio::test(start_paused = true)]
async fn what_a_relay_said_of_a_person_is_erased_with_the_row() {
    let world = World::new();
    world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
    world.relays.then([Act::FailLate(FailureCode::RelaySuspended, 550)]);
    world.accept("e1", &["jan@example.org", "ann@example.org"]).await;
    let rows = sent(&world).await;
    assert!(rows.iter().all(|row| row.status == Status::Held), "{rows:?}");
    let jan = rows.iter().find(|row| !row.attempts.is_empty()).unwrap();
    assert!(format!("{:?}", jan.attempts).contains(&jan.recipient), "its own row has the whole reply");
    let path = format!("/deliveries?recipient={}", jan.recipient);
    assert_eq!(call(&world, "DELETE", &path, &Value::Null).await.0, 202);
    sent(&world).await;
    let (status, settings) = call(&world, "GET", "/smtp", &Value::Null).await;
    assert_eq!((status, &settings["health"]["status"]), (200, &json!("unhealthy")));
    assert!(
        settings["health"]["message"].as_str().unwrap().contains("words about <…@example.org>"),
        "{settings}"
    );
    let emitted: Vec<_> =
        world.memory.take_emitted().into_iter().map(|event| event.detail.to_string()).collect();
    let left = format!("{:?} {settings} {emitted:?}", world.memory.rows());
    assert!(!left.contains(&jan.recipient), "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_is_too_late_fails_and_says_so() {
    for held in [false, true] {
        let world = World::new();
        world.activate("r1", &stored("smtp.acme.example", Via::Relay, OnFailure::Hold)).await;
        let mut event: Value =
            serde_json::from_str(&crate::testing::world::event("e1", &["jan@example.org"])).unwrap();
        event["notAfter"] = json!("1970-01-01T02:00:00Z");
        crate::functions::router::accept(&world.app, event.to_string().as_bytes(), None).await.unwrap();
        let stage =
            if held { ownpost_domain::failure::Stage::Auth } else { ownpost_domain::failure::Stage::Connect };
        let code = if held { FailureCode::AuthRejected } else { FailureCode::ConnectRefused };
        world.relays.then(vec![Act::Fail(stage, code, if held { 535 } else { 0 }); 100]);
        *world.relays.failing_tests.lock().unwrap() = u32::MAX;
        for _ in 0..20 {
            crate::functions::monitor::run(&world.app).await.unwrap();
            sent(&world).await;
            world.memory.pass(std::time::Duration::from_mins(10));
        }
        let row = sent(&world).await.into_iter().find(|row| row.event == "e1").unwrap();
        assert_eq!(row.status, Status::Failed);
        assert!(row.reason.contains("too late"), "held {held}: {}", row.reason);
        assert!(!row.reason.contains("Waiting"), "held {held}: {}", row.reason);
        assert_eq!(world.relays.taken().len(), 0);
        // Together with others it is not sent again; a person who asks for this one has decided.
        world.relays.acts.lock().unwrap().clear();
        call(&world, "DELETE", "/smtp", &Value::Null).await;
        let many = json!({"status": "failed", "since": "1970-01-01T00:00:00Z"});
        let (status, body) = call(&world, "POST", "/deliveries/resend", &many).await;
        assert_eq!((status, &body["resent"]), (202, &json!(0)));
        sent(&world).await;
        assert_eq!(world.relays.taken().len(), 0);
        let path = format!("/deliveries/{}/resend", row.id.as_str());
        assert_eq!(call(&world, "POST", &path, &Value::Null).await.0, 202);
        let row = sent(&world).await.into_iter().find(|row| row.event == "e1").unwrap();
        assert_eq!(row.status, Status::Sent, "{}", row.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_forgotten() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    world.accept("e1", &["jan@example.org"]).await;
    crate::functions::forget::begin(&world.app, &acme()).await.unwrap();
    sent(&world).await;
    assert!(world.relays.taken().is_empty(), "what was on its way is not sent any more");
    // Its message finds no row.
    world.memory.pass(std::time::Duration::from_mins(10));
    sent(&world).await;
    let left = (world.memory.rows(), world.memory.queued());
    assert_eq!(left, (Vec::new(), 0));
    assert_eq!(world.app.effects.ledger.get_event(&acme(), "e1").await, Ok(None));
    assert_eq!(call(&world, "GET", "/smtp", &Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_another_tenant_can_be_seen_or_done() {
    let world = World::new();
    call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
    world.accept("e1", &["jan@example.org"]).await;
    world.relays.then([Act::FailLate(FailureCode::MessageUnknown, 0)]);
    let id = sent(&world).await[0].id.as_str().to_owned();
    let before = format!("{:?}", world.memory.rows());
    let mut keep = draft("smtp.one.example");
    keep["password"] = json!({"keep": true});
    for (method, path, body, status) in [
        ("GET", "/smtp".to_owned(), Value::Null, 404),
        ("PUT", "/smtp".to_owned(), keep.clone(), 422),
        ("POST", "/smtp/test".to_owned(), keep.clone(), 422),
        ("POST", "/smtp/validate".to_owned(), keep, 200),
        ("POST", "/smtp/rollback".to_owned(), Value::Null, 409),
        ("DELETE", "/smtp".to_owned(), Value::Null, 204),
        ("GET", "/deliveries?event=e1".to_owned(), Value::Null, 200),
        ("GET", "/deliveries?recipient=jan@example.org".to_owned(), Value::Null, 200),
        ("GET", "/deliveries?status=unknown".to_owned(), Value::Null, 200),
        ("GET", format!("/deliveries/{id}"), Value::Null, 404),
        ("POST", format!("/deliveries/{id}/resend"), Value::Null, 404),
        ("POST", "/held/release".to_owned(), Value::Null, 202),
    ] {
        let (answered, body) = call_as(&world, claims("other"), method, &path, &body).await;
        assert_eq!(answered, status, "{method} {path}: {body}");
        assert!(!body.to_string().contains("jan@example.org"), "{method} {path}: {body}");
    }
    assert_eq!(format!("{:?}", world.memory.rows()), before);
    assert_eq!(active_host(&world).await.as_deref(), Some("smtp.one.example"));
}

#[tokio::test(start_paused = true)]
async fn whatever_store_fails_the_answer_is_a_problem_and_nothing_is_half_done() {
    for operation in
        ["secrets.get", "secrets.put_pending", "secrets.promote", "ledger.get_state", "ledger.watch"]
    {
        let world = World::new();
        world.memory.fail(operation, 1);
        let (status, body) = call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
        assert_eq!((status, &body["code"]), (503, &json!("store.unavailable")), "{operation}");
        assert_eq!(active_host(&world).await, None, "{operation}");
        let (status, _) = call(&world, "PUT", "/smtp", &draft("smtp.one.example")).await;
        assert_eq!(status, 200, "{operation}: again");
    }
}

#[tokio::test(start_paused = true)]
async fn paths_and_methods() {
    let world = World::new();
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/smtp/", 404),
        ("PATCH", "/smtp", 405),
        ("GET", "/smtp/test", 405),
        ("PUT", "/deliveries", 405),
        ("GET", "/smtp/other", 404),
        ("POST", "/held", 404),
    ] {
        let (answered, body) = call(&world, method, path, &Value::Null).await;
        // "/smtp/" is "/smtp": not configured.
        assert_eq!(answered, status, "{method} {path}: {body}");
    }
}
