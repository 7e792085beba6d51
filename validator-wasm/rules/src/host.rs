//! The host: what people paste in its place, what it may not be, and what was probably meant.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::{Ip, known_name, legacy_v4};
use crate::catalogue::{Code, Param};
use crate::directory::HostMatch;
use crate::name::{self, MAX_LABEL, MAX_NAME, NameError};
use crate::packed::{Key, Value};
use crate::platform::Platform;
use crate::rules::Rules;
use crate::text::{
    OF_NAMES, all, find, has_control, joined, lower, plain_hyphens, push_number, put, rsplit_once, split,
    split_once, split_text, trim_bytes, trim_visible, whole_number,
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
        if trim_visible(text).is_empty() {
            return self.report.add(Code::HostRequired);
        }
        let host = trim_bytes(text);
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
        let visible = self.visible_name(host);
        let visible = trim_bytes(&visible);
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
            let authority = rsplit_once(authority, b'@').map_or(authority, |(_, host)| host);
            let (inner, port) = split_port(authority).unwrap_or((authority, None));
            return self.host_peeled(Code::HostUrl, inner, port);
        }
        if let Some((local, domain)) = rsplit_once(host, b'@') {
            return self.host_email(local, domain);
        }
        match split_port(host) {
            Some((inner, Some(port))) => self.host_peeled(Code::HostHasPort, inner, Some(port)),
            Some((inner, None)) => self.host_peeled(Code::HostBrackets, inner, None),
            None => self.host_bare(host),
        }
    }

    /// The port goes along when it may be used, and the TLS mode when it does not go with that port.
    fn host_peeled(&mut self, code: Code, host: &[u8], port: Option<u16>) {
        let host = trim_bytes(host);
        // The rest holds one more port: which of the two is meant cannot be known.
        if host.is_empty() || split_port(host).is_some() {
            return self.report.add(Code::HostInvalid);
        }
        self.report.suggest(code, host);
        if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
            self.set_port(port);
        }
        self.host_bare(host);
    }

    fn host_email(&mut self, local: &[u8], domain: &[u8]) {
        let preset = self.platform.directory().by_domain(&lower(domain));
        if let Some(preset) = preset.filter(|preset| !preset.is_pattern()) {
            self.report.add(Code::HostEmail);
            self.report.param(Param::Suggestion, preset.host);
            return preset.fill_in(self.report);
        }
        let guess = joined(&[b"smtp.", domain]);
        let usable = !local.is_empty() && self.ascii_name(domain).is_ok() && known_name(domain).is_none();
        if usable && !name::is_numeric(domain) && guess.len() <= MAX_NAME {
            self.report.suggest(Code::HostEmail, &guess);
            self.host_bare(&guess);
        } else {
            self.report.add(Code::HostInvalid);
        }
    }

    /// A name or an address with nothing around it, but perhaps a dot behind it.
    fn host_bare(&mut self, host: &[u8]) {
        let host = match name::strip_dot(host) {
            Some(rest) if !rest.is_empty() && name::strip_dot(rest).is_none() => {
                self.report.suggest(Code::HostTrailingDot, rest);
                rest
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
            Err(NameError::EmptyLabel) => self.report.add(Code::HostEmptyLabel),
            Err(NameError::Underscore) => self.report.add(Code::HostUnderscore),
            Err(NameError::Invalid) => self.report.add(Code::HostInvalid),
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
        let is_whole = matches!(self.field(Key::Host), Value::Text(text) if text.len() == host.len());
        let known = if is_plain && is_whole {
            self.known_host().unwrap_or(HostMatch::Unknown)
        } else {
            self.platform.directory().recognise(&lower(ascii))
        };
        let (code, preset) = match known {
            HostMatch::Domain(preset) => (Code::HostBareDomain, preset),
            HostMatch::OtherService(preset) => (Code::HostOtherService, preset),
            HostMatch::Typo(preset) => (Code::HostTypo, preset),
            _ => return,
        };
        if !preset.is_pattern() {
            self.report.suggest(code, preset.host);
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

/// Splits `name:587`, `[address]` and `[address]:587`; an address without brackets has no port. `None` when
/// there is nothing to split. A final dot is taken away with the rest: no fix may leave it behind.
fn split_port(host: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let host = name::strip_dot(host).unwrap_or(host);
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

fn dotted(address: Ip) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in address.v4_bits().to_be_bytes() {
        push_number(&mut text, u32::from(byte));
        put(&mut text, b".");
    }
    text.pop();
    text
}
