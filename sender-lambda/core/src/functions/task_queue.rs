//! Puts tasks on the queue. The sender works them off, so that no call of the API waits for them.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use super::{App, put_on_queue};
use crate::effects::{QueueMessage, Result};
use crate::wire::sqs::{Job, Task, TaskJob};

/// How many mails the first step of a release has. Each following step has twice as many.
pub(super) const FIRST_STEP: usize = 20;

/// Puts a task on the queue, to be done after `delay`.
///
/// # Errors
/// The queue is out of reach.
pub(super) async fn enqueue(app: &App, tenant: &Tenant, task: Task, delay: Duration) -> Result<()> {
    put_on_queue(app, &[message(tenant, task, delay)]).await
}

fn message(tenant: &Tenant, task: Task, delay: Duration) -> QueueMessage {
    let job = Job::Task(TaskJob { tenant: tenant.clone(), task });
    QueueMessage { group: tenant.clone(), category: None, body: job.encode(), delay }
}

/// The message that makes a sender look at a tenant's relay.
pub(super) fn look_at_relay(tenant: &Tenant) -> QueueMessage {
    message(tenant, Task::LookAtRelay {}, Duration::ZERO)
}

/// Begins the release of a tenant's held mail.
///
/// # Errors
/// The queue is out of reach.
pub(super) async fn release(app: &App, tenant: &Tenant) -> Result<()> {
    begin_release(app, tenant, false).await
}

/// The same for a person: what was held for settings that were removed leaves by the platform's server.
///
/// # Errors
/// The queue is out of reach.
pub(super) async fn release_for_a_person(app: &App, tenant: &Tenant) -> Result<()> {
    begin_release(app, tenant, true).await
}

async fn begin_release(app: &App, tenant: &Tenant, decided: bool) -> Result<()> {
    let task = Task::Release { after: None, left: FIRST_STEP, step: FIRST_STEP, decided };
    enqueue(app, tenant, task, Duration::ZERO).await
}
