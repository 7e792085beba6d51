//! The walk over the document, field by field in the order of CONTRACT §1, and the fields that need few words.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::address::Ip;
use crate::catalogue::{Code, Param};
use crate::name::{self, Idn, NameError};
use crate::packed::{Key, MAX_BYTES, Name, Object, Value, json_size, length_of, read, split_name};
use crate::presets::{Directory, Known, Preset, mode};
use crate::report::Report;
use crate::text::{chars, find, has_control, lower, push_number, put, split, trim_bytes, whole_number};

/// What the operator allows beside the contract's defaults. Lists are text, as in CONTRACT §9.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Ports, separated by commas.
    pub allow_ports: &'a [u8],
    /// Networks that may be dialled although they are not public, separated by commas.
    pub allow_networks: &'a [u8],
    /// Check this field of the document alone.
    pub only: Option<Key>,
}

/// What a shell's certificate parser and clock say of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It vouches for no other.
    NotACa,
}

/// What browser and server do not have alike.
pub trait Shell {
    /// Turns a name that is not ASCII, or has labels in A-form, into A-labels by UTS 46.
    fn idn(&self, name: &[u8]) -> Idn;

    /// The providers.
    fn directory(&self) -> &Directory;

    /// Judges a certificate whose structure is right. The browser has no say.
    fn certificate(&self, der: &[u8]) -> Option<CertificateProblem> {
        let _ = der;
        None
    }

    /// Exact endpoints that may be dialled although they are not public. No page knows of any.
    fn allowed_endpoints(&self) -> &[SocketAddr] {
        &[]
    }
}

/// The ports that CONTRACT §1 allows, with the TLS mode that goes with each: implicit or not.
pub const PORTS: [(u16, bool); 6] =
    [(25, false), (465, true), (587, false), (2525, false), (2465, true), (2587, false)];
const DEFAULT_PORT: u16 = 25;

/// How the session authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Password,
    OAuth2,
    None,
}

/// Checks a packed document and leaves the issues in the report.
pub fn check<S: Shell>(document: &[u8], options: &Options<'_>, shell: &S, report: &mut Report) {
    report.clear();
    // A packed document is at most five times as long as its compact JSON, which need not be measured then.
    let too_large =
        document.len() > MAX_BYTES / 5 && json_size(document).is_some_and(|size| size > MAX_BYTES);
    let code = match read(document) {
        _ if too_large => Code::SettingsTooLarge,
        Value::Object(object) => {
            return Rules { object, fields: [0; Key::TOP], options, shell, report, host: None }.document();
        }
        Value::TooLarge => Code::SettingsTooLarge,
        Value::TooDeep => Code::SettingsTooDeep,
        _ => Code::SettingsNotAnObject,
    };
    report.add(code);
}

/// Which fields of the document the issues of one field depend on, that field included, as a mask of their
/// numbers.
pub fn needs(field: Key) -> u32 {
    let others: &[Key] = match field {
        Key::Host => &[Key::Port, Key::Security],
        Key::Port => &[Key::Host, Key::Security],
        Key::Security => &[Key::Port],
        Key::AuthMethod | Key::SenderAddress => &[Key::Host],
        Key::Username | Key::OAuth2 => &[Key::AuthMethod],
        Key::Password => &[Key::Host, Key::AuthMethod],
        _ => &[],
    };
    others.iter().fold(1 << field as u32, |mask, key| mask | 1 << *key as u32)
}

/// A document under the rules.
pub(crate) struct Rules<'a, S> {
    object: Object<'a>,
    /// For each field, how many bytes of the object are left where its value starts; 0 when it is absent. Values
    /// are decoded where they are asked for: to copy them costs more.
    fields: [u32; Key::TOP],
    options: &'a Options<'a>,
    pub(crate) shell: &'a S,
    pub(crate) report: &'a mut Report,
    /// What the host is to the providers, once it has been looked up.
    host: Option<Known<'a>>,
}

impl<'a, S: Shell> Rules<'a, S> {
    /// Finds the fields, checks them, and names the members that are none, if there are any.
    fn document(&mut self) {
        let mut strangers = false;
        let mut rest = self.object.0;
        while let Some((name, value)) = split_name(rest)
            && let Some(after) = value.get(length_of(value)..).filter(|after| after.len() < value.len())
        {
            rest = after;
            if let Name::Known(key) = name
                && let Some(field) = self.fields.get_mut(key as usize)
            {
                *field = value.len() as u32;
            } else {
                strangers = true;
            }
        }
        if let Some(key) = self.options.only {
            return self.check_field(key);
        }
        for key in Key::ALL.iter().take(Key::TOP) {
            self.check_field(*key);
        }
        if strangers {
            self.unknown(Code::SettingsUnknownKey, &[], self.object, |key| (key as usize) < Key::TOP);
        }
    }

