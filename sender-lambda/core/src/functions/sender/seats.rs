//! Seats at a relay: before a group of mails connects, it takes the right to one connection out of the state that all
//! senders share. Who gets none waits in the relay's line.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::seats::{Asking, Bounds, GOOD_FOR, Place, Report, Seats, Stay};
use ownpost_domain::settings::Settings;
use ownpost_domain::tenant::Tenant;
use ownpost_smtp::RelayKey;
use tokio::sync::Notify;

use super::settle::defer;
use super::{Disposition, Pending};
use crate::functions::App;
use crate::functions::shared_state::{self, Change};
use crate::functions::turns::{Turn, Turns};

/// The key of a relay's seats in the ledger.
const SEATS: &str = "seats";
/// A mail that waits for less is only hidden: two writes of its row would cost more than they tell.
const WRITTEN_FROM: Duration = Duration::from_mins(1);
/// How long a mail waits when the seats cannot be had: a relay that is given too many connections costs more than a pause.
const UNREADABLE: Duration = Duration::from_secs(5);

/// How long a group waits in memory for its turn at a quick relay. Beyond that its mails wait in the relay's line.
const PATIENCE: Duration = Duration::from_secs(1);

/// What this process holds of relays, and the groups of mails that wait in it.
#[derive(Default)]
pub(in crate::functions) struct AtHand {
    /// The seats of idle connections, by their owner and host. Ends in seconds.
    idle: Mutex<HashMap<(Tenant, String), Vec<i64>>>,
    /// The groups that wait for a connection of a relay.
    turns: Turns,
    /// Heard when any seat was given back.
    freed: Notify,
}

/// A seat that was taken.
pub(super) struct Seat {
    owner: Tenant,
    host: String,
    bounds: Bounds,
    /// Its end, in seconds.
    until: i64,
    /// What becomes of it when the group is over.
    stay: Stay,
}

/// The answer to a group.
#[derive(Default)]
pub(super) struct Asked {
    /// The seat; `None` when no mail goes.
    pub(super) seat: Option<Seat>,
    /// The mails that go now.
    pub(super) mails: Vec<Pending>,
    /// The others.
    pub(super) dispositions: Vec<(usize, Disposition)>,
}

impl AtHand {
    /// How many seats of idle connections there are.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }
}

impl Seat {
    /// Whether the connection stays open after the group. The only process of its ledger keeps them all: it counts them
    /// itself, and uses them again.
    pub(super) fn keeps_connection(&self, app: &App) -> bool {
        self.stay == Stay::Kept || is_alone(app)
    }
}

