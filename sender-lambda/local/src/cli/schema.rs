//! `ownpost schema`: generated from the Rust types, never written twice.

use std::process::ExitCode;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use sender_lambda::wire::validation::ValidationReport;
use serde_json::{Map, Value, json};

use super::terminal::{complain, pretty, say};
use super::{SchemaArgs, UNUSABLE, YES};

/// Adds a type's schema to the generator's definitions.
type Define = fn(&mut SchemaGenerator);

fn define<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// The documents of the contract, by the names their schemas have.
const DOCUMENTS: &[(&str, Define)] = &[("ValidationReport", define::<ValidationReport>)];

/// One schema that any document of the contract keeps to, or this one alone; the parts are under `$defs`.
fn schema(names: &[&str]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut any_of = Vec::new();
    for (name, define) in DOCUMENTS.iter().filter(|(name, _)| names.contains(name)) {
        define(&mut generator);
        any_of.push(json!({"$ref": format!("#/$defs/{name}")}));
    }
    let mut root = Map::new();
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), "Ownpost".into());
    root.insert("anyOf".into(), any_of.into());
    root.insert("$defs".into(), generator.take_definitions(true).into());
    root.into()
}

pub(super) fn run(args: &SchemaArgs) -> ExitCode {
    let all: Vec<&str> = DOCUMENTS.iter().map(|(name, _)| *name).collect();
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

    #[test]
    fn every_document_is_defined_under_its_name() {
        for (name, _) in DOCUMENTS {
            let schema = schema(&[name]);
            assert!(schema["$defs"][name].is_object(), "{name}: {schema}");
        }
    }
}
