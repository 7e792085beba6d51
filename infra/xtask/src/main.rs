//! Builds, packages and verifies.
fn main() {}