/// Takes a seat for a group of mails, oldest first, and sends those away that have to wait.
pub(super) async fn ask(app: &App, key: &RelayKey, settings: &Settings, mut mails: Vec<Pending>) -> Asked {
    let owner = owner(key);
    let host = settings.host.to_ascii_lowercase();
    let bounds = app.config.bounds(&host, key.tenant.is_none());
    let bounds = if is_alone(app) { bounds.of_one_process() } else { bounds };
    mails.sort_by_key(|pending| pending.row.queued_at);
    // Only a row that waits has a ticket: what was released or resent begins like a new mail.
    let asking: Vec<Asking> = mails
        .iter()
        .map(|Pending { row, .. }| Asking {
            category: row.category,
            ticket: row.ticket.filter(|_| row.status == Status::Deferred),
        })
        .collect();
    // Held until the answer is there, so that the next group asks after this one.
    let _turn = if is_alone(app) { turn(app, &owner, &host, &bounds).await } else { None };
    if asking.iter().all(|mail| mail.ticket.is_none())
        && let Some(until) = take_idle(app, &owner, &host)
    {
        let seat = Seat { owner, host, bounds, until, stay: Stay::Kept };
        return Asked { seat: Some(seat), mails, dispositions: Vec::new() };
    }
    // Whose turn it is decides the line. The connections at hand are free for it, also where nobody goes now.
    let idle = take_all_idle(app, &owner, &host);
    let asked = shared_state::update(app, &owner, SEATS, |seats: Seats, now| {
        let seats = of_this_process(app, seats.about(&host));
        let seats = idle.iter().fold(seats, |seats, until| seats.without(&app.process, *until));
        let limit = seats.limit(&bounds);
        let answer = seats.ask(&app.process, &asking, &bounds, now);
        let changed = answer.seat.is_some()
            || !idle.is_empty()
            || answer.places.iter().zip(&asking).any(|(place, mail)| match place {
                Place::Wait(ticket, _) => mail.ticket != Some(*ticket),
                Place::Go | Place::Again(_) => false,
            });
        let result = (answer.seat, answer.places, answer.stay, limit);
        if changed { Change::Write(answer.seats, None, result) } else { Change::Keep(result) }
    });
    let (seat, places, stay, limit) = match asked.await {
        Ok(Some(asked)) => asked,
        Ok(None) => return wait(mails, Duration::ZERO),
        Err(error) => {
            tracing::warn!(%owner, %error, "connections of the relay not counted");
            return wait(mails, UNREADABLE);
        }
    };
    let reason = match (bounds.mails(), seat) {
        (Some(pace), Some(_)) => format!(
            "{host} takes at most {} mails in {} seconds, and others are before this one.",
            pace.burst,
            pace.period.as_secs()
        ),
        _ => format!("{host} takes at most {limit} connections at a time, and others are before this one."),
    };
    let mut asked =
        Asked { seat: seat.map(|until| Seat { owner, host, bounds, until, stay }), ..Asked::default() };
    for (pending, place) in mails.into_iter().zip(places) {
        send_away(app, pending, place, &reason, &mut asked).await;
    }
    asked
}

/// Waits for a turn and a connection where one is free at once: in the second for which a hidden message waits at least, a
/// quick relay takes hundreds of mails. `None` when that took too long.
async fn turn(app: &App, owner: &Tenant, host: &str, bounds: &Bounds) -> Option<Turn> {
    let is_soon_free = async || {
        if has_idle(app, owner, host) {
            return false;
        }
        let seats = shared_state::read::<Seats>(app, owner, SEATS).await;
        // What cannot be read is told by the question that follows.
        seats.is_ok_and(|seats| {
            of_this_process(app, seats.value.about(host)).is_soon_free(bounds, (app.now)())
        })
    };
    let turn = async {
        let turn = app.at_hand.turns.turn(owner, host).await;
        loop {
            let mut freed = pin!(app.at_hand.freed.notified());
            // From here on it hears of seats that are given back while it looks.
            freed.as_mut().enable();
            if !is_soon_free().await {
                return turn;
            }
            freed.await;
        }
    };
    tokio::time::timeout(PATIENCE, turn).await.ok()
}

/// The seats without those of processes that have ended.
fn of_this_process(app: &App, seats: Seats) -> Seats {
    if is_alone(app) { seats.without_others(&app.process) } else { seats }
}

/// The mails come again after this time; their rows stay as they are.
fn wait(mails: Vec<Pending>, during: Duration) -> Asked {
    let keep = |pending: Pending| (pending.index, Disposition::Keep(Some(during)));
    Asked { dispositions: mails.into_iter().map(keep).collect(), ..Asked::default() }
}

async fn send_away(app: &App, mut pending: Pending, place: Place, reason: &str, asked: &mut Asked) {
    let index = pending.index;
    let disposition = match place {
        Place::Go => {
            pending.row.ticket = None;
            asked.mails.push(pending);
            return;
        }
        Place::Again(during) => Disposition::Keep(Some(during)),
        Place::Wait(ticket, during) if pending.row.ticket == Some(ticket) && during < WRITTEN_FROM => {
            Disposition::Keep(Some(during))
        }
        Place::Wait(ticket, during) => {
            let row = Delivery { ticket: Some(ticket), ..pending.row };
            defer(app, row, pending.version, during, reason.to_owned()).await
        }
    };
    asked.dispositions.push((index, disposition));
}

