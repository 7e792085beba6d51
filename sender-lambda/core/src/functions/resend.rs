//! A person's decision to send a mail again, or not to send it.

use jiff::{SignedDuration, Timestamp};
use ownpost_domain::delivery::{Closed, Delivery, Status};
use ownpost_domain::due;
use ownpost_domain::tenant::Tenant;

use super::router::{KEEP_FROM_START, WAITING};
use super::{App, later, put_on_queue, router};
use crate::effects::{Filter, Order, Page, Result, Versioned};
use crate::wire::sqs::Choice;

/// How late the next action of a mail must be for a person to put it on the queue once more.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// Rows of one page.
pub(super) const PAGE: usize = 100;

/// The end of an attempt to send a mail again.
pub(super) enum Resent {
    /// The mail is on the queue; its row as it is now.
    Queued(Box<Delivery>),
    /// Its status does not allow it.
    NotResendable,
    /// The document of its event is gone.
    DocumentGone,
    /// The row has changed at this moment.
    Changed,
}

/// Puts the mail of this row on the queue again. The row is written first: were the message first, a sender could find the
/// row as it was and drop it. A crash in between leaves the row `queued`, and doing it again sends the message.
pub(super) async fn resend(app: &App, stored: Versioned<Delivery>) -> Result<Resent> {
    let now = (app.now)();
    let Versioned { value: row, version } = stored;
    let row = match row.status {
        Status::Queued => row,
        Status::Sending | Status::Deferred | Status::Held if is_late(&row, now) => row,
        Status::Unknown | Status::Failed
            if !matches!(row.closed, Some(Closed::Erased | Closed::Unusable | Closed::Unreadable)) =>
        {
            if app.effects.ledger.get_event(&row.tenant, &row.event).await?.is_none() {
                return Ok(Resent::DocumentGone);
            }
            app.effects.ledger.keep_event(&row.tenant, &row.event, later(now, KEEP_FROM_START)).await?;
            let row = Delivery {
                status: Status::Queued,
                reason: format!("A person decided to send it again. {WAITING}"),
                updated_at: now,
                next_attempt_at: None,
                retry_until: later(now, app.config.retry_for()),
                hold_until: later(now, app.config.hold_for()),
                // A time that is not over still holds. Where it is, the person who asks for this one mail has decided.
                not_after: row.not_after.filter(|not_after| *not_after > now),
                closed: None,
                ..row
            };
            if !app.effects.ledger.update(&row, version).await? {
                return Ok(Resent::Changed);
            }
            row
        }
        _ => return Ok(Resent::NotResendable),
    };
    put_on_queue(app, &[router::message(&row)]).await?;
    Ok(Resent::Queued(Box::new(row)))
}

/// Whether the next action of the row should have been an hour ago.
fn is_late(row: &Delivery, now: Timestamp) -> bool {
    due::next_action(row).is_some_and(|at| now.duration_since(at) >= LATE)
}

/// One page of a choice, newest first: the rows to send again, and where the list goes on.
pub(super) async fn chosen(
    app: &App,
    tenant: &Tenant,
    choice: &Choice,
    after: Option<&str>,
) -> Result<(Vec<Delivery>, Option<String>)> {
    let now = (app.now)();
    let filter = Filter { status: Some(choice.status), ..Filter::default() };
    let list = app.effects.ledger.list(tenant, &filter, Order::NewestFirst, after, PAGE).await?;
    let Page { mut deliveries, cursor } = list;
    let beyond = deliveries.iter().any(|row| row.queued_at < choice.since);
    deliveries.retain(|row| {
        // What is too late, or withdrawn by a person, is not sent again together with others.
        let wanted = match choice.status {
            Status::Failed => row.closed.is_none() && !row.is_too_late(now),
            Status::Unknown => !row.is_too_late(now),
            _ => is_late(row, now),
        };
        wanted
            && row.queued_at >= choice.since
            && choice.until.is_none_or(|until| row.queued_at < until)
            && choice.category.is_none_or(|category| row.category == category)
    });
    Ok((deliveries, cursor.filter(|_| !beyond)))
}

/// Takes a mail back that has not left. `None` when it cannot be taken back any more, or has changed at this moment.
pub(super) async fn cancel(app: &App, stored: Versioned<Delivery>) -> Result<Option<Delivery>> {
    let Versioned { value: row, version } = stored;
    if !matches!(row.status, Status::Queued | Status::Deferred | Status::Held) {
        return Ok(None);
    }
    let row = Delivery {
        status: Status::Failed,
        reason: "A person took it back before it had left.".to_owned(),
        updated_at: (app.now)(),
        next_attempt_at: None,
        closed: Some(Closed::Cancelled),
        ..row
    };
    Ok(app.effects.ledger.update(&row, version).await?.then_some(row))
}
