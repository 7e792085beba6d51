//! What the operator sets: the environment of docs/reference/environment.md.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::brand::{Brand, UnusableBrand, is_url};
use ownpost_domain::outcome;
use ownpost_domain::seats::Bounds;
use ownpost_smtp::{Network, NetworkOptions};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::access::{Access, Claim};
use crate::effects::Secrets;
use crate::files;
use crate::identity::Issuer;
use crate::oauth_providers::OAuthProviders;

/// The operator's configuration of the Lambda functions and of `ownpost`, read once at start. An unusable value is an
/// error at start, not a surprise later.
///
/// ```
/// use ownpost_core::config::Config;
///
/// let ports = |name: &str| (name == "OWNPOST_ALLOW_PORTS").then(|| "2526, 5870".to_owned());
/// assert_eq!(Config::read(ports)?.allow_ports, [2526, 5870]);
/// let unusable = |name: &str| (name == "OWNPOST_EHLO_NAME").then(|| "localhost".to_owned());
/// assert_eq!(Config::read(unusable).unwrap_err().variable, "OWNPOST_EHLO_NAME");
/// # Ok::<(), ownpost_core::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `OWNPOST_ALLOW_NETWORKS`: CIDRs that may be dialled although private.
    pub allow_networks: Vec<String>,
    /// `OWNPOST_ALLOW_PORTS`: ports allowed beside those of the reference.
    pub allow_ports: Vec<u16>,
    /// `OWNPOST_EXTRA_CA_FILE`: PEM, trusted beside the public roots.
    pub extra_ca_file: Option<PathBuf>,
    /// `OWNPOST_EHLO_NAME`: the host name for EHLO.
    pub ehlo_name: Option<String>,
    /// `OWNPOST_TEMPLATES`: a folder that overrides templates.
    pub templates: Option<PathBuf>,
    /// `OWNPOST_PRODUCT`: how mails name and brand the product.
    pub product: Brand,
    /// `OWNPOST_DKIM`: where the keys are that sign mails.
    pub dkim: Option<DkimSource>,
    /// `OWNPOST_DNS_SERVER`: host:port, for tests.
    pub dns_server: Option<SocketAddr>,
    /// `OWNPOST_RELAY_CONNECTIONS`: the connections of all senders together that each relay gets to begin with.
    pub relay_connections: Option<u32>,
    /// `OWNPOST_SENDERS`: how many senders run at the same time, at most; one relay occupies no more than a share of them.
    pub senders: Option<u32>,
    /// `OWNPOST_RETRY_FOR`: how long a mail is tried before it fails, instead of [`Config::RETRY_FOR`].
    pub retry_for: Option<Duration>,
    /// `OWNPOST_HOLD_FOR`: how long a mail is held before it fails, instead of [`Config::HOLD_FOR`].
    pub hold_for: Option<Duration>,
    /// `OWNPOST_RETAIN_DAYS`: how long final rows are kept, instead of [`Config::RETAIN`].
    pub retain: Option<Duration>,
    /// `OWNPOST_JWT_ISSUER`, `OWNPOST_JWT_AUDIENCE`: the provider whose tokens are checked here, where no authoriser does.
    pub issuer: Option<Issuer>,
    /// `OWNPOST_TENANT_CLAIM`, `OWNPOST_ADMIN_CLAIM`, `OWNPOST_READER_CLAIM`: who may do what at the API.
    pub access: Access,
    /// `OWNPOST_OAUTH_PROVIDERS`: the operator's applications at providers of mailboxes.
    pub oauth_providers: OAuthProviders,
    /// The same as the name of a secret, until [`Config::with_secrets`] has read it.
    pub oauth_providers_secret: Option<String>,
    /// `OWNPOST_ALLOW_ORIGINS`: the origins of the pages that may call the API.
    pub allow_origins: Vec<String>,
    /// `OWNPOST_PUBLIC_URL`: the address of the API as browsers reach it, without a slash at the end.
    pub public_url: Option<String>,
    /// Values that the environment does not set.
    pub overrides: Overrides,
}

/// Where the operator keeps the DKIM keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DkimSource {
    /// A file, read at start.
    File(PathBuf),
    /// A secret of this name or ARN, read when the first mail leaves and every few minutes. `ownpost` has none.
    Secret(String),
}

/// Values that a program sets and the environment does not: for `ownpost local`, tests and simulations. `None` and empty
/// mean the values of production.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Exact endpoints that may be dialled although private: the embedded relays of `ownpost local`.
    pub allow_endpoints: Vec<SocketAddr>,
    /// How long a row may be `sending` before its sender counts as dead and the mail as `unknown`, instead of
    /// [`Config::SENDING_LEASE`].
    pub sending_lease: Option<Duration>,
    /// The first wait before another attempt, instead of [`outcome::FIRST_WAIT`].
    pub retry_wait: Option<Duration>,
    /// The start of the only process that uses the ledger. A row that is `sending` from before has no sender any more,
    /// whatever the lease says.
    pub senders_since: Option<Timestamp>,
}

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

/// A variable of the environment that [`Config::read`] or [`AwsResources::read`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// Its value when it is not set, in words.
    pub default: &'static str,
    /// Its meaning, for the operator.
    pub meaning: &'static str,
    /// Whether `ownpost` uses it too; otherwise only the Lambda functions do.
    pub in_terminal: bool,
}

/// An environment variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// The fault of its value, and the values that can be used.
    pub problem: String,
}

/// The provider of tokens, and for whom they are made out.
const JWT_ISSUER: &str = "OWNPOST_JWT_ISSUER";
const JWT_AUDIENCE: &str = "OWNPOST_JWT_AUDIENCE";
/// The operator's applications at providers of mailboxes.
const OAUTH_PROVIDERS: &str = "OWNPOST_OAUTH_PROVIDERS";
/// How long final rows are kept, in days.
const RETAIN_DAYS: &str = "OWNPOST_RETAIN_DAYS";
/// Where the DKIM keys are.
const DKIM: &str = "OWNPOST_DKIM";

