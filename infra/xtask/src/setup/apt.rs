//! Packages of Debian and Ubuntu. No package is removed for them, and no service is started.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{ask, command, find_program, run};

/// A program, by any of its names, and the package that contains it.
pub(super) struct Program {
    pub(super) names: &'static [&'static str],
    pub(super) package: &'static str,
}

/// Installs the packages of the programs that are missing.
pub(super) fn provide(programs: &[Program]) -> Result<()> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| find_program(program.names).is_none())
        .map(|it| it.package)
        .collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs `package` unless `file` is in a subfolder of `folder` (the subfolder's name depends on the architecture).
pub(super) fn provide_file(folder: &str, file: &str, package: &str) -> Result<()> {
    let there =
        fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| entry.path().join(file).exists());
    if there { Ok(()) } else { install(&[package]) }
}

/// Installs `package` unless `file` exists.
pub(super) fn provide_path(file: &str, package: &str) -> Result<()> {
    if Path::new(file).exists() { Ok(()) } else { install(&[package]) }
}

/// Installs packages without questions, without starting a service and without removing a package (for instance a
/// mail server that conflicts with Postfix).
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let by_hand = format!("install by hand: `apt-get install {list}`, or what your system calls these");
    ensure!(
        find_program(&["apt-get"]).is_some(),
        "{list} missing, and this is no Debian or Ubuntu: {by_hand}"
    );
    let root = ask(command("id").arg("-u")).is_some_and(|id| id == "0");
    if !root && find_program(&["sudo"]).is_none() {
        bail!("{list} missing, and neither root nor sudo is here: {by_hand}");
    }
    println!("xtask: apt-get install {list}");
    let mut shell = if root { command("sh") } else { command("sudo") };
    if !root {
        // sudo asks for a password on the terminal, and fails without one.
        shell.arg("sh");
    }
    shell.args(["-c", include_str!("apt.sh"), "apt.sh"]).args(packages);
    run(&mut shell).map_err(|_| anyhow::anyhow!("apt-get failed")).context(by_hand)
}
