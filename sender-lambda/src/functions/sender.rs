//! Function `sender`: takes a batch from the queue, resolves each route, sends, records.

use super::App;

/// A message as it came from the queue.
#[derive(Clone, Debug)]
pub struct Record {
    /// The message's id, for `batchItemFailures`.
    pub message_id: String,
    /// The receipt, for hiding it longer.
    pub receipt: String,
    /// The body that `router` wrote.
    pub body: String,
}

/// Works through the batch. The ids of the messages that stay on the queue, because they are to be tried again.
pub async fn handle(app: &App, records: &[Record]) -> Vec<String> {
    let _ = (app, records);
    todo!("functions")
}
