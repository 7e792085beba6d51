//! The walk over a document, field by field in the order of [`Key`], and the rules of the fields that need few lines.

use alloc::vec::Vec;

use crate::catalogue::{Code, Param};
use crate::name;
use crate::packed::{Key, MAX_BYTES, Name, Object, Value, json_size, length_of, read, split_name};
use crate::platform::{Options, Platform};
use crate::ports::{PORTS, Security};
use crate::private::is_private;
use crate::report::Report;
use crate::rules::{CleanCodes, METHODS, Method, Rules, meant_method, method, whole_port};
use crate::text::{
    chars, find, has_control, lower, plain_hyphens, push_number, put, trim_bytes, trim_visible, unwrapped,
    visible, visible_name, whole_number,
};

const USERNAME: CleanCodes = CleanCodes {
    control: Code::UsernameControlCharacters,
    whitespace: Code::UsernameWhitespace,
    invisible: Some(Code::UsernameInvisibleCharacters),
    replacement: Code::UsernameReplacementCharacter,
};

const SENDER_NAME: CleanCodes = CleanCodes {
    control: Code::SenderNameControlCharacters,
    whitespace: Code::SenderNameWhitespace,
    invisible: None,
    replacement: Code::SenderNameReplacementCharacter,
};

/// Checks a packed document and leaves the issues in the report.
pub fn check<S: Platform>(document: &[u8], options: &Options<'_>, platform: &S, report: &mut Report) {
    report.clear();
    // A packed document is at most five times as long as its compact JSON: a short one need not be measured.
    let too_large =
        document.len() > MAX_BYTES / 5 && json_size(document).is_some_and(|size| size > MAX_BYTES);
    let code = match read(document) {
        _ if too_large => Code::SettingsTooLarge,
        Value::Object(object) => {
            let fields = [0; Key::FIELDS];
            return Rules {
                object,
                fields,
                options,
                platform,
                report,
                host: None,
                contacts: Vec::new(),
                contact: None,
            }
            .document();
        }
        Value::TooLarge => Code::SettingsTooLarge,
        Value::TooDeep => Code::SettingsTooDeep,
        _ => Code::SettingsNotAnObject,
    };
    report.add(code);
}

/// The fields of the document that the issues of one field depend on, that field included, as a mask of their
/// numbers.
pub fn needs(field: Key) -> u32 {
    let others: &[Key] = match field {
        Key::Host => &[Key::Port, Key::Security, Key::AuthMethod],
        Key::Port => &[Key::Host, Key::Security],
        Key::Security => &[Key::Port],
        Key::AuthMethod | Key::SenderAddress => &[Key::Host],
        Key::Username => &[Key::AuthMethod],
        Key::OAuth2 => &[Key::Host, Key::AuthMethod, Key::Username],
        Key::Password => &[Key::Host, Key::AuthMethod],
        _ => &[],
    };
    others.iter().fold(1 << field as u32, |mask, key| mask | 1 << *key as u32)
}

impl<S: Platform> Rules<'_, S> {
    /// Finds the fields, checks each, and reports the members that are no fields.
    fn document(&mut self) {
        let mut has_unknown = false;
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
                has_unknown = true;
            }
        }
        if let Some(key) = self.options.only {
            return self.check_field(key);
        }
        for key in Key::ALL.iter().take(Key::FIELDS) {
            self.check_field(*key);
        }
        if has_unknown {
            self.unknown(Code::SettingsUnknownKey, &[], self.object, |key| (key as usize) < Key::FIELDS);
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
            Key::Contacts => self.contacts(),
            _ => {}
        }
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

    fn security(&mut self) {
        let expected = self.effective_port().and_then(Security::of_port);
        let Some(security) = self.effective_security() else {
            return match self.field(Key::Security) {
                Value::Text(_) => {
                    let better = expected.unwrap_or(Security::StartTls);
                    self.report.suggest(Code::SecurityInvalid, better.name());
                }
                _ => self.report.add(Code::SecurityWrongType),
            };
        };
        if let (Some(expected), Some(port)) = (expected, self.effective_port())
            && expected != security
        {
            self.report.add(Code::SecurityPortMismatch);
            self.report.param_number(Param::Port, u32::from(port));
            self.report.suggestion(expected.name());
        }
    }

    /// All allowed ports, for a message.
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

    // Authentication

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
        if needed && trim_visible(text).is_empty() {
            return self.report.add(Code::UsernameRequired);
        }
        self.clean(&USERNAME, &[], text);
        if text.len() > 255 {
            self.too_long(Code::UsernameTooLong, &[], 255);
        }
        if !needed && !text.is_empty() {
            self.report.add(Code::UsernameUnused);
            self.report.remove(&[]);
        }
    }

    // Names and routing

    fn sender_name(&mut self) {
        let Some(text) = self.text(Key::SenderName, Code::SenderNameWrongType) else { return };
        self.clean(&SENDER_NAME, &[], text);
        let seen = visible_name(text);
        if seen.len() != text.len() {
            self.report.add(Code::SenderNameInvisibleCharacters);
            self.report.set(&[], &seen);
        }
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
        let usable = |rules: &Self, name: &[u8]| {
            name::is_ascii(name)
                && find(name, b'.').is_some()
                && !name::is_numeric(name)
                && rules.ascii_name(name).is_ok()
        };
        if !name.is_empty() && !usable(self, name) {
            self.report.add(Code::EhloNameInvalid);
            let plain = plain_hyphens(&visible(name));
            let plain = unwrapped(&plain);
            if usable(self, plain) {
                self.report.set(&[], plain);
            }
        } else if is_private(&lower(name)) {
            self.report.add(Code::EhloNameNotPublic);
        }
    }

    fn routing(&mut self) {
        let object = match self.field(Key::Routing) {
            Value::Null => return,
            Value::Object(object) => object,
            _ => return self.report.add(Code::RoutingWrongType),
        };
        for category in Key::CATEGORIES {
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
        self.unknown(Code::RoutingUnknownCategory, &[Key::Routing], object, |key| {
            Key::CATEGORIES.contains(&key)
        });
    }

    /// Checks a member that is `platform` or one other word.
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
