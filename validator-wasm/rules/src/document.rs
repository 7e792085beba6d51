//! The walk over the document, field by field in the order of CONTRACT §1, and the fields that need few words.

use alloc::borrow::Cow;
use alloc::string::String;
use core::net::{IpAddr, SocketAddr};

use crate::address::{is_allowed, is_forbidden, whole_number};
use crate::catalogue::{Code, Param};
use crate::name::{self, Idn, NameError};
use crate::packed::{Key, MAX_BYTES, Name, Object, Value, json_size, read};
use crate::presets::{self, Preset, mode};
use crate::report::Scalar::{Null, Number, Text};
use crate::report::{Change, Report};
use crate::text::{has_control, lower, push_number, trim};

/// What the operator allows beside the contract's defaults. Lists are text, as in CONTRACT §9.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Ports, separated by commas.
    pub allow_ports: &'a str,
    /// Networks that may be dialled although they are not public, separated by commas.
    pub allow_networks: &'a str,
    /// Exact endpoints that may be dialled although they are not public.
    pub allow_endpoints: &'a [SocketAddr],
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

/// The steps that browser and server do not do alike.
pub trait Shell {
    /// Turns a name that is not ASCII, or has labels in A-form, into A-labels by UTS 46.
    fn idn(&self, name: &str) -> Idn;

    /// Judges a certificate whose structure is right. The browser has no say.
    fn certificate(&self, der: &[u8]) -> Option<CertificateProblem> {
        let _ = der;
        None
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
pub fn check(document: &[u8], options: &Options<'_>, shell: &dyn Shell, report: &mut Report) {
    report.clear();
    // A packed document is at most five times as long as its compact JSON, which need not be measured then.
    let too_large =
        document.len() > MAX_BYTES / 5 && json_size(document).is_some_and(|size| size > MAX_BYTES);
    let code = match read(document) {
        _ if too_large => Code::SettingsTooLarge,
        Value::Object(object) => {
            let mut fields = [Value::Null; Key::TOP];
            for (name, value) in object.members() {
                if let Name::Known(key) = name
                    && let Some(field) = fields.get_mut(key as usize)
                {
                    *field = value;
                }
            }
            return Rules { fields, options, shell, report }.document(object);
        }
        Value::TooLarge => Code::SettingsTooLarge,
        Value::TooDeep => Code::SettingsTooDeep,
        _ => Code::SettingsNotAnObject,
    };
    report.add(code, &[], &[], &[]);
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
pub(crate) struct Rules<'a> {
    fields: [Value<'a>; Key::TOP],
    options: &'a Options<'a>,
    pub(crate) shell: &'a dyn Shell,
    pub(crate) report: &'a mut Report,
}

impl<'a> Rules<'a> {
    fn document(mut self, object: Object<'a>) {
        if let Some(key) = self.options.only {
            return self.check_field(key);
        }
        for key in Key::ALL.iter().take(Key::TOP) {
            self.check_field(*key);
        }
        self.unknown(Code::SettingsUnknownKey, &[], object, |key| (key as usize) < Key::TOP);
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
        self.fields.get(key as usize).copied().unwrap_or(Value::Null)
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
                name => self.report.add_unknown(code, parent, name.text()),
            }
        }
    }

    pub(crate) fn too_long(&mut self, code: Code, path: &[Key], max: usize) {
        self.report.add(code, path, &[(Param::Max, Number(max as u32))], &[]);
    }

    /// The name as A-labels.
    pub(crate) fn ascii_name<'t>(&self, name: &'t str) -> Result<Cow<'t, str>, NameError<'t>> {
        name::ascii(name, &|name| self.shell.idn(name))
    }

    /// Whether the address may not be dialled, at the port of these settings.
    pub(crate) fn is_forbidden(&self, address: IpAddr) -> bool {
        is_forbidden(address)
            && !is_allowed(address, self.options.allow_networks)
            && !self.is_allowed_endpoint(address, self.effective_port())
    }

