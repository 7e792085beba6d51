//! The artefact a second time, as another person would build it: from a copy of the sources in another folder, with a cargo
//! home and tools of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::elf::Arch;
use super::{digest, lambda, paths};
use crate::process::{ask, cargo_that_may_lock, command, root, run};

/// Builds the Lambda artefact here and there; an error when the two differ.
pub(crate) fn same_bytes() -> Result<()> {
    let here = fs::read(lambda(Arch::Arm64)?)?;
    let folder = std::env::temp_dir().join(format!("ownpost-again-{}", std::process::id()));
    let there = elsewhere(&folder);
    let _ = fs::remove_dir_all(&folder);
    let there = there?;
    ensure!(here == there, "here it is {}, elsewhere {}", digest(&here), digest(&there));
    println!("xtask: the same {} bytes from both folders", here.len());
    Ok(())
}

/// Builds it below this folder; returns the zip.
fn elsewhere(folder: &Path) -> Result<Vec<u8>> {
    let (sources, home) = (folder.join("copy"), folder.join("cargo"));
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    // Where the crates come from.
    let _ = fs::copy(paths::cargo_home().join("config.toml"), home.join("config.toml"));
    let listed = ask(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]));
    for name in listed.context("git ls-files")?.split('\0').filter(|name| root().join(name).is_file()) {
        let copy = sources.join(name);
        fs::create_dir_all(copy.parent().unwrap_or(folder))?;
        fs::copy(root().join(name), &copy).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut again = cargo_that_may_lock();
    again.args(["run", "--quiet", "--locked", "--package", "xtask", "--", "package", "--arch", "arm64"]);
    run(again.current_dir(&sources).env("CARGO_HOME", &home).env_remove("CARGO_TARGET_DIR"))?;
    Ok(fs::read(sources.join("target/package/ownpost-lambda.zip"))?)
}