impl Config {
    /// The default of [`AwsResources::secret_prefix`].
    pub const SECRET_PREFIX: &'static str = "ownpost/";
    /// Two days of tries: no recipient gets last week's comment.
    pub const RETRY_FOR: Duration = Duration::from_hours(48);
    /// What most servers take of one client by default.
    pub const RELAY_CONNECTIONS: u32 = 3;
    /// Five days of holding: a relay that breaks on a Friday evening has Monday and Tuesday to be mended, and a long weekend.
    pub const HOLD_FOR: Duration = Duration::from_hours(120);
    /// How long final rows are kept.
    pub const RETAIN: Duration = Duration::from_hours(90 * 24);
    /// How long an event's document is kept after the last of its mails is final: for as long as somebody may want to send
    /// one again.
    pub const KEEP_DOCUMENT: Duration = Duration::from_hours(7 * 24);
    /// The longest that a Lambda can live: a `sending` older than that has no sender any more.
    pub const SENDING_LEASE: Duration = Duration::from_mins(15);

    /// All variables, of [`Config::read`] and of [`AwsResources::read`]: for `ownpost --help` and docs/reference/environment.md.
    pub const VARIABLES: &'static [Variable] = &[
        shared(
            "OWNPOST_ALLOW_NETWORKS",
            "none",
            "networks or addresses that may be dialled although private: 10.0.0.0/8,fd00::/8,192.168.1.5",
        ),
        shared("OWNPOST_ALLOW_PORTS", "none", "ports in addition to 25, 465, 587, 2465, 2525, 2587"),
        shared("OWNPOST_EXTRA_CA_FILE", "none", "PEM file of CAs trusted in addition to the public ones"),
        shared("OWNPOST_EHLO_NAME", "the own address as a literal", "the fully qualified host name for EHLO"),
        shared("OWNPOST_TEMPLATES", "none", "folder whose files override templates of mails"),
        shared(
            "OWNPOST_PRODUCT",
            "no name",
            "name and look of the product in mails: a file's path, or JSON with `name`, `url`, `settingsUrl`, `logoUrl`, \
             `accentColor`, `supportUrl`, `postalAddress`, `footer`",
        ),
        shared(
            DKIM,
            "no signature",
            "keys that sign mails by DKIM: a file's path (read at start), for the functions also a secret's name or ARN, with \
             `[{\"domain\", \"selector\", \"privateKeyPem\", \"tenants\"?}]`",
        ),
        shared(
            OAUTH_PROVIDERS,
            "none",
            "applications with which tenants connect mailboxes: a secret's name, a file's path, or JSON as \
             `{\"microsoft\": {\"clientId\": …, \"clientSecret\": …}}`",
        ),
        shared(
            "OWNPOST_ALLOW_ORIGINS",
            "none",
            "origins of the pages with the form: https://app.example.com",
        ),
        shared(
            "OWNPOST_PUBLIC_URL",
            "`ownpost local`: its own address",
            "address of the API as browsers reach it; providers send the browser back to it",
        ),
        shared(
            JWT_ISSUER,
            "none",
            "`iss` of the OpenID Connect provider whose tokens are taken, where Ownpost checks them itself: \
             https://id.example.com",
        ),
        shared(
            JWT_AUDIENCE,
            "none",
            "audiences of which each of these tokens has to have one: `aud`, or `client_id` where there is none",
        ),
        shared("OWNPOST_TENANT_CLAIM", "`tenant`, else `custom:tenant`", "claim that names the tenant"),
        shared(
            "OWNPOST_ADMIN_CLAIM",
            "every token of a tenant",
            "claim and value of those who may change settings: role=admin, scope=smtp:write",
        ),
        shared("OWNPOST_READER_CLAIM", "none", "claim and value of those who may only read"),
        shared("OWNPOST_DNS_SERVER", "the system's", "address:port of the DNS server to ask"),
        shared(
            "OWNPOST_RELAY_CONNECTIONS",
            "3",
            "connections that each relay gets to begin with, over all senders; the number follows its replies",
        ),
        function(
            "OWNPOST_SENDERS",
            "not limited",
            "how many senders run at the same time; one tenant's relay occupies a third of them at most",
        ),
        shared("OWNPOST_RETRY_FOR", "48", "hours for which a mail is tried before it fails"),
        shared("OWNPOST_HOLD_FOR", "120", "hours for which a mail is held before it fails"),
        shared(
            RETAIN_DAYS,
            "90",
            "days for which final mails stay in the ledger, and credentials of removed settings for a rollback",
        ),
        function(
            "OWNPOST_PLATFORM_SECRET",
            "none",
            "name of the secret with the platform's own SmtpSettings",
        ),
        function(
            "OWNPOST_SECRET_PREFIX",
            Self::SECRET_PREFIX,
            "what the names of the tenants' secrets begin with",
        ),
        function("OWNPOST_TABLE", "required", "DynamoDB table of the ledger"),
        function("OWNPOST_QUEUE_URL", "required", "URL of the SQS queue between router and sender"),
        function(
            "OWNPOST_REFUSED_QUEUE_URL",
            "none: a refused event stays on its queue",
            "URL of the SQS queue in which router keeps refused events with the reason",
        ),
        function(
            "OWNPOST_EVENT_BUS",
            "the bus `default`",
            "EventBridge bus of the events that Ownpost emits",
        ),
        function("OWNPOST_STACK", "ownpost", "value of the dimension `Stack` of the metrics"),
        function("OWNPOST_KMS_KEY", "AWS's own", "ARN of the key over the tenants' secrets"),
    ];

    /// Reads the environment through `get` (`std::env::var(..).ok()` in production). An empty value counts as
    /// none, because templates pass parameters that were left empty.
    ///
    /// # Errors
    /// The first variable that cannot be used, and what it takes.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = not_empty(get);
        let (oauth_providers, oauth_providers_secret) =
            one(&get, OAUTH_PROVIDERS, oauth_providers)?.unwrap_or_default();
        Ok(Self {
            allow_networks: list(&get, "OWNPOST_ALLOW_NETWORKS", network)?,
            allow_ports: list(&get, "OWNPOST_ALLOW_PORTS", port)?,
            extra_ca_file: one(&get, "OWNPOST_EXTRA_CA_FILE", file)?,
            ehlo_name: one(&get, "OWNPOST_EHLO_NAME", ehlo_name)?,
            templates: one(&get, "OWNPOST_TEMPLATES", folder)?,
            product: one(&get, "OWNPOST_PRODUCT", product)?.unwrap_or_default(),
            dkim: one(&get, DKIM, dkim)?,
            dns_server: one(&get, "OWNPOST_DNS_SERVER", socket)?,
            relay_connections: one(&get, "OWNPOST_RELAY_CONNECTIONS", count)?,
            senders: one(&get, "OWNPOST_SENDERS", count)?,
            retry_for: one(&get, "OWNPOST_RETRY_FOR", hours)?,
            hold_for: one(&get, "OWNPOST_HOLD_FOR", hours)?,
            retain: one(&get, RETAIN_DAYS, days)?,
            issuer: issuer(&get)?,
            access: access(&get)?,
            oauth_providers,
            oauth_providers_secret,
            allow_origins: list(&get, "OWNPOST_ALLOW_ORIGINS", origin)?,
            public_url: one(&get, "OWNPOST_PUBLIC_URL", public_url)?,
            overrides: Overrides::default(),
        })
    }

    /// The same with what it names as secrets.
    ///
    /// # Errors
    /// The secret is not there, cannot be read, or holds something else.
    pub async fn with_secrets(mut self, secrets: &dyn Secrets) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError { variable: OAUTH_PROVIDERS, problem };
        if let Some(name) = self.oauth_providers_secret.take() {
            let read = secrets.operator(&name).await;
            let json =
                read.map_err(|error| problem(format!("the secret `{name}` cannot be read: {error}")))?;
            let json = json.ok_or_else(|| problem(format!("there is no secret `{name}`")))?;
            self.oauth_providers = OAuthProviders::parse(&json)
                .map_err(|error| problem(format!("the secret `{name}`: {error}")))?;
        }
        Ok(self)
    }

    /// Checks that an account can be connected with the operator's providers, if there are any.
    ///
    /// # Errors
    /// The variable that is missing, or contradicts the providers.
    pub fn can_connect(&self) -> Result<(), ConfigError> {
        let problem = |variable, problem: String| Err(ConfigError { variable, problem });
        if let Some(name) = &self.oauth_providers_secret {
            return problem(OAUTH_PROVIDERS, format!("`{name}` is neither JSON nor a file that can be read"));
        }
        if self.oauth_providers.is_empty() {
            return Ok(());
        }
        if self.public_url.is_none() {
            let needed = format!("is needed with {OAUTH_PROVIDERS}: providers send the browser back to it");
            return problem("OWNPOST_PUBLIC_URL", needed);
        }
        if self.exact_origins().next().is_none() && self.product.settings_url.is_none() {
            let needed = format!(
                "names no origin, and OWNPOST_PRODUCT no settingsUrl: with {OAUTH_PROVIDERS} one of them says where \
                 a connected admin goes on"
            );
            return problem("OWNPOST_ALLOW_ORIGINS", needed);
        }
        Ok(())
    }

    /// Whether pages of this origin may call the API: one of `allow_origins`, or the API's own.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let fits = |allowed: &str| match allowed.split_once('*') {
            None => origin == allowed,
            Some((before, after)) => {
                let rest = origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                before.is_empty() && after.is_empty()
                    || rest.is_some_and(|rest| {
                        !rest.is_empty()
                            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
                    })
            }
        };
        let own = self.public_url.as_deref().and_then(|url| {
            let (scheme, rest) = url.split_once("://")?;
            Some(format!("{scheme}://{}", rest.split('/').next()?))
        });
        own.as_deref() == Some(origin) || self.allow_origins.iter().any(|allowed| fits(allowed))
    }

    /// The origins that are one page's and no pattern.
    pub fn exact_origins(&self) -> impl Iterator<Item = &str> {
        self.allow_origins.iter().map(String::as_str).filter(|origin| !origin.contains('*'))
    }

    /// The network that this configuration allows. Reads the CA file; opens no socket.
    ///
    /// # Errors
    /// The variable whose value cannot be used.
    pub fn network(&self) -> Result<Network, ConfigError> {
        let problem = |variable, problem: String| ConfigError { variable, problem };
        let mut extra_roots = Vec::new();
        if let Some(file) = &self.extra_ca_file {
            let unusable =
                |why: String| problem("OWNPOST_EXTRA_CA_FILE", format!("{}: {why}", file.display()));
            let pem = files::read(file).map_err(|error| unusable(error.to_string()))?;
            if pem.windows(16).any(|window| window == b"PRIVATE KEY-----") {
                return Err(unusable("holds a private key; name a file with certificates alone".to_owned()));
            }
            for block in smtp_rules::pem::blocks(&pem) {
                let der = block.filter(|der| smtp_rules::pem::Certificate::read(der).is_some());
                let der = der.ok_or_else(|| unusable("holds a block that is no certificate".to_owned()))?;
                extra_roots.push(CertificateDer::from(der));
            }
            if extra_roots.is_empty() {
                return Err(unusable("holds no certificate in PEM".to_owned()));
            }
        }
        let mut allow_networks = Vec::new();
        for text in &self.allow_networks {
            allow_networks.push(smtp_rules::address::Network::parse(text).ok_or_else(|| {
                let why = format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8");
                problem("OWNPOST_ALLOW_NETWORKS", why)
            })?);
        }
        Network::new(NetworkOptions {
            allow_networks,
            allow_ports: self.allow_ports.clone(),
            allow_endpoints: self.overrides.allow_endpoints.clone(),
            extra_roots,
            ehlo_name: self.ehlo_name.clone(),
            dns_server: self.dns_server,
        })
        .map_err(|error| problem("OWNPOST_DNS_SERVER", error.to_string()))
    }

    /// The connections that a relay of this name may get from all senders together. A tenant's relay occupies a third of
    /// the senders at most, so that a slow one delays nobody else; the platform's, which is everybody's, two thirds.
    pub fn bounds(&self, host: &str, of_platform: bool) -> Bounds {
        let begin = self.relay_connections.unwrap_or(Self::RELAY_CONNECTIONS);
        if of_platform {
            return Bounds::of_platform(host, begin, self.senders.map(|senders| senders - senders / 3));
        }
        Bounds::of(host, begin, self.senders.map_or(u32::MAX, |senders| senders / 3))
    }

    /// How long a mail is tried before it fails.
    pub fn retry_for(&self) -> Duration {
        self.retry_for.unwrap_or(Self::RETRY_FOR)
    }

    /// How long a mail is held before it fails.
    pub fn hold_for(&self) -> Duration {
        self.hold_for.unwrap_or(Self::HOLD_FOR)
    }

    /// How long final rows are kept, read alone: for the store.
    ///
    /// # Errors
    /// The variable is no number of days.
    pub fn retain_from(get: impl Fn(&str) -> Option<String>) -> Result<Duration, ConfigError> {
        Ok(one(&not_empty(get), RETAIN_DAYS, days)?.unwrap_or(Self::RETAIN))
    }

    /// How long final rows are kept.
    pub fn retain(&self) -> Duration {
        self.retain.unwrap_or(Self::RETAIN)
    }

    /// How long a row may be `sending` before its sender counts as dead.
    pub fn sending_lease(&self) -> Duration {
        self.overrides.sending_lease.unwrap_or(Self::SENDING_LEASE)
    }

    /// The first wait before another attempt.
    pub fn retry_wait(&self) -> Duration {
        self.overrides.retry_wait.unwrap_or(outcome::FIRST_WAIT)
    }
}

