//! A sender process that can be killed: the product's `sender` on the shared store, driven as Lambda's event source
//! drives it. It works until its standard input closes.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ownpost::store::{Received, Store};
use ownpost_core::effects::Record;
use ownpost_core::functions::{App, Relays, sender};
use ownpost_domain::failure::{Failure, Reply};
use ownpost_domain::report::StageResult;
use ownpost_domain::settings::Settings;
use ownpost_smtp::probe::{Probe, probe};
use ownpost_smtp::{BeforeCommit, Mail, Network, Pool, ProbeOptions, RelayKey};
use tokio::sync::{Semaphore, watch};

use super::dice::Dice;
use super::spec::{Spec, VISIBILITY};
use super::trouble::TroubledSecrets;

/// The number of batches at the same time.
const BATCHES: usize = 6;
/// The number of messages in one batch. They belong to several tenants, as with SQS.
const BATCH: usize = 10;
/// The most messages of one tenant in one batch.
const OF_ONE: usize = 4;
/// The pause between two requests to an empty queue.
const POLL: Duration = Duration::from_millis(100);

/// Real SMTP, with a journal of the mails that passed the gate. The journal outlives the process.
struct Journaled {
    network: Arc<Network>,
    pool: Pool,
    journal: Mutex<File>,
}

struct JournaledGate<'a> {
    gate: &'a dyn BeforeCommit,
    mails: &'a [Mail],
    journal: &'a Mutex<File>,
}

impl JournaledGate<'_> {
    /// Writes a further line about a mail. Should it be missing, the account is stricter.
    fn note(&self, what: &str, index: usize) {
        let line = format!("{what} {}\n", message_id(&self.mails[index].message));
        let _ = self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

#[async_trait]
impl BeforeCommit for JournaledGate<'_> {
    async fn commit(&self, index: usize) -> bool {
        // Written before the row can be `sending`, so that no mark is missing.
        let message_id = message_id(&self.mails[index].message);
        let line = format!("{} {message_id}\n", Timestamp::now().as_microsecond());
        let written = self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        if written.is_err() {
            return false;
        }
        let granted = self.gate.commit(index).await;
        if !granted {
            // Another sender has the mail: this one has marked nothing.
            self.note(super::REFUSED, index);
        }
        granted
    }

    fn finished(&self, index: usize, result: &Result<Reply, Failure>) {
        if result.is_ok() {
            self.note(super::READ, index);
        }
        self.gate.finished(index, result);
    }

    fn deadline_passed(&self) -> bool {
        self.gate.deadline_passed()
    }
}

#[async_trait]
impl Relays for Journaled {
    async fn send(
        &self,
        key: &RelayKey,
        settings: &Settings,
        mails: &[Mail],
        gate: &dyn BeforeCommit,
    ) -> Vec<Option<Result<Reply, Failure>>> {
        let gate = JournaledGate { gate, mails, journal: &self.journal };
        self.pool.send(key, settings, mails, &gate).await
    }

    async fn probe(
        &self,
        settings: &Settings,
        options: &ProbeOptions<'_>,
        on_stage: &mut (dyn for<'s> FnMut(&'s StageResult) + Send),
    ) -> Probe {
        probe(&self.network, settings, options, on_stage).await
    }

    fn make_room(&self, host: &str) {
        self.pool.make_room(host);
    }
}

/// The Message-ID without angle brackets.
fn message_id(message: &[u8]) -> String {
    let header = String::from_utf8_lossy(message);
    let line = header.lines().find_map(|line| line.strip_prefix("Message-ID:"));
    line.unwrap_or_default().trim().trim_matches(['<', '>']).to_owned()
}

/// The functions with real SMTP, for the process with this name.
pub(super) fn app(spec: &Spec, name: &str, store: &Arc<Store>) -> Result<App, String> {
    let config = spec.config(name);
    let (network, pool) = Spec::pool(&config)?;
    let path = spec.folder.join(format!("{name}.journal"));
    let journal =
        OpenOptions::new().create(true).append(true).open(path).map_err(|error| error.to_string())?;
    let relays = Arc::new(Journaled { network, pool, journal: Mutex::new(journal) });
    store.set_platform(&spec.platform);
    let mut app = App::with_relays(config, store.effects(), relays).map_err(|error| error.to_string())?;
    app.now = spec.clock();
    Ok(app)
}

/// Runs the process: reads the run's file and works until standard input closes.
///
/// # Errors
/// The process cannot start.
pub fn run(spec: &Path, name: &str) -> Result<(), String> {
    let spec = Spec::read(spec).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = stop.send(true);
    });
    runtime.block_on(work(&spec, name, stopped))
}

async fn work(spec: &Spec, name: &str, mut stopped: watch::Receiver<bool>) -> Result<(), String> {
    let store = Store::share(&spec.folder, spec.clock()).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let mut app = app(spec, name, &store)?;
    app.effects.secrets =
        Arc::new(TroubledSecrets { folder: spec.folder.clone(), inner: Arc::clone(&app.effects.secrets) });
    let app = Arc::new(app);
    let free = Arc::new(Semaphore::new(BATCHES));
    let mut dice = Dice::new(u64::from(std::process::id()), 0);
    while !*stopped.borrow() {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { break };
        let received = receive(&store, &mut dice).await;
        if received.is_empty() {
            drop(permit);
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stopped.changed() => {}
            }
            continue;
        }
        let (app, store) = (Arc::clone(&app), Arc::clone(&store));
        tokio::spawn(async move {
            batch(&app, &store, received).await;
            drop(permit);
        });
    }
    app.stop();
    let _ = free.acquire_many(u32::try_from(BATCHES).unwrap_or(1)).await;
    Ok(())
}

/// Receives a batch of several tenants. A tenant whose messages the store does not return now comes in a later batch.
async fn receive(store: &Store, dice: &mut Dice) -> Vec<Received> {
    let mut groups = store.ready_groups().await.unwrap_or_default();
    dice.shuffle(&mut groups);
    let mut received = Vec::new();
    for group in groups {
        let room = OF_ONE.min(BATCH - received.len());
        match store.receive(&group, room, VISIBILITY).await {
            Ok(more) if room > 0 => received.extend(more),
            _ => break,
        }
    }
    received
}

async fn batch(app: &Arc<App>, store: &Store, received: Vec<Received>) {
    let records: Vec<Record> = received.into_iter().map(Record::from).collect();
    let stay = sender::handle(app, &records).await;
    let done = records.into_iter().filter(|record| !stay.contains(&record.message_id));
    // When a deletion fails, the messages come back and find their rows in a final status.
    let _ = store.delete(done.map(|record| record.receipt).collect()).await;
}
