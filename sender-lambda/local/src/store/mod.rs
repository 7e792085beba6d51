//! The embedded store: one SQLite file that has the semantics of Secrets Manager, DynamoDB, SQS and EventBridge
//! as far as [`ownpost_core::effects`] asks for them.
//!
//! One thread writes and one reads ([`connection_thread`]); no call is answered before the commit.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use connection_thread::ConnectionThread;
use jiff::Timestamp;
use ownpost_core::effects::{EffectError, Effects, Emitted, Result, StoredVersion};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{Notify, broadcast, watch};

use crate::keys::Keys;
use crate::private_file::{open_private, remove_drafts};

mod backup;
mod connection_thread;
mod emitted;
mod folder;
mod key_value;
mod ledger;
mod mail;
mod queue;
mod retention;
mod secrets;

pub use backup::{BackupError, backup, is_store};
pub use mail::{CaughtMail, MailSummary};
pub use queue::Received;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 3;
/// From version 2, in which a group's messages had no lanes.
const FROM_2: &str = "BEGIN; ALTER TABLE message ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
    DROP INDEX message_by_group; CREATE INDEX message_by_lane ON message (grp, lane, visible_at, seq);
    PRAGMA user_version = 3; COMMIT;";
/// Prepared statements that a connection keeps: more than there are.
const STATEMENTS: usize = 64;

/// Where the store reads the time; tests turn it by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The embedded store: one SQLite file, its key, and the threads that use it.
pub struct Store {
    writer: ConnectionThread,
    /// `None` for a store in memory: there the writer reads too.
    reader: Option<ConnectionThread>,
    keys: Arc<Keys>,
    clock: Clock,
    platform: RwLock<Option<StoredVersion>>,
    queue_changed: Arc<Notify>,
    mail_caught: watch::Sender<()>,
    emitted_now: broadcast::Sender<Emitted>,
    /// Held for as long as the store is open: one process at a time, or several that share it.
    _lock: Option<File>,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another ownpost")]
    InUse(PathBuf),
    /// The key is not there, and the database has values that only it opens.
    #[error(
        "the key is lost: {0} is missing or empty, and the settings and passwords in ownpost.db open with that key \
         alone; put the key back, or start with another folder"
    )]
    KeyLost(PathBuf),
    /// The key is another one than that of the database.
    #[error(
        "{0} is not the key of the ownpost.db beside it, whose settings and passwords it does not open; put that key \
         back, or start with another folder"
    )]
    WrongKey(PathBuf),
    /// A file cannot be read or written, or the key file is unusable.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The database was written by a newer version, or is none.
    #[error("{0}: {1}")]
    Database(PathBuf, String),
}

impl Store {
    /// Opens the store under this folder, which is made when it is not there yet, for this process alone.
    /// Messages that a worker had show again at once: that worker is gone.
    pub fn open(folder: &Path, clock: Clock) -> std::result::Result<Self, OpenError> {
        Self::open_as(folder, clock, true)
    }

    /// Opens the store beside other processes that share it. SQLite lets one of them write at a time. A message
    /// whose process is gone shows again when its visibility timeout is over.
    pub fn share(folder: &Path, clock: Clock) -> std::result::Result<Self, OpenError> {
        Self::open_as(folder, clock, false)
    }

