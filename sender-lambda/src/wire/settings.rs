//! The SmtpSettings of CONTRACT §1 in their three JSON forms: what the form sends (a draft, whose secrets are
//! set or kept), what Secrets Manager stores (secrets in clear, under its encryption), and what the API shows
//! (whether a secret is set).

use zeroize::Zeroizing;

use super::validation::ValidationReport;
use crate::config::Config;
use crate::domain::secret::Secret;
use crate::domain::settings::Settings;

/// A draft as the rules have accepted it: complete but for the secrets it wants to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The settings. A secret that the draft keeps is empty in here until [`Draft::resolve`] fills it in.
    settings: Settings,
    keep: Keep,
}

/// Which secrets the draft keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Keep {
    password: bool,
    client_secret: bool,
    refresh_token: bool,
}

/// What came of checking a document.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the rules say.
    pub report: ValidationReport,
    /// The draft, when the report is valid.
    pub draft: Option<Draft>,
    /// Whether the input was no JSON, or beyond the limits of size and depth; the report still says why.
    pub unreadable: bool,
}

/// Checks a document of any bytes with the rules, in the operator's options. `locale` is a BCP 47 tag.
/// `now_unix` in seconds: certificates in `caPem` expire.
pub fn check(document: &[u8], config: &Config, locale: &str, now_unix: i64) -> Checked {
    let _ = (document, config, locale, now_unix);
    todo!("rules")
}

impl Draft {
    /// Fills in the secrets to keep from what is stored. A report with `password.reentry_required` when nothing
    /// is stored, or when the destination is not the one the secret was stored for (CONTRACT §1).
    pub fn resolve(self, stored: Option<&Settings>, locale: &str) -> Result<Settings, ValidationReport> {
        let _ = (stored, locale, &self.settings, self.keep, Secret::new(String::new()));
        todo!("rules")
    }
}

/// The form in which Secrets Manager keeps the settings: JSON with the secrets in clear.
pub fn to_document(settings: &Settings) -> Zeroizing<String> {
    let _ = settings;
    todo!("rules")
}

/// Reads what [`to_document`] wrote, and the platform's secret, which an operator writes by hand as SmtpSettings
/// with `{"set": …}` secrets. The error names no secret.
pub fn from_document(document: &str) -> Result<Settings, String> {
    let _ = document;
    todo!("rules")
}

/// What the API shows: the settings with `{"isSet": true}` in place of each secret.
pub fn public(settings: &Settings) -> serde_json::Value {
    let _ = settings;
    todo!("rules")
}
