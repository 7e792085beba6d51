//! The functions of the one artefact; the only places where wire, domain and effects meet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_domain::report::StageResult;
use ownpost_domain::settings::Settings;
use ownpost_domain::time::{is_to_come, is_younger, later};
use ownpost_smtp::code_exchange::{self, CodeExchange, Granted, NotGranted};
use ownpost_smtp::probe::{Probe, probe};
use ownpost_smtp::{BeforeCommit, Mail, MailResult, Network, Pool, ProbeOptions, RelayKey};

use crate::config::{Config, ConfigError};
use crate::effects::{self, Effects, Emitted, QueueMessage};
use crate::identity::{OverHttps, Verifier};
use crate::mail::templates::Templates;
use crate::measure::{Meter, NoMeter};
use crate::wire::emitted::Announcement;

mod active_settings;
mod alert;
pub mod api;
pub mod connect;
mod ends;
pub(crate) mod expiry;
pub mod forget;
mod history;
pub mod monitor;
pub(crate) mod relay_health;
mod resend;
pub mod router;
pub mod sender;
mod shared_state;
pub mod signing;
mod task_queue;
mod tasks;
mod tokens;
mod turns;

/// A clock: gives the current time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The parts that every function works with, made once at start.
pub struct App {
    /// The operator's configuration, read at start.
    pub config: Config,
    /// The SMTP side: connections to relays, and their tests.
    pub relays: Arc<dyn Relays>,
    /// The store, queue and bus.
    pub effects: Effects,
    /// The clock: functions read it and hand the time to the domain.
    pub now: Clock,
    /// The templates of mails.
    pub templates: Templates,
    /// Takes what is counted and timed.
    pub meter: Arc<dyn Meter>,
    /// Checks the tokens of callers, where no authoriser does.
    pub identity: Option<Verifier>,
    /// Whether the process is about to end.
    stopping: AtomicBool,
    /// A random name of this process, under which it holds seats at relays.
    process: String,
    /// The connections of this process.
    at_hand: sender::AtHand,
    /// The writers of states.
    writers: turns::Turns,
    signing: signing::Signing,
    cache: active_settings::Cache,
    /// When `monitor` last had the operator's own credentials looked at.
    operator_looked: Mutex<Option<Timestamp>>,
}

impl App {
    /// Prepares a function's world: the real network and the real clock over these effects.
    ///
    /// # Errors
    /// A file that the configuration names cannot be read (CA file, templates, DKIM keys).
    pub fn new(config: Config, effects: Effects) -> Result<Self, ConfigError> {
        let store = tokens::shared(
            &effects,
            Arc::new(Timestamp::now),
            process_name(),
            config.overrides.senders_since,
        );
        let network = Arc::new(config.network()?.with_token_store(store));
        let identity = config.issuer.clone().map(|issuer| {
            Verifier::new(issuer, Arc::new(OverHttps(network.clone())), Arc::new(Timestamp::now))
        });
        let relays = Arc::new(Smtp { pool: Pool::new(network.clone()), network });
        Ok(Self { identity, ..Self::with_relays(config, effects, relays)? })
    }

    /// The same over other relays: simulations and unit tests speak no SMTP.
    ///
    /// # Errors
    /// A file that the configuration names cannot be read (templates, DKIM keys), or the configuration contradicts itself.
    pub fn with_relays(
        config: Config,
        effects: Effects,
        relays: Arc<dyn Relays>,
    ) -> Result<Self, ConfigError> {
        config.can_connect()?;
        let templates = Templates::new(config.templates.as_deref(), config.product.clone())?;
        let signing = signing::Signing::of(config.dkim.as_ref())?;
        Ok(Self {
            config,
            relays,
            effects,
            now: Arc::new(Timestamp::now),
            templates,
            meter: Arc::new(NoMeter),
            identity: None,
            stopping: AtomicBool::new(false),
            process: process_name(),
            at_hand: sender::AtHand::default(),
            writers: turns::Turns::default(),
            signing,
            cache: active_settings::Cache::default(),
            operator_looked: Mutex::new(None),
        })
    }

    /// Says that the process is about to end: the sender begins no further mail, and records what it has sent.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The SMTP side of the functions, [`Pool::send`] and the probe, as a trait, so that the functions can
/// be run without sockets.
#[async_trait]
pub trait Relays: Send + Sync {
    /// Sends a batch of mails to one relay; see [`Pool::send`].
    async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        before_commit: &dyn BeforeCommit,
    ) -> Vec<MailResult>;
    /// Tests settings stage by stage; see [`probe`].
    async fn probe(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe;
    /// Exchanges the code of an authorisation; see [`code_exchange::exchange`]. Relays without sockets reach no provider.
    async fn exchange(&self, _code: &CodeExchange<'_>) -> Result<Granted, NotGranted> {
        Err(NotGranted::LATER)
    }
    /// Ends the idle connections to a server that has said "too many"; see [`Pool::make_room`].
    fn make_room(&self, _host: &str) {}
    /// Ends the connections that no mail uses, before the process ends; see [`Pool::close`].
    async fn close(&self) {}
}

/// [`Relays`] over real sockets.
struct Smtp {
    network: Arc<Network>,
    pool: Pool,
}

#[async_trait]
impl Relays for Smtp {
    async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        before_commit: &dyn BeforeCommit,
    ) -> Vec<MailResult> {
        self.pool.send(key, settings, mails, before_commit).await
    }

    async fn probe(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        probe(&self.network, settings, options, on_stage).await
    }

    async fn exchange(&self, code: &CodeExchange<'_>) -> Result<Granted, NotGranted> {
        code_exchange::exchange(&self.network, code).await
    }

    fn make_room(&self, host: &str) {
        self.pool.make_room(host);
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Puts messages on the queue.
///
/// # Errors
/// One of them is not on the queue; others may be.
async fn put_on_queue(app: &App, messages: &[QueueMessage]) -> effects::Result<()> {
    app.effects.queue.send(messages).await.into_iter().collect()
}

/// Emits events. One that cannot be emitted is logged: the ledger has its facts. Whether all are on the bus.
async fn emit(app: &App, events: impl IntoIterator<Item = Announcement>) -> bool {
    let events: Vec<Emitted> = events.into_iter().map(Emitted::from).collect();
    let mut all = true;
    for (event, result) in events.iter().zip(app.effects.events.emit(&events).await) {
        if let Err(error) = result {
            tracing::warn!(detail_type = event.detail_type, %error, "event not emitted");
            all = false;
        }
    }
    all
}

fn process_name() -> String {
    let mut bytes = [0; 4];
    // Two processes of one name share what each thinks its own: fewer connections, not more.
    let _ = getrandom::fill(&mut bytes);
    ownpost_domain::delivery::hex(&bytes)
}

/// A random number in [0, 1) for jitter. Without a source of randomness everything comes back in the middle.
fn random_unit() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

/// 128 random bits for a test mail's Message-ID. Should the system have no randomness, the clock does: they need not be
/// secret.
pub fn random_bits() -> u128 {
    let mut octets = [0; 16];
    if getrandom::fill(&mut octets).is_err() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        return now.as_nanos();
    }
    u128::from_be_bytes(octets)
}
