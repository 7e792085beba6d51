//! A thread that owns a connection and works off a queue of jobs.
//!
//! The writer's thread puts whatever has queued up while it was writing into one transaction, so that many small
//! durable writes share one fsync; nobody is answered before the commit. The reader's thread has a connection of
//! its own, so that a read never waits for somebody else's fsync: in WAL mode it sees every transaction that was
//! committed before it began, and so every write whose answer the caller has.

use std::sync::mpsc;
use std::thread::JoinHandle;

use ownpost_core::effects::Result;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{effect_error, transient};

/// Jobs in one transaction: enough to share an fsync, few enough that none waits long for it.
const JOBS_PER_COMMIT: usize = 256;

/// What a job does once it knows whether its transaction was committed.
type Settle = Box<dyn FnOnce(bool) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Settle + Send>;

/// The thread, and the way to it. Dropping it lets the thread end what was asked of it.
pub(super) struct Lane {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Lane {
    /// A lane whose jobs share transactions.
    pub(super) fn writer(connection: Connection) -> Self {
        Self::start(connection, write)
    }

    /// A lane whose jobs only read.
    pub(super) fn reader(connection: Connection) -> Self {
        Self::start(connection, read)
    }

    fn start(connection: Connection, work: fn(&Connection, &mpsc::Receiver<Job>)) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let thread = std::thread::spawn(move || work(&connection, &inbox));
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Runs a job on the connection and waits until it is durable. Each job is atomic: an error undoes it.
    pub(super) async fn run<T: Send + 'static>(
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
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(connection: &Connection, inbox: &mpsc::Receiver<Job>) {
    let mut settles: Vec<Settle> = Vec::new();
    while let Ok(first) = inbox.recv() {
        if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
            // Dropping the job tells its caller.
            tracing::error!(%error, "store");
            continue;
        }
        settles.push(first(connection));
        while settles.len() < JOBS_PER_COMMIT {
            let Ok(job) = inbox.try_recv() else { break };
            settles.push(job(connection));
        }
        let committed = execute(connection, "COMMIT")
            .inspect_err(|error| {
                tracing::error!(%error, "store");
                let _ = execute(connection, "ROLLBACK");
            })
            .is_ok();
        for settle in settles.drain(..) {
            settle(committed);
        }
    }
}

/// Each job in a transaction of its own: one that was begun earlier would show the state of then.
fn read(connection: &Connection, inbox: &mpsc::Receiver<Job>) {
    while let Ok(job) = inbox.recv() {
        job(connection)(true);
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
