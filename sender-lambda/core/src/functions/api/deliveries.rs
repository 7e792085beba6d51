//! The ledger, and what a person may decide about its rows.

use std::time::Duration;

use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::timeline::timeline;
use serde_json::json;

use super::answer::{Answered, json, problem, problem_with};
use super::connectivity_test::{admin, count_test, keys, probe};
use super::{Call, given};
use crate::effects::{EffectError, Filter, Order, Versioned};
use crate::functions::resend::{self, Resent};
use crate::functions::{active_settings, relay_health, task_queue};
use crate::wire::answers::{Erasing, Released, ResentMany};
use crate::wire::event::address_meant;
use crate::wire::http::{Chapter, DeliveryDetail, DeliveryList, DeliveryRow};
use crate::wire::sqs::{Choice, Task};

/// Rows of one page.
const PAGE: usize = 50;
/// Rows that are counted for an answer. More are not counted: that takes longer than the answer may.
const MOST_COUNTED: usize = 500;
/// Rows that are counted with one call of the ledger.
const COUNTED_AT_A_TIME: usize = 100;

/// `GET /deliveries`. Unknown pairs of the query are ignored, as everywhere.
pub(super) async fn list(call: &Call<'_>, query: &[(String, String)]) -> Answered {
    let given = |name: &str| given(query, name);
    let status = given("status").map(|name| serde_json::from_value::<Status>(json!(name))).transpose();
    let status = status.map_err(|_| {
        let detail = "status: one of queued, sending, sent, deferred, held, failed, unknown";
        problem(400, "query.invalid", detail)
    })?;
    let filter = Filter {
        event: given("event").map(str::to_owned),
        // Rows have addresses in one form.
        recipient: given("recipient").map(address_meant),
        status,
    };
    let cursor = given("cursor");
    let page = call.app.effects.ledger.list(call.tenant, &filter, Order::NewestFirst, cursor, PAGE).await;
    let page = page.map_err(|error| match error {
        EffectError::Permanent { .. } if cursor.is_some() => {
            problem(400, "cursor.invalid", "The cursor is none that this list has given.")
        }
        error => error.into(),
    })?;
    let deliveries = page.deliveries.iter().map(DeliveryRow::from).collect();
    Ok(json(200, &DeliveryList { deliveries, cursor: page.cursor }))
}

/// `GET /deliveries/{id}`.
pub(super) async fn show(call: &Call<'_>, id: &str) -> Answered {
    let row = row(call, id).await?.value;
    let chapter = |(at, text)| Chapter { at, text };
    let story = timeline(&row).into_iter().map(chapter).collect();
    Ok(json(200, &DeliveryDetail { row: DeliveryRow::from(&row), story }))
}

async fn row(call: &Call<'_>, id: &str) -> Answered<Versioned<Delivery>> {
    let found = call.app.effects.ledger.get(call.tenant, &DeliveryId::from_external(id)).await?;
    found.ok_or_else(|| {
        let detail = "No event has triggered this mail: the product never asked for it, or under another id.";
        problem(404, "never_triggered", detail)
    })
}

/// `POST /deliveries/{id}/resend`: a person's decision about one mail.
pub(super) async fn resend(call: &Call<'_>, id: &str) -> Answered {
    match resend::resend(call.app, row(call, id).await?).await? {
        Resent::Queued(row) => Ok(json(202, &DeliveryRow::from(&*row))),
        Resent::NotResendable => {
            let detail = "Only a mail that failed, whose outcome is unknown, or whose next action is an hour late can be \
                          sent again.";
            Err(problem(409, "delivery.not_resendable", detail))
        }
        Resent::DocumentGone => {
            let detail = "The content of this mail is not kept any more: its event was more than a week ago. Let the \
                          product send a new event.";
            Err(problem(409, "delivery.document_gone", detail))
        }
        Resent::Changed => Err(changed()),
    }
}

