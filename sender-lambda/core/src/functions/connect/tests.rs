use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ownpost_domain::category::{OnFailure, Via};
use ownpost_domain::failure::{Cause, Reason};
use ownpost_domain::report::StageResult;
use ownpost_domain::settings::{Auth, Grant, OAuth2, Settings};
use ownpost_smtp::code_exchange::{CodeExchange, Granted, NotGranted as Refused};
use ownpost_smtp::grant_name;
use ownpost_smtp::probe::Probe;
use ownpost_smtp::token_store::GrantTokens;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, ProbeOptions, RelayKey};
use serde_json::Value;

use super::*;
use crate::config::Config;
use crate::effects::SecretStage;
use crate::functions::Relays;
use crate::functions::api::{Caller, Claims, Request, Response, handle};
use crate::oauth_providers::OAuthProviders;
use crate::testing::world::{World, acme, settings};
use crate::wire::settings::to_document;
use std::result::Result;

const ORIGIN: &str = "https://app.acme.test";

/// The relays of a world, with a provider that exchanges any code.
struct WithProvider {
    relays: Arc<dyn Relays>,
    answer: Result<Granted, Refused>,
}

#[async_trait]
impl Relays for WithProvider {
    async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        before_commit: &dyn BeforeCommit,
    ) -> Vec<MailResult> {
        self.relays.send(key, settings, mails, before_commit).await
    }

    async fn probe(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        self.relays.probe(settings, options, on_stage).await
    }

    async fn exchange(&self, code: &CodeExchange<'_>) -> Result<Granted, Refused> {
        assert_eq!(code.redirect_uri, "https://mail.acme.test/api/smtp/oauth/callback");
        assert_eq!((code.client_id, code.client_secret.expose()), ("app", "app-secret"));
        self.answer.clone()
    }
}

fn granted() -> Granted {
    let refresh = Some(Secret::new("refresh-1".into()));
    Granted { refresh, mailbox: Some("noreply@acme.example".into()) }
}

fn world(answer: Result<Granted, Refused>) -> World {
    let mut world = World::new();
    let json = r#"{"google": {"clientId": "app", "clientSecret": "app-secret"}}"#;
    world.app.config = Config {
        oauth_providers: OAuthProviders::parse(json).unwrap(),
        allow_origins: vec![ORIGIN.into()],
        public_url: Some("https://mail.acme.test/api".into()),
        ..world.app.config
    };
    world.app.relays = Arc::new(WithProvider { relays: world.app.relays.clone(), answer });
    world
}

