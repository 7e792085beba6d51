//! The host: what people paste in its place, what it may not be, and what was probably meant.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::{Ip, known_name, legacy_v4};
use crate::catalogue::{Code, Param};
use crate::directory::HostMatch;
use crate::mend::unwrapped;
use crate::name::{self, MAX_LABEL, MAX_NAME, NameError};
use crate::packed::{Key, Value};
use crate::placeholder::is_not_public;
use crate::platform::Platform;
use crate::rules::{Method, Rules};
use crate::text::{
    HEX, OF_NAMES, all, class, find, has_control, joined, lower, plain_hyphens, push_number, put,
    rsplit_once, split, split_once, split_text, trim_bytes, trim_visible, visible, whole_number, word,
};

/// Longer than any name however it is written; what is longer is not looked at any further.
pub(crate) const MAX_TEXT: usize = 1_024;

/// A host that the rules accept, as it is stored and dialled: an IP literal, or A-labels without a final dot.
pub(crate) fn normal<'a, S: Platform>(host: &'a [u8], platform: &S) -> Option<Cow<'a, [u8]>> {
    let host = name::strip_dot(host).unwrap_or(host);
    if Ip::parse(host).is_some() { Some(Cow::Borrowed(host)) } else { name::ascii(host, platform).ok() }
}

