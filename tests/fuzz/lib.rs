//! The bodies of the targets, shared with the replay on stable Rust.

#[path = "../src/fuzz/mod.rs"]
mod bodies;

pub use bodies::*;
