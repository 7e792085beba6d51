//! The installation's own CA, which vouches for the embedded relays.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// How long a relay's certificate is used; it is valid for a year.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(240 * 24);
/// How far the clock may go back before a certificate is not valid yet: it is valid from the day before.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(12);

/// The names in the relays' certificates.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Something about certificates that does not come from outside failed.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A CA as it is kept: both PEM.
pub(crate) struct Authority {
    pub(crate) key_pem: String,
    pub(crate) certificate_pem: String,
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Ownpost on this machine");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn today(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

/// Valid from yesterday, because clocks differ, for a year.
fn set_validity(params: &mut CertificateParams, now: Timestamp) -> Result<(), Problem> {
    let from = today(now).yesterday()?;
    let day = |date: Date, years: i32| {
        // No year of validity ends on a 29 February that does not exist.
        let day = date.day().min(28);
        Ok::<_, Problem>(rcgen::date_time_ymd(
            i32::from(date.year()) + years,
            u8::try_from(date.month())?,
            u8::try_from(day)?,
        ))
    };
    params.not_before = day(from, 0)?;
    params.not_after = day(from, 1)?;
    Ok(())
}

impl Authority {
    /// A new CA. It is valid for all times that a clock may show: settings may name it in `caPem`, and its key does not
    /// leave this folder.
    pub(crate) fn generate() -> Result<Self, Problem> {
        let key = KeyPair::generate()?;
        let mut params = authority_params();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2099, 12, 31);
        let certificate = params.self_signed(&key)?;
        Ok(Self { key_pem: key.serialize_pem(), certificate_pem: certificate.pem() })
    }

    /// A fresh certificate for a relay, in a server's TLS configuration.
    pub(crate) fn server_config(&self, relay: &str, now: Timestamp) -> Result<Arc<ServerConfig>, Problem> {
        let issuer = Issuer::new(authority_params(), KeyPair::from_pem(&self.key_pem)?);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{relay} relay of Ownpost"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let mut serial = [0; 16];
        getrandom::fill(&mut serial)?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        set_validity(&mut params, now)?;
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}

/// A relay's certificate, renewed before it ends and when the clock shows a time for which it is not valid.
pub(crate) struct Certificate {
    authority: Authority,
    relay: &'static str,
    current: Mutex<(Timestamp, TlsAcceptor)>,
}

impl Certificate {
    pub(crate) fn new(authority: Authority, relay: &'static str, now: Timestamp) -> Result<Self, Problem> {
        let acceptor = TlsAcceptor::from(authority.server_config(relay, now)?);
        Ok(Self { authority, relay, current: Mutex::new((now, acceptor)) })
    }

    /// TLS with a certificate that is valid at this time.
    pub(crate) fn acceptor(&self, now: Timestamp) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.duration_since(current.0);
        if age > RENEWED_AFTER || age < -CLOCKS_DIFFER {
            match self.authority.server_config(self.relay, now) {
                Ok(config) => *current = (now, TlsAcceptor::from(config)),
                Err(error) => tracing::error!(%error, relay = self.relay, "the certificate is not renewed"),
            }
        }
        current.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::time_provider::TimeProvider;
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::*;

    #[derive(Debug)]
    struct At(Timestamp);

    impl TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            let seconds = u64::try_from(self.0.as_second()).ok()?;
            Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
        }
    }

    /// A handshake in which both sides read this clock.
    async fn handshake(certificate: &Certificate, now: Timestamp) -> std::io::Result<()> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(certificate.authority.certificate_pem.as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(At(now)))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (ours, theirs) = tokio::io::duplex(1 << 14);
        let acceptor = certificate.acceptor(now);
        let server = tokio::spawn(async move { acceptor.accept(theirs).await.map(drop) });
        let name = ServerName::try_from("localhost").unwrap();
        let client = TlsConnector::from(Arc::new(config)).connect(name, ours).await;
        let _ = server.await;
        client.map(drop)
    }

    #[tokio::test]
    async fn the_certificate_is_valid_whatever_the_clock_shows() {
        let start: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let certificate = Certificate::new(Authority::generate().unwrap(), "customer", start).unwrap();
        for days in [0, 1, 239, 241, 364, 365, 366, 800, 400, 799, 0, -1, -400, 9000, -9000, 20_000] {
            let now = start + SignedDuration::from_hours(24 * days);
            assert!(handshake(&certificate, now).await.is_ok(), "after {days} days");
        }
    }
}
