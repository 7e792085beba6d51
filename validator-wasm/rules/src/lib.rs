//! The rules for SMTP settings, written once for the browser and the server.
//!
//! A shell packs the settings ([`packed`]), calls [`check`], and decodes the issues ([`report`]) into the
//! ValidationReport of CONTRACT §2. What browser and server cannot do alike it passes in as a [`Shell`]. No
//! I/O, no clock, no features; nothing here can panic on what a user sends.

#![no_std]
// Lengths of texts that were cut to size before, and numbers of enums.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

extern crate alloc;

pub mod address;
pub mod catalogue;
mod destination;
mod document;
mod host;
mod mailbox;
mod name;
mod oauth2;
pub mod packed;
pub mod pem;
mod presets;
pub mod render;
pub mod report;
mod secret;
mod text;
mod typo;

use alloc::string::String;

pub use destination::{Account, Destination};
pub use document::{CertificateProblem, Options, PORTS, Shell, check, needs};
pub use name::Idn;
pub use presets::Directory;
pub use secret::{Spaces, secret_text};
pub use text::trim;

/// A host that the rules accept, as it is stored and dialled: A-labels, no final dot.
pub fn normal_host(host: &str, shell: &impl Shell) -> Option<String> {
    String::from_utf8(host::normal(host.as_bytes(), shell)?.into_owned()).ok()
}

/// An address that the rules accept, as it goes to a server: its domain as A-labels.
pub fn normal_address(address: &str, shell: &impl Shell) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let ascii = name::ascii(domain.as_bytes(), shell).ok()?;
    Some([local, "@", str::from_utf8(&ascii).ok()?].concat())
}
