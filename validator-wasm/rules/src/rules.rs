//! A document while it is checked: its fields, and the questions that the rules of several fields ask of it. The
//! rules themselves are in the files of the fields, and [`crate::document`] calls them in order.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::address::Ip;
use crate::catalogue::{Code, Param};
use crate::directory::HostMatch;
use crate::name::{self, MAX_NAME, NameError};
use crate::packed::{Key, Name, Object, Value, read};
use crate::platform::{Options, Platform};
use crate::ports::{DEFAULT_PORT, PORTS, Security};
use crate::presets::Preset;
use crate::report::Report;
use crate::text::{
    has_control, has_invisible, has_replacement, lower, split, trim_bytes, visible, whole_number,
};

/// How the session authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Password,
    OAuth2,
    None,
}

/// A document, with what its rules need beside it.
pub(crate) struct Rules<'a, S> {
    pub(crate) object: Object<'a>,
    /// Of each field, the length of the object's bytes from the start of its value to the end; 0 when the field is
    /// absent. Values are decoded each time they are read: to keep copies costs more.
    pub(crate) fields: [u32; Key::FIELDS],
    pub(crate) options: &'a Options<'a>,
    pub(crate) platform: &'a S,
    pub(crate) report: &'a mut Report,
    /// The result of looking up the host, once somebody has asked for it.
    pub(crate) host: Option<HostMatch<'a>>,
    /// The contacts, and the number of the one that is checked.
    pub(crate) contacts: Vec<&'a [u8]>,
    pub(crate) contact: Option<usize>,
}

impl<'a, S: Platform> Rules<'a, S> {
    /// The value of a field; null when the field is absent.
    pub(crate) fn field(&self, key: Key) -> Value<'a> {
        let left = self.fields.get(key as usize).map_or(0, |left| *left as usize);
        if left == 0 {
            return Value::Null;
        }
        self.object.0.get(self.object.0.len().wrapping_sub(left)..).map_or(Value::Null, read)
    }

    /// The text of a field, empty when the field is absent. A value that is no text is reported and gives `None`.
    pub(crate) fn text(&mut self, key: Key, wrong_type: Code) -> Option<&'a [u8]> {
        self.text_at(self.field(key), wrong_type, &[])
    }

    /// The same for a value that has been read already.
    pub(crate) fn text_at<'v>(
        &mut self,
        value: Value<'v>,
        wrong_type: Code,
        path: &[Key],
    ) -> Option<&'v [u8]> {
        match value {
            Value::Null => Some(b""),
            Value::Text(text) => Some(text),
            _ => {
                self.report.add_at(wrong_type, path);
                None
            }
        }
    }

    /// Reports the members that are not among the expected ones.
    pub(crate) fn unknown(
        &mut self,
        code: Code,
        parent: &[Key],
        object: Object<'_>,
        expected: impl Fn(Key) -> bool,
    ) {
        for (name, _) in object.members() {
            match name {
                Name::Known(key) if expected(key) => {}
                name => self.report.add_unknown(code, parent, name),
            }
        }
    }

    /// Reports a text that is longer than `max`.
    pub(crate) fn too_long(&mut self, code: Code, path: &[Key], max: usize) {
        self.report.add_at(code, path);
        self.report.param_number(Param::Max, max as u32);
    }

    /// The name as A-labels.
    pub(crate) fn ascii_name<'t>(&self, name: &'t [u8]) -> Result<Cow<'t, [u8]>, NameError<'t>> {
        name::ascii(name, self.platform)
    }

    /// Whether a connection to the address is forbidden, at the port of these settings.
    pub(crate) fn is_forbidden(&self, address: Ip) -> bool {
        address.is_forbidden()
            && !address.is_within(self.options.allow_networks)
            && !self.is_allowed_endpoint(address, self.effective_port())
    }

    fn is_allowed_endpoint(&self, address: Ip, port: Option<u16>) -> bool {
        let is = |allowed: &SocketAddr| Ip::from(allowed.ip()) == address && Some(allowed.port()) == port;
        self.platform.allowed_endpoints().iter().any(is)
    }

    /// Adds a change of the port to the fix, and of the TLS mode when it does not go with that port.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.report.set_number(&[Key::Port], u32::from(port));
        if let (Some(expected), Some(security)) = (Security::of_port(port), self.effective_security())
            && expected != security
        {
            self.report.set(&[Key::Security], expected.name());
        }
    }

    /// The port, 25 when the field is absent; `None` when the field holds no port.
    pub(crate) fn effective_port(&self) -> Option<u16> {
        port_of(self.field(Key::Port))
    }

    /// The TLS mode, STARTTLS when the field is absent; `None` when the field holds no mode.
    pub(crate) fn effective_security(&self) -> Option<Security> {
        security_of(self.field(Key::Security))
    }

    /// Whether the operator allows the port.
    pub(crate) fn is_allowed_port(&self, port: u16) -> bool {
        PORTS.iter().any(|(known, _)| *known == port)
            || self.operators_ports().any(|allowed| allowed == port)
            || self.is_endpoint_port(port)
    }

    /// Whether the host is an address that the operator allows at exactly this port.
    fn is_endpoint_port(&self, port: u16) -> bool {
        match self.field(Key::Host) {
            Value::Text(host) if !self.platform.allowed_endpoints().is_empty() => {
                Ip::parse(host).is_some_and(|address| self.is_allowed_endpoint(address, Some(port)))
            }
            _ => false,
        }
    }

    /// The ports that the operator allows beside [`PORTS`].
    pub(crate) fn operators_ports(&self) -> impl Iterator<Item = u16> {
        let ports = split(self.options.allow_ports, b',');
        ports.filter_map(|port| u16::try_from(whole_number(port.trim_ascii())?).ok()).filter(|port| *port > 0)
    }

    /// The submission port for the TLS mode.
    pub(crate) fn best_port(&self) -> u32 {
        if self.effective_security() == Some(Security::Tls) { 465 } else { 587 }
    }

    /// How the session will authenticate. A misspelt method counts as the one that its fix sets, so that the fix brings
    /// up no new issue.
    pub(crate) fn method(&self) -> Method {
        method_of(self.field(Key::AuthMethod))
    }

    /// The result of looking up the host; `None` when it is no name.
    pub(crate) fn known_host(&mut self) -> Option<HostMatch<'a>> {
        if self.host.is_none() {
            self.host = self.plain_host().map(|host| self.platform.directory().recognise(&lower(&host)));
        }
        self.host
    }

    /// The provider whose server the host is.
    pub(crate) fn provider(&mut self) -> Option<&'a Preset> {
        match self.known_host()? {
            HostMatch::Server(preset) | HostMatch::SameProvider(preset) => Some(preset),
            _ => None,
        }
    }

    /// The host as A-labels, without white space and final dots. Its case may be as typed.
    fn plain_host(&self) -> Option<Cow<'a, [u8]>> {
        let Value::Text(text) = self.field(Key::Host) else { return None };
        let mut host = trim_bytes(text);
        while let Some(rest) = name::strip_dot(host) {
            host = rest;
        }
        if host.is_empty() || !name::is_ascii(host) {
            return name::ascii(host, self.platform).ok();
        }
        (host.len() <= MAX_NAME).then_some(Cow::Borrowed(host))
    }

    /// Reports control characters, with a fix where all of them are at the ends; or else white space at the ends.
    /// Beside that invisible characters, and the mark of bytes that were no Unicode.
    pub(crate) fn clean(&mut self, codes: &CleanCodes, path: &[Key], text: &[u8]) {
        let trimmed = trim_bytes(text);
        if has_control(text) {
            self.report.add_at(codes.control, path);
            if !trimmed.is_empty() && !has_control(trimmed) {
                self.report.set(&[], trimmed);
            }
        } else if trimmed.len() != text.len() {
            self.report.add_at(codes.whitespace, path);
            self.report.set(&[], trimmed);
        }
        if let Some(invisible) = codes.invisible.filter(|_| has_invisible(text)) {
            self.report.add_at(invisible, path);
            self.report.set(&[], &visible(text));
        }
        if has_replacement(text) {
            self.report.add_at(codes.replacement, path);
        }
    }

    /// Whether the text is a name in a browser, though the strict form of UTS 46 may refuse it.
    pub(crate) fn is_name(&self, name: &[u8]) -> bool {
        matches!(self.ascii_name(name), Ok(_) | Err(NameError::IdnRefused))
    }
}

