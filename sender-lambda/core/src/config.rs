//! What the operator sets: the environment of docs/reference/environment.md.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::brand::Brand;
use ownpost_domain::outcome;
use ownpost_domain::seats::Bounds;
use ownpost_smtp::{Network, NetworkOptions};
use rustls::pki_types::CertificateDer;

use crate::access::{Access, Claim};
use crate::effects::Secrets;
use crate::files;
use crate::identity::Issuer;
use crate::oauth_providers::OAuthProviders;

mod aws;
mod values;
mod variable;

pub use aws::AwsResources;
use aws::SECRET_PREFIX;
pub use values::DkimSource;
use values::{
    claim_name, count, days, dkim, ehlo_name, file, folder, hours, network, oauth_providers, origin, port,
    product, public_url, socket,
};
pub use variable::{ConfigError, Variable};
use variable::{
    DKIM, JWT_AUDIENCE, JWT_ISSUER, OAUTH_PROVIDERS, RETAIN_DAYS, function, list, not_empty, one, shared,
};

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
    /// The start of the only process that uses the ledger. A row that is `sending` from before has no sender any more, and a
    /// lock from before has no holder, whatever the leases say.
    pub senders_since: Option<Timestamp>,
}

impl Config {
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
        function("OWNPOST_SECRET_PREFIX", SECRET_PREFIX, "what the names of the tenants' secrets begin with"),
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

#[cfg(test)]
mod tests;
