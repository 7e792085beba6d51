//! The tasks on the queue: each message is one piece of a task, and its last act puts the next piece on the queue. A piece
//! that is done twice, or again after a crash, does no harm.

use super::App;
use crate::effects::Result;
use crate::wire::sqs::{Task, TaskJob};

mod release;

/// Does one piece of a task.
///
/// # Errors
/// The store or the queue is out of reach: the same piece is to be done again.
pub(super) async fn run(app: &App, job: &TaskJob) -> Result<()> {
    let TaskJob { tenant, task } = job;
    match task {
        Task::Release { after, left, step } => {
            release::step(app, tenant, after.as_deref(), *left, *step).await
        }
        Task::ExplainRemoval { after } => release::explain_removal(app, tenant, after.as_deref()).await,
    }
}
