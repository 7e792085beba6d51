//! Function `router`: accepts events, records a row for each recipient and fans out.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ownpost_domain::category::Category;
use ownpost_domain::delivery::{Closed, Delivery, DeliveryId, Status};
use ownpost_domain::event::{Event, Person, Recipient};
use ownpost_domain::tenant::Tenant;

use super::{App, later};
use crate::config::Config;
use crate::effects::{EffectError, QueueMessage};
use crate::mail::ids;
pub use crate::wire::answers::{AcceptedEvent as Accepted, RefusedRecipient};
pub(super) use crate::wire::event::RESERVED_PREFIX;
use crate::wire::event::{self, EventCode, EventError, QUEUE_LIMIT, address_meant};
use crate::wire::sqs::{Job, MailJob};
use crate::wire::stored_event::{self, StoredEvent};

/// How long an event's document is kept from the beginning: a week after its mails are final, if that is within a day. What
/// waits longer keeps it longer.
pub(super) const KEEP_FROM_START: Duration = Config::KEEP_DOCUMENT.saturating_add(Duration::from_hours(24));
/// How many rows are written at a time: an event of 1000 recipients takes seconds, not minutes.
const AT_A_TIME: usize = 16;

/// An event that was not accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refused {
    /// The stable code, `event.…`.
    pub code: &'static str,
    /// The status of an HTTP call that is refused for it.
    pub status: u16,
    /// For the developer of the event source.
    pub message: String,
    /// Whether the same event may be accepted later: the store was out of reach.
    pub transient: bool,
}

impl Refused {
    fn new(code: EventCode, message: impl Into<String>) -> Self {
        Self {
            code: code.code(),
            status: code.status(),
            message: message.into(),
            transient: code == EventCode::Unavailable,
        }
    }

    /// An event that was not begun, because the call has no time left.
    pub(super) fn late() -> Self {
        Self::new(EventCode::Unavailable, "the call had no time left for this event; send it again")
    }
}

impl From<EventError> for Refused {
    fn from(error: EventError) -> Self {
        Self::new(error.code, error.to_string())
    }
}

impl From<EffectError> for Refused {
    /// A permanent error is the operator's to cure (a missing permission), so the event is worth keeping too.
    fn from(error: EffectError) -> Self {
        Self::new(EventCode::Unavailable, error.to_string())
    }
}

/// Accepts one event document (docs/reference/events.md). With `only`, an event of another tenant is refused.
///
/// Idempotent: whatever a crash left undone, accepting the same event again completes it, and what was done is
/// not done twice.
///
/// # Errors
/// The event cannot be used, or the store is out of reach ([`Refused::transient`]).
pub async fn accept(app: &App, document: &[u8], only: Option<&Tenant>) -> Result<Accepted, Refused> {
    let accepted = accept_up_to(app, document, only, QUEUE_LIMIT).await;
    if accepted.as_ref().is_err_and(|refused| !refused.transient) {
        app.meter.refused();
    }
    accepted
}

/// [`accept`] for events of up to `limit` bytes: `ownpost send` has no queue to fit them on.
///
/// # Errors
/// The same as of [`accept`].
pub async fn accept_up_to(
    app: &App,
    document: &[u8],
    only: Option<&Tenant>,
    limit: usize,
) -> Result<Accepted, Refused> {
    let event = event::parse(document, limit)?;
    if only.is_some_and(|tenant| *tenant != event.tenant) {
        return Err(Refused::new(
            EventCode::TenantForeign,
            "tenant: the event is of another tenant than the caller",
        ));
    }
    if let Some(error) = event::reserved(&event.kind) {
        return Err(error.into());
    }
    record(app, &event, document).await
}

