//! The tasks on the queue: each message is one piece of a task, and its last act puts the next piece on the queue. A piece
//! that is done twice, or again after a crash, does no harm.

use super::App;
use crate::effects::Result;
use crate::wire::sqs::{Task, TaskJob};

mod look;
mod release;

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
        Task::LookAtRelay {} => look::at_relay(app, tenant).await,
    }
}
