//! The platform that the rules run on: a browser or the server. Each does the steps that the two do not have alike.

use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::directory::Directory;
use crate::packed::Key;

/// The options of the operator. Lists are text, as the environment variables have them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Ports allowed beside [`crate::PORTS`], separated by commas.
    pub allow_ports: &'a [u8],
    /// Networks that may be dialled although they are not public, separated by commas.
    pub allow_networks: &'a [u8],
    /// Check only this field of the document.
    pub only: Option<Key>,
}

/// What a certificate parser and a clock find wrong with one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// The time is after `notAfter`.
    Expired,
    /// The time is before `notBefore`.
    NotYetValid,
    /// The certificate is no CA's.
    NotACa,
}

/// The result of the IDN step for a name (UTS 46, non-transitional).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idn {
    /// The name as A-labels.
    Name(Vec<u8>),
    /// The name as A-labels by the lenient form that browsers have; the strict form refuses it.
    Refused(Vec<u8>),
    /// Both forms refuse the name.
    Invalid,
    /// Some browsers may accept the name; this platform does not.
    Unsure,
}

/// The steps that browser and server do not have alike.
pub trait Platform {
    /// Turns a name that is not ASCII, or has labels in A-form, into A-labels by UTS 46.
    fn idn(&self, name: &[u8]) -> Idn;

    /// The providers.
    fn directory(&self) -> &Directory;

    /// Judges a certificate whose structure is right. A browser does not: its clock is not the server's.
    fn certificate(&self, der: &[u8]) -> Option<CertificateProblem> {
        let _ = der;
        None
    }

    /// Exact endpoints that may be dialled although they are not public. A browser knows none.
    fn allowed_endpoints(&self) -> &[SocketAddr] {
        &[]
    }
}
