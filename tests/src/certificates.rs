//! TLS certificates of every kind that a relay may show, made for each run.

#![allow(clippy::missing_panics_doc, reason = "a test helper panics to fail the test")]

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, PublicKeyData, SanType, SignatureAlgorithm, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};

/// The host name in good certificates, beside 127.0.0.1 and ::1.
pub const NAME: &str = "relay.test";

/// A certificate of X.509 version 1, as `openssl x509 -req -signkey` makes it without extensions. rcgen makes none.
const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBJTCBzQIUd6U0nfmCkGiM8pN/oJe4mtuCzBIwCgYIKoZIzj0EAwIwFTETMBEG
A1UEAwwKcmVsYXkudGVzdDAgFw0yNjExMjkyMzA3MzRaGA8yMTI2MTEwNTIzMDcz
NFowFTETMBEGA1UEAwwKcmVsYXkudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOJRHUW+FnlL1hfqEcQJBn/8v6p1Opk1CZFTdUhOxx2Pzwzdqdo75SEv5nX4
Ktez0qFqiSzw/OjvnETgm42NkpQwCgYIKoZIzj0EAwIDRwAwRAIgWf93/TkJMMA4
MQMdPE3q38BtIV2hFlgsxu4LnzrtN5ICIEBAZ5iRTK+Ky6teHUtCsyyMcHGVJXn+
rkTu9VZgzXvJ
-----END CERTIFICATE-----";

/// A certificate of the CA's name that is signed ecdsa-with-SHA512, which ring cannot check. rcgen makes none.
const SIGNED_SHA512: &str = "-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUWryxhC9bz88DsdlAmLy/Igy3kvcwCgYIKoZIzj0EAwQw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMzAwMTA0MTZaGA8yMTI2MTEwNjAx
MDQxNlowEDEOMAwGA1UEAwwFcmVsYXkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATjIb0TjJlqlb0hjWCfe2qPcODtvt9W0Fxorpf93c/RM06YoZ9e0TMsFpcbTNUC
5+R8Pb4mQticalekE9wQHVIJo18wXTAbBgNVHREEFDASggpyZWxheS50ZXN0hwR/
AAABMB0GA1UdDgQWBBQ24z1ALZQ7XyiFJHECV48kdKQu9jAfBgNVHSMEGDAWgBRN
AJDw0lsxzrvJDLEAY1qRfNy+qTAKBggqhkjOPQQDBANIADBFAiEAuA0gVu4eijRa
LKZyeJMUgAvMGh9PISI1E/uQ7vdVrVACIFNIf0Q0a1tYPreda92FK08DySLvMRnk
an1oIz2QWur4
-----END CERTIFICATE-----";