    fn is_allowed_endpoint(&self, address: IpAddr, port: Option<u16>) -> bool {
        let endpoint = port.map(|port| SocketAddr::new(address, port));
        endpoint.is_some_and(|endpoint| self.options.allow_endpoints.contains(&endpoint))
    }

    // Port and TLS mode

    fn port(&mut self) {
        let path = &[Key::Port];
        match self.field(Key::Port) {
            Value::Null => {}
            Value::Number(number) => match whole_port(number) {
                None => return self.report.add(Code::PortInvalid, path, &[], &[]),
                Some(port) if !self.is_allowed_port(port) => {
                    let allowed = self.allowed_ports();
                    let params = [(Param::Port, Number(u32::from(port))), (Param::Allowed, Text(&allowed))];
                    return self.report.add(
                        Code::PortNotAllowed,
                        path,
                        &params,
                        &[(path, Number(self.best_port()))],
                    );
                }
                Some(_) => {}
            },
            Value::Text(text) => {
                let port = whole_number(trim(text)).and_then(|port| u16::try_from(port).ok());
                let Some(port) = port.filter(|port| self.is_allowed_port(*port)) else {
                    return self.report.add(Code::PortWrongType, path, &[], &[]);
                };
                let changes = [(&path[..], Number(u32::from(port))), Self::security_for(port)];
                let count = if self.goes_with(port) { 1 } else { 2 };
                return self.report.add(
                    Code::PortWrongType,
                    path,
                    &[],
                    changes.get(..count).unwrap_or(&changes),
                );
            }
            _ => return self.report.add(Code::PortWrongType, path, &[], &[]),
        }
        if self.effective_port() == Some(25) {
            let better = self.best_port();
            self.report.add(
                Code::PortOftenBlocked,
                path,
                &[(Param::Suggestion, Number(better))],
                &[(path, Number(better))],
            );
        }
    }

    fn security(&mut self) {
        let path = &[Key::Security];
        let natural = self.effective_port().and_then(natural_mode).unwrap_or(false);
        let tls = match self.field(Key::Security) {
            Value::Null | Value::Text("starttls") => false,
            Value::Text("tls") => true,
            Value::Text(_) => {
                let better = Text(mode(natural));
                let params = [(Param::Suggestion, better)];
                return self.report.add(Code::SecurityInvalid, path, &params, &[(path, better)]);
            }
            _ => return self.report.add(Code::SecurityWrongType, path, &[], &[]),
        };
        if let Some(port) = self.effective_port()
            && natural_mode(port).is_some_and(|natural| natural != tls)
        {
            let better = Text(mode(natural));
            let params = [(Param::Port, Number(u32::from(port))), (Param::Suggestion, better)];
            self.report.add(Code::SecurityPortMismatch, path, &params, &[(path, better)]);
        }
    }

    fn effective_port(&self) -> Option<u16> {
        match self.field(Key::Port) {
            Value::Null => Some(DEFAULT_PORT),
            Value::Number(number) => whole_port(number),
            _ => None,
        }
    }

    /// The TLS mode; `None` when what is there is none.
    fn effective_tls(&self) -> Option<bool> {
        match self.field(Key::Security) {
            Value::Null | Value::Text("starttls") => Some(false),
            Value::Text("tls") => Some(true),
            _ => None,
        }
    }

    pub(crate) fn is_allowed_port(&self, port: u16) -> bool {
        PORTS.iter().any(|(known, _)| *known == port)
            || self.operators_ports().any(|allowed| allowed == port)
            || self.is_endpoint_port(port)
    }

    /// Whether the host is an address that the operator allows at exactly this port.
    fn is_endpoint_port(&self, port: u16) -> bool {
        match self.field(Key::Host) {
            Value::Text(host) if !self.options.allow_endpoints.is_empty() => {
                host.parse().is_ok_and(|address| self.is_allowed_endpoint(address, Some(port)))
            }
            _ => false,
        }
    }

