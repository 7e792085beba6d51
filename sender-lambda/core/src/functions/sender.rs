//! Function `sender`: takes a batch from the queue, resolves each route, sends, records.
//!
//! A message says which row to send; the row says how far the mail has come, and every change of it is a conditional
//! write. So two messages for one row, a message delivered twice, and a sender killed at any point all come to
//! the same: the mail is sent once, or found as `unknown`.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, future, stream};
use jiff::Timestamp;
use ownpost_domain::category::Via;
use ownpost_domain::delivery::{Delivery, Revision, Status};
use ownpost_domain::event::Event;
use ownpost_domain::health::{Admission, Health};
use ownpost_domain::outcome;
use ownpost_domain::route::{self, PlatformServer, Relay, Route};
use ownpost_domain::tenant::Tenant;
use ownpost_domain::time::CLOCKS_DIFFER;
use ownpost_smtp::RelayKey;

use self::group::Group;
use self::settle::{defer, settle};
use super::active_settings::Active;
use super::alert;
use super::relay_health::Try;
use super::shared_state::{self, Change};
use super::{App, active_settings, emit, later, random_unit, relay_health, router, tasks};
use crate::effects::{QueueMessage, Record, Result};
use crate::wire::emitted::{Announcement, SecretUnreadable, UnreadableSecret};
use crate::wire::sqs::{Job, MailJob, TaskJob};
use crate::wire::stored_event::{self, StoredEvent};

mod doubt;
mod group;
mod in_flight;
mod seats;
mod settle;

pub(super) use self::seats::AtHand;

/// How long a mail waits whose settings cannot be read, half to one and a half times.
const UNREADABLE_WAIT: Duration = Duration::from_mins(5);
/// The ledger's key of the last report of settings that cannot be read.
const UNREADABLE: &str = "unreadable";
/// The ledger's key of the last report of DKIM keys that cannot be read.
const UNREADABLE_KEYS: &str = "unreadable dkim";
/// When they are reported again.
const UNREADABLE_AGAIN: Duration = Duration::from_hours(1);
/// How many rows are read at a time.
const AT_A_TIME: usize = 16;
/// A mail may be tried with the settings at hand, with those that have replaced them, and through the platform.
const ROUNDS: usize = 3;
/// Mail that waits for the platform's server comes back spread over this time.
const SPREAD: Duration = Duration::from_secs(30);
/// A message that stays for longer is put on the queue once more with a delay, and its first copy leaves: SQS gives nothing
/// out any more while 120 000 messages are hidden or being worked on, and one that is delayed is neither.
const HIDDEN_FOR: Duration = Duration::from_mins(1);
/// The longest delay of a message on SQS. Who comes too early is delayed again.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// For how long after its start the function begins mails. Once committed, a mail may take as long as writing it and the
/// server's last word may, five minutes; a function ended before that would leave it `unknown`. The function's timeout
/// in the template is the sum, and a little.
pub const BEGIN_FOR: Duration = Duration::from_secs(150);

/// The end of a message's visit to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    /// The message leaves the queue; from now on only the row has the mail's status.
    Delete,
    /// The message comes again after this time; `None`: by the back-off of [`outcome::hiccup_wait`].
    Keep(Option<Duration>),
}

/// A mail to be sent now.
#[derive(Clone)]
struct Pending {
    /// Its message's index in the batch.
    index: usize,
    row: Delivery,
    version: u64,
    event: Arc<Event>,
    /// Whether it was held for the tenant's own relay and no person has released it.
    undecided: bool,
}

/// A tenant's settings and the health of its relay, as this batch has read them.
#[derive(Clone)]
struct TenantView {
    active: Active,
    /// The health of its relay; `None` without settings.
    health: Option<Health>,
    /// Why no mail may go through its relay now.
    fault: Option<String>,
    /// Whether its settings were read again in this batch.
    reread: bool,
}

/// A message whose body has been read.
pub struct Message<'a> {
    /// The message as it came.
    pub record: &'a Record,
    /// The body as it was read.
    pub job: Job,
}

