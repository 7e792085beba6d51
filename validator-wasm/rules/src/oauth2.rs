//! The OAuth 2 client: the grant, what it needs, and where its tokens come from.

use crate::address::{Ip, known_name, legacy_v4};
use crate::catalogue::{Code, Param};
use crate::day::day;
use crate::endpoint::{Endpoint, TOKEN_URL};
use crate::name::{self, NameError};
use crate::packed::{Key, Object, Value};
use crate::platform::Platform;
use crate::rules::{CleanCodes, Method, Rules};
use crate::secret::{Codes, Spaces};
use crate::text::{
    find, has_control, has_line_break, joined, plain_hyphens, split_once, trim_visible, visible,
    whole_number, word,
};

const SECRET: Codes = Codes {
    required: Code::OAuth2Required,
    wrong_type: Code::OAuth2WrongType,
    unknown_key: Code::OAuth2UnknownKey,
    is_set: Code::OAuth2IsSet,
    ambiguous: Code::OAuth2Ambiguous,
    line_break: Code::OAuth2ControlCharacters,
    too_long: Code::OAuth2TooLong,
    looks_masked: Code::OAuth2LooksMasked,
    whitespace: Code::OAuth2Whitespace,
    invisible: Code::OAuth2InvisibleCharacters,
    replacement: Code::OAuth2ReplacementCharacter,
};

const PLAIN: CleanCodes = CleanCodes {
    control: Code::OAuth2ControlCharacters,
    whitespace: Code::OAuth2Whitespace,
    invisible: Some(Code::OAuth2InvisibleCharacters),
    replacement: Code::OAuth2ReplacementCharacter,
};

/// The longest URL, client id and scope, in octets: longer than any provider's.
const MAX_TEXT: usize = 2_048;

/// How tokens are asked for (RFC 6749).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    /// With a refresh token (§6).
    RefreshToken,
    /// With the client's own credentials (§4.4).
    ClientCredentials,
}

/// The refresh token's object and its member `granted`, where it has one.
fn granted_id(refresh_token: Value<'_>) -> Option<(Object<'_>, Value<'_>)> {
    let Value::Object(secret) = refresh_token else { return None };
    match secret.get(Key::Granted) {
        Value::Null => None,
        id => Some((secret, id)),
    }
}

const EXPIRES: &[Key] = &[Key::OAuth2, Key::ClientSecretExpires];

