//! [`Queue`] on SQS: a standard queue whose message groups make it a fair one.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use ownpost_core::effects::{EffectError, Queue, QueueMessage, Result};

use super::{Lazy, error};

const SERVICE: &str = "SQS";

/// What one `SendMessageBatch` takes: entries, and bytes of all bodies together, which is also the limit for a
/// single message (SQS quotas).
const ENTRIES: usize = 10;
const BYTES: usize = 1_048_576;
/// The longest `DelaySeconds` and `VisibilityTimeout`.
const LONGEST_DELAY: Duration = Duration::from_mins(15);
const LONGEST_HIDE: Duration = Duration::from_hours(12);

/// The longest reason that is kept with a refused event, in characters.
const LONGEST_REASON: usize = 500;

pub(super) struct Sqs {
    client: Lazy<Client>,
    url: String,
    /// The queue of refused events, if there is one.
    refused: Option<String>,
}

impl Sqs {
    pub(super) fn new(client: Lazy<Client>, url: String, refused: Option<String>) -> Self {
        Self { client, url, refused }
    }

    /// Sends the messages with these indexes in one call, and says what became of each.
    async fn send_batch(&self, messages: &[QueueMessage], indexes: &[usize], results: &mut [Result<()>]) {
        let mut entries = Vec::with_capacity(indexes.len());
        for &index in indexes {
            let message = &messages[index];
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&message.body)
                .message_group_id(message.group.as_str())
                .delay_seconds(seconds(message.delay))
                .build();
            match entry {
                Ok(entry) => entries.push(entry),
                Err(_) => results[index] = Err(permanent("the entry could not be made")),
            }
        }
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        match call.send().await {
            Err(error) => {
                let error = error::of_call(SERVICE, &error);
                for &index in indexes {
                    results[index] = Err(error.clone());
                }
            }
            Ok(answer) => {
                // Only what SQS names as accepted counts: an entry that it forgot has not been sent.
                for accepted in answer.successful() {
                    if let Some(index) = own(accepted.id(), indexes) {
                        results[index] = Ok(());
                    }
                }
                for failed in answer.failed() {
                    if let Some(index) = own(failed.id(), indexes) {
                        results[index] = Err(error::of_entry(SERVICE, failed.code(), failed.message()));
                    }
                }
            }
        }
    }
}

#[async_trait]
impl Queue for Sqs {
    async fn send(&self, messages: &[QueueMessage]) -> Vec<Result<()>> {
        let unsaid = || {
            let message = "said nothing about this entry".to_owned();
            Err(EffectError::Transient { service: SERVICE, message })
        };
        let mut results: Vec<Result<()>> = messages.iter().map(|_| unsaid()).collect();
        let mut sizes: Vec<usize> = messages.iter().map(|message| message.body.len()).collect();
        // What SQS would refuse is kept from the call, where it could take the rest along.
        for (index, message) in messages.iter().enumerate() {
            let problem = match sizes[index] {
                0 => "the message is empty",
                size if size > BYTES => "the message is larger than 1 MiB",
                _ if message.delay > LONGEST_DELAY => "the delay is longer than 15 minutes",
                _ => continue,
            };
            results[index] = Err(permanent(problem));
            sizes[index] = 0;
        }
        for batch in batches(&sizes, ENTRIES, BYTES) {
            self.send_batch(messages, &batch, &mut results).await;
        }
        results
    }

    async fn hide(&self, receipt: &str, during: Duration) -> Result<()> {
        if during > LONGEST_HIDE {
            return Err(permanent("a message is hidden for at most 12 hours"));
        }
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(during))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| error::of_call(SERVICE, &error))
    }

    async fn keep_refused(&self, document: &str, code: &str, reason: &str) -> Result<bool> {
        let Some(url) = &self.refused else { return Ok(false) };
        let call = self.client.send_message().queue_url(url).message_body(document);
        let call = call.message_attributes("code", attribute(code)?);
        let call = call.message_attributes("reason", attribute(reason)?);
        call.send().await.map(|_| true).map_err(|error| error::of_call(SERVICE, &error))
    }
}

/// A text as an attribute of a message. SQS takes no other control characters in it than line ends and tabs.
fn attribute(text: &str) -> Result<MessageAttributeValue> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
    let built = MessageAttributeValue::builder().data_type("String").string_value(text).build();
    built.map_err(|_| permanent("the attribute could not be made"))
}

/// Groups the indexes of messages into calls of so many entries and bytes, in order. A message that is empty or fits into
/// no call is left out.
pub(super) fn batches(sizes: &[usize], entries: usize, bytes: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    let (mut batch, mut filled) = (Vec::new(), 0);
    for (index, &size) in sizes.iter().enumerate().filter(|(_, size)| (1..=bytes).contains(*size)) {
        if batch.len() == entries || filled + size > bytes {
            all.push(std::mem::take(&mut batch));
            filled = 0;
        }
        batch.push(index);
        filled += size;
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

/// The index that an answer is about, when it was in this call.
fn own(id: &str, indexes: &[usize]) -> Option<usize> {
    id.parse().ok().filter(|index| indexes.contains(index))
}

/// Whole seconds, rounded up, so that nothing shows early.
fn seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn permanent(message: &str) -> EffectError {
    EffectError::Permanent { service: SERVICE, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_both_limits_and_the_order() {
        for (sizes, expected) in [
            (vec![], vec![]),
            (vec![1, 1, 1, 1], vec![vec![0, 1, 2], vec![3]]),
            (vec![6, 4, 1], vec![vec![0, 1], vec![2]]),
            (vec![10, 10], vec![vec![0], vec![1]]),
            (vec![5, 11, 5, 0, 5], vec![vec![0, 2], vec![4]]),
        ] {
            assert_eq!(batches(&sizes, 3, 10), expected, "{sizes:?}");
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (milliseconds, expected) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), expected);
        }
    }
}