/// `POST /deliveries/resend`: a person's decision about many mails. They are sent again behind the answer.
pub(super) async fn resend_many(call: &Call<'_>) -> Answered {
    let choice: Choice = serde_json::from_slice(call.body).map_err(|error| {
        let detail =
            format!("{{status, since, until?, category?}}, with times such as 2026-12-01T12:00:00Z: {error}");
        problem(400, "request.invalid", &detail)
    })?;
    if choice.status == Status::Sent {
        return Err(problem(400, "request.invalid", "status: a mail that was sent is not sent again"));
    }
    let (mut count, mut cursor) = (0, None);
    for _ in 0..MOST_COUNTED / resend::PAGE {
        let (rows, next) = resend::chosen(call.app, call.tenant, &choice, cursor.as_deref()).await?;
        count += rows.len();
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    task_queue::enqueue(call.app, call.tenant, Task::Resend { after: None, choice }, Duration::ZERO).await?;
    Ok(json(202, &ResentMany { resent: cursor.is_none().then_some(count) }))
}

/// `POST /deliveries/{id}/cancel`: what has not left is not sent any more.
pub(super) async fn cancel(call: &Call<'_>, id: &str) -> Answered {
    let stored = row(call, id).await?;
    let open = matches!(stored.value.status, Status::Queued | Status::Deferred | Status::Held);
    match resend::cancel(call.app, stored).await? {
        Some(row) => Ok(json(202, &DeliveryRow::from(&row))),
        None if open => Err(changed()),
        None => {
            let detail = "This mail has left, is leaving at this moment, or has ended already.";
            Err(problem(409, "delivery.not_cancellable", detail))
        }
    }
}

/// `DELETE /deliveries?recipient=…`: erases what is kept of a person, behind the answer.
pub(super) async fn erase(call: &Call<'_>, query: &[(String, String)]) -> Answered {
    let Some(recipient) = given(query, "recipient") else {
        return Err(problem(400, "query.invalid", "recipient: the address whose data is to be erased"));
    };
    let recipient = address_meant(recipient);
    let task = Task::Erase { recipient: recipient.clone() };
    task_queue::enqueue(call.app, call.tenant, task, Duration::ZERO).await?;
    // What has not left is taken back at once: its message may be on the queue before the task.
    let ledger = &call.app.effects.ledger;
    let filter = Filter { recipient: Some(recipient), ..Filter::default() };
    let newest = ledger.list(call.tenant, &filter, Order::NewestFirst, None, COUNTED_AT_A_TIME).await?;
    for row in newest.deliveries.iter().filter(|row| !row.status.is_final()) {
        if let Some(stored) = ledger.get(call.tenant, &row.id).await? {
            resend::cancel(call.app, stored).await?;
        }
    }
    Ok(json(202, &Erasing {}))
}

fn changed() -> crate::functions::api::Response {
    problem(409, "delivery.changed", "The mail has changed at this moment. Look again.")
}

/// `POST /held/release`: tests the active settings with a test mail to the admin who asks, and sends what was held when it
/// is accepted: a test that ends at MAIL proves nothing of the later stages. The release goes on after the
/// answer. Without settings of its own a tenant's held mail goes by the platform's server; calling this is the decision.
pub(super) async fn release_held(call: &Call<'_>) -> Answered {
    let app = call.app;
    let active = active_settings::read(app, call.tenant).await?;
    if let Some((revision, settings)) = active.settings() {
        let email = admin(call)?;
        let keys = keys(call).await?;
        count_test(call).await?;
        let report = probe(call, settings, Some(email), keys.as_deref(), None).await;
        if !report.ok || report.test_message.is_none() {
            let detail = "The test did not pass, so nothing was released.";
            let members = json!({"released": 0, "report": report});
            return Err(problem_with(409, "settings.test_failed", detail, None, members));
        }
        relay_health::passed(app, call.tenant, &settings.host, revision).await;
    }
    let due = count(call, Status::Held).await?;
    task_queue::release_for_a_person(app, call.tenant).await?;
    Ok(json(202, &Released { released: due }))
}

/// The number of rows with this status; `None` when there are more than an answer can wait for.
async fn count(call: &Call<'_>, status: Status) -> Answered<Option<usize>> {
    let filter = Filter { status: Some(status), ..Filter::default() };
    let (mut count, mut cursor) = (0, None);
    while count < MOST_COUNTED {
        let ledger = &call.app.effects.ledger;
        let page =
            ledger.list(call.tenant, &filter, Order::OldestFirst, cursor.as_deref(), COUNTED_AT_A_TIME);
        let page = page.await?;
        count += page.deliveries.len();
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(Some(count));
        }
    }
    Ok(None)
}