    fn operators_ports(&self) -> impl Iterator<Item = u16> {
        let ports = self.options.allow_ports.split(',');
        ports.filter_map(|port| u16::try_from(whole_number(port.trim_ascii())?).ok()).filter(|port| *port > 0)
    }

    fn allowed_ports(&self) -> String {
        let mut text = String::new();
        for port in PORTS.iter().map(|(port, _)| *port).chain(self.operators_ports()) {
            if !text.is_empty() {
                text.push_str(", ");
            }
            push_number(&mut text, u32::from(port));
        }
        text
    }

    /// The submission port for the TLS mode.
    fn best_port(&self) -> u32 {
        if self.effective_tls() == Some(true) { 465 } else { 587 }
    }

    /// Whether the TLS mode would go with this port.
    pub(crate) fn goes_with(&self, port: u16) -> bool {
        match (natural_mode(port), self.effective_tls()) {
            (Some(natural), Some(tls)) => natural == tls,
            _ => true,
        }
    }

    /// The change to the TLS mode that goes with this port.
    pub(crate) fn security_for<'c>(port: u16) -> Change<'c> {
        (&[Key::Security], Text(mode(natural_mode(port).unwrap_or(false))))
    }

    // Authentication

    /// How the session will authenticate; what is no method counts as the one it was probably meant to be, so
    /// that its fix brings up nothing new.
    pub(crate) fn method(&self) -> Method {
        match self.field(Key::AuthMethod) {
            Value::Text(text) => method(text).or_else(|| meant_method(text)).unwrap_or(Method::Password),
            _ => Method::Password,
        }
    }

