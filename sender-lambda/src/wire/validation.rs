//! The ValidationReport of CONTRACT §2 as the server writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the rules say of a settings document: all issues, in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidationReport {
    /// False as soon as one issue is an error.
    pub valid: bool,
    /// All of them.
    pub issues: Vec<Issue>,
}

/// One issue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// Dotted path into the settings; empty for the whole document.
    pub field: String,
    /// Stable code of the catalogue.
    pub code: String,
    /// Whether it stops the settings from being used.
    pub severity: Severity,
    /// What the message was filled with.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// For the admin, in the asked locale.
    pub message: String,
    /// A JSON merge patch (RFC 7396) that cures it, or null.
    pub fix: Option<serde_json::Value>,
}

/// Whether an issue stops the settings from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}