/// Does `work` and keeps the seat good meanwhile.
pub(super) async fn keep_during<T>(app: &App, seat: &mut Seat, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(seat.stay.renewed_after()) => {
                let until = seat.until;
                let renewed = shared_state::update(app, &seat.owner, SEATS, |seats: Seats, now| {
                    let mut seats = seats.about(&seat.host);
                    let until = seats.renew(&app.process, until, now);
                    Change::Write(seats, None, until)
                });
                if let Ok(Some(until)) = renewed.await {
                    seat.until = until;
                    // It does not lapse soon any more.
                    if seat.stay == Stay::Brief {
                        seat.stay = Stay::Returned;
                    }
                }
            }
        }
    }
}

/// Gives the seat back with what was learnt. Gives whether other connections to the relay were open meanwhile. A seat that
/// nobody wants stays with the connection, and lapses with it, or soon.
pub(super) async fn give_back(app: &App, seat: Seat, report: Report) -> bool {
    if report.too_many {
        app.relays.make_room(&seat.host);
    }
    let others = leave(app, seat, report).await;
    app.at_hand.freed.notify_waiters();
    others
}

async fn leave(app: &App, seat: Seat, report: Report) -> bool {
    match seat.stay {
        _ if report.too_many => {}
        Stay::Returned => {}
        Stay::Brief => return false,
        Stay::Kept => {
            put_idle(app, seat);
            return false;
        }
    }
    let given = shared_state::update(app, &seat.owner, SEATS, |seats: Seats, now| {
        let mut seats = seats.about(&seat.host);
        let others = seats.give_back(&app.process, seat.until, &report, &seat.bounds, now);
        Change::Write(seats, None, others)
    });
    match given.await {
        Ok(others) => others.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(owner = %seat.owner, %error, "connection not given back; it lapses");
            false
        }
    }
}

/// Whether this is the only process of its ledger.
fn is_alone(app: &App) -> bool {
    app.config.overrides.senders_since.is_some()
}

fn owner(key: &RelayKey) -> Tenant {
    key.tenant.as_deref().and_then(|name| Tenant::new(name).ok()).unwrap_or_else(Tenant::platform)
}

/// Whether [`take_idle`] finds one.
fn has_idle(app: &App, owner: &Tenant, host: &str) -> bool {
    let idle = app.at_hand.idle.lock().unwrap_or_else(PoisonError::into_inner);
    let seats = idle.get(&(owner.clone(), host.to_owned()));
    seats.is_some_and(|seats| seats.iter().any(|until| *until > good_until(app)))
}

/// The end that the seat of an idle connection must have to be used, in seconds.
fn good_until(app: &App) -> i64 {
    (app.now)().as_second() + (GOOD_FOR / 2).as_secs().cast_signed()
}

/// A seat of an idle connection that is good for long enough.
fn take_idle(app: &App, owner: &Tenant, host: &str) -> Option<i64> {
    let least = good_until(app);
    let mut idle = app.at_hand.idle.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (owner.clone(), host.to_owned());
    let seats = idle.get_mut(&key)?;
    seats.retain(|until| *until > least);
    let seat = seats.pop();
    if seats.is_empty() {
        idle.remove(&key);
    }
    seat
}

/// The seats of all idle connections to the relay.
fn take_all_idle(app: &App, owner: &Tenant, host: &str) -> Vec<i64> {
    let mut idle = app.at_hand.idle.lock().unwrap_or_else(PoisonError::into_inner);
    idle.remove(&(owner.clone(), host.to_owned())).unwrap_or_default()
}

fn put_idle(app: &App, seat: Seat) {
    let mut idle = app.at_hand.idle.lock().unwrap_or_else(PoisonError::into_inner);
    idle.entry((seat.owner, seat.host)).or_default().push(seat.until);
}