    fn check_field(&mut self, key: Key) {
        match key {
            Key::Host => self.host(),
            Key::Port => self.port(),
            Key::Security => self.security(),
            Key::AuthMethod => self.auth_method(),
            Key::Username => self.username(),
            Key::Password => self.password(),
            Key::OAuth2 => self.oauth2(),
            Key::SenderAddress => self.sender_address(),
            Key::SenderName => self.sender_name(),
            Key::ReplyTo => self.reply_to(),
            Key::EhloName => self.ehlo_name(),
            Key::CaPem => self.ca_pem(),
            Key::Routing => self.routing(),
            _ => {}
        }
    }

    pub(crate) fn field(&self, key: Key) -> Value<'a> {
        let left = self.fields.get(key as usize).map_or(0, |left| *left as usize);
        if left == 0 {
            return Value::Null;
        }
        self.object.0.get(self.object.0.len().wrapping_sub(left)..).map_or(Value::Null, read)
    }

    /// The text of a field, which is empty when there is none; `None` when it is reported as no text.
    pub(crate) fn text(&mut self, key: Key, wrong_type: Code) -> Option<&'a [u8]> {
        self.text_at(self.field(key), wrong_type, &[])
    }

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

    pub(crate) fn too_long(&mut self, code: Code, path: &[Key], max: usize) {
        self.report.add_at(code, path);
        self.report.param_number(Param::Max, max as u32);
    }

    /// The name as A-labels.
    pub(crate) fn ascii_name<'t>(&self, name: &'t [u8]) -> Result<Cow<'t, [u8]>, NameError<'t>> {
        name::ascii(name, self.shell)
    }

    /// Whether the address may not be dialled, at the port of these settings.
    pub(crate) fn is_forbidden(&self, address: Ip) -> bool {
        address.is_forbidden()
            && !address.is_within(self.options.allow_networks)
            && !self.is_allowed_endpoint(address, self.effective_port())
    }

    fn is_allowed_endpoint(&self, address: Ip, port: Option<u16>) -> bool {
        let is = |allowed: &SocketAddr| Ip::from(allowed.ip()) == address && Some(allowed.port()) == port;
        self.shell.allowed_endpoints().iter().any(is)
    }

    // Port and TLS mode

    fn port(&mut self) {
        match self.field(Key::Port) {
            Value::Null => {}
            Value::Number(number) => match whole_port(number) {
                None => return self.report.add(Code::PortInvalid),
                Some(port) if !self.is_allowed_port(port) => {
                    let allowed = self.allowed_ports();
                    self.report.add(Code::PortNotAllowed);
                    self.report.param_number(Param::Port, u32::from(port));
                    self.report.param(Param::Allowed, &allowed);
                    return self.report.set_number(&[], self.best_port());
                }
                Some(_) => {}
            },
            Value::Text(text) => {
                let port = whole_number(trim_bytes(text)).and_then(|port| u16::try_from(port).ok());
                self.report.add(Code::PortWrongType);
                if let Some(port) = port.filter(|port| self.is_allowed_port(*port)) {
                    self.set_port(port);
                }
                return;
            }
            _ => return self.report.add(Code::PortWrongType),
        }
        if self.effective_port() == Some(25) {
            self.report.suggest_number(Code::PortOftenBlocked, self.best_port());
        }
    }

    /// A change of the port, and of the TLS mode when it does not go with that port.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.report.set_number(&[Key::Port], u32::from(port));
        if let (Some(natural), Some(tls)) = (natural_mode(port), self.effective_tls())
            && natural != tls
        {
            self.report.set(&[Key::Security], mode(natural));
        }
    }

    fn security(&mut self) {
        let natural = self.effective_port().and_then(natural_mode);
        let Some(tls) = self.effective_tls() else {
            return match self.field(Key::Security) {
                Value::Text(_) => {
                    self.report.suggest(Code::SecurityInvalid, mode(natural.unwrap_or(false)));
                }
                _ => self.report.add(Code::SecurityWrongType),
            };
        };
        if let (Some(natural), Some(port)) = (natural, self.effective_port())
            && natural != tls
        {
            self.report.add(Code::SecurityPortMismatch);
            self.report.param_number(Param::Port, u32::from(port));
            self.report.suggestion(mode(natural));
        }
    }

    fn effective_port(&self) -> Option<u16> {
        port_of(self.field(Key::Port))
    }

    /// The TLS mode; `None` when what is there is none.
    fn effective_tls(&self) -> Option<bool> {
        tls_of(self.field(Key::Security))
    }

    pub(crate) fn is_allowed_port(&self, port: u16) -> bool {
        PORTS.iter().any(|(known, _)| *known == port)
            || self.operators_ports().any(|allowed| allowed == port)
            || self.is_endpoint_port(port)
    }

    /// Whether the host is an address that the operator allows at exactly this port.
    fn is_endpoint_port(&self, port: u16) -> bool {
        match self.field(Key::Host) {
            Value::Text(host) if !self.shell.allowed_endpoints().is_empty() => {
                Ip::parse(host).is_some_and(|address| self.is_allowed_endpoint(address, Some(port)))
            }
            _ => false,
        }
    }

    fn operators_ports(&self) -> impl Iterator<Item = u16> {
        let ports = split(self.options.allow_ports, b',');
        ports.filter_map(|port| u16::try_from(whole_number(port.trim_ascii())?).ok()).filter(|port| *port > 0)
    }

    fn allowed_ports(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for port in PORTS.iter().map(|(port, _)| *port).chain(self.operators_ports()) {
            if !text.is_empty() {
                put(&mut text, b", ");
            }
            push_number(&mut text, u32::from(port));
        }
        text
    }

    /// The submission port for the TLS mode.
    fn best_port(&self) -> u32 {
        if self.effective_tls() == Some(true) { 465 } else { 587 }
    }

    // Authentication

    /// How the session will authenticate; what is no method counts as the one it was probably meant to be, so
    /// that its fix brings up nothing new.
    pub(crate) fn method(&self) -> Method {
        method_of(self.field(Key::AuthMethod))
    }

    /// What the host is to the providers we know; nothing when it is no plain name.
    pub(crate) fn known_host(&mut self) -> Option<Known<'a>> {
        if self.host.is_none() {
            self.host = self.plain_host().map(|host| self.shell.directory().recognise(&lower(host)));
        }
        self.host
    }

    /// The provider whose server the host is.
    pub(crate) fn provider(&mut self) -> Option<&'a Preset> {
        match self.known_host()? {
            Known::Server(preset) | Known::Theirs(preset) => Some(preset),
            _ => None,
        }
    }

    fn auth_method(&mut self) {
        let Some(text) = self.text(Key::AuthMethod, Code::AuthMethodWrongType) else { return };
        if method(text).is_none() && !matches!(self.field(Key::AuthMethod), Value::Null) {
            self.report.add(Code::AuthMethodInvalid);
            if let Some(method) = meant_method(text) {
                self.report.set(&[], METHODS.get(method as usize).copied().unwrap_or_default());
            }
            return;
        }
        if self.method() == Method::Password
            && let Some(provider) = self.provider().filter(|provider| provider.password_ending())
        {
            self.report.add(Code::AuthMethodPasswordEnding);
            self.report.param(Param::Provider, provider.name);
        }
    }

    fn username(&mut self) {
        let needed = self.method() != Method::None;
        let Some(text) = self.text(Key::Username, Code::UsernameWrongType) else { return };
        let trimmed = trim_bytes(text);
        if trimmed.is_empty() && needed {
            return self.report.add(Code::UsernameRequired);
        }
        self.clean(Code::UsernameControlCharacters, Code::UsernameWhitespace, &[], text);
        if text.len() > 255 {
            self.too_long(Code::UsernameTooLong, &[], 255);
        }
        if !needed && !text.is_empty() {
            self.report.add(Code::UsernameUnused);
            self.report.remove(&[]);
        }
    }

    /// Control characters, with the fix where they all stand at the ends; or else white space at the ends.
    pub(crate) fn clean(&mut self, control: Code, whitespace: Code, path: &[Key], text: &[u8]) {
        let trimmed = trim_bytes(text);
        if has_control(text) {
            self.report.add_at(control, path);
            if !trimmed.is_empty() && !has_control(trimmed) {
                self.report.set(&[], trimmed);
            }
        } else if trimmed.len() != text.len() {
            self.report.add_at(whitespace, path);
            self.report.set(&[], trimmed);
        }
    }

    // Names and routing

    fn sender_name(&mut self) {
        let Some(text) = self.text(Key::SenderName, Code::SenderNameWrongType) else { return };
        self.clean(Code::SenderNameControlCharacters, Code::SenderNameWhitespace, &[], text);
        if text.len() > 256 && chars(text).count() > 256 {
            self.too_long(Code::SenderNameTooLong, &[], 256);
        }
    }

    fn ehlo_name(&mut self) {
        let Some(text) = self.text(Key::EhloName, Code::EhloNameWrongType) else { return };
        let name = trim_bytes(text);
        if name.len() != text.len() {
            self.report.add(Code::EhloNameWhitespace);
            self.report.param(Param::Suggestion, name);
            if name.is_empty() {
                self.report.remove(&[]);
            } else {
                self.report.set(&[], name);
            }
        }
        if has_control(name) {
            return self.report.add(Code::EhloNameControlCharacters);
        }
        let usable = name::is_ascii(name)
            && find(name, b'.').is_some()
            && !name::is_numeric(name)
            && self.ascii_name(name).is_ok();
        if !name.is_empty() && !usable {
            self.report.add(Code::EhloNameInvalid);
        }
    }

    fn routing(&mut self) {
        const CATEGORIES: [Key; 4] =
            [Key::Notification, Key::RightsRequest, Key::AuditInvitation, Key::UserInvitation];
        let object = match self.field(Key::Routing) {
            Value::Null => return,
            Value::Object(object) => object,
            _ => return self.report.add(Code::RoutingWrongType),
        };
        for category in CATEGORIES {
            let path = [Key::Routing, category];
            match object.get(category) {
                Value::Null => {}
                Value::Object(route) => {
                    self.choice(Code::RoutingViaInvalid, category, Key::Via, route, b"relay");
                    self.choice(Code::RoutingOnFailureInvalid, category, Key::OnFailure, route, b"hold");
                    self.unknown(Code::RoutingUnknownKey, &path, route, |key| {
                        matches!(key, Key::Via | Key::OnFailure)
                    });
                }
                _ => self.report.add_at(Code::RoutingWrongType, &path),
            }
        }
        self.unknown(Code::RoutingUnknownCategory, &[Key::Routing], object, |key| CATEGORIES.contains(&key));
    }

    /// A member that is `platform` or one other word.
    fn choice(&mut self, code: Code, category: Key, key: Key, route: Object<'_>, other: &[u8]) {
        let code = match route.get(key) {
            Value::Null => return,
            Value::Text(text) if text == other || text == b"platform" => return,
            Value::Text(_) => code,
            _ => Code::RoutingWrongType,
        };
        self.report.add_at(code, &[Key::Routing, category, key]);
    }
}

