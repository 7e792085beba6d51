//! The InspectReport of docs/reference/reports.md.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// What a received mail's header says of its way and of its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectReport {
    /// Its Message-ID without angle brackets, or null.
    pub message_id: Option<String>,
    /// Whether it is the mail that was asked for; null when no Message-ID was given.
    pub matches: Option<bool>,
    /// The address in From, or null.
    pub from: Option<String>,
    /// Whether From is the configured sender; null when no sender was given.
    pub sender_matches: Option<bool>,
    /// The address in Return-Path, which SPF is about; empty for `<>`, null when it is not there.
    pub return_path: Option<String>,
    /// The servers that it went through, the oldest first.
    pub hops: Vec<Hop>,
    /// Whether it left by the configured server.
    pub via_relay: ViaRelay,
    /// The index in `hops` of the hop that shows it, or null.
    pub relay_hop: Option<usize>,
    /// What the receiver found, by its own Authentication-Results (RFC 8601); null when there are none that can be
    /// believed.
    pub authentication: Option<Authentication>,
    /// What there is to say, errors first.
    pub findings: Vec<Finding>,
}

impl InspectReport {
    /// Whether none of the findings is an error.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// A server that took the mail over, by its Received field (RFC 5321 §4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// The name or address that handed it over, or null.
    pub from: Option<String>,
    /// The server that took it, or null.
    pub by: Option<String>,
    /// The protocol as the server names it, such as `ESMTPS`, or null.
    pub with: Option<String>,
    /// Whether it came encrypted; null when the field does not say.
    pub tls: Option<bool>,
    /// The TLS version, when the field says it.
    pub tls_version: Option<String>,
    /// When, in UTC (RFC 3339), or null.
    pub at: Option<String>,
    /// Seconds since the hop before; below zero when the clocks differ, null when either time is missing.
    pub delay_seconds: Option<i64>,
}

/// Whether the mail left by the configured server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ViaRelay {
    /// A hop shows it.
    Yes,
    /// A hop shows another server in its place.
    No,
    /// The hops do not tell, or no server was given.
    Unknown,
}

/// The receiver's results, in the terms of RFC 8601: `pass`, `fail`, `none` and so on; null where it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Authentication {
    /// SPF (RFC 7208).
    pub spf: Option<String>,
    /// DKIM (RFC 6376); of several signatures the best.
    pub dkim: Option<String>,
    /// DMARC (RFC 7489).
    pub dmarc: Option<String>,
    /// The name under which the receiver speaks (authserv-id), or null.
    pub by: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FindingSeverity")]
pub enum Severity {
    /// The mail is not what it should be, or is likely to be refused.
    Error,
    /// It may be as it should be.
    Warning,
}

/// Something to say of the mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "InspectFinding")]
pub struct Finding {
    /// A stable code, `inspect.…`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The values in the message.
    pub params: BTreeMap<&'static str, String>,
    /// For a person, in the asked locale.
    pub message: String,
    /// What to do, in the asked locale.
    pub remedy: String,
}
