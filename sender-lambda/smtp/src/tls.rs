//! TLS 1.2 and 1.3 by rustls with ring. For a test the verifier records the certificate and the reason against it, so that
//! the report can explain a failed handshake.

use std::cmp::Ordering;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ownpost_domain::failure::{Cause, FailureCode, Reason};
use ownpost_domain::report::TlsFacts;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
};
use rustls::{OtherError, PeerIncompatible, PeerMisbehaved, RootCertStore, SignatureScheme};
use smtp_rules::pem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate;

/// The certificates that a relay's certificate may end in: the public roots, the operator's and the relay's own.
#[derive(Clone)]
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    /// The relay's own certificates as given. A leaf that is one of them is trusted without a chain: self-signed
    /// certificates are often marked as a CA, and webpki refuses a CA as a leaf.
    pinned: Arc<Vec<CertificateDer<'static>>>,
}

/// The crypto provider, ring. Passed to each configuration, so that no process-wide default is needed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

impl Trust {
    /// Trusts the public roots and the operator's.
    pub(crate) fn new(extra: &[CertificateDer<'static>]) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(extra.iter().cloned());
        Self { roots: Arc::new(roots), pinned: Arc::new(Vec::new()) }
    }

    /// Adds a relay's own certificates. One that does not parse is left out; the settings' rules refuse it before.
    pub(crate) fn with_pem(&self, pem: &str) -> Self {
        // Read as the settings' rules read it: what they have accepted is trusted.
        let own: Vec<_> = pem::blocks(pem.as_bytes()).flatten().map(CertificateDer::from).collect();
        let mut roots = RootCertStore::clone(&self.roots);
        roots.add_parsable_certificates(own.iter().cloned());
        Self { roots: Arc::new(roots), pinned: Arc::new(own) }
    }

    fn verifier(&self, mode: Mode) -> Result<Verifier, Error> {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), provider())
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Verifier { inner, pinned: Arc::clone(&self.pinned), mode, seen: Mutex::default() })
    }

    /// The configuration for sending: TLS sessions are resumed, and a certificate that is not trusted fails the handshake.
    pub(crate) fn strict(&self) -> Result<Arc<ClientConfig>, Error> {
        config(Arc::new(self.verifier(Mode::Enforce)?))
    }

    /// The same for one connection, and whether the server has asked for a certificate of ours there.
    pub(crate) fn strict_once(&self) -> Result<(Arc<ClientConfig>, Arc<AskedForCertificate>), Error> {
        self.strict().map(remembering)
    }
}

/// Whether one of these certificates can vouch for none, although the settings' rules take it: webpki reads more of it.
pub fn has_unusable_certificate(pem: &str) -> bool {
    pem::blocks(pem.as_bytes())
        .flatten()
        .any(|der| RootCertStore::empty().add(CertificateDer::from(der)).is_err())
}

fn config(verifier: Arc<Verifier>) -> Result<Arc<ClientConfig>, Error> {
    let mode = verifier.mode;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    if mode == Mode::Record {
        // A resumed session is not verified again, so an unverified handshake must neither leave nor take one.
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// What a verifier does with a certificate that is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Fails the handshake.
    Enforce,
    /// Records it and finishes the handshake, so that version and cipher are known. [`examine`] then closes the
    /// connection before a command is sent.
    Record,
}

/// Has no certificate for the server, and remembers that it was asked for one.
#[derive(Debug, Default)]
pub(crate) struct AskedForCertificate(AtomicBool);

impl AskedForCertificate {
    /// Whether the server has asked.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// What a failed handshake means: TLS 1.2 has no alert of its own for a client without a certificate.
    pub(crate) fn explained(&self, failure: TlsFailure) -> TlsFailure {
        let alert = failure.reason.as_ref().is_some_and(|reason| reason.cause == Cause::TlsAlert);
        if alert && self.was_asked() { TlsFailure::new(FailureCode::TlsClientCertificate) } else { failure }
    }
}

/// The configuration with a resolver that remembers.
fn remembering(mut config: Arc<ClientConfig>) -> (Arc<ClientConfig>, Arc<AskedForCertificate>) {
    let asked = Arc::new(AskedForCertificate::default());
    Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::<AskedForCertificate>::clone(&asked);
    (config, asked)
}

impl ResolvesClientCert for AskedForCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The reason why a certificate is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.code())]
struct Rejected(FailureCode, Option<Cause>);

