//! The SmtpSettings of docs/reference/settings.md in their three JSON forms: what the form sends (a draft, whose secrets are
//! set or kept), what Secrets Manager stores (secrets in clear, under its encryption), and what the API shows
//! (whether a secret is set).

use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Grant, OAuth2, Security, Settings};
use serde_json::{Value, json};
use smtp_rules::catalogue::Code;
use smtp_rules::packed::{self, Key, Value as Packed};
use smtp_rules::{Account, Destination, Options, Platform, Spaces, normal_address, normal_host};
use zeroize::Zeroizing;

pub use super::document::day;
use super::document::{self, SmtpSettings};
pub use super::given::Given;
use super::given::text as text_of;
use super::rules;
pub use super::rules::Say;
use super::tree::wipe;
use super::validation::ValidationReport;

/// A draft as the rules have accepted it: complete but for the secrets it wants to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The settings. A secret that the draft keeps is empty in here until [`Draft::resolve`] fills it in, and one that a
    /// connection has brought until [`Draft::bring`] does.
    settings: Settings,
    keep: Keep,
    /// The ID of what a connection has brought.
    granted: Option<Secret>,
}

/// Why what a connection has brought cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// It became active already.
    Used,
    /// It was not used in time.
    Expired,
    /// No connection of this tenant, admin and provider has brought it.
    Foreign,
}

impl NotGranted {
    fn code(self) -> Code {
        match self {
            Self::Used => Code::OAuth2GrantedUsed,
            Self::Expired => Code::OAuth2GrantedExpired,
            Self::Foreign => Code::OAuth2GrantedForeign,
        }
    }
}

/// Which secrets the draft keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Keep {
    password: bool,
    client_secret: bool,
    refresh_token: bool,
}

/// A document that has been checked.
#[derive(Clone, Debug)]
pub struct CheckedDraft {
    /// The report of the rules.
    pub report: ValidationReport,
    /// The draft, when the report is valid.
    pub draft: Option<Draft>,
    /// Whether the input was no JSON, or beyond the limits of size and depth; the report still says why.
    pub unreadable: bool,
}

/// Checks a document of any bytes with the rules, in the operator's options. `locale` is a BCP 47 tag.
pub fn check(document: &[u8], options: &Options<'_>, platform: &impl Platform, locale: &str) -> CheckedDraft {
    check_text(document, options, platform, &rules::in_locale(locale))
}

/// [`check`] with the caller's messages.
pub fn check_text(
    document: &[u8],
    options: &Options<'_>,
    platform: &impl Platform,
    say: Say<'_>,
) -> CheckedDraft {
    let mut value = match rules::parse(document) {
        Ok(value) => value,
        Err(reason) => {
            return CheckedDraft { report: rules::unreadable(reason, say), draft: None, unreadable: true };
        }
    };
    let packed = rules::pack(&value);
    wipe(&mut value);
    check_given(&Given { packed }, options, platform, say)
}

/// [`check_text`] for a document that was read from another form than text.
pub fn check_given(
    given: &Given,
    options: &Options<'_>,
    platform: &impl Platform,
    say: Say<'_>,
) -> CheckedDraft {
    let report = rules::check(&given.packed, options, platform, say);
    let draft = if report.valid { draft(&given.packed, platform) } else { None };
    CheckedDraft { report, draft, unreadable: false }
}

