//! The folders of this machine whose paths a compiler would write into a program (in messages of panics, for instance), and
//! the names that they get instead. With them the bytes would differ from folder to folder and tell a user's name.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use memchr::memmem;

use crate::process::{ask, command, root};

/// Each folder with its name in the program. Where a path is below several, the compiler takes the last.
pub(super) fn of_this_machine() -> Result<Vec<(PathBuf, String)>> {
    let home = env::home_dir().unwrap_or_default();
    let cargo = cargo_home();
    let sysroot = ask(command("rustc").args(["--print", "sysroot"])).context("rustc tells no sysroot")?;
    let version = ask(command("rustc").arg("-vV")).context("rustc tells no version")?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");

    let mut folders = Vec::new();
    let mut map = |folder: PathBuf, name: &str| {
        // A folder may be reached by a link, and a compiler may follow it.
        let followed = fs::canonicalize(&folder).ok().filter(|followed| *followed != folder);
        folders.extend(followed.into_iter().chain([folder]).map(|folder| (folder, name.to_owned())));
    };
    // A home such as `/` is no name.
    if home.components().count() > 1 {
        map(home.clone(), "home");
    }
    map(home_of("RUSTUP_HOME", ".rustup"), "rustup");
    map(Path::new(&sysroot).to_owned(), "rust");
    // As in the standard library that comes compiled. With its sources installed, the compiler writes their path.
    map(Path::new(&sysroot).join("lib/rustlib/src/rust"), &format!("/rustc/{commit}"));
    map(cargo.clone(), "cargo");
    // The name of the folder depends on the address of the registry or its mirror.
    let sources = cargo.join("registry/src");
    for registry in fs::read_dir(&sources).into_iter().flatten().flatten() {
        map(registry.path(), "crates");
    }
    map(root(), "ownpost");
    Ok(folders)
}

/// The folder in which cargo keeps what it has downloaded.
pub(super) fn cargo_home() -> PathBuf {
    home_of("CARGO_HOME", ".cargo")
}

fn home_of(variable: &str, folder: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| env::home_dir().unwrap_or_default().join(folder), PathBuf::from)
}

/// The compiler's options for these names.
pub(super) fn options(folders: &[(PathBuf, String)]) -> Vec<OsString> {
    let option = |(folder, name): &(PathBuf, String)| {
        let mut option = OsString::from("--remap-path-prefix=");
        option.push(folder);
        option.push("=");
        option.push(name);
        option
    };
    folders.iter().map(option).collect()
}

/// The folders that stand in a program.
pub(super) fn found_in(program: &[u8], folders: &[(PathBuf, String)]) -> Vec<String> {
    let stands = |folder: &Path| {
        let below = [folder.as_os_str().as_encoded_bytes(), b"/"].concat();
        memmem::find(program, &below).is_some()
    };
    let mut found: Vec<_> = folders
        .iter()
        .filter(|(folder, _)| stands(folder))
        .map(|(folder, _)| folder.display().to_string())
        .collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_found_in_a_program() -> Result<()> {
        let folders = of_this_machine()?;
        let program =
            |path: &Path| [b"\x7fELF\0", path.as_os_str().as_encoded_bytes(), b"/lib.rs\0"].concat();
        assert!(!found_in(&program(&root()), &folders).is_empty());
        assert!(!found_in(&program(&folders[0].0), &folders).is_empty());
        assert!(found_in(&program(Path::new("/rustc/abc/library")), &folders).is_empty());
        assert_eq!(options(&folders).len(), folders.len());
        Ok(())
    }
}
