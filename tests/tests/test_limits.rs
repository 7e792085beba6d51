//! The limits of connectivity tests, with callers that really run at the same time.

use std::sync::Arc;

use async_trait::async_trait;
use ownpost::store::Store;
use ownpost_core::config::Config;
use ownpost_core::functions::api::{Caller, Claims, Request, handle};
use ownpost_core::functions::{App, Relays};
use ownpost_core::wire::history::By;
use ownpost_domain::failure::{Failure, FailureCode, Stage};
use ownpost_domain::report::{Capabilities, StageResult};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, ProbeOptions, RelayKey};

/// A relay at one address that fails every test.
struct Failing;

#[async_trait]
impl Relays for Failing {
    async fn send(&self, _: &RelayKey, _: &Settings, _: &[Mail], _: &dyn BeforeCommit) -> Vec<MailResult> {
        Vec::new()
    }

    async fn probe(
        &self,
        _: &Settings,
        options: &ProbeOptions<'_>,
        _: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        if let Some(gate) = options.before_dial {
            gate.before_dial(&["192.0.2.1".parse().expect("an address")]).await;
        }
        Probe {
            stages: Vec::new(),
            failure: Some(Failure::new(Stage::Connect, FailureCode::ConnectRefused)),
            fix: None,
            tls: None,
            capabilities: Capabilities::default(),
            transcript: Vec::new(),
            test_message: None,
            dns: None,
            ehlo_name: String::new(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_others_test_at_the_same_moment_is_no_refusal() {
    let store = Arc::new(Store::in_memory(Arc::new(jiff::Timestamp::now)).expect("a store"));
    let app = App::with_relays(Config::default(), store.effects(), Arc::new(Failing)).expect("an app");
    let app = Arc::new(app);
    let mut tests = tokio::task::JoinSet::new();
    for number in 0..200 {
        let app = app.clone();
        tests.spawn(async move {
            let tenant = Tenant::new(&format!("t{}", number % 8)).expect("a name");
            let body = serde_json::json!({
                "host": "smtp.one.example", "port": 587, "username": "mailer", "password": {"set": "secret"},
                "senderAddress": "noreply@acme.example",
            })
            .to_string();
            let request = Request {
                method: "POST",
                path: "/smtp/test",
                query: Vec::new(),
                caller: Caller::admin(Claims { tenant, email: None, by: By::default() }),
                origin: None,
                accept_language: None,
                body: body.as_bytes(),
                time: None,
            };
            handle(&app, request, None).await.status
        });
    }
    // Each tenant has 25 of its 30 tests.
    for status in tests.join_all().await {
        assert_eq!(status, 200);
    }
}
