//! What a connectivity test observes, as facts without sentences: stages, TLS, capabilities, transcript, DNS. The report
//! that an admin reads joins these with sentences in one language, in `ownpost-core`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::Stage;

/// One stage of a connectivity test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageResult {
    /// The stage of the session.
    pub stage: Stage,
    /// How the stage ended.
    pub status: StageStatus,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// What the stage brought to light, such as the address connected to.
    pub detail: StageDetail,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// The stage succeeded.
    Passed,
    /// The stage failed and ended the test.
    Failed,
    /// The stage was not performed.
    Skipped,
    /// The stage succeeded, and the admin should look at something.
    Warned,
}

/// The facts of a stage. Each stage fills the fields that are its own; the others are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageDetail {
    /// `resolve`: the relay's addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// `connect`: the address connected to. `sender` and `recipient`: the mail address given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `connect`: the port connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `greeting`: the text of the 220 reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// `ehlo`: the name that the client gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `tls`: the version negotiated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `tls`: the cipher suite by its IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// `auth`: the SASL mechanism used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<String>,
    /// `message`: the size of the test mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octets: Option<usize>,
    /// `sender`, `recipient`, `message`: the server's reply as a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Of a skipped stage: the reason, when it is not the failure of an earlier stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
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
    /// The issuer's distinguished name.
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
    /// What the EHLO reply before TLS lists.
    pub before_tls: Option<Vec<String>>,
    /// What the EHLO reply after TLS lists.
    pub after_tls: Option<Vec<String>>,
}

/// One line of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptLine {
    /// Milliseconds since the test began.
    pub ms: f64,
    /// The side that sent it.
    pub from: Speaker,
    /// The line, without its end.
    pub line: String,
}

/// The side that sent a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The relay sent the line.
    Server,
    /// Ownpost sent the line.
    Client,
}

/// The test mail that the server accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestMessage {
    /// Its Message-ID without angle brackets.
    pub message_id: String,
    /// The address that it went to.
    pub recipient: String,
    /// The server's last reply, code included.
    pub reply: String,
}

/// What one kind of DNS record says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsFinding {
    /// `missing`, `invalid` or `unknown`; of SPF also `pass` and `fail`, of DKIM `pass`, of DMARC the policy: `none`,
    /// `quarantine`, `reject`. Only a mail's own signature names its DKIM selector: of relays whose provider does not
    /// let it be known otherwise DKIM is `unknown`.
    pub result: String,
    /// The record, if there is one.
    pub record: Option<String>,
}

impl DnsFinding {
    /// A finding with its record; control characters are left out of the record, and what is beyond 2048 characters.
    pub fn new(result: &str, record: Option<&str>) -> Self {
        /// The longest record shown, in characters.
        const MAX_RECORD: usize = 2048;
        let record = record.map(|text| text.chars().filter(|c| !c.is_control()).take(MAX_RECORD).collect());
        Self { result: result.to_owned(), record }
    }

    /// DNS did not answer, or nothing can be known.
    pub fn unknown() -> Self {
        Self::new("unknown", None)
    }
}

/// What DNS says of mail from the sender's domain through this relay. Never fails a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsFindings {
    /// SPF (RFC 7208).
    pub spf: DnsFinding,
    /// DKIM (RFC 6376).
    pub dkim: DnsFinding,
    /// DMARC (RFC 7489).
    pub dmarc: DnsFinding,
    /// What there is to say beyond the results, as keys of the advice: `spf.everyone`.
    pub notes: Vec<&'static str>,
}
