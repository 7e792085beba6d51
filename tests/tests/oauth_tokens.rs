//! A provider that rotates refresh tokens, and relays that know only its latest access tokens: several processes with one
//! store, over real sockets and TLS, and one of them killed at each step.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::effects::{Effects, Result as EffectResult, SecretStage, Secrets, StoredVersion};
use ownpost_core::functions::App;
use ownpost_core::testing::memory::{Memory, life};
use ownpost_domain::category::Routing;
use ownpost_domain::delivery::Revision;
use ownpost_domain::failure::{Cause, FailureCode};
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Grant, OAuth2, Security, Settings};
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, RelayKey};
use ownpost_tests::certificates::Certificates;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

/// What the provider and the relays know.
#[derive(Default)]
struct Provider {
    /// The number of the refresh token that is good; every other one ends the grant.
    refresh: usize,
    ended: bool,
    /// Whether a refresh token stays good beside the newer ones, as Microsoft's do.
    forgives: bool,
    /// How relays sign in; XOAUTH2 where it says nothing.
    mechanism: Option<&'static str>,
    /// The access tokens that relays accept.
    good: HashSet<String>,
    fetches: usize,
    sign_ins: usize,
    mails: usize,
    /// What happened, in order: `MAIL` of a session that has signed in, `stored` of a store that is held back.
    order: Vec<&'static str>,
}

type Shared = Arc<Mutex<Provider>>;

impl Provider {
    /// The answer to a token request.
    fn answer(&mut self, form: &str) -> (u16, String) {
        self.fetches += 1;
        let sent = form.split('&').find_map(|pair| pair.strip_prefix("refresh_token=refresh-"));
        let sent: Option<usize> = sent.and_then(|number| number.parse().ok());
        let good = sent.is_some_and(|sent| sent == self.refresh || self.forgives && sent < self.refresh);
        if self.ended || !good {
            // Reuse of an old token ends the grant, as RFC 9700 §4.14.2 asks of providers.
            self.ended = true;
            return (400, r#"{"error":"invalid_grant"}"#.to_owned());
        }
        self.refresh += 1;
        let access = format!("access-{}", self.refresh);
        self.good.insert(access.clone());
        let refresh = self.refresh;
        let body = format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-{refresh}"}}"#
        );
        (200, body)
    }
}

/// Serves each connection in a task of its own.
async fn listen<F, S>(certificates: &Certificates, state: &Shared, serve: F) -> SocketAddr
where
    F: Fn(BufReader<TlsStream<TcpStream>>, Shared) -> S + Copy + Send + 'static,
    S: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(certificates.server_for(&["127.0.0.1".to_owned()]));
    let state = Arc::clone(state);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                serve(BufReader::new(stream), state).await
            });
        }
    });
    address
}

async fn token_endpoint(mut stream: BufReader<TlsStream<TcpStream>>, state: Shared) -> std::io::Result<()> {
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).await? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (status, json) = state.lock().unwrap().answer(&String::from_utf8(body).unwrap());
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        json.len()
    );
    stream.write_all(format!("{head}{json}").as_bytes()).await?;
    stream.flush().await
}

