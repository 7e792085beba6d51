//! What the processes of a run have in common, as a file that each of them reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ownpost::store::Clock;
use ownpost_core::config::{Config, Overrides};
use ownpost_smtp::{Network, Pool, Timeouts};
use serde::{Deserialize, Serialize};

/// How long a received message stays hidden, on the product's clock: less than the worst batch may take, so that
/// two senders do come to have the same mail.
pub(super) const VISIBILITY: Duration = Duration::from_mins(10);
/// How long a mail may be `sending`, on the product's clock.
const LEASE: Duration = Duration::from_mins(8);

/// The run's common ground.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// The folder of the store that all share.
    pub(super) folder: PathBuf,
    /// When the run began.
    pub(super) began: Timestamp,
    /// How much faster than the wall's the product's clock goes: its pauses and leases are minutes.
    pub(super) speed: i32,
    /// The port of all relays.
    pub(super) port: u16,
    /// The CA that vouches for them.
    pub(super) ca_file: PathBuf,
    /// The platform's own settings.
    pub(super) platform: String,
}

impl Spec {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// The product's clock.
    pub(super) fn clock(&self) -> Clock {
        let (began, speed) = (self.began, self.speed);
        Arc::new(move || {
            let passed = Timestamp::now().duration_since(began);
            began.checked_add(passed * speed).unwrap_or(Timestamp::MAX)
        })
    }

    /// How long after the beginning, on the wall's clock, it was that on the product's.
    pub(super) fn real(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.began) / self.speed).unwrap_or_default()
    }

    /// The configuration of the process with this name. It introduces itself to relays with it.
    pub(super) fn config(&self, name: &str) -> Config {
        Config {
            allow_networks: vec!["127.0.0.0/8".to_owned()],
            allow_ports: vec![self.port],
            extra_ca_file: Some(self.ca_file.clone()),
            ehlo_name: Some(name.to_owned()),
            overrides: Overrides {
                sending_lease: Some(LEASE),
                retry_wait: Some(Duration::from_secs(4)),
                ..Overrides::default()
            },
            ..Config::default()
        }
    }

    /// Connections to relays. Timeouts are the wall's, and short: what keeps silent here keeps silent for ever. The
    /// one after the dot is long, because a relay that is only slow must not look silent.
    pub(super) fn pool(config: &Config) -> Result<(Arc<Network>, Pool), String> {
        let short = Duration::from_millis(1500);
        let send = Timeouts {
            resolve: short,
            connect: short,
            greeting: short,
            tls: Duration::from_secs(3),
            auth: short,
            command: short,
            data: Duration::from_secs(5),
            done: Duration::from_secs(5),
        };
        let network = config.network().map_err(|error| error.to_string())?;
        let network = Arc::new(network.with_timeouts(Timeouts::TEST, send));
        Ok((Arc::clone(&network), Pool::new(network)))
    }
}
