//! Reads the files that an operator names in a variable, an option or a folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// The largest file, in bytes. A bundle of all public CAs has a quarter of a mebibyte.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a regular file; a link to one is followed. A pipe would wait for its writer, and a device may never end. The content may
/// hold a secret.
///
/// # Errors
/// There is no such file, it is none, or it has more than 16 MiB.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        let kind = if found.is_dir() { "a folder" } else { "a pipe or a device" };
        return Err(io::Error::other(format!("it is {kind}; a regular file is wanted")));
    }
    let mut content =
        Zeroizing::new(Vec::with_capacity(usize::try_from(found.len().min(LARGEST)).unwrap_or(0)));
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::other("it has more than 16 MiB"));
    }
    Ok(content)
}

/// [`read`] for a text.
///
/// # Errors
/// Those of [`read`], and a file that is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut content = read(path)?;
    let text = String::from_utf8(std::mem::take(&mut *content)).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8")
    })?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_some_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "über").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read_text(&link).unwrap().as_str(), "über");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "it is no text in UTF-8");
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "it has more than 16 MiB");
        assert_eq!(
            read(Path::new("/dev/zero")).unwrap_err().to_string(),
            "it is a pipe or a device; a regular file is wanted"
        );
        assert_eq!(read(folder.path()).unwrap_err().to_string(), "it is a folder; a regular file is wanted");
    }
}