impl<S: Platform> Rules<'_, S> {
    /// Takes away the layers that do not belong to a host, with an issue for each. The fix of each sets the host to the
    /// rest, and the rest is checked at once, so that its issues are reported, too.
    pub(crate) fn host(&mut self) {
        let Some(text) = self.text(Key::Host, Code::HostWrongType) else { return };
        // Nothing to peel off, mostly.
        if !text.is_empty() && text.len() <= MAX_NAME && all(text, OF_NAMES) {
            if text.last().is_some_and(|last| last.is_ascii_digit() || *last == b'.') {
                self.host_pasted(text);
            } else {
                self.host_labels(text);
            }
            return;
        }
        if trim_visible(text).is_empty() {
            return self.report.add(Code::HostRequired);
        }
        let host = trimmed(text);
        if host.len() > MAX_TEXT {
            return self.too_long(Code::HostTooLong, &[], MAX_NAME);
        }
        if host.len() != text.len() {
            self.report.suggest(Code::HostWhitespace, host);
        }
        if has_control(host) {
            return self.no_name(Code::HostControlCharacters, host);
        }
        if name::is_ascii(host) {
            return self.host_pasted(host);
        }
        let visible = visible(host);
        let visible = trimmed(&visible);
        if visible.len() != host.len() {
            self.report.suggest(Code::HostInvisibleCharacters, visible);
        }
        let plain = plain_hyphens(visible);
        if plain.len() != visible.len() {
            self.report.suggest(Code::HostTypographicHyphen, &plain);
        }
        self.host_pasted(&plain);
    }

    fn host_pasted(&mut self, host: &[u8]) {
        let scheme = split_text(host, b"://");
        let path = find(host, b'/').and_then(|at| host.get(..at));
        // Behind the slash of `smtp.gmail.com/587` is no path, and `smtp/gmail/com` is no web address.
        if scheme.is_none()
            && path.is_some()
            && let Some((name, port)) = self.split_loose_port(host)
        {
            return self.host_peeled(Code::HostHasPort, name, Some(port));
        }
        let is_name =
            |first| scheme.is_none() && find(first, b'.').is_none() && self.rejoined(host).is_some();
        if path.is_some_and(|first| !is_name(first)) {
            let rest = scheme.map_or(host, |(_, rest)| rest);
            let rest = rest.strip_prefix(b"//").unwrap_or(rest);
            let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
            let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            // `smtp/acme.org` is neither; `localhost/` is the one.
            if scheme.is_none()
                && rest.len() > authority.len() + 1
                && !authority.iter().any(|byte| matches!(byte, b'.' | b'['))
            {
                return self.no_name(Code::HostInvalid, host);
            }
            let authority = rsplit_once(authority, b'@').map_or(authority, |(_, host)| host);
            let authority = if authority.starts_with(b"[") { authority } else { unwrapped(authority) };
            let (inner, port) = self.split_any_port(authority).unwrap_or((authority, None));
            return self.host_peeled(Code::HostUrl, inner, port);
        }
        if let Some((local, domain)) = rsplit_once(host, b'@') {
            return self.host_email(local, unwrapped(domain));
        }
        match self.split_any_port(host) {
            Some((inner, Some(port))) => self.host_peeled(Code::HostHasPort, inner, Some(port)),
            Some((inner, None)) => self.host_peeled(Code::HostBrackets, inner, None),
            None => self.host_bare(host),
        }
    }

    /// Splits a port off, whatever is between it and the name; or the brackets around an address without a port.
    fn split_any_port<'t>(&self, host: &'t [u8]) -> Option<(&'t [u8], Option<u16>)> {
        // A final dot goes along, with the white space in front of it: no fix may leave it behind.
        let host = name::strip_dot(host).map_or(host, trim_bytes);
        split_port(host).or_else(|| self.split_loose_port(host).map(|(name, port)| (name, Some(port))))
    }

    /// Reports a text that is no name; where the name behind it is certain, that is the fix, and is looked at as well.
    fn no_name(&mut self, code: Code, host: &[u8]) {
        self.report.add(code);
        let inner = unwrapped(host);
        let (inner, port) = self.split_any_port(inner).unwrap_or((inner, None));
        // What is left may end with one more port: which of the two is meant cannot be known.
        let name = self.rejoined(unwrapped(inner)).filter(|name| self.split_any_port(name).is_none());
        let Some(name) = name else { return };
        self.report.set(&[], &name);
        if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
            self.set_port(port);
        }
        self.host_bare(&name);
    }

    /// The port goes along when it may be used, and the TLS mode when it does not go with that port.
    fn host_peeled(&mut self, code: Code, host: &[u8], port: Option<u16>) {
        let host = trimmed(host);
        if host.is_empty() || self.split_any_port(host).is_some() {
            // The rest holds one more port: which of the two is meant cannot be known.
            return match port {
                Some(_) => self.report.add(Code::HostInvalid),
                None => self.no_name(Code::HostInvalid, host),
            };
        }
        self.report.suggest(code, host);
        if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
            self.set_port(port);
        }
        self.host_bare(host);
    }

    fn host_email(&mut self, local: &[u8], domain: &[u8]) {
        let (domain, port) = self.split_any_port(domain).unwrap_or((domain, None));
        let name = lower(domain);
        let directory = self.platform.directory();
        let preset = directory.by_domain(&name);
        if let Some(preset) = preset.filter(|preset| !preset.is_pattern()) {
            self.report.add(Code::HostEmail);
            self.report.param(Param::Suggestion, preset.host);
            return preset.fill_in(self.report);
        }
        let is_usable = !local.is_empty() && self.ascii_name(domain).is_ok() && known_name(domain).is_none();
        if !is_usable || name::is_numeric(domain) {
            return self.report.add(Code::HostInvalid);
        }
        let server = match directory.recognise(&name) {
            HostMatch::OtherService(preset) | HostMatch::NoSubmission(preset) | HostMatch::Typo(preset) => {
                preset.server_beside(&name)
            }
            HostMatch::Server(_) | HostMatch::SameProvider(_) => Some(Cow::Borrowed(domain)),
            // `user@mail.acme.org` names a server and no domain.
            _ if is_server_name(&name) => Some(Cow::Borrowed(domain)),
            _ => Some(Cow::Owned(joined(&[b"smtp.", domain]))),
        };
        match server.filter(|server| server.len() <= MAX_NAME && self.split_any_port(server).is_none()) {
            Some(server) => {
                self.report.suggest(Code::HostEmail, &server);
                if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
                    self.set_port(port);
                }
                self.host_bare(&server);
            }
            None => self.report.add(Code::HostInvalid),
        }
    }

    /// A name or an address with nothing around it, but perhaps a dot behind it.
    fn host_bare(&mut self, host: &[u8]) {
        let host = match name::strip_dot(host) {
            Some(name) if !name.is_empty() && name::strip_dot(name).is_none() => {
                self.report.suggest(Code::HostTrailingDot, name);
                name
            }
            _ => host,
        };
        if let Some(address) = Ip::parse(host) {
            if self.is_forbidden(address) {
                self.forbidden_host(host);
            }
            return;
        }
        if split(host, b':').nth(2).is_some() {
            let is_of_address = |byte: &u8| class(*byte) & HEX != 0 || matches!(byte, b':' | b'.');
            return if split_text(host, b"::").is_some() || host.iter().all(is_of_address) {
                self.report.add(Code::HostInvalidAddress);
            } else {
                self.no_name(Code::HostInvalid, host);
            };
        }
        self.host_labels(host);
    }

    /// What is no address, at least none that is well-formed.
    fn host_labels(&mut self, host: &[u8]) {
        let ascii = self.ascii_name(host);
        // What looks like a dot may be a letter, but of no name of a provider; no name has typographic quotation marks.
        if !name::is_ascii(host)
            && (unwrapped(host).len() != host.len()
                || self.rejoined(host).is_some_and(|name| {
                    !ascii.as_ref().is_ok_and(|ascii| ascii.eq_ignore_ascii_case(&name))
                        && self.is_known(&name)
                }))
        {
            return self.no_name(Code::HostInvalid, host);
        }
        match ascii {
            Ok(ascii) if name::is_numeric(&ascii) => self.misspelt_address(&ascii),
            Ok(ascii) => self.host_name(host, &ascii, matches!(ascii, Cow::Borrowed(_))),
            Err(NameError::Hyphen(label)) => {
                self.report.add(Code::HostHyphen);
                self.report.param(Param::Label, label);
            }
            Err(NameError::LabelTooLong) => self.too_long(Code::HostLabelTooLong, &[], MAX_LABEL),
            Err(NameError::TooLong) => self.too_long(Code::HostTooLong, &[], MAX_NAME),
            Err(NameError::EmptyLabel) => self.no_name(Code::HostEmptyLabel, host),
            Err(NameError::Underscore) => self.no_name(Code::HostUnderscore, host),
            Err(NameError::Invalid) => self.no_name(Code::HostInvalid, host),
            Err(NameError::IdnInvalid) => self.report.add(Code::HostIdnInvalid),
            Err(NameError::IdnRefused) => self.report.add(Code::HostIdnRefused),
        }
    }

    /// A name whose form is right: where it leads, how it looks, and whether we know better.
    fn host_name(&mut self, host: &[u8], ascii: &[u8], is_plain: bool) {
        if let Some(address) = known_name(ascii) {
            if self.is_forbidden(address) {
                self.forbidden_host(host);
            }
            return;
        }
        if find(ascii, b'.').is_none() {
            return self.report.add(Code::HostSingleLabel);
        }
        if !is_plain && let Some(label) = name::mixed_label(host) {
            self.report.add(Code::HostMixedScript);
            self.report.param(Param::Label, label);
        }
        // Mostly the name is the whole field, whose provider others ask for, too.
        let known = if matches!(self.field(Key::Host), Value::Text(text) if text == host) {
            self.known_host().unwrap_or(HostMatch::Unknown)
        } else {
            self.platform.directory().recognise(&lower(ascii))
        };
        let (code, preset) = match known {
            HostMatch::Domain(preset) => (Code::HostBareDomain, preset),
            HostMatch::OtherService(preset) => (Code::HostOtherService, preset),
            // A server that receives takes mail for its own users without an account.
            HostMatch::NoSubmission(preset) if self.method() != Method::None => {
                (Code::HostOtherService, preset)
            }
            HostMatch::Typo(preset) => (Code::HostTypo, preset),
            HostMatch::Unknown if is_not_public(&lower(ascii)) => {
                return self.report.add(Code::HostNotPublic);
            }
            _ => return,
        };
        if let Some(server) = preset.server_beside(&lower(ascii)) {
            self.report.suggest(code, &server);
        }
    }

    /// An address in one of the spellings that only old resolvers understand, or in none.
    fn misspelt_address(&mut self, ascii: &[u8]) {
        let Some(address) = legacy_v4(ascii) else {
            return self.report.add(Code::HostInvalidAddress);
        };
        let dotted = dotted(address);
        if self.is_forbidden(address) {
            return self.forbidden_host(&dotted);
        }
        self.report.add(Code::HostInvalidAddress);
        // Of fewer parts one was probably forgotten, and a part with a zero in front may be meant in decimal: the fix
        // would send the secrets to somebody else's server.
        let is_plain = |part: &[u8]| !matches!(part, [b'0', b'0'..=b'9', ..]);
        if split(ascii, b'.').count() == 4 && split(ascii, b'.').all(is_plain) {
            self.report.set(&[], &dotted);
        }
    }

    fn forbidden_host(&mut self, shown: &[u8]) {
        self.report.add(Code::HostForbiddenAddress);
        self.report.param(Param::Address, shown);
    }
}

