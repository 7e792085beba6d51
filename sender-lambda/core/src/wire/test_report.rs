//! The TestReport: the connectivity test, stage by stage, with sentences in the asked locale (docs/reference/reports.md).

use ownpost_domain::failure::{FailureCode, Reply, Stage};
use ownpost_domain::report::{Capabilities, DnsFinding, StageResult, TestMessage, TlsFacts, TranscriptLine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a connectivity test found. At most 1 MB as JSON; every key is always there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// Whether every stage that was asked for passed.
    pub ok: bool,
    /// The stages in the order performed; those that could not be reached are `skipped`.
    pub stages: Vec<StageResult>,
    /// The failure that ended the test; null when it passed.
    pub failure: Option<TestFailure>,
    /// TLS and the certificate, also when that was what failed.
    pub tls: Option<TlsFacts>,
    /// What the server offers.
    pub capabilities: Capabilities,
    /// Client's and server's lines, without secrets.
    pub transcript: Vec<TranscriptLine>,
    /// The test mail, once it was accepted.
    pub test_message: Option<TestMessage>,
    /// What DNS says of mail sent this way; warnings only.
    pub deliverability: Option<Deliverability>,
}

/// Why the test failed, for the admin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestFailure {
    /// The stage that failed.
    pub stage: Stage,
    /// The stable code of the failure.
    pub code: FailureCode,
    /// The setting to look at, as a dotted path; empty when it is none in particular.
    pub field: String,
    /// The server's reply; null when it never answered.
    pub smtp: Option<Reply>,
    /// What happened, in the asked locale.
    pub message: String,
    /// What to do about it, in the asked locale.
    pub remedy: String,
    /// A JSON merge patch of settings that work, proven by a second connection; null when none was found.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub fix: Option<Value>,
}

/// What DNS says of mail from the sender's domain through this relay. Never fails a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deliverability {
    /// SPF (RFC 7208).
    pub spf: DnsFinding,
    /// DKIM (RFC 6376).
    pub dkim: DnsFinding,
    /// DMARC (RFC 7489).
    pub dmarc: DnsFinding,
    /// What to do, in the asked locale.
    pub advice: Vec<String>,
}
