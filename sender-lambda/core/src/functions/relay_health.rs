//! The shared health of a tenant's relay: read by senders and monitor, written by each that has learnt something.

use std::time::Duration;

use jiff::Timestamp;
use ownpost_domain::category::Via;
use ownpost_domain::delivery::{Delivery, Revision, Status};
use ownpost_domain::describe;
use ownpost_domain::failure::{Failure, Reply, Stage};
use ownpost_domain::health::{Admission, Health, HealthStatus};
use ownpost_domain::outcome::Observation;
use ownpost_domain::refusals::Refusals;
use ownpost_domain::tenant::Tenant;

use super::shared_state::{self, Change};
use super::{App, alert, emit, is_younger, later, put_on_queue, router, task_queue};
use crate::effects::{Filter, Order, Result, Versioned};
use crate::wire::emitted::{Announcement, RelayChanged};

/// The state's key in the ledger.
const HEALTH: &str = "health";
/// A change that is not announced after this time lost its sender.
const ANNOUNCED_WITHIN: Duration = Duration::from_mins(1);

/// How soon a relay is looked at that has failed.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The stored state; `None` when there is none, or none that can be read.
pub(super) async fn load(app: &App, tenant: &Tenant) -> Result<Versioned<Option<Health>>> {
    shared_state::read(app, tenant, HEALTH).await
}

/// The health of this revision in a state that was loaded.
pub(super) fn about(app: &App, revision: &Revision, loaded: Versioned<Option<Health>>) -> Health {
    Health::about(loaded.value, revision, (app.now)())
}

/// Claims the try that is due, for the oldest held mail if there is one, else for `mail`, which is about to go to the relay;
/// without either, for a test. The held mail is put on the queue, because its message is gone.
///
/// # Errors
/// The ledger or the queue is out of reach.
pub(super) async fn try_again(
    app: &App,
    tenant: &Tenant,
    revision: &Revision,
    mail: Option<&Delivery>,
) -> Result<Try> {
    // Mail on its way to the relay that was held is one of those whose turn it is.
    let held = match mail {
        Some(mail) if mail.status == Status::Held || *tenant == Tenant::platform() => None,
        _ => oldest_held(app, tenant).await?,
    };
    let by = held.as_ref().or(mail).map(|mail| mail.id.clone());
    let claimed = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, now| {
        let known = Health::about(stored, revision, now);
        match known.admit(now) {
            // Another sender was faster; who it is that tries, its state says.
            Admission::Open | Admission::Closed => Change::Keep(false),
            Admission::Due if by.is_none() && known.test_to().is_none() => Change::Keep(false),
            Admission::Due => Change::Write(Some(known.claim(by.as_ref(), now)), None, true),
        }
    });
    if !claimed.await?.unwrap_or(false) {
        return Ok(Try::Nobody);
    }
    let Some(held) = held else {
        return Ok(if mail.is_some() { Try::ThisMail } else { Try::Test });
    };
    put_on_queue(app, &[router::message(&held)]).await?;
    Ok(Try::HeldMail)
}

/// Who tries a relay again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// The mail that asked.
    ThisMail,
    /// The oldest held mail: its message is on the queue.
    HeldMail,
    /// A test.
    Test,
    /// Nobody now: another sender was faster, or no test comes as far as the stage that failed.
    Nobody,
}

/// The oldest mail that is held for the relay.
pub(super) async fn oldest_held(app: &App, tenant: &Tenant) -> Result<Option<Delivery>> {
    let filter = Filter { status: Some(Status::Held), ..Filter::default() };
    let page = app.effects.ledger.list(tenant, &filter, Order::OldestFirst, None, 1).await?;
    // One that waits for the platform's server tells nothing of the relay.
    Ok(page.deliveries.into_iter().next().filter(|row| row.waits_for != Some(Via::Platform)))
}

