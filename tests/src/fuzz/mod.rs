//! The bodies of the fuzz targets, one function each: any bytes go in, and what must hold is asserted. The crate
//! in `tests/fuzz` runs them under libFuzzer, `tests/tests/fuzz_replay.rs` over the corpora on stable Rust; the
//! former takes this folder in by its path, so that libFuzzer's build needs nothing else of this package.

#![allow(clippy::missing_panics_doc, reason = "a panic is the finding")]

#[cfg(feature = "testing")]
pub mod client;
pub mod ehlo;
pub mod message;
pub mod reply;
pub mod settings;
