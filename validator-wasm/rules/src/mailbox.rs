//! Mail addresses as MAIL FROM, From and Reply-To take them: RFC 5321 without address literals, RFC 5322
//! without comments, folding and the obsolete forms.

use alloc::string::String;

use crate::catalogue::{Code, Param};
use crate::document::Rules;
use crate::host::MAX_TEXT;
use crate::name::{self, NameError};
use crate::packed::{Key, Value};
use crate::report::Scalar::Text;
use crate::text::{has_control, is_control, is_invisible, is_space, lower, trim};
use crate::{presets, typo};

/// The longest local part and address, in octets (RFC 5321 §4.5.3.1).
const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 254;

/// The codes of a field that holds an address.
struct Codes {
    key: Key,
    wrong_type: Code,
    whitespace: Code,
    control_characters: Code,
    display_name: Code,
    invalid: Code,
    too_long: Code,
    idn_refused: Code,
    mixed_script: Code,
    non_ascii_local: Code,
    typo: Code,
}

const SENDER: Codes = Codes {
    key: Key::SenderAddress,
    wrong_type: Code::SenderAddressWrongType,
    whitespace: Code::SenderAddressWhitespace,
    control_characters: Code::SenderAddressControlCharacters,
    display_name: Code::SenderAddressDisplayName,
    invalid: Code::SenderAddressInvalid,
    too_long: Code::SenderAddressTooLong,
    idn_refused: Code::SenderAddressIdnRefused,
    mixed_script: Code::SenderAddressMixedScript,
    non_ascii_local: Code::SenderAddressNonAsciiLocal,
    typo: Code::SenderAddressTypo,
};

const REPLY_TO: Codes = Codes {
    key: Key::ReplyTo,
    wrong_type: Code::ReplyToWrongType,
    whitespace: Code::ReplyToWhitespace,
    control_characters: Code::ReplyToControlCharacters,
    display_name: Code::ReplyToDisplayName,
    invalid: Code::ReplyToInvalid,
    too_long: Code::ReplyToTooLong,
    idn_refused: Code::ReplyToIdnRefused,
    mixed_script: Code::ReplyToMixedScript,
    non_ascii_local: Code::ReplyToNonAsciiLocal,
    typo: Code::ReplyToTypo,
};

impl Rules<'_> {
    pub(crate) fn sender_address(&mut self) {
        match self.field(Key::SenderAddress) {
            Value::Null => self.report.add(Code::SenderAddressRequired, &[Key::SenderAddress], &[], &[]),
            Value::Text(text) if trim(text).is_empty() => {
                self.report.add(Code::SenderAddressRequired, &[Key::SenderAddress], &[], &[]);
            }
            value => {
                if let Some(domain) = self.address(&SENDER, value) {
                    self.sender_and_host(&domain);
                }
            }
        }
    }

    pub(crate) fn reply_to(&mut self) {
        match self.field(Key::ReplyTo) {
            Value::Null | Value::Text("") => {}
            value => {
                self.address(&REPLY_TO, value);
            }
        }
    }

    /// Checks an address; its domain as A-labels in lower case, when it can be used.
    fn address(&mut self, codes: &Codes, value: Value<'_>) -> Option<String> {
        let path = &[codes.key];
        let Value::Text(text) = value else {
            self.report.add(codes.wrong_type, path, &[], &[]);
            return None;
        };
        let address = trim(text);
        if address.len() > MAX_TEXT {
            self.too_long(codes.too_long, path, MAX_ADDRESS);
            return None;
        }
        if address.len() != text.len() && !address.is_empty() {
            let params = [(Param::Suggestion, Text(address))];
            self.report.add(codes.whitespace, path, &params, &[(path, Text(address))]);
        }
        if has_control(address) {
            self.report.add(codes.control_characters, path, &[], &[]);
            return None;
        }
        let address = match without_display_name(address) {
            Some(inner) => {
                let params = [(Param::Suggestion, Text(inner))];
                self.report.add(codes.display_name, path, &params, &[(path, Text(inner))]);
                inner
            }
            None => address,
        };
        self.bare_address(codes, address)
    }

    fn bare_address(&mut self, codes: &Codes, address: &str) -> Option<String> {
        let path = &[codes.key];
        let Some((local, domain)) = address.rsplit_once('@').filter(|(local, _)| is_local_part(local)) else {
            self.report.add(codes.invalid, path, &[], &[]);
            return None;
        };
        let ascii = match self.ascii_name(domain) {
            Ok(ascii) if ascii.contains('.') && !name::is_numeric(&ascii) => lower(&ascii),
            Err(NameError::IdnRefused) => {
                self.report.add(codes.idn_refused, path, &[], &[]);
                return None;
            }
            _ => {
                self.report.add(codes.invalid, path, &[], &[]);
                return None;
            }
        };
        if local.len() > MAX_LOCAL {
            self.too_long(codes.too_long, path, MAX_LOCAL);
            return None;
        }
        if local.len() + 1 + ascii.len() > MAX_ADDRESS {
            self.too_long(codes.too_long, path, MAX_ADDRESS);
            return None;
        }
        if let Some(label) = name::mixed_label(domain) {
            self.report.add(codes.mixed_script, path, &[(Param::Label, Text(label))], &[]);
        }
        if !local.is_ascii() {
            self.report.add(codes.non_ascii_local, path, &[], &[]);
        }
        if let Some(nearest) = typo::nearest_domain(&ascii) {
            let mut better = String::from(local);
            better.push('@');
            better.push_str(nearest);
            self.report.add(
                codes.typo,
                path,
                &[(Param::Suggestion, Text(&better))],
                &[(path, Text(&better))],
            );
        }
        Some(ascii)
    }

    /// Whether the server in `host` is one that takes this sender.
    fn sender_and_host(&mut self, domain: &str) {
        let path = &[Key::SenderAddress];
        let provider = self.provider();
        if let Some(provider) = provider.filter(|provider| provider.own_domains_only()) {
            if presets::by_domain(domain).is_none_or(|own| own.name != provider.name) {
                let params = [(Param::Provider, Text(provider.name))];
                self.report.add(Code::SenderAddressProviderMismatch, path, &params, &[]);
            }
        } else if let Some(home) = presets::by_domain(domain)
            && let Some(host) = self.plain_host()
            && !is_at_home(&host, home, provider)
        {
            self.report.add(Code::SenderAddressFreeMail, path, &[(Param::Domain, Text(domain))], &[]);
        }
    }
}

