//! The rules for SMTP settings, written once for the browser and the server.
//!
//! Browser and server each pack the settings ([`packed`]), call [`check`], and decode the issues ([`report`]) into a
//! ValidationReport. The steps that the two do not have alike they pass in as a [`Platform`]. No I/O, no clock, no
//! features; no input can make this crate panic.

#![no_std]
// Lengths of texts that were cut to size before, and numbers of enums.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

extern crate alloc;

pub mod address;
pub mod catalogue;
mod contacts;
mod day;
mod destination;
mod directory;
mod document;
mod endpoint;
mod host;
mod mailbox;
mod name;
mod oauth2;
pub mod packed;
pub mod pem;
mod platform;
mod ports;
mod presets;
mod private;
pub mod providers;
pub mod report;
mod rules;
mod secret;
pub mod shown;
mod text;
mod typo;

use alloc::string::String;

pub use day::day;
pub use destination::{Account, Destination};
pub use directory::Directory;
pub use document::{check, needs};
pub use platform::{CertificateProblem, Idn, Options, Platform};
pub use ports::{PORTS, Security};
pub use secret::{Spaces, secret_text};
pub use text::trim;

/// A host that the rules accept, as it is stored and dialled: A-labels, no final dot.
pub fn normal_host(host: &str, platform: &impl Platform) -> Option<String> {
    String::from_utf8(host::normal(host.as_bytes(), platform)?.into_owned()).ok()
}

/// An address that the rules accept, as it goes to a server: its domain as A-labels.
pub fn normal_address(address: &str, platform: &impl Platform) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let ascii = name::ascii(domain.as_bytes(), platform).ok()?;
    Some([local, "@", str::from_utf8(&ascii).ok()?].concat())
}
