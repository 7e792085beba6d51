//! The whole path on emulated AWS: the template is deployed, the Lambda Runtime API runs the binary, API Gateway
//! checks tokens, secrets are staged, events are routed, and mail arrives over TLS.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ownpost_core::wire::sqs::{Job, MailJob};
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::tenant::Tenant;
use serde_json::{Value, json};

use super::cloud::{Cloud, PATIENCE, event};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_form_to_the_mailbox() {
    let cloud = Cloud::start().await;
    tokens(&cloud);
    let revision = activation(&cloud).await;
    refusal(&cloud, &revision).await;
    mail_by_event(&cloud).await;
    refused_event(&cloud).await;
    mail_by_post(&cloud).await;
    one_bad_record(&cloud).await;
    monitoring(&cloud).await;
    platform_after_delete(&cloud).await;
    the_end_of_removed_settings(&cloud).await;
    forgetting(&cloud).await;
    no_secret_in_any_log(&cloud);
}

/// Only the authoriser and the claims of the token decide which tenant and admin calls.
fn tokens(cloud: &Cloud) {
    for who in [None, Some("expired"), Some("foreign"), Some("for another"), Some("forged")] {
        assert_eq!(cloud.call(who, "GET", "/smtp", "").0, 401, "{who:?}");
    }
    let (status, problem) = cloud.call(Some("no-tenant"), "GET", "/smtp", "");
    assert_eq!((status, problem["code"].as_str()), (403, Some("tenant.missing")));
    let (status, problem) = cloud.call(Some("acme"), "GET", "/smtp", "");
    assert_eq!((status, problem["code"].as_str()), (404, Some("not_configured")), "{}", cloud.story());
}

/// A save that passes its test becomes current.
async fn activation(cloud: &Cloud) -> String {
    let settings = cloud.settings("customer").to_string();
    let (status, answer) = cloud.call(Some("acme"), "PUT", "/smtp", &settings);
    assert_eq!(status, 200, "{answer:#}\n{}", cloud.story());
    assert_eq!(answer["activated"], true);
    let revision = answer["revision"].as_str().expect("a revision").to_owned();
    assert_eq!(cloud.stages("acme").await, [(revision.clone(), vec!["AWSCURRENT".to_owned()])]);
    assert_eq!(cloud.mail_to("admin@acme.test").await, "customer", "the test mail");
    let (status, shown) = cloud.call(Some("acme"), "GET", "/smtp", "");
    assert_eq!((status, &shown["revision"]), (200, &json!(revision)), "{shown:#}");
    assert!(!shown.to_string().contains(&cloud.relay("customer").password));
    assert_eq!(cloud.call(Some("other"), "GET", "/smtp", "").0, 404, "no other tenant reads it");
    revision
}

/// A save that fails its test leaves the earlier one current, and nothing pending.
async fn refusal(cloud: &Cloud, revision: &str) {
    let mut settings = cloud.settings("customer");
    settings["password"] = json!({"set": "not the password"});
    let (status, answer) = cloud.call(Some("acme"), "PUT", "/smtp", &settings.to_string());
    assert_eq!(status, 409, "{answer:#}\n{}", cloud.story());
    assert_eq!(answer["activated"], false);
    assert_eq!(answer["report"]["failure"]["code"], "auth.rejected", "{answer:#}");
    assert_eq!(cloud.stages("acme").await, [(revision.to_owned(), vec!["AWSCURRENT".to_owned()])]);
}

