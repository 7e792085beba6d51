//! The data folder: nobody but its owner reads it, and no link leads out of it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::OpenError;

/// The database's name in the folder.
pub(super) const DATABASE: &str = "ownpost.db";
/// The name of the key's file in the folder.
pub(super) const KEY: &str = "key";
/// Held while a process has the folder.
pub(super) const LOCK: &str = "lock";

/// The files that Ownpost writes here, but for the key: one that others may have read is not made private in silence.
const FILES: [&str; 7] =
    [DATABASE, "ownpost.db-wal", "ownpost.db-shm", "ownpost.db-journal", LOCK, "ca.pem", "trusted-ca.pem"];
/// The permission bits of a folder that everybody writes to, like /tmp.
const STICKY: u32 = 0o1000;

/// Makes the folder when it is not there, and makes it and its files private whatever they were. The path without
/// links.
pub(super) fn prepare(folder: &Path) -> Result<PathBuf, OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::File(path, error)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    let folder = &fs::canonicalize(folder).map_err(at(folder))?;
    let mode = fs::metadata(folder).map_err(at(folder))?.permissions().mode();
    if mode & STICKY != 0 {
        return Err(at(folder)(io::Error::other("everybody shares this folder; give one of its own")));
    }
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(at(folder))?;
    }
    for name in FILES.into_iter().chain([KEY]) {
        let path = folder.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(at(&path)(error)),
        };
        if !found.is_file() {
            return Err(at(&path)(io::Error::other("this is no regular file; no link is followed here")));
        }
        if name != KEY && found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(at(&path))?;
        }
    }
    Ok(folder.clone())
}