async fn relay(mut stream: BufReader<TlsStream<TcpStream>>, state: Shared) -> std::io::Result<()> {
    stream.write_all(b"220 relay.test ESMTP\r\n").await?;
    let mechanism = state.lock().unwrap().mechanism.unwrap_or("XOAUTH2");
    let mut line = String::new();
    let (mut refused, mut signed_in) = (false, false);
    loop {
        stream.flush().await?;
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let reply = if std::mem::take(&mut refused) {
            "535 5.7.8 no".to_owned()
        } else if command.starts_with("EHLO") {
            format!("250-relay.test\r\n250 AUTH {mechanism}")
        } else if let Some(response) = command.strip_prefix(&format!("AUTH {mechanism} ")) {
            let response = String::from_utf8(STANDARD.decode(response).unwrap()).unwrap();
            let token = response.split("Bearer ").nth(1).unwrap().trim_end_matches('\u{1}').to_owned();
            let mut state = state.lock().unwrap();
            if state.good.contains(&token) {
                state.sign_ins += 1;
                signed_in = true;
                "235 ok".to_owned()
            } else {
                refused = true;
                format!("334 {}", STANDARD.encode(r#"{"status":"401"}"#))
            }
        } else if command == "DATA" {
            stream.write_all(b"354 go on\r\n").await?;
            stream.flush().await?;
            let mut text = String::new();
            while text != ".\r\n" {
                text.clear();
                stream.read_line(&mut text).await?;
            }
            state.lock().unwrap().mails += 1;
            "250 taken".to_owned()
        } else if command == "QUIT" {
            stream.write_all(b"221 bye\r\n").await?;
            return stream.flush().await;
        } else {
            if signed_in && command.starts_with("MAIL") {
                state.lock().unwrap().order.push("MAIL");
            }
            "250 ok".to_owned()
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

/// The gate that lets every mail through.
struct Open;

#[async_trait::async_trait]
impl BeforeCommit for Open {
    async fn commit(&self, _index: usize) -> bool {
        true
    }
}

struct World {
    state: Shared,
    memory: Arc<Memory>,
    config: Config,
    settings: Settings,
    _ca: tempfile::NamedTempFile,
}

impl World {
    async fn new() -> Self {
        let certificates = Certificates::new();
        let state = Shared::default();
        let token = listen(&certificates, &state, token_endpoint).await;
        let relay = listen(&certificates, &state, relay).await;
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all(certificates.ca_pem().as_bytes()).unwrap();
        let config = Config {
            allow_networks: vec!["127.0.0.0/8".into()],
            allow_ports: vec![token.port(), relay.port()],
            extra_ca_file: Some(ca.path().to_owned()),
            ..Config::default()
        };
        let settings = Settings {
            host: "127.0.0.1".into(),
            port: relay.port(),
            security: Security::Tls,
            auth: Auth::OAuth2(OAuth2 {
                username: "noreply@acme.example".into(),
                provider: None,
                token_url: format!("https://127.0.0.1:{}/token", token.port()),
                client_id: "client".into(),
                client_secret: None,
                client_secret_expires: None,
                grant: Grant::RefreshToken(Secret::new("refresh-0".into())),
                scope: None,
            }),
            sender_address: "noreply@acme.example".into(),
            sender_name: None,
            reply_to: None,
            ehlo_name: None,
            ca_pem: None,
            routing: Routing::default(),
            contacts: Vec::new(),
        };
        let memory = Memory::new();
        let (secrets, acme) = (memory.effects().secrets, Tenant::new("acme").unwrap());
        let revision = Revision("1".into());
        secrets.put_pending(&acme, &revision, "opaque").await.unwrap();
        assert!(secrets.promote(&acme, &revision, None).await.unwrap());
        Self { state, memory, config, settings, _ca: ca }
    }

    /// A process that has just begun: it shares the store alone.
    fn process(&self) -> App {
        self.process_with(self.memory.effects())
    }

    fn process_with(&self, effects: Effects) -> App {
        App::new(self.config.clone(), effects).unwrap()
    }

    async fn send(&self, app: &App, count: usize) -> Vec<MailResult> {
        send(app, &self.settings, count).await
    }
}

async fn send(app: &App, settings: &Settings, count: usize) -> Vec<MailResult> {
    let mail = Mail {
        from: "noreply@acme.example".into(),
        to: "jan@example.org".into(),
        message: (*b"Subject: x\r\n\r\nx\r\n").into(),
    };
    let key = RelayKey { tenant: Some("acme".into()), revision: "1".into() };
    app.relays.send(&key, settings, &vec![mail; count], &Open).await
}

fn all_accepted(results: &[MailResult]) -> bool {
    results.iter().all(|result| matches!(result, Some(Ok(_))))
}

#[tokio::test]
async fn a_thousand_mails_over_ten_token_lives_cost_ten_fetches() {
    thousand_mails("XOAUTH2").await;
}

#[tokio::test]
async fn so_they_do_with_oauthbearer() {
    thousand_mails("OAUTHBEARER").await;
}

async fn thousand_mails(mechanism: &'static str) {
    let world = World::new().await;
    world.state.lock().unwrap().mechanism = Some(mechanism);
    for life in 1..=10 {
        // Every process is a new one, as after a cold start, and two send at once.
        let (one, other) = (world.process(), world.process());
        let (first, second) = tokio::join!(world.send(&one, 50), world.send(&other, 50));
        assert!(all_accepted(&first) && all_accepted(&second), "life {life}: {first:?} {second:?}");
        let state = world.state.lock().unwrap();
        assert_eq!((state.fetches, state.mails, state.ended), (life, life * 100, false));
        drop(state);
        // The provider takes the token back before its time.
        world.state.lock().unwrap().good.clear();
    }
}

#[tokio::test]
async fn a_running_process_gets_over_a_token_that_is_taken_back() {
    let world = World::new().await;
    let app = world.process();
    assert!(all_accepted(&world.send(&app, 1).await));
    app.relays.close().await;
    world.state.lock().unwrap().good.clear();
    assert!(all_accepted(&world.send(&app, 1).await));
    assert_eq!(world.state.lock().unwrap().fetches, 2);
    // A relay that refuses a token that was just fetched refuses for good: no third one is asked for.
    app.relays.close().await;
    let deaf = world.state.clone();
    let clear = tokio::spawn(async move {
        loop {
            deaf.lock().unwrap().good.clear();
            tokio::task::yield_now().await;
        }
    });
    let refused = world.send(&app, 1).await;
    clear.abort();
    let code = refused[0].as_ref().unwrap().as_ref().unwrap_err().code;
    assert_eq!((code, world.state.lock().unwrap().fetches), (FailureCode::AuthOauthFailed, 3));
}

#[tokio::test]
async fn whatever_fails_the_grant_lives_on() {
    for operation in
        ["secrets.get", "secrets.tokens", "secrets.put_tokens", "ledger.get_state", "ledger.put_state"]
    {
        for skip in 0..4 {
            let world = World::new().await;
            let first = world.process();
            assert!(all_accepted(&world.send(&first, 1).await));
            world.state.lock().unwrap().good.clear();
            world.memory.fail(operation, skip);
            let second = world.process();
            for _ in 0..4 {
                // What fails now is tried again later, and no mail is held for it.
                for result in world.send(&second, 1).await {
                    let code = result.unwrap().err().map(|failure| failure.code);
                    assert!(
                        matches!(code, None | Some(FailureCode::AuthTemporary)),
                        "{operation} {skip}: {code:?}"
                    );
                }
            }
            let third = world.process();
            assert!(all_accepted(&world.send(&third, 1).await), "{operation} {skip}");
            assert!(!world.state.lock().unwrap().ended, "{operation} {skip}");
        }
    }
}

/// Secrets whose writes of tokens wait until the test lets them go on.
struct HeldBack {
    secrets: Arc<dyn Secrets>,
    state: Shared,
    /// One permit for each write that has begun.
    begun: Semaphore,
    /// One permit for each write that may go on.
    open: Semaphore,
}

#[async_trait]
impl Secrets for HeldBack {
    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> EffectResult<()> {
        self.begun.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.secrets.put_tokens(tenant, document).await?;
        self.state.lock().unwrap().order.push("stored");
        Ok(())
    }

    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> EffectResult<Option<StoredVersion>> {
        self.secrets.get(tenant, stage).await
    }

    async fn get_revision(
        &self,
        tenant: &Tenant,
        revision: &Revision,
    ) -> EffectResult<Option<StoredVersion>> {
        self.secrets.get_revision(tenant, revision).await
    }

    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> EffectResult<()> {
        self.secrets.put_pending(tenant, revision, document).await
    }

    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> EffectResult<bool> {
        self.secrets.promote(tenant, revision, expected).await
    }

    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> EffectResult<()> {
        self.secrets.discard_pending(tenant, revision).await
    }

    async fn forget(&self, tenant: &Tenant) -> EffectResult<()> {
        self.secrets.forget(tenant).await
    }

    async fn tokens(&self, tenant: &Tenant) -> EffectResult<Option<Zeroizing<String>>> {
        self.secrets.tokens(tenant).await
    }

    async fn platform(&self) -> EffectResult<Option<StoredVersion>> {
        self.secrets.platform().await
    }

    async fn operator(&self, name: &str) -> EffectResult<Option<Zeroizing<String>>> {
        self.secrets.operator(name).await
    }
}

#[tokio::test]
async fn the_new_refresh_token_is_stored_before_the_mail_goes_on() {
    let world = World::new().await;
    let held = Arc::new(HeldBack {
        secrets: world.memory.effects().secrets,
        state: Arc::clone(&world.state),
        begun: Semaphore::new(0),
        open: Semaphore::new(0),
    });
    let app = world.process_with(Effects { secrets: held.clone(), ..world.memory.effects() });
    let mail = world.send(&app, 1);
    tokio::pin!(mail);
    let others = async {
        held.begun.acquire().await.unwrap().forget();
        // Ten whole sessions without a sign-in: enough for a mail that waits for nothing to arrive.
        let without = Settings { auth: Auth::None, ..world.settings.clone() };
        for _ in 0..10 {
            let other = world.process();
            assert!(all_accepted(&send(&other, &without, 1).await));
        }
    };
    tokio::select! {
        results = &mut mail => panic!("the mail has left, and its token is not stored: {results:?}"),
        () = others => {}
    }
    assert_eq!(world.state.lock().unwrap().order, Vec::<&str>::new());
    held.open.add_permits(1);
    assert!(all_accepted(&mail.await));
    assert_eq!(world.state.lock().unwrap().order, ["stored", "MAIL"]);
    let stored = world.memory.effects().secrets.tokens(&Tenant::new("acme").unwrap()).await.unwrap();
    assert!(stored.is_some_and(|stored| stored.contains("refresh-1")));
}

#[tokio::test]
async fn a_test_of_the_settings_and_the_first_mail_use_one_token() {
    use ownpost_smtp::ProbeOptions;
    use ownpost_smtp::token_store::TokenOwner;
    let world = World::new().await;
    let app = world.process();
    let options = ProbeOptions {
        recipient: None,
        without_message: false,
        test_mail: None,
        deadline: Duration::from_secs(30),
        owner: TokenOwner { tenant: Some("acme"), draft: true },
        look_for_fix: false,
        before_dial: None,
    };
    app.relays.probe(&world.settings, &options, &mut |_| {}).await;
    assert_eq!(world.state.lock().unwrap().sign_ins, 1);
    let other = world.process();
    assert!(all_accepted(&world.send(&other, 3).await));
    assert_eq!(world.state.lock().unwrap().fetches, 1);
}

/// The end of a process on a thread of its own.
enum End {
    /// It was killed before it knew what became of its mails.
    Killed,
    /// It has done its work.
    Done(Vec<MailResult>),
}

/// Sends mails from a process that is killed at its call of the store after so many: its runtime ends there, with all its tasks.
fn send_and_die(world: &World, calls: u64, count: usize) -> std::thread::JoinHandle<End> {
    let (memory, config) = (world.memory.clone(), world.config.clone());
    let settings = world.settings.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(async { App::new(config, memory.effects()).unwrap() });
        life::ends_after(calls);
        let results = runtime.block_on(async {
            let over = async {
                while !life::is_over() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                () = over => Vec::new(),
                results = send(&app, &settings, count) => results,
            }
        });
        if life::is_over() { End::Killed } else { End::Done(results) }
    })
}

/// Waits until the process has the lock, or has ended: it is the first to renew the token, whichever thread the machine favours.
async fn is_first(world: &World, process: &std::thread::JoinHandle<End>) {
    let (ledger, acme) = (world.memory.effects().ledger, Tenant::new("acme").unwrap());
    while !process.is_finished() {
        let lock = ledger.get_state(&acme, "oauth-lock", Timestamp::now()).await.unwrap();
        if lock.is_some_and(|lock| lock.value["until"].is_string()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The lease of a killed process passes.
async fn lease_passes(world: &World) {
    let (ledger, acme) = (world.memory.effects().ledger, Tenant::new("acme").unwrap());
    let now = Timestamp::now();
    if let Some(lock) = ledger.get_state(&acme, "oauth-lock", now).await.unwrap() {
        let free = serde_json::json!({});
        assert!(ledger.put_state(&acme, "oauth-lock", &free, lock.version, None, now).await.unwrap());
    }
}

/// Lets a process be killed at each of its calls of the store while it renews the token, beside another that wants the same
/// token. Says for how many of the calls the grant was lost.
async fn killed_at_each_call(forgives: bool) -> usize {
    let mut lost = 0;
    for calls in 0.. {
        let world = World::new().await;
        world.state.lock().unwrap().forgives = forgives;
        assert!(all_accepted(&world.send(&world.process(), 1).await));
        world.state.lock().unwrap().good.clear();
        let killed = send_and_die(&world, calls, 5);
        is_first(&world, &killed).await;
        let other = world.process();
        let (killed, others) = tokio::join!(
            async {
                let killed = tokio::task::spawn_blocking(move || killed.join().unwrap()).await.unwrap();
                if matches!(killed, End::Killed) {
                    lease_passes(&world).await;
                }
                killed
            },
            world.send(&other, 5),
        );
        let ended = world.state.lock().unwrap().ended;
        if ended {
            // The provider had let the old refresh token go when the process died with the new one.
            assert!(!forgives && matches!(killed, End::Killed), "{calls} calls");
            for result in &others {
                let failure = result.as_ref().unwrap().as_ref().unwrap_err();
                assert_eq!(failure.code, FailureCode::AuthOauthFailed, "{calls} calls");
            }
            lost += 1;
        } else {
            assert!(all_accepted(&others), "{calls} calls: {others:?}");
            let fetches = world.state.lock().unwrap().fetches;
            // The first life, this one, and where the process died with the new token one more.
            assert!(fetches == 2 || forgives && fetches == 3, "{calls} calls: {fetches} fetches");
        }
        if let End::Done(results) = killed {
            assert!(all_accepted(&results), "{calls} calls: {results:?}");
            return lost;
        }
    }
    unreachable!("it ends when nobody is killed");
}

#[tokio::test]
async fn where_old_refresh_tokens_stay_good_no_kill_holds_a_mail() {
    assert_eq!(killed_at_each_call(true).await, 0);
}

#[tokio::test]
async fn where_they_do_not_only_a_kill_between_answer_and_store_ends_the_grant() {
    let lost = killed_at_each_call(false).await;
    assert!((1..=2).contains(&lost), "{lost}: reading what is stored, and storing the new token");
}

#[tokio::test]
async fn a_store_that_has_lost_the_tokens_is_named() {
    let world = World::new().await;
    assert!(all_accepted(&world.send(&world.process(), 1).await));
    world.state.lock().unwrap().good.clear();
    let empty = r#"{"grants": []}"#;
    world.memory.effects().secrets.put_tokens(&Tenant::new("acme").unwrap(), empty).await.unwrap();
    let results = world.send(&world.process(), 1).await;
    let failure = results[0].as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(failure.reason.as_ref().map(|reason| reason.cause), Some(Cause::OauthLost), "{failure:?}");
}