/// EventBridge → router → queue → sender → the tenant's relay, and the row in the ledger.
async fn mail_by_event(cloud: &Cloud) {
    let client = aws_sdk_eventbridge::Client::new(&cloud.emulator.sdk());
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .event_bus_name(cloud.outputs["BusName"].as_str().expect("a bus"))
        .source("product")
        .detail_type("notification")
        .detail(event("evt-bus", "notification", "jan@example.org").to_string())
        .build();
    let answer = client.put_events().entries(entry).send().await.expect("put");
    assert_eq!(answer.failed_entry_count(), 0);
    assert_eq!(cloud.mail_to("jan@example.org").await, "customer");

    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, list) = cloud.call(Some("acme"), "GET", "/deliveries?recipient=jan%40example.org", "");
        assert_eq!(status, 200, "{list:#}");
        let row = &list["deliveries"][0];
        if row["status"] == "sent" {
            assert_eq!((&row["event"], &row["route"]), (&json!("evt-bus"), &json!("relay")), "{row:#}");
            break;
        }
        assert!(Instant::now() < deadline, "{list:#}\n{}", cloud.story());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, others) = cloud.call(Some("other"), "GET", "/deliveries?recipient=jan%40example.org", "");
    assert_eq!(others["deliveries"], json!([]));
}

/// An event that the router refuses lies in the events' dead letters, with the reason.
async fn refused_event(cloud: &Cloud) {
    let sdk = cloud.emulator.sdk();
    let mut poisoned = event("evt-poisoned", "notification", "jan@example.org");
    poisoned["category"] = json!("newsletter");
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .event_bus_name(cloud.outputs["BusName"].as_str().expect("a bus"))
        .source("product")
        .detail_type("notification")
        .detail(poisoned.to_string())
        .build();
    let answer =
        aws_sdk_eventbridge::Client::new(&sdk).put_events().entries(entry).send().await.expect("put");
    assert_eq!(answer.failed_entry_count(), 0);
    let dead = cloud.outputs["EventsDeadLettersUrl"].as_str().expect("a queue");
    let client = aws_sdk_sqs::Client::new(&sdk);
    let deadline = Instant::now() + PATIENCE;
    let message = loop {
        let call =
            client.receive_message().queue_url(dead).message_attribute_names("All").wait_time_seconds(1);
        let found = call.send().await.expect("received").messages.unwrap_or_default();
        if let Some(message) = found.into_iter().next() {
            break message;
        }
        assert!(Instant::now() < deadline, "{}", cloud.story());
    };
    let body: Value = serde_json::from_str(message.body().expect("a body")).expect("the document");
    assert_eq!(body, poisoned, "without its wrapping, to be moved back as it is");
    let attributes = message.message_attributes().expect("attributes");
    let of = |name: &str| attributes.get(name).and_then(|value| value.string_value()).unwrap_or_default();
    assert_eq!(of("code"), "event.category_unknown");
    assert!(of("reason").contains("category"), "{}", of("reason"));
}

/// `POST /events` with the rights of `settings`: for the token's tenant, or for every one by the scope.
async fn mail_by_post(cloud: &Cloud) {
    let events = |id: &str, to: &str| event(id, "notification", to).to_string();
    let (status, answer) =
        cloud.call(Some("acme"), "POST", "/events", &events("evt-post", "mia@example.org"));
    assert_eq!(status, 202, "{answer:#}\n{}", cloud.story());
    assert_eq!(answer["accepted"][0]["deliveries"].as_array().map(Vec::len), Some(1), "{answer:#}");
    assert_eq!(cloud.mail_to("mia@example.org").await, "customer");
    let batch = format!("[{}, 7]", events("evt-scope", "leo@example.org"));
    let (status, answer) = cloud.call(Some("product"), "POST", "/events", &batch);
    assert_eq!((status, &answer["refused"][0]["code"]), (202, &json!("event.wrong_shape")), "{answer:#}");
    assert_eq!(cloud.mail_to("leo@example.org").await, "customer");
    for (who, status, code) in [
        (Some("other"), 403, Some("event.tenant_foreign")),
        (Some("no-tenant"), 403, Some("tenant.missing")),
        (None, 401, None),
    ] {
        let (answered, problem) = cloud.call(who, "POST", "/events", &events("evt-no", "eve@example.org"));
        assert_eq!((answered, problem["code"].as_str()), (status, code), "{who:?} {problem:#}");
    }
    let (status, problem) = cloud.call(Some("product"), "GET", "/smtp", "");
    assert_eq!(
        (status, problem["code"].as_str()),
        (403, Some("tenant.missing")),
        "the scope is for events alone"
    );
}

