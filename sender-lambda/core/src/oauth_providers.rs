//! The providers of "Connect with…": the operator's applications at Microsoft, Google and any other OpenID Connect provider,
//! as data (docs/reference/environment.md).

use std::collections::BTreeMap;

use jiff::civil::Date;
use ownpost_documents::settings::day;
use ownpost_domain::brand::is_url;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Auth, Settings};
use serde_json::{Map, Value};

/// The most providers of one operator: each is a button of the form.
const MOST: usize = 8;

/// What is known of a provider before the operator says anything.
struct Known {
    id: &'static str,
    name: &'static str,
    host: &'static str,
    authorize_url: &'static str,
    token_url: &'static str,
    scope: &'static str,
    /// More parameters of the authorisation request.
    extra: &'static [(&'static str, &'static str)],
    /// Whether a refresh request names the scope too.
    refresh_with_scope: bool,
}

/// Microsoft: <https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth>.
/// Google: <https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>.
const KNOWN: &[Known] = &[
    Known {
        id: "microsoft",
        name: "Microsoft",
        host: "smtp.office365.com",
        authorize_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        scope: "https://outlook.office.com/SMTP.Send offline_access openid email",
        // A consent that an administrator gave for everybody is not asked for again.
        extra: &[("prompt", "select_account")],
        refresh_with_scope: true,
    },
    Known {
        id: "google",
        name: "Google",
        host: "smtp.gmail.com",
        authorize_url: "https://accounts.google.com/o/oauth2/v2/auth",
        token_url: "https://oauth2.googleapis.com/token",
        scope: "https://mail.google.com/ openid email",
        // Google gives a refresh token only for a new consent.
        extra: &[("access_type", "offline"), ("prompt", "consent")],
        refresh_with_scope: false,
    },
];

/// The operator's providers, by their ids. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthProviders(BTreeMap<String, OAuthProvider>);

/// The operator's application at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthProvider {
    /// The name on the button.
    pub name: String,
    /// The provider's SMTP server, where it is known.
    pub host: Option<String>,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// The day on which the secret ends (UTC), where the operator names it.
    pub client_secret_expires: Option<Date>,
    /// The authorisation endpoint (RFC 6749 §3.1).
    pub authorize_url: String,
    /// The token endpoint (RFC 6749 §3.2).
    pub token_url: String,
    /// The scope that is asked for.
    pub scope: String,
    /// More parameters of the authorisation request.
    pub extra: &'static [(&'static str, &'static str)],
    /// The scope of a refresh request; `None` for the one that was granted (RFC 6749 §6).
    pub refresh_scope: Option<String>,
}

/// Settings that name a provider which the operator has not set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("OWNPOST_OAUTH_PROVIDERS has no provider `{0}`")]
pub struct UnknownProvider(pub String);

impl OAuthProviders {
    /// Reads the JSON of `OWNPOST_OAUTH_PROVIDERS`.
    ///
    /// # Errors
    /// The member that cannot be used, and what it takes; never a value, which may be a secret.
    pub fn parse(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| format!("is no JSON (line {}, column {})", error.line(), error.column()))?;
        let Value::Object(rows) = value else { return Err("is no JSON object of providers".to_owned()) };
        if rows.len() > MOST {
            return Err(format!("has {} providers; at most {MOST} can be buttons of the form", rows.len()));
        }
        let mut providers = BTreeMap::new();
        for (id, row) in rows {
            let provider = provider(&id, row).map_err(|problem| format!("`{id}`: {problem}"))?;
            providers.insert(id, provider);
        }
        Ok(Self(providers))
    }

    /// The provider of this id.
    pub fn get(&self, id: &str) -> Option<&OAuthProvider> {
        self.0.get(id)
    }

    /// All, with their ids, those that are known everywhere in front.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OAuthProvider)> {
        let known = KNOWN.iter().filter_map(|known| self.0.get_key_value(known.id));
        let others = self.0.iter().filter(|(id, _)| KNOWN.iter().all(|known| known.id != id.as_str()));
        known.chain(others).map(|(id, provider)| (id.as_str(), provider))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fills the operator's application into settings that were connected with a provider, so that what the operator
    /// changes there holds for every tenant at once. Other settings stay as they are.
    ///
    /// # Errors
    /// The operator has no such provider.
    pub fn complete(&self, settings: &mut Settings) -> Result<(), UnknownProvider> {
        let Auth::OAuth2(oauth2) = &mut settings.auth else { return Ok(()) };
        let Some(id) = &oauth2.provider else { return Ok(()) };
        let provider = self.get(id).ok_or_else(|| UnknownProvider(id.clone()))?;
        oauth2.token_url.clone_from(&provider.token_url);
        oauth2.client_id.clone_from(&provider.client_id);
        oauth2.client_secret = Some(provider.client_secret.clone());
        oauth2.scope.clone_from(&provider.refresh_scope);
        Ok(())
    }
}

