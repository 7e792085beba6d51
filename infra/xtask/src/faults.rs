//! `cargo xtask faults`: the long fault run.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::{cargo, command, root, run};

/// Builds the run and its sender program, and runs it with these arguments.
pub(crate) fn run_long(arguments: &[String]) -> Result<ExitCode> {
    run(cargo().args(["build", "--package", "ownpost-tests", "--bins"]))?;
    run(command(root().join("target/debug/faults")).args(arguments))?;
    Ok(ExitCode::SUCCESS)
}
