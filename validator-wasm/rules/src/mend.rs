//! Names with something in them or around them that does not belong to a name: how it got there, and the name that is
//! certainly meant.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::Ip;
use crate::directory::{DomainMatch, HostMatch};
use crate::name;
use crate::platform::Platform;
use crate::rules::Rules;
use crate::text::{find, is_space_code, lower, put, split, split_char, split_last_char, whole_number};

/// What people type between labels, or between a name and its port, beside dots. The first are in no label.
const SEPARATORS: [u16; 23] = [
    0x28, 0x2c, 0x3a, 0x3b, 0x3d, 0x5b, 0x3001, 0xff0c, 0xff1a, 0xff1b, 0x2f, 0x5c, 0x5f, 0x7c, 0xb7, 0x2022,
    0x2024, 0x2027, 0x2219, 0x22c5, 0x30fb, 0xfe52, 0xff65,
];

/// What stands around a value that was copied: quotation marks, brackets and the like; then punctuation behind it.
const AROUND: [u16; 33] = [
    0x22, 0x27, 0x28, 0x29, 0x2a, 0x3c, 0x3e, 0x5b, 0x5d, 0x60, 0x7b, 0x7d, 0xab, 0xbb, 0x2018, 0x2019,
    0x201a, 0x201b, 0x201c, 0x201d, 0x201e, 0x201f, 0x2039, 0x203a, 0x21, 0x2c, 0x2f, 0x3a, 0x3b, 0x3f, 0x5c,
    0x7c, 0x23,
];

/// Whether the character is a space or one of the first so many of a list.
#[inline(never)]
fn is_of(c: u32, list: &[u16], count: usize) -> bool {
    is_space_code(c) || list.iter().take(count).any(|other| u32::from(*other) == c)
}

/// The text without separators at its end, and whether there was one that no label has.
#[inline(never)]
fn without_separators(text: &[u8]) -> (&[u8], bool) {
    let (mut text, mut is_certain) = (text, false);
    while let Some((c, rest)) = split_last_char(text)
        && (name::is_dot(c) || c == u32::from(b'-') || is_of(c, &SEPARATORS, 23))
    {
        text = rest;
        is_certain |= is_of(c, &SEPARATORS, 10);
    }
    (text, is_certain)
}

/// The text without quotation marks, brackets and the like around it, and punctuation behind it.
#[inline(never)]
pub(crate) fn unwrapped(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some((c, rest)) = split_char(text)
        && is_of(c, &AROUND, 24)
    {
        text = rest;
    }
    while let Some((c, rest)) = split_last_char(text)
        && is_of(c, &AROUND, 33)
    {
        text = rest;
    }
    text
}

impl<S: Platform> Rules<'_, S> {
    /// Splits `name 587`, `name;587`, `name (port 587)`: a port behind anything else than a colon alone.
    pub(crate) fn split_loose_port<'t>(&self, host: &'t [u8]) -> Option<(&'t [u8], u16)> {
        let host = name::strip_dot(host).unwrap_or(host);
        let host = host.strip_suffix(b")").or_else(|| host.strip_suffix(b"]")).unwrap_or(host);
        let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        // With colons it is an address; a shorter number is no port that anybody sends through.
        if digits < 2 || split(host, b':').nth(2).is_some() {
            return None;
        }
        let (before, port) = host.split_at_checked(host.len() - digits)?;
        let port = whole_number(port).and_then(|port| u16::try_from(port).ok())?;
        let (mut name, mut is_certain) = without_separators(before);
        // `port`, in any language.
        let letters = name.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (rest, is_word) = without_separators(name.get(..name.len() - letters)?);
        if is_word {
            (name, is_certain) = (rest, true);
        }
        if !is_certain {
            // Behind a dot or a hyphen it could be a label, behind a slash the length of a prefix, were it not that no
            // name ends so.
            let is_joined = name.len() != before.len() || self.is_known(name);
            if !is_joined
                || find(name, b'.').is_none()
                || Ip::parse(name).is_some()
                || !self.is_allowed_port(port)
            {
                return None;
            }
        }
        let is_host = Ip::parse(name).is_some() || (!name::is_numeric(name) && self.is_name(name));
        is_host.then_some((name, port))
    }

    /// The name that is certainly meant by one with other characters in place of its dots, or with more: `smtp,gmail.com`,
    /// `smtp.gmail..com`, `smtp_gmail.com`; a usable name as it is. None where that would be a guess.
    #[inline(never)]
    pub(crate) fn rejoined(&self, name: &[u8]) -> Option<Vec<u8>> {
        [&b"."[..], b"-", b""].into_iter().find_map(|joint| self.joined_by(name, joint))
    }

    /// The name with dots where there are some, and `joint` in place of other separators. Of a list of names, with a
    /// separator that may as well be a part of a label, and where a part may lack, only a name that is known is certain.
    fn joined_by(&self, name: &[u8], joint: &[u8]) -> Option<Vec<u8>> {
        const DOT: u8 = 1;
        const COMMA: u8 = 2;
        const OTHER: u8 = 4;
        let mut dotted = Vec::new();
        // What was seen since the last character of a label.
        let mut seen = 0;
        let (mut is_unsure, mut is_list, mut dots) = (joint != b".", false, 0);
        let mut rest = name;
        while let Some((c, after)) = split_char(rest) {
            let bytes = rest.get(..rest.len() - after.len())?;
            rest = after;
            if name::is_dot(c) {
                dots += 1;
                seen |= DOT;
            } else if is_of(c, &SEPARATORS, 23) {
                seen |= if matches!(c, 0x2c | 0x3b | 0x3001 | 0xff0c | 0xff1b) { COMMA } else { OTHER };
            } else {
                if seen != 0 {
                    is_unsure |= dotted.is_empty() || seen == OTHER;
                    is_list |= seen & COMMA != 0 && dots > 0 && find(rest, b'.').is_some();
                    if !dotted.is_empty() {
                        put(&mut dotted, if seen & DOT != 0 { b"." } else { joint });
                    }
                    seen = 0;
                }
                put(&mut dotted, bytes);
            }
        }
        // Of other names the two platforms do not refuse the same.
        let Ok(Cow::Borrowed(ascii)) = self.ascii_name(&dotted) else { return None };
        let is_fine = match Ip::parse(&dotted) {
            Some(_) => dots < 4,
            None => !name::is_numeric(ascii) && find(ascii, b'.').is_some(),
        };
        (is_fine && !is_list && (!is_unsure || self.is_known(ascii))).then_some(dotted)
    }

    /// Whether the name is an SMTP server or a mail domain of a provider.
    pub(crate) fn is_known(&self, name: &[u8]) -> bool {
        let directory = self.platform.directory();
        let name = lower(name);
        matches!(directory.recognise(&name), HostMatch::Server(_))
            || matches!(directory.mail_domain(&name), DomainMatch::Known(_))
    }
}
