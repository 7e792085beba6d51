//! The settings as the API and the npm package show them: how they are stored, without their secrets.

use ownpost_domain::category::{OnFailure, Via};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{AuthMethod, Grant, Security};
use crate::validation::Issue;

/// Settings as they are stored, without their secrets. Every member is there, null where it has no value. Only the type:
/// [`public`](crate::settings::public) writes it, and a test compares the two.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredSettings {
    /// The server's name in A-labels, or its IP address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub(crate) security: Security,
    /// How the session authenticates.
    pub(crate) auth_method: AuthMethod,
    /// The account.
    pub username: Option<String>,
    /// Whether a password is stored.
    pub password: Option<StoredSecret>,
    /// Where and with what access tokens are fetched.
    pub oauth2: Option<StoredOAuth2>,
    /// MAIL FROM and From: of every mail, its domain in A-labels.
    pub sender_address: String,
    /// Display name in From:.
    pub sender_name: Option<String>,
    /// The address that recipients answer to.
    pub reply_to: Option<String>,
    /// The name for EHLO; null is the operator's.
    pub ehlo_name: Option<String>,
    /// Private CA of the relay, PEM.
    pub ca_pem: Option<String>,
    /// The rules of all four categories.
    pub routing: StoredRouting,
    /// The addresses that hear of a broken relay; null: those who saved last.
    pub contacts: Option<Vec<String>>,
}

/// A secret that is never shown.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredSecret {
    /// Whether one is stored; always true.
    pub is_set: bool,
}

/// Where and with what access tokens are fetched.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredOAuth2 {
    /// How the access token is requested.
    pub(crate) grant: Grant,
    /// The operator's provider that the mailbox is connected with; then the client is the operator's.
    pub provider: Option<String>,
    /// The https token endpoint.
    pub token_url: Option<String>,
    /// The client registered with the provider.
    pub client_id: Option<String>,
    /// Whether its secret is stored.
    pub client_secret: Option<StoredSecret>,
    /// The day on which its secret ends, as `2027-01-31`.
    pub client_secret_expires: Option<String>,
    /// Whether a refresh token is stored.
    pub refresh_token: Option<StoredSecret>,
    /// The scope.
    pub scope: Option<String>,
}

/// The rules of all four categories.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoredRouting {
    /// Real-time notifications.
    pub notification: StoredRoute,
    /// Exchanges about a data-subject rights request.
    pub rights_request: StoredRoute,
    /// The invitation of a respondent to an audit.
    pub audit_invitation: StoredRoute,
    /// The invitation of a new user.
    pub user_invitation: StoredRoute,
}

/// The rule for one category.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredRoute {
    /// The server that carries the category.
    pub via: Via,
    /// What happens while the relay fails.
    pub on_failure: OnFailure,
}

/// What the rules say of settings, and how they would be stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SettingsReport {
    /// False as soon as one issue is an error.
    pub valid: bool,
    /// All issues, in the order of the fields.
    pub issues: Vec<Issue>,
    /// The settings as they would be stored, without their secrets; null when they are not valid.
    #[schemars(with = "Option<StoredSettings>")]
    pub settings: Option<serde_json::Value>,
}
