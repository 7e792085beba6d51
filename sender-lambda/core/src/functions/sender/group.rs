//! The mails of a batch that go through one relay: built, sent on one connection, and each outcome recorded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use ownpost_domain::category::Via;
use ownpost_domain::delivery::{Attempt, Delivery, Status};
use ownpost_domain::describe;
use ownpost_domain::failure::{Failure, Reply, Stage, Verdict};
use ownpost_domain::outcome::{self, Observation};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::{BeforeCommit, Mail, RelayKey};
use tokio::sync::Mutex;

use super::settle::{defer, fail, settle};
use super::{AT_A_TIME, Disposition, Pending, TenantView, throttle};
use crate::functions::{App, active_settings, random_unit, relay_health};
use crate::mail::build::{Parts, build};
use crate::mail::ids;

/// How many attempts a row keeps: the first, and the last ones.
const ATTEMPTS_KEPT: usize = 30;

/// The mails for one relay.
pub(super) struct Group {
    pub(super) key: RelayKey,
    pub(super) settings: Arc<Settings>,
    /// Whether the settings have been read again already.
    pub(super) reread: bool,
    pub(super) pending_mails: Vec<Pending>,
}

/// What came of a group.
#[derive(Default)]
pub(super) struct GroupResult {
    pub(super) dispositions: Vec<(usize, Disposition)>,
    /// Mails to route and send anew.
    pub(super) reroute: Vec<Pending>,
    /// What is now known of the tenant.
    pub(super) tenant: Option<(Tenant, TenantView)>,
}

impl Group {
    /// Sends them; none is begun after `until`.
    pub(super) async fn run(self, app: &App, until: Timestamp) -> GroupResult {
        let lease = match throttle::acquire(app, &self.key, &self.settings).await {
            Ok(lease) => lease,
            Err(reason) => {
                return GroupResult {
                    dispositions: throttle::put_off(app, self.pending_mails, &reason).await,
                    ..GroupResult::default()
                };
            }
        };
        let result = self.send(app, until).await;
        throttle::release(app, lease).await;
        result
    }

    async fn send(self, app: &App, until: Timestamp) -> GroupResult {
        let mut result = GroupResult::default();
        let Self { key, settings, reread, pending_mails } = self;
        let pending_mails =
            throttle::throttle(app, &key, &settings, pending_mails, &mut result.dispositions).await;
        let (pending_mails, mails) = build_all(app, &settings, pending_mails, &mut result.dispositions).await;
        let Some(tenant) = pending_mails.first().map(|pending| pending.row.tenant.clone()) else {
            return result;
        };
        let began = (app.now)();
        let in_flight = pending_mails.into_iter().map(|pending| Mutex::new(InFlight::new(pending))).collect();
        let gate = MarkSending { app, in_flight, until };
        let outcomes = app.relays.send(&key, &settings, &mails, &gate).await;
        let ms = u64::try_from((app.now)().duration_since(began).as_millis()).unwrap_or_default();
        let mut sent: Vec<(Pending, Result<Reply, Failure>)> = Vec::new();
        let over = gate.deadline_passed();
        for (mail, outcome) in gate.in_flight.into_iter().zip(outcomes) {
            let mail = mail.into_inner();
            if let Some(outcome) = outcome {
                let mut pending = mail.pending;
                record(&mut pending.row, began, ms, &outcome);
                sent.push((pending, outcome));
                continue;
            }
            let index = mail.pending.index;
            let disposition = match mail.left_out(app).await {
                // Nothing is wrong with it: the next function may have it at once.
                Disposition::Keep(None) if over => Disposition::Keep(Some(Duration::ZERO)),
                disposition => disposition,
            };
            result.dispositions.push((index, disposition));
        }
        let own = key.tenant.is_some();
        let broken = first_with(&sent, Verdict::RelayFault).cloned();
        let mut state = None;
        if broken.is_some() && own && !reread {
            state = replaced(app, &tenant, &key).await;
        } else if broken.is_some() && !own {
            active_settings::forget_platform(app);
        }
        let stale = state.is_some();
        if !own {
            watch(app, &Tenant::platform(), &settings, &key, &sent).await;
        } else if !stale {
            watch(app, &tenant, &settings, &key, &sent).await;
            if let Some(failure) = &broken {
                // One read later than the failure, so that nothing stale outlives it.
                state = confirmed(app, &tenant, failure).await;
            }
        }
        let mut ends = Vec::with_capacity(sent.len());
        for (pending, outcome) in sent {
            let verdict = outcome::verdict(&outcome);
            if verdict == Verdict::RelayFault && own && state.is_some() {
                result.reroute.push(pending);
            } else {
                ends.push(async move { (pending.index, conclude(app, pending, verdict, &outcome).await) });
            }
        }
        // Written together: one after the other they would cost a batch a write's time for each mail.
        result.dispositions.extend(stream::iter(ends).buffered(AT_A_TIME).collect::<Vec<_>>().await);
        result.tenant = state.map(|state| (tenant, state));
        result
    }
}

