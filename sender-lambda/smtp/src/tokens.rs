//! Access tokens in memory, and the one fetch of all that need the same token at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ownpost_domain::delivery::hex;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Grant, OAuth2};
use sha2::{Digest, Sha256};

use super::token_store::TokenStore;

/// A token is not used this shortly before it expires, or in the last tenth of a short life.
const MARGIN: u64 = 120;
/// The longest that a token is used, whatever the endpoint says: a day.
const LONGEST: u64 = 24 * 60 * 60;
/// The most grants remembered.
const REMEMBERED: usize = 512;

/// The tokens that this process knows, and where all processes share theirs.
#[derive(Default)]
pub(crate) struct Tokens {
    known: Mutex<HashMap<Key, Arc<Known>>>,
    /// The store of all processes, if there is one.
    pub(crate) store: Option<Arc<dyn TokenStore>>,
}

/// What this process knows of a grant.
#[derive(Default)]
pub(crate) struct Known {
    /// Held by the one that fetches.
    pub(crate) fetching: tokio::sync::Mutex<()>,
    access: Mutex<Option<(Secret, u64)>>,
    /// A refresh token that the endpoint has given and no store has yet.
    unsaved: Mutex<Option<Secret>>,
}

/// What a token was fetched for and with. The secrets are part of it, as digests: a token must not outlive the
/// secret that it was got for.
pub(crate) type Key = [u8; 32];

impl Tokens {
    /// What is known of a grant.
    pub(crate) fn of(&self, key: Key) -> Arc<Known> {
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED {
            // One whose new refresh token is nowhere else stays.
            known.retain(|_, known| Arc::strong_count(known) > 1 || lock(&known.unsaved).is_some());
        }
        Arc::clone(known.entry(key).or_default())
    }

    /// Forgets the access token of these settings, because the relay has refused it.
    pub(crate) fn forget(&self, settings: &OAuth2) {
        *lock(&self.of(key(settings)).access) = None;
    }
}

impl Known {
    /// The access token, as long as it is used.
    pub(crate) fn access(&self) -> Option<Secret> {
        let access = lock(&self.access);
        access.as_ref().filter(|(_, until)| is_used(*until)).map(|(token, _)| token.clone())
    }

    /// Remembers an access token until then.
    pub(crate) fn set_access(&self, token: &Secret, until: u64) {
        *lock(&self.access) = Some((token.clone(), until));
    }

    /// The refresh token that is in no store yet.
    pub(crate) fn unsaved(&self) -> Option<Secret> {
        lock(&self.unsaved).clone()
    }

    /// Remembers a refresh token that is in no store, or that all are in one.
    pub(crate) fn set_unsaved(&self, token: Option<Secret>) {
        *lock(&self.unsaved) = token;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Until when a token is used that was got now and lives so long.
pub(crate) fn until(life: Duration) -> u64 {
    let life = life.as_secs().min(LONGEST);
    // Rounded up, so that a life of a few seconds has a margin too.
    now() + life - MARGIN.min(life.div_ceil(10))
}

/// Whether a token with this end is used. An end further ahead than any is of a clock that has gone back since.
pub(crate) fn is_used(until: u64) -> bool {
    let now = now();
    now < until && until <= now + LONGEST
}

/// The name of a grant in a store.
pub(crate) fn name(key: &Key) -> String {
    hex(&key[..16])
}

/// The name of the grant of these settings, as [`GrantTokens::grant`](super::token_store::GrantTokens::grant) has it.
pub fn grant_name(settings: &OAuth2) -> String {
    name(&key(settings))
}

/// The key of a grant. Of an account that was connected with a provider of the operator's only the account counts: the
/// operator changes the application's secret, and a refresh token that the provider has rotated since stays the one to use.
pub(crate) fn key(settings: &OAuth2) -> Key {
    let mut hash = Sha256::new();
    let (grant, refresh) = match &settings.grant {
        Grant::ClientCredentials => ("client_credentials", ""),
        Grant::RefreshToken(token) => ("refresh_token", token.expose()),
    };
    let (token_url, client_id, client_secret, scope) = match &settings.provider {
        Some(provider) => (provider.as_str(), "", "", ""),
        None => (
            settings.token_url.as_str(),
            settings.client_id.as_str(),
            settings.client_secret.as_ref().map_or("", Secret::expose),
            settings.scope.as_deref().unwrap_or_default(),
        ),
    };
    for part in [token_url, client_id, client_secret, scope, grant, refresh] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_of_the_operators_application_keeps_the_tokens_of_its_grants() {
        let of = |provider: Option<&str>, secret: &str, refresh: &str| {
            key(&OAuth2 {
                username: "jan@example.org".into(),
                provider: provider.map(str::to_owned),
                token_url: "https://id.test/token".into(),
                client_id: "app".into(),
                client_secret: Some(Secret::new(secret.into())),
                client_secret_expires: None,
                grant: Grant::RefreshToken(Secret::new(refresh.into())),
                scope: None,
            })
        };
        assert_eq!(of(Some("acme"), "old", "r"), of(Some("acme"), "new", "r"));
        assert_ne!(of(Some("acme"), "s", "r"), of(Some("acme"), "s", "other"));
        assert_ne!(of(Some("acme"), "s", "r"), of(Some("other"), "s", "r"));
        assert_ne!(of(None, "old", "r"), of(None, "new", "r"), "the tenant's own application");
    }

    #[test]
    fn a_token_is_used_for_its_life_less_a_margin() {
        let used = |life| until(Duration::from_secs(life)) - now();
        assert_eq!((used(3600), used(1200), used(60), used(10), used(0)), (3480, 1080, 54, 9, 0));
        assert!(used(u64::MAX / 2) <= LONGEST);
        let known = Known::default();
        known.set_access(&Secret::new("t".into()), now() + 5);
        assert!(known.access().is_some());
        known.set_access(&Secret::new("t".into()), now());
        assert!(known.access().is_none(), "by the wall clock");
        known.set_access(&Secret::new("t".into()), now() + LONGEST + 60);
        assert!(known.access().is_none(), "the clock was ahead");
    }
}
