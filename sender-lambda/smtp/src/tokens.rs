//! The cache of access tokens: what a token was fetched for and with, and until when it is good.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Grant, OAuth2};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// A token is not used this shortly before it expires.
const MARGIN: Duration = Duration::from_mins(2);
/// The most tokens remembered.
const REMEMBERED: usize = 512;

/// Tokens that are still good, so that each connection does not ask for one.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, (Secret, Instant)>>);

/// What a token was fetched for and with. The secrets are part of it, as digests: a token must not outlive the
/// secret that it was got for.
pub(crate) type Key = [u8; 32];

impl Tokens {
    pub(crate) fn get(&self, key: &Key) -> Option<Secret> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, (_, until)| Instant::now() < *until);
        tokens.get(key).map(|(token, _)| token.clone())
    }

    pub(crate) fn put(&self, key: Key, token: &Secret, life: Duration) {
        let Some(life) = life.checked_sub(MARGIN) else { return };
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() < REMEMBERED {
            // A day at most, whatever the endpoint says.
            tokens.insert(key, (token.clone(), Instant::now() + life.min(Duration::from_hours(24))));
        }
    }

    /// Forgets the token of these settings, because the relay has refused it.
    pub(crate) fn forget(&self, settings: &OAuth2) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(settings));
    }
}

pub(crate) fn key(settings: &OAuth2) -> Key {
    let mut hash = Sha256::new();
    let (grant, refresh) = match &settings.grant {
        Grant::ClientCredentials => ("client_credentials", ""),
        Grant::RefreshToken(token) => ("refresh_token", token.expose()),
    };
    for part in [
        settings.token_url.as_str(),
        &settings.client_id,
        settings.client_secret.as_ref().map_or("", Secret::expose),
        settings.scope.as_deref().unwrap_or_default(),
        grant,
        refresh,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
