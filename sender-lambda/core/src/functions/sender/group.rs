//! The mails of a batch that go through one relay: built, sent on one connection, and each outcome recorded.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, future, stream};
use jiff::Timestamp;
use ownpost_domain::category::Via;
use ownpost_domain::delivery::{Attempt, Delivery, Revision, Status};
use ownpost_domain::describe;
use ownpost_domain::failure::{Failure, Reply, Stage, Verdict};
use ownpost_domain::outcome::{self, Observation};
use ownpost_domain::seats::Report;
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::{BeforeCommit, Mail, RelayKey};

use super::in_flight::MarkSending;
use super::settle::{defer, fail, settle};
use super::{
    AT_A_TIME, Disposition, Pending, TenantView, doubt, report_unreadable_keys, seats, unreadable_wait,
};
use crate::functions::active_settings::{self, Active};
use crate::functions::relay_health::{self, Seen};
use crate::functions::{App, random_unit, signing};
use crate::mail::build::{Bodies, Built, Parts, build};
use crate::mail::dkim::Keys;
use crate::mail::ids;
use crate::mail::templates::TemplateError;

/// How many attempts a row keeps: the first, and the last ones.
const ATTEMPTS_KEPT: usize = 30;
/// For how long a group begins mails. A relay that is slow with each of them gives its sender back to others.
const BEGIN_GROUP_FOR: Duration = Duration::from_secs(20);
/// The waits of a mail after "too many" grow up to this try.
const TRIES_OF_TOO_MANY: usize = 2;
/// The mails of a batch for one relay.
pub(super) struct Group {
    pub(super) key: RelayKey,
    pub(super) settings: Arc<Settings>,
    /// Whether the tenant's settings were read again in this batch.
    pub(super) reread: bool,
    /// Whether its mail tries a relay that is unhealthy.
    pub(super) tries: bool,
    /// Whether the relay's refusals of recipients are not believed.
    pub(super) doubted: bool,
    pub(super) pending_mails: Vec<Pending>,
}

/// The result of a group.
#[derive(Default)]
pub(super) struct GroupResult {
    /// Dispositions by the message's index in the batch.
    pub(super) dispositions: Vec<(usize, Disposition)>,
    /// Mails to route and send again, with the view of the tenant below.
    pub(super) reroute: Vec<Pending>,
    /// The tenant as it was read after the relay's fault.
    pub(super) tenant: Option<(Tenant, TenantView)>,
}

/// A mail and the result of its attempt; the row has the attempt already.
struct Attempted {
    pending: Pending,
    result: Result<Reply, Failure>,
    /// Set once the result is recorded. A fault of the relay is not recorded as long as the mail may be re-routed.
    disposition: Option<Disposition>,
}

impl Attempted {
    fn verdict(&self) -> Verdict {
        outcome::verdict(&self.result)
    }

    /// The observation of the server. "Too many" while other connections of ours are open is not its illness.
    fn observation(&self, others: bool) -> Observation {
        if self.too_many() && others { Observation::Nothing } else { outcome::observation(&self.result) }
    }

    fn too_many(&self) -> bool {
        self.result.as_ref().is_err_and(outcome::is_too_many)
    }

    /// Whether the mails after this one were not begun for its sake.
    fn stops_the_batch(&self) -> bool {
        self.too_many() || self.verdict() == Verdict::Unknown
    }
}

/// What was around a group's connection.
#[derive(Clone, Copy)]
struct Around {
    /// Whether other connections of ours to the relay were open.
    others: bool,
    /// When the group began.
    began: Timestamp,
}

/// The tenant of the first of these mails.
fn tenant_of(mails: &[Pending]) -> Option<Tenant> {
    mails.first().map(|mail| mail.row.tenant.clone())
}

/// What the relay's seats learn from a group.
fn report(attempted: &[Attempted], took: Duration) -> Report {
    let answered = attempted
        .iter()
        .filter(|attempted| !attempted.too_many())
        .filter(|attempted| match &attempted.result {
            Ok(_) => true,
            Err(failure) => {
                failure.reply.is_some() && matches!(failure.stage, Stage::Recipient | Stage::Message)
            }
        })
        .count();
    Report {
        answered: u32::try_from(answered).unwrap_or(u32::MAX),
        too_many: attempted.iter().any(Attempted::too_many),
        took,
    }
}

/// The wait after so many tries.
fn wait_after(app: &App, tries: usize) -> Duration {
    outcome::wait(tries, app.config.retry_wait(), random_unit())
}

