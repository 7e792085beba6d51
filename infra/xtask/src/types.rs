//! The TypeScript types of the npm package, generated from the JSON Schemas, which are generated from the Rust types:
//! each document is defined once. The types are committed, so that a review shows every change.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use ownpost_i18n::Locale;
use serde_json::{Map, Value};

use crate::process::{cargo, root, show};

/// The documents that the package and the form use, in the order of the file. Their parts follow them.
const DOCUMENTS: [&str; 10] = [
    "SmtpSettings",
    "ValidationReport",
    "TestReport",
    "InspectReport",
    "SettingsReport",
    "Event",
    "EventReport",
    "EmittedEvent",
    "Deliveries",
    "DeliveryDetail",
];

const HEAD: &str = "\
// Made by `cargo xtask types` from the JSON Schemas of the Rust types. Change those, not this file.
";

/// The members of a schema that do not change its TypeScript type: descriptions, and limits that TypeScript cannot
/// express.
const NO_TYPE: [&str; 10] = [
    "description",
    "format",
    "minimum",
    "maximum",
    "default",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
];

/// Writes the file, for `cargo xtask types`.
pub(crate) fn write() -> Result<()> {
    let file = file();
    fs::write(&file, types()?).with_context(|| format!("cannot write {}", file.display()))
}

/// The suite `types`: checks that the file is the one that `write` would write.
pub(crate) fn verify() -> Result<()> {
    let file = file();
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(text == types()?, "{} is not of today's Rust types: `cargo xtask types`", file.display());
    Ok(())
}

fn file() -> PathBuf {
    root().join("validator-wasm/js/types.d.ts")
}

/// The text of the file, from the output of `ownpost schema`.
fn types() -> Result<String> {
    let mut command = cargo();
    // Selected by the binary's name, with the features of the suite `build`, so that nothing is compiled twice.
    command.args(["run", "--quiet", "--bin", "ownpost", "--", "schema"]);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "`{}` ended with {}", show(&command), output.status);
    let schema: Value = serde_json::from_slice(&output.stdout)?;
    let definitions = schema["$defs"].as_object().context("the schemas have no $defs")?;
    Ok(declarations(definitions, &DOCUMENTS)? + &locale())
}

/// The type of a locale.
fn locale() -> String {
    let tags: Vec<String> = Locale::ALL.iter().map(|locale| format!("{:?}", locale.tag())).collect();
    format!("\n/** The languages that all messages are in. */\nexport type Locale = {};\n", tags.join(" | "))
}

/// The declarations of `names` and of every type that they refer to, each once, where it is first needed.
fn declarations(definitions: &Map<String, Value>, names: &[&str]) -> Result<String> {
    let mut text = HEAD.to_owned();
    let mut done: Vec<String> = Vec::new();
    // A stack: the types that a document refers to come after it and before the next document.
    let mut waiting: Vec<String> = names.iter().rev().map(|name| (*name).to_owned()).collect();
    while let Some(name) = waiting.pop() {
        if done.contains(&name) {
            continue;
        }
        let schema = definitions.get(&name).with_context(|| format!("no schema {name}"))?;
        text.push('\n');
        text += &declaration(&name, schema).with_context(|| format!("the schema {name}"))?;
        let mut references = Vec::new();
        collect(schema, &mut references);
        waiting.extend(references.into_iter().rev());
        done.push(name);
    }
    Ok(text)
}

