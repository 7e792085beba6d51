//! The token endpoints of Google and Microsoft: which settings cannot work with them, and names close to theirs.

use alloc::vec::Vec;

use crate::catalogue::{Code, Param};
use crate::name;
use crate::packed::{Key, Object, Value};
use crate::platform::Platform;
use crate::rules::Rules;
use crate::text::{
    HEX, OF_NAMES, all, class, find, joined, lower, rsplit_once, split, split_once, split_text, trim_bytes,
    trim_visible, word,
};
use crate::typo;

/// The hosts of the endpoints: first Microsoft's, of the world, of the US government and of China; then Google's.
const HOSTS: [&[u8]; 6] = [
    b"login.microsoftonline.com",
    b"login.microsoftonline.us",
    b"login.partner.microsoftonline.cn",
    b"oauth2.googleapis.com",
    b"accounts.google.com",
    b"www.googleapis.com",
];

/// For each of Microsoft's hosts, the host whose scopes open the way to SMTP.
const RESOURCES: [&[u8]; 3] = [b"outlook.office365.com", b"outlook.office365.us", b"partner.outlook.cn"];

/// The number of the first of Google's hosts.
const GOOGLE: usize = RESOURCES.len();

/// The URL needs no correction.
const NOTHING: (Code, [&[u8]; 4]) = (Code::OAuth2NotTokenEndpoint, [b""; 4]);

pub(crate) const TOKEN_URL: &[Key] = &[Key::OAuth2, Key::TokenUrl];
/// The path behind Microsoft's tenant.
const TOKEN: &[u8] = b"/oauth2/v2.0/token";

const SCOPE: &[Key] = &[Key::OAuth2, Key::Scope];

/// A token endpoint, taken apart.
pub(crate) struct Endpoint<'a> {
    /// The scheme, the host and the slash behind it.
    start: &'a [u8],
    path: &'a [u8],
    /// Its number in [`HOSTS`], and whether the host is that one and not only close to it.
    known: Option<(usize, bool)>,
}

impl<'a> Endpoint<'a> {
    pub(crate) fn of(url: &'a [u8]) -> Self {
        let rest = split_text(url, b"://").map_or(&b""[..], |(_, rest)| rest);
        let (authority, path) = split_once(rest, b'/').unwrap_or((rest, b""));
        let host = lower(authority.strip_suffix(b":443").unwrap_or(authority));
        let nearest = |edits| HOSTS.iter().position(|known| typo::is_within(&host, known, edits));
        let known =
            nearest(0).map(|number| (number, true)).or_else(|| nearest(2).map(|number| (number, false)));
        Self { start: url.get(..url.len() - path.len()).unwrap_or_default(), path, known }
    }

    /// The number of the known endpoint that it is.
    fn number(&self) -> Option<usize> {
        self.known.filter(|(_, is_same)| *is_same).map(|(number, _)| number)
    }

    /// The path without a query and a final slash, in lower case.
    fn plain_path(&self) -> Vec<u8> {
        let path = split_once(self.path, b'?').map_or(self.path, |(path, _)| path);
        lower(path.strip_suffix(b"/").unwrap_or(path))
    }

    /// Microsoft's tenant, and the path behind it.
    fn tenant(&self) -> (&'a [u8], &'a [u8]) {
        self.path.split_at_checked(find(self.path, b'/').unwrap_or(self.path.len())).unwrap_or_default()
    }
}