/// Writes the event and its rows and puts them on the queue. The order closes every crash window: first what
/// can be repeated without effect, and the message last.
pub(super) async fn record(app: &App, event: &Event, document: &[u8]) -> Result<Accepted, Refused> {
    let effects = &app.effects;
    let keep_until = later((app.now)(), KEEP_FROM_START);
    let repeated = !effects.ledger.put_event(&event.tenant, &event.id, document, keep_until).await?;
    if repeated {
        let first = effects.ledger.get_event(&event.tenant, &event.id).await?;
        let first =
            first.ok_or_else(|| Refused::new(EventCode::Unavailable, "the event is being written"))?;
        // Compared by meaning, not by bytes: a source may write its JSON differently when it repeats.
        if !is_same(&stored_event::read(&first)?, event) {
            let message = "id: this id was used for another event; nothing of this one was kept";
            return Err(Refused::new(EventCode::IdReused, message));
        }
    }
    let (rows, refused) = rows_of(app, event);
    let deliveries: Vec<DeliveryId> = rows.iter().map(|row| row.id.clone()).collect();
    let waiting: Vec<Option<QueueMessage>> = stream::iter(rows)
        .map(|row| async move {
            // A row that is there already and still `queued` may have lost its message to a crash. Two messages
            // for one row are harmless: the sender's conditional write lets one of them through.
            let stored = if effects.ledger.insert(&row).await? {
                app.meter.accepted(row.category);
                // One whose address cannot be used has ended.
                app.meter.settled(&row);
                Some(row)
            } else {
                effects.ledger.get(&row.tenant, &row.id).await?.map(|stored| stored.value)
            };
            let Some(stored) = stored else { return Ok(None) };
            let announced = (stored.closed == Some(Closed::Unusable)).then(|| announcement(&stored));
            Ok::<_, EffectError>(announced.or((stored.status == Status::Queued).then(|| message(&stored))))
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    let messages: Vec<QueueMessage> = waiting.into_iter().flatten().collect();
    let results = effects.queue.send(&messages).await;
    let failed: Vec<&EffectError> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    if let Some(first) = failed.first() {
        let message =
            format!("{} of {} mails are not on the queue yet: {first}", failed.len(), messages.len());
        return Err(Refused::new(EventCode::Unavailable, message));
    }
    Ok(Accepted { deliveries, repeated, refused })
}

/// A row for each recipient, in their order, those with an unusable address last; an address named twice gets one.
fn rows_of(app: &App, event: &Event) -> (Vec<Delivery>, Vec<RefusedRecipient>) {
    let mut rows: Vec<Delivery> = Vec::with_capacity(event.recipients.len());
    let mut refused = Vec::new();
    for recipient in &event.recipients {
        let row = new_row(app, event, recipient);
        if rows.iter().all(|other| other.id != row.id) {
            rows.push(row);
        }
    }
    for unusable in &event.unusable {
        let person = Person { address: unusable.address.clone(), name: None };
        let row = Delivery {
            recipient: address_meant(&unusable.address),
            status: Status::Failed,
            reason: format!(
                "The recipient's address “{}” cannot be used: {}.",
                unusable.address, unusable.problem
            ),
            closed: Some(Closed::Unusable),
            ..new_row(app, event, &Recipient { person, locale: None })
        };
        refused.push(RefusedRecipient {
            index: unusable.index,
            delivery: row.id.clone(),
            code: EventCode::AddressInvalid.code(),
            detail: format!("recipients[{}].address: {}", unusable.index, unusable.problem),
        });
        if rows.iter().all(|other| other.id != row.id) {
            rows.push(row);
        }
    }
    (rows, refused)
}

/// Whether a stored event is this one, but for the recipients whose data was erased meanwhile.
fn is_same(stored: &StoredEvent, event: &Event) -> bool {
    let Some(first) = &stored.event else { return true };
    let id = |recipient: &Recipient| DeliveryId::derive(&event.tenant, &event.id, &recipient.person.address);
    let mut event = event.clone();
    event.recipients.retain(|recipient| !stored.erased.contains(&id(recipient)));
    if !stored.erased.is_empty() {
        // Their places in the list are others now.
        event.unusable.clone_from(&first.unusable);
    }
    event == *first
}

/// The message that makes a sender emit `Delivery Failed` for a row that this function has failed.
fn announcement(row: &Delivery) -> QueueMessage {
    let job =
        MailJob { tenant: row.tenant.clone(), delivery: row.id.clone(), decided: false, announce: true };
    let body = Job::Mail(job).encode();
    QueueMessage { group: row.tenant.clone(), category: Some(row.category), body, delay: Duration::ZERO }
}

/// The message that brings this row to a sender.
pub(super) fn message(row: &Delivery) -> QueueMessage {
    message_for(&row.tenant, &row.id, Some(row.category), false)
}

/// The message that brings the row with this id to a sender; `decided` when a person has released it.
pub(super) fn message_for(
    tenant: &Tenant,
    id: &DeliveryId,
    category: Option<Category>,
    decided: bool,
) -> QueueMessage {
    let job = Job::Mail(MailJob { tenant: tenant.clone(), delivery: id.clone(), decided, announce: false });
    QueueMessage { group: tenant.clone(), category, body: job.encode(), delay: Duration::ZERO }
}

/// The reason of a mail that has not been tried yet.
pub(super) const WAITING: &str = "Waiting to be sent.";

/// The row of a mail that has not been tried yet.
pub fn new_row(app: &App, event: &Event, recipient: &Recipient) -> Delivery {
    let now = (app.now)();
    let address = &recipient.person.address;
    Delivery {
        id: DeliveryId::derive(&event.tenant, &event.id, address),
        tenant: event.tenant.clone(),
        event: event.id.clone(),
        category: event.category,
        kind: event.kind.clone(),
        recipient: address.clone(),
        status: Status::Queued,
        route: None,
        reason: WAITING.to_owned(),
        revision: None,
        message_id: ids::message_id(&event.tenant, &event.id, address),
        queued_at: now,
        updated_at: now,
        next_attempt_at: None,
        ticket: None,
        retry_until: later(now, app.config.retry_for()),
        hold_until: later(now, app.config.hold_for()),
        waits_for: None,
        closed: None,
        not_after: event.not_after,
        attempts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{World, event};

    #[tokio::test]
    async fn an_event_becomes_a_row_and_a_message_for_each_recipient() {
        let world = World::new();
        let event = event("e1", &["jan@example.org", "ann@example.org", "jan@EXAMPLE.org"]);
        let accepted = accept(&world.app, event.as_bytes(), None).await.unwrap();
        assert!(!accepted.repeated);
        assert_eq!((accepted.deliveries.len(), world.memory.queued()), (2, 2));
        for row in world.memory.rows() {
            assert_eq!((row.status, row.event.as_str()), (Status::Queued, "e1"));
            assert!(accepted.deliveries.contains(&row.id));
        }
    }

    #[tokio::test]
    async fn whatever_failed_in_between_the_same_event_completes_it() {
        for operation in ["ledger.put_event", "ledger.insert", "queue.send"] {
            let world = World::new();
            let event = event("e1", &["a@example.org", "b@example.org", "c@example.org"]);
            world.memory.fail(operation, 1);
            let refused = accept(&world.app, event.as_bytes(), None).await.unwrap_err();
            assert_eq!((refused.code, refused.transient), ("event.unavailable", true), "{operation}");
            let accepted = accept(&world.app, event.as_bytes(), None).await.unwrap();
            assert_eq!((accepted.deliveries.len(), world.memory.rows().len()), (3, 3), "{operation}");
            let bodies: std::collections::HashSet<String> = world
                .memory
                .receive(10, std::time::Duration::from_secs(30))
                .into_iter()
                .map(|record| record.body)
                .collect();
            assert_eq!(bodies.len(), 3, "{operation}: every row has a message");
        }
    }

    #[tokio::test]
    async fn an_id_names_one_event_for_ever() {
        let world = World::new();
        let first = event("e1", &["jan@example.org"]);
        accept(&world.app, first.as_bytes(), None).await.unwrap();
        let respaced = first.replace(':', ": ");
        assert!(accept(&world.app, respaced.as_bytes(), None).await.unwrap().repeated);
        let other = event("e1", &["eve@example.org"]);
        assert_eq!(accept(&world.app, other.as_bytes(), None).await.unwrap_err().code, "event.id_reused");
        assert_eq!(world.memory.rows().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_malformed_recipient_fails_alone() {
        let world = World::new();
        let event = event("e1", &["ann@example.org", "jan@example.org ", "x\r\nBcc: y", "ben@example.org"]);
        for repeated in [false, true] {
            let accepted = accept(&world.app, event.as_bytes(), None).await.unwrap();
            let refused: Vec<_> =
                accepted.refused.iter().map(|refused| (refused.index, refused.code)).collect();
            assert_eq!(refused, [(1, "event.address_invalid"), (2, "event.address_invalid")]);
            assert_eq!((accepted.deliveries.len(), accepted.repeated), (4, repeated));
            while world.work().await > 0 {}
        }
        let rows = world.memory.rows();
        let of = |status| rows.iter().filter(|row| row.status == status).count();
        assert_eq!((of(Status::Sent), of(Status::Failed)), (2, 2));
        let failed = rows.iter().find(|row| row.recipient == "jan@example.org").unwrap();
        assert!(failed.reason.contains("“jan@example.org ” cannot be used"), "{}", failed.reason);
        assert!(rows.iter().all(|row| !row.recipient.contains('\n')));
        let emitted = world.memory.take_emitted();
        assert!(emitted.iter().all(|event| event.detail_type == "Delivery Failed") && emitted.len() >= 2);
        let none = crate::testing::world::event("e2", &["jan@example.org ", "x"]);
        let refused = accept(&world.app, none.as_bytes(), None).await.unwrap_err();
        assert_eq!(refused.code, "event.address_invalid");
        assert_eq!(world.memory.rows().len(), 4, "nothing of it is kept");
    }

    #[tokio::test]
    async fn foreign_tenants_and_reserved_types_are_refused() {
        let world = World::new();
        let event = event("e1", &["jan@example.org"]);
        let other = Tenant::new("other").unwrap();
        let refused = accept(&world.app, event.as_bytes(), Some(&other)).await.unwrap_err();
        assert_eq!(refused.code, "event.tenant_foreign");
        let own = event.replace("comment.created", "ownpost.relay-unhealthy");
        assert_eq!(accept(&world.app, own.as_bytes(), None).await.unwrap_err().code, "event.type_invalid");
        assert!(world.memory.rows().is_empty() && world.memory.queued() == 0);
    }
}