/// What was seen of a relay.
pub(super) struct Seen<'a> {
    /// What it says about the relay.
    pub(super) observation: Observation,
    /// The last stage that it passed.
    pub(super) passed: Option<Stage>,
    /// The failure, if it was one.
    pub(super) failure: Option<&'a Failure>,
    /// The recipient of that mail; empty for a test.
    pub(super) recipient: &'a str,
    /// Whether it has taken a mail.
    pub(super) took: bool,
    /// When the attempt began; `None` for the one that tries an unhealthy relay.
    pub(super) began: Option<Timestamp>,
}

/// Records an observation of a relay, and emits an event when that changes the relay's status. An observation that
/// cannot be recorded is logged: the next mail will see the same.
pub(super) async fn observe(app: &App, tenant: &Tenant, host: &str, revision: &Revision, seen: &Seen<'_>) {
    if seen.observation.is_trouble() && *tenant != Tenant::platform() {
        // Before the write: should this process end behind it, `monitor` has the relay looked at all the same.
        let soon = later((app.now)(), LOOK_AGAIN);
        if let Err(error) = app.effects.ledger.watch(tenant, soon).await {
            tracing::warn!(%tenant, %error, "the relay is looked at later than it should be");
        }
    }
    let message = seen.failure.map(|failure| describe::relay_failure(failure, seen.recipient));
    let observed = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, now| {
        // Somebody has saved other settings meanwhile; what we saw is about the old ones. The platform's are changed
        // by an operator, who leaves no mark here.
        let replaced = stored.as_ref().is_some_and(|stored| stored.revision != *revision);
        if replaced && *tenant != Tenant::platform() {
            return Change::Keep(None);
        }
        let before = Health::about(stored.clone(), revision, now);
        if seen.began.is_some_and(|began| before.is_news_of_before(began)) {
            return Change::Keep(None);
        }
        let (mut after, change) =
            before.observe(seen.observation, seen.passed, seen.failure, message.as_deref(), now);
        if seen.took {
            after.refusals = None;
        }
        if stored.as_ref() == Some(&after) || (stored.is_none() && before == after) {
            return Change::Keep(None);
        }
        let announced = change.map(|_| after.clone());
        Change::Write(Some(after), None, announced)
    });
    match observed.await {
        Ok(Some(Some(health))) => announce(app, tenant, host, &health, seen.failure).await,
        Ok(Some(None)) => {}
        Ok(None) => tracing::warn!(%tenant, "relay health not written: others write it all the time"),
        Err(error) => tracing::warn!(%tenant, %error, "relay health not written"),
    }
}

/// Notes that the relay has refused this recipient for good. Whether the refusal is believed; where that cannot be noted, it
/// is.
pub(super) async fn refused(
    app: &App,
    tenant: &Tenant,
    revision: &Revision,
    reply: &Reply,
    recipient: &str,
) -> bool {
    let noted = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, now| {
        let health = Health::about(stored, revision, now);
        let (after, is_believed) = Refusals::refused(health.refusals.as_ref(), reply, recipient);
        if health.refusals.as_ref() == Some(&after) {
            return Change::Keep(is_believed);
        }
        Change::Write(Some(Health { refusals: Some(after), ..health }), None, is_believed)
    });
    match noted.await {
        Ok(is_believed) => is_believed.unwrap_or(true),
        Err(error) => {
            tracing::warn!(%tenant, %error, "a refusal is not noted");
            true
        }
    }
}

/// Takes the turn of one mail to try a relay whose refusals are not believed. `None` when it is this mail's turn; otherwise
/// when the next turn is.
///
/// # Errors
/// The ledger is out of reach.
pub(super) async fn take_turn(app: &App, tenant: &Tenant, revision: &Revision) -> Result<Option<Timestamp>> {
    let taken = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, now| {
        let health = Health::about(stored, revision, now);
        match health.refusals.as_ref().filter(|refusals| refusals.are_doubted()).map(|r| r.take_turn(now)) {
            // It has taken a mail meanwhile.
            None => Change::Keep(None),
            Some(Err(next_at)) => Change::Keep(Some(next_at)),
            Some(Ok(after)) => Change::Write(Some(Health { refusals: Some(after), ..health }), None, None),
        }
    });
    // Others change the state all the time: the mail waits for one of them.
    Ok(taken.await?.unwrap_or_else(|| Some(later((app.now)(), LOOK_AGAIN))))
}