    /// The provider whose server the host is.
    pub(crate) fn provider(&self) -> Option<&'static Preset> {
        match presets::recognise(&self.plain_host()?) {
            presets::Known::Server(preset) | presets::Known::Theirs(preset) => Some(preset),
            _ => None,
        }
    }

    fn auth_method(&mut self) {
        let path = &[Key::AuthMethod];
        match self.field(Key::AuthMethod) {
            Value::Null => {}
            Value::Text(text) if method(text).is_some() => {}
            Value::Text(text) => {
                let name = match meant_method(text) {
                    Some(Method::Password) => "password",
                    Some(Method::OAuth2) => "oauth2",
                    Some(Method::None) => "none",
                    None => return self.report.add(Code::AuthMethodInvalid, path, &[], &[]),
                };
                return self.report.add(Code::AuthMethodInvalid, path, &[], &[(path, Text(name))]);
            }
            _ => return self.report.add(Code::AuthMethodWrongType, path, &[], &[]),
        }
        if self.method() == Method::Password
            && let Some(provider) = self.provider().filter(|provider| provider.password_ending())
        {
            let params = [(Param::Provider, Text(provider.name))];
            self.report.add(Code::AuthMethodPasswordEnding, path, &params, &[]);
        }
    }

    fn username(&mut self) {
        let path = &[Key::Username];
        let needed = self.method() != Method::None;
        match self.field(Key::Username) {
            Value::Null | Value::Text("") if needed => {
                self.report.add(Code::UsernameRequired, path, &[], &[]);
            }
            Value::Null | Value::Text("") => {}
            Value::Text(text) => {
                let trimmed = trim(text);
                if trimmed.is_empty() && needed {
                    return self.report.add(Code::UsernameRequired, path, &[], &[]);
                }
                if has_control(text) {
                    self.cleaned(Code::UsernameControlCharacters, path, text);
                } else if trimmed.len() != text.len() {
                    self.report.add(Code::UsernameWhitespace, path, &[], &[(path, Text(trimmed))]);
                }
                if text.len() > 255 {
                    self.too_long(Code::UsernameTooLong, path, 255);
                }
                if !needed {
                    self.report.add(Code::UsernameUnused, path, &[], &[(path, Null)]);
                }
            }
            _ => self.report.add(Code::UsernameWrongType, path, &[], &[]),
        }
    }

    /// Control characters; the fix, where they all stand at the ends.
    pub(crate) fn cleaned(&mut self, code: Code, path: &[Key], text: &str) {
        let trimmed = trim(text);
        let changes = [(path, Text(trimmed))];
        let curable = !trimmed.is_empty() && !has_control(trimmed);
        self.report.add(code, path, &[], if curable { &changes } else { &[] });
    }

    // Names and routing

    fn sender_name(&mut self) {
        let path = &[Key::SenderName];
        match self.field(Key::SenderName) {
            Value::Null => {}
            Value::Text(text) => {
                if has_control(text) {
                    self.cleaned(Code::SenderNameControlCharacters, path, text);
                } else if trim(text).len() != text.len() {
                    self.report.add(Code::SenderNameWhitespace, path, &[], &[(path, Text(trim(text)))]);
                }
                if text.chars().nth(256).is_some() {
                    self.too_long(Code::SenderNameTooLong, path, 256);
                }
            }
            _ => self.report.add(Code::SenderNameWrongType, path, &[], &[]),
        }
    }

    fn ehlo_name(&mut self) {
        let path = &[Key::EhloName];
        match self.field(Key::EhloName) {
            Value::Null | Value::Text("") => {}
            Value::Text(text) => {
                let name = trim(text);
                if name.len() != text.len() {
                    let params = [(Param::Suggestion, Text(name))];
                    let fix = [(&path[..], if name.is_empty() { Null } else { Text(name) })];
                    self.report.add(Code::EhloNameWhitespace, path, &params, &fix);
                }
                if has_control(name) {
                    return self.report.add(Code::EhloNameControlCharacters, path, &[], &[]);
                }
                let usable = name.is_ascii()
                    && name.contains('.')
                    && !name::is_numeric(name)
                    && self.ascii_name(name).is_ok();
                if !name.is_empty() && !usable {
                    self.report.add(Code::EhloNameInvalid, path, &[], &[]);
                }
            }
            _ => self.report.add(Code::EhloNameWrongType, path, &[], &[]),
        }
    }

    fn routing(&mut self) {
        const CATEGORIES: [Key; 4] =
            [Key::Notification, Key::RightsRequest, Key::AuditInvitation, Key::UserInvitation];
        let object = match self.field(Key::Routing) {
            Value::Null => return,
            Value::Object(object) => object,
            _ => return self.report.add(Code::RoutingWrongType, &[Key::Routing], &[], &[]),
        };
        for category in CATEGORIES {
            let path = [Key::Routing, category];
            match object.get(category) {
                Value::Null => {}
                Value::Object(route) => {
                    self.choice(Code::RoutingViaInvalid, path, Key::Via, route, "relay");
                    self.choice(Code::RoutingOnFailureInvalid, path, Key::OnFailure, route, "hold");
                    self.unknown(Code::RoutingUnknownKey, &path, route, |key| {
                        matches!(key, Key::Via | Key::OnFailure)
                    });
                }
                _ => self.report.add(Code::RoutingWrongType, &path, &[], &[]),
            }
        }
        self.unknown(Code::RoutingUnknownCategory, &[Key::Routing], object, |key| CATEGORIES.contains(&key));
    }

    /// A member that is `platform` or one other word.
    fn choice(&mut self, code: Code, parent: [Key; 2], key: Key, route: Object<'_>, other: &str) {
        let path = &[parent[0], parent[1], key];
        match route.get(key) {
            Value::Null => {}
            Value::Text(text) if text == other || text == "platform" => {}
            Value::Text(_) => self.report.add(code, path, &[], &[]),
            _ => self.report.add(Code::RoutingWrongType, path, &[], &[]),
        }
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

fn method(text: &str) -> Option<Method> {
    Some(match text {
        "password" => Method::Password,
        "oauth2" => Method::OAuth2,
        "none" => Method::None,
        _ => return None,
    })
}

fn meant_method(text: &str) -> Option<Method> {
    let text = trim(text);
    if text.len() > 16 { None } else { method(&lower(text)) }
}
