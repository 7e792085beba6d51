//! The fault run: notifications of many tenants pass relays that fail in every way, sender processes are killed at
//! any moment, and at the end every mail is accounted for.
//!
//! The functions, the store with its fsync, the SMTP over TLS, the processes and their deaths are real. The product's
//! clock runs faster than real time, so that the pauses of breakers, leases and retries take seconds.
//!
//! The account checks this rule: every mail has a row in a final status, and
//! - `sent`: its relay took it, once;
//! - `failed`: its relay did not take it, and refused it with 5xx;
//! - `unknown`: its relay took it at most once; the relay asked for the message and never answered it, or
//!   the sender that last marked it `sending` was killed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ownpost::store::Store;
use ownpost_core::functions::api::{self, Caller, Claims, Request};
use ownpost_core::functions::{App, monitor, router};
use ownpost_core::wire::history::By;
use ownpost_domain::tenant::Tenant;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::account::Account;
use self::book::Book;
use self::dice::Dice;
use self::mood::{Mood, Phase};
use self::relay::{Identities, Kill, Relay};
use self::senders::Senders;
use self::spec::Spec;
use crate::certificates::Certificates;

mod account;
mod book;
mod dice;
mod mood;
mod picture;
mod relay;
mod sender;
mod senders;
mod spec;
mod trouble;

pub use sender::run as run_sender;

/// The parameters of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of mails.
    pub mails: usize,
    /// The number of tenants. Each has its own relay.
    pub tenants: usize,
    /// The time during which relays fail.
    pub trouble: Duration,
    /// The number of sender processes at a time.
    pub senders: usize,
    /// The seed of all random choices: the same seed repeats the same faults.
    pub seed: u64,
    /// The path of the sender program. Its arguments are the run's file and a name.
    pub program: PathBuf,
}

/// The results of a run.
pub struct Report {
    /// Every violation of the rule; empty when the run passed.
    pub violations: Vec<String>,
    /// The counts, as a table in Markdown.
    pub table: String,
    /// The picture, as SVG.
    pub picture: String,
    /// How many senders were killed.
    pub kills: usize,
    /// How many mails ended as `sent`.
    pub sent: usize,
}

/// The product's clock runs this many times as fast as real time: an hour passes in a minute.
const SPEED: i32 = 60;
/// The longest wait for all mails to end after the last fault. The longest pause of a breaker takes a quarter of a
/// minute here; the rest is reserve for a slow machine.
const DRAIN: Duration = Duration::from_mins(5);

/// Runs the plan.
///
/// # Errors
/// The run cannot be set up: no port, no folder.
pub fn run(plan: &Plan) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(run_here(plan))
}

/// The state of a run that its tasks share.
struct Run {
    plan: Plan,
    spec: Spec,
    app: App,
    /// The same with a queue that loses messages.
    router: App,
    lost_messages: Arc<AtomicUsize>,
    store: Arc<Store>,
    relays: Vec<Arc<Relay>>,
    book: Arc<Book>,
    began: Instant,
    /// The length of the queue at each time since the start.
    depth: Mutex<Vec<(Duration, u64)>>,
}

