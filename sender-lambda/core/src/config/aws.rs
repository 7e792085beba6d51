//! The AWS resources that the operator names.

use super::values::{
    DkimSource, arn_region, dkim, event_bus, key_arn, oauth_providers, queue_url, secret_name, secret_prefix,
    stack, table,
};
use super::variable::{ConfigError, DKIM, OAUTH_PROVIDERS, not_empty, one};

/// The default of [`AwsResources::secret_prefix`].
pub(super) const SECRET_PREFIX: &str = "ownpost/";

/// The AWS resources that the operator names: the Lambda functions read them, `ownpost` has none.
#[derive(Clone, Debug, Default)]
pub struct AwsResources {
    /// `OWNPOST_PLATFORM_SECRET`: the name of the platform's own settings.
    pub platform_secret: Option<String>,
    /// `OWNPOST_SECRET_PREFIX`: the first part of the names of the tenants' secrets.
    pub secret_prefix: String,
    /// `OWNPOST_TABLE`: the DynamoDB table of the ledger.
    pub table: Option<String>,
    /// `OWNPOST_QUEUE_URL`: the SQS queue between router and sender.
    pub queue_url: Option<String>,
    /// `OWNPOST_REFUSED_QUEUE_URL`: the SQS queue in which `router` keeps refused events with the reason.
    pub refused_queue_url: Option<String>,
    /// `OWNPOST_EVENT_BUS`: the EventBridge bus of the emitted events.
    pub event_bus: Option<String>,
    /// `OWNPOST_STACK`: the name of the stack, which separates its metrics from those of others.
    pub stack: Option<String>,
    /// `OWNPOST_KMS_KEY`: the key over the tenants' secrets, instead of AWS's own.
    pub kms_key: Option<String>,
}

impl AwsResources {
    /// Reads the environment as [`super::Config::read`] does. A resource that is required and missing is `None` here: the
    /// effects that need it say so.
    ///
    /// # Errors
    /// The first variable that cannot be used, and what it takes.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = not_empty(get);
        let resources = Self {
            platform_secret: one(&get, "OWNPOST_PLATFORM_SECRET", secret_name)?,
            secret_prefix: one(&get, "OWNPOST_SECRET_PREFIX", secret_prefix)?
                .unwrap_or_else(|| SECRET_PREFIX.to_owned()),
            table: one(&get, "OWNPOST_TABLE", table)?,
            queue_url: one(&get, "OWNPOST_QUEUE_URL", queue_url)?,
            refused_queue_url: one(&get, "OWNPOST_REFUSED_QUEUE_URL", queue_url)?,
            event_bus: one(&get, "OWNPOST_EVENT_BUS", event_bus)?,
            stack: one(&get, "OWNPOST_STACK", stack)?,
            kms_key: one(&get, "OWNPOST_KMS_KEY", key_arn)?,
        };
        let dkim = match one(&get, DKIM, dkim)? {
            Some(DkimSource::Secret(name)) => Some(name),
            _ => None,
        };
        let (_, providers) = one(&get, OAUTH_PROVIDERS, oauth_providers)?.unwrap_or_default();
        let others = [(DKIM, dkim.as_deref()), (OAUTH_PROVIDERS, providers.as_deref())];
        let resources = resources.consistent(others)?;
        // Without an endpoint of its own (an emulator's) a call goes to the region's.
        if get("AWS_ENDPOINT_URL").is_none()
            && let Some(region) = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"))
        {
            resources.in_region(&region, others)?;
        }
        Ok(resources)
    }

    /// Refuses a queue or a secret of another region than the one that is called.
    fn in_region(&self, region: &str, others: [(&'static str, Option<&str>); 2]) -> Result<(), ConfigError> {
        let queue = self.queue_url.as_deref().and_then(|url| {
            let host = url.strip_prefix("https://sqs.")?.split('/').next()?;
            host.contains(".amazonaws.com").then(|| host.split('.').next().unwrap_or_default())
        });
        let secret = self.platform_secret.as_deref().and_then(arn_region);
        let bus = self.event_bus.as_deref().and_then(arn_region);
        let named =
            [("OWNPOST_QUEUE_URL", queue), ("OWNPOST_PLATFORM_SECRET", secret), ("OWNPOST_EVENT_BUS", bus)];
        let others = others.map(|(variable, secret)| (variable, secret.and_then(arn_region)));
        for (variable, theirs) in named.into_iter().chain(others) {
            if let Some(theirs) = theirs.filter(|theirs| *theirs != region) {
                let problem = format!("is in the region {theirs}, and AWS_REGION is {region}");
                return Err(ConfigError { variable, problem });
            }
        }
        Ok(())
    }

    /// Refuses a secret of the operator below the tenants' prefix: a tenant of that name would own it.
    fn consistent(self, others: [(&'static str, Option<&str>); 2]) -> Result<Self, ConfigError> {
        let platform = ("OWNPOST_PLATFORM_SECRET", self.platform_secret.as_deref());
        for (variable, secret) in [platform].into_iter().chain(others) {
            let secret = secret.unwrap_or_default();
            // An ARN has the name behind `:secret:`.
            let name = secret.split_once(":secret:").map_or(secret, |(_, name)| name);
            if !name.is_empty() && name.starts_with(&self.secret_prefix) {
                let problem = format!(
                    "`{name}` begins with OWNPOST_SECRET_PREFIX, `{}`, so a tenant could own it; give it another name",
                    self.secret_prefix
                );
                return Err(ConfigError { variable, problem });
            }
        }
        Ok(self)
    }
}
