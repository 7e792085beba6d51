//! Troubles of the surroundings: a secret that is lost or whose store is busy, and messages that never reach the queue.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ownpost_core::effects::{EffectError, Queue, QueueMessage, Result, SecretStage, Secrets, StoredVersion};
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;
use zeroize::Zeroizing;

use super::dice::Dice;
use super::mood::Mood;

/// One message in so many is lost.
const LOST: u64 = 40;

/// The file that tells the sender processes of a trouble with this tenant's secret.
fn sign(folder: &Path, tenant: &str) -> PathBuf {
    folder.join(format!("secret-{tenant}"))
}

/// Lets the trouble of a tenant's secret begin or end.
pub(super) fn set(folder: &Path, tenant: &str, mood: Mood) {
    let path = sign(folder, tenant);
    // Where there is no file there is nothing to remove.
    let _ = match mood {
        Mood::SecretLost => std::fs::write(path, "lost"),
        Mood::SecretThrottled => std::fs::write(path, "throttled"),
        _ => std::fs::remove_file(path),
    };
}

/// The secrets as a sender process can read them.
pub(super) struct TroubledSecrets {
    pub(super) folder: PathBuf,
    pub(super) inner: Arc<dyn Secrets>,
}

#[async_trait]
impl Secrets for TroubledSecrets {
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>> {
        match std::fs::read_to_string(sign(&self.folder, tenant.as_str())).as_deref() {
            Ok("lost") => Ok(None),
            Ok("throttled") => {
                Err(EffectError::Transient { service: "secrets", message: "throttled".to_owned() })
            }
            _ => self.inner.get(tenant, stage).await,
        }
    }
    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>> {
        self.inner.get_revision(tenant, revision).await
    }
    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()> {
        self.inner.put_pending(tenant, revision, document).await
    }
    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool> {
        self.inner.promote(tenant, revision, expected).await
    }
    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()> {
        self.inner.discard_pending(tenant, revision).await
    }
    async fn forget(&self, tenant: &Tenant) -> Result<()> {
        self.inner.forget(tenant).await
    }
    async fn tokens(&self, tenant: &Tenant) -> Result<Option<Zeroizing<String>>> {
        self.inner.tokens(tenant).await
    }
    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()> {
        self.inner.put_tokens(tenant, document).await
    }
    async fn platform(&self) -> Result<Option<StoredVersion>> {
        self.inner.platform().await
    }
    async fn operator(&self, name: &str) -> Result<Option<Zeroizing<String>>> {
        self.inner.operator(name).await
    }
}

/// The queue of a router that dies between a row and its message: some messages are lost, and their sending succeeds all the
/// same.
pub(super) struct LossyQueue {
    pub(super) inner: Arc<dyn Queue>,
    pub(super) dice: Mutex<Dice>,
    pub(super) lost: Arc<AtomicUsize>,
}

#[async_trait]
impl Queue for LossyQueue {
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>> {
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            let lost = self.dice.lock().unwrap_or_else(PoisonError::into_inner).roll(LOST) == 0;
            if lost {
                self.lost.fetch_add(1, Ordering::Relaxed);
                results.push(Ok(()));
            } else {
                results.extend(self.inner.send(std::slice::from_ref(message)).await);
            }
        }
        results
    }
    async fn hide(&self, receipt: &str, during: Duration) -> Result<()> {
        self.inner.hide(receipt, during).await
    }
}
