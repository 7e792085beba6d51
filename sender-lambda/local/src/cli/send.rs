//! `ownpost send`: one event through the given settings, in this process and at once.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::effects::{Ledger, Record, Secrets as _};
use ownpost_core::functions::sender;
use ownpost_core::functions::{App, router};
use ownpost_core::wire::event::{self, EventReport, SEND_LIMIT};
use ownpost_core::wire::http::{DeliveryList, DeliveryRow};
use ownpost_core::wire::settings::{to_document, with_provider};
use ownpost_domain::category::Routing;
use ownpost_domain::delivery::{Delivery, Revision, Status};
use ownpost_domain::settings::Settings;

use super::terminal::{BAD, BOLD, DIM, GOOD, Styled, WARN, clean, complain, pretty, say};
use super::{NO, Output, SendArgs, UNUSABLE, YES, input, validate};
use crate::store::Store;

/// As many mails are handed to the sender at a time: it pipelines them.
const BATCH: usize = 100;
/// Nothing comes back to the queue while this runs.
const VISIBILITY: Duration = Duration::from_hours(12);

pub(super) async fn run(config: Config, args: &SendArgs) -> ExitCode {
    let output = Output { json: args.json, locale: "en".into() };
    let settings = match validate::read(&config, &args.settings, &output.locale) {
        Ok(checked) => match checked.draft.map(|draft| {
            let settings = draft.resolve(None, &output.locale)?;
            with_provider(settings, &config.oauth_providers, &output.locale)
        }) {
            Some(Ok(settings)) => settings,
            Some(Err(report)) => {
                validate::print(&report, &output);
                return complain(UNUSABLE, "the settings cannot be used");
            }
            None => {
                validate::print(&checked.report, &output);
                return complain(UNUSABLE, "the settings cannot be used");
            }
        },
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let document = match input::read(&args.file, SEND_LIMIT) {
        Ok(document) => document,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let report = event::report(&document, SEND_LIMIT);
    if !report.valid {
        say(&if args.json { pretty(&report) } else { refusal(&report) });
        return complain(UNUSABLE, "the event cannot be used");
    }
    let rows = match send(config, settings, &document).await {
        Ok(rows) => rows,
        Err(Stopped::Unusable(problem)) => return complain(UNUSABLE, &problem),
        Err(Stopped::Failed(problem)) => return complain(NO, &problem),
    };
    say(&if args.json { pretty(&deliveries(&rows)) } else { readable(&rows) });
    ExitCode::from(if rows.iter().all(|row| row.status == Status::Sent) { YES } else { NO })
}

/// Why nothing was sent.
enum Stopped {
    /// The event cannot be used.
    Unusable(String),
    /// Ownpost itself failed.
    Failed(String),
}

async fn send(config: Config, mut settings: Settings, document: &[u8]) -> Result<Vec<Delivery>, Stopped> {
    let failed = |error: &dyn std::fmt::Display| Stopped::Failed(error.to_string());
    let event = event::parse(document, SEND_LIMIT).map_err(|error| Stopped::Unusable(error.to_string()))?;
    // The given settings carry every category: there is no platform here.
    settings.routing = Routing::default();
    let store = Store::in_memory(Arc::new(Timestamp::now)).map_err(|error| failed(&error))?;
    let store = Arc::new(store);
    let revision = Revision("given-on-the-command-line-000001".into());
    let stored = async {
        store.put_pending(&event.tenant, &revision, &to_document(&settings)).await?;
        store.promote(&event.tenant, &revision, None).await
    };
    stored.await.map_err(|error| failed(&error))?;
    let app = App::new(config, store.effects()).map_err(|error| Stopped::Unusable(error.to_string()))?;
    let accepted = router::accept_up_to(&app, document, None, SEND_LIMIT)
        .await
        .map_err(|refused| Stopped::Unusable(refused.to_string()))?;
    loop {
        let received =
            store.receive(&event.tenant, BATCH, VISIBILITY).await.map_err(|error| failed(&error))?;
        if received.is_empty() {
            break;
        }
        let records: Vec<_> = received.into_iter().map(Record::from).collect();
        // A mail to be tried later stays hidden, and its row says so.
        sender::handle(&app, &records).await;
    }
    app.relays.close().await;
    let mut rows = Vec::with_capacity(accepted.deliveries.len());
    for id in &accepted.deliveries {
        let row = Ledger::get(&*store, &event.tenant, id).await.map_err(|error| failed(&error))?;
        rows.extend(row.map(|row| row.value));
    }
    Ok(rows)
}

/// The issues of an event, for a person.
fn refusal(report: &EventReport) -> String {
    let mut out = String::new();
    for issue in &report.issues {
        let field = if issue.field.is_empty() { "event" } else { &issue.field };
        validate::issue_line(&mut out, issue.severity, field, issue.code.code(), &issue.message);
    }
    out
}

/// The list of docs/reference/api.md.
fn deliveries(rows: &[Delivery]) -> DeliveryList {
    DeliveryList { deliveries: rows.iter().map(DeliveryRow::from).collect(), cursor: None }
}

/// A row for each recipient, with its status and reason.
fn readable(rows: &[Delivery]) -> String {
    let mut out = String::new();
    for row in rows {
        let (style, mark) = match row.status {
            Status::Sent => (GOOD, "✓"),
            Status::Failed => (BAD, "✗"),
            Status::Unknown => (WARN, "?"),
            Status::Queued | Status::Sending | Status::Deferred | Status::Held => (WARN, "!"),
        };
        let status = serde_json::to_value(row.status).unwrap_or_default();
        let _ = writeln!(
            out,
            "{} {:<9} {}  {}",
            Styled(style, mark),
            status.as_str().unwrap_or_default(),
            Styled(BOLD, clean(&row.recipient)),
            Styled(DIM, clean(&format!("<{}>", row.message_id)))
        );
        let _ = writeln!(out, "  {}", clean(&row.reason));
        if let Some(attempt) = row.attempts.last() {
            let said = attempt.smtp.as_ref().map(|smtp| {
                let enhanced = smtp.enhanced.map(|code| format!(" {code}")).unwrap_or_default();
                format!(": {}{enhanced} {}", smtp.code, smtp.text)
            });
            let line = format!("{}{} ({} ms)", attempt.outcome, said.unwrap_or_default(), attempt.ms);
            let _ = writeln!(out, "  {}", Styled(DIM, clean(&line)));
        }
    }
    let sent = rows.iter().filter(|row| row.status == Status::Sent).count();
    let _ = writeln!(out, "{sent} of {} sent", rows.len());
    out
}
