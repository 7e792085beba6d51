//! Posts events of many tenants at once and waits until the relay has accepted a mail for each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::program::Local;

/// The number of events in one request.
const ARRAY: usize = 250;
/// The number of requests at a time.
const REQUESTS: usize = 8;
/// The time between two looks at the relay's count.
const LOOK: Duration = Duration::from_millis(20);
/// The number of samples over the length of the run.
const PARTS: usize = 200;

/// The server through which the mails go.
#[derive(Clone, Copy)]
pub(crate) enum Route {
    /// The platform's server: the tenants have no settings.
    Platform,
    /// The own relay of each tenant.
    Own,
}

/// The results of a run.
pub(crate) struct Run {
    pub(crate) events: usize,
    /// The time until the last request was answered: every event is stored and its mail is on the queue.
    pub(crate) accepted: Duration,
    /// The time until the relay accepted the last mail.
    pub(crate) delivered: Duration,
    /// The number of the last mail.
    pub(crate) last_mail: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts of mails")]
impl Run {
    pub(crate) fn accepted_per_second(&self) -> f64 {
        self.events as f64 / self.accepted.as_secs_f64()
    }
    pub(crate) fn mails_per_second(&self) -> f64 {
        self.events as f64 / self.delivered.as_secs_f64()
    }
}

/// Posts the events and waits for their mails. `look` gets the number of accepted mails at each part of the way.
pub(crate) fn run(
    local: &Local,
    route: Route,
    name: &str,
    tenants: usize,
    events: usize,
    mut look: impl FnMut(usize),
) -> Result<Run> {
    let names: Vec<String> = (0..tenants).map(|number| format!("{name}-{number}")).collect();
    let tokens = names.iter().map(|name| local.token(name)).collect::<Result<Vec<_>>>()?;
    if matches!(route, Route::Own) {
        tokens.iter().try_for_each(|token| local.activate(token))?;
    }
    let before = local.mails()?;
    // Requests with full arrays; the tenants take turns.
    let requests: Vec<(usize, usize, usize)> = (0..events)
        .step_by(ARRAY.min(events.div_ceil(tenants)).max(1))
        .enumerate()
        .map(|(index, from)| {
            (index % tenants, from, (from + ARRAY.min(events.div_ceil(tenants))).min(events))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let accepted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..REQUESTS)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(&(tenant, from, to)) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let body = array(&names[tenant], from, to);
                        let answer = local.json("POST", "/api/events", &tokens[tenant], body.as_bytes())?;
                        let accepted = answer["accepted"].as_array().map_or(0, Vec::len);
                        ensure!(accepted == to - from, "{} refused", to - from - accepted);
                    }
                    Ok(began.elapsed())
                })
            })
            .collect();
        for part in 1..=PARTS {
            let mails = events * part / PARTS;
            while mails > 0 && !local.has_mail(before + mails)? {
                std::thread::sleep(LOOK);
            }
            look(mails);
        }
        let ends = threads.into_iter().map(|thread| thread.join().ok().context("a thread broke off")?);
        let ends = ends.collect::<Result<Vec<Duration>>>()?;
        ends.into_iter().max().context("no thread")
    })?;
    let delivered = began.elapsed();
    // The figures count only if the ledger agrees.
    for (name, token) in names.iter().zip(&tokens) {
        for status in ["queued", "sending", "deferred", "held", "failed", "unknown"] {
            let path = format!("/api/deliveries?status={status}");
            let until = Instant::now() + Duration::from_secs(30);
            loop {
                let page = local.json("GET", &path, token, b"")?;
                let rows = page["deliveries"].as_array().map_or(0, Vec::len);
                if rows == 0 {
                    break;
                }
                ensure!(Instant::now() < until, "{name}: rows stay {status}: {}", page["deliveries"][0]);
                std::thread::sleep(LOOK);
            }
        }
    }
    let last_mail = local.mails()?;
    ensure!(last_mail == before + events, "{} mails for {events} events", last_mail - before);
    Ok(Run { events, accepted, delivered, last_mail })
}

fn array(tenant: &str, from: usize, to: usize) -> String {
    let event = |number: usize| {
        json!({
            "id": format!("evt-{tenant}-{number}"),
            "tenant": tenant,
            "category": "notification",
            "type": "comment.created",
            "recipients": [{"address": format!("person{number}@example.org"), "name": "Jan", "locale": "nl"}],
            "thread": format!("thread-{}", number % 100),
            "data": {
                "actor": "Ann", "title": "Processing of personal data", "url": "https://app.example/comments/1",
                "excerpt": "Could you have a look at the retention period of these records before Friday?",
            },
        })
    };
    json!((from..to).map(event).collect::<Vec<_>>()).to_string()
}