/// Only an unreadable record fails; the mail beside it is sent.
async fn one_bad_record(cloud: &Cloud) {
    let tenant = Tenant::new("acme").expect("a tenant");
    let now = Timestamp::now();
    let document = event("evt-batch", "notification", "pia@example.org").to_string();
    let row = Delivery {
        id: DeliveryId::derive(&tenant, "evt-batch", "pia@example.org"),
        tenant: tenant.clone(),
        event: "evt-batch".into(),
        category: Category::Notification,
        kind: "comment.created".into(),
        recipient: "pia@example.org".into(),
        status: Status::Queued,
        route: None,
        reason: "queued".into(),
        revision: None,
        message_id: "evt-batch@example.org".into(),
        queued_at: now,
        updated_at: now,
        next_attempt_at: None,
        retry_until: now + Duration::from_hours(1),
        ticket: None,
        hold_until: now + Duration::from_hours(2),
        waits_for: None,
        closed: None,
        not_after: None,
        attempts: Vec::new(),
    };
    let effects = super::effects::effects(&cloud.emulator, &cloud.outputs);
    assert_eq!(
        effects.ledger.put_event(&tenant, "evt-batch", document.as_bytes(), jiff::Timestamp::MAX).await,
        Ok(true)
    );
    assert_eq!(effects.ledger.insert(&row).await, Ok(true));
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id,
            "receiptHandle": format!("receipt-{id}"),
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "1"},
        })
    };
    let good = Job::Mail(MailJob {
        tenant: tenant.clone(),
        delivery: row.id.clone(),
        decided: false,
        announce: false,
    })
    .encode();
    let batch = json!({"Records": [record("bad", "not a job"), record("good", &good)]});
    let answer = cloud.invoke("SenderFunctionName", &batch);
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": "bad"}]), "{}", cloud.story());
    assert_eq!(cloud.mail_to("pia@example.org").await, "customer");
}

/// `monitor` puts a relay that is due on the queue, once.
async fn monitoring(cloud: &Cloud) {
    let effects = super::effects::effects(&cloud.emulator, &cloud.outputs);
    let tenant = Tenant::new("acme").expect("a tenant");
    effects.ledger.watch(&tenant, Timestamp::now()).await.expect("a relay that is due");
    for relays in [1, 0] {
        let report = cloud.invoke("MonitorFunctionName", &json!({"source": "aws.events", "detail": {}}));
        let expected = json!({"mails": 0, "relays": relays, "failed": 0});
        assert_eq!(report, expected, "{report:#}\n{}", cloud.story());
    }
}

/// An operator has a tenant forgotten: the sender deletes its rows.
async fn forgetting(cloud: &Cloud) {
    let (_, list) = cloud.call(Some("acme"), "GET", "/deliveries", "");
    assert_ne!(list["deliveries"], json!([]), "{list:#}");
    let answer = cloud.invoke("SettingsFunctionName", &json!({"forgetTenant": "acme"}));
    assert_eq!(answer, json!({"forgetting": "acme"}), "{answer:#}\n{}", cloud.story());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, list) = cloud.call(Some("acme"), "GET", "/deliveries", "");
        if list["deliveries"] == json!([]) {
            return;
        }
        assert!(Instant::now() < deadline, "{list:#}\n{}", cloud.story());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// After `DELETE /smtp` mail is sent by the platform's own server. The event comes by a direct invocation.
