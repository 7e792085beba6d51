//! Function `router`: accepts events, records a row for each recipient and fans out.

use super::App;
use crate::domain::delivery::DeliveryId;
use crate::domain::tenant::Tenant;

/// What came of one event.
pub struct Accepted {
    /// A row for each recipient, in their order.
    pub deliveries: Vec<DeliveryId>,
    /// Whether the event had been accepted before.
    pub repeated: bool,
}

/// Why an event was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refused {
    /// Stable code: `event.…`.
    pub code: &'static str,
    /// For the developer of the event source.
    pub message: String,
    /// Whether the same event may be accepted later: the store was out of reach.
    pub transient: bool,
}

/// Accepts one event document (CONTRACT §5). With `only`, an event of another tenant is refused.
pub async fn accept(app: &App, document: &[u8], only: Option<&Tenant>) -> Result<Accepted, Refused> {
    let _ = (app, document, only);
    todo!("functions")
}
