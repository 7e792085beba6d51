//! `ownpost inspect`: what a received mail's header says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use ownpost_inspect::{Authentication, Expected, Hop, InspectReport, LIMIT, Severity, ViaRelay, inspect};
use serde_json::Value;

use super::terminal::{BAD, BOLD, DIM, GOOD, Styled, WARN, clean, complain, pretty, say};
use super::{InspectArgs, NO, UNUSABLE, YES, input, validate};

pub(super) fn run(args: &InspectArgs) -> ExitCode {
    let settings = match args.settings.as_deref().map(read_settings).transpose() {
        Ok(settings) => settings.unwrap_or_default(),
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let mail = match input::read(&args.file, LIMIT) {
        Ok(mail) => mail,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let text = |name: &str| settings.get(name).and_then(Value::as_str);
    let expected = Expected {
        sender: text("senderAddress"),
        host: text("host"),
        message_id: args.message_id.as_deref(),
    };
    let report = inspect(&mail, &expected, &args.output.locale);
    say(&if args.output.json { pretty(&report) } else { readable(&report) });
    ExitCode::from(match (report.is_unread(), report.is_good()) {
        (true, _) => UNUSABLE,
        (false, true) => YES,
        (false, false) => NO,
    })
}

/// The settings, of which only the server and the sender are looked at: those of `GET /smtp` will do.
fn read_settings(file: &Path) -> Result<Value, String> {
    let document = input::read(file, validate::LARGEST_SETTINGS)?;
    let settings: Value =
        serde_json::from_slice(&document).map_err(|error| format!("{}: {error}", file.display()))?;
    // The answer of `GET /smtp` has them as a member.
    Ok(match settings.get("settings") {
        Some(inner) if inner.is_object() => inner.clone(),
        _ => settings,
    })
}

/// The report for a person: what it is, the hops, the receiver's results, the findings.
fn readable(report: &InspectReport) -> String {
    let mut out = String::new();
    let mut fact = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{}{}", Styled(BOLD, format!("{name:<13}")), clean(value));
        }
    };
    fact("Message-ID", &report.message_id.as_ref().map(|id| format!("<{id}>")));
    fact("From", &report.from);
    fact("Return-Path", &report.return_path.as_ref().map(|path| format!("<{path}>")));
    if let Some(found) = &report.authentication {
        fact("Results", &Some(results(found)));
    }
    if !report.hops.is_empty() {
        out.push('\n');
    }
    for (index, hop) in report.hops.iter().enumerate() {
        out.push_str(&line(hop, report.relay_hop == Some(index), report.via_relay));
    }
    if !report.findings.is_empty() {
        out.push('\n');
    }
    for finding in &report.findings {
        let mark = match finding.severity {
            Severity::Error => Styled(BAD, "✗"),
            Severity::Warning => Styled(WARN, "!"),
        };
        let _ = writeln!(out, "{mark} {}  {}", clean(&finding.message), Styled(DIM, finding.code));
        let _ = writeln!(out, "  {}", clean(&finding.remedy));
    }
    if report.is_good() {
        let via = if report.via_relay == ViaRelay::Yes { " It came by your server." } else { "" };
        let _ = writeln!(out, "\n{}{via}", Styled(GOOD, "Nothing is wrong with this mail."));
        if report.sender_matches.is_none() {
            let _ = writeln!(
                out,
                "Its server and its sender were not compared: --settings names those it should have."
            );
        }
    }
    out
}

fn results(found: &Authentication) -> String {
    let methods = [("SPF", &found.spf), ("DKIM", &found.dkim), ("DMARC", &found.dmarc)];
    let said = methods.map(|(name, result)| format!("{name} {}", result.as_deref().unwrap_or("–")));
    let by = found.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    said.join(", ") + &by
}

/// A hop: when, how long it took, to which server, how.
fn line(hop: &Hop, shows: bool, via: ViaRelay) -> String {
    let (style, mark) = match (shows, via) {
        (true, ViaRelay::Yes) => (GOOD, "✓"),
        (true, ViaRelay::No) => (BAD, "✗"),
        _ => (DIM, "·"),
    };
    let delay = hop.delay_seconds.map(|seconds| format!("{seconds:+} s")).unwrap_or_default();
    let how = match (&hop.with, &hop.tls_version, hop.tls) {
        (with, Some(version), _) => format!("{}, {version}", with.as_deref().unwrap_or("–")),
        (Some(with), None, Some(false)) => format!("{with}, not encrypted"),
        (with, None, _) => with.clone().unwrap_or_default(),
    };
    format!(
        "{} {:<20} {delay:>8}  {} → {}  {}\n",
        Styled(style, mark),
        clean(hop.at.as_deref().unwrap_or("–")),
        clean(hop.from.as_deref().unwrap_or("–")),
        Styled(BOLD, clean(hop.by.as_deref().unwrap_or("–"))),
        Styled(DIM, clean(&how))
    )
}
