//! `cargo xtask package`: the Lambda artefact, `target/package/ownpost-lambda.zip`; `cargo xtask package ownpost`: the
//! command line and one-machine server, `target/package/ownpost.zip`. Each with its licences, third-party notices and bill of
//! materials. The same sources and the same compiler give the same bytes, so that a deployment can be compared with the
//! reviewed sources.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::process::{cargo, root, run};
use crate::setup::{self, step};
use crate::supply::{self, Artefact, LICENCES};
use crate::wasm;

/// The glibc version of the runtime provided.al2023.
const GLIBC: (u32, u32) = (2, 34);

/// Builds and packs the artefact that is named, or the Lambda's.
pub(crate) fn package(names: &[String]) -> Result<ExitCode> {
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["lambda"] => {
            let architecture = pack(&supply::LAMBDA, "sender-lambda", "bootstrap")?;
            println!(
                "xtask: deploy it with `sam deploy --guided --template infra/template.yaml \
                 --parameter-overrides Architecture={architecture}`"
            );
        }
        ["ownpost"] => {
            setup::for_package()?;
            wasm::build()?;
            pack(&supply::OWNPOST, "ownpost", "ownpost")?;
        }
        _ => bail!("cargo xtask package [lambda|ownpost]"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the program and packs it with its papers; returns its processor.
fn pack(artefact: &Artefact, package: &str, program: &str) -> Result<&'static str> {
    let start = Instant::now();
    step(start, &format!("release build of {program}; link-time optimisation takes minutes"));
    run(cargo().args(["build", "--release", "--package", package, "--bin", program]))?;
    let binary = root().join("target/release").join(program);
    let bytes = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let architecture = architecture(&bytes)?;
    let needed = glibc(&bytes);
    ensure!(
        needed <= GLIBC,
        "the binary needs glibc {}.{}, and provided.al2023 has {}.{}: build on an older system, such as Debian 11 \
         or Amazon Linux 2023 itself",
        needed.0,
        needed.1,
        GLIBC.0,
        GLIBC.1
    );
    let size = bytes.len();
    let mut files = vec![(program, bytes, 0o755)];
    for licence in LICENCES {
        files.push((licence, fs::read(root().join(licence))?, 0o644));
    }
    files.extend(supply::papers(artefact)?.map(|(name, bytes)| (name, bytes, 0o644)));

    let folder = root().join("target/package");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = folder.join(artefact.name).with_extension("zip");
    zip(&files, File::create(&archive).with_context(|| format!("cannot write {}", archive.display()))?)?;
    let packed = fs::metadata(&archive)?.len();
    step(start, &format!("{}: {packed} bytes; {program} has {size} ({architecture})", archive.display()));
    Ok(architecture)
}

/// Writes an archive with these files (name, content, mode), without dates.
fn zip(files: &[(&str, Vec<u8>, u32)], archive: impl Write + Seek) -> Result<()> {
    let mut writer = ZipWriter::new(archive);
    for (name, bytes, mode) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(*mode);
        writer.start_file(*name, options)?;
        writer.write_all(bytes)?;
    }
    writer.finish()?;
    Ok(())
}

/// The template's name for the processor of a program, from the ELF header (`e_machine` at offset 18).
fn architecture(program: &[u8]) -> Result<&'static str> {
    ensure!(program.starts_with(b"\x7fELF"), "the binary is not for Linux: build on Linux");
    match program.get(18..20) {
        Some([0x3e, 0]) => Ok("x86_64"),
        Some([0xb7, 0]) => Ok("arm64"),
        other => bail!("Lambda has no processor of ELF machine {other:x?}"),
    }
}

/// The newest glibc version of the symbols that the binary needs.
fn glibc(program: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_";
    let versions = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let version = |at: usize| {
        let text: Vec<u8> =
            program[at + MARK.len()..].iter().copied().take_while(|b| *b != 0).take(16).collect();
        let mut numbers = std::str::from_utf8(&text).ok()?.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    versions.filter_map(|(at, _)| version(at)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_machines_are_read() {
        let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE\0";
        assert_eq!(glibc(program), (2, 34));
        assert_eq!(architecture(program).unwrap(), "arm64");
        assert!(architecture(b"MZ").is_err());
        assert_eq!(glibc(b"static"), (0, 0));
    }
}
