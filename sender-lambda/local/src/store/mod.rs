//! The embedded store: one SQLite file that has the semantics of Secrets Manager, DynamoDB, SQS and EventBridge
//! as far as [`ownpost_core::effects`] asks for them.
//!
//! One thread writes and one reads ([`connection_thread`]); no call is answered before the commit.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use connection_thread::ConnectionThread;
use jiff::Timestamp;
use ownpost_core::effects::{EffectError, Effects, Result, StoredVersion};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Notify;

use crate::keys::Keys;

mod connection_thread;
mod emitted;
mod key_value;
mod ledger;
mod mail;
mod queue;
mod secrets;

pub use mail::{CaughtMail, MailSummary};
pub use queue::Received;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 1;
/// Prepared statements that a connection keeps: more than there are.
const STATEMENTS: usize = 64;

/// Where the store reads the time; tests turn it by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The embedded store.
pub struct Store {
    writer: ConnectionThread,
    /// `None` for a store in memory: there the writer reads too.
    reader: Option<ConnectionThread>,
    keys: Arc<Keys>,
    clock: Clock,
    platform: RwLock<Option<StoredVersion>>,
    queue_changed: Arc<Notify>,
    /// Held for as long as the store is open: one process at a time, or several that share it.
    _lock: Option<File>,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another ownpost")]
    InUse(PathBuf),
    /// A file cannot be read or written, or the key file is unusable.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The database was written by a newer version, or is none.
    #[error("{0}: {1}")]
    Database(PathBuf, String),
}

impl Store {
    /// Opens the store under this folder, which is made when it is not there yet, for this process alone.
    /// Messages that were being worked on show again at once: whoever had them is gone.
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
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        let lock_path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        match if alone { lock.try_lock() } else { lock.try_lock_shared() } {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
        }
        let key_path = folder.join("key");
        let keys = Keys::open(&key_path).map_err(at(&key_path))?;
        let path = folder.join("ownpost.db");
        let database = |error: rusqlite::Error| OpenError::Database(path.clone(), error.to_string());
        let connection = Connection::open(&path).map_err(database)?;
        prepare(&connection).map_err(|problem| OpenError::Database(path.clone(), problem))?;
        if alone {
            // Whoever had these messages is gone with the process.
            connection
                .execute(
                    "UPDATE message SET in_flight = 0, receipt = NULL, visible_at = 0 WHERE in_flight = 1",
                    [],
                )
                .map_err(database)?;
        }
        fs::metadata(&path).map_err(at(&path))?;
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

    fn now(&self) -> Timestamp {
        (self.clock)()
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
             PRAGMA journal_size_limit = 67108864;",
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
        newer => Err(format!("written by another version of ownpost (schema {newer})")),
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

/// Microseconds since the epoch: what the store keeps of a time.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}
