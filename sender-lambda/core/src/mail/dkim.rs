//! DKIM signatures over finished mails (RFC 6376), by the operator's keys.
//!
//! Header and body are signed in relaxed form: servers on the way may fold a header again or drop spaces at the end of a
//! line, and the signature still holds.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ownpost_domain::tenant::Tenant;
use ring::digest::{Context, Digest, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use super::ids;

/// The fields that are signed once more than they are there (RFC 6376 §5.4, §8.15): a server that adds another
/// `Subject` or `To`, or the first `Cc`, breaks the signature.
const OVERSIGNED: &[&str] = &[
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];
/// The fields that are signed as often as they are there: a mailing list may add its own. RFC 8058 §4 wants the two of an
/// unsubscription signed.
const SIGNED: &[&str] = &["List-Unsubscribe", "List-Unsubscribe-Post", "Content-Language", "Auto-Submitted"];
/// The octets of base64 in a line.
const LINE: usize = 72;

/// The operator's keys.
#[derive(Debug)]
pub struct Keys(pub(super) Vec<Key>);

/// A key, and whose mail it signs.
pub(super) struct Key {
    /// The signing domain, in lower case and A-labels (RFC 6376 §3.5, `d=`).
    pub(super) domain: String,
    /// The selector (`s=`): the public key stands in DNS at `selector._domainkey.domain`.
    pub(super) selector: String,
    /// The tenants for whose mail the key is; `None` for every tenant and the platform.
    pub(super) tenants: Option<Vec<Tenant>>,
    /// The private key.
    pub(super) pair: Pair,
}

/// The kinds of keys that receivers know (RFC 8301, RFC 8463).
pub(super) enum Pair {
    /// 2048 bits or more.
    Rsa(Box<RsaKeyPair>),
    /// Curve 25519.
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}._domainkey.{}", self.selector, self.domain)
    }
}

/// The key cannot sign: its numbers do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DKIM key {0} cannot sign")]
pub struct UnusableKey(String);

impl Keys {
    /// The mail with a signature by each key of its sender's domain on top, or the mail as it is when there is none.
    /// `tenant` is the tenant whose settings it leaves by, `None` for the platform's own.
    ///
    /// # Errors
    /// A key cannot sign. The mail must not leave without the signature that its receiver may ask for.
    pub fn sign(
        &self,
        message: Vec<u8>,
        sender: &str,
        tenant: Option<&Tenant>,
        now: Timestamp,
    ) -> Result<Vec<u8>, UnusableKey> {
        let keys = self.of(&ids::domain(sender), tenant);
        if keys.is_empty() {
            return Ok(message);
        }
        let mail = Mail::of(&message);
        let body_hash = STANDARD.encode(body_hash(mail.body));
        let mut signed = Vec::with_capacity(message.len() + 2048);
        for key in keys {
            signed.extend(mail.signature(key, &body_hash, now)?.into_bytes());
        }
        signed.extend_from_slice(&message);
        Ok(signed)
    }

    /// The keys of a domain: its own, else those of the nearest parent that has some. Several are signed with, for example
    /// RSA for everybody and Ed25519 for those who know it.
    fn of(&self, domain: &str, tenant: Option<&Tenant>) -> Vec<&Key> {
        let may = |key: &&Key| {
            key.tenants.as_ref().is_none_or(|tenants| tenant.is_some_and(|tenant| tenants.contains(tenant)))
        };
        let at =
            |at: &str| -> Vec<&Key> { self.0.iter().filter(|key| key.domain == at).filter(may).collect() };
        let mut domain = domain;
        loop {
            let found = at(domain);
            if !found.is_empty() {
                return found;
            }
            match domain.split_once('.') {
                Some((_, parent)) => domain = parent,
                None => return Vec::new(),
            }
        }
    }
}

impl Pair {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The signature of what is to be signed: of its hash with Ed25519 (RFC 8463 §3).
    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ed25519(pair) => Some(pair.sign(digest(&SHA256, data).as_ref()).as_ref().to_vec()),
        }
    }
}