impl AwsResources {
    /// Reads the environment as [`Config::read`] does. A resource that is required and missing is `None` here: the
    /// effects that need it say so.
    ///
    /// # Errors
    /// The first variable that cannot be used, and what it takes.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = not_empty(get);
        let resources = Self {
            platform_secret: one(&get, "OWNPOST_PLATFORM_SECRET", secret_name)?,
            secret_prefix: one(&get, "OWNPOST_SECRET_PREFIX", secret_prefix)?
                .unwrap_or_else(|| Config::SECRET_PREFIX.to_owned()),
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

/// `get` without white space around the values, and without those that are empty.
fn not_empty(get: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

const fn shared(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning, in_terminal: true }
}

const fn function(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning, in_terminal: false }
}

/// A value, or the reason why the text cannot be used.
type Parsed<T> = Result<T, String>;

fn one<T>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    parse: fn(&str) -> Parsed<T>,
) -> Result<Option<T>, ConfigError> {
    let parsed = get(variable).as_deref().map(parse).transpose();
    parsed.map_err(|problem| ConfigError { variable, problem })
}

fn list<T>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    parse: fn(&str) -> Parsed<T>,
) -> Result<Vec<T>, ConfigError> {
    let text = get(variable).unwrap_or_default();
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(parse).collect::<Parsed<_>>().map_err(|problem| ConfigError { variable, problem })
}

