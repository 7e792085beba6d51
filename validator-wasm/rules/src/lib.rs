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

pub use document::{CertificateProblem, Options, PORTS, Shell, check, needs};
pub use name::Idn;
pub use presets::{PRESETS, Preset, Suggestion, suggest};
pub use secret::Spaces;
pub use text::{is_space, trim};

/// A host that the rules accept, as it is stored and dialled: A-labels, no final dot.
pub fn normal_host(host: &str, shell: &dyn Shell) -> Option<String> {
    let host = host.strip_suffix(name::is_dot).unwrap_or(host);
    if host.parse::<core::net::IpAddr>().is_ok() {
        return Some(host.into());
    }
    name::ascii(host, &|name| shell.idn(name)).ok().map(alloc::borrow::Cow::into_owned)
}

/// An address that the rules accept, as it goes to a server: its domain as A-labels.
pub fn normal_address(address: &str, shell: &dyn Shell) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let ascii = name::ascii(domain, &|name| shell.idn(name)).ok()?;
    Some([local, "@", &ascii].concat())
}