async fn run_here(plan: &Plan) -> Result<Report, String> {
    let folder = Folder::new(plan.seed)?;
    let certificates = Certificates::new();
    let ca_file = folder.0.join("ca.pem");
    std::fs::write(&ca_file, certificates.ca_pem()).map_err(|error| error.to_string())?;
    let (listeners, port) = listen(plan.tenants + 1).await?;
    let (kills, mut kill_requests) = mpsc::unbounded_channel();
    let began = Instant::now();
    let book = Arc::new(Book::new(began));
    let relays = relays(plan, &listeners, &certificates, &book, &kills);
    let spec = Spec {
        folder: folder.0.clone(),
        began: Timestamp::now(),
        speed: SPEED,
        port,
        ca_file,
        platform: platform(&relays[plan.tenants]),
    };
    let spec_file = folder.0.join("run.json");
    let written = serde_json::to_vec(&spec).map_err(|error| error.to_string())?;
    std::fs::write(&spec_file, written).map_err(|error| error.to_string())?;
    let store = Store::share(&spec.folder, spec.clock()).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let app = sender::app(&spec, "controller.faults.test", &store)?;
    let mut router = sender::app(&spec, "router.faults.test", &store)?;
    let lost_messages = Arc::new(AtomicUsize::new(0));
    router.effects.queue = Arc::new(trouble::LossyQueue {
        inner: Arc::clone(&router.effects.queue),
        dice: Mutex::new(Dice::new(plan.seed, 4)),
        lost: Arc::clone(&lost_messages),
    });
    for (relay, listener) in relays.iter().zip(listeners) {
        tokio::spawn(Arc::clone(relay).serve(listener));
    }
    let run = Arc::new(Run {
        plan: plan.clone(),
        spec,
        app,
        router,
        lost_messages,
        store,
        relays,
        book,
        began,
        depth: Mutex::default(),
    });
    for relay in &run.relays[..plan.tenants] {
        run.save(relay).await?;
    }
    let mut senders = Senders::start(plan, &spec_file, &run.spec.folder, began)?;

    // The schedules count from this time.
    let start = began.elapsed();
    let end = start + plan.trouble;
    let mut schedules = mood::schedules(plan.tenants, plan.trouble, &mut Dice::new(plan.seed, 1));
    for phase in schedules.iter_mut().flatten() {
        phase.from += start;
        phase.until += start;
    }
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for (relay, phases) in run.relays.iter().zip(schedules.clone()) {
        tasks.spawn(Arc::clone(&run).moods(Arc::clone(relay), phases));
    }
    tasks.spawn(Arc::clone(&run).events(start));
    let background = [
        tokio::spawn(Arc::clone(&run).monitor(stopped.clone())),
        tokio::spawn(Arc::clone(&run).watch(stopped.clone())),
    ];
    let mut dice = Dice::new(plan.seed, 2);
    let mut next_kill = start + dice.millis(500, 1500);
    let drained = loop {
        let troubled = began.elapsed() < end;
        tokio::select! {
            Some(kill) = kill_requests.recv() => {
                if troubled { senders.kill_named(&kill.sender)?; }
                let _ = kill.done.send(());
            }
            () = tokio::time::sleep_until((began + next_kill).into()), if troubled && next_kill < end => {
                // One in four is stopped and not killed, as for a new version.
                if dice.roll(4) == 0 { senders.stop_one(&mut dice)?; } else { senders.kill_one(&mut dice)?; }
                next_kill += dice.millis(500, 1500);
            }
            Some(done) = tasks.join_next() => done.map_err(|error| error.to_string())??,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                if tasks.is_empty() && run.is_drained().await { break Ok(()); }
                if began.elapsed() > end + DRAIN { break Err("not everything came to an end"); }
            }
        }
    };
    let _ = stop.send(true);
    for task in background {
        let _ = task.await;
    }
    let crashed = senders.end();
    let mut account = Account::of(&run, &senders).await?;
    account.violations.extend(drained.err().map(str::to_owned));
    account.violations.extend(crashed);
    Ok(Report {
        table: account.table(&run, &senders),
        picture: picture::draw(&run, &senders, &schedules, &account),
        violations: account.violations,
        kills: senders.killed.len(),
        sent: account.sent,
    })
}