/// A private CA, which issues the test certificates.
pub struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificates {
    /// Makes a CA with a new key.
    pub fn new() -> Self {
        let mut params = params("Test CA", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca_pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), ca_pem }
    }

    /// The CA's certificate in PEM, for `caPem` or `OWNPOST_EXTRA_CA_FILE`.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A TLS server with a good certificate for these names and addresses.
    pub fn server_for(&self, names: &[String]) -> Arc<ServerConfig> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let key = KeyPair::generate().expect("a key");
        let certificate = params("relay", &names).signed_by(&key, &self.issuer);
        config(&certificate.expect("a certificate"), &key)
    }

    /// A TLS server of this kind: `good`, `self-signed`, `expired`, `not-yet-valid`, `wrong-name`,
    /// `unknown-ca`, `ca-as-leaf`, `client-only`, `no-intermediate`, `weak-key`, `no-names` (a common name alone),
    /// `wildcard`, `many-names` (900), `other-names` (a URI and a mail address alone), `version-1`, `signed-sha512`,
    /// `address-as-name`. With `wants-client` or `wants-client-1.2` the certificate is good, and the server demands one of the
    /// client, the latter by TLS 1.2; with `asks-client` it goes on without.
    pub fn server(&self, kind: &str) -> Arc<ServerConfig> {
        let by_others = match kind {
            "version-1" => Some(VERSION_1),
            "signed-sha512" => Some(SIGNED_SHA512),
            _ => None,
        };
        if let Some(pem) = by_others {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
            return server(certificate, &KeyPair::generate().expect("a key"));
        }
        let many: Vec<String> = (1..=900).map(|n| format!("name{n}.other.test")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let names: &[&str] = match kind {
            "wrong-name" => &["other.test"],
            "wildcard" => &["*.other.test"],
            "many-names" => &many,
            "no-names" | "address-as-name" | "other-names" => &[],
            _ => &[NAME, "127.0.0.1", "::1"],
        };
        let mut params = params("relay", names);
        match kind {
            "good" | "wrong-name" | "self-signed" | "unknown-ca" | "no-intermediate" | "weak-key"
            | "no-names" | "wildcard" | "many-names" | "wants-client" | "wants-client-1.2"
            | "asks-client" => {}
            "other-names" => {
                let text = |text: &str| text.try_into().expect("a text");
                params.subject_alt_names = vec![
                    SanType::URI(text("spiffe://relay.test/mail")),
                    SanType::Rfc822Name(text("postmaster@relay.test")),
                ];
            }
            "address-as-name" => {
                let name = "127.0.0.1".try_into().expect("a text");
                params.subject_alt_names = vec![SanType::DnsName(name)];
            }
            "client-only" => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "expired" => params.not_after = date_time_ymd(2001, 1, 1),
            "not-yet-valid" => params.not_before = date_time_ymd(2100, 1, 1),
            "ca-as-leaf" => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            other => panic!("no such certificate: {other}"),
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = match kind {
            "self-signed" | "ca-as-leaf" => params.self_signed(&key),
            "unknown-ca" => params.signed_by(&key, &Self::new().issuer),
            // The server does not send the intermediate certificate, so the client cannot build a chain to the CA.
            "no-intermediate" => params.signed_by(&key, &intermediate()),
            "weak-key" => params.signed_by(&WeakKey::default(), &self.issuer),
            _ => params.signed_by(&key, &self.issuer),
        };
        let certificate = certificate.expect("a certificate");
        if kind.starts_with("wants-client") || kind == "asks-client" {
            self.demanding(&certificate, &key, kind)
        } else {
            config(&certificate, &key)
        }
    }

    /// A server that demands a certificate of the client.
    fn demanding(&self, certificate: &Certificate, key: &KeyPair, kind: &str) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).expect("a certificate");
        roots.add(own).expect("a root");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = if kind == "asks-client" { verifier.allow_unauthenticated() } else { verifier };
        let versions: &[&rustls::SupportedProtocolVersion] =
            if kind == "wants-client-1.2" { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in DER");
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions that ring has")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![CertificateDer::from(certificate.der().to_vec())], key);
        Arc::new(config.expect("a certificate with its key"))
    }
}

/// The public half of an RSA key of 1024 bits.
struct WeakKey(Vec<u8>);

impl Default for WeakKey {
    fn default() -> Self {
        // RSAPublicKey (RFC 8017 §A.1.1): a sequence of the modulus and the exponent 65537. No test computes with the
        // modulus.
        let modulus = [[0x02, 0x81, 0x81, 0x00].as_slice(), &[0xa5; 128]].concat();
        Self([[0x30, 0x81, 0x89].as_slice(), &modulus, &[0x02, 0x03, 0x01, 0x00, 0x01]].concat())
    }
}

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

fn config(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    server(CertificateDer::from(certificate.der().to_vec()), key)
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let chain = vec![certificate];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in DER");
    // The key is not compared with the certificate's key: the tests have no private key for the weak one.
    let certified = CertifiedKey::new(chain, ring::sign::any_supported_type(&key).expect("a key that signs"));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("versions that ring has")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    Arc::new(config)
}

fn intermediate() -> Issuer<'static, KeyPair> {
    let mut params = params("Test intermediate CA", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Issuer::new(params, KeyPair::generate().expect("a key"))
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2200, 1, 1);
    params
}