/// A mail in its two parts.
struct Mail<'a> {
    /// Name and value of each field, folds included, from top to bottom.
    fields: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Mail<'a> {
    /// The parts of a mail with CRLF line ends.
    fn of(message: &'a [u8]) -> Self {
        let (mut fields, mut at) = (Vec::new(), 0);
        loop {
            let mut end = line_end(message, at);
            if end == at {
                return Self { fields, body: message.get(at + 2..).unwrap_or_default() };
            }
            // A line that begins with a space goes on with the field (RFC 5322 §2.2.3).
            while message.get(end + 2).copied().is_some_and(is_space) {
                end = line_end(message, end + 2);
            }
            let field = &message[at..end];
            let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
            fields.push((&field[..colon], field.get(colon + 1..).unwrap_or_default()));
            at = (end + 2).min(message.len());
        }
    }

    /// The field `DKIM-Signature` of this key (RFC 6376 §3.5), with its line end.
    fn signature(&self, key: &Key, body_hash: &str, now: Timestamp) -> Result<String, UnusableKey> {
        let (names, mut data) = self.signed_fields();
        let mut field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n d={};\r\n s={}; t={};\r\n h={};\r\n bh={body_hash};\r\n b=",
            key.pair.algorithm(),
            key.domain,
            key.selector,
            now.as_second(),
            folded(&names),
        );
        // The field itself comes last, without its signature and without a line end (§3.7).
        let (name, value) = field.split_once(':').unwrap_or_default();
        relaxed_field(name.as_bytes(), value.as_bytes(), &mut data);
        let signature = key.pair.sign(&data).ok_or_else(|| UnusableKey(format!("{key:?}")))?;
        let signature = STANDARD.encode(signature);
        for (index, octet) in signature.chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                field.push_str("\r\n ");
            }
            field.push(octet);
        }
        field.push_str("\r\n");
        Ok(field)
    }

    /// The names for `h=`, and the fields in relaxed form. Of fields with one name the last is the first (§5.4.2).
    fn signed_fields(&self) -> (Vec<&'static str>, Vec<u8>) {
        let (mut names, mut data) = (Vec::new(), Vec::new());
        for name in OVERSIGNED.iter().chain(SIGNED) {
            let named =
                |(known, _): &&(&[u8], &[u8])| known.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            for (known, value) in self.fields.iter().rev().filter(named) {
                names.push(*name);
                relaxed_field(known, value, &mut data);
                data.extend_from_slice(b"\r\n");
            }
            if OVERSIGNED.contains(name) {
                // A field that is not there counts as nothing (§5.4).
                names.push(name);
            }
        }
        (names, data)
    }
}

/// The names with colons between them, folded.
fn folded(names: &[&str]) -> String {
    let (mut list, mut length) = (String::new(), 0);
    for name in names {
        if !list.is_empty() {
            list.push(':');
            if length + name.len() > LINE {
                list.push_str("\r\n ");
                length = 0;
            }
        }
        list.push_str(name);
        length += name.len() + 1;
    }
    list
}

/// Where the line that begins there ends: at its CRLF, or with the text.
fn line_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.windows(2).position(|window| window == b"\r\n").map_or(text.len(), |at| start + at)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A field in relaxed form, without its line end (RFC 6376 §3.4.2): the name in lower case, folds undone, spaces as one.
fn relaxed_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.trim_ascii().to_ascii_lowercase());
    out.push(b':');
    let spaces = |byte: &u8| is_space(*byte) || matches!(byte, b'\r' | b'\n');
    let words = value.split(spaces).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The hash of the body in relaxed form (RFC 6376 §3.4.4): spaces as one and none at a line's end, no empty lines at the
/// body's end.
fn body_hash(body: &[u8]) -> Digest {
    let mut hash = Context::new(&SHA256);
    let (mut at, mut empty) = (0, 0_usize);
    while at < body.len() {
        let end = line_end(body, at);
        let line = body[at..end].split(|byte| is_space(*byte));
        at = end + 2;
        // A run of spaces gives empty words.
        let (mut begun, mut space) = (false, false);
        for (index, word) in line.enumerate() {
            space |= index > 0;
            if word.is_empty() {
                continue;
            }
            if !begun {
                (0..std::mem::take(&mut empty)).for_each(|_| hash.update(b"\r\n"));
                begun = true;
            }
            if std::mem::take(&mut space) {
                hash.update(b" ");
            }
            hash.update(word);
        }
        if begun {
            hash.update(b"\r\n");
        } else {
            empty += 1;
        }
    }
    hash.finish()
}

#[cfg(test)]
#[path = "dkim_tests.rs"]
mod tests;
