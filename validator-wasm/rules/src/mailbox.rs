//! Mail addresses as MAIL FROM, From and Reply-To take them: RFC 5321 without address literals, RFC 5322
//! without comments, folding and the obsolete forms.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::catalogue::{Code, Param};
use crate::directory::{DomainMatch, HostMatch};
use crate::host::MAX_TEXT;
use crate::name::{self, NameError};
use crate::packed::Key;
use crate::platform::Platform;
use crate::presets::Preset;
use crate::private::is_private;
use crate::rules::Rules;
use crate::text::{
    ATEXT, all, chars, class, find, has_control, is_beyond_ascii, joined, lower, plain_hyphens, rsplit_once,
    split, split_char, split_once, trim_bytes, trim_visible, unwrapped, visible,
};

/// The longest local part and address, in octets (RFC 5321 §4.5.3.1).
const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 254;

/// The codes of a field that holds an address.
pub(crate) struct Codes {
    pub(crate) wrong_type: Code,
    pub(crate) whitespace: Code,
    pub(crate) control_characters: Code,
    pub(crate) invisible: Code,
    pub(crate) hyphen: Code,
    pub(crate) display_name: Code,
    pub(crate) invalid: Code,
    pub(crate) too_long: Code,
    pub(crate) idn_refused: Code,
    pub(crate) mixed_script: Code,
    pub(crate) non_ascii_local: Code,
    pub(crate) typo: Code,
    pub(crate) not_public: Code,
}

const SENDER: Codes = Codes {
    wrong_type: Code::SenderAddressWrongType,
    whitespace: Code::SenderAddressWhitespace,
    control_characters: Code::SenderAddressControlCharacters,
    invisible: Code::SenderAddressInvisibleCharacters,
    hyphen: Code::SenderAddressTypographicHyphen,
    display_name: Code::SenderAddressDisplayName,
    invalid: Code::SenderAddressInvalid,
    too_long: Code::SenderAddressTooLong,
    idn_refused: Code::SenderAddressIdnRefused,
    mixed_script: Code::SenderAddressMixedScript,
    non_ascii_local: Code::SenderAddressNonAsciiLocal,
    typo: Code::SenderAddressTypo,
    not_public: Code::SenderAddressNotPublic,
};

const REPLY_TO: Codes = Codes {
    wrong_type: Code::ReplyToWrongType,
    whitespace: Code::ReplyToWhitespace,
    control_characters: Code::ReplyToControlCharacters,
    invisible: Code::ReplyToInvisibleCharacters,
    hyphen: Code::ReplyToTypographicHyphen,
    display_name: Code::ReplyToDisplayName,
    invalid: Code::ReplyToInvalid,
    too_long: Code::ReplyToTooLong,
    idn_refused: Code::ReplyToIdnRefused,
    mixed_script: Code::ReplyToMixedScript,
    non_ascii_local: Code::ReplyToNonAsciiLocal,
    typo: Code::ReplyToTypo,
    not_public: Code::ReplyToNotPublic,
};

/// An address that can be used.
struct Parts<'a> {
    local: &'a [u8],
    /// As it was typed.
    domain: &'a [u8],
    /// As A-labels in lower case.
    ascii: Vec<u8>,
    /// Whether both are the same but for case.
    is_plain: bool,
}

impl<'a, S: Platform> Rules<'a, S> {
    pub(crate) fn sender_address(&mut self) {
        let Some(text) = self.text(Key::SenderAddress, SENDER.wrong_type) else { return };
        if trim_visible(text).is_empty() {
            return self.report.add(Code::SenderAddressRequired);
        }
        if let Some((domain, home)) = self.address(&SENDER, text, &mut Vec::new()) {
            self.sender_and_host(&domain, home);
        }
    }

    pub(crate) fn reply_to(&mut self) {
        if let Some(text) = self.text(Key::ReplyTo, REPLY_TO.wrong_type)
            && !text.is_empty()
        {
            self.address(&REPLY_TO, text, &mut Vec::new());
        }
    }