/// The first failure with that verdict.
fn first_with(sent: &[(Pending, Result<Reply, Failure>)], verdict: Verdict) -> Option<&Failure> {
    sent.iter().find(|(_, outcome)| outcome::verdict(outcome) == verdict).and_then(|(_, o)| o.as_ref().err())
}

/// The relay would not have us: perhaps with settings that have been replaced since we read them. What is known
/// of the tenant then, to try again; `None` when the settings are still the same.
async fn replaced(app: &App, tenant: &Tenant, key: &RelayKey) -> Option<TenantView> {
    active_settings::forget(app, tenant);
    match active_settings::read(app, tenant).await {
        Ok(active) if active.revision().is_none_or(|revision| revision.0 != key.revision) => {
            Some(TenantView { active, fault: None, reread: true })
        }
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%tenant, %error, "settings not read again");
            None
        }
    }
}

/// The relay is at fault: what is known of the tenant for routing its mail anew.
async fn confirmed(app: &App, tenant: &Tenant, failure: &Failure) -> Option<TenantView> {
    match active_settings::read(app, tenant).await {
        Ok(active) => Some(TenantView { active, fault: Some(describe::failure(failure)), reread: true }),
        Err(error) => {
            tracing::warn!(%tenant, %error, "settings not read again");
            None
        }
    }
}

/// Tells the breaker what the group has seen, once for all its mails: they shared a connection.
async fn watch(
    app: &App,
    tenant: &Tenant,
    settings: &Settings,
    key: &RelayKey,
    sent: &[(Pending, Result<Reply, Failure>)],
) {
    let seen: Vec<Observation> = sent.iter().map(|(_, outcome)| outcome::observation(outcome)).collect();
    let order = [Observation::Works, Observation::Broken, Observation::Stumbles];
    let Some(seen) = order.into_iter().find(|kind| seen.contains(kind)) else { return };
    let failure = sent
        .iter()
        .find(|(_, outcome)| outcome::observation(outcome) == seen)
        .and_then(|(_, outcome)| outcome.as_ref().err());
    let revision = ownpost_domain::delivery::Revision(key.revision.clone());
    relay_health::observe(app, tenant, &settings.host, &revision, seen, failure).await;
}

/// Writes down what one attempt has led to.
async fn conclude(
    app: &App,
    pending: Pending,
    verdict: Verdict,
    outcome: &Result<Reply, Failure>,
) -> Disposition {
    let Pending { row, version, .. } = pending;
    let server = match row.route {
        Some(Via::Platform) => "The platform's server",
        _ => "Your own server",
    };
    match (verdict, outcome) {
        (Verdict::Sent, Ok(reply)) => {
            let reason = format!("{} It was accepted: {}", row.reason, describe::reply(reply));
            let row = Delivery { status: Status::Sent, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Disposition::Delete).await
        }
        (Verdict::Unknown, Err(failure)) => {
            let why = describe::failure(failure);
            let reason =
                format!("{server} may have taken this mail: {why} It is not sent again unless you say so.");
            let row = Delivery { status: Status::Unknown, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Disposition::Delete).await
        }
        (Verdict::Failed, Err(failure)) => {
            let reason = format!("{server} refused this mail for good: {}", describe::failure(failure));
            fail(app, row, version, &reason).await
        }
        (_, Err(failure)) => {
            let reason = format!("{server} did not take this mail: {}", describe::failure(failure));
            let first = app.config.retry_wait.unwrap_or(outcome::FIRST_WAIT);
            let wait = outcome::wait(row.attempts.len(), first, random_unit());
            defer(app, row, version, wait, reason).await
        }
        // A reply is `Sent` by the table.
        (_, Ok(_)) => Disposition::Keep(None),
    }
}

