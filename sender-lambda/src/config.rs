//! What the operator sets: the environment of CONTRACT §9.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The operator's configuration, read once at start. An unusable value is an error at start, not a surprise
/// later.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `OWNPOST_ALLOW_NETWORKS`: CIDRs that may be dialled although private.
    pub allow_networks: Vec<String>,
    /// `OWNPOST_ALLOW_PORTS`: ports allowed beside the contract's.
    pub allow_ports: Vec<u16>,
    /// Exact endpoints that may be dialled although private: the embedded relays of `ownpost local`. Not
    /// settable from the environment.
    pub allow_endpoints: Vec<SocketAddr>,
    /// `OWNPOST_EXTRA_CA_FILE`: PEM, trusted beside the public roots.
    pub extra_ca_file: Option<PathBuf>,
    /// `OWNPOST_EHLO_NAME`.
    pub ehlo_name: Option<String>,
    /// `OWNPOST_PLATFORM_SECRET`: the name of the platform's own settings.
    pub platform_secret: Option<String>,
    /// `OWNPOST_SECRET_PREFIX`: what the names of the tenants' secrets begin with.
    pub secret_prefix: String,
    /// `OWNPOST_TABLE`.
    pub table: Option<String>,
    /// `OWNPOST_QUEUE_URL`.
    pub queue_url: Option<String>,
    /// `OWNPOST_EVENT_BUS`.
    pub event_bus: Option<String>,
    /// `OWNPOST_TEMPLATES`: a folder that overrides templates.
    pub templates: Option<PathBuf>,
    /// `OWNPOST_DNS_SERVER`: host:port, for tests.
    pub dns_server: Option<SocketAddr>,
}

/// An environment variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// Which.
    pub variable: &'static str,
    /// What is wrong, and what it takes.
    pub problem: String,
}

impl Config {
    /// Reads the environment through `get` (`std::env::var(..).ok()` in production).
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let _ = get;
        todo!("functions")
    }
}
