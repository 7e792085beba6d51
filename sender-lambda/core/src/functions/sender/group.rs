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
use super::{AT_A_TIME, Fate, Item, TenantState, throttle};
use crate::functions::{App, active, random_unit, relay_health};
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
    pub(super) items: Vec<Item>,
}

/// What came of a group.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) fates: Vec<(usize, Fate)>,
    /// Mails to route and send anew.
    pub(super) again: Vec<Item>,
    /// What is now known of the tenant.
    pub(super) tenant: Option<(Tenant, TenantState)>,
}

type Outcome = Result<Reply, Failure>;

impl Group {
    /// Sends them; none is begun after `until`.
    pub(super) async fn run(self, app: &App, until: Timestamp) -> Ran {
        let lease = match throttle::acquire(app, &self.key, &self.settings).await {
            Ok(lease) => lease,
            Err(reason) => {
                return Ran { fates: throttle::put_off(app, self.items, &reason).await, ..Ran::default() };
            }
        };
        let ran = self.send(app, until).await;
        throttle::release(app, lease).await;
        ran
    }

    async fn send(self, app: &App, until: Timestamp) -> Ran {
        let mut ran = Ran::default();
        let Self { key, settings, reread, items } = self;
        let items = throttle::throttle(app, &key, &settings, items, &mut ran.fates).await;
        let (items, mails) = build_all(app, &settings, items, &mut ran.fates).await;
        let Some(tenant) = items.first().map(|item| item.row.tenant.clone()) else { return ran };
        let began = (app.now)();
        let slots = items.into_iter().map(|item| Mutex::new(Slot::new(item))).collect();
        let gate = RowGate { app, slots, until };
        let outcomes = app.relays.send(&key, &settings, &mails, &gate).await;
        let ms = u64::try_from((app.now)().duration_since(began).as_millis()).unwrap_or_default();
        let mut sent: Vec<(Item, Outcome)> = Vec::new();
        let over = gate.deadline_passed();
        for (slot, outcome) in gate.slots.into_iter().zip(outcomes) {
            let slot = slot.into_inner();
            if let Some(outcome) = outcome {
                let mut item = slot.item;
                record(&mut item.row, began, ms, &outcome);
                sent.push((item, outcome));
                continue;
            }
            let index = slot.item.index;
            let fate = match slot.left_out(app).await {
                // Nothing is wrong with it: the next function may have it at once.
                Fate::Stay(None) if over => Fate::Stay(Some(Duration::ZERO)),
                fate => fate,
            };
            ran.fates.push((index, fate));
        }
        let own = key.tenant.is_some();
        let broken = first_with(&sent, Verdict::RelayFault).cloned();
        let mut state = None;
        if broken.is_some() && own && !reread {
            state = replaced(app, &tenant, &key).await;
        } else if broken.is_some() && !own {
            active::forget_platform(app);
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
        for (item, outcome) in sent {
            let verdict = outcome::verdict(&outcome);
            if verdict == Verdict::RelayFault && own && state.is_some() {
                ran.again.push(item);
            } else {
                ends.push(async move { (item.index, conclude(app, item, verdict, &outcome).await) });
            }
        }
        // Written together: one after the other they would cost a batch a write's time for each mail.
        ran.fates.extend(stream::iter(ends).buffered(AT_A_TIME).collect::<Vec<_>>().await);
        ran.tenant = state.map(|state| (tenant, state));
        ran
    }
}

/// The first failure with that verdict.
fn first_with(sent: &[(Item, Outcome)], verdict: Verdict) -> Option<&Failure> {
    sent.iter().find(|(_, outcome)| outcome::verdict(outcome) == verdict).and_then(|(_, o)| o.as_ref().err())
}

/// The relay would not have us: perhaps with settings that have been replaced since we read them. What is known
/// of the tenant then, to try again; `None` when the settings are still the same.
async fn replaced(app: &App, tenant: &Tenant, key: &RelayKey) -> Option<TenantState> {
    active::forget(app, tenant);
    match active::read(app, tenant).await {
        Ok(active) if active.revision().is_none_or(|revision| revision.0 != key.revision) => {
            Some(TenantState { active, fault: None, reread: true })
        }
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%tenant, %error, "settings not read again");
            None
        }
    }
}