impl From<FailureCode> for Rejected {
    fn from(code: FailureCode) -> Self {
        Self(code, None)
    }
}

/// The server's certificate and the reason against it, as [`Mode::Record`] keeps them.
#[derive(Debug, Default)]
struct Seen {
    leaf: Option<CertificateDer<'static>>,
    rejected: Option<Rejected>,
}

/// Verifies a certificate as webpki does, or as one of the relay's own.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    pinned: Arc<Vec<CertificateDer<'static>>>,
    mode: Mode,
    seen: Mutex<Seen>,
}

impl Verifier {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Rejected> {
        if certificate::has_weak_key(leaf) {
            return Err(Rejected(FailureCode::TlsLegacy, Some(Cause::CertificateWeak)));
        }
        if certificate::is_version_1(leaf) {
            return Err(Rejected(FailureCode::TlsUntrusted, Some(Cause::CertificateVersion1)));
        }
        let at = now;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if self.pinned.iter().any(|pinned| pinned == leaf) {
            return match certificate::validity(leaf, now) {
                Some(Ordering::Less) => Err(FailureCode::TlsNotYetValid.into()),
                Some(Ordering::Greater) => Err(FailureCode::TlsExpired.into()),
                _ => ParsedCertificate::try_from(leaf)
                    .and_then(|parsed| verify_server_name(&parsed, name))
                    .map_err(|error| reason_of(&error, leaf, name, now)),
            };
        }
        match self.inner.verify_server_cert(leaf, intermediates, name, &[], at) {
            Ok(_) => Ok(()),
            Err(error) => Err(reason_of(&error, leaf, name, now)),
        }
    }
}

/// The reason why webpki does not trust a certificate at this time, in Unix seconds.
fn reason_of(error: &Error, leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: i64) -> Rejected {
    let Error::InvalidCertificate(error) = error else { return FailureCode::TlsUntrusted.into() };
    let code = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            // webpki says it of every certificate of the chain.
            let in_chain = certificate::validity(leaf, now) == Some(Ordering::Equal);
            return Rejected(FailureCode::TlsExpired, in_chain.then_some(Cause::CertificateChainExpired));
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            FailureCode::TlsNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            return Rejected(FailureCode::TlsNameMismatch, certificate::why_not_for(leaf, name));
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            return Rejected(FailureCode::TlsUntrusted, Some(Cause::CertificateClientOnly));
        }
        // A signature in the chain has a digest that is no longer accepted, such as SHA-1, or one that ring has not.
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id, ..
        } if certificate::is_old_signature(signature_algorithm_id) => {
            return Rejected(FailureCode::TlsLegacy, Some(Cause::CertificateWeak));
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            FailureCode::TlsUnsupported
        }
        CertificateError::BadEncoding => FailureCode::TlsFailed,
        _ if certificate::signed_itself(leaf) => FailureCode::TlsSelfSigned,
        // The authority is known, and the chain breaks a rule: its constraints, an authority's own certificate at the end.
        CertificateError::Other(_) => {
            return Rejected(FailureCode::TlsUntrusted, Some(Cause::CertificateChain));
        }
        _ => FailureCode::TlsUntrusted,
    };
    code.into()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let rejected = self.judge(leaf, intermediates, name, now).err();
        if self.mode == Mode::Record {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = Seen { leaf: Some(leaf.clone().into_owned()), rejected };
        }
        match rejected {
            Some(reason) if self.mode == Mode::Enforce => {
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason)))))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The name to verify: a DNS name, or an IP address for its address entry.
fn server_name(host: &str) -> Result<ServerName<'static>, FailureCode> {
    ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|_| FailureCode::TlsNameMismatch)
}

