//! The effects on AWS: Secrets Manager, DynamoDB, SQS and EventBridge.
//!
//! Cold start decides the cut: nothing is looked up or loaded. Region and credentials are those that Lambda puts
//! into the environment, the HTTP client trusts Amazon's own roots, compiled in, and no connection is opened
//! before the first call.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedAsyncSleep};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use ownpost_core::config::{AwsResources, Config, ConfigError};
use ownpost_core::effects::Effects;

mod error;
mod events;
mod http;
mod keys;
mod ledger;
mod queue;
mod secrets;

/// All waiting is bounded, so that a stuck call leaves time to say so before API Gateway gives up after 30 s.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);
const OPERATION: Duration = Duration::from_secs(12);

/// The effects on the resources that the operator names. `env` reads the variables that Lambda sets
/// (`std::env::var(..).ok()` in production) and `AWS_ENDPOINT_URL`. Opens no connection.
///
/// # Errors
/// The first variable that is missing or cannot be used.
pub fn effects(
    resources: &AwsResources,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Effects, ConfigError> {
    let retain = Config::retain_from(&env)?;
    let sdk = sdk_config(env)?;
    let needed = |value: &Option<String>, variable| {
        value.clone().ok_or_else(|| ConfigError { variable, problem: "is not set".to_owned() })
    };
    let table = needed(&resources.table, "OWNPOST_TABLE")?;
    let queue_url = needed(&resources.queue_url, "OWNPOST_QUEUE_URL")?;
    Ok(Effects {
        secrets: Arc::new(secrets::SecretsManager::new(
            lazy(&sdk, aws_sdk_secretsmanager::Client::new),
            resources.secret_prefix.clone(),
            resources.platform_secret.clone(),
            resources.kms_key.clone(),
        )),
        ledger: Arc::new(ledger::DynamoDb::new(lazy(&sdk, aws_sdk_dynamodb::Client::new), table, retain)),
        queue: Arc::new(queue::Sqs::new(
            lazy(&sdk, aws_sdk_sqs::Client::new),
            queue_url,
            resources.refused_queue_url.clone(),
        )),
        events: Arc::new(events::EventBridge::new(
            lazy(&sdk, aws_sdk_eventbridge::Client::new),
            resources.event_bus.clone(),
        )),
    })
}

/// A client that is made when it is first used: each takes a fifth of a millisecond, and few invocations need all.
type Lazy<C> = LazyLock<C, Box<dyn FnOnce() -> C + Send>>;

fn lazy<C: 'static>(sdk: &SdkConfig, new: fn(&SdkConfig) -> C) -> Lazy<C> {
    let sdk = sdk.clone();
    LazyLock::new(Box::new(move || new(&sdk)))
}

/// What all four clients share.
fn sdk_config(env: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, ConfigError> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    let needed = |variable: &'static str| {
        get(variable).ok_or_else(|| ConfigError {
            variable,
            problem: "is not set; Lambda sets it, elsewhere set it by hand".to_owned(),
        })
    };
    let region = get("AWS_REGION").map_or_else(|| needed("AWS_DEFAULT_REGION"), Ok)?;
    let credentials = Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        get("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let http = http::Http::new()
        .map_err(|error| ConfigError { variable: "AWS_REGION", problem: error.to_string() })?;
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts);
    builder.set_endpoint_url(get("AWS_ENDPOINT_URL"));
    Ok(builder.build())
}
