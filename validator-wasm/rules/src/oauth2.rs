//! The OAuth 2 client: the grant, what it needs, and where its tokens come from.

use core::net::IpAddr;

use crate::address::{known_name, legacy_v4, whole_number};
use crate::catalogue::{Code, Param};
use crate::document::{Method, Rules};
use crate::name::{self, NameError};
use crate::packed::{Key, Object, Value};
use crate::report::Scalar::{Null, Text};
use crate::secret::{Codes, Spaces, path_with};
use crate::text::{has_control, has_line_break, trim};

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
};

/// The longest URL, client id and scope, in octets: longer than any provider's.
const MAX_TEXT: usize = 2_048;

impl Rules<'_> {
    pub(crate) fn oauth2(&mut self) {
        let path = &[Key::OAuth2];
        let needed = self.method() == Method::OAuth2;
        match self.field(Key::OAuth2) {
            Value::Null if needed => self.report.add(Code::OAuth2Required, path, &[], &[]),
            Value::Null => {}
            Value::Object(object) if needed => self.oauth2_members(object),
            Value::Object(_) => self.report.add(Code::OAuth2Unused, path, &[], &[(path, Null)]),
            _ => self.report.add(Code::OAuth2WrongType, path, &[], &[]),
        }
    }

    fn oauth2_members(&mut self, object: Object<'_>) {
        const MEMBERS: [Key; 6] =
            [Key::Grant, Key::TokenUrl, Key::ClientId, Key::ClientSecret, Key::RefreshToken, Key::Scope];
        let grant = self.grant(object.get(Key::Grant));
        self.token_url(object.get(Key::TokenUrl));
        self.plain_text(Key::ClientId, object.get(Key::ClientId), true);
        self.oauth2_secret(Key::ClientSecret, object.get(Key::ClientSecret), grant == Some(true));
        let token = object.get(Key::RefreshToken);
        if grant == Some(true) && !matches!(token, Value::Null) {
            let path = &[Key::OAuth2, Key::RefreshToken];
            self.report.add(Code::OAuth2Unused, path, &[], &[(path, Null)]);
        }
        self.oauth2_secret(Key::RefreshToken, token, grant == Some(false));
        self.plain_text(Key::Scope, object.get(Key::Scope), grant == Some(true));
        self.unknown(Code::OAuth2UnknownKey, &[Key::OAuth2], object, |key| MEMBERS.contains(&key));
    }

    /// Whether it is the client-credentials grant; the other is the refresh token.
    fn grant(&mut self, value: Value<'_>) -> Option<bool> {
        let code = match value {
            Value::Text("client_credentials") => return Some(true),
            Value::Text("refresh_token") => return Some(false),
            Value::Null => Code::OAuth2Required,
            Value::Text(_) => Code::OAuth2GrantInvalid,
            _ => Code::OAuth2WrongType,
        };
        self.report.add(code, &[Key::OAuth2, Key::Grant], &[], &[]);
        None
    }

    fn oauth2_secret(&mut self, key: Key, value: Value<'_>, needed: bool) {
        let path = &[Key::OAuth2, key];
        if let Some((text, spaces)) = self.secret(&SECRET, path, value, needed) {
            let inner = if spaces == Spaces::Keep { text } else { trim(text) };
            if has_control(inner) && !has_line_break(inner) {
                let change = path_with(path, Key::Spaces);
                let change = [(change.as_slice(), Text("trim"))];
                let curable = spaces == Spaces::Keep && !has_control(trim(text));
                self.report.add(
                    Code::OAuth2ControlCharacters,
                    path,
                    &[],
                    if curable { &change } else { &[] },
                );
            }
        }
    }

    fn plain_text(&mut self, key: Key, value: Value<'_>, needed: bool) {
        let path = &[Key::OAuth2, key];
        match value {
            Value::Null | Value::Text("") if needed => self.report.add(Code::OAuth2Required, path, &[], &[]),
            Value::Null | Value::Text("") => {}
            Value::Text(text) => {
                let trimmed = trim(text);
                if trimmed.is_empty() {
                    return self.report.add(Code::OAuth2Required, path, &[], &[]);
                }
                if has_control(text) {
                    self.cleaned(Code::OAuth2ControlCharacters, path, text);
                } else if trimmed.len() != text.len() {
                    self.report.add(Code::OAuth2Whitespace, path, &[], &[(path, Text(trimmed))]);
                }
                if text.len() > MAX_TEXT {
                    self.too_long(Code::OAuth2TooLong, path, MAX_TEXT);
                }
            }
            _ => self.report.add(Code::OAuth2WrongType, path, &[], &[]),
        }
    }

    fn token_url(&mut self, value: Value<'_>) {
        let path = &[Key::OAuth2, Key::TokenUrl];
        let text = match value {
            Value::Null => return self.report.add(Code::OAuth2Required, path, &[], &[]),
            Value::Text(text) if trim(text).is_empty() => {
                return self.report.add(Code::OAuth2Required, path, &[], &[]);
            }
            Value::Text(text) => text,
            _ => return self.report.add(Code::OAuth2WrongType, path, &[], &[]),
        };
        let url = trim(text);
        if url.len() > MAX_TEXT {
            return self.too_long(Code::OAuth2TooLong, path, MAX_TEXT);
        }
        if has_control(url) {
            return self.report.add(Code::OAuth2ControlCharacters, path, &[], &[]);
        }
        let after = |scheme: &str| {
            let start = url.get(..scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then(|| url.get(scheme.len()..).unwrap_or_default())
        };
        if let Some(rest) = after("http://") {
            let https = alloc::format!("https://{rest}");
            self.report.add(Code::OAuth2TokenUrlNotHttps, path, &[], &[(path, Text(&https))]);
            return self.token_url_rest(rest);
        }
        if url.len() != text.len() {
            self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[(path, Text(url))]);
        }
        match after("https://") {
            Some(rest) => self.token_url_rest(rest),
            None => self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]),
        }
    }

    /// Host, port and path; no user, no fragment, nothing that would have to be escaped.
    fn token_url_rest(&mut self, rest: &str) {
        let path = &[Key::OAuth2, Key::TokenUrl];
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\');
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("no port"))),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port_is_fine =
            port.is_none_or(|port| whole_number(port).is_some_and(|port| (1..=65_535).contains(&port)));
        if !target.bytes().all(plain) || !port_is_fine {
            return self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]);
        }
        let address = if let Ok(address) = host.parse::<IpAddr>() {
            let bracketed = authority.starts_with('[');
            if address.is_ipv6() != bracketed {
                return self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]);
            }
            Some(address)
        } else {
            match self.ascii_name(host) {
                Ok(ascii) if name::is_numeric(&ascii) => {
                    let Some(address) = legacy_v4(&ascii).map(IpAddr::V4) else {
                        return self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]);
                    };
                    if !self.is_forbidden(address) {
                        return self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]);
                    }
                    Some(address)
                }
                Ok(ascii) => known_name(&ascii).map(IpAddr::V4),
                Err(NameError::IdnRefused) => {
                    return self.report.add(Code::OAuth2IdnRefused, path, &[], &[]);
                }
                Err(_) => return self.report.add(Code::OAuth2TokenUrlInvalid, path, &[], &[]),
            }
        };
        if address.is_some_and(|address| self.is_forbidden(address)) {
            let params = [(Param::Address, Text(host))];
            self.report.add(Code::OAuth2ForbiddenAddress, path, &params, &[]);
        }
    }
}
