//! Running other programs, by default in the workspace's root.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The workspace's root: this crate is two folders below it.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A cargo command that fails instead of writing `Cargo.lock`, so that the tests use the committed versions.
/// Subcommands that are separate programs (`clippy`) need their own `--locked`.
pub(crate) fn cargo() -> Command {
    let mut cargo = cargo_that_may_lock();
    cargo.arg("--locked");
    cargo
}

/// A cargo command that writes `Cargo.lock` when it is outdated. It is the cargo that started this program, so that a
/// `+toolchain` applies too.
pub(crate) fn cargo_that_may_lock() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A command in the workspace's root, without standard input, so that no program can wait for an answer.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs the command to its end; an error names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", show(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", show(command));
    }
    Ok(())
}

/// The output of the command, trimmed, or `None` when it cannot be started or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first of `names` on the `PATH`, or in the folders of system programs, which a user's `PATH` may lack.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// The command as a user would type it: the program without its folder.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let parts = std::iter::once(program.file_name().unwrap_or(program.as_os_str())).chain(command.get_args());
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
