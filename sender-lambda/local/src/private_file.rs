//! Files that only their owner reads, written in one step.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// The beginning of a draft's name.
const DRAFT: &str = ".ownpost-draft-";

/// Opens a file that only its owner reads and writes; makes it when it is not there.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Writes a private file in one step: a reader sees all of it or the file before. A link at its place is
/// replaced, not followed.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = draft(path, content)?;
    file.persist(path)?;
    sync_folder(path)
}

/// [`write_private`] for a file that must not be there yet.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = draft(path, content)?;
    file.persist_noclobber(path)?;
    sync_folder(path)
}

/// The file under another name in the same folder, with mode 0600.
fn draft(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(DRAFT).tempfile_in(parent(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Removes the drafts of a process that was killed before it gave them their name. Nobody else may be writing here.
pub(crate) fn remove_drafts(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(DRAFT.as_bytes()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The folder of a file's path.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a new name in the folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}
