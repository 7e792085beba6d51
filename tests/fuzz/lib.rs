//! The bodies of the targets, which the replay on stable Rust shares.

#[path = "../src/fuzz/mod.rs"]
mod bodies;

pub use bodies::*;
