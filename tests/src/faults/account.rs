//! The check at the end of a fault run: compares the ledger with the relays' own records.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ownpost_core::effects::{Filter, Ledger as _, Order};
use ownpost_domain::delivery::{Delivery, Status};
use ownpost_domain::tenant::Tenant;

use super::senders::Senders;
use super::{Run, journal, tenant};

/// The counts of all mails, and every violation of the rule.
#[derive(Default)]
pub(super) struct Account {
    pub(super) violations: Vec<String>,
    pub(super) sent: usize,
    failed: usize,
    unknown_silent: usize,
    unknown_killed: usize,
    attempts: usize,
    by_platform: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
    /// The rows among them that are alerts to admins.
    alerts: usize,
    /// The lane and the time of each row that ended as `unknown`.
    pub(super) unknowns: Vec<(usize, Duration)>,
}

impl Account {
    /// Compares the ledger, the relays' book and the senders' journals.
    pub(super) async fn of(run: &Run, senders: &Senders) -> Result<Self, String> {
        let mut rows = Vec::new();
        for lane in 0..run.plan.tenants {
            let of = Tenant::new(&tenant(lane)).map_err(|error| error.to_string())?;
            let mut cursor: Option<String> = None;
            loop {
                let all = Filter::default();
                let page = run.store.list(&of, &all, Order::OldestFirst, cursor.as_deref(), 500).await;
                let page = page.map_err(|error| error.to_string())?;
                rows.extend(page.deliveries.into_iter().map(|row| (lane, row)));
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        let mut account = Self::default();
        let last_marks = last_marks(run, senders);
        let products = rows.iter().filter(|(_, row)| !row.event.starts_with("ownpost.")).count();
        account.alerts = rows.len() - products;
        if products != run.plan.mails {
            account.lost += run.plan.mails.saturating_sub(products);
            account.violations.push(format!("{} mails, {products} rows", run.plan.mails));
        }
        let pages = run.book.open();
        for (lane, row) in &rows {
            let times = pages.taken.get(&row.message_id).map_or(0, |(times, _)| *times);
            account.attempts += row.attempts.len();
            account.doubled += usize::from(times > 1);
            let silent = pages.silent.contains(&row.recipient);
            let killed =
                last_marks.get(&row.message_id).is_some_and(|(_, name)| senders.killed.contains(name));
            let keeps_the_rule = match row.status {
                Status::Sent => {
                    account.sent += 1;
                    account.by_platform +=
                        usize::from(row.route == Some(ownpost_domain::category::Via::Platform));
                    account.lost += usize::from(times == 0);
                    times == 1
                }
                Status::Failed => {
                    account.failed += 1;
                    times == 0 && pages.refused.contains(&row.recipient)
                }
                Status::Unknown => {
                    account.unknown_silent += usize::from(silent);
                    account.unknown_killed += usize::from(!silent);
                    account.unknowns.push((*lane, run.spec.real(row.updated_at)));
                    times <= 1 && (silent || killed)
                }
                _ => {
                    account.lost += 1;
                    false
                }
            };
            if !keeps_the_rule {
                account.violations.push(wrong(row, times, silent, killed));
            }
        }
        // Every mail that arrived has a row, except for the test mails to the admins.
        let known: std::collections::HashSet<&str> =
            rows.iter().map(|(_, row)| row.message_id.as_str()).collect();
        for (message_id, (_, recipient)) in &pages.taken {
            if !known.contains(message_id.as_str()) && !recipient.starts_with("admin@") {
                account.violations.push(format!("{message_id} to {recipient} has no row"));
            }
        }
        drop(pages);
        Ok(account)
    }

    /// The counts as a table in Markdown.
    pub(super) fn table(&self, run: &Run, senders: &Senders) -> String {
        let mut table = String::from("| what | how many |\n|---|---:|\n");
        for (what, count) in [
            ("mails of the product", run.plan.mails),
            ("alerts to admins beside them", self.alerts),
            ("tenants, each with a relay of its own", run.plan.tenants),
            ("sender processes at a time", run.plan.senders),
            ("senders killed with SIGKILL", senders.killed.len()),
            ("senders stopped, each ends what it has begun", senders.stopped()),
            (
                "messages lost before the queue, put back by `monitor`",
                run.lost_messages.load(Ordering::Relaxed),
            ),
            ("attempts recorded", self.attempts),
            ("`sent`, taken once by the relay that the row names", self.sent),
            ("of these by the platform's relay, as the policy says", self.by_platform),
            ("`failed`, refused with 5xx and taken by nobody", self.failed),
            ("`unknown`, the relay kept silent after the message", self.unknown_silent),
            ("`unknown`, the sender was killed between mark and record", self.unknown_killed),
            ("lost", self.lost),
            ("doubled", self.doubled),
        ] {
            let _ = writeln!(table, "| {what} | {count} |");
        }
        table
    }
}

/// For each Message-ID the last sender that marked the mail, and when, from the journals.
fn last_marks(run: &Run, senders: &Senders) -> HashMap<String, (i64, String)> {
    let mut last: HashMap<String, (i64, String)> = HashMap::new();
    for name in &senders.names {
        let text = std::fs::read_to_string(journal(&run.spec.folder, name)).unwrap_or_default();
        for line in text.lines() {
            let Some((at, message_id)) = line.split_once(' ') else { continue };
            let at: i64 = at.parse().unwrap_or_default();
            if last.get(message_id).is_none_or(|(before, _)| *before <= at) {
                last.insert(message_id.to_owned(), (at, name.clone()));
            }
        }
    }
    last
}

fn wrong(row: &Delivery, times: u32, silent: bool, killed: bool) -> String {
    format!(
        "{} to {} is {:?}, taken {times} times, no reply after the message: {silent}, last sender killed: {killed}; {}; {:?}",
        row.id.as_str(),
        row.recipient,
        row.status,
        row.reason,
        row.attempts
    )
}