fn provider(id: &str, row: Value) -> Result<OAuthProvider, String> {
    const MEMBERS: [&str; 8] = [
        "clientId",
        "clientSecret",
        "clientSecretExpires",
        "authorizeUrl",
        "tokenUrl",
        "scope",
        "name",
        "host",
    ];
    let simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&id.len()) || !id.bytes().all(simple) {
        return Err("a provider's id has 1 to 32 lower-case letters, digits and hyphens".to_owned());
    }
    let Value::Object(mut row) = row else {
        return Err("is no object with `clientId` and `clientSecret`".to_owned());
    };
    if let Some(unknown) = row.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(format!("`{unknown}` is no member; there are {}", MEMBERS.join(", ")));
    }
    let known = KNOWN.iter().find(|known| known.id == id);
    let mut text = |member: &str, default: Option<&str>| {
        taken(&mut row, member)?
            .or_else(|| default.map(str::to_owned))
            .ok_or_else(|| format!("`{member}` is missing"))
    };
    let client_id = text("clientId", None)?;
    let client_secret = Secret::new(text("clientSecret", None)?);
    let expires = text("clientSecretExpires", Some(""))?;
    let authorize_url = text("authorizeUrl", known.map(|known| known.authorize_url))?;
    let token_url = text("tokenUrl", known.map(|known| known.token_url))?;
    let own_scope = text("scope", Some(""))?;
    let name = text("name", Some(known.map_or(id, |known| known.name)))?;
    let host = text("host", Some(known.map_or("", |known| known.host)))?;
    let client_secret_expires = day(&expires);
    if client_secret_expires.is_none() && !expires.is_empty() {
        return Err("`clientSecretExpires` is no day as 2027-01-31".to_owned());
    }
    for (member, url) in [("authorizeUrl", &authorize_url), ("tokenUrl", &token_url)] {
        let authority = url.get(8..).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        if !is_url(url, &["https://"]) || url.contains('#') || authority.contains('@') {
            return Err(format!("`{member}` is no address that begins with https://"));
        }
    }
    if name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err("`name` has at most 40 characters, without control characters".to_owned());
    }
    let scope = match (own_scope.as_str(), known) {
        ("", None) => return Err("`scope` is missing".to_owned()),
        ("", Some(known)) => known.scope.to_owned(),
        _ => own_scope,
    };
    // What OpenID Connect asks for before it gives a refresh token (OpenID Connect Core §11).
    let extra = known.map_or(&[("prompt", "consent")][..], |known| known.extra);
    let refresh_scope = known.is_some_and(|known| known.refresh_with_scope).then(|| scope.clone());
    let host = (!host.is_empty()).then_some(host);
    Ok(OAuthProvider {
        name,
        host,
        client_id,
        client_secret,
        client_secret_expires,
        authorize_url,
        token_url,
        scope,
        extra,
        refresh_scope,
    })
}

