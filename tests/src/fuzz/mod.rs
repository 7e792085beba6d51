//! The bodies of the fuzz targets, one function each: they take any bytes and assert the properties. The crate in
//! `tests/fuzz` runs them under libFuzzer; `tests/tests/fuzz_replay.rs` runs them over the corpora on stable Rust.
//! The crate includes this folder by its path, so that libFuzzer's build needs no other code of this package.

#![allow(clippy::missing_panics_doc, reason = "a panic is the finding")]

#[cfg(feature = "testing")]
pub mod client;
pub mod ehlo;
pub mod inspect;
pub mod message;
pub mod reply;
pub mod settings;