/// What the rules have accepted, as types. `None` would be a disagreement with the rules.
fn draft(document: &[u8], platform: &impl Platform) -> Option<Draft> {
    let Packed::Object(members) = packed::read(document) else { return None };
    let text = |key| text_of(members.get(key));
    let mut keep = Keep::default();
    let mut granted = None;
    let auth = match text(Key::AuthMethod).as_deref().unwrap_or("password") {
        "none" => Auth::None,
        "password" => {
            let (password, kept) = secret(members.get(Key::Password))?;
            keep.password = kept;
            Auth::Password { username: text(Key::Username)?, password }
        }
        "oauth2" => {
            let Packed::Object(oauth2) = members.get(Key::OAuth2) else { return None };
            let of_oauth2 = |key| text_of(oauth2.get(key));
            let provider = of_oauth2(Key::Provider).filter(|provider| !provider.trim().is_empty());
            let own = provider.is_none();
            let (token_url, client_id) = if own {
                (of_oauth2(Key::TokenUrl)?, of_oauth2(Key::ClientId)?)
            } else {
                (String::new(), String::new())
            };
            let client_secret = secret(oauth2.get(Key::ClientSecret)).filter(|_| own);
            let (client_secret, client_kept) = client_secret.unzip();
            keep.client_secret = client_kept.unwrap_or_default();
            let expires = of_oauth2(Key::ClientSecretExpires).filter(|day| !day.is_empty() && own);
            let client_secret_expires = match expires {
                Some(day) => Some(document::day(&day)?),
                None => None,
            };
            if let Packed::Object(refresh_token) = oauth2.get(Key::RefreshToken) {
                granted = text_of(refresh_token.get(Key::Granted)).map(Secret::new);
            }
            let grant = match of_oauth2(Key::Grant)?.as_str() {
                "client_credentials" => Grant::ClientCredentials,
                "refresh_token" => {
                    let (refresh_token, kept) = secret(oauth2.get(Key::RefreshToken)).unzip();
                    keep.refresh_token = kept.unwrap_or_default();
                    let brought = granted.as_ref().map(|_| Secret::new(String::new()));
                    Grant::RefreshToken(refresh_token.or(brought)?)
                }
                _ => return None,
            };
            Auth::OAuth2(OAuth2 {
                username: text(Key::Username)?,
                scope: of_oauth2(Key::Scope).filter(|scope| !scope.is_empty() && own),
                provider,
                token_url,
                client_id,
                client_secret,
                client_secret_expires,
                grant,
            })
        }
        _ => return None,
    };
    let filled = |key| text(key).filter(|text| !smtp_rules::trim(text).is_empty());
    let address = |text: &str| normal_address(text, platform);
    let reply_to = match filled(Key::ReplyTo) {
        Some(text) => Some(address(&text)?),
        None => None,
    };
    let mut contacts: Vec<String> = Vec::new();
    if let Packed::Array(mut given) = members.get(Key::Contacts) {
        while let Some(contact) = given.next_value() {
            let contact = address(&text_of(contact)?)?;
            if !contacts.iter().any(|other| other.eq_ignore_ascii_case(&contact)) {
                contacts.push(contact);
            }
        }
    }
    let port = match members.get(Key::Port) {
        Packed::Number(number) => number,
        _ => 25.0,
    };
    let settings = Settings {
        host: normal_host(&text(Key::Host)?, platform)?,
        port: document::port(port)?,
        security: match text(Key::Security).as_deref().unwrap_or("starttls") {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            _ => return None,
        },
        auth,
        sender_address: address(&text(Key::SenderAddress)?)?,
        sender_name: filled(Key::SenderName),
        reply_to,
        ehlo_name: filled(Key::EhloName),
        ca_pem: filled(Key::CaPem),
        routing: document::routing(members.get(Key::Routing))?,
        contacts,
    };
    Some(Draft { settings, keep, granted })
}

/// The secret, and whether it is one to keep; `None` when none is given.
fn secret(value: Packed<'_>) -> Option<(Secret, bool)> {
    let Packed::Object(choice) = value else { return None };
    if matches!(choice.get(Key::Keep), Packed::Bool(true)) {
        return Some((Secret::new(String::new()), true));
    }
    let set = Zeroizing::new(text_of(choice.get(Key::Set)).filter(|text| !text.is_empty())?);
    let spaces = match text_of(choice.get(Key::Spaces)) {
        Some(name) => Spaces::parse(&name)?,
        None => Spaces::Keep,
    };
    Some((Secret::new(String::from_utf8(spaces.apply(set.as_bytes())).ok()?), false))
}

impl Draft {
    /// What the API would show of it; see [`public`].
    pub fn public(&self) -> Value {
        public(&self.settings)
    }

    /// The provider and the ID of what a connection has brought, if the draft uses one.
    pub fn granted(&self) -> Option<(&str, &str)> {
        let Auth::OAuth2(oauth2) = &self.settings.auth else { return None };
        Some((oauth2.provider.as_deref()?, self.granted.as_ref()?.expose()))
    }

    /// Fills in the refresh token that a connection has brought.
    ///
    /// # Errors
    /// A report with the reason why it cannot be used.
    pub fn bring(
        mut self,
        brought: Result<Secret, NotGranted>,
        locale: &str,
    ) -> Result<Self, ValidationReport> {
        match brought {
            Err(problem) => {
                Err(rules::single("oauth2.refreshToken", problem.code(), &rules::in_locale(locale)))
            }
            Ok(token) => {
                self.granted = None;
                if let Auth::OAuth2(oauth2) = &mut self.settings.auth {
                    oauth2.grant = Grant::RefreshToken(token);
                }
                Ok(self)
            }
        }
    }

