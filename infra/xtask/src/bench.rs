//! `cargo xtask bench NAME [OPTIONS]`: each benchmark writes its table and its pictures into `docs/figures`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::process::{command, run as finish};
use crate::{setup, wasm};

/// Runs the benchmark named.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, options)) = arguments.split_first() else { bail!("which benchmark? `cargo xtask help`") };
    match name.as_str() {
        "validating" => validating(options),
        other => bail!("no benchmark `{other}`; `cargo xtask help` lists them"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The npm package beside its peers, in Node and in Chromium.
fn validating(options: &[String]) -> Result<()> {
    setup::for_validating_bench()?;
    wasm::build()?;
    finish(command("node").arg("tests/bench/validating/run.mjs").args(options))
}
