//! Small states that all functions share, in the ledger: read, changed, written on condition that nobody else has.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use crate::domain::limits::{Bucket, Limit};
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

/// What came of asking for tokens.
pub(super) enum Tokens {
    /// So many are taken, one at least.
    Taken(u32),
    /// There is none for so long.
    NoneFor(Duration),
    /// Others take them all the time; none was taken.
    Contended,
}

/// Takes tokens out of the bucket: `wanted`, or those that are there.
///
/// # Errors
/// The ledger is out of reach.
pub(super) async fn take(app: &App, tenant: &Tenant, key: &str, limit: Limit, wanted: u32) -> Result<Tokens> {
    for _ in 0..TRIES {
        let now = (app.now)();
        let (bucket, version) = read::<Option<Bucket>>(app, tenant, key).await?;
        let count = limit.available(bucket, now).min(wanted).max(1);
        let after = match limit.take(bucket, count, now) {
            Ok(after) => json!(after),
            Err(wait) => return Ok(Tokens::NoneFor(wait)),
        };
        // A bucket that has been full for a while is as good as none.
        let expires = now.checked_add(limit.period * 2).ok();
        if app.effects.ledger.put_state(tenant, key, &after, version, expires, now).await? {
            return Ok(Tokens::Taken(count));
        }
    }
    Ok(Tokens::Contended)
}
