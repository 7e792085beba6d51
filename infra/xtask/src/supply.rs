//! `cargo xtask test supply`: the licences, sources and bans of every dependency by cargo-deny (deny.toml), and known
//! vulnerabilities where the network has the database of advisories.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{ask, command, find_program, root, run};

/// Checks the dependencies of the workspace.
pub(crate) fn verify() -> Result<()> {
    let by_hand = "install it by hand: `cargo install cargo-deny --locked`";
    let installed = root().join("tests/.venv/bin/cargo-deny");
    let program = find_program(&["cargo-deny"])
        .or_else(|| installed.is_file().then_some(installed))
        .with_context(|| format!("there is no cargo-deny: {by_hand}"))?;
    let check = ["check", "--hide-inclusion-graph"];
    run(deny(&program).args(check).args(["licenses", "bans", "sources"]))?;
    if ask(deny(&program).args(["fetch", "db"])).is_none() {
        println!("xtask: advisories not checked: the network does not have their database");
        return Ok(());
    }
    run(deny(&program).arg("--offline").args(check).arg("advisories"))
}

/// A command of cargo-deny with the committed versions.
fn deny(program: &Path) -> Command {
    let mut deny = command(program);
    deny.arg("--locked");
    deny
}
