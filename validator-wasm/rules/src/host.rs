//! The host: what people paste in its place, what it may not be, and what was probably meant.

use alloc::borrow::Cow;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr};

use crate::address::{known_name, legacy_v4, whole_number};
use crate::catalogue::{Code, Param};
use crate::document::Rules;
use crate::name::{self, MAX_LABEL, MAX_NAME, NameError};
use crate::packed::{Key, Value};
use crate::presets::{self, Known, Preset, mode};
use crate::report::Scalar::{Number, Text};
use crate::text::{has_control, is_invisible, lower, push_number, trim};

const HOST: &[Key] = &[Key::Host];

/// Longer than any name however it is written; what is longer is not looked at any further.
pub(crate) const MAX_TEXT: usize = 1_024;

impl Rules<'_> {
    pub(crate) fn host(&mut self) {
        match self.field(Key::Host) {
            Value::Null => self.report.add(Code::HostRequired, HOST, &[], &[]),
            Value::Text(text) => self.host_text(text),
            _ => self.report.add(Code::HostWrongType, HOST, &[], &[]),
        }
    }

    /// Peels off what does not belong to a host, one issue for each layer; every fix sets the host to what is
    /// left then, so what is wrong with the rest is told at once.
    fn host_text(&mut self, text: &str) {
        let host = trim(text);
        if host.is_empty() {
            return self.report.add(Code::HostRequired, HOST, &[], &[]);
        }
        if host.len() > MAX_TEXT {
            return self.too_long(Code::HostTooLong, HOST, MAX_NAME);
        }
        if host.len() != text.len() {
            self.replace_host(Code::HostWhitespace, host);
        }
        if has_control(host) {
            return self.report.add(Code::HostControlCharacters, HOST, &[], &[]);
        }
        let visible: String;
        let host = if !host.is_ascii() && host.contains(is_invisible) {
            visible = host.chars().filter(|c| !is_invisible(*c)).collect();
            self.replace_host(Code::HostInvisibleCharacters, &visible);
            if visible.is_empty() {
                return;
            }
            &visible
        } else {
            host
        };
        self.host_pasted(host);
    }

    fn host_pasted(&mut self, host: &str) {
        let is_url = host.contains("://") || host.contains('/');
        if is_url {
            let rest = host.split_once("://").map_or(host, |(_, rest)| rest);
            let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
            let authority = authority.rsplit('@').next().unwrap_or(authority);
            let (inner, port) = split_port(authority).unwrap_or((authority, None));
            if inner.is_empty() {
                return self.report.add(Code::HostInvalid, HOST, &[], &[]);
            }
            self.replace_host_and_port(Code::HostUrl, inner, port);
            return self.host_bare(inner);
        }
        if let Some((local, domain)) = host.rsplit_once('@') {
            return self.host_email(local, domain);
        }
        match split_port(host) {
            Some(("", _)) => self.report.add(Code::HostInvalid, HOST, &[], &[]),
            Some((inner, Some(port))) => {
                self.replace_host_and_port(Code::HostHasPort, inner, Some(port));
                self.host_bare(inner);
            }
            Some((inner, None)) => {
                self.replace_host(Code::HostBrackets, inner);
                self.host_bare(inner);
            }
            None => self.host_bare(host),
        }
    }

    fn host_email(&mut self, local: &str, domain: &str) {
        let name = lower(domain);
        if let Some(preset) = presets::by_domain(&name).filter(|preset| !preset.host.contains('*')) {
            return self.use_preset(Code::HostEmail, preset);
        }
        let guess = alloc::format!("smtp.{domain}");
        let usable = !local.is_empty() && self.ascii_name(domain).is_ok() && known_name(domain).is_none();
        if usable && !name::is_numeric(domain) && guess.len() <= MAX_NAME {
            self.replace_host(Code::HostEmail, &guess);
            self.host_bare(&guess);
        } else {
            self.report.add(Code::HostInvalid, HOST, &[], &[]);
        }
    }

    /// A name or an address with nothing around it, but perhaps a dot behind it.
    fn host_bare(&mut self, host: &str) {
        let host = match host.strip_suffix(name::is_dot) {
            Some(rest) if !rest.is_empty() && !rest.ends_with(name::is_dot) => {
                self.replace_host(Code::HostTrailingDot, rest);
                rest
            }
            _ => host,
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            if self.is_forbidden(address) {
                self.forbidden_host(host);
            }
            return;
        }
        if host.matches(':').count() > 1 {
            return self.report.add(Code::HostInvalidAddress, HOST, &[], &[]);
        }
        match self.ascii_name(host) {
            Ok(ascii) if name::is_numeric(&ascii) => self.misspelt_address(&ascii),
            Ok(ascii) => self.host_name(host, &ascii),
            Err(error) => {
                let (code, params) = match error {
                    NameError::EmptyLabel => (Code::HostEmptyLabel, None),
                    NameError::Underscore => (Code::HostUnderscore, None),
                    NameError::Hyphen(label) => (Code::HostHyphen, Some((Param::Label, Text(label)))),
                    NameError::LabelTooLong => {
                        (Code::HostLabelTooLong, Some((Param::Max, Number(MAX_LABEL as u32))))
                    }
                    NameError::TooLong => (Code::HostTooLong, Some((Param::Max, Number(MAX_NAME as u32)))),
                    NameError::Invalid => (Code::HostInvalid, None),
                    NameError::IdnInvalid => (Code::HostIdnInvalid, None),
                    NameError::IdnRefused => (Code::HostIdnRefused, None),
                };
                self.report.add(code, HOST, params.as_slice(), &[]);
            }
        }
    }

    /// A name whose form is right: where it leads, how it looks, and whether we know better.
    fn host_name(&mut self, host: &str, ascii: &str) {
        if let Some(address) = known_name(ascii) {
            if self.is_forbidden(IpAddr::V4(address)) {
                self.forbidden_host(host);
            }
            return;
        }
        if !ascii.contains('.') {
            return self.report.add(Code::HostSingleLabel, HOST, &[], &[]);
        }
        if let Some(label) = name::mixed_label(host) {
            self.report.add(Code::HostMixedScript, HOST, &[(Param::Label, Text(label))], &[]);
        }
        let (code, preset) = match presets::recognise(&lower_case(ascii)) {
            Known::Domain(preset) => (Code::HostBareDomain, preset),
            Known::Other(preset) => (Code::HostOtherService, preset),
            Known::Typo(preset) => (Code::HostTypo, preset),
            _ => return,
        };
        if !preset.host.contains('*') {
            self.replace_host(code, preset.host);
        }
    }

    /// An address in one of the spellings that only old resolvers understand, or in none.
    fn misspelt_address(&mut self, ascii: &str) {
        let Some(address) = legacy_v4(ascii) else {
            return self.report.add(Code::HostInvalidAddress, HOST, &[], &[]);
        };
        let dotted = dotted(address);
        if self.is_forbidden(IpAddr::V4(address)) {
            self.forbidden_host(&dotted);
        } else {
            self.report.add(Code::HostInvalidAddress, HOST, &[], &[(HOST, Text(&dotted))]);
        }
    }

    fn forbidden_host(&mut self, shown: &str) {
        self.report.add(Code::HostForbiddenAddress, HOST, &[(Param::Address, Text(shown))], &[]);
    }

    fn replace_host(&mut self, code: Code, host: &str) {
        self.report.add(code, HOST, &[(Param::Suggestion, Text(host))], &[(HOST, Text(host))]);
    }

    /// The port goes along when it may be used, and the TLS mode when it does not go with that port.
    fn replace_host_and_port(&mut self, code: Code, host: &str, port: Option<u16>) {
        let Some(port) = port.filter(|port| self.is_allowed_port(*port)) else {
            return self.replace_host(code, host);
        };
        let changes =
            [(HOST, Text(host)), (&[Key::Port][..], Number(u32::from(port))), Self::security_for(port)];
        let count = if self.goes_with(port) { 2 } else { 3 };
        let params = [(Param::Suggestion, Text(host))];
        self.report.add(code, HOST, &params, changes.get(..count).unwrap_or(&changes));
    }

    fn use_preset(&mut self, code: Code, preset: &Preset) {
        let changes = [
            (HOST, Text(preset.host)),
            (&[Key::Port][..], Number(u32::from(preset.port))),
            (&[Key::Security][..], Text(mode(preset.tls))),
        ];
        self.report.add(code, HOST, &[(Param::Suggestion, Text(preset.host))], &changes);
    }

    /// The host as it is compared with the presets: when it is a name that can be used.
    pub(crate) fn plain_host(&self) -> Option<String> {
        let Value::Text(text) = self.field(Key::Host) else { return None };
        let host = trim(text).trim_end_matches('.');
        let known = !host.is_empty() && host.len() <= MAX_NAME && host.is_ascii();
        known.then(|| lower(host))
    }
}

/// Splits `name:587`, `[address]` and `[address]:587`; an address without brackets has no port. `None` when
/// there is nothing to split.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let port = |text: &str| match text {
        "" => Some(0),
        _ => whole_number(text).and_then(|port| u16::try_from(port).ok()),
    };
    if let Some(rest) = host.strip_prefix('[') {
        let (inner, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Some((inner, None)),
            None => None,
            Some(text) => Some((inner, Some(port(text)?))),
        };
    }
    let (name, text) = host.split_once(':')?;
    Some((name, Some(port(text)?)))
}

fn lower_case(ascii: &str) -> Cow<'_, str> {
    if ascii.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(lower(ascii))
    } else {
        Cow::Borrowed(ascii)
    }
}

fn dotted(address: Ipv4Addr) -> String {
    let mut text = String::new();
    for (index, byte) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        push_number(&mut text, u32::from(byte));
    }
    text
}