/// The provider of tokens. A token for everybody would be one for us, so an issuer has audiences.
fn issuer(get: &impl Fn(&str) -> Option<String>) -> Result<Option<Issuer>, ConfigError> {
    let url = one(get, JWT_ISSUER, Issuer::parse_url)?;
    let audiences: Vec<String> = list(get, JWT_AUDIENCE, |audience| Ok(audience.to_owned()))?;
    let needs = |variable, other| Err(ConfigError { variable, problem: format!("needs {other}") });
    match url {
        Some(_) if audiences.is_empty() => needs(JWT_ISSUER, JWT_AUDIENCE),
        None if !audiences.is_empty() => needs(JWT_AUDIENCE, JWT_ISSUER),
        url => Ok(url.map(|url| Issuer { url, audiences })),
    }
}

/// Who may do what. Readers without an admin's claim would change settings like everybody else.
fn access(get: &impl Fn(&str) -> Option<String>) -> Result<Access, ConfigError> {
    let access = Access {
        tenant: one(get, "OWNPOST_TENANT_CLAIM", claim_name)?,
        admin: one(get, "OWNPOST_ADMIN_CLAIM", Claim::parse)?,
        reader: one(get, "OWNPOST_READER_CLAIM", Claim::parse)?,
    };
    if access.reader.is_some() && access.admin.is_none() {
        let problem = "needs OWNPOST_ADMIN_CLAIM, or every token may change settings".to_owned();
        return Err(ConfigError { variable: "OWNPOST_READER_CLAIM", problem });
    }
    Ok(access)
}

/// What the rules take, in the browser too.
fn network(text: &str) -> Parsed<String> {
    let problem = || format!("`{text}` is no network or address; write 10.0.0.0/8, fd00::/8 or 192.168.1.5");
    smtp_rules::address::Network::parse(text).map(|_| text.to_owned()).ok_or_else(problem)
}

