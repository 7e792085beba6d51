//! The host: what people paste in its place, what it may not be, and what was probably meant.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::{Ip, known_name, legacy_v4};
use crate::catalogue::{Code, Param};
use crate::directory::HostMatch;
use crate::name::{self, MAX_LABEL, MAX_NAME, NameError};
use crate::packed::{Key, Value};
use crate::platform::Platform;
use crate::private::is_not_public;
use crate::rules::{Method, Rules};
use crate::text::{
    OF_NAMES, all, find, has_control, is_space_code, joined, lower, plain_hyphens, push_number, put,
    rsplit_once, split, split_char, split_last_char, split_once, split_text, trim_bytes, trim_visible,
    unwrapped, visible, whole_number,
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
            if name::is_numeric(text) || text.ends_with(b".") {
                self.host_bare(text);
            } else {
                self.host_labels(text);
            }
            return;
        }
        let host = trimmed(text);
        if trim_visible(host).is_empty() {
            return self.report.add(Code::HostRequired);
        }
        if host.len() > MAX_TEXT {
            return self.too_long(Code::HostTooLong, &[], MAX_NAME);
        }
        if host.len() != text.len() {
            self.report.suggest(Code::HostWhitespace, host);
        }
        if has_control(host) {
            return self.report.add(Code::HostControlCharacters);
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
        if find(host, b'/').is_some() {
            let rest = split_text(host, b"://").map_or(host, |(_, rest)| rest);
            let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
            let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            // `smtp/acme.org` and `http:/acme.org` are no web addresses; `localhost/` is one.
            let has_port = find(authority, b':').is_some() && !authority.ends_with(b":");
            if rest.len() == host.len()
                && rest.len() > authority.len() + 1
                && !has_port
                && find(authority, b'.').is_none()
            {
                return self.no_name(Code::HostInvalid, host);
            }
            let authority = rsplit_once(authority, b'@').map_or(authority, |(_, host)| host);
            let (inner, port) = self.split_any_port(authority).unwrap_or((authority, None));
            return self.host_peeled(Code::HostUrl, inner, port);
        }
        if let Some((local, domain)) = rsplit_once(host, b'@') {
            return self.host_email(local, domain);
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

    /// Splits `name 587`, `name;587`, `name: 587`: a port behind anything else than a colon alone.
    fn split_loose_port<'t>(&self, host: &'t [u8]) -> Option<(&'t [u8], u16)> {
        let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        // With colons it is an address; a shorter number is no port that anybody sends through.
        if digits < 2 || split(host, b':').nth(2).is_some() {
            return None;
        }
        let (mut name, port) = host.split_at_checked(host.len() - digits)?;
        let mut is_loose = false;
        while let Some((c, rest)) = split_last_char(name).filter(|(c, _)| is_between(*c)) {
            name = rest;
            // Behind a dot alone it is the last label.
            is_loose |= c != u32::from(b'.');
        }
        let is_host = Ip::parse(name).is_some() || (!name::is_numeric(name) && self.is_name(name));
        let port = whole_number(port).and_then(|port| u16::try_from(port).ok())?;
        (is_loose && is_host).then_some((name, port))
    }

    /// The name with a dot between its labels, where something else or more stands between them: `smtp,gmail.com`,
    /// `smtp.gmail..com`. None where that would be a guess: a list of names, a space, slash or underscore that may as
    /// well be inside a label, an address that may lack a part.
    #[inline(never)]
    pub(crate) fn with_dots(&self, name: &[u8]) -> Option<Vec<u8>> {
        const DOT: u32 = b'.' as u32;
        let mut dotted = Vec::new();
        let (mut has_dot, mut has_space, mut has_comma, mut only_space) = (false, false, false, false);
        let (mut is_list, mut dots) = (false, 0);
        let mut rest = name;
        while let Some((c, after)) = split_char(rest) {
            let bytes = rest.get(..rest.len() - after.len())?;
            rest = after;
            match c {
                DOT => (has_dot, dots) = (true, dots + 1),
                0x2f | 0x5f => has_space = true,
                _ if is_space_code(c) => has_space = true,
                _ if is_between(c) && c != u32::from(b':') => has_comma = true,
                _ => {
                    if has_dot || has_space || has_comma {
                        // Nothing in front: a label may be missing.
                        only_space |= dotted.is_empty() || (!has_dot && !has_comma);
                        if !dotted.is_empty() {
                            put(&mut dotted, b".");
                        }
                        is_list |= has_comma && dots > 0 && find(rest, b'.').is_some();
                        (has_dot, has_space, has_comma) = (false, false, false);
                    }
                    put(&mut dotted, bytes);
                }
            }
        }
        // Of other names the two platforms do not refuse the same.
        let Ok(Cow::Borrowed(ascii)) = self.ascii_name(&dotted) else { return None };
        let is_known = || matches!(self.platform.directory().recognise(&lower(ascii)), HostMatch::Server(_));
        let is_fine = match Ip::parse(&dotted) {
            Some(_) => dots < 4,
            None => !name::is_numeric(ascii) && find(ascii, b'.').is_some(),
        };
        (is_fine && !is_list && (!only_space || is_known())).then(|| dotted.clone())
    }

    /// Reports a text that is no name; where the name behind it is certain, that is the fix, and is looked at as well.
    fn no_name(&mut self, code: Code, host: &[u8]) {
        self.report.add(code);
        if let Some(dotted) = self.with_dots(host) {
            self.report.set(&[], &dotted);
            self.host_bare(&dotted);
        }
    }

    /// The port goes along when it may be used, and the TLS mode when it does not go with that port.
    fn host_peeled(&mut self, code: Code, host: &[u8], port: Option<u16>) {
        // Quotation marks, and a dot behind white space, go along.
        let host = trimmed(unwrapped(host));
        // The rest holds one more port: which of the two is meant cannot be known.
        if host.is_empty() || self.split_any_port(host).is_some() {
            return self.report.add(Code::HostInvalid);
        }
        self.report.suggest(code, host);
        if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
            self.set_port(port);
        }
        self.host_bare(host);
    }

    fn host_email(&mut self, local: &[u8], domain: &[u8]) {
        let name = lower(domain);
        let directory = self.platform.directory();
        let preset = directory.by_domain(&name);
        if let Some(preset) = preset.filter(|preset| !preset.is_pattern()) {
            self.report.add(Code::HostEmail);
            self.report.param(Param::Suggestion, preset.host);
            return preset.fill_in(self.report);
        }
        // `user@mail.acme.org` and `user@imap.gmail.com` name a server, and no domain.
        let is_server = |label: &[u8]| label == b"mail" || split_text(label, b"smtp").is_some();
        let start: &[u8] = match directory.recognise(&name) {
            HostMatch::Unknown if !split(&name, b'.').next().is_some_and(is_server) => b"smtp.",
            _ => b"",
        };
        let guess = joined(&[start, domain]);
        let usable = !local.is_empty() && self.ascii_name(domain).is_ok() && known_name(domain).is_none();
        if usable && !name::is_numeric(domain) && guess.len() <= MAX_NAME {
            self.report.suggest(Code::HostEmail, &guess);
            self.host_bare(&guess);
        } else {
            self.report.add(Code::HostInvalid);
        }
    }

    /// A name or an address, perhaps with a dot behind it, or with quotation marks and the like around it.
    fn host_bare(&mut self, host: &[u8]) {
        let stripped = name::strip_dot(host).map(trim_bytes);
        let name = stripped.unwrap_or(host);
        let bare = unwrapped(name);
        // Of other names the two platforms do not refuse the same.
        if bare.len() != name.len() && matches!(self.ascii_name(bare), Ok(Cow::Borrowed(_))) {
            self.report.add(Code::HostInvalid);
            self.report.set(&[], bare);
            return self.host_bare(bare);
        }
        let host = match stripped {
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
            return self.report.add(Code::HostInvalidAddress);
        }
        self.host_labels(host);
    }

    /// What is no address, at least none that is well-formed.
    fn host_labels(&mut self, host: &[u8]) {
        match self.ascii_name(host) {
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
fn trimmed(text: &[u8]) -> &[u8] {
    let mut text = trim_bytes(text);
    while let Some(rest) = name::strip_dot(text)
        && trim_bytes(rest).len() != rest.len()
    {
        text = trim_bytes(rest);
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

/// What people type between labels, or between a name and its port.
fn is_between(c: u32) -> bool {
    matches!(c, 0x2c | 0x2e | 0x3a | 0x3b) || is_space_code(c)
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
