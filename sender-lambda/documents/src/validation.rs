//! The ValidationReport of docs/reference/settings.md as the server writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use smtp_rules::catalogue::Code;

/// What the rules say of a settings document: all issues, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidationReport {
    /// False as soon as one issue is an error.
    pub valid: bool,
    /// All issues, in the order of the fields.
    pub issues: Vec<Issue>,
}

/// One problem of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// Dotted path into the settings; empty for the whole document.
    pub field: String,
    /// Stable code of the catalogue.
    #[schemars(with = "IssueCode")]
    pub code: String,
    /// Whether it stops the settings from being used.
    pub severity: Severity,
    /// The values in the message; texts or numbers.
    #[schemars(with = "BTreeMap<String, IssueParam>")]
    pub params: Map<String, Value>,
    /// For the admin, in the asked locale.
    pub message: String,
    /// A JSON merge patch (RFC 7396) that repairs it, or null.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub fix: Option<Value>,
}

/// The catalogue, for the schema: a report's codes are texts, because they come from the rules as such.
struct IssueCode;

impl JsonSchema for IssueCode {
    fn schema_name() -> Cow<'static, str> {
        "IssueCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes = Code::ALL
            .iter()
            .map(|code| json!({"type": "string", "const": code.name(), "description": code.meaning()}));
        json_schema!({"description": "The stable codes of all issues.", "oneOf": codes.collect::<Vec<_>>()})
    }
}

/// A value of [`Issue::params`], for the schema.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum IssueParam {
    Text(String),
    Number(u32),
}

/// Whether an issue stops the settings from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The settings cannot be tested or saved.
    Error,
    /// The settings can be used; something looks wrong.
    Warning,
}