fn port(text: &str) -> Parsed<u16> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("`{text}` is no port; write numbers from 1 to 65535 separated by commas"))
}

fn count(text: &str) -> Parsed<u32> {
    text.parse::<u32>()
        .ok()
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| format!("`{text}` is no number from 1 to 1000"))
}

/// Hours up to 90 days: beyond that nobody wants the mail any more, and its document may be gone.
fn hours(text: &str) -> Parsed<Duration> {
    text.parse::<u64>()
        .ok()
        .filter(|hours| (1..=2160).contains(hours))
        .map(Duration::from_hours)
        .ok_or_else(|| format!("`{text}` is no number of hours from 1 to 2160"))
}

fn days(text: &str) -> Parsed<Duration> {
    text.parse::<u64>()
        .ok()
        .filter(|days| (1..=3650).contains(days))
        .map(|days| Duration::from_hours(days * 24))
        .ok_or_else(|| format!("`{text}` is no number of days from 1 to 3650"))
}

fn file(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err(no_file(text)) }
}

/// Why a path is none of a file that is read at start.
fn no_file(text: &str) -> String {
    match std::fs::metadata(text) {
        Ok(_) => format!("`{text}` is no regular file"),
        Err(_) => format!("there is no file `{text}`"),
    }
}

fn folder(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err(format!("there is no folder `{text}`")) }
}

/// A file that is there, or else a secret's name. Keys have no place in the environment, which consoles show.
fn dkim(text: &str) -> Parsed<DkimSource> {
    if text.starts_with(['[', '{']) {
        return Err("takes a file's path or a secret's name, not the keys themselves".to_owned());
    }
    let path = PathBuf::from(text);
    if path.is_file() {
        return Ok(DkimSource::File(path));
    }
    if text.starts_with(['/', '.', '~']) {
        return Err(no_file(text));
    }
    secret_name(text).map(DkimSource::Secret)
}

/// The brand, as JSON or in a file.
fn product(text: &str) -> Parsed<Brand> {
    let json = json_or_file(text)?;
    let brand: Brand = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let unusable = |found: UnusableBrand| format!("{}: {}", found.member, found.problem);
    brand.check().map_err(unusable)?;
    Ok(brand)
}

/// The providers, or the name of the secret with them.
fn oauth_providers(text: &str) -> Parsed<(OAuthProviders, Option<String>)> {
    let is_json = text.starts_with(['{', '[']);
    let path = Path::new(text);
    if !is_json && path.is_absolute() && path.exists() && !path.is_file() {
        return Err(no_file(text));
    }
    if !is_json && !path.is_file() {
        let name =
            secret_name(text).map_err(|_| "is neither JSON, nor a file, nor a secret's name".to_owned())?;
        return Ok((OAuthProviders::default(), Some(name)));
    }
    Ok((OAuthProviders::parse(&json_or_file(text)?)?, None))
}

/// An origin (RFC 6454 §6.1), or a pattern of API Gateway's: `*`, `https://*`.
fn origin(text: &str) -> Parsed<String> {
    let text = text.trim_end_matches('/');
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |authority: &str| {
        !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]*".contains(&b))
    };
    if text == "*" || authority.is_some_and(plain) {
        // Browsers write scheme and host in lower case.
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is no origin; write https://app.example.com"))
    }
}

/// The API's address. Providers send a code there, so it is https, but for this machine's own.
fn public_url(text: &str) -> Parsed<String> {
    let url = text.trim_end_matches('/');
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|local| {
        url.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let usable = is_url(url, &["https://"]) || (is_local && is_url(url, &["http://"]));
    if usable && !url.contains(['?', '#', '@']) {
        Ok(url.to_owned())
    } else {
        Err(format!("`{text}` is no address such as https://mail.example.com/api"))
    }
}

/// A value that is JSON itself, or the path of a file with it.
fn json_or_file(text: &str) -> Parsed<Zeroizing<String>> {
    if text.starts_with(['{', '[']) {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    files::read_text(Path::new(text))
        .map_err(|error| format!("`{text}` is neither JSON nor a file that can be read: {error}"))
}

fn ehlo_name(text: &str) -> Parsed<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no full host name; write something like mail.example.com"))
    }
}

/// The region of an ARN; `None` for a name.
fn arn_region(text: &str) -> Option<&str> {
    text.strip_prefix("arn:")?.split(':').nth(2)
}

/// What Secrets Manager takes as a name, or a secret's ARN.
fn secret_name(text: &str) -> Parsed<String> {
    let name = match text.strip_prefix("arn:") {
        None => text,
        Some(arn) => match arn.split_once(":secret:") {
            Some((before, name)) if before.split(':').nth(1) == Some("secretsmanager") => name,
            _ => return Err(format!("`{text}` is the ARN of no secret")),
        },
    };
    in_name(name, "/_+=.@-", 400)
        .map_err(|()| "a secret's name has letters, digits and /_+=.@- only".to_owned())?;
    Ok(text.to_owned())
}

/// What the names of the tenants' secrets may begin with: a tenant's name of 64 characters still fits behind it.
fn secret_prefix(text: &str) -> Parsed<String> {
    in_name(text, "/_+=.@-", 400)
        .map(|()| text.to_owned())
        .map_err(|()| "a secret's name has letters, digits and /_+=.@- only, and this is no ARN".to_owned())
}

fn table(text: &str) -> Parsed<String> {
    let name =
        text.strip_prefix("arn:").and_then(|arn| arn.split_once(":table/")).map_or(text, |(_, name)| name);
    if name.len() >= 3 && in_name(name, "_.-", 255).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("a table's name has 3 to 255 letters, digits and _.- only".to_owned())
    }
}

