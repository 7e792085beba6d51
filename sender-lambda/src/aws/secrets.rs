//! [`Secrets`] on Secrets Manager: one secret a tenant, its versions distinguished by staging labels.
//!
//! A new secret begins with a placeholder as its current version. Secrets Manager labels the first version of a
//! secret `AWSCURRENT` by itself, and an untested document must never carry that label; it also gives the first
//! promotion a version to take the label from, so that the compare works for it as for all others.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use ownpost_core::effects::{EffectError, Result, SecretStage, Secrets, StoredVersion};
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;
use zeroize::Zeroizing;

use super::{Lazy, error};

const SERVICE: &str = "Secrets Manager";
/// The document of the first version. No JSON, so no document that is put can be it.
const PLACEHOLDER: &str = "nothing stored yet";

pub(super) struct SecretsManager {
    client: Lazy<Client>,
    prefix: String,
    platform: Option<String>,
    /// The key over new secrets; none for AWS's own.
    key: Option<String>,
}

/// Which version to read.
enum Which<'a> {
    Stage(SecretStage),
    Revision(&'a Revision),
}

impl SecretsManager {
    pub(super) fn new(
        client: Lazy<Client>,
        prefix: String,
        platform: Option<String>,
        key: Option<String>,
    ) -> Self {
        Self { client, prefix, platform, key }
    }

    fn name(&self, tenant: &Tenant) -> String {
        format!("{}{tenant}", self.prefix)
    }

    /// The secret of the tokens beside the settings; no tenant's name has a slash.
    fn tokens_name(&self, tenant: &Tenant) -> String {
        format!("{}/tokens", self.name(tenant))
    }

    /// The version as it is stored, the placeholder included; `None` when secret or version is not there.
    async fn read(&self, name: &str, which: Which<'_>) -> Result<Option<StoredVersion>> {
        let call = self.client.get_secret_value().secret_id(name);
        let call = match which {
            // Always by name: some emulators answer with a stale version when neither is given.
            Which::Stage(stage) => call.version_stage(label(stage)),
            Which::Revision(revision) => call.version_id(&revision.0),
        };
        match call.send().await {
            Ok(answer) => version(answer).map(Some),
            Err(error) if is(&error, &["ResourceNotFoundException"]) => Ok(None),
            Err(error) => Err(error::of_secret_call(&error)),
        }
    }

    /// The id of the version with this label, the placeholder's included.
    async fn holder(&self, name: &str, stage: SecretStage) -> Result<Option<String>> {
        let answer = match self.client.describe_secret().secret_id(name).send().await {
            Ok(answer) => answer,
            Err(error) if is(&error, &["ResourceNotFoundException"]) => return Ok(None),
            Err(error) => return Err(error::of_secret_call(&error)),
        };
        let versions = answer.version_ids_to_stages().into_iter().flatten();
        let label = label(stage);
        let holder = versions.filter(|(_, stages)| stages.iter().any(|stage| stage == label));
        Ok(holder.map(|(id, _)| id.clone()).next())
    }

    /// Whether the secret is there now.
    async fn create(&self, name: &str) -> Result<()> {
        let call = self
            .client
            .create_secret()
            .name(name)
            .description("SMTP settings of one tenant, kept by Ownpost")
            .set_kms_key_id(self.key.clone())
            .secret_string(PLACEHOLDER);
        match call.send().await {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(error) if is(&error, &["ResourceExistsException"]) => Ok(()),
            // A deleted secret's name is refused for a while (DeleteSecret, ForceDeleteWithoutRecovery).
            Err(error) if is(&error, &["InvalidRequestException"]) => {
                Err(self.being_deleted(name, &error).await)
            }
            Err(error) => Err(error::of_secret_call(&error)),
        }
    }

    /// The refusal as a transient error when the secret is being deleted: its name is free again soon.
    async fn being_deleted<E>(&self, name: &str, refusal: &SdkError<E, HttpResponse>) -> EffectError
    where
        E: ProvideErrorMetadata,
    {
        let gone = match self.client.describe_secret().secret_id(name).send().await {
            Ok(secret) => secret.deleted_date.is_some(),
            Err(error) => is(&error, &["ResourceNotFoundException"]),
        };
        if gone {
            let message = "the secret of this name is being deleted".to_owned();
            return EffectError::Transient { service: SERVICE, message };
        }
        error::of_secret_call(refusal)
    }