impl Group {
    /// Sends the mails that may go now over one connection, under a seat for it, finds out who is at fault, and re-routes or
    /// records each mail. Begins none after `until`.
    pub(super) async fn run(mut self, app: &App, until: Timestamp) -> GroupResult {
        let Ok(keys) = signing::keys(app).await else { return self.unsigned(app).await };
        let mut mails = std::mem::take(&mut self.pending_mails);
        let mut waiting = Vec::new();
        if self.doubted
            && let Some(first) = mails.first()
        {
            let (relay, revision) = self.relay_of(&first.row);
            (mails, waiting) = doubt::leave_one(app, (&relay, &revision), mails).await;
        }
        let asked = seats::ask(app, &self.key, &self.settings, mails).await;
        waiting.extend(asked.dispositions);
        let mut result = GroupResult { dispositions: waiting, ..GroupResult::default() };
        let Some(mut seat) = asked.seat else { return result };
        let signer = Signer { keys, tenant: self.key.tenant.as_ref().and(tenant_of(&asked.mails)) };
        let began = (app.now)();
        let until = began.checked_add(BEGIN_GROUP_FOR).unwrap_or(until).min(until);
        let (pending, mails) =
            build_all(app, &self.settings, &signer, asked.mails, &mut result.dispositions).await;
        let tenant = tenant_of(&pending);
        let keeps = seat.keeps_connection(app);
        let transmit = self.transmit(app, (until, keeps), pending, &mails, &mut result.dispositions);
        let attempted = seats::keep_during(app, &mut seat, transmit).await;
        let took = Duration::try_from((app.now)().duration_since(began)).unwrap_or_default();
        let others = seats::give_back(app, seat, report(&attempted, took)).await;
        let Some(tenant) = tenant else { return result };
        let view = if self.key.tenant.is_some() {
            self.relay_observed(app, &tenant, &attempted, Around { others, began }).await
        } else {
            self.platform_observed(app, &attempted, Around { others, began }).await;
            None
        };
        let (reroute, ended): (Vec<_>, Vec<_>) = attempted
            .into_iter()
            .partition(|attempted| view.is_some() && attempted.verdict() == Verdict::RelayFault);
        for attempted in reroute {
            match take_back(app, attempted).await {
                Ok(pending) => result.reroute.push(pending),
                Err(ended) => result.dispositions.push(ended),
            }
        }
        result.dispositions.extend(conclude_all(app, ended).await);
        result.tenant = view.map(|view| (tenant, view));
        result
    }

    /// Defers all mails, since the keys to sign them with cannot be read.
    async fn unsigned(self, app: &App) -> GroupResult {
        report_unreadable_keys(app).await;
        let mut result = GroupResult::default();
        for Pending { index, row, version, .. } in self.pending_mails {
            let reason = format!(
                "{} It waits: the operator's DKIM keys cannot be read, and no mail leaves without its signature.",
                row.reason
            );
            result.dispositions.push((index, defer(app, row, version, unreadable_wait(), reason).await));
        }
        result
    }

    /// Sends the mails and adds the attempt to each row. What ends a mail is recorded when its reply is read, beside the
    /// mails that follow: a sender that is killed leaves no row `sending` whose result it knew. A mail that was left out
    /// keeps its message on the queue.
    async fn transmit(
        &self,
        app: &App,
        (until, keeps_connection): (Timestamp, bool),
        pending: Vec<Pending>,
        mails: &[Mail],
        dispositions: &mut Vec<(usize, Disposition)>,
    ) -> Vec<Attempted> {
        let began = (app.now)();
        let (mark, mut finished) = MarkSending::new(app, pending, until, keeps_connection);
        let send = async {
            let results = app.relays.send(&self.key, &self.settings, mails, &mark).await;
            mark.close();
            results
        };
        let record = stream::poll_fn(|context| finished.poll_recv(context))
            .map(|(index, result)| self.record(app, &mark, began, index, result))
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>();
        let (results, mut attempted) = future::join(send, record).await;
        attempted.sort_by_key(|attempted| attempted.pending.index);
        debug_assert_eq!(attempted.len(), results.iter().flatten().count(), "every result is reported");
        let deadline_passed = mark.deadline_passed();
        let stopped = attempted.iter().any(Attempted::stops_the_batch);
        for (mail, _) in mark.into_mails().zip(results).filter(|(_, result)| result.is_none()) {
            let index = mail.pending.index;
            let disposition = match mail.left_out(app).await {
                // Nothing is wrong with the mail: the next function may have it at once.
                Disposition::Keep(None) if deadline_passed => Disposition::Keep(Some(Duration::ZERO)),
                // The relay takes nothing more just now.
                Disposition::Keep(None) if stopped => Disposition::Keep(Some(wait_after(app, 1))),
                disposition => disposition,
            };
            dispositions.push((index, disposition));
        }
        attempted
    }

