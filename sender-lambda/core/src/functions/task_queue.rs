//! Puts tasks on the queue. The sender works them off, so that no call of the API waits for them.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use super::App;
use crate::effects::{QueueMessage, Result};
use crate::wire::sqs::{Job, Task, TaskJob};

/// How many mails the first step of a release has. Each following step has twice as many.
pub(super) const FIRST_STEP: usize = 20;

/// Puts a task on the queue, to be done after `delay`.
///
/// # Errors
/// The queue is out of reach.
pub(super) async fn enqueue(app: &App, tenant: &Tenant, task: Task, delay: Duration) -> Result<()> {
    let job = Job::Task(TaskJob { tenant: tenant.clone(), task });
    let message = QueueMessage { group: tenant.clone(), body: job.encode(), delay };
    app.effects.queue.send(&[message]).await.into_iter().collect()
}

/// Begins the release of a tenant's held mail.
///
/// # Errors
/// The queue is out of reach.
pub(super) async fn release(app: &App, tenant: &Tenant) -> Result<()> {
    enqueue(app, tenant, Task::Release { after: None, left: FIRST_STEP, step: FIRST_STEP }, Duration::ZERO)
        .await
}