/// Settings have just passed their test and are active: whatever was known of a relay is about others, and an outage is over. The
/// caller releases what is held.
pub(super) async fn passed(app: &App, tenant: &Tenant, host: &str, revision: &Revision) {
    if let Some(Some(recovered)) = restart(app, tenant, revision, true).await {
        tell(app, tenant, host, &recovered, None).await;
    }
}

/// Settings were taken away, or their marker was lost. Whether the marker is written.
pub(crate) async fn reset(app: &App, tenant: &Tenant, revision: &Revision) -> bool {
    restart(app, tenant, revision, false).await.is_some()
}

/// Begins anew with this revision, which is also the marker that makes senders read the settings again. `None` when that could
/// not be written; otherwise the health to announce, where this ends an outage.
async fn restart(app: &App, tenant: &Tenant, revision: &Revision, works: bool) -> Option<Option<Health>> {
    let fresh = |stored: Option<Health>, now| {
        let recovers = works && stored.is_some_and(|health| health.status == HealthStatus::Unhealthy);
        let fresh = Health { unannounced: recovers, ..Health::fresh(revision.clone(), now) };
        Change::Write(Some(fresh.clone()), None, recovers.then_some(fresh))
    };
    // Without the marker senders would go on with settings that are gone until they ask again, so a failed write is tried
    // once more.
    for _ in 0..2 {
        match shared_state::update(app, tenant, HEALTH, fresh).await {
            Ok(Some(recovered)) => return Some(recovered),
            Ok(None) => tracing::warn!(%tenant, "relay health not reset: others write it all the time"),
            Err(error) => tracing::warn!(%tenant, %error, "relay health not reset"),
        }
    }
    None
}

/// Announces a change of status that a crash has kept back. The change says so itself, so that no crash between two writes
/// loses it.
pub(super) async fn complete(app: &App, tenant: &Tenant, host: &str, health: &Health) {
    if health.unannounced && !is_younger(health.since, ANNOUNCED_WITHIN, (app.now)()) {
        announce(app, tenant, host, health, None).await;
    }
}

async fn announce(app: &App, tenant: &Tenant, host: &str, health: &Health, failure: Option<&Failure>) {
    if health.status == HealthStatus::Healthy
        && let Err(error) = task_queue::release(app, tenant).await
    {
        return tracing::warn!(%tenant, %error, "held mail not released; monitor will");
    }
    tell(app, tenant, host, health, failure).await;
}

/// The events and mails of a change of status.
async fn tell(app: &App, tenant: &Tenant, host: &str, health: &Health, failure: Option<&Failure>) {
    let changed = RelayChanged {
        tenant: tenant.clone(),
        host: host.to_owned(),
        revision: health.revision.clone(),
        since: health.since,
        code: health.code.clone(),
        message: health.message.clone(),
    };
    app.meter.breaker(tenant, health.status == HealthStatus::Unhealthy);
    match health.status {
        HealthStatus::Unhealthy => {
            tracing::warn!(%tenant, host, code = health.code, "relay unhealthy");
            emit(app, [Announcement::RelayUnhealthy(changed)]).await;
            alert::raise(app, tenant, host, health, failure).await;
        }
        HealthStatus::Healthy => {
            tracing::info!(%tenant, host, "relay recovered");
            emit(app, [Announcement::RelayRecovered(changed)]).await;
            alert::recovered(app, tenant, host, health).await;
        }
    }
    let marked = shared_state::update(app, tenant, HEALTH, |stored: Option<Health>, _| match stored {
        Some(stored) if stored.since == health.since && stored.unannounced => {
            Change::Write(Some(Health { unannounced: false, ..stored }), None, ())
        }
        _ => Change::Keep(()),
    });
    if let Err(error) = marked.await {
        tracing::warn!(%tenant, %error, "monitor announces the relay's change again");
    }
}