    /// Reports to the breaker of the tenant's relay. When the relay is at fault: the tenant's settings as they are now,
    /// to route its mails again; `None` when no mail is to be re-routed.
    async fn relay_observed(
        &self,
        app: &App,
        tenant: &Tenant,
        attempted: &[Attempted],
        around: Around,
    ) -> Option<TenantView> {
        let fault = relay_fault(attempted);
        if fault.is_some()
            && !self.reread
            && let Some(view) = replaced(app, tenant, &self.key).await
        {
            // The fault is one of settings that are no longer active, so the breaker does not hear of it.
            return Some(view);
        }
        self.report(app, tenant, attempted, around).await;
        // Read after the report, so that the view is never older than the fault.
        faulty(app, tenant, fault?).await
    }

    /// Reports to the breaker of the platform's server. After a fault its settings are read again by the next batch.
    async fn platform_observed(&self, app: &App, attempted: &[Attempted], around: Around) {
        if relay_fault(attempted).is_some() {
            active_settings::forget_platform(app);
        }
        self.report(app, &Tenant::platform(), attempted, around).await;
    }

    /// Adds the result of a mail to its row, and records it unless it is a fault of the relay.
    async fn record(
        &self,
        app: &App,
        mark: &MarkSending<'_>,
        began: Timestamp,
        index: usize,
        result: Result<Reply, Failure>,
    ) -> Attempted {
        let mut pending = mark.pending(index).await;
        let took = Duration::try_from((app.now)().duration_since(began)).unwrap_or_default();
        let ms = u64::try_from(took.as_millis()).unwrap_or_default();
        let waited = began.duration_since(pending.row.queued_at);
        let waited = pending.row.attempts.is_empty().then(|| Duration::try_from(waited).unwrap_or_default());
        app.meter.tried(&pending.row, waited, took);
        add_attempt(&mut pending.row, began, ms, &result);
        let mut attempted = Attempted { pending, result, disposition: None };
        match attempted.verdict() {
            Verdict::RelayFault => {}
            Verdict::Failed if !self.believes(app, &attempted).await => {
                let Pending { row, version, .. } = &attempted.pending;
                attempted.disposition =
                    Some(doubt::defer_doubted(app, row.clone(), *version, doubt::TURN).await);
            }
            _ => attempted.disposition = Some(conclude(app, &attempted).await),
        }
        attempted
    }

    /// Whether a refusal for good is about this mail.
    async fn believes(&self, app: &App, attempted: &Attempted) -> bool {
        let (relay, revision) = self.relay_of(&attempted.pending.row);
        doubt::believes(app, (&relay, &revision), &attempted.pending.row, &attempted.result).await
    }

    /// The relay's tenant, and the revision of its settings.
    fn relay_of(&self, row: &Delivery) -> (Tenant, Revision) {
        let tenant = self.key.tenant.as_ref().map_or_else(Tenant::platform, |_| row.tenant.clone());
        (tenant, Revision(self.key.revision.clone()))
    }

    /// Reports one observation for all mails of the group, because they shared a connection: the most telling one.
    async fn report(&self, app: &App, tenant: &Tenant, attempted: &[Attempted], around: Around) {
        use Observation::{Broken, Crowded, Nothing, Stumbles, Works};
        let order = [Works, Broken, Stumbles, Crowded, Nothing];
        let first = |kind| attempted.iter().find(|attempted| attempted.observation(around.others) == kind);
        let Some((observation, first)) = order.into_iter().find_map(|kind| Some((kind, first(kind)?))) else {
            return;
        };
        // What says nothing about a healthy relay may have come past the stage where an unhealthy one failed.
        if observation == Observation::Nothing && !self.tries {
            return;
        }
        let revision = Revision(self.key.revision.clone());
        let passed = attempted.iter().filter_map(|attempted| outcome::passed(&attempted.result)).max();
        let took = attempted.iter().any(|attempted| attempted.result.is_ok());
        let began = (!self.tries).then_some(around.began);
        let (failure, recipient) = (first.result.as_ref().err(), first.pending.row.recipient.as_str());
        let seen = Seen { observation, passed, failure, recipient, took, began };
        relay_health::observe(app, tenant, &self.settings.host, &revision, &seen).await;
    }
}