/// Adds the attempt to the row.
fn record(row: &mut Delivery, at: Timestamp, ms: u64, outcome: &Result<Reply, Failure>) {
    let (stage, code, reply) = match outcome {
        Ok(reply) => (Stage::Message, "accepted", Some(reply)),
        Err(failure) => (failure.stage, failure.code.code(), failure.reply.as_ref()),
    };
    let smtp = reply.map(|reply| Reply {
        // A row keeps no more than a reader needs.
        text: reply.text.chars().take(500).collect(),
        ..reply.clone()
    });
    row.attempts.push(Attempt { at, ms, stage, outcome: code.to_owned(), smtp });
    if row.attempts.len() > ATTEMPTS_KEPT {
        row.attempts.remove(1);
    }
}

/// Builds the messages. One that cannot be built fails alone.
async fn build_all(
    app: &App,
    settings: &Settings,
    pending_mails: Vec<Pending>,
    dispositions: &mut Vec<(usize, Disposition)>,
) -> (Vec<Pending>, Vec<Mail>) {
    let mut kept = Vec::new();
    let mut mails = Vec::new();
    for pending in pending_mails {
        match build_one(app, settings, &pending) {
            Ok(message) => {
                let from = settings.sender_address.clone();
                mails.push(Mail { from, to: pending.row.recipient.clone(), message: message.into() });
                kept.push(pending);
            }
            Err(problem) => {
                let index = pending.index;
                let reason = format!("The mail could not be written: {problem}");
                dispositions.push((index, fail(app, pending.row, pending.version, &reason).await));
            }
        }
    }
    (kept, mails)
}

fn build_one(app: &App, settings: &Settings, pending: &Pending) -> Result<Vec<u8>, String> {
    let Pending { row, event, .. } = pending;
    let recipient = event.recipients.iter().find(|recipient| recipient.person.address == row.recipient);
    let recipient = recipient.ok_or("its event does not name this recipient.")?;
    let ehlo_name = app.config.ehlo_name.as_deref();
    let thread_id = event.thread.as_deref().map(|thread| ids::thread_id(&row.tenant, thread, ehlo_name));
    let parts = Parts {
        event,
        recipient,
        settings,
        message_id: &row.message_id,
        thread_id: thread_id.as_deref(),
        now: (app.now)(),
    };
    build(&parts, &app.templates).map_err(|error| error.to_string())
}

/// A mail on its way through the gate.
struct InFlight {
    pending: Pending,
    /// How the row stood before it was written as `sending`; `None` until then.
    before: Option<Delivery>,
    /// Whether the write as `sending` failed in a way that leaves open whether it happened.
    in_doubt: bool,
}

impl InFlight {
    fn new(pending: Pending) -> Self {
        Self { pending, before: None, in_doubt: false }
    }

    /// The gate kept this mail back. When that was because the write as `sending` got no answer, it may have
    /// happened all the same; the row is put back then, because we know what a later sender could not: that
    /// nothing was sent.
    async fn left_out(self, app: &App) -> Disposition {
        let Self { pending, before, in_doubt } = self;
        let (Some(before), true) = (before, in_doubt) else { return Disposition::Keep(None) };
        if let Ok(Some(stored)) = app.effects.ledger.get(&pending.row.tenant, &pending.row.id).await
            && stored.version == pending.version + 1
            && stored.value == pending.row
        {
            return settle(app, before, stored.version, Disposition::Keep(None)).await;
        }
        Disposition::Keep(None)
    }
}

/// Writes `sending` before a mail's final dot can leave: the conditional write that lets one sender through.
struct MarkSending<'a> {
    app: &'a App,
    in_flight: Vec<Mutex<InFlight>>,
    /// When it is too late to begin another.
    until: Timestamp,
}

#[async_trait]
impl BeforeCommit for MarkSending<'_> {
    async fn commit(&self, index: usize) -> bool {
        let Some(mail) = self.in_flight.get(index) else { return false };
        let mut mail = mail.lock().await;
        let before = mail.pending.row.clone();
        mail.pending.row.status = Status::Sending;
        mail.pending.row.next_attempt_at = None;
        mail.pending.row.updated_at = (self.app.now)();
        let written = self.app.effects.ledger.update(&mail.pending.row, mail.pending.version).await;
        mail.before = Some(before);
        match written {
            Ok(true) => {
                mail.pending.version += 1;
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "row not written as sending; mail kept back");
                mail.in_doubt = true;
                false
            }
        }
    }

    fn deadline_passed(&self) -> bool {
        (self.app.now)() >= self.until
    }
}
