//! The token endpoints of Microsoft and Google: which settings cannot work with them.

use crate::catalogue::{Code, Param};
use crate::name;
use crate::packed::{Key, Object, Value};
use crate::platform::Platform;
use crate::rules::Rules;
use crate::text::{
    OF_NAMES, all, find, joined, lower, rsplit_once, split_once, split_text, trim_bytes, trim_visible, word,
};

pub(crate) const TOKEN_URL: &[Key] = &[Key::OAuth2, Key::TokenUrl];

/// Whose token endpoint it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Microsoft,
    Google,
    Other,
}

/// A token endpoint, taken apart.
pub(crate) struct Endpoint<'a> {
    /// The scheme, the host and the slash behind it.
    start: &'a [u8],
    path: &'a [u8],
    owner: Owner,
}

impl<'a> Endpoint<'a> {
    pub(crate) fn of(url: &'a [u8]) -> Self {
        let rest = split_text(url, b"://").map_or(&b""[..], |(_, rest)| rest);
        let (host, path) = split_once(rest, b'/').unwrap_or((rest, b""));
        let host = lower(host);
        let owner = if host.ends_with(b".googleapis.com") || *host == *b"accounts.google.com" {
            Owner::Google
        } else if *host == *b"login.microsoftonline.com" {
            Owner::Microsoft
        } else {
            Owner::Other
        };
        Self { start: url.get(..url.len() - path.len()).unwrap_or_default(), path, owner }
    }
}

impl<S: Platform> Rules<'_, S> {
    /// Looks for a grant that the endpoint has not for a mailbox.
    pub(crate) fn endpoint_and_grant(&mut self, endpoint: &Endpoint<'_>, object: Object<'_>) {
        if endpoint.owner == Owner::Google {
            self.report.add_at(Code::OAuth2GrantUnsupported, &[Key::OAuth2, Key::Grant]);
            self.report.param(Param::Provider, b"Google");
            if let Value::Object(token) = object.get(Key::RefreshToken)
                && (matches!(token.get(Key::Set), Value::Text(text) if !trim_visible(text).is_empty())
                    || matches!(token.get(Key::Keep), Value::Bool(true)))
            {
                self.report.set(&[], b"refresh_token");
            }
        }
    }

    /// Looks for what cannot work about the URL itself: the address where people sign in, and Microsoft's tenants.
    pub(crate) fn endpoint_url(&mut self, endpoint: &Endpoint<'_>, is_application: bool) {
        let &Endpoint { start, path, owner } = endpoint;
        let lowered = lower(path);
        let stem = lowered.strip_suffix(b"/authorize").or_else(|| lowered.strip_suffix(b"/auth"));
        if let Some(stem) = stem.and_then(|stem| path.get(..stem.len()))
            && (split_text(stem, b"oauth2").is_some() || split_text(stem, b"openid-connect").is_some())
        {
            let better = if owner == Owner::Google {
                b"https://oauth2.googleapis.com/token".to_vec()
            } else {
                joined(&[start, stem, b"/token"])
            };
            return self.report.suggest_at(Code::OAuth2NotTokenEndpoint, TOKEN_URL, &better);
        }
        if owner != Owner::Microsoft {
            return;
        }
        let end = find(path, b'/').unwrap_or(path.len());
        let (tenant, after) = path.split_at_checked(end).unwrap_or_default();
        let is_shared = word(&lower(tenant), b"common organizations consumers").is_some();
        // A tenant is named by one of its domains or by its ID.
        let is_tenant = all(tenant, OF_NAMES) && (tenant.len() == 36 || find(tenant, b'.').is_some());
        if if is_shared { !is_application } else { is_tenant } {
            return;
        }
        self.report.add_at(Code::OAuth2TenantNeeded, TOKEN_URL);
        self.report.param(Param::Label, tenant);
        // A mailbox is in the tenant that its domain belongs to; a well-known mail domain is no tenant's.
        if after.starts_with(b"/oauth2/")
            && let Value::Text(username) = self.field(Key::Username)
            && let Some((_, domain)) = rsplit_once(trim_bytes(username), b'@')
            && name::is_ascii(domain)
            && find(domain, b'.').is_some()
            && self.ascii_name(domain).is_ok()
            && self.platform.directory().by_domain(&lower(domain)).is_none()
        {
            self.report.set(&[], &joined(&[start, domain, after]));
        }
    }

    /// Looks for a scope of Microsoft's that gives an application no access to SMTP: of users, or of Graph.
    pub(crate) fn endpoint_scope(&mut self, endpoint: &Endpoint<'_>, scope: Value<'_>) {
        let Value::Text(scope) = scope else { return };
        let scope = trim_visible(scope);
        if endpoint.owner == Owner::Microsoft
            && !scope.is_empty()
            && (!scope.ends_with(b"/.default") || split_text(scope, b"outlook").is_none())
        {
            let better = b"https://outlook.office365.com/.default";
            self.report.suggest_at(Code::OAuth2ScopeUnsupported, &[Key::OAuth2, Key::Scope], better);
        }
    }
}