/// Works through a batch of messages; one whose body cannot be read is logged and leaves the queue. Gives the ids of the
/// messages that stay on the queue, because they are to be tried again.
pub async fn handle(app: &App, records: &[Record]) -> Vec<String> {
    let mut messages = Vec::with_capacity(records.len());
    for record in records {
        match Job::decode(&record.body) {
            Ok(job) => messages.push(Message { record, job }),
            Err(problem) => {
                tracing::error!(message_id = record.message_id, problem, "message dropped");
            }
        }
    }
    handle_messages(app, &messages).await
}

/// [`handle`] for a caller that reads the bodies itself. Mails and tasks go on beside each other.
///
/// Nothing in one message's body, event or relay can fail another: an error, even a panic, keeps the messages that it
/// touches on the queue and no others.
pub async fn handle_messages(app: &App, messages: &[Message<'_>]) -> Vec<String> {
    // A message stays unless its mail is known to be done.
    let mut dispositions = vec![Disposition::Keep(None); messages.len()];
    let ((), done) = future::join(send(app, messages, &mut dispositions), do_tasks(app, messages)).await;
    for index in done {
        dispositions[index] = Disposition::Delete;
    }
    put_off(app, messages, &dispositions).await
}

/// Sends the mails of a batch.
async fn send(app: &App, messages: &[Message<'_>], dispositions: &mut [Disposition]) {
    let until = later((app.now)(), BEGIN_FOR);
    let mut pending_mails = load(app, messages, dispositions).await;
    let mut tenants = load_tenants(app, &pending_mails).await;
    for _ in 0..ROUNDS {
        if pending_mails.is_empty() {
            break;
        }
        let groups = route_all(app, std::mem::take(&mut pending_mails), &tenants, dispositions).await;
        let runs = groups.into_iter().map(|group| AssertUnwindSafe(group.run(app, until)).catch_unwind());
        for result in future::join_all(runs).await {
            let Ok(result) = result else {
                tracing::error!("a panic while sending; its mails stay on the queue");
                continue;
            };
            for (index, disposition) in result.dispositions {
                dispositions[index] = disposition;
            }
            if let Some((tenant, view)) = result.tenant {
                tenants.insert(tenant, view);
            }
            pending_mails.extend(result.reroute);
        }
    }
}

/// Does the tasks of a batch. Gives the indices of those that are done.
async fn do_tasks(app: &App, messages: &[Message<'_>]) -> Vec<usize> {
    let mut tasks = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if let Job::Task(job) = &message.job {
            tasks.push((index, job.clone()));
        }
    }
    let done: Vec<_> = stream::iter(tasks)
        .map(|(index, job)| async move { do_task(app, &job).await.then_some(index) })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    done.into_iter().flatten().collect()
}

/// Whether a task is done; otherwise its message comes again.
async fn do_task(app: &App, job: &TaskJob) -> bool {
    match AssertUnwindSafe(tasks::run(app, job)).catch_unwind().await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(tenant = %job.tenant, task = ?job.task, %error, "task to be done again");
            false
        }
        Err(_) => {
            tracing::error!(tenant = %job.tenant, task = ?job.task, "a panic in a task");
            false
        }
    }
}

