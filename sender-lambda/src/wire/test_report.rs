//! The TestReport of CONTRACT §3: the connectivity test, stage by stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::delivery::SmtpWords;
use crate::domain::failure::{FailureCode, Stage};

/// What a connectivity test found. At most 1 MB as JSON; every key is always there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// Whether every stage that was asked for passed.
    pub ok: bool,
    /// The stages in the order performed; those that could not be reached are `skipped`.
    pub stages: Vec<StageResult>,
    /// Why it failed.
    pub failure: Option<TestFailure>,
    /// TLS and the certificate, also when that was what failed.
    pub tls: Option<TlsFacts>,
    /// What the server offers.
    pub capabilities: Capabilities,
    /// What was said, without secrets.
    pub transcript: Vec<TranscriptLine>,
    /// The test mail, once it was accepted.
    pub test_message: Option<TestMessage>,
    /// What DNS says of mail sent this way; warnings only.
    pub deliverability: Option<Deliverability>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageResult {
    /// Which.
    pub stage: Stage,
    /// How it ended.
    pub status: StageStatus,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// What was learnt, such as the address connected to.
    pub detail: Map<String, Value>,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// As it should.
    Passed,
    /// It ended the test.
    Failed,
    /// Not performed.
    Skipped,
    /// Performed, with something to look at.
    Warned,
}

/// Why the test failed, for the admin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestFailure {
    /// Where.
    pub stage: Stage,
    /// Stable code.
    pub code: FailureCode,
    /// The setting to look at, as a dotted path; empty when it is none in particular.
    pub field: String,
    /// The server's words; null when it never answered.
    pub smtp: Option<SmtpWords>,
    /// What happened, in the asked locale.
    pub message: String,
    /// What to do about it, in the asked locale.
    pub remedy: String,
    /// A JSON merge patch of settings that work, proven by a second connection; null when none was found.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub fix: Option<Value>,
}

/// TLS as it was negotiated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`; null when the handshake did not get that far.
    pub version: Option<String>,
    /// The cipher suite by its IANA name; null likewise.
    pub cipher: Option<String>,
    /// The server's certificate; null when it showed none that parses.
    pub certificate: Option<CertificateFacts>,
}

/// The server's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's.
    pub issuer: String,
    /// The DNS names and IP addresses it is for.
    pub names: Vec<String>,
    /// Valid from, RFC 3339.
    pub not_before: String,
    /// Valid until, RFC 3339.
    pub not_after: String,
    /// SHA-256 of the certificate, in hex.
    pub sha256: String,
}

/// What the server's EHLO replies list; null where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Before TLS.
    pub before_tls: Option<Vec<String>>,
    /// After.
    pub after_tls: Option<Vec<String>>,
}

/// One line of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptLine {
    /// Milliseconds since the test began.
    pub ms: f64,
    /// Who said it.
    pub from: Speaker,
    /// The line, without its end.
    pub line: String,
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The relay.
    Server,
    /// We.
    Client,
}

/// The test mail that the server accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestMessage {
    /// Its Message-ID without angle brackets.
    pub message_id: String,
    /// Who got it.
    pub recipient: String,
    /// The server's last word, code included.
    pub reply: String,
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

/// What one kind of record says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsFinding {
    /// `missing`, `invalid` or `unknown`; of SPF also `pass` and `fail`, of DKIM `pass`, of DMARC the policy: `none`,
    /// `quarantine`, `reject`. Only a mail's own signature names its DKIM selector: of relays whose provider does not
    /// let it be known otherwise DKIM is `unknown`.
    pub result: String,
    /// The record, if there is one.
    pub record: Option<String>,
}
