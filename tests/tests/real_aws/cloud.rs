//! A stack on emulated AWS, with an identity provider and two relays that catch mail, for the tests of this folder.
//!
//! Where the emulator differs from AWS: a `Host` header selects the API instead of the API's own name.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ownpost::relays::{RelayInfo, Relays};
use ownpost::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::emulator::{Emulator, Kind};

/// The longest wait for the mail of an event, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// What the names of the tenants' secrets of the stack `ownpost` begin with, by the defaults of the template.
const TENANTS: &str = "ownpost/tenants/";

/// The emulator, the stack `ownpost` and the relays.
pub(crate) struct Cloud {
    pub(crate) emulator: Emulator,
    /// The outputs of the stack, and the `tokens` of the identity provider.
    pub(crate) outputs: Value,
    /// The parameters of every stack, but for the identity provider's.
    parameters: Value,
    relays: Relays,
    caught: Arc<Store>,
    _folder: TempDir,
}

impl Cloud {
    /// A cloud with the stack `ownpost`.
    pub(crate) async fn start() -> Self {
        let mut cloud = Self::without_a_stack().await;
        let claims = json!({
            "acme": {"tenant": "acme", "email": "admin@acme.test", "email_verified": true},
            "other": {"tenant": "other", "email": "admin@other.test"},
            "no-tenant": {"email": "admin@acme.test"},
            "product": {"sub": "product", "scope": "openid events:write"},
            "expired": {"tenant": "acme", "exp": 1_700_000_000},
            "foreign": {"tenant": "acme", "iss": "https://id.example.net/"},
            "for another": {"tenant": "acme", "aud": "another"},
        });
        let (given, claims) = (cloud.parameters.to_string(), claims.to_string());
        let arguments = [binary().into_os_string(), given.into(), claims.into()];
        cloud.outputs = cloud.emulator.deploy("stack", &arguments.each_ref().map(OsString::as_os_str));
        cloud.outputs["tokens"]["forged"] = forged(&cloud.outputs["tokens"]).into();
        cloud.create_platform_secret("ownpost").await;
        cloud
    }

    /// An emulator and the relays.
    pub(crate) async fn without_a_stack() -> Self {
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
        let emulator = Emulator::start(Kind::Ministack);
        Self { emulator, outputs: Value::Null, parameters, relays, caught, _folder: folder }
    }

    /// Follows docs/howto/deploy.md with a token of these claims; returns what its commands say.
    pub(crate) fn follow_the_guide(&self, claims: &Value) -> String {
        let documents =
            [&self.settings("platform"), &self.parameters, claims].map(|each| each.to_string().into());
        let [platform, parameters, claims] = documents;
        let arguments = [binary().into_os_string(), platform, parameters, claims];
        let done = self.emulator.deploy("guide", &arguments.each_ref().map(OsString::as_os_str));
        done["said"].as_str().expect("a text").to_owned()
    }

    pub(crate) fn relay(&self, name: &str) -> &RelayInfo {
        self.relays.infos.iter().find(|relay| relay.name == name).expect("a relay of this name")
    }

    /// The settings that an admin enters in the form for this relay.
    pub(crate) fn settings(&self, relay: &str) -> Value {
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

    /// The platform's settings of a stack: those of the relay `platform`.
    pub(crate) async fn create_platform_secret(&self, stack: &str) {
        let client = aws_sdk_secretsmanager::Client::new(&self.emulator.sdk());
        let call = client.create_secret().name(format!("{stack}/platform"));
        call.secret_string(self.settings("platform").to_string()).send().await.expect("a platform secret");
    }

    /// Makes or updates a stack with the parameters of the first but for `changes`; returns its outputs.
    pub(crate) fn deploy(&self, stack: &str, changes: &Value) -> Value {
        let mut parameters = self.parameters.clone();
        let all = parameters.as_object_mut().expect("an object");
        all.extend(changes.as_object().expect("an object").clone());
        self.emulator.deploy("again", &[OsStr::new(stack), OsStr::new(&parameters.to_string())])
    }

    /// Calls the API with one of the tokens; returns status and body.
    pub(crate) fn call(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.call_at(&self.outputs, who, method, path, body)
    }

    /// Calls the API of the stack with these outputs.
    pub(crate) fn call_at(
        &self,
        outputs: &Value,
        who: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        let host = outputs["ApiUrl"].as_str().expect("a URL").trim_start_matches("https://");
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
    pub(crate) fn invoke(&self, output: &str, event: &Value) -> Value {
        self.invoke_at(&self.outputs, output, event)
    }

    /// Invokes a function of the stack with these outputs.
    pub(crate) fn invoke_at(&self, outputs: &Value, output: &str, event: &Value) -> Value {
        let name = outputs[output].as_str().expect("a function");
        let uri = format!("{}/2015-03-31/functions/{name}/invocations", self.emulator.endpoint);
        // The emulator names the caller by the key; the signature of this key it does not check.
        let caller = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, \
                      Signature=0";
        let request = ureq::http::Request::builder().method("POST").uri(uri).header("authorization", caller);
        send(request.body(event.to_string()).expect("a request")).1
    }

    /// The labels of each version of the tenant's secret, in order. Versions without labels and the placeholder's
    /// version are left out.
    pub(crate) async fn stages(&self, tenant: &str) -> Vec<(String, Vec<String>)> {
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
    pub(crate) async fn mail(&self) -> Vec<(String, Vec<String>)> {
        let mut mail = self.caught.caught_before(i64::MAX, 1_000).await.expect("caught mail");
        mail.sort_by_key(|mail| mail.id);
        mail.into_iter().map(|mail| (mail.relay, mail.to)).collect()
    }

    /// Waits until a mail to this address has been caught; returns the relay that caught it.
    pub(crate) async fn mail_to(&self, address: &str) -> String {
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
    pub(crate) fn story(&self) -> String {
        format!("{}\n{:#}", self.emulator.log(), self.emulator.deploy("logs", &[]))
    }
}

/// The claims of one token with the signature of another.
fn forged(tokens: &Value) -> String {
    let part = |who: &str| tokens[who].as_str().and_then(|token| token.rsplit_once('.')).expect("a token");
    format!("{}.{}", part("acme").0, part("other").1)
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

pub(crate) fn event(id: &str, category: &str, to: &str) -> Value {
    json!({
        "id": id,
        "tenant": "acme",
        "category": category,
        "type": "comment.created",
        "recipients": [{"address": to, "name": "Jan"}],
        "data": {"actor": "Noor", "title": "Treatment 42", "url": "https://app.example.com/42"},
    })
}
