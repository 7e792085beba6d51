//! Connections to relays, kept for the next mail. A connection is taken out while it is used and put back only
//! when its replies are in step, so cancelling at any await drops it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::batch::{OpenSession, Quirks, SessionSource, deliver};
use super::session::{Limits, NoObserver, Secure, TlsSetup, open};
use super::{BeforeCommit, Mail, MailResult, Network, RelayKey};
use crate::domain::failure::{Failure, FailureCode, Stage};
use crate::domain::limits;
use crate::domain::settings::Settings;

/// The most connections to one relay at a time. Microsoft 365 takes three for an account; two leave one to the
/// customer.
const CONNECTIONS: usize = 2;
/// The same for the platform's relay, which takes the mail of all tenants, unless its provider counts.
const PLATFORM_CONNECTIONS: usize = 16;
/// How long an idle connection is trusted to be in step and alive without asking.
const FRESH: Duration = Duration::from_secs(10);
/// How long an idle connection is kept. Servers close after five minutes (RFC 5321 §4.5.3.2.7), many sooner.
const KEPT: Duration = Duration::from_mins(1);
/// The time that a sending connection has as a whole: in effect no limit, as each step has its own.
pub(crate) const NO_DEADLINE: Duration = Duration::from_hours(24);
/// The most relays remembered. Beyond it those without a connection in use are forgotten.
const RELAYS: usize = 512;

/// Connections to relays, kept for the next mail.
pub struct Pool {
    network: Arc<Network>,
    relays: Mutex<HashMap<RelayKey, Arc<Relay>>>,
    window: NonZeroUsize,
}

struct Relay {
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
    tls: Option<Arc<ClientConfig>>,
    quirks: Mutex<Quirks>,
}

struct Idle {
    session: Secure,
    since: Instant,
    /// The wall clock beside the monotonic one: a frozen Lambda's monotonic clock may stand still.
    wall: SystemTime,
    stale: bool,
}

impl Idle {
    fn age(&self) -> Duration {
        // A clock that was set back makes the age unknown, so the connection counts as old.
        let wall = self.wall.elapsed().unwrap_or(Duration::MAX);
        self.since.elapsed().max(wall)
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(network: Arc<Network>) -> Self {
        Self { network, relays: Mutex::default(), window: NonZeroUsize::MIN }
    }

    /// The same with up to `window` mails of a batch in flight on a connection, where the server takes BDAT
    /// (RFC 3030). It is 1 unless asked for more: all that is in flight when a connection breaks is
    /// `message.unknown`.
    #[must_use]
    pub fn with_window(mut self, window: NonZeroUsize) -> Self {
        self.window = window;
        self
    }

    /// Sends a batch through one relay, pipelined on one connection as far as the server allows. One result a
    /// mail, in their order: the server's reply when it was accepted, the failure when not, `None` when the gate
    /// left it out. A lost connection fails what it carried; the rest goes over a new one.
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
        // The tenant's earlier revisions are history; their idle connections go with them.
        relays.retain(|known, relay| known.tenant != key.tenant || Arc::strong_count(relay) > 1);
        let counted = key.tenant.is_some() || limits::provider(&settings.host).is_some();
        let connections = if counted { CONNECTIONS } else { PLATFORM_CONNECTIONS };
        let relay = Arc::new(Relay {
            slots: Semaphore::new(connections),
            idle: Mutex::default(),
            tls: self.network.trust_for(settings).strict().ok(),
            quirks: Mutex::default(),
        });
        relays.insert(key.clone(), Arc::clone(&relay));
        relay
    }

    async fn connect(&self, relay: &Relay, settings: &Settings) -> Result<Secure, Failure> {
        let Some(tls) = relay.tls.clone() else {
            return Err(Failure { stage: Stage::Tls, code: FailureCode::TlsFailed, reply: None });
        };
        let limits = Limits { timeouts: self.network.send_timeouts, overall: Instant::now() + NO_DEADLINE };
        let mut session =
            open(&self.network, settings, &TlsSetup::Send(tls), limits, None, &mut NoObserver).await?;
        session.authenticate(&self.network, settings).await?;
        Ok(session)
    }
}

/// One batch's way to a relay.
struct ToRelay<'a> {
    pool: &'a Pool,
    relay: &'a Relay,
    settings: &'a Settings,
}

impl SessionSource for ToRelay<'_> {
    type Stream = TlsStream<TcpStream>;

    async fn take(&mut self) -> Result<OpenSession<Self::Stream>, Failure> {
        if let Some(mut idle) = self.relay.take() {
            idle.session.limits.overall = Instant::now() + NO_DEADLINE;
            let stale = idle.stale || idle.age() > FRESH;
            return Ok(OpenSession { session: idle.session, stale, reused: true });
        }
        let session = self.pool.connect(self.relay, self.settings).await?;
        Ok(OpenSession { session, stale: false, reused: false })
    }

    fn put(&mut self, session: Secure, stale: bool) {
        self.relay.put(session, stale);
    }

    fn quirks(&self) -> Quirks {
        *self.relay.quirks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&mut self, quirks: Quirks) {
        *self.relay.quirks.lock().unwrap_or_else(PoisonError::into_inner) = quirks;
    }

    fn window(&self) -> usize {
        self.pool.window.get()
    }
}

impl Relay {
    fn take(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.age() < KEPT {
                return Some(connection);
            }
        }
        None
    }

    fn put(&self, session: Secure, stale: bool) {
        if session.remaining == 0 {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.age() < KEPT);
        idle.push(Idle { session, since: Instant::now(), wall: SystemTime::now(), stale });
    }
}
