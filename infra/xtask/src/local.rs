//! `cargo xtask local` and `build`: from a fresh clone to the product in the browser.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::process::{cargo, root, run};
use crate::{setup, wasm};

/// Sets up, builds, and replaces this process by `ownpost local`, so that signals and the exit status are its own.
pub(crate) fn run_local(arguments: &[String]) -> Result<ExitCode> {
    build()?;
    let program = root().join("target/debug/ownpost");
    let mut command = Command::new(&program);
    command.arg("local").args(arguments);
    println!("xtask: {} local {}", program.display(), arguments.join(" "));
    Err(anyhow!("cannot start {}: {}", program.display(), command.exec()))
}

/// The npm package and the debug binaries.
pub(crate) fn build() -> Result<ExitCode> {
    let start = Instant::now();
    setup::for_package()?;
    setup::step(start, "npm package: the rules as WASM");
    wasm::build()?;
    setup::step(start, "ownpost");
    run(cargo().args(["build", "--package", "ownpost"]))?;
    setup::step(start, "built");
    Ok(ExitCode::SUCCESS)
}