/// The codes of a field that holds any text.
pub(crate) struct CleanCodes {
    pub(crate) control: Code,
    pub(crate) whitespace: Code,
    /// None for a text of people, where such characters may mean something.
    pub(crate) invisible: Option<Code>,
    pub(crate) replacement: Code,
}

/// The port of settings whose field holds this value.
pub(crate) fn port_of(field: Value<'_>) -> Option<u16> {
    match field {
        Value::Null => Some(DEFAULT_PORT),
        Value::Number(number) => whole_port(number),
        _ => None,
    }
}

/// The TLS mode of settings whose field holds this value.
pub(crate) fn security_of(field: Value<'_>) -> Option<Security> {
    match field {
        Value::Null => Some(Security::StartTls),
        Value::Text(text) => {
            [Security::StartTls, Security::Tls].into_iter().find(|security| text == security.name())
        }
        _ => None,
    }
}

/// The method of settings whose field holds this value; a misspelt one counts as the one that its fix sets.
pub(crate) fn method_of(field: Value<'_>) -> Method {
    match field {
        Value::Text(text) => meant_method(text).unwrap_or(Method::Password),
        _ => Method::Password,
    }
}

/// The port that a number is; `None` when it is none.
pub(crate) fn whole_port(number: f64) -> Option<u16> {
    // The cast saturates and drops the fraction, so a number that is out of range or not whole differs from it.
    let port = number as u16;
    (f64::from(port).to_bits() == number.to_bits() && port > 0).then_some(port)
}

/// The methods' names, in the order of their numbers.
pub(crate) const METHODS: [&[u8]; 3] = [b"password", b"oauth2", b"none"];

/// The method of exactly this name.
pub(crate) fn method(text: &[u8]) -> Option<Method> {
    let methods = [Method::Password, Method::OAuth2, Method::None];
    METHODS.iter().zip(methods).find(|(name, _)| **name == text).map(|(_, method)| method)
}

/// The method of this name, whatever its case and the white space around it.
pub(crate) fn meant_method(text: &[u8]) -> Option<Method> {
    let text = trim_bytes(text);
    if text.len() > 16 { None } else { method(&lower(text)) }
}
