//! The events that Ownpost emits (docs/reference/events.md#emitted-events), as types: from them come the code's own events
//! and the AsyncAPI document.

use jiff::Timestamp;
use ownpost_domain::delivery::Revision;
use ownpost_domain::tenant::Tenant;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;

use crate::effects::Emitted;
use crate::wire::history::By;
use crate::wire::http::DeliveryRow;

/// The detail type of [`Announcement::SettingsExpired`], which Ownpost itself hears.
pub const SETTINGS_EXPIRED: &str = "Settings Expired";

/// Declares the events once: variant and type of its detail, detail type on the bus, when it is emitted.
macro_rules! announcements {
    ($($variant:ident($detail:ty) = $name:tt $when:literal,)+) => {
        /// An event that Ownpost emits.
        #[derive(Clone, Debug)]
        pub enum Announcement { $(#[doc = $when] $variant($detail),)+ }

        /// All events: the detail type, when it is emitted, and how the schema of its detail is made.
        pub const ANNOUNCEMENTS: &[(&str, &str, fn(&mut SchemaGenerator) -> Schema)] =
            &[$(($name, $when, SchemaGenerator::subschema_for::<$detail>),)+];

        impl From<Announcement> for Emitted {
            fn from(announcement: Announcement) -> Self {
                match announcement {
                    $(Announcement::$variant(detail) => Self { detail_type: $name, detail: json!(detail) },)+
                }
            }
        }
    };
}

announcements! {
    DeliveryFailed(DeliveryFailed) = "Delivery Failed" "A row becomes `failed`.",
    RelayUnhealthy(RelayChanged) = "Relay Unhealthy" "A relay begins to fail; once for each outage.",
    RelayRecovered(RelayChanged) = "Relay Recovered" "A relay works again; `code` and `message` are null.",
    SettingsActivated(SettingsChanged) = "Settings Activated" "`PUT /smtp` or a rollback succeeded.",
    SettingsRolledBack(SettingsChanged) = "Settings Rolled Back" "A rollback succeeded; beside `Settings Activated`.",
    SettingsRemoved(SettingsRemoved) = "Settings Removed" "`DELETE /smtp` succeeded.",
    SettingsExpired(SettingsExpired) = SETTINGS_EXPIRED "Removed settings were kept for `OWNPOST_RETAIN_DAYS`; for Ownpost itself, which then erases them.",
    SecretUnreadable(SecretUnreadable) = "Secret Unreadable" "Settings that should be there, or the keys that sign mails, cannot be read; once an hour at most.",
    CredentialExpiring(CredentialExpiring) = "Credential Expiring" "30, 7 and 1 days before a client secret or a grant of OAuth 2 ends.",
    CertificateExpiring(CertificateExpiring) = "Certificate Expiring" "30, 7 and 1 days before a relay's certificate ends.",
}

/// A mail that failed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeliveryFailed {
    /// The tenant of the mail.
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// The row of the mail.
    pub delivery: DeliveryRow,
}

/// A relay whose health has changed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RelayChanged {
    /// The tenant of the relay; `-platform` for the platform's own server.
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// The host of the relay.
    pub host: String,
    /// The revision of its settings.
    pub revision: Revision,
    /// Since when it is so.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// The last failure's code; null when it has recovered.
    pub code: Option<String>,
    /// The last failure in words; null when it has recovered.
    pub message: Option<String>,
}

/// Settings that were activated.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingsChanged {
    /// The tenant of the settings.
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// The revision that is active now.
    pub revision: Revision,
    /// Its host; null when a rollback went back to the platform's server.
    pub host: Option<String>,
    /// Who did it.
    pub by: By,
}

/// Settings that were removed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingsRemoved {
    /// The tenant of the settings.
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// The revision that says so; null when none were active and what was stored is erased.
    pub revision: Option<Revision>,
    /// Whether all stored revisions were erased.
    pub forgotten: bool,
    /// Who did it.
    pub by: By,
}

/// Removed settings whose time is over.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingsExpired {
    /// The tenant of the settings.
    #[schemars(with = "String")]
    pub tenant: Tenant,
}

/// A secret that should be there and cannot be read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SecretUnreadable {
    /// The tenant of the settings; null for the platform's and for the keys.
    #[schemars(with = "Option<String>")]
    pub tenant: Option<Tenant>,
    /// Which secret it is.
    pub secret: UnreadableSecret,
}

/// A secret that cannot be read.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnreadableSecret {
    /// The settings of the tenant or the platform.
    Settings,
    /// The operator's DKIM keys.
    Dkim,
}

/// A credential of OAuth 2 that ends soon.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialExpiring {
    /// The tenant of the relay; `-platform` for the platform's own server, null for the operator's application at a provider.
    #[schemars(with = "Option<String>")]
    pub tenant: Option<Tenant>,
    /// The host of the relay; null for the operator's application.
    pub host: Option<String>,
    /// The operator's provider that the mailbox is connected with, or whose application it is; null for an application of
    /// the tenant's own.
    pub provider: Option<String>,
    /// Which credential it is.
    pub credential: Credential,
    /// When it ends.
    #[schemars(with = "String")]
    pub not_after: Timestamp,
    /// 30, 7 or 1.
    pub days: u32,
}

/// A credential that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// The client secret of an application, by `clientSecretExpires`.
    ClientSecret,
    /// The grant of a mailbox, as the token endpoint says.
    Grant,
}

/// A certificate that ends soon.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateExpiring {
    /// The tenant of the relay; `-platform` for the platform's own server.
    #[schemars(with = "String")]
    pub tenant: Tenant,
    /// The host of the relay.
    pub host: String,
    /// When the certificate ends.
    #[schemars(with = "String")]
    pub not_after: Timestamp,
    /// 30, 7 or 1.
    pub days: u32,
    /// The SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
}
