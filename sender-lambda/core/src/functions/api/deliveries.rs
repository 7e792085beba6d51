//! The ledger, and what a person may decide about its rows.

use ownpost_domain::delivery::{Delivery, DeliveryId, Status};
use ownpost_domain::timeline::timeline;
use serde_json::json;

use super::answer::{Answered, json, problem, problem_with};
use super::connectivity_test::{admin, count_test, probe};
use super::{Call, given};
use crate::effects::{EffectError, Filter, Order, Versioned};
use crate::functions::{active_settings, later, relay_health, router, task_queue};
use crate::wire::event::canonical_address;
use crate::wire::http::{Chapter, DeliveryDetail, DeliveryList, DeliveryRow};

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
        // Rows have addresses in one form; text that is no address matches no row.
        recipient: given("recipient")
            .map(|address| canonical_address(address).unwrap_or_else(|| address.to_owned())),
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

/// `POST /deliveries/{id}/resend`. The row is written first: were the message first, a sender could find the row
/// as it was and drop it. A crash in between leaves the row `queued`, and calling again sends the message.
pub(super) async fn resend(call: &Call<'_>, id: &str) -> Answered {
    let app = call.app;
    let stored = row(call, id).await?;
    let row = match stored.value.status {
        Status::Queued => stored.value,
        Status::Unknown | Status::Failed => {
            let now = (app.now)();
            let row = Delivery {
                status: Status::Queued,
                reason: "A person decided to send it again. Waiting to be sent.".to_owned(),
                updated_at: now,
                next_attempt_at: None,
                retry_until: later(now, app.config.retry_for()),
                hold_until: later(now, app.config.hold_for()),
                ..stored.value
            };
            if !app.effects.ledger.update(&row, stored.version).await? {
                return Err(problem(
                    409,
                    "delivery.changed",
                    "The mail has changed at this moment. Look again.",
                ));
            }
            row
        }
        _ => {
            let detail = "Only a mail that failed, or whose outcome is unknown, can be sent again.";
            return Err(problem(409, "delivery.not_resendable", detail));
        }
    };
    for sent in app.effects.queue.send(&[router::message(&row)]).await {
        sent?;
    }
    Ok(json(202, &DeliveryRow::from(&row)))
}

/// `POST /held/release`: tests the active settings with a test mail to the admin who asks, and sends what was held when it
/// is accepted: a test that ends at MAIL proves nothing of the later stages. The release goes on after the answer. Without settings of its own a tenant's held mail goes by the platform's server; calling this is the decision.
pub(super) async fn release_held(call: &Call<'_>) -> Answered {
    let app = call.app;
    let active = active_settings::read(app, call.tenant).await?;
    if let Some((revision, settings)) = active.settings() {
        count_test(call).await?;
        let report = probe(call, settings, Some(admin(call)?), None).await;
        if !report.ok || report.test_message.is_none() {
            let detail = "The test did not pass, so nothing was released.";
            let members = json!({"released": 0, "report": report});
            return Err(problem_with(409, "settings.test_failed", detail, None, members));
        }
        relay_health::reset(app, call.tenant, revision).await;
    }
    let due = count(call, Status::Held).await?;
    task_queue::release_for_a_person(app, call.tenant).await?;
    Ok(json(202, &json!({"released": due})))
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
