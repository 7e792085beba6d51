//! The relay's private CA: PEM text (RFC 7468) around X.509 certificates (RFC 5280), walked far enough to say
//! that they are certificates, when they are valid, and whether they vouch for others.

use alloc::vec::Vec;

use crate::catalogue::Code;
use crate::day::is_day;
use crate::packed::Key;
use crate::platform::{CertificateProblem, Platform};
use crate::rules::Rules;
use crate::text::{has_control, put, split_text, trim_bytes, whole_number};

/// The largest text, in octets.
const MAX_PEM: usize = 32 * 1_024;

impl<S: Platform> Rules<'_, S> {
    pub(crate) fn ca_pem(&mut self) {
        let Some(text) = self.text(Key::CaPem, Code::CaPemWrongType) else { return };
        if trim_bytes(text).is_empty() {
            return;
        }
        if text.len() > MAX_PEM {
            return self.too_long(Code::CaPemTooLong, &[], MAX_PEM);
        }
        // A key must not be kept or shown any further, whatever else is wrong.
        if split_text(text, b"PRIVATE KEY-----").is_some() {
            return self.report.add(Code::CaPemPrivateKey);
        }
        if text.split(|byte| matches!(byte, b'\r' | b'\n' | b'\t')).any(has_control) {
            return self.report.add(Code::CaPemControlCharacters);
        }
        let mut problems = [false; 3];
        let mut count = 0;
        for block in blocks(text) {
            count += 1;
            let Some(der) = block.filter(|der| Certificate::read(der).is_some()) else {
                return self.report.add(Code::CaPemInvalid);
            };
            if let Some(problem) = self.platform.certificate(&der)
                && let Some(seen) = problems.get_mut(problem as usize)
            {
                *seen = true;
            }
        }
        if count == 0 {
            return self.report.add(Code::CaPemNoCertificate);
        }
        for (seen, code) in
            problems.into_iter().zip([Code::CaPemExpired, Code::CaPemNotYetValid, Code::CaPemNotACa])
        {
            if seen {
                self.report.add(code);
            }
        }
    }
}

