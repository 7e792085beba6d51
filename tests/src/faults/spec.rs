//! The common data of a run's processes, as a file that each process reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ownpost::store::Clock;
use ownpost_core::config::{Config, Overrides};
use ownpost_smtp::{Network, Pool, Timeouts};
use serde::{Deserialize, Serialize};

/// The time for which a received message is hidden, on the product's clock. It is shorter than the slowest batch, so
/// that two senders sometimes have the same mail.
pub(super) const VISIBILITY: Duration = Duration::from_mins(10);
/// The time for which a mail may be `sending`, on the product's clock.
const LEASE: Duration = Duration::from_mins(8);

/// The common data of a run's processes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// The folder of the store that all processes share.
    pub(super) folder: PathBuf,
    /// The real time at which the run began.
    pub(super) began: Timestamp,
    /// The product's clock runs this many times as fast as real time.
    pub(super) speed: i32,
    /// The port of all relays.
    pub(super) port: u16,
    /// The file with the CA that issued the relays' certificates.
    pub(super) ca_file: PathBuf,
    /// The platform's settings document, as JSON.
    pub(super) platform: String,
}

impl Spec {
    /// Reads the data from the run's file.
    pub(super) fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// The product's clock, which runs faster than real time.
    pub(super) fn clock(&self) -> Clock {
        let (began, speed) = (self.began, self.speed);
        Arc::new(move || {
            let passed = Timestamp::now().duration_since(began);
            began.checked_add(passed * speed).unwrap_or(Timestamp::MAX)
        })
    }

    /// The real time from the beginning to a time on the product's clock.
    pub(super) fn real(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.began) / self.speed).unwrap_or_default()
    }

    /// The configuration of the process with this name, which is also its EHLO name.
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

    /// The pool of connections to relays. Timeouts are in real time and short, because a relay that is silent here
    /// stays silent. The timeout after the dot is longer, so that a slow relay is not taken for a silent one.
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
            second: short,
        };
        let network = config.network().map_err(|error| error.to_string())?;
        let network = Arc::new(network.with_timeouts(Timeouts::TEST, send));
        Ok((Arc::clone(&network), Pool::new(network)))
    }
}