/// A handshake that did not lead to an encrypted and verified connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFailure {
    /// The failure code to report.
    pub(crate) code: FailureCode,
    /// Whether the server's answer is no TLS at all.
    pub(crate) not_tls: bool,
    /// Whether the server refused before it showed a certificate, as it does when it has no version or cipher in common
    /// with rustls.
    pub(crate) refused: bool,
    /// Whether the connection was lost, or the server has failed inside, which says nothing about its TLS.
    pub(crate) lost: bool,
    /// The cause, where it is known.
    pub(crate) reason: Option<Reason>,
}

impl TlsFailure {
    pub(crate) fn new(code: FailureCode) -> Self {
        Self { code, not_tls: false, refused: false, lost: false, reason: None }
    }
}

/// The result of a handshake for a test, and the facts that the report shows.
pub(crate) type Examined<S> = (Result<TlsStream<S>, TlsFailure>, Option<TlsFacts>);

/// Makes a handshake for a test: gives the facts also when it fails.
pub(crate) async fn examine<S>(trust: &Trust, host: &str, stream: S, until: Instant) -> Examined<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let setup = || {
        let verifier = Arc::new(trust.verifier(Mode::Record)?);
        let config = config(Arc::clone(&verifier))?;
        Ok::<_, Error>((verifier, remembering(config)))
    };
    let Ok((verifier, (config, asked))) = setup() else {
        return (Err(TlsFailure::new(FailureCode::TlsFailed)), None);
    };
    let result = handshake(config, host, stream, until).await;
    let seen = std::mem::take(&mut *verifier.seen.lock().unwrap_or_else(PoisonError::into_inner));
    let facts = |stream: Option<&TlsStream<S>>| {
        let connection = stream.map(|stream| stream.get_ref().1);
        let facts = TlsFacts {
            version: connection.and_then(|c| c.protocol_version()).map(|version| match version {
                rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
                _ => "TLSv1.2".to_owned(),
            }),
            cipher: connection.and_then(|c| c.negotiated_cipher_suite()).map(|suite| {
                // rustls names TLS 1.3 suites `TLS13_…`, IANA `TLS_…`.
                suite.suite().as_str().unwrap_or_default().replacen("TLS13_", "TLS_", 1)
            }),
            certificate: seen.leaf.as_ref().and_then(certificate::facts),
        };
        (facts.version.is_some() || facts.certificate.is_some()).then_some(facts)
    };
    match result {
        Ok(stream) => {
            let facts = facts(Some(&stream));
            // Without a recorded leaf nothing was verified.
            match (seen.leaf.is_some(), seen.rejected) {
                (true, None) => (Ok(stream), facts),
                (_, reason) => {
                    let reason = reason.unwrap_or(FailureCode::TlsFailed.into());
                    (Err(reason.into()), facts)
                }
            }
        }
        Err(mut failure) => {
            failure.refused &= seen.leaf.is_none();
            let failure = seen.rejected.map_or_else(|| asked.explained(failure), TlsFailure::from);
            (Err(failure), facts(None))
        }
    }
}

/// Makes a handshake and verifies the certificate.
pub(crate) async fn handshake<S>(
    config: Arc<ClientConfig>,
    host: &str,
    stream: S,
    until: Instant,
) -> Result<TlsStream<S>, TlsFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = server_name(host).map_err(TlsFailure::new)?;
    match timeout_at(until, TlsConnector::from(config).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(handshake_failure(&error)),
        Err(_) => Err(TlsFailure::new(FailureCode::ProtocolTimeout)),
    }
}

/// The rustls error inside an I/O error, if that is what it is.
fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