    /// Checks an address; its domain as A-labels in lower case, when it can be used, and the provider of that. `plain` is
    /// room for the address as it should be written.
    pub(crate) fn address<'t>(
        &mut self,
        codes: &Codes,
        text: &'t [u8],
        plain: &'t mut Vec<u8>,
    ) -> Option<(Vec<u8>, Option<&'a Preset>)> {
        let address = trim_bytes(text);
        if address.len() > MAX_TEXT {
            self.address_too_long(codes, MAX_ADDRESS);
            return None;
        }
        if address.len() != text.len() && !address.is_empty() {
            self.suggest_address(codes.whitespace, address);
        }
        if has_control(address) {
            self.add_address(codes.control_characters);
            return None;
        }
        let address = if name::is_ascii(address) {
            address
        } else {
            *plain = self.plain_address(codes, address);
            plain
        };
        let mut inner = address;
        while let Some(rest) = without_display_name(inner) {
            inner = rest;
        }
        if inner.len() != address.len() {
            self.suggest_address(codes.display_name, inner);
        }
        let address = inner;
        let Parts { local, domain, ascii, is_plain } = match self.parts(address) {
            Ok(parts) => parts,
            Err(NameError::IdnRefused) => {
                self.add_address(codes.idn_refused);
                return None;
            }
            Err(_) => {
                self.add_address(codes.invalid);
                self.mend_address(address);
                return None;
            }
        };
        let too_long = if local.len() > MAX_LOCAL { Some(MAX_LOCAL) } else { None };
        if let Some(max) = too_long.or((local.len() + 1 + ascii.len() > MAX_ADDRESS).then_some(MAX_ADDRESS)) {
            self.address_too_long(codes, max);
            return None;
        }
        if !is_plain && let Some(label) = name::mixed_label(domain) {
            self.add_address(codes.mixed_script);
            self.report.param(Param::Label, label);
        }
        if !name::is_ascii(local) {
            self.add_address(codes.non_ascii_local);
            let plain = plain_hyphens(local);
            if name::is_ascii(&plain) {
                self.set_address(&joined(&[&plain, b"@", domain]));
            }
        }
        let home = match self.platform.directory().mail_domain(&ascii) {
            DomainMatch::Known(home) => home,
            DomainMatch::Unknown(nearest) => {
                if let Some(nearest) = nearest {
                    self.suggest_address(codes.typo, &joined(&[local, b"@", nearest]));
                } else if is_private(&ascii) {
                    self.add_address(codes.not_public);
                }
                None
            }
        };
        Some((ascii, home))
    }

    // The issues of a field that is an address, and of one of the contacts.

    #[inline(never)]
    fn add_address(&mut self, code: Code) {
        match self.contact {
            None => self.report.add(code),
            Some(at) => self.report.add_item(code, Key::Contacts, at as u8),
        }
    }

    #[inline(never)]
    fn suggest_address(&mut self, code: Code, better: &[u8]) {
        self.add_address(code);
        self.report.param(Param::Suggestion, better);
        self.set_address(better);
    }

    #[inline(never)]
    fn set_address(&mut self, better: &[u8]) {
        match self.contact {
            None => self.report.set(&[], better),
            Some(at) => self.set_contact(at, better),
        }
    }

    #[inline(never)]
    fn address_too_long(&mut self, codes: &Codes, max: usize) {
        self.add_address(codes.too_long);
        self.report.param_number(Param::Max, max as u32);
    }

    /// The address without invisible characters and with plain hyphens in its domain.
    fn plain_address(&mut self, codes: &Codes, address: &[u8]) -> Vec<u8> {
        let (local, domain) = match rsplit_once(address, b'@') {
            Some((local, domain)) => (joined(&[&visible(local), b"@"]), visible(domain)),
            None => (Vec::new(), visible(address)),
        };
        let all = joined(&[&local, &domain]);
        let all = trim_bytes(&all);
        if all.len() != address.len() && !all.is_empty() {
            self.suggest_address(codes.invisible, all);
        }
        let plain = joined(&[&local, &plain_hyphens(&domain)]);
        let plain = trim_bytes(&plain);
        if plain.len() != all.len() {
            self.suggest_address(codes.hyphen, plain);
        }
        plain.to_vec()
    }

    /// Gives a fix to an address with quotation marks, brackets or spaces around its parts, or with something else than
    /// a dot between two labels.
    #[inline(never)]
    fn mend_address(&mut self, address: &[u8]) {
        if let Some((local, domain)) = rsplit_once(address, b'@')
            && let Some(domain) = self.with_dots(unwrapped(domain))
        {
            let local = unwrapped(local);
            let address = joined(&[local, b"@", &domain]);
            let is_short = |parts: &Parts<'_>| {
                local.len() <= MAX_LOCAL && local.len() + 1 + parts.ascii.len() <= MAX_ADDRESS
            };
            if self.parts(&address).is_ok_and(|parts| is_short(&parts)) {
                self.set_address(&address);
            }
        }
    }

    /// Takes an address apart.
    fn parts<'t>(&self, address: &'t [u8]) -> Result<Parts<'t>, NameError<'t>> {
        let parts = rsplit_once(address, b'@').filter(|(local, _)| is_local_part(local));
        let (local, domain) = parts.ok_or(NameError::Invalid)?;
        if unwrapped(domain).len() != domain.len() {
            return Err(NameError::Invalid);
        }
        let name = self.ascii_name(domain)?;
        let is_plain = matches!(name, Cow::Borrowed(_));
        let ascii = lower(&name);
        if find(&ascii, b'.').is_none() || name::is_numeric(&ascii) {
            return Err(NameError::Invalid);
        }
        Ok(Parts { local, domain, ascii, is_plain })
    }

    /// Whether the server in `host` is one that takes this sender.
    fn sender_and_host(&mut self, domain: &[u8], home: Option<&Preset>) {
        let provider = self.provider();
        if let Some(provider) = provider.filter(|provider| provider.own_domains_only()) {
            let is_home = home.is_some_and(|home| home.name == provider.name);
            if !is_home && !self.platform.directory().has_name(provider, domain) {
                self.report.add(Code::SenderAddressProviderMismatch);
                self.report.param(Param::Provider, provider.name);
            }
        } else if let Some(home) = home
            && let Some(known) = self.known_host()
            && !is_at_home(known, home)
        {
            self.report.add(Code::SenderAddressFreeMail);
            self.report.param(Param::Domain, domain);
        }
    }
}