async fn call(world: &World, who: (&str, &str), method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (tenant, email) = who;
    let request = Request {
        method,
        path,
        query: Vec::new(),
        caller: Caller::admin(Claims {
            tenant: Tenant::new(tenant).unwrap(),
            email: Some(email.to_owned()),
            by: By::new(None, Some(email), None, None),
        }),
        time: None,
        origin: Some(ORIGIN),
        accept_language: Some("nl"),
        body: &serde_json::to_vec(body).unwrap(),
    };
    let Response { status, body, .. } = handle(&world.app, request, None).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

const ADMIN: (&str, &str) = ("acme", "admin@acme.example");

async fn start(world: &World) -> (String, String) {
    let body = json!({"provider": "google", "username": "noreply@acme.example"});
    let (status, begun) = call(world, ADMIN, "POST", "/smtp/oauth/start", &body).await;
    assert_eq!(status, 200, "{begun}");
    let url = begun["url"].as_str().unwrap();
    assert!(url.contains("code_challenge_method=S256") && url.contains("login_hint=noreply%40acme.example"));
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    (begun["id"].as_str().unwrap().to_owned(), state)
}

async fn back(world: &World, pairs: &[(&str, &str)]) -> Page {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    callback(&world.app, &pairs, Some("fr")).await
}

/// What the page hands to the one that opened it.
fn message(page: &Page) -> Value {
    let data = page.body.split("data-message=\"").nth(1).unwrap().split('"').next().unwrap();
    serde_json::from_str(&data.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")).unwrap()
}

async fn connect(world: &World) -> String {
    let (id, state) = start(world).await;
    let page = back(world, &[("state", &state), ("code", "c")]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let message = message(&page);
    assert_eq!((&message["id"], &message["username"]), (&json!(id), &json!("noreply@acme.example")));
    assert!(!page.body.contains("refresh-1"));
    message["granted"].as_str().unwrap().to_owned()
}

fn draft(granted: &str) -> Value {
    json!({
        "host": "smtp.gmail.com", "port": 587, "authMethod": "oauth2", "username": "noreply@acme.example",
        "oauth2": {"grant": "refresh_token", "provider": "google", "refreshToken": {"granted": granted}},
        "senderAddress": "noreply@acme.example",
    })
}

/// The code of the first issue of a refused draft.
fn code((status, body): (u16, Value)) -> String {
    assert_eq!(status, 422, "{body}");
    body["issues"][0]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_mailbox_is_connected_tested_and_activated_once() {
    let world = world(Ok(granted()));
    let granted = connect(&world).await;
    let (status, report) = call(&world, ADMIN, "POST", "/smtp/test", &draft(&granted)).await;
    assert_eq!((status, &report["ok"]), (200, &json!(true)), "{report}");
    let (status, saved) = call(&world, ADMIN, "PUT", "/smtp", &draft(&granted)).await;
    assert_eq!((status, &saved["activated"]), (200, &json!(true)), "{saved}");
    let tenant = Tenant::new("acme").unwrap();
    let stored = world.app.effects.secrets.get(&tenant, SecretStage::Current).await.unwrap().unwrap();
    assert!(stored.document.contains("refresh-1") && !stored.document.contains("app-secret"));
    let active = crate::functions::active_settings::read(&world.app, &tenant).await.unwrap();
    let Some((_, settings)) = active.settings() else { panic!("{active:?}") };
    let Auth::OAuth2(oauth2) = &settings.auth else { panic!() };
    assert_eq!(oauth2.client_secret.as_ref().map(Secret::expose), Some("app-secret"));
    assert_eq!(oauth2.grant, Grant::RefreshToken(Secret::new("refresh-1".into())));
    let waiting = world.app.effects.secrets.tokens(&tenant).await.unwrap().unwrap();
    assert!(!waiting.contains("refresh-1"), "erased");
    let (_, shown) = call(&world, ADMIN, "GET", "/smtp", &Value::Null).await;
    let oauth2 = json!({
        "grant": "refresh_token", "provider": "google", "tokenUrl": null, "clientId": null, "clientSecret": null, "clientSecretExpires": null,
        "refreshToken": {"isSet": true}, "scope": null,
    });
    assert_eq!(shown["oauth2"], oauth2);
    assert_eq!(shown["connect"], json!([{"provider": "google", "name": "Google", "host": "smtp.gmail.com"}]));
    let again = call(&world, ADMIN, "PUT", "/smtp", &draft(&granted)).await;
    assert_eq!(code(again), "oauth2.granted_used");
    // Another provider is another destination.
    let mut keep = draft("");
    keep["oauth2"]["refreshToken"] = json!({"keep": true});
    let (status, kept) = call(&world, ADMIN, "PUT", "/smtp", &keep).await;
    assert_eq!(status, 200, "{kept}");
    keep["oauth2"]["provider"] = json!("microsoft");
    assert_eq!(code(call(&world, ADMIN, "PUT", "/smtp", &keep).await), "oauth2.reentry_required");
}

#[tokio::test]
async fn what_was_brought_is_for_one_tenant_admin_and_provider_and_for_an_hour() {
    let world = world(Ok(granted()));
    let granted = connect(&world).await;
    for who in [("other", "admin@acme.example"), ("acme", "colleague@acme.example")] {
        let refused = call(&world, who, "POST", "/smtp/test", &draft(&granted)).await;
        assert_eq!(code(refused), "oauth2.granted_foreign", "{who:?}");
    }
    let mut elsewhere = draft(&granted);
    elsewhere["oauth2"]["provider"] = json!("microsoft");
    assert_eq!(code(call(&world, ADMIN, "PUT", "/smtp", &elsewhere).await), "oauth2.granted_foreign");
    assert_eq!(code(call(&world, ADMIN, "PUT", "/smtp", &draft("guessed")).await), "oauth2.granted_foreign");
    world.memory.pass(Duration::from_mins(61));
    assert_eq!(code(call(&world, ADMIN, "PUT", "/smtp", &draft(&granted)).await), "oauth2.granted_expired");
    // Erased without anybody's asking, by the look at the tenant's relay.
    crate::functions::monitor::run(&world.app).await.unwrap();
    assert_eq!(world.work().await, 2, "that look, and the one at the operator's own credentials");
    let tokens = world.app.effects.secrets.tokens(&Tenant::new("acme").unwrap()).await.unwrap().unwrap();
    assert!(!tokens.contains("refresh-1"), "{}", *tokens);
}

#[tokio::test]
async fn a_state_is_taken_once_within_ten_minutes() {
    let world = world(Ok(granted()));
    let (_, state) = start(&world).await;
    let pairs = [("state", state.as_str()), ("code", "c")];
    assert_eq!(back(&world, &pairs).await.status, 200);
    let again = back(&world, &pairs).await;
    assert_eq!((again.status, message(&again)["problem"]["code"].clone()), (400, json!("used")));
    assert!(again.body.contains("lang=\"nl\""), "the language of the form that began it");
    let (_, state) = start(&world).await;
    world.memory.pass(Duration::from_mins(10));
    let late = back(&world, &[("state", &state), ("code", "c")]).await;
    assert_eq!((late.status, message(&late)["problem"]["code"].clone()), (400, json!("expired")));
    // The clock was ahead when it began: nobody knows how long that is ago.
    let (_, state) = start(&world).await;
    world.memory.go_back(Duration::from_hours(24));
    let ahead = back(&world, &[("state", &state), ("code", "c")]).await;
    assert_eq!((ahead.status, message(&ahead)["problem"]["code"].clone()), (400, json!("expired")));
    for unknown in [&[][..], &[("state", "guess")], &[("state", "a"), ("state", "b")]] {
        let page = back(&world, unknown).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("lang=\"fr\"") && page.body.contains("data-origin=\"\""));
    }
}

#[tokio::test]
async fn the_providers_errors_are_explained() {
    let world = world(Err(Refused::of_error("invalid_client", "AADSTS7000222: expired")));
    for (pairs, code) in [
        (&[("error", "access_denied")][..], "consent"),
        (&[("error", "access_denied"), ("error_description", "AADSTS65004: declined")], "consent"),
        (&[("error", "server_error")], "later"),
        (&[("error", "<script>alert(1)</script>")], "other"),
        (&[("code", "")], "other"),
        (&[("code", "c")], "operator"),
    ] {
        let (_, state) = start(&world).await;
        let pairs: Vec<_> = [("state", state.as_str())].into_iter().chain(pairs.iter().copied()).collect();
        let page = back(&world, &pairs).await;
        assert_eq!((page.status, &message(&page)["problem"]["code"]), (400, &json!(code)), "{pairs:?}");
        assert!(!page.body.contains("<script>alert") && !page.body.contains("app-secret"));
    }
    let world = self::world(Ok(Granted { refresh: None, mailbox: None }));
    let (_, state) = start(&world).await;
    let page = back(&world, &[("state", &state), ("code", "c")]).await;
    assert_eq!(message(&page)["problem"]["code"], json!("lasting"));
    // What says nothing itself has a name that can be passed on.
    let reason = Reason { cause: Cause::OauthNotJson, detail: String::new() };
    let world = self::world(Err(Refused { later: false, reason: Some(reason) }));
    let (_, state) = start(&world).await;
    let page = back(&world, &[("state", &state), ("code", "c")]).await;
    assert!(page.body.contains(": oauth.not_json.<"), "{}", page.body);
}

#[tokio::test]
async fn a_page_of_another_origin_hears_nothing() {
    let mut world = world(Ok(granted()));
    world.app.config.allow_origins = vec!["https://other.acme.test".into()];
    world.app.config.product.settings_url = Some("https://app.acme.test/#/mail".into());
    let (_, state) = start(&world).await;
    let page = back(&world, &[("state", &state), ("code", "c")]).await;
    let location = page.location.as_deref().unwrap_or_default();
    assert_eq!((page.status, page.body.as_str()), (302, ""));
    assert!(location.starts_with("https://app.acme.test/#/mail&granted="), "{location}");
    assert!(location.ends_with("&provider=google&username=noreply%40acme.example"), "{location}");
    let headers = page.headers();
    for (name, value) in [("referrer-policy", "no-referrer"), ("cache-control", "no-store")] {
        assert!(headers.contains(&(name, value.to_owned())));
    }
}

#[tokio::test]
async fn who_cannot_begin() {
    let world = world(Ok(granted()));
    for (body, status, code) in [
        (json!({"provider": "yahoo"}), 404, "oauth.provider_unknown"),
        (json!({"provider": 1}), 400, "request.invalid"),
        (json!({"provider": "google", "tenant": "other"}), 400, "request.invalid"),
        (json!({"provider": "google", "username": "a\nb"}), 400, "request.invalid"),
    ] {
        let (found, problem) = call(&world, ADMIN, "POST", "/smtp/oauth/start", &body).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn settings_of_a_provider_that_is_gone_are_unreadable_and_never_another_way() {
    let mut world = world(Ok(granted()));
    let mut settings = crate::testing::world::settings("smtp.gmail.com", Via::Relay, OnFailure::Hold);
    let granted = connect(&world).await;
    call(&world, ADMIN, "PUT", "/smtp", &draft(&granted)).await;
    world.app.config.oauth_providers = OAuthProviders::default();
    let tenant = Tenant::new("acme").unwrap();
    let active = crate::functions::active_settings::read(&world.app, &tenant).await.unwrap();
    assert!(matches!(active, crate::functions::active_settings::Active::Unreadable(_)), "{active:?}");
    settings.sender_name = None;
    assert!(!to_document(&settings).contains("provider"));
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_draft_that_nobody_saves_are_erased_after_a_day() {
    let world = World::new();
    let oauth2 = |refresh: &str| OAuth2 {
        username: "noreply@acme.example".into(),
        provider: None,
        token_url: "https://id.acme.example/token".into(),
        client_id: "client".into(),
        client_secret: None,
        client_secret_expires: None,
        grant: Grant::RefreshToken(Secret::new(refresh.into())),
        scope: None,
    };
    let plain = settings("smtp.acme.example", Via::Relay, OnFailure::Hold);
    world.activate("r1", &Settings { auth: Auth::OAuth2(oauth2("saved")), ..plain }).await;
    let names = ["saved", "first", "second"].map(|refresh| grant_name(&oauth2(refresh)));
    let store = tokens::shared(&world.app.effects, world.app.now.clone(), "one".to_owned(), None);
    let tried = async |grant: &String| {
        draft_is_tried(&world.app, &acme()).await.unwrap();
        let of_draft = GrantTokens {
            grant: grant.clone(),
            refresh: Some(Secret::new("r".into())),
            access: None,
            until: 0,
            ends: None,
            draft: true,
        };
        store.store(Some("acme"), &of_draft).await.unwrap();
    };
    let kept = async || {
        let mut kept = Vec::new();
        for name in &names {
            kept.push(store.load(Some("acme"), name).await.unwrap().is_some());
        }
        kept
    };
    let looks = async |hours: u64| {
        for _ in 0..hours {
            world.memory.pass(Duration::from_hours(1));
            crate::functions::monitor::run(&world.app).await.unwrap();
            while world.work().await > 0 {}
        }
    };
    tried(&names[0]).await;
    tried(&names[1]).await;
    looks(20).await;
    tried(&names[2]).await;
    assert_eq!(kept().await, [true, true, true]);
    looks(5).await;
    assert_eq!(
        kept().await,
        [true, false, true],
        "the grant of active settings stays, though a draft has used it too"
    );
    looks(20).await;
    assert_eq!(kept().await, [true, false, false]);
    looks(100).await;
    assert_eq!(kept().await, [true, false, false]);
}
