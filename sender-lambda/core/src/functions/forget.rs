//! Forgets a whole tenant: its secret at once, and its rows, documents and states by a task.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use super::{App, active_settings, task_queue};
use crate::effects::{Effects, Result};
use crate::wire::sqs::Task;

/// Begins to forget the tenant. What is still on its way is not sent any more: its row is gone.
///
/// # Errors
/// The store or the queue is out of reach; calling it again completes it.
pub async fn begin(app: &App, tenant: &Tenant) -> Result<()> {
    app.effects.secrets.forget(tenant).await?;
    active_settings::forget(app, tenant);
    task_queue::enqueue(app, tenant, Task::Forget {}, Duration::ZERO).await
}

/// Forgets the tenant and waits for the end.
///
/// # Errors
/// The store is out of reach; calling it again completes it.
pub async fn at_once(effects: &Effects, tenant: &Tenant) -> Result<()> {
    effects.secrets.forget(tenant).await?;
    while effects.ledger.forget_some(tenant).await? {}
    Ok(())
}
