//! Who has to wait for its turn: what a provider allows by the minute, and how many connections it takes at a time,
//! counted over all senders.

use std::time::Duration;

use serde_json::json;

use super::settle::defer;
use super::{Fate, Item};
use crate::domain::limits::{self, Limit, Provider};
use crate::domain::seats::Seats;
use crate::domain::settings::Settings;
use crate::domain::tenant::Tenant;
use crate::functions::shared::{self, Tokens};
use crate::functions::{App, random_unit};
use crate::smtp::RelayKey;

/// The key of a relay's token bucket in the ledger.
const RATE: &str = "rate";
/// The key of a relay's seats.
const SEATS: &str = "seats";
/// How often a seat is asked for against others who do.
const TRIES: usize = 8;
/// How soon a mail that found no seat asks again.
const NEXT_SEAT: Duration = Duration::from_secs(5);

/// A connection's seat, where the provider counts them.
pub(super) struct Seat(Option<Tenant>);

/// Takes a seat.
///
/// # Errors
/// There is none, and why, for the row.
pub(super) async fn sit(app: &App, key: &RelayKey, settings: &Settings) -> Result<Seat, String> {
    let (Some(provider), Some(name)) = (limits::provider(&settings.host), &key.tenant) else {
        return Ok(Seat(None));
    };
    let Ok(tenant) = Tenant::new(name) else { return Ok(Seat(None)) };
    let most = provider.connections;
    for _ in 0..TRIES {
        let now = (app.now)();
        let Ok((seats, version)) = shared::read::<Seats>(app, &tenant, SEATS).await else { break };
        let Some(seats) = seats.take(&app.process, most, now) else {
            return Err(format!("{} takes at most {most} connections, and all are in use.", settings.host));
        };
        let written = app.effects.ledger.put_state(&tenant, SEATS, &json!(seats), version, None, now).await;
        if written == Ok(true) {
            return Ok(Seat(Some(tenant)));
        }
    }
    // A provider that locks an account for haste costs more than a pause.
    Err(format!(
        "{} takes at most {most} connections, and they could not be counted just now.",
        settings.host
    ))
}

/// Leaves the seat. One that cannot be left lapses.
pub(super) async fn leave(app: &App, seat: Seat) {
    let Some(tenant) = seat.0 else { return };
    let now = (app.now)();
    let left = shared::change(app, &tenant, SEATS, |seats: Seats| seats.leave(&app.process, now)).await;
    if let Err(error) = left {
        tracing::warn!(%tenant, %error, "seat not left; it lapses");
    }
}

/// Lets mails that found no seat ask again soon.
pub(super) async fn put_off(app: &App, items: Vec<Item>, reason: &str) -> Vec<(usize, Fate)> {
    let mut fates = Vec::with_capacity(items.len());
    for item in items {
        let wait = turn(app, &item, NEXT_SEAT);
        fates.push((item.index, defer(app, item.row, item.version, wait, reason.to_owned()).await));
    }
    fates
}

fn turn(app: &App, item: &Item, shortest: Duration) -> Duration {
    let waited = Duration::try_from((app.now)().duration_since(item.row.queued_at)).unwrap_or_default();
    limits::turn(waited, shortest, random_unit())
}

/// Keeps to what the provider allows: what is beyond waits for its turn.
pub(super) async fn throttle(
    app: &App,
    key: &RelayKey,
    settings: &Settings,
    mut items: Vec<Item>,
    fates: &mut Vec<(usize, Fate)>,
) -> Vec<Item> {
    let (Some(Provider { mails: limit, .. }), Some(_), Some(tenant)) =
        (limits::provider(&settings.host), &key.tenant, items.first().map(|item| item.row.tenant.clone()))
    else {
        return items;
    };
    let (allowed, wait) = take_tokens(app, &tenant, limit, items.len()).await;
    for item in items.split_off(allowed.min(items.len())) {
        let reason = format!(
            "{} takes at most {} mails in {} seconds, and others are before this one.",
            settings.host,
            limit.burst,
            limit.period.as_secs()
        );
        // Spread over the period, so that they do not all come back for the next token.
        let wait = wait + turn(app, &item, limit.period);
        fates.push((item.index, defer(app, item.row, item.version, wait, reason).await));
    }
    items
}

/// Takes up to `wanted` tokens: how many, and how long until the next one. When the state cannot be had, nothing
/// is taken: a provider that locks an account for haste costs more than a pause.
async fn take_tokens(app: &App, tenant: &Tenant, limit: Limit, wanted: usize) -> (usize, Duration) {
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match shared::take(app, tenant, RATE, limit, wanted).await {
        Ok(Tokens::Taken(count)) => (usize::try_from(count).unwrap_or(usize::MAX), Duration::ZERO),
        Ok(Tokens::NoneFor(wait)) => (0, wait),
        Ok(Tokens::Contended) | Err(_) => (0, limit.period),
    }
}