    fn open_as(folder: &Path, clock: Clock, alone: bool) -> std::result::Result<Self, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::File(path, error)
        };
        let folder = &folder::prepare(folder)?;
        let lock_path = folder.join(folder::LOCK);
        let lock = open_private(&lock_path).map_err(at(&lock_path))?;
        match if alone { lock.try_lock() } else { lock.try_lock_shared() } {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
        }
        if alone {
            remove_drafts(folder).map_err(at(folder))?;
        }
        let path = folder.join(folder::DATABASE);
        let database = |error: rusqlite::Error| OpenError::Database(path.clone(), error.to_string());
        // SQLite would make it readable for others; its WAL takes the mode of this file.
        open_private(&path).map_err(at(&path))?;
        let connection = Connection::open(&path).map_err(database)?;
        prepare(&connection).map_err(|problem| OpenError::Database(path.clone(), problem))?;
        let keys = open_keys(&connection, &folder.join(folder::KEY))?;
        if alone {
            // The process that had these messages is gone.
            connection
                .execute(
                    "UPDATE message SET in_flight = 0, receipt = NULL, visible_at = 0 WHERE in_flight = 1",
                    [],
                )
                .map_err(database)?;
            retention::show_stranded(&connection, micros(clock())).map_err(database)?;
        }
        let reader = open_to_read(&path).map_err(database)?;
        Ok(Self::start(connection, Some(reader), keys, clock, Some(lock)))
    }

    /// A store that lives as long as the process.
    pub fn in_memory(clock: Clock) -> std::result::Result<Self, OpenError> {
        let path = PathBuf::from(":memory:");
        let keys = Keys::ephemeral().map_err(|error| OpenError::File(path.clone(), error))?;
        let connection = Connection::open_in_memory()
            .map_err(|error| OpenError::Database(path.clone(), error.to_string()))?;
        prepare(&connection).map_err(|problem| OpenError::Database(path, problem))?;
        Ok(Self::start(connection, None, keys, clock, None))
    }

    fn start(
        writer: Connection,
        reader: Option<Connection>,
        keys: Keys,
        clock: Clock,
        lock: Option<File>,
    ) -> Self {
        Self {
            writer: ConnectionThread::writer(writer),
            reader: reader.map(ConnectionThread::reader),
            keys: Arc::new(keys),
            clock,
            platform: RwLock::new(None),
            queue_changed: Arc::new(Notify::new()),
            mail_caught: watch::Sender::new(()),
            emitted_now: broadcast::Sender::new(emitted::UNHEARD),
            _lock: lock,
        }
    }

    /// The effects of this store, for the functions.
    pub fn effects(self: &Arc<Self>) -> Effects {
        Effects { secrets: self.clone(), ledger: self.clone(), queue: self.clone(), events: self.clone() }
    }

    /// The keys of this store's folder.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// Ends the writes that were asked for, copies the WAL into the database file and closes it. Later calls fail.
    pub fn close(&self) {
        // The reader first: the last connection that closes removes the WAL, and the reader may not write.
        if let Some(reader) = &self.reader {
            reader.close();
        }
        self.writer.close();
    }

    /// Runs a job that writes, and waits until it is durable. Each job is atomic: an error undoes it.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(job).await
    }

    /// Runs a job that only reads: it sees every write that has been answered.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reader.as_ref().unwrap_or(&self.writer).run(job).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The key of this database. A new one is made while nothing is sealed.
fn open_keys(connection: &Connection, path: &Path) -> std::result::Result<Keys, OpenError> {
    let text = |error: rusqlite::Error| {
        OpenError::Database(path.with_file_name(folder::DATABASE), error.to_string())
    };
    let value = key_value::any_sealed(connection).map_err(text)?;
    let sealed = value.is_some() || secrets::any_sealed(connection).map_err(text)?;
    let keys = Keys::open(path, !sealed).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::KeyLost(path.to_owned()),
        _ => OpenError::File(path.to_owned(), error),
    })?;
    match value {
        Some((place, sealed)) if keys.unseal(&place, &sealed).is_err() => {
            Err(OpenError::WrongKey(path.to_owned()))
        }
        _ => Ok(keys),
    }
}

/// A second connection to the same file, for reads alone. It keeps few pages: it throws all of them away whenever the
/// other one has written.
fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -512;",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn prepare(connection: &Connection) -> std::result::Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
             PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON;",
        )
        .map_err(text)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(text)?;
    match version {
        SCHEMA_VERSION => Ok(()),
        0 => {
            let script = format!("BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;");
            connection.execute_batch(&script).map_err(text)
        }
        2 => connection.execute_batch(FROM_2).map_err(text),
        1 => Err("written by ownpost 0.1, which was never released; start with another folder".to_owned()),
        newer => Err(format!("written by a newer version of ownpost (schema {newer})")),
    }
}

fn transient(message: &str) -> EffectError {
    EffectError::Transient { service: "store", message: message.to_owned() }
}

fn permanent(message: impl Into<String>) -> EffectError {
    EffectError::Permanent { service: "store", message: message.into() }
}

fn effect_error(error: &rusqlite::Error) -> EffectError {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, SystemIoFailure};
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | DiskFull | OutOfMemory | SystemIoFailure) => {
            transient(&error.to_string())
        }
        _ => permanent(error.to_string()),
    }
}

fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}

/// A time as the store keeps it: microseconds since the epoch.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}