    /// Fills in the secrets to keep from the stored settings.
    ///
    /// # Errors
    /// A report with the secret's own `….reentry_required` when nothing
    /// is stored, or when the destination is not the one the secret was stored for (docs/reference/settings.md).
    pub fn resolve(self, stored: Option<&Settings>, locale: &str) -> Result<Settings, ValidationReport> {
        let Self { mut settings, keep, granted } = self;
        let refuse = |field, code| Err(rules::single(field, code, &rules::in_locale(locale)));
        if granted.is_some() {
            return refuse("oauth2.refreshToken", NotGranted::Foreign.code());
        }
        let stored = stored
            .filter(|stored| destination(stored).is_same(&destination(&settings)))
            .map(|stored| &stored.auth);
        match &mut settings.auth {
            Auth::Password { password, .. } if keep.password => match stored {
                Some(Auth::Password { password: kept, .. }) => *password = kept.clone(),
                _ => return refuse("password", Code::PasswordReentryRequired),
            },
            Auth::OAuth2(oauth2) => {
                let stored = match stored {
                    Some(Auth::OAuth2(stored)) => Some(stored),
                    _ => None,
                };
                if keep.client_secret {
                    match stored.and_then(|stored| stored.client_secret.clone()) {
                        Some(kept) => oauth2.client_secret = Some(kept),
                        None => return refuse("oauth2.clientSecret", Code::OAuth2ReentryRequired),
                    }
                }
                if keep.refresh_token {
                    match stored.map(|stored| &stored.grant) {
                        Some(Grant::RefreshToken(kept)) => oauth2.grant = Grant::RefreshToken(kept.clone()),
                        _ => return refuse("oauth2.refreshToken", Code::OAuth2ReentryRequired),
                    }
                }
            }
            _ => {}
        }
        Ok(settings)
    }
}

/// The report of settings that name a provider which the operator has not set up.
pub fn unknown_provider(locale: &str) -> ValidationReport {
    rules::single("oauth2.provider", Code::OAuth2ProviderUnknown, &rules::in_locale(locale))
}

/// Where the secrets of the settings go.
fn destination(settings: &Settings) -> Destination<'_> {
    let account = match &settings.auth {
        Auth::None => Account::None,
        Auth::Password { username, .. } => Account::Password { username: username.as_bytes() },
        Auth::OAuth2(OAuth2 { username, provider, token_url, .. }) => Account::OAuth2 {
            username: username.as_bytes(),
            provider: provider.as_deref().unwrap_or_default().as_bytes(),
            // The operator may move it, and with it goes its own secret.
            token_url: if provider.is_none() { token_url.as_bytes() } else { b"" },
        },
    };
    Destination {
        host: settings.host.as_bytes().into(),
        port: settings.port,
        security: match settings.security {
            Security::StartTls => smtp_rules::Security::StartTls,
            Security::Tls => smtp_rules::Security::Tls,
        },
        account,
        ca_pem: settings.ca_pem.as_deref().unwrap_or_default().as_bytes(),
    }
}

/// The form in which Secrets Manager keeps the settings: JSON with the secrets in clear.
pub fn to_document(settings: &Settings) -> Zeroizing<String> {
    // Room for everything at once, so that growing leaves no copies of the secrets behind.
    let room = 64 * 1_024 + settings.ca_pem.as_ref().map_or(0, |pem| 2 * pem.len());
    let mut json = Zeroizing::new(Vec::with_capacity(room));
    let written = serde_json::to_writer(&mut *json, &document::Stored(settings));
    debug_assert!(written.is_ok(), "text and numbers are always JSON");
    let text = std::str::from_utf8(&json).unwrap_or_default();
    Zeroizing::new(text.to_owned())
}

