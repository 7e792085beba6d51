//! The tasks on the queue: each message is one piece of a task, and its last act puts the next piece on the queue. A piece
//! that is done twice, or again after a crash, does no harm.

use std::time::Duration;

use ownpost_domain::tenant::Tenant;

use super::{App, task_queue};
use crate::effects::Result;
use crate::wire::sqs::{Task, TaskJob};

mod erase;
mod look;
mod release;
mod resend;

/// Does one piece of a task.
///
/// # Errors
/// The store or the queue is out of reach: the same piece is to be done again.
pub(super) async fn run(app: &App, job: &TaskJob) -> Result<()> {
    let TaskJob { tenant, task } = job;
    match task {
        Task::Release { after, left, step, decided } => {
            let step = release::Step { left: *left, size: *step, decided: *decided };
            release::step(app, tenant, after.as_deref(), step).await
        }
        Task::Resend { after, choice } => resend::page(app, tenant, choice, after.as_deref()).await,
        Task::Erase { recipient } => erase::page(app, tenant, recipient).await,
        Task::Forget {} => {
            if app.effects.ledger.forget_some(tenant).await? {
                task_queue::enqueue(app, tenant, Task::Forget {}, Duration::ZERO).await?;
            }
            Ok(())
        }
        Task::LookAtRelay {} if *tenant == Tenant::platform() => look::at_platform(app).await,
        Task::LookAtRelay {} => look::at_relay(app, tenant).await,
    }
}
