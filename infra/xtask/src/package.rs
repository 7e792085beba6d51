//! `cargo xtask package`: the Lambda artefact, `target/package/ownpost-lambda.zip`; `cargo xtask package ownpost`: the
//! command line and one-machine server, `target/package/ownpost.zip`. Each with its licences, third-party notices and bill of
//! materials. The same sources and the same compiler give the same bytes, in every folder and for every user, so that a
//! deployment can be compared with the reviewed sources by one hash.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::process::root;
use crate::setup::{self, step};
use crate::supply::{self, Artefact, LAMBDA, LICENCES, OWNPOST};
use crate::wasm;

mod again;
mod archive;
mod build;
pub(crate) mod elf;
mod paths;

pub(crate) use again::same_bytes;
use elf::{Arch, GLIBC};

const HELP: &str = "\
cargo xtask package [lambda|ownpost] [--arch arm64|x86_64]

Builds a program in release and packs it with its licences, the third-party notices and a bill of materials
(CycloneDX) into target/package/NAME.zip. Prints the SHA-256 of the zip, which is the same from every folder and for
every user with the same compiler. It builds on Linux and macOS: zig, installed into tests/.venv-zig, links for the
processor and for glibc 2.34, which Amazon Linux 2023 has.

  lambda    ownpost-lambda.zip, for the template (the default); --arch arm64 unless given
  ownpost   ownpost.zip, the command line and one-machine server; --arch of this machine unless given";

/// What can be packed.
struct Product {
    package: &'static str,
    program: &'static str,
    profile: &'static str,
    artefact: Artefact,
}

/// Builds and packs the artefact that is named, or the Lambda's.
pub(crate) fn package(arguments: &[String]) -> Result<ExitCode> {
    let (names, arch) = match arguments {
        [names @ .., option, value] if option == "--arch" => (names, Some(value.parse::<Arch>()?)),
        names => (names, None),
    };
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["lambda"] => {
            let arch = arch.unwrap_or(Arch::Arm64);
            lambda(arch)?;
            println!(
                "xtask: deploy it with `cargo xtask deploy --stage NAME`, or with `sam deploy` and the parameter \
                 Architecture={arch}"
            );
        }
        ["ownpost"] => {
            setup::for_package()?;
            wasm::build()?;
            let arch = arch.map_or_else(Arch::host, Ok)?;
            let artefact = OWNPOST.on(arch.target());
            pack(&Product { package: "ownpost", program: "ownpost", profile: "release", artefact }, arch)?;
        }
        ["--help" | "-h"] => println!("{HELP}"),
        _ => bail!("cargo xtask package [lambda|ownpost] [--arch arm64|x86_64]"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds and packs the Lambda artefact for this processor; returns the zip.
pub(crate) fn lambda(arch: Arch) -> Result<PathBuf> {
    let artefact = LAMBDA.on(arch.target());
    pack(&Product { package: "sender-lambda", program: "bootstrap", profile: "lambda", artefact }, arch)
}

/// The Lambda's program for this machine, and a hello world that is built the same way.
pub(crate) fn with_hello() -> Result<[PathBuf; 2]> {
    let build = |target| build::build("sender-lambda", target, "lambda", Arch::host()?);
    Ok([build(["--bin", "bootstrap"])?, build(["--example", "hello"])?])
}

/// The zip of the Lambda artefact; the template names it.
pub(crate) fn lambda_zip() -> PathBuf {
    zip_of(&LAMBDA)
}

/// The program in a zip of the Lambda artefact.
pub(crate) fn packed_program(zip: &[u8]) -> Result<Vec<u8>> {
    archive::read(zip, "bootstrap")
}

fn zip_of(artefact: &Artefact) -> PathBuf {
    root().join("target/package").join(artefact.name).with_extension("zip")
}

/// Builds the program and packs it with its papers.
fn pack(product: &Product, arch: Arch) -> Result<PathBuf> {
    let Product { package, program, profile, artefact } = product;
    let start = Instant::now();
    step(start, &format!("release build of {program} for {arch}; link-time optimisation takes minutes"));
    let binary = build::build(package, ["--bin", program], profile, arch)?;
    let bytes = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let built = elf::arch(&bytes)?;
    ensure!(built == arch, "the binary is for {built}, not for {arch}");
    let needed = elf::glibc(&bytes);
    ensure!(
        needed <= GLIBC,
        "the binary needs glibc {}.{}, and provided.al2023 has {}.{}",
        needed.0,
        needed.1,
        GLIBC.0,
        GLIBC.1
    );
    let found = paths::found_in(&bytes, &paths::of_this_machine()?);
    ensure!(found.is_empty(), "the binary has paths of this machine: {}", found.join(", "));

    let size = bytes.len();
    let packed = archive::zip(&contents(program, bytes, artefact)?)?;
    let archive = zip_of(artefact);
    fs::create_dir_all(root().join("target/package"))?;
    fs::write(&archive, &packed).with_context(|| format!("cannot write {}", archive.display()))?;
    step(start, &format!("{}: {} bytes; {program} has {size} ({arch})", archive.display(), packed.len()));
    println!("xtask: sha256 {}", digest(&packed));
    Ok(archive)
}

/// The files of an artefact, each with its mode: the program, the project's licences and the papers.
fn contents(
    program: &'static str,
    bytes: Vec<u8>,
    artefact: &Artefact,
) -> Result<Vec<(&'static str, Vec<u8>, u32)>> {
    let mut files = vec![(program, bytes, 0o755)];
    for licence in LICENCES {
        files.push((licence, fs::read(root().join(licence))?, 0o644));
    }
    files.extend(supply::papers(artefact)?.map(|(name, bytes)| (name, bytes, 0o644)));
    Ok(files)
}

/// The SHA-256 of the bytes, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zip_has_the_program_its_licences_and_its_papers() -> Result<()> {
        for (program, artefact) in [("bootstrap", LAMBDA), ("ownpost", OWNPOST)] {
            let packed = archive::zip(&contents(program, b"\x7fELF".to_vec(), &artefact)?)?;
            let read = |name: &str| Ok::<_, anyhow::Error>(String::from_utf8(archive::read(&packed, name)?)?);
            assert_eq!(read(program)?, "\x7fELF");
            assert!(
                read("LICENSE-MIT")?.contains("MIT License")
                    && read("LICENSE-APACHE")?.contains("Apache License")
            );
            assert!(
                read("THIRD-PARTY-NOTICES.txt")?
                    .contains(&format!("Third-party notices of {}", artefact.name))
            );
            assert!(read("sbom.cdx.json")?.contains("CycloneDX"));
        }
        Ok(())
    }
}