/// The content of each CERTIFICATE block; `None` for one that is not base64 or has no end.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = Option<Vec<u8>>> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    let mut rest = text;
    core::iter::from_fn(move || {
        let (_, body) = split_text(rest, BEGIN)?;
        let Some((body, after)) = split_text(body, END) else {
            rest = b"";
            return Some(None);
        };
        rest = after;
        Some(base64(body))
    })
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = (bits << 6) | u32::from(value);
        count += 1;
        if count % 4 == 0 {
            put(&mut bytes, bits.to_be_bytes().get(1..)?);
        }
    }
    match (count % 4, padding) {
        (0, 0) => {}
        (2, 2) => put(&mut bytes, &[(bits >> 4) as u8]),
        (3, 1) => put(&mut bytes, &((bits >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    Some(bytes)
}

/// What the rules read of a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    not_before: Element<'a>,
    not_after: Element<'a>,
    extensions: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Reads DER elements one after the other (X.690 §8.1, definite lengths).
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (length, mut rest) = rest.split_first()?;
        let mut length = usize::from(*length);
        if length >= 0x80 {
            let count = length - 0x80;
            if count == 0 || count > 3 {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(count)?;
            length = bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some(Element { tag: *tag, content })
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|element| element.tag == tag).map(|element| element.content)
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

impl<'a> Certificate<'a> {
    /// Walks a certificate; `None` when it is none.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut parts = Der(outer.expect(SEQUENCE)?);
        let mut body = Der(parts.expect(SEQUENCE)?);
        parts.expect(SEQUENCE)?;
        parts.expect(BIT_STRING)?;
        if !outer.0.is_empty() || !parts.0.is_empty() {
            return None;
        }
        if body.peek() == Some(0xa0) {
            body.next()?;
        }
        body.expect(INTEGER)?;
        body.expect(SEQUENCE)?;
        body.expect(SEQUENCE)?;
        let mut validity = Der(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (validity.next()?, validity.next()?);
        if !validity.0.is_empty() || !is_time(not_before) || !is_time(not_after) {
            return None;
        }
        body.expect(SEQUENCE)?;
        let mut key = Der(body.expect(SEQUENCE)?);
        key.expect(SEQUENCE)?;
        key.expect(BIT_STRING)?;
        let mut extensions = None;
        while let Some(tag) = body.peek() {
            let element = body.next()?;
            match tag {
                0x81 | 0x82 | 0xa1 | 0xa2 => {}
                0xa3 => extensions = Some(Der(element.content).expect(SEQUENCE)?),
                _ => return None,
            }
        }
        Some(Self { not_before, not_after, extensions })
    }

    /// What is wrong with it at this time, in seconds since 1970. One that is no CA but names servers is trusted
    /// when a server shows exactly it: so the sender's verifier does with what stands in caPem.
    pub fn problem(&self, now: i64) -> Option<CertificateProblem> {
        if seconds(self.not_after).is_none_or(|end| now > end) {
            Some(CertificateProblem::Expired)
        } else if seconds(self.not_before).is_none_or(|start| now < start) {
            Some(CertificateProblem::NotYetValid)
        } else if self.is_ca() || self.extension(SUBJECT_ALT_NAME).is_some() {
            None
        } else {
            Some(CertificateProblem::NotACa)
        }
    }

    /// Whether basicConstraints says so; certificates older than version 3 have none and are taken at their
    /// word, as TLS libraries do with trust anchors.
    fn is_ca(&self) -> bool {
        if self.extensions.is_none() {
            return true;
        }
        let value = self.extension(BASIC_CONSTRAINTS).and_then(|value| Der(value).expect(SEQUENCE));
        value.and_then(|value| Der(value).expect(BOOLEAN)).is_some_and(|ca| ca != [0])
    }

    /// The value of an extension.
    fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let mut extensions = Der(self.extensions?);
        while let Some(extension) = extensions.expect(SEQUENCE) {
            let mut parts = Der(extension);
            if parts.expect(OID) != Some(oid) {
                continue;
            }
            if parts.peek() == Some(BOOLEAN) {
                parts.next();
            }
            return parts.expect(OCTET_STRING);
        }
        None
    }
}

fn is_time(element: Element<'_>) -> bool {
    date(element).is_some()
}

/// Year, month, day, hour, minute and second of a UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5.
fn date(element: Element<'_>) -> Option<[u32; 6]> {
    let digits = element.content.strip_suffix(b"Z")?;
    let (year_digits, rest) = match element.tag {
        UTC_TIME => digits.split_at_checked(2)?,
        GENERALIZED_TIME => digits.split_at_checked(4)?,
        _ => return None,
    };
    let year = whole_number(year_digits)?;
    let year = match year_digits.len() {
        4 => year,
        _ if year < 50 => year + 2000,
        _ => year + 1900,
    };
    let mut date = [year, 0, 0, 0, 0, 0];
    for (at, part) in rest.chunks(2).enumerate() {
        *date.get_mut(at + 1)? = whole_number(part)?;
    }
    let [_, month, day, hour, minute, second] = date;
    let fine = is_day(year, month, day) && hour < 24 && minute < 60 && second < 61;
    (rest.len() == 10 && fine).then_some(date)
}

/// The seconds since 1970.
fn seconds(element: Element<'_>) -> Option<i64> {
    let [year, month, day, hour, minute, second] = date(element)?.map(i64::from);
    // Days from the civil calendar, counting years from March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{Element, GENERALIZED_TIME, UTC_TIME, base64, seconds};

    #[test]
    fn times() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229120000Z", Some(951_825_600)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20380119031408Z", Some(2_147_483_648)),
            (UTC_TIME, "70010100000Z", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "700229000000Z", None),
            (UTC_TIME, "7001010000000", None),
            (0x13, "700101000000Z", None),
        ] {
            assert_eq!(seconds(Element { tag, content: text.as_bytes() }), expected, "{text}");
        }
    }

    #[test]
    fn base64_of_all_lengths() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            (" Zm9v\r\nYmFy ", Some(b"foobar")),
            ("Zg=", None),
            ("Z", None),
            ("Zg==Zg==", None),
            ("Zm9!", None),
        ] {
            assert_eq!(base64(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}
