//! `ownpost schema`: generated from the Rust types, never written twice.

use std::process::ExitCode;

use ownpost_core::wire::answers::{
    ConnectionBegun, ConnectionStart, Erasing, EventsAnswer, PlatformInUse, Released, ResentMany,
};
use ownpost_core::wire::emitted::ANNOUNCEMENTS;
use ownpost_core::wire::event::{EventDocument, EventReport};
use ownpost_core::wire::history::History;
use ownpost_core::wire::http::{Activation, DeliveryDetail, DeliveryList, Problem};
use ownpost_core::wire::sqs::Choice;
use ownpost_core::wire::stored::SettingsReport;
use ownpost_core::wire::test_report::TestReport;
use ownpost_core::wire::validation::ValidationReport;
use ownpost_domain::health::Health;
use ownpost_inspect::InspectReport;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

mod asyncapi;
mod openapi;

use super::terminal::{complain, pretty, say};
use super::{SchemaArgs, UNUSABLE, YES};

/// The version of the API and of the events in both documents.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A type's schema with whatever it refers to under `$defs`.
type Make = fn() -> Value;

/// Settings of a document that comes in: a key that may be absent is not required.
fn read<T: JsonSchema>() -> Value {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>().to_value()
}

/// Settings of a document that goes out: every key that is always there is required, null where there is no value.
fn written<T: JsonSchema>() -> Value {
    SchemaGenerator::new(SchemaSettings::draft2020_12().for_serialize())
        .into_root_schema_for::<T>()
        .to_value()
}

/// An event as it is on the bus: its source, its detail type, and what it says.
fn on_the_bus(detail_type: &str, detail: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "source": {"type": "string", "const": "ownpost"},
            "detail-type": {"type": "string", "const": detail_type},
            "detail": detail,
        },
        "required": ["source", "detail-type", "detail"],
    })
}

/// Any of the events that Ownpost emits.
fn emitted() -> Value {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12().for_serialize());
    let events: Vec<Value> = ANNOUNCEMENTS
        .iter()
        .map(|(name, when, detail)| {
            let mut event = on_the_bus(name, &detail(&mut generator).to_value());
            event["description"] = json!(when);
            event
        })
        .collect();
    json!({
        "description": "An event that Ownpost emits, as a rule of the bus hands it over; EventBridge adds members of its own.",
        "oneOf": events,
        "$defs": generator.take_definitions(true),
    })
}

/// The documents of the contract, by their names.
const DOCUMENTS: &[(&str, Make)] = &[
    ("SmtpSettings", || ownpost_core::wire::settings::schema().to_value()),
    ("ValidationReport", written::<ValidationReport>),
    ("TestReport", written::<TestReport>),
    ("InspectReport", written::<InspectReport>),
    ("Activation", written::<Activation>),
    ("SettingsHistory", written::<History>),
    ("SettingsReport", written::<SettingsReport>),
    ("Event", read::<EventDocument>),
    ("EventReport", read::<EventReport>),
    ("EmittedEvent", emitted),
    ("Deliveries", written::<DeliveryList>),
    ("DeliveryDetail", written::<DeliveryDetail>),
    ("Problem", written::<Problem>),
];

/// The bodies of the HTTP API beside them.
const BODIES: &[(&str, Make)] = &[
    ("Choice", read::<Choice>),
    ("ConnectionBegun", written::<ConnectionBegun>),
    ("ConnectionStart", read::<ConnectionStart>),
    ("Erasing", written::<Erasing>),
    ("EventsAnswer", written::<EventsAnswer>),
    ("Health", written::<Health>),
    ("PlatformInUse", written::<PlatformInUse>),
    ("Released", written::<Released>),
    ("ResentMany", written::<ResentMany>),
];

/// The documents and their parts, by their names.
fn definitions<'d>(documents: impl IntoIterator<Item = &'d (&'static str, Make)>) -> Map<String, Value> {
    let mut definitions = Map::new();
    for (name, make) in documents {
        let Value::Object(mut root) = make() else { continue };
        if let Some(Value::Object(parts)) = root.shift_remove("$defs") {
            definitions.extend(parts);
        }
        root.shift_remove("$schema");
        root.shift_remove("title");
        definitions.insert((*name).to_owned(), root.into());
    }
    definitions
}

/// One schema that any of these documents keeps to; the documents and their parts are under `$defs`.
fn schema(names: &[&str]) -> Value {
    let definitions = definitions(DOCUMENTS.iter().filter(|(name, _)| names.contains(name)));
    let any_of: Vec<_> = names.iter().map(|name| json!({"$ref": format!("#/$defs/{name}")})).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ownpost",
        "anyOf": any_of,
        "$defs": definitions,
    })
}

/// All documents in one schema, as `ownpost schema` prints it: the pages of docs/reference are written from it.
pub fn all() -> Value {
    schema(&names())
}

fn names() -> Vec<&'static str> {
    DOCUMENTS.iter().map(|(name, _)| *name).collect()
}

pub(super) fn run(args: &SchemaArgs) -> ExitCode {
    if args.openapi || args.asyncapi {
        let document = if args.openapi { openapi::document() } else { asyncapi::document() };
        say(&pretty(&document));
        return ExitCode::from(YES);
    }
    let all = names();
    let names = match args.name.as_deref() {
        None => all,
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => {
            let problem = format!("there is no schema `{name}`; there are {}", all.join(", "));
            return complain(UNUSABLE, &problem);
        }
    };
    say(&pretty(&schema(&names)));
    ExitCode::from(YES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `found` with every reference in the schema.
    fn references(value: &Value, found: &mut dyn FnMut(&str)) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                    found(reference);
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn parts_of_one_name_are_one_and_every_reference_leads_somewhere() {
        let whole = all();
        for name in names() {
            let alone = schema(&[name]);
            for (part, definition) in alone["$defs"].as_object().unwrap() {
                assert_eq!(&whole["$defs"][part], definition, "{part} of {name}");
            }
            references(&alone, &mut |reference| {
                let part = reference.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{reference}"));
                assert!(alone["$defs"].get(part).is_some(), "{reference} of {name}");
            });
        }
    }
}
