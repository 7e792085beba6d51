//! The functions of the one artefact; the only places where wire, domain and effects meet.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::effects::Effects;
use crate::smtp::{Network, Pool};

pub mod router;
pub mod sender;
pub mod settings;

/// Everything a function works with, made once at start.
pub struct App {
    /// The operator's configuration.
    pub config: Config,
    /// What may be dialled and trusted.
    pub network: Arc<Network>,
    /// Connections to relays.
    pub pool: Pool,
    /// The world.
    pub effects: Effects,
    /// The clock: functions read it and hand the time to the domain.
    pub now: fn() -> Timestamp,
}