/// Hides the messages that stay on the queue for as long as their dispositions say, and delays those that stay for long.
/// Gives the ids of the hidden ones; what else is on the queue is to leave it.
async fn put_off(app: &App, messages: &[Message<'_>], dispositions: &[Disposition]) -> Vec<String> {
    let (mut hidden, mut delayed) = (Vec::new(), Vec::new());
    for (message, disposition) in messages.iter().zip(dispositions) {
        let Disposition::Keep(during) = disposition else { continue };
        // The queue's visibility timeout is for senders that were killed: every other wait is said here.
        match (during, &message.job) {
            (Some(during), Job::Mail(job)) if *during > HIDDEN_FOR => {
                let (group, body) = (job.tenant.clone(), message.record.body.clone());
                let delay = whole_seconds(*during).min(LONGEST_DELAY);
                delayed.push((message.record, QueueMessage { group, category: None, body, delay }));
            }
            _ => {
                let during = during.unwrap_or_else(|| outcome::hiccup_wait(message.record.receives));
                hidden.push((message.record, whole_seconds(during)));
            }
        }
    }
    if !delayed.is_empty() {
        let copies: Vec<QueueMessage> = delayed.iter().map(|(_, copy)| copy.clone()).collect();
        for ((record, copy), sent) in delayed.into_iter().zip(app.effects.queue.send(&copies).await) {
            if let Err(error) = sent {
                tracing::warn!(%error, "message not delayed; it is hidden");
                hidden.push((record, copy.delay));
            }
        }
    }
    for (record, during) in &hidden {
        if let Err(error) = app.effects.queue.hide(&record.receipt, *during).await {
            tracing::warn!(%error, "message not hidden; the queue's visibility timeout brings it back");
        }
    }
    hidden.into_iter().map(|(record, _)| record.message_id.clone()).collect()
}

/// Whole seconds, and at least one: none would make a message visible at once.
fn whole_seconds(during: Duration) -> Duration {
    Duration::from_secs(during.as_secs() + 1)
}

/// Reads the rows and their events, and settles the messages whose mail is not to be sent now.
async fn load(app: &App, messages: &[Message<'_>], dispositions: &mut [Disposition]) -> Vec<Pending> {
    let mut jobs: Vec<(usize, MailJob)> = Vec::new();
    let mut seconds: Vec<(usize, usize)> = Vec::new();
    for (index, Message { job, .. }) in messages.iter().enumerate() {
        let Job::Mail(job) = job else { continue };
        let same =
            |(_, other): &&(usize, MailJob)| (&other.tenant, &other.delivery) == (&job.tenant, &job.delivery);
        match jobs.iter().find(same) {
            // The second message for a row that is sent now stays, and finds the result of the first when it comes again.
            Some((first, _)) => seconds.push((*first, index)),
            None => jobs.push((index, job.clone())),
        }
    }
    let rows: Vec<_> = stream::iter(jobs)
        .map(|(index, job)| async move {
            let loaded = AssertUnwindSafe(load_row(app, &job)).catch_unwind().await;
            (index, loaded.unwrap_or(Err(Disposition::Keep(None))))
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut found = Vec::new();
    for (index, loaded) in rows {
        match loaded {
            Ok((row, version)) => {
                let waits = row.status == Status::Held && row.waits_for == Some(Via::Relay);
                found.push((index, row, version, waits && !decided(&messages[index])));
            }
            Err(disposition) => {
                dispositions[index] = disposition;
                for (_, second) in seconds.iter().filter(|(first, _)| *first == index) {
                    dispositions[*second] = disposition;
                }
            }
        }
    }
    let events = load_events(app, &found).await;
    let mut pending_mails = Vec::new();
    for (index, row, version, undecided) in found {
        match events.get(&(row.tenant.clone(), row.event.clone())) {
            Some(Ok(event)) => {
                pending_mails.push(Pending { index, row, version, event: event.clone(), undecided });
            }
            Some(Err(problem)) => dispositions[index] = settle::fail(app, row, version, problem).await,
            None => {}
        }
    }
    pending_mails
}

/// Whether a person has released the mail of this message.
fn decided(message: &Message<'_>) -> bool {
    matches!(&message.job, Job::Mail(job) if job.decided)
}

/// LoadedEvents by their tenant and id; or why one cannot be used.
type LoadedEvents = HashMap<(Tenant, String), std::result::Result<Arc<Event>, String>>;

/// The events of these rows, each read once: many rows of a batch may be of one, and that may carry megabytes. One
/// that cannot be read now is left out: its mails stay on the queue.
async fn load_events(app: &App, rows: &[(usize, Delivery, u64, bool)]) -> LoadedEvents {
    let distinct: HashSet<_> =
        rows.iter().map(|(_, row, ..)| (row.tenant.clone(), row.event.clone())).collect();
    let loaded: Vec<_> = stream::iter(distinct)
        .map(|key| async move {
            let event = load_event(app, &key.0, &key.1).await;
            (key, event)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut events = LoadedEvents::new();
    for (key, event) in loaded {
        match event {
            Ok(event) => {
                events.insert(key, event);
            }
            Err(error) => tracing::warn!(%error, "event not read"),
        }
    }
    events
}

/// The row, if it is to be sent now.
async fn load_row(app: &App, job: &MailJob) -> std::result::Result<(Delivery, u64), Disposition> {
    let now = (app.now)();
    let stored = match app.effects.ledger.get(&job.tenant, &job.delivery).await {
        Ok(Some(stored)) => stored,
        Ok(None) => {
            tracing::error!(tenant = %job.tenant, delivery = job.delivery.as_str(), "no such row; message dropped");
            return Err(Disposition::Delete);
        }
        Err(error) => {
            tracing::warn!(%error, "row not read");
            return Err(Disposition::Keep(None));
        }
    };
    let (row, version) = (stored.value, stored.version);
    match row.status {
        Status::Failed if job.announce => {
            settle::announce(app, &row).await;
            Err(Disposition::Delete)
        }
        Status::Sent | Status::Failed | Status::Unknown => Err(Disposition::Delete),
        Status::Sending => Err(interrupted(app, row, version, now).await),
        Status::Deferred
            if row.next_attempt_at.is_some_and(|at| at > now) && !is_of_the_future(&row, now) =>
        {
            Err(Disposition::Keep(row.next_attempt_at.map(|at| until(now, at))))
        }
        Status::Queued | Status::Deferred | Status::Held => match end(&row, now) {
            Some(end) => {
                // What comes before its end, but that it waits.
                let before = row.reason.strip_suffix(router::WAITING).unwrap_or(&row.reason).trim_end();
                let problem = [before, end].join(" ");
                Err(settle::fail(app, row, version, problem.trim_start()).await)
            }
            // Holding counts apart from trying: what was held may be tried for as long as any other mail.
            None if row.status == Status::Held => {
                let retry_until = row.retry_until.max(later(now, app.config.retry_for()));
                Ok((Delivery { retry_until, ..row }, version))
            }
            None => Ok((row, version)),
        },
    }
}

/// Why a mail that has not left is not sent any more.
fn end(row: &Delivery, now: Timestamp) -> Option<&'static str> {
    let until = if row.status == Status::Held { row.hold_until } else { row.retry_until };
    if row.is_too_late(now) {
        return Some(settle::TOO_LATE);
    }
    (now >= until).then_some(settle::OVER)
}

/// A row that another sender has, or had when it was killed; in the second case it is not known whether the mail was
/// taken.
async fn interrupted(app: &App, row: Delivery, version: u64, now: Timestamp) -> Disposition {
    let over = later(row.updated_at, app.config.sending_lease());
    let orphaned = app.config.overrides.senders_since.is_some_and(|since| row.updated_at < since);
    if over > now && !orphaned && !is_of_the_future(&row, now) {
        return Disposition::Keep(Some(until(now, over)));
    }
    let reason = "The sending was interrupted after the mail may have left: whether it was taken is not known, so \
                  it is not sent again unless you say so.";
    let row = Delivery { status: Status::Unknown, reason: reason.to_owned(), ..row };
    settle(app, row, version, Disposition::Delete).await
}

/// Whether the row was written by a clock that has gone back since: what it says of the time to wait is worth nothing.
fn is_of_the_future(row: &Delivery, now: Timestamp) -> bool {
    row.updated_at > later(now, CLOCKS_DIFFER)
}

/// The event, or why it cannot be used.
async fn load_event(app: &App, tenant: &Tenant, id: &str) -> Result<std::result::Result<Arc<Event>, String>> {
    let Some(document) = app.effects.ledger.get_event(tenant, id).await? else {
        return Ok(Err("Its event is no longer stored.".to_owned()));
    };
    Ok(match stored_event::read(&document) {
        Ok(StoredEvent { event: Some(event), .. }) => Ok(Arc::new(event)),
        Ok(StoredEvent { event: None, .. }) => Err("Its event is erased.".to_owned()),
        Err(error) => Err(format!("Its event cannot be used: {error}")),
    })
}

/// Settings and health of the tenants in the batch. A tenant that cannot be read now is left out: its mail
/// stays on the queue rather than leaving by another way.
async fn load_tenants(app: &App, pending_mails: &[Pending]) -> HashMap<Tenant, TenantView> {
    let mut names: Vec<Tenant> = pending_mails.iter().map(|pending| pending.row.tenant.clone()).collect();
    names.sort();
    names.dedup();
    let loaded: Vec<_> = stream::iter(names)
        .map(|tenant| async move {
            let loaded = AssertUnwindSafe(load_tenant(app, &tenant)).catch_unwind().await;
            (tenant, loaded)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut tenants = HashMap::new();
    for (tenant, loaded) in loaded {
        match loaded {
            Ok(Ok(state)) => {
                tenants.insert(tenant, state);
            }
            Ok(Err(error)) => tracing::warn!(%tenant, %error, "settings not read"),
            Err(_) => tracing::error!(%tenant, "a panic while reading settings"),
        }
    }
    tenants
}

async fn load_tenant(app: &App, tenant: &Tenant) -> Result<TenantView> {
    let health = relay_health::load(app, tenant).await?;
    let marker = health.value.as_ref().map(|health| &health.revision);
    let active = active_settings::remembered(app, tenant, marker).await?;
    let health = active.settings().map(|(revision, _)| relay_health::about(app, revision, health));
    let fault = health
        .as_ref()
        .filter(|health| health.admit((app.now)()) != Admission::Open)
        .map(|health| health.message.clone().unwrap_or_else(|| "it does not take our mail.".to_owned()));
    Ok(TenantView { active, health, fault, reread: false })
}

impl TenantView {
    /// Whether this mail may try the relay, which is left alone otherwise. A mail that does not go to the relay claims
    /// nothing.
    async fn may_try(&self, app: &App, pending: &Pending) -> Result<bool> {
        let (Some(_), Some(health), Some((revision, _))) =
            (&self.fault, &self.health, self.active.settings())
        else {
            return Ok(false);
        };
        let now = (app.now)();
        if health.admit(now) == Admission::Closed {
            return Ok(health.is_tried_by(&pending.row.id));
        }
        let way = decide(pending, &Self { fault: None, ..self.clone() }, PlatformServer::Available);
        if !matches!(way, Route::Send { via: Via::Relay, .. }) {
            return Ok(false);
        }
        let tenant = &pending.row.tenant;
        Ok(relay_health::try_again(app, tenant, revision, Some(&pending.row)).await? == Try::ThisMail)
    }
}

/// Decides the route of each mail, records the mails that are not to be sent, and groups the others by relay.
async fn route_all(
    app: &App,
    mut pending_mails: Vec<Pending>,
    tenants: &HashMap<Tenant, TenantView>,
    dispositions: &mut [Disposition],
) -> Vec<Group> {
    let mut groups: HashMap<RelayKey, Group> = HashMap::new();
    let mut platform: Option<Platform> = None;
    let mut closed: Option<Option<Closed>> = None;
    let mut doubted = false;
    // The tenants whose relay was asked for in this batch: it is one mail that tries it.
    let mut tried: HashSet<Tenant> = HashSet::new();
    pending_mails.sort_by_key(|pending| pending.row.queued_at);
    for mut pending in pending_mails {
        let Some(tenant) = tenants.get(&pending.row.tenant) else { continue };
        let tries = tenant.fault.is_some()
            && !tried.contains(&pending.row.tenant)
            && match tenant.may_try(app, &pending).await {
                Ok(tries) => tries,
                Err(error) => {
                    tracing::warn!(tenant = %pending.row.tenant, %error, "the relay is not tried again now");
                    continue;
                }
            };
        let trying;
        let tenant = if tries {
            tried.insert(pending.row.tenant.clone());
            trying = TenantView { fault: None, ..tenant.clone() };
            &trying
        } else {
            tenant
        };
        let mut route = decide(&pending, tenant, PlatformServer::Available);
        if matches!(route, Route::Send { via: Via::Platform, .. }) {
            // Read for mail that goes there, and for no other.
            let known = match platform.take() {
                Some(known) => known,
                None => Platform::read(app).await,
            };
            route = decide(&pending, tenant, known.server());
            platform = Some(known);
        }
        match route {
            Route::Defer { reason } => {
                let wait = unreadable_wait();
                let (index, version) = (pending.index, pending.version);
                if matches!(tenant.active, Active::Missing | Active::Unreadable(_)) {
                    report_unreadable(app, &pending.row.tenant).await;
                }
                dispositions[index] = defer(app, pending.row, version, wait, reason).await;
            }
            Route::Hold { waits_for, reason } => {
                let row = Delivery {
                    status: Status::Held,
                    waits_for: Some(waits_for),
                    reason,
                    next_attempt_at: None,
                    ..pending.row
                };
                dispositions[pending.index] = settle(app, row, pending.version, Disposition::Delete).await;
            }
            Route::Send { via, reason } => {
                let chosen = match via {
                    Via::Relay => tenant.active.settings(),
                    Via::Platform => platform.as_ref().and_then(|platform| platform.0.as_ref()?.settings()),
                };
                let Some((revision, settings)) = chosen else { continue };
                let own = via == Via::Relay;
                pending.row.route = Some(via);
                pending.row.revision = own.then(|| revision.clone());
                pending.row.reason = reason;
                let mut tries_platform = false;
                if !own {
                    if closed.is_none() {
                        match platform_closed(app, revision, &pending.row).await {
                            // One mail tries a server that was left alone; the others wait for its result.
                            Ok(Standing::Tries(others)) => {
                                tries_platform = true;
                                closed = Some(Some(others));
                            }
                            Ok(Standing::Open { doubted: is }) => {
                                doubted = is;
                                closed = Some(None);
                            }
                            Ok(Standing::Closed(found)) => closed = Some(Some(found)),
                            Err(error) => {
                                tracing::warn!(%error, "health of the platform's server not read");
                                continue;
                            }
                        }
                    }
                    if !tries_platform && let Some(Some(closed)) = &closed {
                        let wait = closed.wait + SPREAD.mul_f64(random_unit());
                        let (version, reason) = (pending.version, closed.reason.clone());
                        dispositions[pending.index] = defer(app, pending.row, version, wait, reason).await;
                        continue;
                    }
                }
                let key = RelayKey {
                    tenant: own.then(|| pending.row.tenant.as_str().to_owned()),
                    revision: revision.0.clone(),
                };
                let group = groups.entry(key.clone()).or_insert_with(|| Group {
                    key,
                    settings: settings.clone(),
                    reread: own && tenant.reread,
                    tries: false,
                    doubted: if own {
                        tenant.health.as_ref().is_some_and(Health::doubts_refusals)
                    } else {
                        doubted
                    },
                    pending_mails: Vec::new(),
                });
                group.tries |= tries || tries_platform;
                group.pending_mails.push(pending);
            }
        }
    }
    groups.into_values().collect()
}

/// The platform's settings as this batch has read them; `None` when they could not be read.
struct Platform(Option<Active>);

impl Platform {
    async fn read(app: &App) -> Self {
        let read = active_settings::platform(app).await;
        if let Err(error) = &read {
            tracing::error!(%error, "the platform's settings cannot be read");
        }
        let read = Self(read.ok());
        if read.server() == PlatformServer::Unreadable {
            report_unreadable(app, &Tenant::platform()).await;
        }
        read
    }

    fn server(&self) -> PlatformServer {
        match &self.0 {
            Some(Active::Settings(..)) => PlatformServer::Available,
            Some(Active::None(_)) => PlatformServer::NotConfigured,
            Some(Active::Unreadable(_) | Active::Missing) | None => PlatformServer::Unreadable,
        }
    }
}

/// How long a mail waits for a secret that cannot be read.
fn unreadable_wait() -> Duration {
    UNREADABLE_WAIT.mul_f64(0.5 + random_unit())
}

/// Emits `Secret Unreadable` for the settings of a tenant or the platform, once an hour at most.
async fn report_unreadable(app: &App, tenant: &Tenant) {
    let of = (*tenant != Tenant::platform()).then(|| tenant.clone());
    let unreadable = SecretUnreadable { tenant: of, secret: UnreadableSecret::Settings };
    report_secret(app, tenant, UNREADABLE, unreadable).await;
}

/// The same for the operator's DKIM keys.
async fn report_unreadable_keys(app: &App) {
    let unreadable = SecretUnreadable { tenant: None, secret: UnreadableSecret::Dkim };
    report_secret(app, &Tenant::platform(), UNREADABLE_KEYS, unreadable).await;
}

async fn report_secret(app: &App, tenant: &Tenant, key: &str, unreadable: SecretUnreadable) {
    let first = shared_state::update(app, tenant, key, |reported: Option<Timestamp>, now| match reported {
        Some(_) => Change::Keep(false),
        None => Change::Write(Some(now), now.checked_add(UNREADABLE_AGAIN).ok(), true),
    });
    // When the ledger cannot say, one event too many is better than none.
    if first.await.ok().flatten().unwrap_or(true) {
        tracing::error!(%tenant, key, "a secret that should be there cannot be read; its mail is deferred");
        emit(app, [Announcement::SecretUnreadable(unreadable)]).await;
    }
}

/// The platform's server gets no mail for now.
struct Closed {
    reason: String,
    wait: Duration,
}

/// Whether the platform's server may be used.
enum Standing {
    Open {
        /// Whether its refusals are not believed.
        doubted: bool,
    },
    Closed(Closed),
    /// By this mail; the others wait.
    Tries(Closed),
}

/// Whether the breaker of the platform's server is open. Its mail has no other way, so it waits; one mail at a time tries
/// whether the server is back.
async fn platform_closed(app: &App, revision: &Revision, mail: &Delivery) -> Result<Standing> {
    let loaded = relay_health::load(app, &Tenant::platform()).await?;
    let health = relay_health::about(app, revision, loaded);
    let now = (app.now)();
    let tries = match health.admit(now) {
        Admission::Open => return Ok(Standing::Open { doubted: health.doubts_refusals() }),
        Admission::Closed => health.is_tried_by(&mail.id),
        Admission::Due => {
            let tried = relay_health::try_again(app, &Tenant::platform(), revision, Some(mail)).await?;
            tried == Try::ThisMail
        }
    };
    let said = health.message.as_deref().unwrap_or("it does not take mail.");
    let reason = format!("The platform's server is left alone for a while: {said}");
    let wait = health.probe_at.map_or(SPREAD, |at| until(now, at)).max(SPREAD);
    let closed = Closed { reason, wait };
    Ok(if tries { Standing::Tries(closed) } else { Standing::Closed(closed) })
}

fn decide(pending: &Pending, tenant: &TenantView, platform: PlatformServer) -> Route {
    if alert::is_about_the_relay(&pending.event.kind) {
        return route::alert(platform);
    }
    let relay = match &tenant.active {
        Active::None(_) if pending.undecided => Relay::Removed,
        Active::None(_) => Relay::None,
        Active::Unreadable(_) => Relay::Unreadable,
        Active::Missing => Relay::Missing,
        Active::Settings(_, settings) => {
            let fault = tenant.fault.as_deref();
            Relay::Active { host: &settings.host, routing: &settings.routing, fault }
        }
    };
    route::decide(pending.row.category, &relay, platform)
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod seats_tests;
#[cfg(test)]
mod tests;