impl<S: Platform> Rules<'_, S> {
    /// Looks for a grant that the endpoint has not for this mailbox.
    pub(crate) fn endpoint_and_grant(&mut self, endpoint: &Endpoint<'_>, object: Object<'_>) {
        let provider: &[u8] = match endpoint.number() {
            Some(GOOGLE..) => b"Google",
            // A personal account is in no tenant.
            Some(_) if let Some(home) = self.personal() => home,
            _ => return,
        };
        self.report.add_at(Code::OAuth2GrantUnsupported, &[Key::OAuth2, Key::Grant]);
        self.report.param(Param::Provider, provider);
        if let Value::Object(token) = object.get(Key::RefreshToken)
            && (matches!(token.get(Key::Set), Value::Text(text) if !trim_visible(text).is_empty())
                || matches!(token.get(Key::Keep), Value::Bool(true)))
        {
            self.report.set(&[], b"refresh_token");
        }
    }

    /// The domain of the mailbox.
    fn mailbox_domain(&self) -> &[u8] {
        let Value::Text(username) = self.field(Key::Username) else { return b"" };
        rsplit_once(trim_bytes(username), b'@').map_or(b"", |(_, domain)| domain)
    }

    /// The name of the mailbox's provider, when it has personal accounts alone.
    fn personal(&self) -> Option<&'static [u8]> {
        let home = self.platform.directory().by_domain(&lower(self.mailbox_domain()))?;
        home.own_domains_only().then_some(home.name)
    }

    /// Looks for what cannot work about the URL itself.
    pub(crate) fn endpoint_url(&mut self, endpoint: &Endpoint<'_>, is_application: bool) {
        let path = endpoint.plain_path();
        let (tenant, after) = endpoint.tenant();
        let (code, better): (Code, [&[u8]; 4]) = match endpoint.known {
            Some((number, false)) => {
                let known = HOSTS.get(number).copied().unwrap_or_default();
                (Code::OAuth2Typo, [b"https://", known, b"/", endpoint.path])
            }
            // Where people sign in, by the convention of many servers.
            None => {
                let start = path.strip_suffix(b"/authorize").or_else(|| path.strip_suffix(b"/auth"));
                let start = start.and_then(|start| endpoint.path.get(..start.len())).unwrap_or_default();
                if split_text(start, b"oauth2").or_else(|| split_text(start, b"openid-connect")).is_none() {
                    return;
                }
                (Code::OAuth2NotTokenEndpoint, [endpoint.start, start, b"/token", b""])
            }
            Some((GOOGLE.., _)) if path.ends_with(b"token") => NOTHING,
            Some((GOOGLE.., _)) => {
                (Code::OAuth2NotTokenEndpoint, [b"https://oauth2.googleapis.com/token", b"", b"", b""])
            }
            Some(_) => {
                let is_token = path.ends_with(TOKEN) || path.ends_with(b"/oauth2/token");
                let is_shared = word(&lower(tenant), b"common organizations consumers").is_some();
                if if is_shared { is_application && self.personal().is_none() } else { !is_tenant(tenant) } {
                    // A mailbox is in the tenant that its domain belongs to, and that has the name of each of its domains.
                    let domain = self.mailbox_domain();
                    let is_own = name::is_ascii(domain)
                        && find(domain, b'.').is_some()
                        && self.ascii_name(domain).is_ok()
                        && self.platform.directory().by_domain(&lower(domain)).is_none();
                    let after = if is_token { after } else { TOKEN };
                    (
                        Code::OAuth2TenantNeeded,
                        if is_own { [endpoint.start, domain, after, b""] } else { NOTHING.1 },
                    )
                } else if is_token {
                    NOTHING
                } else {
                    (Code::OAuth2NotTokenEndpoint, [endpoint.start, tenant, TOKEN, b""])
                }
            }
        };
        let better = joined(&better);
        if code == Code::OAuth2TenantNeeded {
            self.report.add_at(code, TOKEN_URL);
            self.report.param(Param::Label, tenant);
            if !better.is_empty() {
                self.report.set(&[], &better);
            }
        } else if !better.is_empty() {
            self.report.suggest_at(code, TOKEN_URL, &better);
        }
        if let Some(number) = endpoint.number()
            && let Some(provider) = self.provider()
            && !(if number < GOOGLE {
                provider.password_ending()
            } else {
                provider.host.ends_with(b"gmail.com")
            })
        {
            self.report.add_at(Code::OAuth2ProviderMismatch, TOKEN_URL);
            self.report.param(Param::Provider, provider.name);
        }
    }

    /// Looks for a scope that does not open the way to SMTP.
    pub(crate) fn endpoint_scope(&mut self, endpoint: &Endpoint<'_>, is_application: bool, scope: Value<'_>) {
        let (Value::Text(scope), Some(number)) = (scope, endpoint.number()) else { return };
        let scope = lower(trim_visible(scope));
        let (what, end): (&[u8], &[u8]) = match number {
            // That an application cannot is said of the grant.
            GOOGLE.. if is_application => return,
            GOOGLE.. => (b"mail.google.com", b"/"),
            _ if is_application => (b"outlook", b"/.default"),
            _ => (b"outlook", b"/SMTP.Send offline_access"),
        };
        let fits = |part: &[u8]| {
            split_text(part, what).is_some()
                && (part.ends_with(b"/.default") || part.ends_with(b"/smtp.send") || part.ends_with(b".com/"))
                && !(is_application && part.ends_with(b"send"))
        };
        if !scope.is_empty() && !split(&scope, b' ').any(fits) {
            let host = RESOURCES.get(number).copied().unwrap_or(what);
            let better = joined(&[b"https://", host, end]);
            self.report.suggest_at(Code::OAuth2ScopeUnsupported, SCOPE, &better);
        }
    }
}

/// Whether Microsoft can have a tenant of this name: one of its domains, or its ID.
fn is_tenant(tenant: &[u8]) -> bool {
    let is_of_id = |byte: &u8| class(*byte) & HEX != 0 || *byte == b'-';
    (find(tenant, b'.').is_some() && all(tenant, OF_NAMES))
        || (tenant.len() == 36 && tenant.iter().all(is_of_id))
}
