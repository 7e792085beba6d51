//! Builds a program for one of Lambda's processors, the same bytes on every machine with the same compiler.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use super::elf::{Arch, GLIBC};
use super::paths;
use crate::process::{cargo, command, root, run};
use crate::setup;

/// Builds a program of the package (its `--bin` or `--example`, and its name); returns its file.
pub(super) fn build(package: &str, [kind, program]: [&str; 2], profile: &str, arch: Arch) -> Result<PathBuf> {
    let tools = setup::for_artefact(arch.target())?;
    // The folders of the sources are known when these are unpacked.
    run(cargo().args(["fetch", "--quiet", "--target", arch.target()]))?;
    let options = paths::options(&paths::of_this_machine()?);

    let target = root().join("target");
    let cache = target.join("zig");
    let mut zigbuild = command(tools.join("cargo-zigbuild"));
    zigbuild.args(["zigbuild", "--locked", "--package", package, kind, program, "--profile", profile]);
    zigbuild.args(["--target", &format!("{}.{}.{}", arch.target(), GLIBC.0, GLIBC.1)]);
    zigbuild.arg("--target-dir").arg(&target);
    zigbuild
        .env("CARGO_ENCODED_RUSTFLAGS", options.join(&OsString::from("\x1f")))
        // Incremental code generation gives other bytes.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_ZIGBUILD_PYTHON_PATH", tools.join("python"))
        .env("CARGO_ZIGBUILD_CACHE_DIR", cache.join("wrappers"))
        .env("ZIG_GLOBAL_CACHE_DIR", cache.join("global"))
        .env("ZIG_LOCAL_CACHE_DIR", cache.join("local"));
    run(&mut zigbuild)?;
    let folder = target.join(arch.target()).join(profile);
    Ok(if kind == "--example" { folder.join("examples") } else { folder }.join(program))
}
