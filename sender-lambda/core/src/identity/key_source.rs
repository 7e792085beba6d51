//! Where the keys come from: the provider's configuration names their address. They are kept for some minutes, fetched once
//! more for a key that is not among them, and the last ones stay in use while the provider cannot be reached.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ownpost_smtp::Network;
use ownpost_smtp::https::{self, Reach};
use serde::Deserialize;
use tokio::time::timeout;

use super::issuer::Issuer;
use super::key_set::KeySet;

/// How long keys are used before the provider is asked for them again. A key that it has taken back is good for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// How long the last keys are used when the provider cannot be reached.
const LAST: SignedDuration = SignedDuration::from_hours(24);
/// How soon the provider is asked again by a caller who can be answered without it.
const AGAIN: Duration = Duration::from_secs(30);
/// How soon the provider is asked again while there are no keys at all.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// How long the provider's answers may take, both together: somebody waits for them.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of the configuration, and of the keys.
const MOST: usize = 256 * 1024;

/// Fetches documents by https.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The body of the answer, of at most `most` bytes, or why there is none.
    async fn get(&self, url: &str, reach: Reach, most: usize) -> Result<Vec<u8>, String>;
}

/// [`Documents`] over real sockets.
pub struct OverHttps(pub Arc<Network>);

#[async_trait]
impl Documents for OverHttps {
    async fn get(&self, url: &str, reach: Reach, most: usize) -> Result<Vec<u8>, String> {
        let got = https::get(&self.0, url, reach, most, PATIENCE).await;
        got.map(Vec::from).map_err(|error| error.to_string())
    }
}

/// The members of a provider's configuration that matter here (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The keys of one provider, shared by all requests.
#[derive(Clone)]
pub(super) struct KeySource(Arc<Shared>);

struct Shared {
    issuer: Issuer,
    documents: Arc<dyn Documents>,
    now: Clock,
    state: Mutex<State>,
    /// Held while the provider is asked: all who need its answer wait for the same one.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    asked: Option<Timestamp>,
}

impl KeySource {
    pub(super) fn new(issuer: Issuer, documents: Arc<dyn Documents>, now: Clock) -> Self {
        Self(Arc::new(Shared {
            issuer,
            documents,
            now,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }))
    }

    /// The keys; `None` when there are none, and the provider cannot be reached.
    pub(super) async fn keys(&self) -> Option<Arc<KeySet>> {
        if let Some(keys) = self.0.kept(FRESH) {
            return Some(keys);
        }
        if let Some(old) = self.0.kept(LAST) {
            // One caller asks; the others go on with what is there.
            if let Ok(_asking) = self.0.asking.try_lock()
                && self.0.may_ask(AGAIN)
            {
                self.ask().await;
                return self.0.kept(LAST);
            }
            return Some(old);
        }
        let _asking = self.0.asking.lock().await;
        if self.0.kept(FRESH).is_none() && self.0.may_ask(SOON) {
            self.ask().await;
        }
        self.0.kept(LAST)
    }

    /// Keys newer than those, in which a token's key was not found; `None` when there are none, or the provider was asked
    /// just now: a caller who invents keys does not make us ask for each.
    pub(super) async fn newer(&self, than: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let _asking = self.0.asking.lock().await;
        let newer = || self.0.kept(LAST).filter(|keys| !Arc::ptr_eq(keys, than));
        if newer().is_none() && self.0.may_ask(AGAIN) {
            self.ask().await;
        }
        newer()
    }

    /// Asks the provider. In a task of its own: a caller who goes away does not end it.
    async fn ask(&self) {
        let shared = self.0.clone();
        shared.lock().asked = Some((shared.now)());
        let asked = tokio::spawn(async move {
            let fetched = timeout(PATIENCE, shared.fetch()).await;
            let fetched = fetched.unwrap_or_else(|_| Err("it does not answer in time".to_owned()));
            let now = (shared.now)();
            let mut state = shared.lock();
            // The pause counts from here: those who have waited for this answer do not ask for it one after the other.
            state.asked = Some(now);
            match fetched {
                Ok(keys) => state.keys = Some((Arc::new(keys), now)),
                Err(problem) => {
                    tracing::warn!(
                        issuer = shared.issuer.url,
                        problem,
                        "the keys of the issuer cannot be fetched"
                    );
                }
            }
        });
        let _ = asked.await;
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, if they are not older than this. A clock that was set back makes them old.
    fn kept(&self, longest: SignedDuration) -> Option<Arc<KeySet>> {
        let now = (self.now)();
        let state = self.lock();
        let fits = |at: Timestamp| (SignedDuration::ZERO..longest).contains(&now.duration_since(at));
        state.keys.as_ref().filter(|(_, at)| fits(*at)).map(|(keys, _)| keys.clone())
    }

    /// Whether the provider was not asked for so long.
    fn may_ask(&self, pause: Duration) -> bool {
        let now = (self.now)();
        let asked = self.lock().asked;
        let since = asked.and_then(|asked| Duration::try_from(now.duration_since(asked)).ok());
        since.is_none_or(|since| since >= pause)
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let get = async |url: &str, reach| {
            self.documents.get(url, reach, MOST).await.map_err(|problem| format!("{url}: {problem}"))
        };
        // The operator has named the issuer's server, wherever it is. Any other is dialled like one that a tenant names.
        let url = self.issuer.configuration();
        let configuration = get(&url, Reach::Any).await?;
        let configuration: Configuration = serde_json::from_slice(&configuration)
            .map_err(|_| format!("{url}: it is no configuration of OpenID Connect"))?;
        if configuration.issuer != self.issuer.url {
            let named: String =
                configuration.issuer.chars().filter(char::is_ascii_graphic).take(200).collect();
            return Err(format!(
                "{url}: its `issuer` is `{named}`, which has to be the same letter by letter"
            ));
        }
        let url = configuration.jwks_uri;
        let reach = if self.issuer.owns(&url) { Reach::Any } else { Reach::Public };
        let document = get(&url, reach).await?;
        KeySet::read(&document)
            .ok_or_else(|| format!("{url}: it has no key for RS256, PS256, ES256 or EdDSA"))
    }
}
