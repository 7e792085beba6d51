//! The OAuth 2 client: the grant, what it needs, and where its tokens come from.

use crate::address::{Ip, known_name, legacy_v4};
use crate::catalogue::{Code, Param};
use crate::name::{self, NameError};
use crate::packed::{Key, Object, Value};
use crate::platform::Platform;
use crate::rules::{CleanCodes, Method, Rules};
use crate::secret::{Codes, Spaces};
use crate::text::{
    has_control, has_line_break, joined, plain_hyphens, split_once, trim_visible, visible, whole_number, word,
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

const TOKEN_URL: &[Key] = &[Key::OAuth2, Key::TokenUrl];

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
        const MEMBERS: [Key; 6] =
            [Key::Grant, Key::TokenUrl, Key::ClientId, Key::ClientSecret, Key::RefreshToken, Key::Scope];
        let grant = self.grant(object.get(Key::Grant));
        self.token_url(object.get(Key::TokenUrl));
        self.plain_text(Key::ClientId, object, true);
        self.oauth2_secret(Key::ClientSecret, object, grant == Some(Grant::ClientCredentials));
        if grant == Some(Grant::ClientCredentials) && !matches!(object.get(Key::RefreshToken), Value::Null) {
            self.oauth2_unused(&[Key::OAuth2, Key::RefreshToken]);
        }
        self.oauth2_secret(Key::RefreshToken, object, grant == Some(Grant::RefreshToken));
        self.plain_text(Key::Scope, object, grant == Some(Grant::ClientCredentials));
        self.unknown(Code::OAuth2UnknownKey, &[Key::OAuth2], object, |key| MEMBERS.contains(&key));
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
        let (code, address) = match found {
            Ok(None) => return,
            Ok(Some(host)) => (Code::OAuth2ForbiddenAddress, Some(host)),
            Err(code) => (code, None),
        };
        self.report.add_at(code, TOKEN_URL);
        if let Some(host) = address {
            self.report.param(Param::Address, host);
        }
    }

    /// Host, port and path; no user, no fragment, nothing that would have to be escaped. The host, when it is an
    /// address that may not be dialled or leads to one.
    fn url_address<'t>(&self, rest: &'t [u8]) -> Result<Option<&'t [u8]>, Code> {
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
        Ok(address.filter(|address| self.is_forbidden(*address)).map(|_| host))
    }
}
