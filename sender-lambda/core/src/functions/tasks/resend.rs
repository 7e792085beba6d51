//! Sends many mails again, by a person's decision.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use crate::effects::Result;
use crate::functions::task_queue::enqueue;
use crate::functions::{App, resend};
use crate::wire::sqs::{Choice, Task};

/// One page. A mail whose document is gone is left as it is.
pub(super) async fn page(app: &App, tenant: &Tenant, choice: &Choice, after: Option<&str>) -> Result<()> {
    let (rows, cursor) = resend::chosen(app, tenant, choice, after).await?;
    for row in rows {
        let Some(stored) = app.effects.ledger.get(tenant, &row.id).await? else { continue };
        // Sent again by the same task, which came twice, or by somebody else.
        if stored.value.status == row.status {
            resend::resend(app, stored).await?;
        }
    }
    match cursor {
        Some(_) => {
            enqueue(app, tenant, Task::Resend { after: cursor, choice: choice.clone() }, Duration::ZERO).await
        }
        None => Ok(()),
    }
}
