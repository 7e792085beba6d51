//! Throttling: how many mails a provider allows by the minute and how many connections it takes at a time, counted over
//! all senders.

use std::time::Duration;

use ownpost_domain::leases::Leases;
use ownpost_domain::limits::{self, Limit, Provider};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::RelayKey;

use super::settle::defer;
use super::{Disposition, Pending};
use crate::functions::shared_state::{self, Change, Tokens};
use crate::functions::{App, random_unit};

/// The key of a relay's token bucket in the ledger.
const RATE: &str = "rate";
/// The key of a relay's connection leases.
const LEASES: &str = "leases";
/// How soon a mail that found no free connection asks again.
const NEXT_LEASE: Duration = Duration::from_secs(5);

/// The lease of a connection; empty where the provider does not limit connections.
pub(super) struct ConnectionLease(Option<Tenant>);

/// Acquires the lease of a connection.
///
/// # Errors
/// No lease is free, with the reason for the row.
pub(super) async fn acquire(
    app: &App,
    key: &RelayKey,
    settings: &Settings,
) -> Result<ConnectionLease, String> {
    let (Some(provider), Some(name)) = (limits::provider(&settings.host), &key.tenant) else {
        return Ok(ConnectionLease(None));
    };
    let Ok(tenant) = Tenant::new(name) else { return Ok(ConnectionLease(None)) };
    let most = provider.connections;
    let acquired = shared_state::update(app, &tenant, LEASES, |leases: Leases, now| {
        match leases.acquire(&app.process, most, now) {
            Some(leases) => Change::Write(leases, None, true),
            None => Change::Keep(false),
        }
    });
    match acquired.await {
        Ok(Some(true)) => Ok(ConnectionLease(Some(tenant))),
        Ok(Some(false)) => {
            Err(format!("{} takes at most {most} connections, and all are in use.", settings.host))
        }
        // A provider that locks an account for haste costs more than a pause.
        Ok(None) | Err(_) => Err(format!(
            "{} takes at most {most} connections, and they could not be counted just now.",
            settings.host
        )),
    }
}

/// Releases the lease. One that cannot be released lapses.
pub(super) async fn release(app: &App, lease: ConnectionLease) {
    let Some(tenant) = lease.0 else { return };
    let now = (app.now)();
    let release = |leases: Leases| leases.release(&app.process, now);
    if let Err(error) = shared_state::change(app, &tenant, LEASES, release).await {
        tracing::warn!(%tenant, %error, "connection lease not released; it lapses");
    }
}

/// Lets mails that found no free connection ask again soon.
pub(super) async fn put_off(
    app: &App,
    pending_mails: Vec<Pending>,
    reason: &str,
) -> Vec<(usize, Disposition)> {
    let mut dispositions = Vec::with_capacity(pending_mails.len());
    for pending in pending_mails {
        let wait = back_off(app, &pending, NEXT_LEASE);
        dispositions
            .push((pending.index, defer(app, pending.row, pending.version, wait, reason.to_owned()).await));
    }
    dispositions
}

fn back_off(app: &App, pending: &Pending, shortest: Duration) -> Duration {
    let waited = Duration::try_from((app.now)().duration_since(pending.row.queued_at)).unwrap_or_default();
    limits::back_off(waited, shortest, random_unit())
}

/// Keeps to the mails per period that the provider allows, and defers the others.
pub(super) async fn throttle(
    app: &App,
    key: &RelayKey,
    settings: &Settings,
    mut pending_mails: Vec<Pending>,
    dispositions: &mut Vec<(usize, Disposition)>,
) -> Vec<Pending> {
    let (Some(Provider { mails: limit, .. }), Some(_), Some(tenant)) = (
        limits::provider(&settings.host),
        &key.tenant,
        pending_mails.first().map(|pending| pending.row.tenant.clone()),
    ) else {
        return pending_mails;
    };
    let (allowed, wait) = take_tokens(app, &tenant, limit, pending_mails.len()).await;
    for pending in pending_mails.split_off(allowed.min(pending_mails.len())) {
        let reason = format!(
            "{} takes at most {} mails in {} seconds, and others are before this one.",
            settings.host,
            limit.burst,
            limit.period.as_secs()
        );
        // Spread over the period, so that they do not all come back for the next token.
        let wait = wait + back_off(app, &pending, limit.period);
        dispositions.push((pending.index, defer(app, pending.row, pending.version, wait, reason).await));
    }
    pending_mails
}

/// Takes up to `wanted` tokens: how many, and how long until the next one. When the state cannot be had, nothing
/// is taken: a provider that locks an account for haste costs more than a pause.
async fn take_tokens(app: &App, tenant: &Tenant, limit: Limit, wanted: usize) -> (usize, Duration) {
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match shared_state::take(app, tenant, RATE, limit, wanted).await {
        Ok(Tokens::Taken(count)) => (usize::try_from(count).unwrap_or(usize::MAX), Duration::ZERO),
        Ok(Tokens::NoneFor(wait)) => (0, wait),
        Ok(Tokens::Contended) | Err(_) => (0, limit.period),
    }
}