/// Whether the host is one of the provider's own, or looks as if it was meant to be.
fn is_at_home(host: &str, home: &presets::Preset, provider: Option<&presets::Preset>) -> bool {
    use presets::Known::{Domain, Other, Server, Stranger, Theirs, Typo};
    match presets::recognise(host) {
        Server(preset) | Theirs(preset) | Domain(preset) | Other(preset) | Typo(preset) => {
            preset.name == home.name || provider.is_some_and(|provider| provider.name == home.name)
        }
        Stranger => false,
    }
}

/// The address in `Name <address>`, `<address>` and `mailto:address`.
fn without_display_name(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_suffix('>') {
        let (_, inner) = rest.rsplit_once('<')?;
        return Some(trim(inner)).filter(|inner| !inner.is_empty());
    }
    let (scheme, rest) = text.split_once(':')?;
    let rest = trim(rest);
    (scheme.eq_ignore_ascii_case("mailto") && !rest.is_empty()).then_some(rest)
}

/// A dot-atom or a quoted string, in ASCII or beyond it (RFC 6531 §3.3).
fn is_local_part(local: &str) -> bool {
    if let Some(quoted) = local.strip_prefix('"') {
        return quoted.strip_suffix('"').is_some_and(is_quoted);
    }
    !local.is_empty() && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_beyond_ascii(c)
}

fn is_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && !is_space(c) && !is_control(c) && !is_invisible(c)
}

/// What may stand between quotes, which is at least one character.
fn is_quoted(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let fine = match c {
            '\\' => chars.next().is_some_and(|c| matches!(c, ' '..='~')),
            '"' => false,
            ' '..='~' => true,
            _ => is_beyond_ascii(c),
        };
        if !fine {
            return false;
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{is_local_part, without_display_name};

    #[test]
    fn local_parts() {
        for good in
            ["a", "a.b", "a+b", "!#$%&'*+-/=?^_`{|}~", "\"a b\"", "\"a\\\"b\"", "\"@\"", "jörg", "用户"]
        {
            assert!(is_local_part(good), "{good}");
        }
        for bad in [
            "", ".a", "a.", "a..b", "a b", "a(b)", "\"", "\"\"", "\"a\"b", "\"a\"b\"", "a\"b", "\"a\\\"",
            "a\u{a0}b", "a,b", "a@b",
        ] {
            assert!(!is_local_part(bad), "{bad}");
        }
    }

    #[test]
    fn display_names() {
        assert_eq!(without_display_name("Jan <jan@example.org>"), Some("jan@example.org"));
        assert_eq!(without_display_name("mailto:jan@example.org"), Some("jan@example.org"));
        assert_eq!(without_display_name("jan@example.org"), None);
        assert_eq!(without_display_name("<>"), None);
    }
}
