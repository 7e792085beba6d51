//! A pool of connections to relays. A connection leaves the pool while it is used and comes back only when its replies
//! are in step with its commands, so a send that is cancelled at any await drops it.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use ownpost_domain::failure::{Failure, FailureCode, Stage};
use ownpost_domain::settings::Settings;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::batch::{OpenSession, Quirks, SessionSource, deliver};
use super::limits::Limits;
use super::session::{NoObserver, Secure, TlsSetup, open};
use super::token_store::TokenOwner;
use super::{BeforeCommit, Mail, MailResult, Network, RelayKey};

/// The most connections of one process to one relay at a time, for all tenants: how many a relay gets from all processes
/// together is the caller's decision.
const CONNECTIONS: usize = 20;
/// How long an idle connection counts as alive. An older one gets RSET first, which shows whether it is.
const FRESH: Duration = Duration::from_secs(10);
/// How long an idle connection is kept. Servers close after five minutes (RFC 5321 §4.5.3.2.7), many sooner.
const KEPT: Duration = Duration::from_mins(1);
/// The time that a sending connection has as a whole: in effect no limit, as each step has its own.
pub(crate) const NO_DEADLINE: Duration = Duration::from_hours(24);
/// The most relays remembered. When there are more, the relays without a connection in use are forgotten.
const RELAYS: usize = 512;

/// A pool of connections to relays, each kept for the next mail.
///
/// One pool serves all tenants. Its connections are encrypted, verified and authenticated.
///
/// ```no_run
/// use ownpost_domain::settings::Settings;
/// use ownpost_smtp::{BeforeCommit, Mail, Pool, RelayKey};
///
/// /// Commits every mail.
/// struct Open;
///
/// #[async_trait::async_trait]
/// impl BeforeCommit for Open {
///     async fn commit(&self, _index: usize) -> bool {
///         true
///     }
/// }
///
/// # async fn example(pool: &Pool, settings: &Settings) {
/// let key = RelayKey { tenant: Some("acme".into()), revision: "7".into() };
/// let mail = Mail {
///     from: "noreply@example.org".into(),
///     to: "kim@example.net".into(),
///     message: (*b"Subject: Hello\n\nHello Kim\n").into(),
/// };
/// for result in pool.send(&key, settings, &[mail], &Open).await {
///     match result {
///         Some(Ok(reply)) => println!("accepted: {}", reply.text),
///         Some(Err(failure)) => println!("failed: {}", failure.code.code()),
///         None => println!("left out by the gate"),
///     }
/// }
/// # }
/// ```
pub struct Pool {
    network: Arc<Network>,
    relays: Mutex<HashMap<RelayKey, Arc<Relay>>>,
}

struct Relay {
    /// Whose it is; `None` for the platform's.
    tenant: Option<String>,
    /// The name of the server.
    host: String,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// Whether a task ends its idle connections when their time is over. Changed with `idle` locked.
    watched: AtomicBool,
    tls: Option<Arc<ClientConfig>>,
    quirks: Mutex<Quirks>,
}

struct Idle {
    session: Secure,
    since: Instant,
    /// The same moment by the wall clock: the monotonic one may stand still while a Lambda is frozen.
    wall: SystemTime,
}

impl Idle {
    fn age(&self) -> Duration {
        // After the wall clock was set back the age is unknown, and the connection counts as old.
        let wall = self.wall.elapsed().unwrap_or(Duration::MAX);
        self.since.elapsed().max(wall)
    }

    async fn quit(mut self) {
        self.session.limits.overall = Instant::now() + NO_DEADLINE;
        self.session.quit().await;
    }

    /// Ends it beside the mail that goes on.
    fn quit_aside(self) {
        // Where no runtime is left, the process ends and nobody can write.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.quit());
        }
    }
}

impl Pool {
    /// Makes a pool without connections.
    pub fn new(network: Arc<Network>) -> Self {
        Self { network, relays: Mutex::default() }
    }