/// The port of settings whose field holds this value; `None` when it is no port.
pub(crate) fn port_of(field: Value<'_>) -> Option<u16> {
    match field {
        Value::Null => Some(DEFAULT_PORT),
        Value::Number(number) => whole_port(number),
        _ => None,
    }
}

/// Whether settings whose field holds this value begin with TLS; `None` when it is no mode.
pub(crate) fn tls_of(field: Value<'_>) -> Option<bool> {
    match field {
        Value::Null => Some(false),
        Value::Text(text) if text == mode(false) => Some(false),
        Value::Text(text) if text == mode(true) => Some(true),
        _ => None,
    }
}

/// The method of settings whose field holds this value: the one that was probably meant when it is none.
pub(crate) fn method_of(field: Value<'_>) -> Method {
    match field {
        Value::Text(text) => meant_method(text).unwrap_or(Method::Password),
        _ => Method::Password,
    }
}

fn whole_port(number: f64) -> Option<u16> {
    // The cast saturates and drops the fraction, so what is out of range or no whole number differs from it.
    let port = number as u16;
    (f64::from(port).to_bits() == number.to_bits() && port > 0).then_some(port)
}

fn natural_mode(port: u16) -> Option<bool> {
    PORTS.iter().find(|(known, _)| *known == port).map(|(_, tls)| *tls)
}

/// The methods' names, in the order of their numbers.
const METHODS: [&[u8]; 3] = [b"password", b"oauth2", b"none"];

fn method(text: &[u8]) -> Option<Method> {
    let methods = [Method::Password, Method::OAuth2, Method::None];
    METHODS.iter().zip(methods).find(|(name, _)| **name == text).map(|(_, method)| method)
}

fn meant_method(text: &[u8]) -> Option<Method> {
    let text = trim_bytes(text);
    if text.len() > 16 { None } else { method(&lower(text)) }
}
