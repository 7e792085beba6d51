//! Erases what is kept of a recipient: the rows, and that person's part of the events' documents.

use std::time::Duration;

use ownpost_domain::delivery::{Closed, Delivery, Status};
use ownpost_domain::tenant::Tenant;

use crate::effects::{EffectError, Filter, Order, Result, Versioned};
use crate::functions::App;
use crate::functions::task_queue::enqueue;
use crate::wire::sqs::Task;
use crate::wire::stored_event;

/// Rows of one page.
const PAGE: usize = 100;
/// When rows are looked at again that were being sent.
const WHEN_SENT: Duration = Duration::from_mins(15);

/// One page: a row that is erased leaves the list, so each page is the first.
pub(super) async fn page(app: &App, tenant: &Tenant, recipient: &str) -> Result<()> {
    let ledger = &app.effects.ledger;
    let filter = Filter { recipient: Some(recipient.to_owned()), ..Filter::default() };
    let (mut cursor, mut sending) = (None, false);
    // Rows that are being sent stay in the list until they are final.
    let more = loop {
        let page = ledger.list(tenant, &filter, Order::OldestFirst, cursor.as_deref(), PAGE).await?;
        let (waiting, free): (Vec<_>, Vec<_>) =
            page.deliveries.into_iter().partition(|row| row.status == Status::Sending);
        sending |= !waiting.is_empty();
        for row in &free {
            one(app, tenant, row, recipient).await?;
        }
        cursor = page.cursor;
        if !free.is_empty() || cursor.is_none() {
            break !free.is_empty();
        }
    };
    let again = || Task::Erase { recipient: recipient.to_owned() };
    match (more, sending) {
        (true, _) => enqueue(app, tenant, again(), Duration::ZERO).await,
        (false, true) => enqueue(app, tenant, again(), WHEN_SENT).await,
        (false, false) => Ok(()),
    }
}

/// The document first: a crash in between finds the row again.
async fn one(app: &App, tenant: &Tenant, row: &Delivery, recipient: &str) -> Result<()> {
    let ledger = &app.effects.ledger;
    if let Some(before) = ledger.get_event(tenant, &row.event).await?
        && let Some(after) = stored_event::without(&before, &row.id, recipient)
        && !ledger.replace_event(tenant, &row.event, &before, &after).await?
    {
        return Err(transient("an event's document has changed at this moment"));
    }
    match ledger.get(tenant, &row.id).await? {
        Some(Versioned { value, version })
            if value.status != Status::Sending && value.closed != Some(Closed::Erased) =>
        {
            if !ledger.update(&value.erased((app.now)()), version).await? {
                return Err(transient("a row has changed at this moment"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn transient(message: &str) -> EffectError {
    EffectError::Transient { service: "ledger", message: message.to_owned() }
}