/// The names that a schema refers to.
fn collect(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            members.values().for_each(|member| collect(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// An object becomes an interface; a choice becomes a union with the description above each member.
fn declaration(name: &str, schema: &Value) -> Result<String> {
    let doc = doc(schema, "");
    if schema.get("properties").is_some() {
        return Ok(format!("{doc}export interface {name} {}\n", expression(schema, "")?));
    }
    let Some(members) = choice(schema) else {
        return Ok(format!("{doc}export type {name} = {};\n", expression(schema, "")?));
    };
    let mut text = format!("{doc}export type {name} =");
    for member in members {
        let _ = write!(text, "\n{}  | {}", self::doc(member, "  "), expression(member, "  ")?);
    }
    Ok(text + ";\n")
}

fn choice(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()
}

/// The description as a doc comment on separate lines.
fn doc(schema: &Value, indent: &str) -> String {
    let Some(text) = schema.get("description").and_then(Value::as_str) else { return String::new() };
    format!("{indent}/** {} */\n", text.replace('\n', " ").replace("*/", "*\\/"))
}

/// A schema as a type. An unknown part of a schema is an error, so that no type silently accepts more than its
/// schema.
fn expression(schema: &Value, indent: &str) -> Result<String> {
    let members = schema.as_object().context("a schema is an object")?;
    let known = [
        "$ref",
        "const",
        "oneOf",
        "anyOf",
        "type",
        "items",
        "properties",
        "required",
        "additionalProperties",
    ];
    let strange =
        members.keys().find(|key| !known.contains(&key.as_str()) && !NO_TYPE.contains(&key.as_str()));
    if let Some(key) = strange {
        bail!("`{key}` has no counterpart in TypeScript here yet");
    }
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        return Ok(reference.rsplit('/').next().unwrap_or_default().to_owned());
    }
    if let Some(value) = members.get("const") {
        return Ok(value.to_string());
    }
    if let Some(choices) = choice(schema) {
        let choices = choices.iter().map(|choice| expression(choice, indent)).collect::<Result<Vec<_>>>()?;
        return Ok(choices.join(" | "));
    }
    match members.get("type") {
        None => Ok("unknown".to_owned()),
        Some(Value::String(name)) => of_type(name, members, indent),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            let types = names.map(|name| of_type(name, members, indent)).collect::<Result<Vec<_>>>()?;
            Ok(types.join(" | "))
        }
        Some(other) => bail!("the type {other}"),
    }
}

fn of_type(name: &str, members: &Map<String, Value>, indent: &str) -> Result<String> {
    Ok(match name {
        "string" | "boolean" | "null" => name.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let items =
                members.get("items").map_or(Ok("unknown".to_owned()), |items| expression(items, indent))?;
            if items.contains(' ') { format!("({items})[]") } else { format!("{items}[]") }
        }
        "object" => match members.get("properties").and_then(Value::as_object) {
            Some(properties) => object(properties, members.get("required"), indent)?,
            None => match members.get("additionalProperties").filter(|values| values.is_object()) {
                Some(values) => format!("Record<string, {}>", expression(values, indent)?),
                None => "Record<string, unknown>".to_owned(),
            },
        },
        other => bail!("the type {other}"),
    })
}

fn object(properties: &Map<String, Value>, required: Option<&Value>, indent: &str) -> Result<String> {
    let required: Vec<&str> =
        required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let inner = format!("{indent}  ");
    let mut text = "{\n".to_owned();
    for (key, schema) in properties {
        let kind = expression(schema, &inner).with_context(|| format!("the member {key}"))?;
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let optional = if required.contains(&key.as_str()) { "" } else { "?" };
        let key = if plain { key.clone() } else { format!("{key:?}") };
        let _ = writeln!(text, "{}{inner}{key}{optional}: {kind};", doc(schema, &inner));
    }
    Ok(text + indent + "}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(schemas: &Value, names: &[&str]) -> Result<String> {
        declarations(schemas.as_object().context("no object")?, names)
    }

    #[test]
    fn interfaces_unions_and_their_parts_have_descriptions() -> Result<()> {
        let schemas = json!({
            "Door": {"type": "object", "description": "Opens.", "required": ["state", "a-b"], "properties": {
                "state": {"$ref": "#/$defs/State", "description": "Now."},
                "a-b": {"type": ["integer", "null"]},
                "notes": {"type": "array", "items": {"type": ["string", "null"]}},
                "more": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
                "any": {},
            }},
            "State": {"description": "How.", "oneOf": [
                {"type": "string", "const": "open", "description": "*/ wide"},
                {"type": "object", "properties": {"keep": {"type": "boolean", "const": true}}, "required": ["keep"]},
            ]},
            "Unused": {"type": "string"},
        });
        let expected = "
/** Opens. */
export interface Door {
  /** Now. */
  state: State;
  \"a-b\": number | null;
  notes?: (string | null)[];
  more?: Record<string, string | number>;
  any?: unknown;
}

/** How. */
export type State =
  /** *\\/ wide */
  | \"open\"
  | {
    keep: true;
  };
";
        assert_eq!(written(&schemas, &["Door"])?, format!("{HEAD}{expected}"));
        Ok(())
    }

    #[test]
    fn an_unknown_part_of_a_schema_is_refused() {
        for unknown in [
            json!({"type": "string", "contentEncoding": "a"}),
            json!({"type": "strange"}),
            json!({"$ref": "#/$defs/B"}),
        ] {
            assert!(written(&json!({"A": unknown}), &["A"]).is_err());
        }
    }
}