/// Takes a mail back that is to be routed again. One that the relay has refused after its last octet is `sending` in the
/// ledger: should nothing come of the next try, nobody may take it for a mail that was perhaps sent.
async fn take_back(app: &App, attempted: Attempted) -> Result<Pending, (usize, Disposition)> {
    let Attempted { mut pending, result, .. } = attempted;
    let (Status::Sending, Err(failure)) = (pending.row.status, &result) else { return Ok(pending) };
    let now = (app.now)();
    pending.row.status = Status::Deferred;
    pending.row.next_attempt_at = Some(now);
    pending.row.updated_at = now;
    pending.row.reason = format!("The server did not take this mail: {}", describe::failure(failure));
    if let Ok(true) = app.effects.ledger.update(&pending.row, pending.version).await {
        pending.version += 1;
        return Ok(pending);
    }
    let Pending { index, row, version, .. } = pending;
    Err((index, settle(app, row, version, Disposition::Keep(None)).await))
}

/// The first failure that is the relay's fault, in words that go into the rows of other mails too.
fn relay_fault(attempted: &[Attempted]) -> Option<String> {
    let at_fault = attempted.iter().find(|attempted| attempted.verdict() == Verdict::RelayFault)?;
    let failure = at_fault.result.as_ref().err()?;
    Some(describe::relay_failure(failure, &at_fault.pending.row.recipient))
}

/// Reads the settings again after a fault; `Some` when another revision is active than the one that was used.
async fn replaced(app: &App, tenant: &Tenant, key: &RelayKey) -> Option<TenantView> {
    active_settings::forget(app, tenant);
    let active = reread(app, tenant).await?;
    let replaced = active.revision().is_none_or(|revision| revision.0 != key.revision);
    replaced.then_some(TenantView { active, health: None, fault: None, reread: true })
}

/// The tenant with a relay at fault, by the settings that are active now.
async fn faulty(app: &App, tenant: &Tenant, fault: String) -> Option<TenantView> {
    let active = reread(app, tenant).await?;
    Some(TenantView { active, health: None, fault: Some(fault), reread: true })
}

async fn reread(app: &App, tenant: &Tenant) -> Option<Active> {
    let read = active_settings::read(app, tenant).await;
    let read = read.inspect_err(|error| tracing::warn!(%tenant, %error, "settings not read again")).ok()?;
    // There were settings a moment ago, and taking them away leaves a version: these are lost.
    Some(if matches!(read, Active::None(None)) { Active::Missing } else { read })
}

/// Records the mails that are not recorded yet, at the same time: one after the other they would cost a batch the time of
/// a write for each.
async fn conclude_all(app: &App, attempted: Vec<Attempted>) -> Vec<(usize, Disposition)> {
    let conclude = |attempted: Attempted| async move {
        let disposition = match attempted.disposition {
            Some(disposition) => disposition,
            None => conclude(app, &attempted).await,
        };
        (attempted.pending.index, disposition)
    };
    stream::iter(attempted).map(conclude).buffered(AT_A_TIME).collect().await
}

/// Records the result of one attempt in the row.
async fn conclude(app: &App, attempted: &Attempted) -> Disposition {
    let verdict = attempted.verdict();
    let Attempted { pending: Pending { row, version, .. }, result, .. } = attempted;
    let (row, version) = (row.clone(), *version);
    let server = match row.route {
        Some(Via::Platform) => "The platform's server",
        _ => "Your own server",
    };
    match (verdict, result) {
        (Verdict::Sent, Ok(reply)) => {
            let reason = format!("{} It was accepted: {}", row.reason, describe::reply(reply));
            let row = Delivery { status: Status::Sent, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Disposition::Delete).await
        }
        (Verdict::Unknown, Err(failure)) => {
            let why = describe::failure(failure);
            let reason =
                format!("{server} may have taken this mail: {why} It is not sent again unless you say so.");
            let row = Delivery { status: Status::Unknown, reason, next_attempt_at: None, ..row };
            settle(app, row, version, Disposition::Delete).await
        }
        (Verdict::Failed, Err(failure)) => {
            let reason = format!("{server} refused this mail for good: {}", describe::failure(failure));
            fail(app, row, version, &reason).await
        }
        (_, Err(failure)) => {
            let reason = format!("{server} did not take this mail: {}", describe::failure(failure));
            // "Too many" is not the mail's fault, so its waits do not grow without end.
            let tries =
                row.attempts.len().min(if attempted.too_many() { TRIES_OF_TOO_MANY } else { usize::MAX });
            let wait = wait_after(app, tries);
            defer(app, row, version, wait, reason).await
        }
        // A reply is `Sent` by the table.
        (_, Ok(_)) => Disposition::Keep(None),
    }
}

