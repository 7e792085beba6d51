//! The embedded store: one SQLite file that has the semantics of Secrets Manager, DynamoDB, SQS and EventBridge
//! as far as [`sender_lambda::effects`] asks for them.
//!
//! One thread owns the connection and works off a queue of jobs. Whatever has queued up while it was writing
//! goes into one transaction, so that many small durable writes share one fsync; nobody is answered before
//! the commit.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use sender_lambda::effects::{EffectError, Effects, Result, StoredVersion};
use tokio::sync::{Notify, oneshot};

use crate::keys::Keys;

mod emitted;
mod ledger;
mod mail;
mod memo;
mod queue;
mod secrets;

pub use mail::{CaughtMail, MailSummary};
pub use queue::Received;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 1;
/// Jobs in one transaction: enough to share an fsync, few enough that none waits long for it.
const JOBS_PER_COMMIT: usize = 256;

/// Where the store reads the time; tests turn it by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a job does once it knows whether its transaction was committed.
type Settle = Box<dyn FnOnce(bool) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Settle + Send>;

/// The embedded store.
pub struct Store {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
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
        Ok(Self::start(connection, keys, clock, Some(lock)))
    }

    /// A store that lives as long as the process.
    pub fn in_memory(clock: Clock) -> std::result::Result<Self, OpenError> {
        let path = PathBuf::from(":memory:");
        let keys = Keys::ephemeral().map_err(|error| OpenError::File(path.clone(), error))?;
        let connection = Connection::open_in_memory()
            .map_err(|error| OpenError::Database(path.clone(), error.to_string()))?;
        prepare(&connection).map_err(|problem| OpenError::Database(path, problem))?;
        Ok(Self::start(connection, keys, clock, None))
    }

    fn start(connection: Connection, keys: Keys, clock: Clock, lock: Option<File>) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let thread = std::thread::spawn(move || work(&connection, &inbox));
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
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

    /// Runs a job on the connection and waits until it is durable. Each job is atomic: an error undoes it.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = atomically(connection, job);
            Box::new(move |committed| {
                let result = match result {
                    Ok(_) if !committed => Err(transient("the transaction was not committed")),
                    Ok(value) => Ok(value),
                    Err(error) => Err(effect_error(&error)),
                };
                // Nobody waits any more: the caller was cancelled, the work stands.
                let _ = answer.send(result);
            })
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(transient("closed"));
        }
        answered.await.unwrap_or_else(|_| Err(transient("the transaction could not begin")))
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn prepare(connection: &Connection) -> std::result::Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(text)?;
    connection.set_prepared_statement_cache_capacity(64);
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

fn work(connection: &Connection, inbox: &mpsc::Receiver<Job>) {
    let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    let mut settles: Vec<Settle> = Vec::new();
    while let Ok(first) = inbox.recv() {
        if let Err(error) = run("BEGIN IMMEDIATE") {
            // Dropping the job tells its caller.
            tracing::error!(%error, "store");
            continue;
        }
        settles.push(first(connection));
        while settles.len() < JOBS_PER_COMMIT {
            let Ok(job) = inbox.try_recv() else { break };
            settles.push(job(connection));
        }
        let committed = run("COMMIT")
            .inspect_err(|error| {
                tracing::error!(%error, "store");
                let _ = run("ROLLBACK");
            })
            .is_ok();
        for settle in settles.drain(..) {
            settle(committed);
        }
    }
}

fn atomically<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    run("SAVEPOINT job")?;
    let result = job(connection);
    if result.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    result
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
