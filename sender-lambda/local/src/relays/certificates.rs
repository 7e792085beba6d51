//! The installation's own CA, which vouches for the embedded relays.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the relays' certificates are for.
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

/// Valid from yesterday, because clocks differ, for so many years.
fn set_validity(params: &mut CertificateParams, now: Timestamp, years: i32) -> Result<(), Problem> {
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
    params.not_after = day(from, years)?;
    Ok(())
}

impl Authority {
    /// A new CA, valid for ten years.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, Problem> {
        let key = KeyPair::generate()?;
        let mut params = authority_params();
        set_validity(&mut params, now, 10)?;
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
        set_validity(&mut params, now, 1)?;
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}