    /// Sends a batch through one relay, pipelined on one connection as far as the server allows. Gives one result for
    /// each mail, in their order. A connection that fails takes at most the mails in flight with it; the others go over
    /// a new one.
    pub async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        gate: &dyn BeforeCommit,
    ) -> Vec<MailResult> {
        let relay = self.relay(key, settings);
        // The semaphore is never closed.
        let Ok(_slot) = relay.slots.acquire().await else { return vec![None; mails.len()] };
        deliver(&mut ToRelay { pool: self, relay: &relay, settings }, mails, gate).await
    }

    fn relay(&self, key: &RelayKey, settings: &Settings) -> Arc<Relay> {
        let mut relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(relay) = relays.get(key) {
            return Arc::clone(relay);
        }
        if relays.len() >= RELAYS {
            relays.retain(|_, relay| Arc::strong_count(relay) > 1);
        }
        // The tenant's earlier revisions are not used again. Their idle connections are closed.
        relays.retain(|known, relay| known.tenant != key.tenant || Arc::strong_count(relay) > 1);
        let relay = Arc::new(Relay {
            tenant: key.tenant.clone(),
            host: settings.host.clone(),
            slots: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
            watched: AtomicBool::new(false),
            tls: self.network.trust_for(settings).strict().ok(),
            quirks: Mutex::default(),
        });
        relays.insert(key.clone(), Arc::clone(&relay));
        relay
    }

    /// Ends the connections that no mail uses, each with QUIT (RFC 5321 §4.1.1.10): servers count those that just go. A
    /// process that is about to end calls it; a mail that is sent afterwards opens a new connection.
    pub async fn close(&self) {
        let relays: Vec<_> =
            self.relays.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        join_all(relays.iter().flat_map(|relay| relay.take_all()).map(Idle::quit)).await;
    }

    /// Ends the idle connections of all tenants to this server, which has said "too many": it may count them together.
    pub fn make_room(&self, host: &str) {
        let relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        let there = relays.values().filter(|relay| relay.host.eq_ignore_ascii_case(host));
        there.flat_map(|relay| relay.take_all()).for_each(Idle::quit_aside);
    }

    async fn connect(&self, relay: &Relay, settings: &Settings) -> Result<Secure, Failure> {
        let Some(tls) = relay.tls.clone() else {
            return Err(Failure::new(Stage::Tls, FailureCode::TlsFailed));
        };
        let limits = Limits { timeouts: self.network.send_timeouts, overall: Instant::now() + NO_DEADLINE };
        let mut session =
            Box::pin(open(&self.network, settings, &TlsSetup::Send(tls), limits, None, &mut NoObserver))
                .await?;
        let owner = TokenOwner { tenant: relay.tenant.as_deref(), draft: false };
        match session.authenticate(&self.network, settings, owner).await {
            Ok(_) => Ok(session),
            Err(failure) => Err(session.quit_after(failure).await),
        }
    }
}

/// The sessions of one batch to a relay.
struct ToRelay<'a> {
    pool: &'a Pool,
    relay: &'a Arc<Relay>,
    settings: &'a Settings,
}

impl SessionSource for ToRelay<'_> {
    type Stream = TlsStream<TcpStream>;

    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure> {
        if let Some(mut idle) = self.relay.take() {
            idle.session.limits.overall = Instant::now() + NO_DEADLINE;
            idle.session.needs_rset |= idle.age() > FRESH;
            return Ok(OpenSession { session: idle.session, reused: true });
        }
        let session = self.pool.connect(self.relay, self.settings).await?;
        Ok(OpenSession { session, reused: false })
    }

    fn put(&mut self, session: Secure) {
        self.relay.put(session);
    }

    fn quirks(&self) -> Quirks {
        *self.relay.quirks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&mut self, quirks: Quirks) {
        *self.relay.quirks.lock().unwrap_or_else(PoisonError::into_inner) = quirks;
    }
}

impl Relay {
    fn take(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.age() < KEPT {
                return Some(connection);
            }
            connection.quit_aside();
        }
        None
    }

    fn take_all(&self) -> Vec<Idle> {
        mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(self: &Arc<Self>, session: Secure) {
        if session.remaining == 0 {
            // It has carried as many mails as its server takes.
            tokio::spawn(session.quit());
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        end_old(&mut idle);
        idle.push(Idle { session, since: Instant::now(), wall: SystemTime::now() });
        if !self.watched.swap(true, Ordering::Relaxed) {
            tokio::spawn(Self::watch(Arc::downgrade(self)));
        }
    }

    /// Ends idle connections when their time is over, until there is none: servers count those that stay, and another tenant
    /// may need one.
    async fn watch(relay: Weak<Self>) {
        loop {
            tokio::time::sleep(KEPT / 4).await;
            let Some(relay) = relay.upgrade() else { return };
            let mut idle = relay.idle.lock().unwrap_or_else(PoisonError::into_inner);
            end_old(&mut idle);
            if idle.is_empty() {
                return relay.watched.store(false, Ordering::Relaxed);
            }
        }
    }
}

/// Ends those whose time is over.
fn end_old(idle: &mut Vec<Idle>) {
    idle.extract_if(.., |connection| connection.age() >= KEPT).for_each(Idle::quit_aside);
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.take_all().into_iter().for_each(Idle::quit_aside);
    }
}
