//! The whole path on emulated AWS: the template is deployed, the Lambda Runtime API runs the binary, API Gateway
//! checks tokens, secrets are staged, events are routed, and mail arrives over TLS.
//!
//! Where the emulator differs from AWS: a `Host` header selects the API instead of the API's own name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ownpost::relays::{RelayInfo, Relays};
use ownpost::store::Store;
use ownpost_core::wire::sqs::{Job, MailJob};
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::tenant::Tenant;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::emulator::{Emulator, Kind};

/// The longest wait for the mail of an event, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// The secrets of the stack `ownpost`, by the defaults of the template.
const PLATFORM_SECRET: &str = "ownpost/platform";
const TENANTS: &str = "ownpost/tenants/";

/// The emulator, the deployed stack and the relays.
struct Cloud {
    emulator: Emulator,
    outputs: Value,
    relays: Relays,
    caught: Arc<Store>,
    _folder: TempDir,
}

impl Cloud {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let caught = Arc::new(Store::in_memory(Arc::new(Timestamp::now)).expect("a store"));
        let relays = Relays::start(&caught, folder.path(), Timestamp::now(), 64).await.expect("relays");
        let ports: Vec<String> = relays
            .infos
            .iter()
            .flat_map(|relay| [relay.ports.starttls, relay.ports.tls])
            .map(|port| port.to_string())
            .collect();
        let parameters = json!({
            "AllowNetworks": "127.0.0.0/8",
            "AllowPorts": ports.join(","),
            "EhloName": "ownpost.example.org",
            "LogLevel": "trace",
        });
        let claims = json!({
            "acme": {"tenant": "acme", "email": "admin@acme.test", "email_verified": true},
            "other": {"tenant": "other", "email": "admin@other.test"},
            "no-tenant": {"email": "admin@acme.test"},
            "product": {"sub": "product", "scope": "openid events:write"},
        });
        let emulator = Emulator::start(Kind::Ministack);
        let binary = binary();
        let (parameters, claims) = (parameters.to_string(), claims.to_string());
        let arguments = [binary.as_os_str(), OsStr::new(&parameters), OsStr::new(&claims)];
        let outputs = emulator.deploy("stack", &arguments);
        let cloud = Self { emulator, outputs, relays, caught, _folder: folder };
        cloud.create_platform_secret().await;
        cloud
    }

    fn relay(&self, name: &str) -> &RelayInfo {
        self.relays.infos.iter().find(|relay| relay.name == name).expect("a relay of this name")
    }

    /// The settings that an admin enters in the form for this relay.
    fn settings(&self, relay: &str) -> Value {
        let relay = self.relay(relay);
        json!({
            "host": relay.host,
            "port": relay.ports.starttls,
            "security": "starttls",
            "username": relay.username,
            "password": {"set": relay.password},
            "senderAddress": relay.sender_address,
            "caPem": relay.ca_pem,
        })
    }

    async fn create_platform_secret(&self) {
        let client = aws_sdk_secretsmanager::Client::new(&self.emulator.sdk());
        let call = client.create_secret().name(PLATFORM_SECRET);
        call.secret_string(self.settings("platform").to_string()).send().await.expect("a platform secret");
    }

    /// Calls the API with one of the tokens; returns status and body.
    fn call(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let host = self.outputs["ApiUrl"].as_str().expect("a URL").trim_start_matches("https://");
        let api = host.split('.').next().unwrap_or_default();
        let port = self.emulator.endpoint.rsplit(':').next().unwrap_or_default();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.emulator.endpoint))
            .header("host", format!("{api}.execute-api.localhost:{port}"))
            .header("content-type", "application/json");
        if let Some(who) = who {
            let token = self.outputs["tokens"][who].as_str().expect("a token");
            request = request.header("authorization", format!("Bearer {token}"));
        }
        send(request.body(body.to_owned()).expect("a request"))
    }

    /// Invokes a function directly; returns its answer.
    fn invoke(&self, output: &str, event: &Value) -> Value {
        let name = self.outputs[output].as_str().expect("a function");
        let uri = format!("{}/2015-03-31/functions/{name}/invocations", self.emulator.endpoint);
        // The emulator names the caller by the key; the signature of this key it does not check.
        let caller = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, \
                      Signature=0";
        let request = ureq::http::Request::builder().method("POST").uri(uri).header("authorization", caller);
        send(request.body(event.to_string()).expect("a request")).1
    }

    /// The labels of each version of the tenant's secret, in order. Versions without labels and the placeholder's
    /// version are left out.
    async fn stages(&self, tenant: &str) -> Vec<(String, Vec<String>)> {
        let client = aws_sdk_secretsmanager::Client::new(&self.emulator.sdk());
        let answer =
            client.describe_secret().secret_id(format!("{TENANTS}{tenant}")).send().await.expect("it");
        let mut all = Vec::new();
        for (id, stages) in answer.version_ids_to_stages.unwrap_or_default() {
            let call = client.get_secret_value().secret_id(format!("{TENANTS}{tenant}")).version_id(&id);
            let document = call.send().await.expect("a version").secret_string.unwrap_or_default();
            if document.starts_with('{') && !stages.is_empty() {
                let mut stages = stages;
                stages.sort();
                all.push((id, stages));
            }
        }
        all.sort();
        all
    }

    /// Relay and envelope recipients of the caught mail, oldest first.
    async fn mail(&self) -> Vec<(String, Vec<String>)> {
        let mut mail = self.caught.caught_before(i64::MAX, 1_000).await.expect("caught mail");
        mail.sort_by_key(|mail| mail.id);
        mail.into_iter().map(|mail| (mail.relay, mail.to)).collect()
    }

    /// Waits until a mail to this address has been caught; returns the relay that caught it.
    async fn mail_to(&self, address: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mail = self.mail().await;
            if let Some((relay, _)) = mail.into_iter().find(|(_, to)| to.iter().any(|to| to == address)) {
                return relay;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no mail to {address}; {}", self.story());
    }

    /// All logs, for a failed assertion.
    fn story(&self) -> String {
        format!("{}\n{:#}", self.emulator.log(), self.emulator.deploy("logs", &[]))
    }
}

fn send(request: ureq::http::Request<String>) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut answer = agent.run(request).expect("an answer");
    let body = answer.body_mut().read_to_string().expect("a text");
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

/// The Lambda binary, built if necessary: among the default members, as the suite `build` builds it. Cargo would
/// select other features for the package by itself, and compile the AWS SDKs again.
fn binary() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bin", "bootstrap"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the Lambda binary cannot be built");
    // `target/tmp` is beside `target/debug`.
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("bootstrap")
}

fn event(id: &str, category: &str, to: &str) -> Value {
    json!({
        "id": id,
        "tenant": "acme",
        "category": category,
        "type": "comment.created",
        "recipients": [{"address": to, "name": "Jan"}],
        "data": {"actor": "Noor", "title": "Treatment 42", "url": "https://app.example.com/42"},
    })
}

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
    forgetting(&cloud).await;
    no_secret_in_any_log(&cloud);
}

/// Only the authoriser and the claims of the token decide which tenant and admin calls.
fn tokens(cloud: &Cloud) {
    assert_eq!(cloud.call(None, "GET", "/smtp", "").0, 401);
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