async fn platform_after_delete(cloud: &Cloud) {
    assert_eq!(cloud.call(Some("acme"), "DELETE", "/smtp", "").0, 204, "{}", cloud.story());
    assert_eq!(cloud.call(Some("acme"), "GET", "/smtp", "").0, 404);
    let event = event("evt-direct", "user-invitation", "eva@example.org");
    let answer = cloud.invoke("RouterFunctionName", &event);
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(1), "{answer:#}\n{}", cloud.story());
    assert_eq!(cloud.mail_to("eva@example.org").await, "platform");

    let mut unusable = event;
    unusable["recipients"] = json!([]);
    let answer = cloud.invoke("RouterFunctionName", &unusable);
    let code = answer["errorType"].as_str().unwrap_or_default();
    assert!(code.starts_with("event."), "{answer:#}");
}

/// Credentials of settings that were removed longer ago than `RetainDays`: the sender's look finds them, the rule of the bus
/// calls the function `settings`, and this one, which alone may, deletes them. Mail goes on by the platform's server. The
/// tenant is one whose mails are not of today: the look reads no settings of a relay that a mail has passed within a day.
async fn the_end_of_removed_settings(cloud: &Cloud) {
    let (status, answer) = cloud.call(Some("other"), "PUT", "/smtp", &cloud.settings("customer").to_string());
    assert_eq!(status, 200, "{answer:#}\n{}", cloud.story());
    cloud.emulator.age_secrets(Duration::from_hours(91 * 24));
    assert_eq!(cloud.call(Some("other"), "DELETE", "/smtp", "").0, 204, "{}", cloud.story());
    cloud.emulator.age_secrets(Duration::ZERO);
    let secret = "ownpost/tenants/other";
    let client = aws_sdk_secretsmanager::Client::new(&cloud.emulator.sdk());
    let kept = client.get_secret_value().secret_id(secret).version_stage("AWSPREVIOUS").send().await;
    let kept = kept.expect("a version").secret_string.unwrap_or_default();
    assert!(kept.contains(&cloud.relay("customer").password), "until then a rollback has its password");

    let effects = super::effects::effects(&cloud.emulator, &cloud.outputs);
    let tenant = Tenant::new("other").expect("a tenant");
    effects.ledger.watch(&tenant, Timestamp::now()).await.expect("a relay that is due");
    let report = cloud.invoke("MonitorFunctionName", &json!({}));
    assert_eq!(report["relays"], 1, "{report:#}\n{}", cloud.story());
    let deadline = Instant::now() + PATIENCE;
    let newest = loop {
        let (_, changes) = cloud.call(Some("other"), "GET", "/smtp/history", "");
        let newest = changes["history"][0].clone();
        if newest["ended"] == "done" && newest["action"] == "forget" {
            break newest;
        }
        assert!(Instant::now() < deadline, "{changes:#}\n{}", cloud.story());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(newest["by"]["sub"], "OWNPOST_RETAIN_DAYS", "{newest:#}");
    let gone = client.describe_secret().secret_id(secret).send().await.expect_err("no secret");
    assert!(gone.into_service_error().is_resource_not_found_exception());
    let mut after = event("evt-after", "user-invitation", "ida@example.org");
    after["tenant"] = json!("other");
    let answer = cloud.invoke("RouterFunctionName", &after);
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(1), "{answer:#}\n{}", cloud.story());
    assert_eq!(cloud.mail_to("ida@example.org").await, "platform");
}

/// The functions logged at trace level, and each secret passed through them.
fn no_secret_in_any_log(cloud: &Cloud) {
    let lines = cloud.emulator.deploy("logs", &[]).to_string();
    assert!(lines.contains("requestId"), "the functions have logged: {lines}");
    let secrets =
        [cloud.relay("customer").password.as_str(), &cloud.relay("platform").password, "not the password"];
    let tokens = cloud.outputs["tokens"].as_object().expect("tokens").values();
    let tokens = tokens.filter_map(Value::as_str);
    for secret in secrets.into_iter().chain(tokens) {
        assert!(!lines.contains(secret), "a secret was logged");
    }
}
