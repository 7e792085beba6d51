//! Reads a certificate: its facts for the report, and the reasons against it that webpki does not name.

use ownpost_domain::failure::Cause;
use ownpost_domain::report::CertificateFacts;
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};
use smtp_rules::shown::deceives;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

/// The most names shown; shared hosting puts hundreds into one certificate.
const MAX_NAMES: usize = 100;

/// The facts of a certificate; `None` when it does not parse.
pub(crate) fn facts(der: &CertificateDer<'_>) -> Option<CertificateFacts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in extension.value.general_names.iter().take(MAX_NAMES) {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(octets) => names.extend(address(octets)),
                _ => {}
            }
        }
    }
    let sha256 = Sha256::digest(der).iter().fold(String::with_capacity(64), |mut hex, byte| {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        hex
    });
    let time = |seconds: i64| {
        jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |t| t.to_string())
    };
    Some(CertificateFacts {
        subject: short(&certificate.subject().to_string()),
        issuer: short(&certificate.issuer().to_string()),
        names: names.iter().map(|name| short(name)).collect(),
        not_before: time(certificate.validity().not_before.timestamp()),
        not_after: time(certificate.validity().not_after.timestamp()),
        sha256,
    })
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !deceives(*c)).take(512).collect()
}

fn address(octets: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(octets).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string())
}

/// Whether the certificate signed itself: its issuer is its subject, and its own key made the signature.
pub(crate) fn signed_itself(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        certificate.subject().as_raw() == certificate.issuer().as_raw()
            && certificate.verify_signature(None).is_ok()
    })
}

/// Whether it is of X.509 version 1 or 2, which have no extensions and so no names (RFC 5280 §4.1.2.1).
pub(crate) fn is_version_1(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.version() != X509Version::V3)
}

/// Why a certificate that names others is not for this host, where that can be told more closely.
pub(crate) fn why_not_for(der: &CertificateDer<'_>, host: &ServerName<'_>) -> Option<Cause> {
    let names = facts(der)?.names;
    if names.is_empty() {
        return Some(Cause::CertificateNoNames);
    }
    let address = match host {
        ServerName::IpAddress(address) => std::net::IpAddr::from(*address).to_string(),
        _ => return None,
    };
    names.contains(&address).then_some(Cause::CertificateAddressAsName)
}

/// Whether a signature's algorithm (the content of an AlgorithmIdentifier in DER) is one of old, with MD5 or SHA-1.
pub(crate) fn is_old_signature(algorithm: &[u8]) -> bool {
    /// RSA with MD2, MD4, MD5, SHA-1 (1.2.840.113549.1.1.2 to 5), ECDSA with SHA-1 (1.2.840.10045.4.1), DSA with SHA-1
    /// (1.2.840.10040.4.3).
    const OLD: [&[u8]; 6] = [
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2],
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 3],
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4],
        &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
        &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
        &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3],
    ];
    OLD.iter().any(|old| algorithm.starts_with(old))
}

/// Whether the key is too weak for TLS 1.2 and 1.3 as rustls has them: RSA below 2048 bits.
pub(crate) fn has_weak_key(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        matches!(certificate.public_key().parsed(), Ok(PublicKey::RSA(key)) if key.key_size() < 2048)
    })
}

/// Whether `now` (Unix seconds) is before, within or after the certificate's validity.
pub(crate) fn validity(der: &CertificateDer<'_>, now: i64) -> Option<std::cmp::Ordering> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(if now < validity.not_before.timestamp() {
        std::cmp::Ordering::Less
    } else if now > validity.not_after.timestamp() {
        std::cmp::Ordering::Greater
    } else {
        std::cmp::Ordering::Equal
    })
}

#[cfg(test)]
mod tests {
    use super::is_old_signature;

    #[test]
    fn sha1_is_old_and_sha512_is_not() {
        let ecdsa = |last: &[u8]| {
            [&[6, 8 - u8::from(last.len() == 1), 0x2a, 0x86, 0x48, 0xce, 0x3d, 4][..], last].concat()
        };
        assert!(is_old_signature(&ecdsa(&[1])));
        assert!(!is_old_signature(&ecdsa(&[3, 4])));
        assert!(is_old_signature(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0]));
        assert!(!is_old_signature(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13, 5, 0]));
    }
}
