//! The JSON of SmtpSettings as types: what the JSON Schema is made from, and what is stored.

use std::borrow::Cow;

use jiff::civil::Date;
use ownpost_domain::category::{Category, CategoryRoute, OnFailure, Routing, Via};
use ownpost_domain::settings::{self, Auth, Settings};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use smtp_rules::packed::{Key, Value as Packed};

use crate::given::text;

/// What the form collects.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its schema is used: the rules read the document, and then `settings::draft`"
)]
pub(super) struct SmtpSettings {
    /// DNS name (IDN accepted, kept as A-labels) or an IP literal.
    host: String,
    /// Default 25; allowed: 25, 465, 587, 2525, 2465, 2587 and what the operator adds.
    port: Option<u16>,
    /// How the connection is encrypted; `starttls` by default.
    security: Option<Security>,
    /// How the client signs in; `password` by default.
    auth_method: Option<AuthMethod>,
    /// The account; required unless authMethod is none. At most 255 octets.
    username: Option<String>,
    /// Required with authMethod password.
    password: Option<SecretChoice>,
    /// Required with authMethod oauth2.
    oauth2: Option<OAuth2>,
    /// MAIL FROM and From: of every mail.
    sender_address: String,
    /// Display name in From:. At most 256 characters.
    sender_name: Option<String>,
    /// The address that recipients answer to.
    reply_to: Option<String>,
    /// Fully qualified domain name for EHLO; else the one of `OWNPOST_EHLO_NAME`.
    ehlo_name: Option<String>,
    /// Private CA of the relay, PEM. At most 32 KiB.
    ca_pem: Option<String>,
    /// Per category: through which server, and what to do when the relay fails.
    routing: Option<RoutingInput>,
    /// The addresses that hear of a broken relay; else those who saved last.
    #[schemars(length(max = 5))]
    contacts: Option<Vec<String>>,
}

/// How the connection is encrypted. There is no "none".
#[derive(Clone, Copy, Debug, Deserialize, DeriveSerialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Security {
    /// STARTTLS, required, never opportunistic.
    StartTls,
    /// Implicit TLS.
    Tls,
}

/// How the session authenticates.
#[derive(Clone, Copy, Debug, Deserialize, DeriveSerialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthMethod {
    /// SASL PLAIN or LOGIN.
    Password,
    /// SASL XOAUTH2 or OAUTHBEARER.
    OAuth2,
    /// No AUTH: the relay accepts Ownpost by its IP address.
    None,
}

/// A secret: a new one, or the stored one.
#[derive(JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "SecretInput")]
#[expect(dead_code, reason = "only its schema is used")]
enum SecretChoice {
    /// A new secret takes the place of the stored one.
    Set {
        /// The new secret, at most 4096 octets.
        set: String,
        /// What becomes of the white space in `set`: keep (default), trim around it, or remove all.
        spaces: Option<Spaces>,
        /// Must not be there beside `set`.
        keep: Option<()>,
    },
    /// The stored secret stays.
    Keep {
        /// Keeps the stored one, as long as its destination stays the same.
        #[schemars(extend("const" = true))]
        keep: bool,
        /// Must not be there beside `keep`.
        set: Option<()>,
    },
}

/// A refresh token: a new one, the stored one, or what "Connect with…" has brought.
#[derive(JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "RefreshTokenInput")]
#[expect(dead_code, reason = "only its schema is used")]
enum RefreshTokenChoice {
    /// A new secret, or the stored one.
    Secret(SecretChoice),
    /// What a connection with a provider has brought becomes the secret, once.
    Granted {
        /// The ID that the connection gave the page.
        granted: String,
    },
}

/// What becomes of the white space in a secret.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Spaces {
    /// White space belongs to the secret.
    Keep,
    /// White space around the secret does not belong to it.
    Trim,
    /// No white space belongs to the secret, not even inside it.
    Remove,
}

/// Where and with what access tokens are fetched.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct OAuth2 {
    /// How the access token is requested.
    grant: Grant,
    /// The operator's provider that the mailbox is connected with (`POST /smtp/oauth/start`); client and token endpoint are
    /// the operator's then.
    provider: Option<String>,
    /// The https token endpoint. Required without a provider.
    token_url: Option<String>,
    /// The client registered with the provider. Required without a provider of the operator's.
    client_id: Option<String>,
    /// Its secret; optional with a refresh token.
    client_secret: Option<SecretChoice>,
    /// The day on which its secret ends, as `2027-01-31`; warned of at 30, 7 and 1 days.
    client_secret_expires: Option<String>,
    /// Required with grant refresh_token.
    refresh_token: Option<RefreshTokenChoice>,
    /// Required with grant client_credentials.
    scope: Option<String>,
}

/// The two OAuth 2 grants that work without a person.
#[derive(Clone, Copy, Debug, Deserialize, DeriveSerialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grant {
    /// The client's own credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// A refresh token (RFC 6749 §6).
    RefreshToken,
}

/// The rules of the categories that a draft names; a `null` counts as none.
struct RoutingInput;

