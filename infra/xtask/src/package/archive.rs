//! The zip of an artefact: order and modes as given, no times, no owners.

use std::io::{Cursor, Read as _, Write as _};

use anyhow::{Context as _, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Above 9, the levels are zopfli's: fifteen rounds.
const LEVEL: i64 = 24;

/// An archive with these files (name, content, mode).
pub(super) fn zip(files: &[(&str, Vec<u8>, u32)]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, mode) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            // Each file as a whole, not in pieces of 32 KB.
            .with_zopfli_buffer(None)
            .last_modified_time(DateTime::default())
            .unix_permissions(*mode);
        writer.start_file(*name, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// The content of a file in an archive.
pub(super) fn read(archive: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).context("it is not a zip")?;
    let mut bytes = Vec::new();
    archive.by_name(name).with_context(|| format!("it has no `{name}`"))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_and_the_same_files_are_the_same_bytes() -> Result<()> {
        let files = [("bootstrap", b"\x7fELF".to_vec(), 0o755), ("LICENSE-MIT", b"text".to_vec(), 0o644)];
        let packed = zip(&files)?;
        assert_eq!(packed, zip(&files)?);
        let mut archive = ZipArchive::new(Cursor::new(&packed))?;
        for (at, (name, bytes, mode)) in files.iter().enumerate() {
            let file = archive.by_index(at)?;
            assert_eq!((file.name()?.as_ref(), file.size()), (*name, bytes.len() as u64));
            assert_eq!(file.unix_mode().map(|found| found & 0o777), Some(*mode));
            // The first day of a zip, wherever and whenever it is packed.
            let time = file.last_modified().map(|time| (time.datepart(), time.timepart()));
            assert_eq!(time, Some((0x21, 0)));
        }
        assert_eq!(read(&packed, "LICENSE-MIT")?, b"text");
        assert!(read(&packed, "other").is_err());
        assert!(read(b"no zip", "bootstrap").is_err());
        Ok(())
    }
}
