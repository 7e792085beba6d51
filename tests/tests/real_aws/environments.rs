//! Stacks beside each other, an update, and a stack that is removed and made again: docs/howto/update.md.

use std::ffi::OsStr;

use serde_json::{Value, json};

use super::cloud::{Cloud, event};

#[tokio::test(flavor = "multi_thread")]
async fn stacks_share_nothing_and_come_back() {
    let cloud = Cloud::start().await;
    let revision = save(&cloud, &cloud.outputs, "acme");
    save(&cloud, &cloud.outputs, "other");
    let staging = beside(&cloud, &revision).await;
    update(&cloud, &staging);
    removal_and_return(&cloud, &revision).await;
}

/// Saves the customer's relay as this tenant's in a stack; returns the revision.
fn save(cloud: &Cloud, stack: &Value, tenant: &str) -> String {
    let settings = cloud.settings("customer").to_string();
    let (status, answer) = cloud.call_at(stack, Some(tenant), "PUT", "/smtp", &settings);
    assert_eq!(status, 200, "{answer:#}\n{}", cloud.story());
    answer["revision"].as_str().expect("a revision").to_owned()
}

/// The tenant's active revision in a stack.
fn active(cloud: &Cloud, stack: &Value, tenant: &str) -> Option<String> {
    let (status, shown) = cloud.call_at(stack, Some(tenant), "GET", "/smtp", "");
    assert!(status == 200 || status == 404, "{shown:#}\n{}", cloud.story());
    shown["revision"].as_str().map(ToOwned::to_owned)
}

/// A second stack in the account, with the table of an earlier version, knows nothing of the first and takes nothing from it.
async fn beside(cloud: &Cloud, revision: &str) -> Value {
    let staging = cloud.deploy("staging", &json!({"TableIndexes": "3"}));
    cloud.create_platform_secret("staging").await;
    assert_eq!(active(cloud, &staging, "acme"), None);
    save(cloud, &staging, "acme");
    save(cloud, &staging, "other");
    let (status, _) = cloud.call_at(&staging, Some("acme"), "DELETE", "/smtp", "");
    assert_eq!(status, 204, "{}", cloud.story());
    assert_eq!(active(cloud, &staging, "acme"), None);
    assert_eq!(active(cloud, &cloud.outputs, "acme").as_deref(), Some(revision));
    let queue = cloud.outputs["EventsQueueUrl"].as_str().expect("a queue");
    let document = event("evt-first", "notification", "jan@example.org").to_string();
    let client = aws_sdk_sqs::Client::new(&cloud.emulator.sdk());
    super::publish::on_sqs(&client, queue, &document).await.expect("sent");
    assert_eq!(cloud.mail_to("jan@example.org").await, "customer");
    let (_, list) = cloud.call_at(&staging, Some("acme"), "GET", "/deliveries", "");
    assert_eq!(list["deliveries"], json!([]), "{list:#}");
    staging
}

/// An update brings the lacking index, publishes a version for a parameter alone, and loses no tenant.
fn update(cloud: &Cloud, staging: &Value) {
    let broken = cloud.invoke_at(staging, "MonitorFunctionName", &json!({}));
    assert!(broken["errorType"].is_string(), "without its index the monitor fails: {broken:#}");
    let live = |stack: &str| cloud.emulator.deploy("live", &[OsStr::new(stack)]);
    let before = live("staging");
    let staging = cloud.deploy("staging", &json!({"TableIndexes": "4", "LogLevel": "debug"}));
    let after = live("staging");
    for function in ["settings", "router", "sender", "monitor"] {
        let (was, is) = (&before[function], &after[function]);
        assert_eq!((&was["level"], &is["level"]), (&json!("trace"), &json!("debug")), "{function}");
        assert_eq!((&was["version"], &is["version"]), (&json!("1"), &json!("2")), "{function}");
    }
    assert_eq!(live("ownpost")["sender"]["version"], "1", "the other stack stays as it is");
    // The relay of `acme`, whose settings are removed, is looked at once more and then no longer.
    assert_eq!(seen(cloud, &staging), 2, "the relays that the table has kept");
}

/// A removed stack leaves table and secrets, and the same stack over them has everything again.
async fn removal_and_return(cloud: &Cloud, revision: &str) {
    let table = cloud.outputs["TableName"].as_str().expect("a table").to_owned();
    cloud.emulator.deploy("remove", &[OsStr::new("ownpost")]);
    let again = cloud.deploy("ownpost", &json!({"ExistingTable": table, "EventSource": "my.product"}));
    assert_eq!(again["TableName"], json!(table));
    assert_eq!(active(cloud, &again, "acme").as_deref(), Some(revision));
    let (_, list) = cloud.call_at(&again, Some("acme"), "GET", "/deliveries", "");
    assert_eq!(list["deliveries"][0]["event"], "evt-first", "{list:#}");
    let bus = again["BusName"].as_str().expect("a bus");
    let document = event("evt-again", "notification", "mia@example.org").to_string();
    let client = aws_sdk_eventbridge::Client::new(&cloud.emulator.sdk());
    super::publish::on_eventbridge(&client, bus, &document).await.expect("put");
    assert_eq!(cloud.mail_to("mia@example.org").await, "customer");
    assert_eq!(seen(cloud, &again), 2, "the monitor looks at every tenant's relay");
}

/// How many relays the monitor puts on the queue when the time has come for all.
fn seen(cloud: &Cloud, stack: &Value) -> u64 {
    let table = stack["TableName"].as_str().expect("a table");
    cloud.emulator.deploy("later", &[OsStr::new(table)]);
    let report = cloud.invoke_at(stack, "MonitorFunctionName", &json!({}));
    report["relays"].as_u64().unwrap_or_else(|| panic!("{report:#}\n{}", cloud.story()))
}