/// Adds an attempt of `ms` milliseconds to the row.
fn add_attempt(row: &mut Delivery, at: Timestamp, ms: u64, result: &Result<Reply, Failure>) {
    let (stage, code, reply) = match result {
        Ok(reply) => (Stage::Message, "accepted", Some(reply)),
        Err(failure) => (failure.stage, failure.code.code(), failure.reply.as_ref()),
    };
    let smtp = reply.map(|reply| Reply {
        // A row keeps no more than a reader needs.
        text: reply.text.chars().take(500).collect(),
        ..reply.clone()
    });
    row.attempts.push(Attempt { at, ms, stage, outcome: code.to_owned(), smtp });
    if row.attempts.len() > ATTEMPTS_KEPT {
        row.attempts.remove(1);
    }
}

/// The operator's DKIM keys, and whose mails they are to sign.
struct Signer {
    keys: Option<Arc<Keys>>,
    /// `None` for the platform.
    tenant: Option<Tenant>,
}

impl Signer {
    fn sign(&self, message: Vec<u8>, sender: &str, now: Timestamp) -> Result<Vec<u8>, String> {
        let Some(keys) = &self.keys else { return Ok(message) };
        keys.sign(message, sender, self.tenant.as_ref(), now).map_err(|error| format!("{error}."))
    }
}

/// Builds the messages. One that cannot be built fails, and the others are sent.
async fn build_all(
    app: &App,
    settings: &Settings,
    signer: &Signer,
    pending_mails: Vec<Pending>,
    dispositions: &mut Vec<(usize, Disposition)>,
) -> (Vec<Pending>, Vec<Mail>) {
    let mut kept = Vec::new();
    let mut mails = Vec::new();
    for mut pending in pending_mails {
        pending.row.message_id = ids::named(&pending.row.message_id, &settings.sender_address);
        let built = build_one(app, settings, &pending).and_then(|Built { message, bodies }| {
            Ok((signer.sign(message, &settings.sender_address, (app.now)())?, bodies))
        });
        match built {
            Ok((message, bodies)) => {
                note_bodies(&mut pending.row, &bodies);
                let from = settings.sender_address.clone();
                mails.push(Mail { from, to: pending.row.recipient.clone(), message: message.into() });
                kept.push(pending);
            }
            Err(problem) => {
                let index = pending.index;
                let reason = format!("The mail could not be written: {problem}");
                dispositions.push((index, fail(app, pending.row, pending.version, &reason).await));
            }
        }
    }
    (kept, mails)
}

fn build_one(app: &App, settings: &Settings, pending: &Pending) -> Result<Built, String> {
    let Pending { row, event, .. } = pending;
    let recipient = event.recipients.iter().find(|recipient| recipient.person.address == row.recipient);
    let recipient = recipient.ok_or("its event does not name this recipient.")?;
    let domain = ids::domain(&settings.sender_address);
    let thread_id = event.thread.as_deref().map(|thread| ids::thread_id(&row.tenant, thread, &domain));
    let parts = Parts {
        event,
        recipient,
        settings,
        message_id: &row.message_id,
        thread_id: thread_id.as_deref(),
        now: (app.now)(),
    };
    build(&parts, &app.templates).map_err(|error| error.to_string())
}

/// Says in the row and the log what the text of the mail lacks: the event's data that it would have named, and the operator's
/// template when that one failed.
fn note_bodies(row: &mut Delivery, bodies: &Bodies) {
    let (tenant, kind) = (&row.tenant, row.kind.as_str());
    if let Some(TemplateError { name, problem }) = &bodies.fallback {
        tracing::error!(%tenant, template = name, problem, "a template fails: the built-in one is used");
        note(row, &format!("The operator's template {name} fails, so the built-in text is used."));
    } else if !bodies.warnings.is_empty() {
        let lacks = bodies.warnings.join(", ");
        tracing::warn!(%tenant, kind, lacks, "a mail says less than it could");
        note(row, &format!("The mail says less than it could: {lacks}."));
    }
}

/// Adds a sentence to the reason of the row, once.
fn note(row: &mut Delivery, sentence: &str) {
    if !row.reason.contains(sentence) {
        row.reason = format!("{} {sentence}", row.reason);
    }
}
