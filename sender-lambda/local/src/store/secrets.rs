//! The versions of each tenant's settings, sealed.

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_core::effects::{Result, SecretStage, Secrets, StoredVersion};
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

use super::{Store, micros, permanent};

/// Versions without a label are kept for a day, as Secrets Manager does: a sender may still hold one.
const UNLABELLED_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// The document in place of one that does not open: no settings have this form.
const UNREADABLE: &str = "";

/// The one version of the tokens beside a tenant's settings.
const TOKENS: &str = "tokens";

/// The owner of those tokens; no tenant's name has a slash.
fn beside(tenant: &Tenant) -> String {
    format!("{tenant}/{TOKENS}")
}

struct SealedVersion {
    revision: String,
    sealed: Vec<u8>,
    created_at: i64,
}

fn label(stage: SecretStage) -> &'static str {
    match stage {
        SecretStage::Current => "AWSCURRENT",
        SecretStage::Previous => "AWSPREVIOUS",
        SecretStage::Pending => "AWSPENDING",
    }
}

/// The place that a document is sealed for, so that it cannot be moved to another tenant or revision.
fn place(tenant: &str, revision: &str) -> String {
    format!("secret/{tenant}/{revision}")
}

/// Whether any version is stored, which the key has to open.
pub(super) fn any_sealed(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM secret)", [], |row| row.get(0))
}

fn labelled(connection: &Connection, tenant: &str, stage: SecretStage) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT revision FROM secret_label WHERE tenant = ?1 AND label = ?2")?
        .query_row(params![tenant, label(stage)], |row| row.get(0))
        .optional()
}

fn attach(connection: &Connection, tenant: &str, stage: SecretStage, revision: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO secret_label (tenant, label, revision) VALUES (?1, ?2, ?3)")?
        .execute(params![tenant, label(stage), revision])
        .map(drop)
}

fn detach_pending(connection: &Connection, tenant: &str, revision: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM secret_label WHERE tenant = ?1 AND label = ?2 AND revision = ?3")?
        .execute(params![tenant, label(SecretStage::Pending), revision])
        .map(drop)
}

fn version(connection: &Connection, tenant: &str, revision: &str) -> rusqlite::Result<Option<SealedVersion>> {
    connection
        .prepare_cached("SELECT sealed, created_at FROM secret WHERE tenant = ?1 AND revision = ?2")?
        .query_row(params![tenant, revision], |row| {
            Ok(SealedVersion { revision: revision.to_owned(), sealed: row.get(0)?, created_at: row.get(1)? })
        })
        .optional()
}

impl Store {
    fn unseal(&self, tenant: &Tenant, sealed: Option<SealedVersion>) -> Option<StoredVersion> {
        let sealed = sealed?;
        let document = self.keys.unseal(&place(tenant.as_str(), &sealed.revision), &sealed.sealed);
        let document = document.unwrap_or_else(|error| {
            tracing::error!(%tenant, revision = sealed.revision, %error, "a version cannot be read");
            // The functions take it for settings that cannot be read: the tenant may save new ones.
            UNREADABLE.to_owned().into()
        });
        let created_at = Timestamp::from_microsecond(sealed.created_at).unwrap_or(Timestamp::MIN);
        Some(StoredVersion { revision: Revision(sealed.revision), document, created_at })
    }

    /// Sets the platform's own document: the embedded relay's, or the one that the operator wrote.
    pub fn set_platform(&self, document: &str) {
        let version = StoredVersion {
            revision: Revision(self.keys.fingerprint(document)),
            document: document.to_owned().into(),
            created_at: self.now(),
        };
        *self.platform.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(version);
    }
}

#[async_trait]
impl Secrets for Store {
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>> {
        let name = tenant.to_string();
        let sealed = self
            .read(move |connection| match labelled(connection, &name, stage)? {
                Some(revision) => version(connection, &name, &revision),
                None => Ok(None),
            })
            .await?;
        Ok(self.unseal(tenant, sealed))
    }

    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>> {
        let (name, revision) = (tenant.to_string(), revision.0.clone());
        let sealed = self.read(move |connection| version(connection, &name, &revision)).await?;
        Ok(self.unseal(tenant, sealed))
    }

    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()> {
        if let Some(stored) = self.get_revision(tenant, revision).await? {
            // Secrets Manager's rule for a repeated ClientRequestToken.
            return if *stored.document == document {
                Ok(())
            } else {
                Err(permanent("this revision exists with another document"))
            };
        }
        let sealed = self
            .keys
            .seal(&place(tenant.as_str(), &revision.0), document)
            .map_err(|error| permanent(error.to_string()))?;
        let (tenant, revision, now) = (tenant.to_string(), revision.0.clone(), micros(self.now()));
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO secret (tenant, revision, sealed, created_at) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![tenant, revision, sealed, now])?;
            attach(connection, &tenant, SecretStage::Pending, &revision)?;
            connection
                .prepare_cached(
                    "DELETE FROM secret WHERE tenant = ?1 AND created_at < ?2 AND revision NOT IN
                     (SELECT revision FROM secret_label WHERE tenant = ?1)",
                )?
                .execute(params![tenant, now - UNLABELLED_MICROS])
                .map(drop)
        })
        .await
    }

    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool> {
        let (tenant, revision) = (tenant.to_string(), revision.0.clone());
        let expected = expected.map(|expected| expected.0.clone());
        let moved = self
            .write(move |connection| {
                if version(connection, &tenant, &revision)?.is_none() {
                    return Ok(None);
                }
                let current = labelled(connection, &tenant, SecretStage::Current)?;
                if current != expected {
                    return Ok(Some(false));
                }
                if let Some(current) = current.filter(|current| *current != revision) {
                    attach(connection, &tenant, SecretStage::Previous, &current)?;
                }
                attach(connection, &tenant, SecretStage::Current, &revision)?;
                detach_pending(connection, &tenant, &revision)?;
                Ok(Some(true))
            })
            .await?;
        moved.ok_or_else(|| permanent("no such revision"))
    }

    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()> {
        let (tenant, revision) = (tenant.to_string(), revision.0.clone());
        self.write(move |connection| detach_pending(connection, &tenant, &revision)).await
    }

    async fn forget(&self, tenant: &Tenant) -> Result<()> {
        let (tenant, tokens) = (tenant.to_string(), beside(tenant));
        self.write(move |connection| {
            for table in ["secret_label", "secret"] {
                connection
                    .prepare_cached(&format!("DELETE FROM {table} WHERE tenant IN (?1, ?2)"))?
                    .execute(params![tenant, tokens])?;
            }
            Ok(())
        })
        .await
    }

    async fn tokens(&self, tenant: &Tenant) -> Result<Option<Zeroizing<String>>> {
        let name = beside(tenant);
        let owner = name.clone();
        let sealed = self.read(move |connection| version(connection, &owner, TOKENS)).await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let document = self.keys.unseal(&place(&name, TOKENS), &sealed.sealed);
        document.map(Some).map_err(|error| permanent(error.to_string()))
    }

    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()> {
        let name = beside(tenant);
        let sealed =
            self.keys.seal(&place(&name, TOKENS), document).map_err(|error| permanent(error.to_string()))?;
        let now = micros(self.now());
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO secret (tenant, revision, sealed, created_at) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![name, TOKENS, sealed, now])
                .map(drop)
        })
        .await
    }

    async fn platform(&self) -> Result<Option<StoredVersion>> {
        Ok(self.platform.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }

    /// One machine has files for that.
    async fn operator(&self, _: &str) -> Result<Option<Zeroizing<String>>> {
        Ok(None)
    }
}