fn queue_url(text: &str) -> Parsed<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| {
        let (host, path) = rest.split_once('/').unwrap_or_default();
        !host.is_empty() && !path.is_empty() && in_name(rest, ".:/_[]-", 2048).is_ok()
    });
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("is no queue's URL; write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME".to_owned())
    }
}

fn event_bus(text: &str) -> Parsed<String> {
    in_name(text, "/_.:-", 1600)
        .map(|()| text.to_owned())
        .map_err(|()| "a bus' name or ARN has letters, digits and /_.:- only".to_owned())
}

/// What CloudFormation takes as a stack's name.
fn stack(text: &str) -> Parsed<String> {
    in_name(text, "-", 128).map(|()| text.to_owned()).map_err(|()| format!("`{text}` is no stack's name"))
}

fn key_arn(text: &str) -> Parsed<String> {
    let is_arn = text.starts_with("arn:") && text.contains(":kms:") && text.contains(":key/");
    if is_arn && in_name(text, ":/-_", 400).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no key's ARN; write arn:aws:kms:REGION:ACCOUNT:key/ID"))
    }
}

/// Names of claims may be URLs.
fn claim_name(text: &str) -> Parsed<String> {
    let fits = text.chars().all(|c| c.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is no claim's name")) }
}

/// Whether the text has ASCII letters, digits and these characters alone, at most so many.
fn in_name(text: &str, others: &str, most: usize) -> Result<(), ()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if !text.is_empty() && text.len() <= most && text.chars().all(fits) { Ok(()) } else { Err(()) }
}