    async fn take_pending(&self, name: &str, revision: &Revision) -> Result<()> {
        let call = self
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(label(SecretStage::Pending))
            .remove_from_version_id(&revision.0);
        match call.send().await {
            Ok(_) => Ok(()),
            // The label is not on this version, or the version is gone with it.
            Err(error) if is(&error, &["InvalidParameterException", "ResourceNotFoundException"]) => Ok(()),
            Err(error) => Err(error::of_secret_call(&error)),
        }
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>> {
        let version = self.read(&self.name(tenant), Which::Stage(stage)).await?;
        Ok(version.filter(|version| version.document.as_str() != PLACEHOLDER))
    }

    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>> {
        if !usable(revision) {
            return Ok(None);
        }
        let version = self.read(&self.name(tenant), Which::Revision(revision)).await?;
        Ok(version.filter(|version| version.document.as_str() != PLACEHOLDER))
    }

    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()> {
        if !usable(revision) {
            return Err(permanent("a revision is 32 to 64 letters, digits or hyphens"));
        }
        let name = self.name(tenant);
        let put = || {
            self.client
                .put_secret_value()
                .secret_id(&name)
                .client_request_token(&revision.0)
                .secret_string(document)
                .version_stages(label(SecretStage::Pending))
                .send()
        };
        match put().await {
            Ok(_) => return Ok(()),
            Err(error) if is(&error, &["ResourceNotFoundException"]) => self.create(&name).await?,
            Err(error) if is(&error, &["InvalidRequestException"]) => {
                return Err(self.being_deleted(&name, &error).await);
            }
            Err(error) => return Err(error::of_secret_call(&error)),
        }
        match put().await {
            Ok(_) => Ok(()),
            // Just created, and not everywhere yet.
            Err(error) if is(&error, &["ResourceNotFoundException"]) => {
                let message = "the new secret is not there yet".to_owned();
                Err(EffectError::Transient { service: SERVICE, message })
            }
            Err(error) => Err(error::of_secret_call(&error)),
        }
    }

    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool> {
        let name = self.name(tenant);
        let from = if let Some(expected) = expected {
            expected.0.clone()
        } else {
            // Nothing of the tenant's is current: the placeholder is, or somebody has promoted since.
            match self.read(&name, Which::Stage(SecretStage::Current)).await? {
                Some(current) if current.document.as_str() == PLACEHOLDER => current.revision.0,
                Some(current) if current.revision != *revision => return Ok(false),
                Some(current) => current.revision.0,
                None => return Err(permanent("there is no such version")),
            }
        };
        if from != revision.0 {
            let call = self
                .client
                .update_secret_version_stage()
                .secret_id(&name)
                .version_stage(label(SecretStage::Current))
                .move_to_version_id(&revision.0)
                .remove_from_version_id(&from);
            if let Err(error) = call.send().await {
                // Refused because the label is elsewhere by now, or for another reason? Where it is, says which.
                // On this very version means that an earlier try succeeded and its answer was lost.
                if !is(&error, &["InvalidParameterException", "ResourceNotFoundException"]) {
                    return Err(error::of_secret_call(&error));
                }
                match self.holder(&name, SecretStage::Current).await? {
                    Some(holder) if holder == revision.0 => {}
                    Some(holder) if holder == from => return Err(error::of_secret_call(&error)),
                    _ => return Ok(false),
                }
            }
        } else if self.holder(&name, SecretStage::Current).await?.as_deref() != Some(&from) {
            return Ok(false);
        }
        // The version is active, whatever becomes of the other label; the next `put_pending` moves that anyway.
        if let Err(error) = self.take_pending(&name, revision).await {
            tracing::warn!(%tenant, %error, "AWSPENDING stays on the version that is now current");
        }
        Ok(true)
    }

    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()> {
        if usable(revision) { self.take_pending(&self.name(tenant), revision).await } else { Ok(()) }
    }

    async fn forget(&self, tenant: &Tenant) -> Result<()> {
        for name in [self.tokens_name(tenant), self.name(tenant)] {
            let call = self.client.delete_secret().secret_id(name).force_delete_without_recovery(true);
            match call.send().await {
                Ok(_) => {}
                Err(error) if is(&error, &["ResourceNotFoundException"]) => {}
                Err(error) => return Err(error::of_secret_call(&error)),
            }
        }
        Ok(())
    }

    async fn tokens(&self, tenant: &Tenant) -> Result<Option<Zeroizing<String>>> {
        let version = self.read(&self.tokens_name(tenant), Which::Stage(SecretStage::Current)).await?;
        Ok(version.map(|version| version.document))
    }

    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()> {
        let name = self.tokens_name(tenant);
        let put = || self.client.put_secret_value().secret_id(&name).secret_string(document).send();
        match put().await {
            Ok(_) => return Ok(()),
            Err(error) if is(&error, &["ResourceNotFoundException"]) => {}
            Err(error) => return Err(error::of_secret_call(&error)),
        }
        let create = self
            .client
            .create_secret()
            .name(&name)
            .description("OAuth 2 tokens of one tenant, kept by Ownpost")
            .secret_string(document);
        match create.send().await {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(error) if is(&error, &["ResourceExistsException"]) => {
                put().await.map(drop).map_err(|error| error::of_secret_call(&error))
            }
            Err(error) => Err(error::of_secret_call(&error)),
        }
    }

    async fn platform(&self) -> Result<Option<StoredVersion>> {
        let Some(name) = &self.platform else { return Ok(None) };
        match self.read(name, Which::Stage(SecretStage::Current)).await? {
            Some(version) => Ok(Some(version)),
            None => Err(permanent("the secret that OWNPOST_PLATFORM_SECRET names has no current version")),
        }
    }

    async fn operator(&self, name: &str) -> Result<Option<Zeroizing<String>>> {
        let version = self.read(name, Which::Stage(SecretStage::Current)).await?;
        Ok(version.map(|version| version.document))
    }
}

fn label(stage: SecretStage) -> &'static str {
    match stage {
        SecretStage::Current => "AWSCURRENT",
        SecretStage::Previous => "AWSPREVIOUS",
        SecretStage::Pending => "AWSPENDING",
    }
}

/// What Secrets Manager takes as a version id.
fn usable(revision: &Revision) -> bool {
    (32..=64).contains(&revision.0.len())
        && revision.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, codes: &[&str]) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code).is_some_and(|code| codes.contains(&code))
}

fn version(answer: GetSecretValueOutput) -> Result<StoredVersion> {
    let created_at = answer.created_date.as_ref().map_or_else(Default::default, date);
    match (answer.version_id, answer.secret_string) {
        (Some(id), Some(document)) => {
            Ok(StoredVersion { revision: Revision(id), document: Zeroizing::new(document), created_at })
        }
        _ => Err(permanent("the secret holds bytes instead of text")),
    }
}

fn date(at: &DateTime) -> jiff::Timestamp {
    jiff::Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)).unwrap_or_default()
}

fn permanent(message: &str) -> EffectError {
    EffectError::Permanent { service: SERVICE, message: message.to_owned() }
}
