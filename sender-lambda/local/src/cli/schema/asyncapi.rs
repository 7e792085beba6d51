//! The events of docs/reference/events.md, those that come in and those that go out, as an AsyncAPI 3 document.

use ownpost_core::wire::emitted::ANNOUNCEMENTS;
use ownpost_core::wire::event::EventDocument;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{VERSION, on_the_bus};

/// Where the document has its schemas.
const SCHEMAS: &str = "/components/schemas";

/// The whole document. Its schemas are of draft 07, the one that every tool for AsyncAPI reads.
pub(super) fn document() -> Value {
    let settings = || {
        let mut settings = SchemaSettings::draft07();
        settings.definitions_path = SCHEMAS.into();
        settings
    };
    let (mut read, mut written) =
        (SchemaGenerator::new(settings()), SchemaGenerator::new(settings().for_serialize()));
    let event = read.subschema_for::<EventDocument>().to_value();
    let mut messages = Map::from_iter([("Event".to_owned(), message("An event of the product.", &event))]);
    let mut emitted = Map::new();
    for (name, when, schema) in ANNOUNCEMENTS {
        let payload = on_the_bus(name, &schema(&mut written).to_value());
        let key = name.replace(' ', "");
        messages.insert(key.clone(), message(when, &payload));
        emitted.insert(key.clone(), json!({"$ref": format!("#/components/messages/{key}")}));
    }
    let mut schemas = read.take_definitions(true);
    schemas.extend(written.take_definitions(true));
    let incoming = json!({"Event": {"$ref": "#/components/messages/Event"}});
    let operation = |action: &str, channel: &str, summary: &str| json!({"action": action, "channel": {"$ref": format!("#/channels/{channel}")}, "summary": summary});
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ownpost",
            "version": VERSION,
            "description": "The events by which a product has mail sent, and those by which Ownpost tells what became of it.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "bus": {
                "host": "events.{region}.amazonaws.com",
                "protocol": "eventbridge",
                "description": "The stack's bus on Amazon EventBridge",
                "variables": {"region": {"default": "us-east-1"}},
            },
            "queues": {
                "host": "sqs.{region}.amazonaws.com",
                "protocol": "sqs",
                "description": "The stack's queue on Amazon SQS",
                "variables": {"region": {"default": "us-east-1"}},
            },
        },
        "channels": {
            "bus": {
                "address": "{bus}",
                "title": "Events on the bus",
                "description": "`detail` is the document, under the source of the parameter EventSource. An event that is \
                                refused goes to the dead letters, with the reason.",
                "parameters": {"bus": {"description": "The stack's output BusName."}},
                "servers": [{"$ref": "#/servers/bus"}],
                "messages": incoming,
            },
            "eventsQueue": {
                "address": "{queue}",
                "title": "Events on the queue",
                "description": "The message's body is the document.",
                "parameters": {"queue": {"description": "The stack's output EventsQueueUrl."}},
                "servers": [{"$ref": "#/servers/queues"}],
                "messages": incoming,
            },
            "emitted": {
                "address": "{bus}",
                "title": "Events that Ownpost emits",
                "description": "On the same bus, under the source `ownpost`. They are best effort; the ledger is the record.",
                "parameters": {"bus": {"description": "The stack's output BusName."}},
                "servers": [{"$ref": "#/servers/bus"}],
                "messages": emitted,
            },
        },
        "operations": {
            "acceptFromBus": operation("receive", "bus", "Accepts an event and sends a mail to each recipient."),
            "acceptFromQueue": operation("receive", "eventsQueue", "Accepts an event and sends a mail to each recipient."),
            "emit": operation("send", "emitted", "Tells what became of mails, relays and settings."),
        },
        "components": {"messages": messages, "schemas": schemas},
    })
}

fn message(summary: &str, payload: &Value) -> Value {
    json!({"summary": summary, "contentType": "application/json", "payload": payload})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_and_out_is_in_the_document() {
        let document = document();
        for (name, ..) in ANNOUNCEMENTS {
            let message = &document["components"]["messages"][name.replace(' ', "")];
            assert_eq!(message["payload"]["properties"]["detail-type"]["const"], *name);
            let detail = &message["payload"]["properties"]["detail"]["$ref"];
            let pointer = detail.as_str().and_then(|target| target.strip_prefix('#')).unwrap();
            assert!(document.pointer(pointer).is_some_and(|schema| schema["required"].is_array()), "{name}");
        }
        let event = &document["components"]["schemas"]["Event"];
        assert!(event["required"].as_array().unwrap().contains(&json!("recipients")), "{event}");
    }
}
