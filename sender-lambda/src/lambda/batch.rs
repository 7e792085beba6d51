//! Batches from SQS and single events, as Lambda hands them over.

use std::borrow::Cow;

use lambda_runtime::Diagnostic;
use ownpost_core::effects::Record;
use serde::Deserialize;
use serde_json::{Value, json};

/// The trigger of an invocation.
#[derive(Clone, Debug)]
pub(super) enum Trigger {
    /// One event document: an EventBridge event's `detail`, or the payload of a direct invocation.
    Event(Value),
    /// Messages from SQS, in their order.
    Batch(Vec<Record>),
}

/// A message as SQS hands it to Lambda. Only the envelope is read here: a body that is no JSON is its own
/// record's problem.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    #[serde(rename = "receiptHandle")]
    receipt: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    body: Option<String>,
}

/// The attributes that SQS adds to a message. Numbers come as text.
#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount", default)]
    receives: String,
}

impl Trigger {
    /// Finds out which of the three it is. EventBridge and SQS mark their events; one without a mark is the document
    /// itself.
    pub(super) fn of(mut event: Value) -> Result<Self, Diagnostic> {
        let from_queue = |records: &Vec<Value>| records.iter().all(|r| r["eventSource"] == "aws:sqs");
        if event["Records"].as_array().is_some_and(from_queue) {
            let messages: Vec<Message> = serde_json::from_value(event["Records"].take())
                .map_err(|_| unusable("a record lacks messageId or receiptHandle"))?;
            let record = |message: Message| Record {
                message_id: message.id,
                receipt: message.receipt,
                receives: message.attributes.receives.parse().unwrap_or(1),
                body: message.body.unwrap_or_default(),
            };
            return Ok(Self::Batch(messages.into_iter().map(record).collect()));
        }
        if event["detail-type"].is_string() && !event["detail"].is_null() {
            return Ok(Self::Event(event["detail"].take()));
        }
        Ok(Self::Event(event))
    }
}

/// The event document in a message of the events queue. A dead letter that was moved back may have Lambda's wrapping around it
/// (a direct call that failed), or EventBridge's.
pub(super) fn document(body: &str) -> Cow<'_, str> {
    let Ok(mut wrapped) = serde_json::from_str::<Value>(body) else { return Cow::Borrowed(body) };
    if wrapped["requestContext"].is_object() && wrapped["requestPayload"].is_object() {
        wrapped = wrapped["requestPayload"].take();
    } else if !wrapped["detail-type"].is_string() {
        return Cow::Borrowed(body);
    }
    if wrapped["detail-type"].is_string() && wrapped["detail"].is_object() {
        wrapped = wrapped["detail"].take();
    }
    Cow::Owned(wrapped.to_string())
}

/// An invocation that no function can take.
pub(super) fn unusable(message: &str) -> Diagnostic {
    Diagnostic { error_type: "event.unusable".to_owned(), error_message: message.to_owned() }
}

/// The messages that stay on the queue: the answer of `ReportBatchItemFailures`.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<String>);

impl Failures {
    pub(super) fn add(&mut self, message_id: String) {
        self.0.push(message_id);
    }

    pub(super) fn into_response(self) -> Value {
        let item = |id: String| json!({"itemIdentifier": id});
        json!({"batchItemFailures": self.0.into_iter().map(item).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/events").join(name);
        serde_json::from_slice(&std::fs::read(path).expect("a sample event")).expect("JSON")
    }

    #[test]
    fn the_three_triggers_are_distinguished() {
        let Ok(Trigger::Event(detail)) = Trigger::of(sample("eventbridge-notification.json")) else {
            panic!("an event")
        };
        let Ok(Trigger::Event(direct)) = Trigger::of(sample("direct-notification.json")) else {
            panic!("an event")
        };
        assert_eq!(detail, direct, "the same document, however it comes");
        let Ok(Trigger::Batch(records)) = Trigger::of(sample("sqs-batch.json")) else { panic!("a batch") };
        assert_eq!(records.len(), 2);
        assert_eq!(records[1].body, "not a job", "a bad body is its own record's problem");
    }

    #[test]
    fn a_dead_letter_that_was_moved_back_is_read_without_its_wrapping() {
        let event = json!({"id": "evt_1", "tenant": "acme"});
        let from_bus = json!({"version": "0", "detail-type": "event", "source": "shop", "detail": event});
        let call = |payload: &Value| {
            json!({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": payload,
                   "responsePayload": {"errorType": "event.invalid"}})
        };
        for body in [&event, &from_bus, &call(&event), &call(&from_bus)] {
            let read: Value = serde_json::from_str(&document(&body.to_string())).expect("JSON");
            assert_eq!(read, event, "{body}");
        }
        for other in
            ["", "not JSON", "[1]", "7", r#"{"detail-type":7,"detail":{}}"#, r#"{"requestPayload":{}}"#]
        {
            assert_eq!(document(other), other);
        }
    }

    #[test]
    fn strange_invocations_are_answered() {
        for (event, batch) in [
            (json!(null), false),
            (json!([]), false),
            (json!("x"), false),
            (json!({"Records": []}), true),
            (json!({"Records": [{"eventSource": "aws:sns"}]}), false),
            (json!({"Records": 7}), false),
            (json!({"detail-type": "x"}), false),
        ] {
            let trigger = Trigger::of(event.clone()).expect("a trigger");
            assert_eq!(matches!(trigger, Trigger::Batch(_)), batch, "{event}");
        }
        let nameless = json!({"Records": [{"eventSource": "aws:sqs", "body": "x"}]});
        assert_eq!(Trigger::of(nameless).expect_err("no id").error_type, "event.unusable");
    }
}
