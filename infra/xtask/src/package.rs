//! `cargo xtask package`: the Lambda artefact, `target/package/ownpost-lambda.zip`. The same sources and the same
//! compiler give the same bytes, so that a deployment can be compared with the reviewed sources.

use std::fs::{self, File};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::process::{cargo, root, run};
use crate::setup::step;

/// The glibc version of the runtime provided.al2023.
const GLIBC: (u32, u32) = (2, 34);

/// Builds and packs the artefact.
pub(crate) fn package() -> Result<ExitCode> {
    let start = Instant::now();
    step(start, "release build of the Lambda binary; link-time optimisation takes minutes");
    run(cargo().args(["build", "--release", "--package", "sender-lambda", "--bin", "bootstrap"]))?;
    let binary = root().join("target/release/bootstrap");
    let program = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let architecture = architecture(&program)?;
    let needed = glibc(&program);
    ensure!(
        needed <= GLIBC,
        "the binary needs glibc {}.{}, and provided.al2023 has {}.{}: build on an older system, such as Debian 11 \
         or Amazon Linux 2023 itself",
        needed.0,
        needed.1,
        GLIBC.0,
        GLIBC.1
    );

    let folder = root().join("target/package");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = folder.join("ownpost-lambda.zip");
    zip(&program, File::create(&archive).with_context(|| format!("cannot write {}", archive.display()))?)?;
    let size = fs::metadata(&archive)?.len();
    step(start, &format!("{}: {} bytes of {} ({architecture})", archive.display(), size, program.len()));
    println!(
        "xtask: deploy it with `sam deploy --guided --template infra/template.yaml \
         --parameter-overrides Architecture={architecture}`"
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes an archive with one executable file, without a date.
fn zip(program: &[u8], archive: File) -> Result<()> {
    let mut writer = ZipWriter::new(archive);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    writer.start_file("bootstrap", options)?;
    std::io::Write::write_all(&mut writer, program)?;
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