/// Whether the host is one of the provider's own, or looks as if it was meant to be.
fn is_at_home(host: HostMatch<'_>, home: &Preset) -> bool {
    use HostMatch::{Domain, NoSubmission, OtherService, SameProvider, Server, Typo, Unknown};
    match host {
        Server(preset) | SameProvider(preset) | Domain(preset) | OtherService(preset)
        | NoSubmission(preset) | Typo(preset) => preset.name == home.name,
        Unknown => false,
    }
}

/// The address in `Name <address>`, `<address>`, `mailto:address` and `mailto:address?subject=…`.
fn without_display_name(text: &[u8]) -> Option<&[u8]> {
    if let Some((_, inner)) = text.strip_suffix(b">").and_then(|rest| rsplit_once(rest, b'<')) {
        return Some(trim_bytes(inner)).filter(|inner| !inner.is_empty());
    }
    let (scheme, rest) = split_once(text, b':')?;
    let rest = trim_bytes(split_once(rest, b'?').map_or(rest, |(address, _)| address));
    (scheme.eq_ignore_ascii_case(b"mailto") && !rest.is_empty()).then_some(rest)
}

/// A dot-atom or a quoted string, in ASCII or beyond it (RFC 6531 §3.3).
fn is_local_part(local: &[u8]) -> bool {
    if let Some(quoted) = local.strip_prefix(b"\"") {
        return quoted.strip_suffix(b"\"").is_some_and(is_quoted);
    }
    // Each atom has a character at least.
    split(local, b'.')
        .all(|atom| !atom.is_empty() && (all(atom, ATEXT) || chars(atom).all(is_atext_or_beyond)))
}

fn is_atext_or_beyond(c: u32) -> bool {
    is_beyond_ascii(c) || u8::try_from(c).is_ok_and(|byte| class(byte) & ATEXT != 0)
}

/// What may stand between quotes, which is at least one character.
fn is_quoted(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((c, after)) = split_char(rest) {
        rest = after;
        let fine = match c {
            0x22 => false,
            // A backslash and what it stands before.
            0x5c => match rest {
                [b' '..=b'~', after @ ..] => {
                    rest = after;
                    true
                }
                _ => false,
            },
            0x20..=0x7e => true,
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
            assert!(is_local_part(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ".a", "a.", "a..b", "a b", "a(b)", "\"", "\"\"", "\"a\"b", "\"a\"b\"", "a\"b", "\"a\\\"",
            "a\u{a0}b", "a,b", "a@b",
        ] {
            assert!(!is_local_part(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn display_names() {
        assert_eq!(without_display_name(b"Jan <jan@example.org>"), Some(&b"jan@example.org"[..]));
        assert_eq!(without_display_name(b"mailto:jan@example.org"), Some(&b"jan@example.org"[..]));
        assert_eq!(without_display_name(b"mailto:jan@example.org?subject=x"), Some(&b"jan@example.org"[..]));
        assert_eq!(without_display_name(b"jan@example.org"), None);
        assert_eq!(without_display_name(b"<>"), None);
    }
}