/// The relay is at fault: what is known of the tenant for routing its mail anew.
async fn confirmed(app: &App, tenant: &Tenant, failure: &Failure) -> Option<TenantState> {
    match active::read(app, tenant).await {
        Ok(active) => Some(TenantState { active, fault: Some(describe::failure(failure)), reread: true }),
        Err(error) => {
            tracing::warn!(%tenant, %error, "settings not read again");
            None
        }
    }
}

/// Tells the breaker what the group has seen, once for all its mails: they shared a connection.
async fn watch(app: &App, tenant: &Tenant, settings: &Settings, key: &RelayKey, sent: &[(Item, Outcome)]) {
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
async fn conclude(app: &App, item: Item, verdict: Verdict, outcome: &Outcome) -> Fate {
    let Item { row, version, .. } = item;
    let server = match row.route {
        Some(Via::Platform) => "The platform's server",
        _ => "Your own server",
    };
    match (verdict, outcome) {
        (Verdict::Sent, Ok(reply)) => {
            let reason = format!("{} It was accepted: {}", row.reason, describe::reply(reply));
            let row = Delivery { status: Status::Sent, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Fate::Done).await
        }
        (Verdict::Unknown, Err(failure)) => {
            let why = describe::failure(failure);
            let reason =
                format!("{server} may have taken this mail: {why} It is not sent again unless you say so.");
            let row = Delivery { status: Status::Unknown, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Fate::Done).await
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
        (_, Ok(_)) => Fate::Stay(None),
    }
}

/// Adds the attempt to the row.
fn record(row: &mut Delivery, at: Timestamp, ms: u64, outcome: &Outcome) {
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
    items: Vec<Item>,
    fates: &mut Vec<(usize, Fate)>,
) -> (Vec<Item>, Vec<Mail>) {
    let mut kept = Vec::new();
    let mut mails = Vec::new();
    for item in items {
        match build_one(app, settings, &item) {
            Ok(message) => {
                let from = settings.sender_address.clone();
                mails.push(Mail { from, to: item.row.recipient.clone(), message: message.into() });
                kept.push(item);
            }
            Err(problem) => {
                let index = item.index;
                let reason = format!("The mail could not be written: {problem}");
                fates.push((index, fail(app, item.row, item.version, &reason).await));
            }
        }
    }
    (kept, mails)
}

fn build_one(app: &App, settings: &Settings, item: &Item) -> Result<Vec<u8>, String> {
    let Item { row, event, .. } = item;
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
struct Slot {
    item: Item,
    /// How the row stood before it was written as `sending`; `None` until then.
    before: Option<Delivery>,
    /// Whether the write as `sending` failed in a way that leaves open whether it happened.
    in_doubt: bool,
}

impl Slot {
    fn new(item: Item) -> Self {
        Self { item, before: None, in_doubt: false }
    }

    /// The gate kept this mail back. When that was because the write as `sending` got no answer, it may have
    /// happened all the same; the row is put back then, because we know what a later sender could not: that
    /// nothing was sent.
    async fn left_out(self, app: &App) -> Fate {
        let Self { item, before, in_doubt } = self;
        let (Some(before), true) = (before, in_doubt) else { return Fate::Stay(None) };
        if let Ok(Some(stored)) = app.effects.ledger.get(&item.row.tenant, &item.row.id).await
            && stored.version == item.version + 1
            && stored.value == item.row
        {
            return settle(app, before, stored.version, Fate::Stay(None)).await;
        }
        Fate::Stay(None)
    }
}

/// Writes `sending` before a mail's final dot can leave: the conditional write that lets one sender through.
struct RowGate<'a> {
    app: &'a App,
    slots: Vec<Mutex<Slot>>,
    /// When it is too late to begin another.
    until: Timestamp,
}

#[async_trait]
impl BeforeCommit for RowGate<'_> {
    async fn commit(&self, index: usize) -> bool {
        let Some(slot) = self.slots.get(index) else { return false };
        let mut slot = slot.lock().await;
        let before = slot.item.row.clone();
        slot.item.row.status = Status::Sending;
        slot.item.row.next_attempt_at = None;
        slot.item.row.updated_at = (self.app.now)();
        let written = self.app.effects.ledger.update(&slot.item.row, slot.item.version).await;
        slot.before = Some(before);
        match written {
            Ok(true) => {
                slot.item.version += 1;
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "row not written as sending; mail kept back");
                slot.in_doubt = true;
                false
            }
        }
    }

    fn deadline_passed(&self) -> bool {
        (self.app.now)() >= self.until
    }
}
