//! All effects in memory, with exactly the semantics of the traits: for unit tests and simulations. The clock
//! is theirs too, and any operation can be made to fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ownpost_domain::delivery::{Delivery, DeliveryId, Revision};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::effects::{
    Due, DueKind, EffectError, Effects, Emitted, Events, Filter, Ledger, Order, Page, Queue, QueueMessage,
    Record, Result, SecretStage, Secrets, StoredVersion, Versioned,
};

/// How long a process lives. A process is a thread here: what it does after its end reaches nothing.
pub mod life {
    use std::cell::Cell;

    use super::{EffectError, Result};

    thread_local! {
        static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
        static ENDED: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets this thread call so many more operations; every other one fails, as if a signal had ended the process there.
    pub fn ends_after(calls: u64) {
        LEFT.set(calls);
        ENDED.set(false);
    }

    /// Another process begins on this thread.
    pub fn begins() {
        ends_after(u64::MAX);
    }

    /// Whether an operation was called after the end.
    pub fn is_over() -> bool {
        ENDED.get()
    }

    pub(super) fn spend() -> Result<()> {
        let Some(left) = LEFT.get().checked_sub(1) else {
            ENDED.set(true);
            let message = "this process has ended".to_owned();
            return Err(EffectError::Transient { service: "memory", message });
        };
        LEFT.set(left);
        Ok(())
    }
}

/// A whole world in memory.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
    /// What somebody else does at the moment when the next messages are on the queue.
    #[cfg(test)]
    pub(crate) after_send: Mutex<Option<Meanwhile>>,
    /// Whether others write a state between a caller's read and its write, as in a ledger that is far away.
    #[cfg(test)]
    pub(crate) far_away: std::sync::atomic::AtomicBool,
}

/// A step of another process, run once in the middle of an operation.
#[cfg(test)]
pub(crate) type Meanwhile = Box<dyn FnOnce() -> futures_util::future::BoxFuture<'static, ()> + Send>;

#[derive(Default)]
struct State {
    now: Timestamp,
    failing: HashMap<&'static str, u32>,
    calls: HashMap<&'static str, u64>,
    platform: Option<StoredVersion>,
    operator: HashMap<String, String>,
    secrets: HashMap<Tenant, Versions>,
    tokens: HashMap<Tenant, Zeroizing<String>>,
    events: HashMap<(Tenant, String), Vec<u8>>,
    rows: HashMap<(Tenant, DeliveryId), Versioned<Delivery>>,
    states: HashMap<(Tenant, String), (Versioned<Value>, Option<Timestamp>)>,
    /// Rows whose entry in the index of what is due was moved, with the version that it was moved at.
    postponed: HashMap<(Tenant, DeliveryId), (u64, Timestamp)>,
    watched: HashMap<Tenant, Timestamp>,
    queue: Vec<Waiting>,
    sent_to_queue: u64,
    emitted: Vec<Emitted>,
}

#[derive(Default)]
struct Versions {
    stored: Vec<StoredVersion>,
    labels: HashMap<SecretStage, Revision>,
}

struct Waiting {
    id: String,
    body: String,
    visible_at: Timestamp,
    receives: u32,
}

impl State {
    fn due_at(&self, tenant: &Tenant, id: &DeliveryId, stored: &Versioned<Delivery>) -> Option<Timestamp> {
        match self.postponed.get(&(tenant.clone(), id.clone())) {
            Some((version, until)) if *version == stored.version => Some(*until),
            _ => due::at(&stored.value),
        }
    }
}

impl Memory {
    /// An empty world at the beginning of time.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The world as effects.
    pub fn effects(self: &Arc<Self>) -> Effects {
        Effects { secrets: self.clone(), ledger: self.clone(), queue: self.clone(), events: self.clone() }
    }

    /// The time by the clock of this world.
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// Moves the clock forward.
    pub fn pass(&self, duration: Duration) {
        let mut state = self.lock();
        state.now += SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    }

    /// Moves the clock back, and shows the queue's messages when they were to be shown: SQS has a clock of its own, and
    /// `ownpost local` mends its queue.
    pub fn go_back(&self, duration: Duration) {
        let by = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let mut state = self.lock();
        state.now -= by;
        for message in &mut state.queue {
            message.visible_at -= by;
        }
    }

    /// Makes the next `times` calls of an operation (`ledger.update`, `queue.send`, …) fail as transient.
    pub fn fail(&self, operation: &'static str, times: u32) {
        self.lock().failing.insert(operation, times);
    }

    /// Loses a tenant's secret, as a deleted secret or a changed prefix does; the ledger keeps what it knows.
    pub fn lose_secret(&self, tenant: &Tenant) {
        self.lock().secrets.remove(tenant);
    }

