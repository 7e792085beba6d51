//! Small states that all functions share, in the ledger: read, changed, written on condition that nobody else has.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use crate::domain::tenant::Tenant;
use crate::effects::{EffectError, Result};

/// How often a write is tried against others who write the same state.
const TRIES: usize = 8;

/// The state and its version (0 when there is none). What cannot be read counts as none: it is of another version of
/// this program.
pub(super) async fn read<T: Default + for<'de> Deserialize<'de>>(
    app: &App,
    tenant: &Tenant,
    key: &str,
) -> Result<(T, u64)> {
    let stored = app.effects.ledger.get_state(tenant, key, (app.now)()).await?;
    Ok(stored.map_or_else(Default::default, |stored| {
        (serde_json::from_value(stored.value).unwrap_or_default(), stored.version)
    }))
}

/// Changes the state, however many others change it at the same time.
///
/// # Errors
/// The ledger is out of reach, or others write it all the time.
pub(super) async fn change<T: Default + Serialize + for<'de> Deserialize<'de> + Send>(
    app: &App,
    tenant: &Tenant,
    key: &str,
    change: impl Fn(T) -> T + Send + Sync,
) -> Result<()> {
    for _ in 0..TRIES {
        let (before, version) = read(app, tenant, key).await?;
        let after = json!(change(before));
        if app.effects.ledger.put_state(tenant, key, &after, version, None, (app.now)()).await? {
            return Ok(());
        }
    }
    let message = format!("others write `{key}` all the time");
    Err(EffectError::Transient { service: "ledger", message })
}