/// Takes a member out of the row; an empty one counts as absent.
fn taken(row: &mut Map<String, Value>, member: &str) -> Result<Option<String>, String> {
    match row.shift_remove(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() > 2048 || text.contains(['\0', '\r', '\n']) => {
            Err(format!("`{member}` is longer than 2048 octets, or has a line break"))
        }
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{member}` is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ownpost_domain::settings::{Grant, OAuth2};

    #[test]
    fn known_providers_need_the_application_alone() {
        let json = r#"{"acme-id": {"clientId": "a", "clientSecret": "s", "authorizeUrl": "https://id.acme.test/auth",
            "tokenUrl": "https://id.acme.test/token", "scope": "smtp offline_access", "name": "Acme"},
            "microsoft": {"clientId": "m", "clientSecret": "ms"},
            "google": {"clientId": "g", "clientSecret": "gs", "scope": "https://mail.google.com/"}}"#;
        let providers = OAuthProviders::parse(json).unwrap();
        let names: Vec<_> = providers.iter().map(|(id, provider)| (id, provider.name.as_str())).collect();
        assert_eq!(names, [("microsoft", "Microsoft"), ("google", "Google"), ("acme-id", "Acme")]);
        let microsoft = providers.get("microsoft").unwrap();
        assert!(microsoft.token_url.starts_with("https://login.microsoftonline.com/"));
        assert!(microsoft.scope.contains("SMTP.Send") && microsoft.scope.contains("offline_access"));
        assert_eq!(providers.get("google").unwrap().scope, "https://mail.google.com/");
        assert_eq!(providers.get("acme-id").unwrap().refresh_scope, None);
        assert!(!format!("{providers:?}").contains("ms\""), "no secret is shown");
    }

    #[test]
    fn a_row_that_cannot_be_used_is_named_without_its_secret() {
        let base = r#""clientId": "a", "clientSecret": "hunter2""#;
        for (json, problem) in [
            ("hunter2", "is no JSON (line 1, column 1)"),
            ("[\"hunter2\"]", "is no JSON object of providers"),
            (r#"{"microsoft": "hunter2"}"#, "`microsoft`: is no object"),
            (r#"{"Microsoft": {}}"#, "`Microsoft`: a provider's id has"),
            (r#"{"microsoft": {"clientSecret": "hunter2"}}"#, "`microsoft`: `clientId` is missing"),
            (r#"{"microsoft": {"clientId": "a", "clientSecret": " "}}"#, "`clientSecret` is missing"),
            (r#"{"microsoft": {"clientId": "a", "clientSecret": ["hunter2"]}}"#, "`clientSecret` is no text"),
            (&format!(r#"{{"google": {{{base}, "secret": "x"}}}}"#), "`google`: `secret` is no member"),
            (
                &format!(r#"{{"google": {{{base}, "clientSecretExpires": "31.1.2027"}}}}"#),
                "`clientSecretExpires` is no day as 2027-01-31",
            ),
            (
                &format!(r#"{{"google": {{{base}, "clientSecretExpires": "2027-02-30"}}}}"#),
                "`clientSecretExpires` is no day as 2027-01-31",
            ),
            (&format!(r#"{{"acme": {{{base}}}}}"#), "`acme`: `authorizeUrl` is missing"),
            (
                &format!(r#"{{"google": {{{base}, "tokenUrl": "http://x.test/"}}}}"#),
                "`tokenUrl` is no address",
            ),
            (
                &format!(r#"{{"google": {{{base}, "tokenUrl": "https://u@x.test/"}}}}"#),
                "`tokenUrl` is no address",
            ),
            (
                &format!(
                    r#"{{"acme": {{{base}, "authorizeUrl": "https://a.test", "tokenUrl": "https://a.test"}}}}"#
                ),
                "`scope` is missing",
            ),
        ] {
            let error = OAuthProviders::parse(json).unwrap_err();
            assert!(error.contains(problem), "{json}: {error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_operators_application_is_filled_in_and_nothing_else() {
        let providers =
            OAuthProviders::parse(r#"{"google": {"clientId": "g", "clientSecret": "gs"}}"#).unwrap();
        let mut settings = crate::testing::world::settings(
            "smtp.gmail.com",
            ownpost_domain::category::Via::Relay,
            ownpost_domain::category::OnFailure::Hold,
        );
        let before = settings.clone();
        assert_eq!(providers.complete(&mut settings), Ok(()));
        assert_eq!(settings, before, "signed in by password");
        let connected = |provider: &str| OAuth2 {
            username: "jan@gmail.com".into(),
            provider: Some(provider.into()),
            token_url: String::new(),
            client_id: String::new(),
            client_secret: None,
            client_secret_expires: None,
            grant: Grant::RefreshToken(Secret::new("r".into())),
            scope: None,
        };
        settings.auth = Auth::OAuth2(connected("google"));
        providers.complete(&mut settings).unwrap();
        let Auth::OAuth2(oauth2) = &settings.auth else { panic!() };
        assert_eq!((oauth2.client_id.as_str(), oauth2.token_url.as_str()), ("g", KNOWN[1].token_url));
        settings.auth = Auth::OAuth2(connected("gone"));
        assert_eq!(providers.complete(&mut settings), Err(UnknownProvider("gone".into())));
    }
}