    /// Sets the platform's own document.
    pub fn set_platform(&self, revision: &str, document: &str) {
        let mut state = self.lock();
        let created_at = state.now;
        let document = Zeroizing::new(document.to_owned());
        state.platform =
            Some(StoredVersion { revision: Revision(revision.to_owned()), document, created_at });
    }

    /// Sets another document of the operator, by the name of its secret.
    pub fn set_operator(&self, name: &str, document: &str) {
        self.lock().operator.insert(name.to_owned(), document.to_owned());
    }

    /// Takes the platform's own document away.
    pub fn remove_platform(&self) {
        self.lock().platform = None;
    }

    /// Loses an event's document, as the end of its time does.
    pub fn lose_event(&self, tenant: &Tenant, event: &str) {
        self.lock().events.remove(&(tenant.clone(), event.to_owned()));
    }

    /// How often an operation (`secrets.get`, …) was called.
    pub fn calls(&self, operation: &str) -> u64 {
        self.lock().calls.get(operation).copied().unwrap_or_default()
    }

    /// Takes at most `most` visible messages, hidden for `visibility` from now.
    pub fn receive(&self, most: usize, visibility: Duration) -> Vec<Record> {
        let mut state = self.lock();
        let now = state.now;
        let hidden = now + SignedDuration::try_from(visibility).unwrap_or(SignedDuration::MAX);
        let visible = state.queue.iter_mut().filter(|message| message.visible_at <= now).take(most);
        let take = |message: &mut Waiting| {
            message.visible_at = hidden;
            message.receives += 1;
            Record {
                message_id: message.id.clone(),
                receipt: message.id.clone(),
                receives: message.receives,
                body: message.body.clone(),
            }
        };
        visible.map(take).collect()
    }

    /// Deletes a message, as the event source does with those that are no batch item failure.
    pub fn delete(&self, message_id: &str) {
        self.lock().queue.retain(|message| message.id != message_id);
    }

    /// Loses all messages on the queue, as a purge does.
    pub fn lose_messages(&self) {
        self.lock().queue.clear();
    }

    /// How many messages are on the queue, visible or not.
    pub fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    /// All rows, in no order.
    pub fn rows(&self) -> Vec<Delivery> {
        self.lock().rows.values().map(|row| row.value.clone()).collect()
    }

    /// What was emitted, and forgets it.
    pub fn take_emitted(&self) -> Vec<Emitted> {
        std::mem::take(&mut self.lock().emitted)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for an operation, unless it is to fail.
    fn enter(&self, operation: &'static str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        *state.calls.entry(operation).or_default() += 1;
        life::spend()?;
        match state.failing.get_mut(operation) {
            Some(times) if *times > 0 => {
                *times -= 1;
                Err(EffectError::Transient { service: "memory", message: format!("{operation} is to fail") })
            }
            _ => Ok(state),
        }
    }
}

fn permanent<T>(message: &str) -> Result<T> {
    Err(EffectError::Permanent { service: "memory", message: message.to_owned() })
}

#[async_trait]
impl Secrets for Memory {
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>> {
        let state = self.enter("secrets.get")?;
        let Some(versions) = state.secrets.get(tenant) else { return Ok(None) };
        let Some(revision) = versions.labels.get(&stage) else { return Ok(None) };
        Ok(versions.stored.iter().find(|version| version.revision == *revision).cloned())
    }

    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>> {
        let state = self.enter("secrets.get_revision")?;
        let Some(versions) = state.secrets.get(tenant) else { return Ok(None) };
        Ok(versions.stored.iter().find(|version| version.revision == *revision).cloned())
    }

    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()> {
        let mut state = self.enter("secrets.put_pending")?;
        let created_at = state.now;
        let versions = state.secrets.entry(tenant.clone()).or_default();
        if let Some(known) = versions.stored.iter().find(|version| version.revision == *revision) {
            let same = known.document.as_str() == document;
            return if same { Ok(()) } else { permanent("this revision has another document") };
        }
        let document = Zeroizing::new(document.to_owned());
        versions.stored.push(StoredVersion { revision: revision.clone(), document, created_at });
        versions.labels.insert(SecretStage::Pending, revision.clone());
        Ok(())
    }

    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool> {
        let mut state = self.enter("secrets.promote")?;
        let versions = state.secrets.entry(tenant.clone()).or_default();
        if versions.labels.get(&SecretStage::Current) != expected {
            return Ok(false);
        }
        if !versions.stored.iter().any(|version| version.revision == *revision) {
            return permanent("there is no such revision");
        }
        if let Some(before) = versions.labels.insert(SecretStage::Current, revision.clone())
            && before != *revision
        {
            versions.labels.insert(SecretStage::Previous, before);
        }
        if versions.labels.get(&SecretStage::Pending) == Some(revision) {
            versions.labels.remove(&SecretStage::Pending);
        }
        Ok(true)
    }

    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()> {
        let mut state = self.enter("secrets.discard_pending")?;
        let versions = state.secrets.entry(tenant.clone()).or_default();
        if versions.labels.get(&SecretStage::Pending) == Some(revision) {
            versions.labels.remove(&SecretStage::Pending);
        }
        Ok(())
    }

