//! A thread that owns one SQLite connection and runs jobs on it.
//!
//! The writer thread puts the jobs that queued up while it was writing into one transaction, so that many small
//! durable writes share one fsync; no job is answered before the commit. The reader thread has a connection of its
//! own, so that a read never waits for the fsync of a write: in WAL mode it sees every transaction that was committed
//! before it began, and so every write that was answered.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use ownpost_core::effects::Result;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{effect_error, transient};

/// Jobs in one transaction: enough to share an fsync, few enough that none waits long for it.
const JOBS_PER_COMMIT: usize = 256;

/// Answers the caller of a job; the argument says why the job's transaction was not committed, if it was not.
type Settle = Box<dyn FnOnce(Option<&rusqlite::Error>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Settle + Send>;

enum Message {
    Run(Job),
    Close,
}

/// The thread, and the queue of its jobs. Dropping it closes it.
pub(super) struct ConnectionThread {
    jobs: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ConnectionThread {
    /// A thread whose jobs share transactions. At its end it copies the WAL into the database file.
    pub(super) fn writer(connection: Connection) -> Self {
        Self::start(connection, |connection, inbox| {
            write(connection, inbox);
            checkpoint(connection);
        })
    }

    /// A thread whose jobs only read.
    pub(super) fn reader(connection: Connection) -> Self {
        Self::start(connection, read)
    }

    fn start(connection: Connection, work: fn(&Connection, &mpsc::Receiver<Message>)) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            work(&connection, &inbox);
            // The statements first: SQLite does not close a connection that has some.
            connection.flush_prepared_statement_cache();
            if let Err((_, error)) = connection.close() {
                tracing::error!(%error, "store: a connection does not close");
            }
        });
        Self { jobs, thread: Mutex::new(Some(thread)) }
    }

    /// Runs a job on the connection and waits until it is durable. Each job is atomic: an error undoes it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = atomically(connection, job);
            Box::new(move |failure: Option<&rusqlite::Error>| {
                let result = match (result, failure) {
                    (Ok(value), None) => Ok(value),
                    (Ok(_), Some(error)) => Err(transient(&format!("not written: {error}"))),
                    (Err(error), _) => Err(effect_error(&error)),
                };
                // The caller may have been cancelled; the write stands.
                let _ = answer.send(result);
            })
        });
        if self.jobs.send(Message::Run(job)).is_err() {
            return Err(transient("closed"));
        }
        answered.await.unwrap_or_else(|_| Err(transient("the transaction could not begin")))
    }

    /// Ends the jobs that were asked for before this call, and closes the connection. Later jobs fail.
    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.jobs.send(Message::Close);
            let _ = thread.join();
        }
    }
}

impl Drop for ConnectionThread {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(connection: &Connection, inbox: &mpsc::Receiver<Message>) {
    let mut settles: Vec<Settle> = Vec::new();
    let mut open = true;
    while open && let Ok(Message::Run(first)) = inbox.recv() {
        if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
            // Dropping the job gives its caller an error.
            tracing::error!(%error, "store");
            continue;
        }
        settles.push(first(connection));
        while settles.len() < JOBS_PER_COMMIT {
            match inbox.try_recv() {
                Ok(Message::Run(job)) => settles.push(job(connection)),
                Ok(Message::Close) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        let failure = execute(connection, "COMMIT").err();
        if let Some(error) = &failure {
            let file = connection.path().unwrap_or_default();
            tracing::error!(%error, file, "nothing can be written; is the disk full?");
            let _ = execute(connection, "ROLLBACK");
        }
        for settle in settles.drain(..) {
            settle(failure.as_ref());
        }
    }
}

/// A copy of the database file is then whole without its WAL. Another process that shares the store may hold this up;
/// its own close does it.
fn checkpoint(connection: &Connection) {
    let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "store: the WAL is not copied into the database");
    }
}

/// Each job in a transaction of its own: one that was begun earlier would show an earlier state.
fn read(connection: &Connection, inbox: &mpsc::Receiver<Message>) {
    while let Ok(Message::Run(job)) = inbox.recv() {
        job(connection)(None);
    }
}

/// A savepoint inside the writer's transaction, and a transaction where there is none.
fn atomically<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    execute(connection, "SAVEPOINT job")?;
    let result = job(connection);
    if result.is_err() {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    result
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]))
}