/// Reads the document of [`to_document`], and the platform's secret, which an operator writes by hand as SmtpSettings
/// with `{"set": …}` secrets.
///
/// Of settings that name a provider of the operator's the application is still missing: the server fills it in.
///
/// The operator's limits are not asked again: the document was within them when it was stored, and the dialler checks
/// every address and port anyway.
///
/// # Errors
/// The document is no settings, or a secret is missing; the message names no secret.
pub fn from_document(document: &str, platform: &impl Platform) -> Result<Settings, String> {
    let mut value =
        rules::parse(document.as_bytes()).map_err(|reason| format!("not settings: {reason:?}"))?;
    let port = value.get("port").map(ToString::to_string).unwrap_or_default();
    let options =
        Options { allow_ports: port.as_bytes(), allow_networks: b"0.0.0.0/0,::/0", ..Options::default() };
    let packed = rules::pack(&value);
    wipe(&mut value);
    let report = rules::check(&packed, &options, platform, &|_, _| String::new());
    if !report.valid {
        let errors =
            report.issues.iter().filter(|issue| issue.severity == super::validation::Severity::Error);
        let codes: Vec<&str> = errors.map(|issue| issue.code.as_str()).collect();
        return Err(format!("not usable as settings: {}", codes.join(", ")));
    }
    match draft(&packed, platform) {
        Some(Draft { settings, keep, granted: None }) if keep == Keep::default() => Ok(settings),
        _ => Err("not usable as settings: a secret is missing".to_owned()),
    }
}

/// What the API shows: the settings with `{"isSet": true}` in place of each secret.
pub fn public(settings: &Settings) -> Value {
    let is_set = |set: bool| if set { json!({"isSet": true}) } else { Value::Null };
    let (username, oauth2) = match &settings.auth {
        Auth::None => (None, Value::Null),
        Auth::Password { username, .. } => (Some(username), Value::Null),
        Auth::OAuth2(oauth2) => (
            Some(&oauth2.username),
            json!({
                "grant": document::grant_name(&oauth2.grant),
                "provider": oauth2.provider,
                "tokenUrl": oauth2.provider.is_none().then_some(&oauth2.token_url),
                "clientId": oauth2.provider.is_none().then_some(&oauth2.client_id),
                "clientSecret": is_set(oauth2.client_secret.is_some() && oauth2.provider.is_none()),
                "clientSecretExpires": oauth2.client_secret_expires.map(document::day_name),
                "refreshToken": is_set(matches!(oauth2.grant, Grant::RefreshToken(_))),
                "scope": oauth2.scope.as_ref().filter(|_| oauth2.provider.is_none()),
            }),
        ),
    };
    json!({
        "host": settings.host,
        "port": settings.port,
        "security": document::security_name(settings.security),
        "authMethod": document::auth_method_name(&settings.auth),
        "username": username,
        "password": is_set(matches!(settings.auth, Auth::Password { .. })),
        "oauth2": oauth2,
        "senderAddress": settings.sender_address,
        "senderName": settings.sender_name,
        "replyTo": settings.reply_to,
        "ehloName": settings.ehlo_name,
        "caPem": settings.ca_pem,
        "routing": settings.routing,
        "contacts": document::contacts(settings),
    })
}

/// The fields in which the settings differ, as dotted paths in the order of the reference. Absent settings have no fields. Names
/// alone, never a value.
pub fn changed_fields(before: Option<&Settings>, after: Option<&Settings>) -> Vec<String> {
    let Some(after) = after else { return Vec::new() };
    let mut changed = Vec::new();
    let shown = before.map_or(Value::Null, public);
    differences("", &shown, &public(after), &mut changed);
    // What is shown of a secret is only whether it is set.
    for (field, secret) in secrets(after) {
        let same = before.is_some_and(|before| secrets(before).contains(&(field, secret)));
        if !same && !changed.iter().any(|changed| changed == field) {
            changed.push(field.to_owned());
        }
    }
    changed
}

fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    match after {
        Value::Object(members) if !members.contains_key("isSet") => {
            for (name, after) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differences(&path, &before[name], after, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// The secrets of the settings, each with its field.
fn secrets(settings: &Settings) -> Vec<(&'static str, &Secret)> {
    match &settings.auth {
        Auth::None => Vec::new(),
        Auth::Password { password, .. } => vec![("password", password)],
        Auth::OAuth2(oauth2) => {
            let own = oauth2.client_secret.as_ref().filter(|_| oauth2.provider.is_none());
            let client = own.map(|secret| ("oauth2.clientSecret", secret));
            let refresh = match &oauth2.grant {
                Grant::RefreshToken(secret) => Some(("oauth2.refreshToken", secret)),
                Grant::ClientCredentials => None,
            };
            client.into_iter().chain(refresh).collect()
        }
    }
}

/// The JSON Schema of the settings that the form sends.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(SmtpSettings)
}