/// A temporary folder, deleted on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(seed: u64) -> Result<Self, String> {
        let name = format!("ownpost-faults-{}-{seed}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The address of a relay. Loopback has sixteen million addresses, so a relay that does not listen keeps its own.
fn address(lane: usize) -> Ipv4Addr {
    let [a, b, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(127, 64 + a % 128, b, u8::try_from(lane + 1).unwrap_or(u8::MAX))
}

/// Opens a listener for each relay, all on the same port.
async fn listen(relays: usize) -> Result<(Vec<TcpListener>, u16), String> {
    let first = TcpListener::bind((address(0), 0)).await.map_err(|error| error.to_string())?;
    let port = first.local_addr().map_err(|error| error.to_string())?.port();
    let mut listeners = vec![first];
    for lane in 1..relays {
        listeners.push(TcpListener::bind((address(lane), port)).await.map_err(|error| error.to_string())?);
    }
    Ok((listeners, port))
}

fn relays(
    plan: &Plan,
    listeners: &[TcpListener],
    certificates: &Certificates,
    book: &Arc<Book>,
    kills: &mpsc::UnboundedSender<Kill>,
) -> Vec<Arc<Relay>> {
    let names: Vec<String> = (0..listeners.len()).map(|lane| address(lane).to_string()).collect();
    let good: Arc<ServerConfig> = certificates.server_for(&names);
    let identities = Arc::new(Identities {
        good,
        wrong_name: certificates.server("wrong-name"),
        self_signed: certificates.server("self-signed"),
        expired: certificates.server("expired"),
    });
    let relay = |(lane, listener): (usize, &TcpListener)| {
        Arc::new(Relay {
            lane,
            address: listener.local_addr().unwrap_or(SocketAddr::from(([0; 4], 0))),
            implicit: lane % 2 == 1,
            identities: Arc::clone(&identities),
            mood: watch::Sender::new(Mood::Works),
            password: Mutex::new("first".to_owned()),
            book: Arc::clone(book),
            kills: kills.clone(),
            dice: Mutex::new(Dice::new(plan.seed, 100 + lane as u64)),
            open: AtomicU32::new(0),
        })
    };
    listeners.iter().enumerate().map(relay).collect()
}

/// The relay's settings as its admin enters them in the form.
fn form(relay: &Relay) -> Value {
    let on_failure = if relay.lane % 4 == 3 { "platform" } else { "hold" };
    let rule = json!({"via": "relay", "onFailure": on_failure});
    json!({
        "host": relay.address.ip().to_string(),
        "port": relay.address.port(),
        "security": if relay.implicit { "tls" } else { "starttls" },
        "username": "mailer",
        "password": {"set": relay.password()},
        "senderAddress": format!("noreply@{}.example", tenant(relay.lane)),
        "routing": {"notification": rule, "rights-request": rule, "audit-invitation": rule, "user-invitation": rule},
    })
}

/// The platform's settings document: the same settings, with the secret included.
fn platform(relay: &Relay) -> String {
    let mut document = form(relay);
    document["password"] = json!({"set": relay.password()});
    document["senderAddress"] = json!("noreply@platform.example");
    document.to_string()
}

fn tenant(lane: usize) -> String {
    format!("t{lane:02}")
}

impl Run {
    /// Saves the relay's settings as an admin does (`PUT /smtp`, with its test and its test mail), until they are
    /// active.
    async fn save(&self, relay: &Relay) -> Result<(), String> {
        let name = tenant(relay.lane);
        let mut last = String::new();
        for _ in 0..20 {
            let body = form(relay).to_string();
            let request = Request {
                method: "PUT",
                path: "/smtp",
                query: Vec::new(),
                caller: Caller::admin(Claims {
                    tenant: Tenant::new(&name).map_err(|error| error.to_string())?,
                    email: Some(format!("admin@{name}.example")),
                    by: By::default(),
                }),
                origin: None,
                accept_language: None,
                body: body.as_bytes(),
                time: None,
            };
            let answer = api::handle(&self.app, request, None).await;
            if answer.status == 200 {
                return Ok(());
            }
            last = String::from_utf8_lossy(&answer.body).into_owned();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("the settings of {name} were not activated: {last}"))
    }

    /// Sets the moods of a relay in turn. When a phase with a changed password ends, an admin saves the new password.
    async fn moods(self: Arc<Self>, relay: Arc<Relay>, phases: Vec<Phase>) -> Result<(), String> {
        for (number, phase) in phases.into_iter().enumerate() {
            tokio::time::sleep_until((self.began + phase.from).into()).await;
            if phase.mood == Mood::PasswordChanged {
                relay.change_password(&format!("changed-{number}"));
            }
            trouble::set(&self.spec.folder, &tenant(relay.lane), phase.mood);
            relay.mood.send_replace(phase.mood);
            tokio::time::sleep_until((self.began + phase.until).into()).await;
            trouble::set(&self.spec.folder, &tenant(relay.lane), Mood::Works);
            relay.mood.send_replace(Mood::Works);
            if phase.mood == Mood::PasswordChanged {
                self.save(&relay).await?;
            }
        }
        Ok(())
    }

    /// Sends the product's events, spread over the time of faults. One in eight is sent twice, as by a source that
    /// got no answer.
    async fn events(self: Arc<Self>, start: Duration) -> Result<(), String> {
        const KINDS: [(&str, &str); 4] = [
            ("notification", "comment.created"),
            ("rights-request", "rights-request.message"),
            ("audit-invitation", "audit.invited"),
            ("user-invitation", "user.invited"),
        ];
        let mut dice = Dice::new(self.plan.seed, 3);
        // No event comes in the last eighth, so that faults meet all of them.
        let span = self.plan.trouble.mul_f64(0.875);
        let mut accepting = JoinSet::new();
        let mut mails = 0;
        while mails < self.plan.mails {
            let share = f64::from(u32::try_from(mails).unwrap_or(0))
                / f64::from(u32::try_from(self.plan.mails).unwrap_or(1));
            tokio::time::sleep_until((self.began + start + span.mul_f64(share)).into()).await;
            let recipients = usize::try_from(1 + dice.roll(3)).unwrap_or(1).min(self.plan.mails - mails);
            let of = tenant(usize::try_from(dice.roll(self.plan.tenants as u64)).unwrap_or(0));
            let (category, kind) = KINDS[usize::try_from(dice.roll(4)).unwrap_or(0)];
            let to: Vec<Value> =
                (0..recipients).map(|n| json!({"address": format!("r{}@{of}.example", mails + n)})).collect();
            let event = json!({
                "id": format!("e{mails}"), "tenant": of, "category": category, "type": kind,
                "recipients": to, "data": {"actor": "Ann", "title": "Fault run", "excerpt": "x"},
            })
            .to_string();
            let times = if dice.roll(8) == 0 { 2 } else { 1 };
            let run = Arc::clone(&self);
            accepting.spawn(async move {
                for _ in 0..times {
                    // A source repeats an event that was refused because the store was busy.
                    while let Err(refused) = router::accept(&run.router, event.as_bytes(), None).await {
                        if !refused.transient {
                            return Err(refused.to_string());
                        }
                    }
                }
                Ok(())
            });
            mails += recipients;
        }
        accepting.join_all().await.into_iter().collect()
    }

    /// Runs `monitor` every minute of the product's clock.
    async fn monitor(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            // A run that fails is followed by the next one.
            let _ = monitor::run(&self.app).await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Records the length of the queue.
    async fn watch(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            if let (Ok(length), Ok(mut depth)) = (self.store.queue_length().await, self.depth.lock()) {
                depth.push((self.began.elapsed(), length));
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Whether every mail has a row in a final status.
    async fn is_drained(&self) -> bool {
        use ownpost_core::effects::{Filter, Ledger as _, Order};
        use ownpost_domain::delivery::Status::{Deferred, Held, Queued, Sending};
        if self.store.queue_length().await != Ok(0) {
            return false;
        }
        for lane in 0..self.plan.tenants {
            let Ok(tenant) = Tenant::new(&tenant(lane)) else { return false };
            for status in [Queued, Sending, Deferred, Held] {
                let filter = Filter { status: Some(status), ..Filter::default() };
                match self.store.list(&tenant, &filter, Order::OldestFirst, None, 1).await {
                    Ok(page) if page.deliveries.is_empty() => {}
                    _ => return false,
                }
            }
        }
        true
    }
}

/// The path of a sender's journal.
fn journal(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.journal"))
}