/// The text without white space around it; with it goes a final dot that stands behind white space.
#[inline(never)]
fn trimmed(text: &[u8]) -> &[u8] {
    let mut text = trim_bytes(text);
    while let Some(rest) = name::strip_dot(text) {
        let inner = trim_visible(rest);
        if inner.is_empty() || inner.len() == rest.len() {
            break;
        }
        text = inner;
    }
    text
}

/// Splits `name:587`, `[address]` and `[address]:587`; an address without brackets has no port. `None` when
/// there is nothing to split.
fn split_port(host: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let port = |text: &[u8]| match text {
        [] => Some(0),
        _ => whole_number(text).and_then(|port| u16::try_from(port).ok()),
    };
    if let Some(rest) = host.strip_prefix(b"[") {
        return match split_once(rest, b']')? {
            (inner, []) => Some((inner, None)),
            (inner, [b':', text @ ..]) => Some((inner, Some(port(text)?))),
            _ => None,
        };
    }
    let (name, text) = split_once(host, b':')?;
    Some((name, Some(port(text)?)))
}

/// Whether the name's first label is that of a mail server, and a domain stands behind it.
fn is_server_name(name: &[u8]) -> bool {
    split_once(name, b'.').is_some_and(|(label, domain)| {
        find(domain, b'.').is_some()
            && (split_text(label, b"smtp").is_some() || word(label, b"mail relay mx mailout out").is_some())
    })
}

fn dotted(address: Ip) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in address.v4_bits().to_be_bytes() {
        push_number(&mut text, u32::from(byte));
        put(&mut text, b".");
    }
    text.pop();
    text
}