impl JsonSchema for RoutingInput {
    fn schema_name() -> Cow<'static, str> {
        "Routing".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let route = generator.subschema_for::<Option<RouteInput>>();
        let properties: serde_json::Map<_, _> = Category::ALL
            .map(|category| (category.name().to_owned(), route.clone().to_value()))
            .into_iter()
            .collect();
        json_schema!({
            "description": "The rules for the four categories.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// The rule for one category.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Route")]
#[expect(dead_code, reason = "only its schema is used")]
struct RouteInput {
    /// The server that carries the category; `relay` by default.
    via: Option<Via>,
    /// What happens while the relay fails; `hold` by default.
    on_failure: Option<OnFailure>,
}

/// The rules of all categories: what a draft does not name is the default.
pub(super) fn routing(given: Packed<'_>) -> Option<Routing> {
    let mut routing = Routing::default();
    let Packed::Object(routes) = given else { return Some(routing) };
    for category in Category::ALL {
        let Packed::Object(route) = routes.get(Key::find(category.name())?) else { continue };
        let default = CategoryRoute::default();
        let via = match text(route.get(Key::Via)).as_deref() {
            None => default.via,
            Some("relay") => Via::Relay,
            Some("platform") => Via::Platform,
            Some(_) => return None,
        };
        let on_failure = match text(route.get(Key::OnFailure)).as_deref() {
            None => default.on_failure,
            Some("hold") => OnFailure::Hold,
            Some("platform") => OnFailure::Platform,
            Some(_) => return None,
        };
        routing.set(category, CategoryRoute { via, on_failure });
    }
    Some(routing)
}

/// The port of a document that the rules have accepted.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rules have checked the range"
)]
pub(super) fn port(number: f64) -> Option<u16> {
    (1.0..=65_535.0).contains(&number).then_some(number as u16)
}

pub(super) fn security_name(security: settings::Security) -> &'static str {
    match security {
        settings::Security::StartTls => "starttls",
        settings::Security::Tls => "tls",
    }
}

pub(super) fn auth_method_name(auth: &Auth) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Password { .. } => "password",
        Auth::OAuth2(_) => "oauth2",
    }
}

/// The day that a text says as the rules accept it.
pub fn day(text: &str) -> Option<Date> {
    let [year, month, day] = smtp_rules::day(text.as_bytes())?;
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

pub(super) fn day_name(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day())
}

pub(super) fn grant_name(grant: &settings::Grant) -> &'static str {
    match grant {
        settings::Grant::ClientCredentials => "client_credentials",
        settings::Grant::RefreshToken(_) => "refresh_token",
    }
}

/// The contacts in JSON, where none is null.
pub(super) fn contacts(settings: &Settings) -> Option<&[String]> {
    (!settings.contacts.is_empty()).then_some(&settings.contacts)
}

/// The settings as they are stored: SmtpSettings with all secrets set. The only serialisation of a secret.
pub(super) struct Stored<'a>(pub(super) &'a Settings);

#[derive(DeriveSerialize)]
struct Set<'a> {
    set: &'a str,
}

#[derive(DeriveSerialize)]
#[serde(rename_all = "camelCase")]
struct StoredOAuth2<'a> {
    grant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Set<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Set<'a>>,
    scope: Option<&'a str>,
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("host", &settings.host)?;
        map.serialize_entry("port", &settings.port)?;
        map.serialize_entry("security", security_name(settings.security))?;
        map.serialize_entry("authMethod", auth_method_name(&settings.auth))?;
        match &settings.auth {
            Auth::None => {}
            Auth::Password { username, password } => {
                map.serialize_entry("username", username)?;
                map.serialize_entry("password", &Set { set: password.expose() })?;
            }
            Auth::OAuth2(oauth2) => {
                let refresh_token = match &oauth2.grant {
                    settings::Grant::ClientCredentials => None,
                    settings::Grant::RefreshToken(token) => Some(Set { set: token.expose() }),
                };
                // The operator's application is not a tenant's: it is filled in when the settings are read.
                let own = oauth2.provider.is_none();
                let secret = oauth2.client_secret.as_ref().filter(|_| own);
                map.serialize_entry("username", &oauth2.username)?;
                map.serialize_entry(
                    "oauth2",
                    &StoredOAuth2 {
                        grant: grant_name(&oauth2.grant),
                        provider: oauth2.provider.as_deref(),
                        token_url: own.then_some(&oauth2.token_url),
                        client_id: own.then_some(&oauth2.client_id),
                        client_secret: secret.map(|secret| Set { set: secret.expose() }),
                        client_secret_expires: oauth2.client_secret_expires.filter(|_| own).map(day_name),
                        refresh_token,
                        scope: oauth2.scope.as_deref().filter(|_| own),
                    },
                )?;
            }
        }
        map.serialize_entry("senderAddress", &settings.sender_address)?;
        map.serialize_entry("senderName", &settings.sender_name)?;
        map.serialize_entry("replyTo", &settings.reply_to)?;
        map.serialize_entry("ehloName", &settings.ehlo_name)?;
        map.serialize_entry("caPem", &settings.ca_pem)?;
        map.serialize_entry("routing", &settings.routing)?;
        map.serialize_entry("contacts", &contacts(settings))?;
        map.end()
    }
}
