//! Small states that all functions share, in the ledger: read, changed, and written by compare-and-swap.

use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::limits::{Bucket, Limit};
use ownpost_domain::tenant::Tenant;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{App, random_unit};
use crate::effects::{EffectError, Result, Versioned};

/// How often a write is tried against others who write the same state.
const TRIES: u32 = 8;
/// How long a writer waits after its first lost race, at most; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(2);

/// The state and its version (0 when there is none). What cannot be read counts as none: it is of another version of
/// this program.
pub(super) async fn read<T: Default + for<'de> Deserialize<'de>>(
    app: &App,
    tenant: &Tenant,
    key: &str,
) -> Result<Versioned<T>> {
    let stored = app.effects.ledger.get_state(tenant, key, (app.now)()).await?;
    Ok(stored.map_or_else(
        || Versioned { value: T::default(), version: 0 },
        |stored| Versioned {
            value: serde_json::from_value(stored.value).unwrap_or_default(),
            version: stored.version,
        },
    ))
}

/// The decision about a state that was read.
pub(super) enum Change<T, R> {
    /// Write this value, which expires at that time if there is one, and give the result once it is written.
    Write(T, Option<Timestamp>, R),
    /// Leave the state as it is.
    Keep(R),
}

/// Changes a state by compare-and-swap: `decide` gets the stored state and the time, again after each lost race. `None` when
/// other writers won every race. The writers of one process take turns, so that the races are those between processes.
///
/// # Errors
/// The ledger is out of reach.
pub(super) async fn update<T, R>(
    app: &App,
    tenant: &Tenant,
    key: &str,
    mut decide: impl FnMut(T, Timestamp) -> Change<T, R> + Send,
) -> Result<Option<R>>
where
    T: Default + Serialize + for<'de> Deserialize<'de> + Send,
    R: Send,
{
    let _turn = app.writers.turn(tenant, key).await;
    for lost in 0..TRIES {
        if lost > 0 {
            // Each waits for a time of its own, or all would meet again.
            tokio::time::sleep(PAUSE.saturating_mul(1 << lost).mul_f64(random_unit())).await;
        }
        let known: Versioned<T> = read(app, tenant, key).await?;
        let now = (app.now)();
        let (after, expires, result) = match decide(known.value, now) {
            Change::Keep(result) => return Ok(Some(result)),
            Change::Write(after, expires, result) => (json!(after), expires, result),
        };
        if app.effects.ledger.put_state(tenant, key, &after, known.version, expires, now).await? {
            return Ok(Some(result));
        }
    }
    Ok(None)
}

/// Changes a state that every caller may change; other writers winning every race is an error.
///
/// # Errors
/// The ledger is out of reach, or other writers won every race.
pub(super) async fn change<T: Default + Serialize + for<'de> Deserialize<'de> + Send>(
    app: &App,
    tenant: &Tenant,
    key: &str,
    change: impl Fn(T) -> T + Send,
) -> Result<()> {
    let written = update(app, tenant, key, move |before, _| Change::Write(change(before), None, ())).await?;
    written.ok_or_else(|| {
        let message = format!("others write `{key}` all the time");
        EffectError::Transient { service: "ledger", message }
    })
}

/// The answer to a request for a token.
pub(super) enum Token {
    /// It is taken.
    Taken,
    /// There is none for so long.
    NoneFor(Duration),
    /// Others take them all the time; none was taken.
    Contended,
}

/// Takes a token out of the bucket.
///
/// # Errors
/// The ledger is out of reach.
pub(super) async fn take(app: &App, tenant: &Tenant, key: &str, limit: Limit) -> Result<Token> {
    let taken = update(app, tenant, key, |bucket: Option<Bucket>, now| match limit.take(bucket, 1, now) {
        Ok(after) => Change::Write(Some(after), expiry(limit, now), Token::Taken),
        Err(wait) => Change::Keep(Token::NoneFor(wait)),
    });
    Ok(taken.await?.unwrap_or(Token::Contended))
}

/// Gives a token back that was taken and not used.
///
/// # Errors
/// The ledger is out of reach.
pub(super) async fn give_back(app: &App, tenant: &Tenant, key: &str, limit: Limit) -> Result<()> {
    let given = update(app, tenant, key, |bucket: Option<Bucket>, now| match bucket {
        Some(bucket) => Change::Write(Some(limit.give_back(bucket, 1)), expiry(limit, now), ()),
        None => Change::Keep(()),
    });
    given.await.map(drop)
}

/// A bucket that has been full for a while is as good as none.
fn expiry(limit: Limit, now: Timestamp) -> Option<Timestamp> {
    now.checked_add(limit.period * 2).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use futures_util::future;
    use tokio::time::Instant;

    use super::*;
    use crate::testing::world::{World, acme};

    async fn count(world: &World) -> Result<Option<()>> {
        update(&world.app, &acme(), "count", |count: u64, _| Change::Write(count + 1, None, ())).await
    }

    #[tokio::test(start_paused = true)]
    async fn writers_lose_no_change_and_those_of_one_process_no_race() {
        let world = World::new();
        world.memory.far_away.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let written = future::join_all((0..100).map(|_| count(&world))).await;
        assert!(written.into_iter().all(|written| written == Ok(Some(()))));
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody had to wait after a lost race");
        let others: Vec<World> = (0..10).map(|_| world.another_process()).collect();
        let written = future::join_all(others.iter().map(count)).await;
        assert!(written.into_iter().all(|written| written == Ok(Some(()))));
        assert_eq!(read::<u64>(&world.app, &acme(), "count").await.unwrap().value, 110);
    }
}
