//! The document of the operator's DKIM keys. Nothing of it is ever quoted in an error: a key may stand anywhere in it.

use std::collections::HashSet;

use ownpost_domain::tenant::Tenant;
use ring::signature::{Ed25519KeyPair, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

use super::dkim::{Key, Keys, Pair};

/// What a document looks like.
const SHAPE: &str = r#"a list as [{"domain": "example.com", "selector": "mail", "privateKeyPem": "-----BEGIN PRIVATE KEY…"}]"#;
/// The most keys: every mail looks through them.
const MOST: usize = 1000;

impl Keys {
    /// Reads the document of `OWNPOST_DKIM`.
    ///
    /// # Errors
    /// The entry and the member that cannot be used, and why; never a part of the document.
    pub fn parse(document: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(document)
            .map_err(|error| format!("no JSON at line {}, column {}", error.line(), error.column()))?;
        let entries = document.as_array().filter(|entries| (1..=MOST).contains(&entries.len()));
        let entries = entries.ok_or_else(|| format!("it takes {SHAPE}, of 1 to {MOST} keys"))?;
        let mut keys = Vec::with_capacity(entries.len());
        let mut seen = HashSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let key = key(entry).map_err(|problem| format!("[{index}]{problem}"))?;
            if !seen.insert(format!("{key:?}")) {
                return Err(format!(
                    "[{index}]: selector and domain of an earlier key; each has a DNS record of its own"
                ));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }
}

fn key(entry: &Value) -> Result<Key, String> {
    let entry = entry.as_object().ok_or_else(|| format!(": it takes {SHAPE}"))?;
    let known = ["domain", "selector", "privateKeyPem", "tenants"];
    if entry.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(format!(": it takes the members {}", known.join(", ")));
    }
    let domain = text(entry, "domain")?;
    let domain = idna::domain_to_ascii(domain).ok().filter(|domain| domain.contains('.') && is_name(domain));
    let domain = domain.ok_or(".domain: a domain such as example.com")?;
    let selector = text(entry, "selector")?.to_ascii_lowercase();
    if !is_name(&selector) {
        return Err(".selector: letters, digits and hyphens, with dots between them".to_owned());
    }
    let tenants = match entry.get("tenants") {
        None | Some(Value::Null) => None,
        Some(tenants) => Some(tenants_of(tenants).ok_or(".tenants: a list of names of tenants")?),
    };
    let pair = pair(text(entry, "privateKeyPem")?).map_err(|problem| format!(".privateKeyPem: {problem}"))?;
    Ok(Key { domain, selector, tenants, pair })
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    entry.get(name).and_then(Value::as_str).ok_or_else(|| format!(".{name}: a text is required"))
}

fn tenants_of(tenants: &Value) -> Option<Vec<Tenant>> {
    let tenants = tenants.as_array()?.iter().map(|name| Tenant::new(name.as_str()?).ok());
    tenants.collect::<Option<Vec<_>>>().filter(|tenants| !tenants.is_empty())
}

/// Labels of letters, digits and hyphens with dots between them (RFC 6376 §3.1), short enough for a name in DNS.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 180 && text.split('.').all(label)
}

fn pair(pem: &str) -> Result<Pair, &'static str> {
    if pem.contains("ENCRYPTED") {
        return Err("the key is encrypted; keep it as it is in the secret, without a passphrase");
    }
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "no PEM block PRIVATE KEY or RSA PRIVATE KEY; in JSON its line ends are \\n")?;
    let unusable = "neither an RSA key of 2048 to 4096 bits nor an Ed25519 key";
    match der {
        PrivateKeyDer::Pkcs1(der) => {
            let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| unusable)?;
            Ok(Pair::Rsa(Box::new(pair)))
        }
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            // OpenSSL writes Ed25519 keys without the public half.
            if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                return Ok(Pair::Ed25519(Box::new(pair)));
            }
            Ok(Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(|_| unusable)?)))
        }
        _ => Err(unusable),
    }
}
