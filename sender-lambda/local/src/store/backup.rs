//! A consistent copy of the database, also while another process writes to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::folder::DATABASE;
use crate::private_file::{parent, sync_folder};

/// The copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder has no database.
    #[error("there is nothing to copy: {0} is not there")]
    Nothing(PathBuf),
    /// The copy's place is taken.
    #[error("{0} is there already; a backup replaces nothing")]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// SQLite cannot read or write the database.
    #[error("{0}: {1}")]
    Database(PathBuf, rusqlite::Error),
}

/// Copies the database of this folder into a new file of mode 0600. The file is there when it is whole, and not before.
/// The folder's key is not in it.
///
/// # Errors
/// The database cannot be read, or the file is there already or cannot be written.
pub fn backup(folder: &Path, file: &Path) -> Result<(), BackupError> {
    let database = folder.join(DATABASE);
    if !is_store(folder) {
        return Err(BackupError::Nothing(database));
    }
    if fs::symlink_metadata(file).is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let at_file = |error| BackupError::File(file.to_owned(), error);
    let at_database = |error| BackupError::Database(database.clone(), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(&database, flags).map_err(at_database)?;
    from.busy_timeout(Duration::from_secs(5)).map_err(at_database)?;
    let draft = NamedTempFile::new_in(parent(file)).map_err(at_file)?;
    copy(&from, draft.path()).map_err(at_database)?;
    draft.as_file().sync_all().map_err(at_file)?;
    draft.persist_noclobber(file).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => at_file(error.error),
    })?;
    sync_folder(file).map_err(at_file)
}

/// Whether the folder has a database.
pub fn is_store(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(DATABASE)).is_ok_and(|found| found.is_file())
}

fn copy(from: &Connection, path: &Path) -> rusqlite::Result<()> {
    let mut to = Connection::open(path)?;
    {
        let backup = Backup::new(from, &mut to)?;
        // All pages in one step are of one moment, and keep no writer waiting in WAL mode.
        while !matches!(backup.step(-1)?, StepResult::Done) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // One file, without a WAL beside it.
    to.pragma_update(None, "journal_mode", "DELETE")?;
    to.close().map_err(|(_, error)| error)
}
