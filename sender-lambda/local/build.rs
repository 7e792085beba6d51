//! Embeds the page and the validator's package, so that `ownpost` is one file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let validator = here.join("../../validator-wasm");
    let mut table = String::from("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    // Where a folder is still missing, its parent is watched for its coming.
    for (prefix, folder, parent) in
        [("page", here.join("page"), here.clone()), ("validator", validator.join("dist"), validator)]
    {
        if folder.is_dir() {
            println!("cargo::rerun-if-changed={}", folder.display());
            embed(prefix, &folder.canonicalize()?, &mut table)?;
        } else {
            println!("cargo::rerun-if-changed={}", parent.display());
        }
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("files.rs"), table)
}

fn embed(prefix: &str, folder: &Path, table: &mut String) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            embed(&name, &entry.path(), table)?;
        } else {
            let path = entry.path();
            let path = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            let _ = writeln!(table, "    ({name:?}, include_bytes!({path:?})),");
        }
    }
    Ok(())
}