    async fn forget(&self, tenant: &Tenant) -> Result<()> {
        let mut state = self.enter("secrets.forget")?;
        state.secrets.remove(tenant);
        state.tokens.remove(tenant);
        Ok(())
    }

    async fn tokens(&self, tenant: &Tenant) -> Result<Option<Zeroizing<String>>> {
        Ok(self.enter("secrets.tokens")?.tokens.get(tenant).cloned())
    }

    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()> {
        self.enter("secrets.put_tokens")?.tokens.insert(tenant.clone(), Zeroizing::new(document.to_owned()));
        Ok(())
    }

    async fn platform(&self) -> Result<Option<StoredVersion>> {
        Ok(self.enter("secrets.platform")?.platform.clone())
    }

    async fn operator(&self, name: &str) -> Result<Option<Zeroizing<String>>> {
        Ok(self.enter("secrets.operator")?.operator.get(name).cloned().map(Zeroizing::new))
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn put_event(
        &self,
        tenant: &Tenant,
        event: &str,
        document: &[u8],
        _keep_until: Timestamp,
    ) -> Result<bool> {
        let mut state = self.enter("ledger.put_event")?;
        let key = (tenant.clone(), event.to_owned());
        let new = !state.events.contains_key(&key);
        state.events.entry(key).or_insert_with(|| document.to_vec());
        Ok(new)
    }

    async fn get_event(&self, tenant: &Tenant, event: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.enter("ledger.get_event")?.events.get(&(tenant.clone(), event.to_owned())).cloned())
    }

    async fn keep_event(&self, _tenant: &Tenant, _event: &str, _until: Timestamp) -> Result<()> {
        self.enter("ledger.keep_event").map(drop)
    }

    async fn replace_event(&self, tenant: &Tenant, event: &str, before: &[u8], after: &[u8]) -> Result<bool> {
        let mut state = self.enter("ledger.replace_event")?;
        let stored = state.events.get_mut(&(tenant.clone(), event.to_owned()));
        let Some(stored) = stored.filter(|stored| *stored == before) else { return Ok(false) };
        *stored = after.to_vec();
        Ok(true)
    }

    async fn insert(&self, row: &Delivery) -> Result<bool> {
        let mut state = self.enter("ledger.insert")?;
        let key = (row.tenant.clone(), row.id.clone());
        if state.rows.contains_key(&key) {
            return Ok(false);
        }
        state.rows.insert(key, Versioned { value: row.clone(), version: 1 });
        Ok(true)
    }

    async fn get(&self, tenant: &Tenant, id: &DeliveryId) -> Result<Option<Versioned<Delivery>>> {
        Ok(self.enter("ledger.get")?.rows.get(&(tenant.clone(), id.clone())).cloned())
    }

    async fn update(&self, row: &Delivery, version: u64) -> Result<bool> {
        let mut state = self.enter("ledger.update")?;
        let stored = state.rows.get_mut(&(row.tenant.clone(), row.id.clone()));
        let Some(stored) = stored.filter(|stored| stored.version == version) else { return Ok(false) };
        *stored = Versioned { value: row.clone(), version: version + 1 };
        Ok(true)
    }

    async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        order: Order,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        let state = self.enter("ledger.list")?;
        // The cursor is the last row's place.
        let after = match cursor.map(serde_json::from_str::<(Timestamp, DeliveryId)>) {
            Some(Err(_)) => return permanent("no cursor of this ledger"),
            Some(Ok(place)) => Some(place),
            None => None,
        };
        let place = |row: &Delivery| (row.queued_at, row.id.clone());
        let mut rows: Vec<&Delivery> = state.rows.values().map(|row| &row.value).collect();
        rows.retain(|row| {
            row.tenant == *tenant
                && filter.event.as_ref().is_none_or(|event| *event == row.event)
                && filter.recipient.as_ref().is_none_or(|recipient| *recipient == row.recipient)
                && filter.status.is_none_or(|status| status == row.status)
        });
        rows.sort_by_key(|row| place(row));
        if order == Order::NewestFirst {
            rows.reverse();
        }
        if let Some(after) = after {
            rows.retain(|row| match order {
                Order::NewestFirst => place(row) < after,
                Order::OldestFirst => place(row) > after,
            });
        }
        let more = rows.len() > limit;
        let deliveries: Vec<Delivery> = rows.into_iter().take(limit).cloned().collect();
        let cursor = deliveries.last().filter(|_| more).map(|row| serde_json::json!(place(row)).to_string());
        Ok(Page { deliveries, cursor })
    }