impl<S: Platform> Rules<'_, S> {
    pub(crate) fn oauth2(&mut self) {
        let needed = self.method() == Method::OAuth2;
        match self.field(Key::OAuth2) {
            Value::Null if needed => self.report.add(Code::OAuth2Required),
            Value::Null => {}
            Value::Object(object) if needed => self.oauth2_members(object),
            Value::Object(_) => self.oauth2_unused(&[]),
            _ => self.report.add(Code::OAuth2WrongType),
        }
    }

    fn oauth2_unused(&mut self, path: &[Key]) {
        self.report.add_at(Code::OAuth2Unused, path);
        self.report.remove(&[]);
    }

    fn oauth2_members(&mut self, object: Object<'_>) {
        const MEMBERS: [Key; 8] = [
            Key::Grant,
            Key::Provider,
            Key::TokenUrl,
            Key::ClientId,
            Key::ClientSecret,
            Key::ClientSecretExpires,
            Key::RefreshToken,
            Key::Scope,
        ];
        if self.connected(object) {
            return self
                .unknown(Code::OAuth2UnknownKey, &[Key::OAuth2], object, |key| MEMBERS.contains(&key));
        }
        let grant = self.grant(object.get(Key::Grant));
        let is_application = grant == Some(Grant::ClientCredentials);
        let url = match object.get(Key::TokenUrl) {
            Value::Text(url) => trim_visible(url),
            _ => b"",
        };
        let endpoint = Endpoint::of(url);
        if is_application {
            self.endpoint_and_grant(&endpoint, object);
        }
        self.token_url(object.get(Key::TokenUrl));
        self.endpoint_url(&endpoint, is_application);
        self.plain_text(Key::ClientId, object, true);
        self.oauth2_secret(Key::ClientSecret, object, is_application);
        let expires = self.text_at(object.get(Key::ClientSecretExpires), Code::OAuth2WrongType, EXPIRES);
        if expires.is_some_and(|text| !text.is_empty() && day(text).is_none()) {
            self.report.add_at(Code::OAuth2DateInvalid, EXPIRES);
        }
        if is_application && !matches!(object.get(Key::RefreshToken), Value::Null) {
            self.oauth2_unused(&[Key::OAuth2, Key::RefreshToken]);
        }
        self.oauth2_secret(Key::RefreshToken, object, grant == Some(Grant::RefreshToken));
        self.plain_text(Key::Scope, object, is_application);
        if is_application {
            self.endpoint_scope(&endpoint, object.get(Key::Scope));
        }
        self.unknown(Code::OAuth2UnknownKey, &[Key::OAuth2], object, |key| MEMBERS.contains(&key));
    }

    /// Checks the members of an account that was connected with a provider of the operator's; `false` when no provider is
    /// named. Client and token endpoint are the operator's then.
    fn connected(&mut self, object: Object<'_>) -> bool {
        const OTHERS: [Key; 6] = [
            Key::TokenUrl,
            Key::ClientId,
            Key::ClientSecret,
            Key::ClientSecretExpires,
            Key::RefreshToken,
            Key::Scope,
        ];
        let refresh_token = object.get(Key::RefreshToken);
        let named = match object.get(Key::Provider) {
            Value::Null => false,
            Value::Text(name) => !trim_visible(name).is_empty(),
            _ => true,
        };
        if !named && granted_id(refresh_token).is_none() {
            return false;
        }
        if self.grant(object.get(Key::Grant)) == Some(Grant::ClientCredentials) {
            self.report.add_at(Code::OAuth2GrantInvalid, &[Key::OAuth2, Key::Grant]);
            self.report.set(&[], b"refresh_token");
        }
        self.plain_text(Key::Provider, object, true);
        for key in OTHERS {
            if key == Key::RefreshToken {
                match granted_id(refresh_token) {
                    Some((secret, id)) => self.granted(secret, id),
                    None => self.oauth2_secret(key, object, true),
                }
            } else if !matches!(object.get(key), Value::Null) {
                self.oauth2_unused(&[Key::OAuth2, key]);
            }
        }
        true
    }

    /// Checks what a connection has brought: `{"granted": id}` in place of a refresh token.
    fn granted(&mut self, secret: Object<'_>, id: Value<'_>) {
        const PATH: &[Key] = &[Key::OAuth2, Key::RefreshToken];
        match id {
            Value::Text(id) if trim_visible(id).is_empty() => self.report.add_at(Code::OAuth2Required, PATH),
            Value::Text(id) if id.len() > MAX_TEXT => self.too_long(Code::OAuth2TooLong, PATH, MAX_TEXT),
            Value::Text(_) => {}
            _ => self.report.add_at(Code::OAuth2WrongType, PATH),
        }
        if [Key::Set, Key::Keep].iter().any(|key| !matches!(secret.get(*key), Value::Null)) {
            self.report.add_at(Code::OAuth2Ambiguous, PATH);
        }
        self.unknown(Code::OAuth2UnknownKey, PATH, secret, |key| {
            matches!(key, Key::Granted | Key::Set | Key::Keep)
        });
    }

    /// Reads the grant; a value that is none is reported.
    fn grant(&mut self, value: Value<'_>) -> Option<Grant> {
        let code = match value {
            Value::Text(text) => match word(text, b"refresh_token client_credentials") {
                Some(0) => return Some(Grant::RefreshToken),
                Some(_) => return Some(Grant::ClientCredentials),
                None => Code::OAuth2GrantInvalid,
            },
            Value::Null => Code::OAuth2Required,
            _ => Code::OAuth2WrongType,
        };
        self.report.add_at(code, &[Key::OAuth2, Key::Grant]);
        None
    }

    fn oauth2_secret(&mut self, key: Key, object: Object<'_>, needed: bool) {
        let path = &[Key::OAuth2, key];
        if let Some((text, spaces)) = self.secret(&SECRET, path, object.get(key), needed) {
            let trimmed = trim_visible(text);
            let inner = if spaces == Spaces::Keep { text } else { trimmed };
            if has_control(inner) && !has_line_break(inner) {
                self.report.add_at(Code::OAuth2ControlCharacters, path);
                if spaces == Spaces::Keep && !has_control(trimmed) {
                    self.report.set_spaces(path, b"trim");
                }
            }
        }
    }

    fn plain_text(&mut self, key: Key, object: Object<'_>, needed: bool) {
        let path = &[Key::OAuth2, key];
        let Some(text) = self.text_at(object.get(key), Code::OAuth2WrongType, path) else { return };
        if trim_visible(text).is_empty() {
            if needed || !text.is_empty() {
                self.report.add_at(Code::OAuth2Required, path);
            }
            return;
        }
        self.clean(&PLAIN, path, text);
        if text.len() > MAX_TEXT {
            self.too_long(Code::OAuth2TooLong, path, MAX_TEXT);
        }
    }

    fn token_url(&mut self, value: Value<'_>) {
        let Some(text) = self.text_at(value, Code::OAuth2WrongType, TOKEN_URL) else { return };
        let url = trim_visible(text);
        if url.is_empty() {
            return self.report.add_at(Code::OAuth2Required, TOKEN_URL);
        }
        if url.len() > MAX_TEXT {
            return self.too_long(Code::OAuth2TooLong, TOKEN_URL, MAX_TEXT);
        }
        if has_control(url) {
            return self.report.add_at(Code::OAuth2ControlCharacters, TOKEN_URL);
        }
        // What is hidden in a URL, and what a typesetter made of its hyphens, goes with the white space around it.
        let plain = if name::is_ascii(url) { None } else { Some(plain_hyphens(&visible(url))) };
        let url = plain.as_deref().unwrap_or(url);
        let after = |scheme: &[u8]| {
            let (start, rest) = url.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let plain = after(b"http://");
        let rest = plain.or_else(|| after(b"https://"));
        let found = rest.ok_or(Code::OAuth2TokenUrlInvalid).and_then(|rest| self.url_address(rest));
        if let Some(rest) = plain {
            self.report.add_at(Code::OAuth2TokenUrlNotHttps, TOKEN_URL);
            self.report.set(&[], &joined(&[b"https://", rest]));
        } else if url.len() != text.len() && found != Err(Code::OAuth2TokenUrlInvalid) {
            // Where what is left is invalid as well, one issue says so, and taking the white space away cures nothing.
            self.report.add_at(Code::OAuth2TokenUrlInvalid, TOKEN_URL);
            self.report.set(&[], url);
        }
        match found {
            Ok((host, true)) => {
                self.report.add_at(Code::OAuth2ForbiddenAddress, TOKEN_URL);
                self.report.param(Param::Address, host);
            }
            Ok(_) => {}
            Err(code) => {
                self.report.add_at(code, TOKEN_URL);
                // `login.example.org/token` without its scheme.
                if rest.is_none()
                    && let Ok((host, false)) = self.url_address(url)
                    && find(host, b'.').is_some()
                {
                    self.report.set(&[], &joined(&[b"https://", url]));
                }
            }
        }
    }

    /// Host, port and path; no user, no fragment, nothing that would have to be escaped. The host, and whether it is
    /// an address that may not be dialled or leads to one.
    fn url_address<'t>(&self, rest: &'t [u8]) -> Result<(&'t [u8], bool), Code> {
        const INVALID: Code = Code::OAuth2TokenUrlInvalid;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, b""));
        let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\');
        let bracketed = authority.strip_prefix(b"[").and_then(|rest| split_once(rest, b']'));
        let (host, port) = match bracketed {
            Some((host, [])) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(b":").unwrap_or(b"no port"))),
            None => split_once(authority, b':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let is_port = |port| whole_number(port).is_some_and(|port| (1..=65_535).contains(&port));
        if !target.iter().all(plain) || !port.is_none_or(is_port) {
            return Err(INVALID);
        }
        let address = if let Some(address) = Ip::parse(host) {
            if address.is_v4 == bracketed.is_some() {
                return Err(INVALID);
            }
            Some(address)
        } else {
            match self.ascii_name(host) {
                Ok(ascii) if name::is_numeric(&ascii) => {
                    let address = legacy_v4(&ascii).filter(|address| self.is_forbidden(*address));
                    Some(address.ok_or(INVALID)?)
                }
                Ok(ascii) => known_name(&ascii),
                Err(NameError::IdnRefused) => return Err(Code::OAuth2IdnRefused),
                Err(_) => return Err(INVALID),
            }
        };
        Ok((host, address.is_some_and(|address| self.is_forbidden(address))))
    }
}
