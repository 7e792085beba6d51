//! The npm package: the rules compiled to WASM, its glue and the hand-written façade.

use anyhow::Result;

use crate::process::{cargo, run};

/// Builds `validator-wasm/dist`.
pub(crate) fn build() -> Result<()> {
    run(cargo().args([
        "build",
        "--release",
        "--package",
        "validator-wasm",
        "--target",
        "wasm32-unknown-unknown",
    ]))
}
