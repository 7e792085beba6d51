//! The effects of Ownpost on the world, as small traits. `sender-lambda` implements them on AWS services, `ownpost`
//! on an embedded store. One contract suite runs against both.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Delivery, DeliveryId, Revision, Status};
use ownpost_domain::tenant::Tenant;
use zeroize::Zeroizing;

/// The reason why an effect did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// Worth trying again: throttled, timed out, the service is down.
    #[error("{service}: {message}")]
    Transient {
        /// The name of the service that was called.
        service: &'static str,
        /// The service's message; never a secret.
        message: String,
    },
    /// Trying again changes nothing: denied, too large, misconfigured.
    #[error("{service}: {message}")]
    Permanent {
        /// The name of the service that was called.
        service: &'static str,
        /// The service's message; never a secret.
        message: String,
    },
}

/// The result of an effect.
pub type Result<T> = std::result::Result<T, EffectError>;

/// A staging label of Secrets Manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretStage {
    /// `AWSCURRENT`: the active version.
    Current,
    /// `AWSPREVIOUS`: the version that was active before; rollback goes back to it.
    Previous,
    /// `AWSPENDING`: a version that is stored and has not passed its test.
    Pending,
}

/// One version of a tenant's stored document.
#[derive(Clone)]
pub struct StoredVersion {
    /// The version's id in Secrets Manager.
    pub revision: Revision,
    /// The document as it was put. Opaque to the store, which never looks inside.
    pub document: Zeroizing<String>,
    /// When it was put.
    pub created_at: Timestamp,
}

/// The versions of each tenant's settings: Secrets Manager's model of one secret with staging labels.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The version that carries the label; `None` when there is none.
    async fn get(&self, tenant: &Tenant, stage: SecretStage) -> Result<Option<StoredVersion>>;
    /// This very version; `None` when it is gone.
    async fn get_revision(&self, tenant: &Tenant, revision: &Revision) -> Result<Option<StoredVersion>>;
    /// Stores a version under no other label than `AWSPENDING`; `AWSCURRENT` does not move. Putting the same revision with
    /// the same document again changes nothing.
    async fn put_pending(&self, tenant: &Tenant, revision: &Revision, document: &str) -> Result<()>;
    /// Moves `AWSCURRENT` to this version, and with it `AWSPREVIOUS` to the version that was current, and takes
    /// `AWSPENDING` off. `false`, and nothing moved, when the current version is not `expected` any more: two
    /// saved at once and the other won.
    async fn promote(
        &self,
        tenant: &Tenant,
        revision: &Revision,
        expected: Option<&Revision>,
    ) -> Result<bool>;
    /// Takes `AWSPENDING` off this version, if it is there.
    async fn discard_pending(&self, tenant: &Tenant, revision: &Revision) -> Result<()>;
    /// Deletes all versions of the tenant's document at once and for ever, whatever labels they have. Nothing to delete is
    /// no error. For a moment afterwards the store may refuse to keep new ones: a transient error.
    async fn forget(&self, tenant: &Tenant) -> Result<()>;
    /// The document of the tokens that a provider has given for the tenant's grants: a secret of its own beside the settings,
    /// without revisions. `None` when there is none.
    async fn tokens(&self, tenant: &Tenant) -> Result<Option<Zeroizing<String>>>;
    /// Stores that document in place of the one before.
    async fn put_tokens(&self, tenant: &Tenant, document: &str) -> Result<()>;
    /// The platform's own document, by the operator's secret name; `None` when none is set.
    async fn platform(&self) -> Result<Option<StoredVersion>>;
    /// Another document of the operator, by the secret's name or ARN; `None` when there is none.
    async fn operator(&self, name: &str) -> Result<Option<Zeroizing<String>>>;
}

/// A value with the number that a conditional write compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value as it was read.
    pub value: T,
    /// The version, one more with each write.
    pub version: u64,
}

/// A filter of rows; `None` in a field lets every row pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The id of the rows' event.
    pub event: Option<String>,
    /// The recipient's address, in its canonical form.
    pub recipient: Option<String>,
    /// The status of the rows.
    pub status: Option<Status>,
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows, in the order asked for.
    pub deliveries: Vec<Delivery>,
    /// The cursor of the next page; `None` at the end. Opaque.
    pub cursor: Option<String>,
}

/// An entry of the index of what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The row or relay that is due.
    pub what: DueKind,
    /// The time that the entry has.
    pub at: Timestamp,
}

/// The kinds of what can be due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueKind {
    /// A row whose next action is late: its message may be lost.
    Row(Tenant, DeliveryId),
    /// A tenant's relay that is to be looked at.
    Relay(Tenant),
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By `queued_at`, the newest first.
    NewestFirst,
    /// By `queued_at`, the oldest first: the order in which held mail is released.
    OldestFirst,
}