/// Whether the server has ended the connection because it wants a certificate of ours (RFC 8446 §6.2). In TLS 1.3 that
/// comes after the handshake.
pub(crate) fn wants_certificate(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(Error::AlertReceived(AlertDescription::CertificateRequired)))
}

/// Whether something else than TLS has come, or what does not decrypt. A server that sends an alert ends in order.
pub(crate) fn is_broken(error: &io::Error) -> bool {
    tls_error(error).is_some_and(|error| !matches!(error, Error::AlertReceived(_)))
}

/// An alert as RFC 8446 §6 writes it, with its number: `handshake_failure (40)`.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for c in alert.as_str().unwrap_or("unknown").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    format!("{name} ({})", u8::from(alert))
}

impl From<Rejected> for TlsFailure {
    fn from(Rejected(code, cause): Rejected) -> Self {
        Self { reason: cause.map(Reason::from), ..Self::new(code) }
    }
}

fn handshake_failure(error: &io::Error) -> TlsFailure {
    let failed = TlsFailure::new(FailureCode::TlsFailed);
    let Some(error) = tls_error(error) else {
        // The server has closed, or the network has lost it.
        return TlsFailure { refused: true, lost: true, reason: Some(Cause::TlsLost.into()), ..failed };
    };
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            other.downcast_ref::<Rejected>().copied().unwrap_or(FailureCode::TlsUntrusted.into()).into()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            TlsFailure::new(FailureCode::TlsClientCertificate)
        }
        // The server has taken the handshake in an old version.
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => TlsFailure::new(FailureCode::TlsLegacy),
        // A record of a version that rustls does not know: another handshake shows whether the server is old.
        Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            TlsFailure { refused: true, ..failed }
        }
        Error::AlertReceived(alert) => TlsFailure {
            refused: matches!(
                alert,
                AlertDescription::HandshakeFailure
                    | AlertDescription::InsufficientSecurity
                    | AlertDescription::ProtocolVersion
            ),
            // It says nothing of the settings (RFC 8446 §6.2): the server had no memory, or no process.
            lost: *alert == AlertDescription::InternalError,
            reason: Some(Reason { cause: Cause::TlsAlert, detail: alert_name(*alert) }),
            ..failed
        },
        // The server has chosen a key or signature that was not offered.
        Error::PeerMisbehaved(
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme
            | PeerMisbehaved::SignedKxWithWrongAlgorithm,
        ) => TlsFailure::new(FailureCode::TlsUnsupported),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure { not_tls: true, ..failed },
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A private authority of the vectors, which the rules accept in each of these forms.
    const PEM: &str = include_str!("tls_authority.pem");

    #[test]
    fn an_error_inside_the_server_is_a_lost_connection_and_a_refusal_is_none() {
        for (alert, lost) in [
            (AlertDescription::InternalError, true),
            (AlertDescription::HandshakeFailure, false),
            (AlertDescription::UnrecognisedName, false),
        ] {
            let failure = handshake_failure(&io::Error::other(Error::AlertReceived(alert)));
            assert_eq!((failure.code, failure.lost), (FailureCode::TlsFailed, lost), "{alert:?}");
        }
    }

    #[test]
    fn what_the_rules_accept_is_trusted() {
        let indented = PEM.replace('\n', "\n  ");
        let one_line = PEM.replace('\n', " ");
        for (text, count) in [
            (PEM.to_owned(), 1),
            (format!("\u{feff}{PEM}"), 1),
            (format!("  {indented}"), 1),
            (one_line, 1),
            (format!("\"{PEM}\""), 1),
            (format!("{}{PEM}", PEM.trim_end()), 2),
        ] {
            let trust = Trust::new(&[]);
            let before = trust.roots.len();
            let trust = trust.with_pem(&text);
            assert_eq!((trust.pinned.len(), trust.roots.len() - before), (count, count), "{text}");
        }
    }
}