fn socket(text: &str) -> Parsed<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| format!("`{text}` is no address with a port; write 127.0.0.1:5353"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_gives_the_defaults() {
        let config = Config::read(|_| None).unwrap();
        let resources = AwsResources::read(|_| None).unwrap();
        assert_eq!(resources.secret_prefix, "ownpost/");
        assert!(config.allow_networks.is_empty() && resources.table.is_none() && config.dns_server.is_none());
        assert_eq!(config.retry_for(), Duration::from_hours(48));
        assert_eq!(config.hold_for(), Duration::from_hours(120));
    }

    #[test]
    fn the_list_has_every_variable_that_is_read() {
        let asked = std::cell::RefCell::new(Vec::new());
        let note = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            None
        };
        Config::read(note).unwrap();
        AwsResources::read(note).unwrap();
        let mut asked = asked.into_inner();
        // Those of AWS are not ours to list.
        asked.retain(|name| !name.starts_with("AWS_"));
        asked.sort();
        // Some are read by both.
        asked.dedup();
        let mut listed: Vec<_> = Config::VARIABLES.iter().map(|variable| variable.name).collect();
        listed.sort_unstable();
        assert_eq!(asked, listed);
    }

    #[test]
    fn usable_and_unusable_values() {
        let check = |variable: &str, value: &str, usable: bool| {
            let get = |name: &str| (name == variable).then(|| value.to_owned());
            let read = Config::read(get).and_then(|_| AwsResources::read(get));
            assert_eq!(read.is_ok(), usable, "{variable}={value:?}: {read:?}");
            if let Err(error) = read {
                assert_eq!(error.variable, variable);
            }
        };
        for (variable, value, usable) in [
            ("OWNPOST_ALLOW_NETWORKS", "127.0.0.0/8, fd00::/8", true),
            ("OWNPOST_ALLOW_NETWORKS", "", true),
            ("OWNPOST_ALLOW_NETWORKS", "127.0.0.1,::1", true),
            ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/+8", false),
            ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/8;10.1.0.0/16", false),
            ("OWNPOST_ALLOW_NETWORKS", "10.0.0.0/33", false),
            ("OWNPOST_ALLOW_NETWORKS", "example.org/8", false),
            ("OWNPOST_ALLOW_PORTS", "2526,", true),
            ("OWNPOST_ALLOW_PORTS", "0", false),
            ("OWNPOST_ALLOW_PORTS", "65536", false),
            ("OWNPOST_ALLOW_PORTS", "smtp", false),
            ("OWNPOST_EXTRA_CA_FILE", "/nonexistent.pem", false),
            ("OWNPOST_TEMPLATES", "/nonexistent", false),
            ("OWNPOST_EHLO_NAME", "mail.example.com", true),
            ("OWNPOST_EHLO_NAME", "localhost", false),
            ("OWNPOST_EHLO_NAME", "a.example\r\nRSET", false),
            ("OWNPOST_EHLO_NAME", "-a.example", false),
            ("OWNPOST_PLATFORM_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:p-AbCdEf", true),
            ("OWNPOST_SECRET_PREFIX", "my app/", false),
            ("OWNPOST_ADMIN_CLAIM", "role=admin", true),
            ("OWNPOST_ADMIN_CLAIM", "admin", false),
            ("OWNPOST_ADMIN_CLAIM", "=admin", false),
            ("OWNPOST_READER_CLAIM", "role=support", false),
            ("OWNPOST_TENANT_CLAIM", "https://example.com/tenant", true),
            ("OWNPOST_TENANT_CLAIM", "the tenant", false),
            ("OWNPOST_KMS_KEY", "arn:aws:kms:eu-west-1:111122223333:key/1234", true),
            ("OWNPOST_KMS_KEY", "alias/ownpost", false),
            ("OWNPOST_PLATFORM_SECRET", "arn:aws:s3:::bucket", false),
            ("OWNPOST_SECRET_PREFIX", "arn:aws:secretsmanager:eu-west-1:1:secret:p", false),
            ("OWNPOST_TABLE", "own post", false),
            ("OWNPOST_TABLE", "t", false),
            ("OWNPOST_TABLE", "arn:aws:dynamodb:eu-west-1:1:table/ownpost", true),
            ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/mail", true),
            ("OWNPOST_QUEUE_URL", "http://localhost:4566/000000000000/mail", true),
            ("OWNPOST_QUEUE_URL", "mail", false),
            ("OWNPOST_QUEUE_URL", "arn:aws:sqs:eu-west-1:1:mail", false),
            ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com", false),
            ("OWNPOST_EVENT_BUS", "a bus", false),
            ("OWNPOST_DKIM", "shop/dkim", true),
            ("OWNPOST_DKIM", "/nonexistent.json", false),
            ("OWNPOST_DKIM", "[{}]", false),
            ("OWNPOST_DKIM", "ownpost/dkim", false),
            ("OWNPOST_DKIM", "arn:aws:secretsmanager:eu-west-1:1:secret:ownpost/dkim-AbCdEf", false),
            ("OWNPOST_OAUTH_PROVIDERS", "shop/providers", true),
            ("OWNPOST_OAUTH_PROVIDERS", "ownpost/providers", false),
            ("OWNPOST_DNS_SERVER", "127.0.0.1:5353", true),
            ("OWNPOST_DNS_SERVER", "localhost:5353", true),
            ("OWNPOST_DNS_SERVER", "[::1]:53", true),
            ("OWNPOST_DNS_SERVER", "127.0.0.1", false),
            ("OWNPOST_RELAY_CONNECTIONS", "5", true),
            ("OWNPOST_RELAY_CONNECTIONS", "0", false),
            ("OWNPOST_RELAY_CONNECTIONS", "many", false),
            ("OWNPOST_SENDERS", "10", true),
            ("OWNPOST_SENDERS", "-1", false),
            ("OWNPOST_RETRY_FOR", "72", true),
            ("OWNPOST_RETRY_FOR", "0", false),
            ("OWNPOST_HOLD_FOR", "48 h", false),
            ("OWNPOST_HOLD_FOR", "2161", false),
            ("OWNPOST_RETAIN_DAYS", "365", true),
            ("OWNPOST_RETAIN_DAYS", "0", false),
            ("OWNPOST_RETAIN_DAYS", "for ever", false),
        ] {
            check(variable, value, usable);
        }
    }

    #[test]
    fn the_platforms_secret_is_not_below_the_tenants_prefix() {
        let read = |secret: &str, prefix: &str| {
            AwsResources::read(|name| match name {
                "OWNPOST_PLATFORM_SECRET" => Some(secret.to_owned()),
                "OWNPOST_SECRET_PREFIX" => Some(prefix.to_owned()),
                _ => None,
            })
        };
        for (secret, prefix) in [
            ("ownpost/platform", ""),
            ("ownpost/", ""),
            ("arn:aws:secretsmanager:eu-west-1:1:secret:ownpost/platform-AbCdEf", ""),
            ("app/mail", "app/"),
        ] {
            let error = read(secret, prefix).unwrap_err();
            assert_eq!(error.variable, "OWNPOST_PLATFORM_SECRET");
            assert!(error.problem.contains("OWNPOST_SECRET_PREFIX"), "{error}");
        }
        for (secret, prefix) in [("ownpost-platform", ""), ("ownpost/platform", "tenants/"), ("", "")] {
            assert!(read(secret, prefix).is_ok(), "{secret} {prefix}");
        }
    }

    #[test]
    fn resources_of_another_region_are_refused_and_both_variables_named() {
        let read = |region: &str, endpoint: &str, variable: &str, value: &str| {
            AwsResources::read(|name| match name {
                "AWS_REGION" => Some(region.to_owned()),
                "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
                name => (name == variable).then(|| value.to_owned()),
            })
        };
        for (variable, value) in [
            ("OWNPOST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/mail"),
            ("OWNPOST_PLATFORM_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:p-AbCdEf"),
            ("OWNPOST_EVENT_BUS", "arn:aws:events:eu-west-1:1:event-bus/mail"),
            ("OWNPOST_DKIM", "arn:aws:secretsmanager:eu-west-1:1:secret:dkim-AbCdEf"),
            ("OWNPOST_OAUTH_PROVIDERS", "arn:aws:secretsmanager:eu-west-1:1:secret:oauth-AbCdEf"),
        ] {
            assert!(read("eu-west-1", "", variable, value).is_ok(), "{variable}");
            assert!(read("us-east-1", "http://127.0.0.1:4566", variable, value).is_ok(), "{variable}");
            let error = read("us-east-1", "", variable, value).unwrap_err();
            assert_eq!(error.variable, variable);
            assert!(error.problem.contains("AWS_REGION"), "{error}");
        }
    }

    #[test]
    fn a_pipe_a_device_or_a_folder_is_no_file() {
        let files = ["OWNPOST_EXTRA_CA_FILE", DKIM, OAUTH_PROVIDERS, "OWNPOST_PRODUCT"];
        for variable in files {
            for (value, expected) in
                [("/dev/zero", "regular file"), ("/", "regular file"), ("/no/such", "file")]
            {
                let error = Config::read(|name| (name == variable).then(|| value.to_owned()));
                let problem = match error {
                    // A secret's name may begin with a slash.
                    Ok(config) => {
                        assert_eq!(config.oauth_providers_secret.as_deref(), Some("/no/such"), "{variable}");
                        continue;
                    }
                    Err(error) => error.to_string(),
                };
                assert!(problem.starts_with(variable) && problem.contains(expected), "{problem}");
            }
        }
    }

    #[test]
    fn providers_need_an_address_to_come_back_to_and_a_place_to_go_on() {
        const PROVIDERS: &str = r#"{"google": {"clientId": "a", "clientSecret": "s"}}"#;
        let problem = |set: &[(&str, &str)]| {
            let get = |name: &str| {
                set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
            };
            Config::read(get).and_then(|config| config.can_connect()).map_err(|error| error.to_string()).err()
        };
        let (providers, url) =
            ((OAUTH_PROVIDERS, PROVIDERS), ("OWNPOST_PUBLIC_URL", "https://mail.acme.test/"));
        let origin = ("OWNPOST_ALLOW_ORIGINS", "https://app.acme.test");
        let product = ("OWNPOST_PRODUCT", r#"{"settingsUrl": "https://app.acme.test/mail"}"#);
        for set in [&[][..], &[providers, url, origin], &[providers, url, product], &[url, origin]] {
            assert_eq!(problem(set), None, "{set:?}");
        }
        for (set, expected) in [
            (&[providers, origin][..], "OWNPOST_PUBLIC_URL: is needed with"),
            (&[providers, url][..], "OWNPOST_ALLOW_ORIGINS: names no origin"),
            (&[providers, url, ("OWNPOST_ALLOW_ORIGINS", "*")][..], "OWNPOST_ALLOW_ORIGINS: names no origin"),
            (&[("OWNPOST_PUBLIC_URL", "http://mail.acme.test")][..], "OWNPOST_PUBLIC_URL: `http://mail"),
            (&[("OWNPOST_PUBLIC_URL", "http://127.0.0.1.acme.test")][..], "OWNPOST_PUBLIC_URL: `http://127"),
            (&[("OWNPOST_ALLOW_ORIGINS", "app.acme.test")][..], "OWNPOST_ALLOW_ORIGINS: `app.acme.test`"),
            (
                &[("OWNPOST_ALLOW_ORIGINS", "https://a.test/x")][..],
                "OWNPOST_ALLOW_ORIGINS: `https://a.test/x`",
            ),
            (&[(OAUTH_PROVIDERS, "{}x")][..], "OWNPOST_OAUTH_PROVIDERS: is no JSON"),
            (&[(OAUTH_PROVIDERS, "no such file")][..], "is neither JSON, nor a file, nor a secret's name"),
            (&[(OAUTH_PROVIDERS, "mail/oauth")][..], "`mail/oauth` is neither JSON nor a file"),
        ] {
            let problem = problem(set).unwrap_or_default();
            assert!(problem.contains(expected), "{set:?}: {problem}");
            assert!(!problem.contains('\n'));
        }
    }

    #[tokio::test]
    async fn providers_can_be_in_a_secret() {
        let memory = crate::testing::memory::Memory::new();
        let read =
            || Config::read(|name| (name == OAUTH_PROVIDERS).then(|| "mail/oauth".to_owned())).unwrap();
        let secrets = memory.effects().secrets;
        let error = read().with_secrets(&*secrets).await.unwrap_err();
        assert_eq!(error.to_string(), "OWNPOST_OAUTH_PROVIDERS: there is no secret `mail/oauth`");
        memory.set_operator("mail/oauth", "hunter2");
        let error = read().with_secrets(&*secrets).await.unwrap_err().to_string();
        assert!(
            error.contains("the secret `mail/oauth`: is no JSON") && !error.contains("hunter2"),
            "{error}"
        );
        memory.set_operator("mail/oauth", r#"{"google": {"clientId": "a", "clientSecret": "s"}}"#);
        let config = read().with_secrets(&*secrets).await.unwrap();
        assert!(config.oauth_providers.get("google").is_some() && config.oauth_providers_secret.is_none());
    }

    #[test]
    fn an_issuer_and_its_audiences_go_together() {
        let read = |url: &str, audiences: &str| {
            let get = |name: &str| match name {
                JWT_ISSUER => Some(url.to_owned()),
                JWT_AUDIENCE => Some(audiences.to_owned()),
                _ => None,
            };
            Config::read(get).map(|config| config.issuer).map_err(|error| error.to_string())
        };
        let issuer = read("https://id.acme.test/", "ownpost, second,").unwrap().unwrap();
        assert_eq!(issuer.url, "https://id.acme.test/", "the slash is part of `iss`");
        assert_eq!(issuer.audiences, ["ownpost", "second"]);
        assert_eq!(read("", "").unwrap(), None);
        assert_eq!(
            read("https://id.acme.test", ",").unwrap_err(),
            "OWNPOST_JWT_ISSUER: needs OWNPOST_JWT_AUDIENCE"
        );
        assert_eq!(read("", "ownpost").unwrap_err(), "OWNPOST_JWT_AUDIENCE: needs OWNPOST_JWT_ISSUER");
        assert!(read("http://id.acme.test", "ownpost").unwrap_err().contains("is no issuer"));
    }

    #[test]
    fn pages_of_the_origins_that_are_named_may_call() {
        let config = |origins: &[&str]| Config {
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            public_url: Some("https://mail.acme.test:8443/api".to_owned()),
            ..Config::default()
        };
        for (allowed, origin, expected) in [
            ("https://app.acme.test", "https://app.acme.test", true),
            ("https://app.acme.test", "https://app.acme.test.evil.test", false),
            ("https://app.acme.test", "http://app.acme.test", false),
            ("https://app.acme.test", "null", false),
            ("https://*.acme.test", "https://one.acme.test", true),
            ("https://*.acme.test", "https://one.two.acme.test", true),
            ("https://*.acme.test", "https://.acme.test", false),
            ("https://*.acme.test", "https://evil.test/.acme.test", false),
            ("https://*.acme.test", "https://one.acme.test.evil.test", false),
            ("https://*", "https://anything.test:8080", true),
            ("https://*", "http://anything.test", false),
            ("*", "null", true),
            // The API's own, behind a proxy.
            ("https://app.acme.test", "https://mail.acme.test:8443", true),
            ("https://app.acme.test", "https://mail.acme.test", false),
        ] {
            assert_eq!(config(&[allowed]).allows_origin(origin), expected, "{allowed} {origin}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let config =
            Config::read(|name| (name == "OWNPOST_ALLOW_PORTS").then(|| "2526, 5870".to_owned())).unwrap();
        assert_eq!(config.allow_ports, [2526, 5870]);
    }
}