/// The rows, the events they came from, and small shared states (breaker, health, rate limits). All writes are
/// conditional, so that any number of senders can be killed at any point.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Keeps the event's document for its rows: sending, holding and resending read it. Putting the same event
    /// id again keeps the first document and says `false`. From `keep_until` on the store may delete it.
    async fn put_event(
        &self,
        tenant: &Tenant,
        event: &str,
        document: &[u8],
        keep_until: Timestamp,
    ) -> Result<bool>;
    /// Keeps the event's document until this time at the least. A store that can see the rows of an event may do without.
    async fn keep_event(&self, tenant: &Tenant, event: &str, until: Timestamp) -> Result<()>;
    /// Writes another document over this one; `false`, and nothing changed, when the stored one is another.
    async fn replace_event(&self, tenant: &Tenant, event: &str, before: &[u8], after: &[u8]) -> Result<bool>;
    /// The event's document, as it was first put; `None` when there is none.
    async fn get_event(&self, tenant: &Tenant, event: &str) -> Result<Option<Vec<u8>>>;
    /// Writes a new row, version 1; `false`, and nothing changed, when the id is there already.
    async fn insert(&self, row: &Delivery) -> Result<bool>;
    /// The row and its version; `None` when there is none.
    async fn get(&self, tenant: &Tenant, id: &DeliveryId) -> Result<Option<Versioned<Delivery>>>;
    /// Writes the row if it still has this version; `false`, and nothing changed, when it has not.
    async fn update(&self, row: &Delivery, version: u64) -> Result<bool>;
    /// A page of at most `limit` rows. A cursor that this ledger did not give is a permanent error.
    async fn list(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        order: Order,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page>;
    /// A small shared state of the tenant; `None` when there is none or it has expired at `now`.
    async fn get_state(
        &self,
        tenant: &Tenant,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Versioned<serde_json::Value>>>;
    /// Writes a shared state if its version is still that (0: there is none, or it has expired at `now`);
    /// `false`, and nothing changed, when it is not.
    async fn put_state(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &serde_json::Value,
        version: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool>;
    /// What is due before this time in one shard of the index ([`ownpost_domain::due`]), the longest due first. An entry
    /// may be older than its row: [`Ledger::postpone`] has the last word.
    async fn due(&self, shard: u16, before: Timestamp, limit: usize) -> Result<Vec<Due>>;
    /// Moves this entry, as it was read, to another time; `false`, and nothing changed, when it is not the same any more.
    /// So of two that have read it, one has it. The row itself and its version do not change.
    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<bool>;
    /// Makes the tenant's relay due at this time, unless it is due sooner.
    async fn watch(&self, tenant: &Tenant, at: Timestamp) -> Result<()>;
    /// Deletes some of what is kept of a tenant: rows with their events, states, the watch of its relay. `true` when more
    /// may be left.
    async fn forget_some(&self, tenant: &Tenant) -> Result<bool>;
}

/// A message for the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// The fair-queue group (`MessageGroupId`): the tenant.
    pub group: Tenant,
    /// The mail's category, where it is known: a queue that can lets the categories of a group take turns. SQS cannot.
    pub category: Option<Category>,
    /// The body, a `Job` in JSON.
    pub body: String,
    /// The time before a sender can receive it: whole seconds, at most 900.
    pub delay: Duration,
}

/// The queue between `router` and `sender`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts the messages on the queue, with one result for each, in their order.
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>>;
    /// Hides a received message for so long (`ChangeMessageVisibility`, at most 12 hours).
    async fn hide(&self, receipt: &str, during: Duration) -> Result<()>;
    /// Keeps an event that is refused for good where an operator finds it, with the code and the reason. `false` where there
    /// is no such place.
    async fn keep_refused(&self, _document: &str, _code: &str, _reason: &str) -> Result<bool> {
        Ok(false)
    }
}

/// An event that Ownpost emits (EventBridge, source `ownpost`).
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// The detail type: `Delivery Failed`, `Relay Unhealthy`, …
    pub detail_type: &'static str,
    /// The detail (docs/reference/events.md).
    pub detail: serde_json::Value,
}

/// The bus for emitted events.
#[async_trait]
pub trait Events: Send + Sync {
    /// Emits the events, with one result for each, in their order.
    async fn emit(&self, events: &[Emitted]) -> Vec<Result<()>>;
}

/// All effects, as a function gets them.
#[derive(Clone)]
pub struct Effects {
    /// Settings with their secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The rows, events and shared states.
    pub ledger: Arc<dyn Ledger>,
    /// The queue between `router` and `sender`.
    pub queue: Arc<dyn Queue>,
    /// The bus for emitted events.
    pub events: Arc<dyn Events>,
}

/// A message as it came from the queue.
#[derive(Clone, Debug)]
pub struct Record {
    /// The message's id, for `batchItemFailures`.
    pub message_id: String,
    /// The receipt, for hiding it longer.
    pub receipt: String,
    /// How many times the message has been received, this one included (SQS: `ApproximateReceiveCount`).
    pub receives: u32,
    /// The body that `router` wrote.
    pub body: String,
}