    async fn get_state(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<Value>>> {
        let state = self.enter("ledger.get_state")?;
        let found = state.states.get(&(tenant.clone(), key.to_owned()));
        Ok(found.filter(|(_, expires)| expires.is_none_or(|at| at > now)).map(|(value, _)| value.clone()))
    }

    async fn put_state(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &Value,
        version: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        #[cfg(test)]
        if self.far_away.load(std::sync::atomic::Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        let mut state = self.enter("ledger.put_state")?;
        let key = (tenant.clone(), key.to_owned());
        let live = state.states.get(&key).filter(|(_, expires)| expires.is_none_or(|at| at > now));
        if live.map_or(0, |(value, _)| value.version) != version {
            return Ok(false);
        }
        state.states.insert(key, (Versioned { value: value.clone(), version: version + 1 }, expires));
        Ok(true)
    }

    async fn due(&self, shard: u16, before: Timestamp, limit: usize) -> Result<Vec<Due>> {
        let state = self.enter("ledger.due")?;
        let rows = state.rows.iter().filter_map(|((tenant, id), stored)| {
            let at = state.due_at(tenant, id, stored)?;
            (due::shard(id.as_str()) == shard)
                .then(|| Due { what: DueKind::Row(tenant.clone(), id.clone()), at })
        });
        let watched = state.watched.iter().filter(|(tenant, _)| due::shard(tenant.as_str()) == shard);
        let relays = watched.map(|(tenant, at)| Due { what: DueKind::Relay(tenant.clone()), at: *at });
        let mut found: Vec<Due> = rows.chain(relays).filter(|due| due.at < before).collect();
        found.sort_by_key(|due| (due.at, due.what.clone()));
        found.truncate(limit);
        Ok(found)
    }

    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<bool> {
        let mut state = self.enter("ledger.postpone")?;
        match &due.what {
            DueKind::Row(tenant, id) => {
                let place = (tenant.clone(), id.clone());
                let Some(stored) = state.rows.get(&place) else { return Ok(false) };
                let version = stored.version;
                if state.due_at(tenant, id, stored) != Some(due.at) {
                    return Ok(false);
                }
                state.postponed.insert(place, (version, until));
            }
            DueKind::Relay(tenant) => {
                if state.watched.get(tenant) != Some(&due.at) {
                    return Ok(false);
                }
                state.watched.insert(tenant.clone(), until);
            }
        }
        Ok(true)
    }

    async fn watch(&self, tenant: &Tenant, at: Timestamp) -> Result<()> {
        let mut state = self.enter("ledger.watch")?;
        let known = state.watched.entry(tenant.clone()).or_insert(at);
        *known = at.min(*known);
        Ok(())
    }

    async fn forget_some(&self, tenant: &Tenant) -> Result<bool> {
        let mut state = self.enter("ledger.forget_some")?;
        state.events.retain(|(owner, _), _| owner != tenant);
        state.rows.retain(|(owner, _), _| owner != tenant);
        state.states.retain(|(owner, _), _| owner != tenant);
        state.watched.remove(tenant);
        Ok(false)
    }
}

#[async_trait]
impl Queue for Memory {
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>> {
        let one = |message: &QueueMessage| {
            let mut state = self.enter("queue.send")?;
            if message.delay > Duration::from_mins(15) {
                return permanent("a message is delayed by 15 minutes at most");
            }
            state.sent_to_queue += 1;
            let delay = SignedDuration::try_from(message.delay).unwrap_or(SignedDuration::MAX);
            let id = format!("message-{}", state.sent_to_queue);
            let visible_at = state.now + delay;
            state.queue.push(Waiting { id, body: message.body.clone(), visible_at, receives: 0 });
            Ok(())
        };
        let sent = messages.iter().map(one).collect();
        #[cfg(test)]
        {
            let meanwhile = self.after_send.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(meanwhile) = meanwhile {
                meanwhile().await;
            }
        }
        sent
    }

    async fn hide(&self, receipt: &str, during: Duration) -> Result<()> {
        let mut state = self.enter("queue.hide")?;
        if during > Duration::from_hours(12) {
            return permanent("a message is hidden for 12 hours at most");
        }
        let until = state.now + SignedDuration::try_from(during).unwrap_or(SignedDuration::MAX);
        if let Some(message) = state.queue.iter_mut().find(|message| message.id == receipt) {
            message.visible_at = until;
        }
        Ok(())
    }
}

#[async_trait]
impl Events for Memory {
    async fn emit(&self, events: &[Emitted]) -> Vec<Result<()>> {
        let one = |event: &Emitted| {
            self.enter("events.emit")?.emitted.push(event.clone());
            Ok(())
        };
        events.iter().map(one).collect()
    }
}
