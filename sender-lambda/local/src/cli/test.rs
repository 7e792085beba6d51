//! `ownpost test`: the connectivity test from the terminal.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use ownpost_core::config::Config;
use ownpost_core::functions::api::explain::explain;
use ownpost_core::functions::{random_bits, signing};
use ownpost_core::mail::templates::Templates;
use ownpost_core::mail::test_message::{self, TestRun};
use ownpost_core::wire::settings;
use ownpost_core::wire::test_report::{Deliverability, TestFailure, TestReport};
use ownpost_domain::failure::Stage;
use ownpost_domain::report::{CertificateFacts, DnsFinding, StageDetail, StageResult, StageStatus};
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_smtp::ProbeOptions;
use ownpost_smtp::probe::probe;
use ownpost_smtp::token_store::TokenOwner;
use zeroize::Zeroizing;

use super::terminal::{BAD, BOLD, DIM, GOOD, Styled, WARN, clean, complain, note, pretty, say};
use super::{NO, TestArgs, UNUSABLE, YES, input, server, validate};

/// Every test from the terminal has ended by then (docs/reference/reports.md).
const DEADLINE: Duration = Duration::from_secs(55);

pub(super) async fn run(config: &Config, args: &TestArgs) -> ExitCode {
    let locale = &args.output.locale;
    let document = match document(args) {
        Ok(document) => document,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let checked = settings::check(&document, config, locale, Timestamp::now().as_second());
    let Some(draft) = checked.draft else {
        validate::print(&checked.report, &args.output);
        return ExitCode::from(UNUSABLE);
    };
    let resolved = draft.resolve(None, locale);
    let settings = match resolved.and_then(|it| settings::with_provider(it, &config.oauth_providers, locale))
    {
        Ok(settings) => settings,
        Err(report) => {
            validate::print(&report, &args.output);
            return ExitCode::from(UNUSABLE);
        }
    };
    if let Some(file) = &args.server.save {
        match server::save(&document, file, args.server.save_password) {
            Ok(saved) => note(&saved),
            Err(problem) => return complain(UNUSABLE, &problem),
        }
    }
    drop(document);
    let network = match config.network() {
        Ok(network) => network.patient(DEADLINE),
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let recipient = args.to.as_deref();
    let templates = match Templates::new(config.templates.as_deref(), config.product.clone()) {
        Ok(templates) => templates,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let run = TestRun {
        settings: &settings,
        recipient,
        started_by: None,
        locale,
        now: Timestamp::now(),
        unique: random_bits(),
    };
    let keys = match signing::of_file(config.dkim.as_ref()) {
        Ok(keys) => keys,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let test_mail = test_message::build(&run, &templates, keys.as_ref(), None);
    let options = ProbeOptions {
        recipient,
        without_message: false,
        test_mail,
        deadline: DEADLINE,
        look_for_fix: true,
        owner: TokenOwner::default(),
        before_dial: None,
    };
    let report = if args.output.json {
        let found = probe(&network, &settings, &options, &mut |_| {}).await;
        let report = explain(found, &settings, recipient, locale);
        say(&pretty(&report));
        report
    } else {
        say(&validate::warnings(&checked.report));
        say(&heading(&settings));
        let found = probe(&network, &settings, &options, &mut |stage| say(&row(stage))).await;
        let report = explain(found, &settings, recipient, locale);
        say(&summary(&report));
        report
    };
    ExitCode::from(if report.ok { YES } else { NO })
}

/// The settings as JSON: of the server that the arguments name, or of a file.
fn document(args: &TestArgs) -> Result<Zeroizing<Vec<u8>>, String> {
    if let Some(from) = &args.server.from {
        return server::settings(&args.settings, &args.server, from);
    }
    let document = input::read(&args.settings, validate::LARGEST_SETTINGS).map_err(|problem| {
        if args.settings.exists() || args.settings.components().count() != 1 {
            return problem;
        }
        format!("{problem}; a server is tested without a file by adding --from ADDRESS")
    })?;
    server::with_password(document)
}

fn name<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn heading(settings: &Settings) -> String {
    let host =
        if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
    let security = match settings.security {
        Security::StartTls => "STARTTLS",
        Security::Tls => "TLS",
    };
    let account = match &settings.auth {
        Auth::None => "without authentication".to_owned(),
        Auth::Password { username, .. } => format!("as {username}"),
        Auth::OAuth2(oauth2) => format!("as {} by OAuth 2", oauth2.username),
    };
    let line = format!("{host}:{}, {security}, {account}", settings.port);
    format!("{}\n\n", Styled(BOLD, clean(&line)))
}

/// A line of the stage table: mark, stage, time, facts.
fn row(result: &StageResult) -> String {
    let (style, mark) = match result.status {
        StageStatus::Passed => (GOOD, "✓"),
        StageStatus::Failed => (BAD, "✗"),
        StageStatus::Warned => (WARN, "!"),
        StageStatus::Skipped => (DIM, "–"),
    };
    let time = match result.status {
        StageStatus::Skipped => String::new(),
        _ if result.ms < 10.0 => format!("{:.1} ms", result.ms),
        _ => format!("{:.0} ms", result.ms),
    };
    let detail = if result.status == StageStatus::Skipped && result.detail == StageDetail::default() {
        "skipped".to_owned()
    } else {
        details(result)
    };
    let mut line = format!("  {} {:<10}{time:>9}", Styled(style, mark), name(&result.stage));
    if !detail.is_empty() {
        let _ = write!(line, "  {}", Styled(DIM, detail));
    }
    line + "\n"
}

/// The short facts of a stage, in one line.
fn details(result: &StageResult) -> String {
    const MOST: usize = 100;
    let detail = &result.detail;
    if let (Stage::Connect, Some(address), Some(port)) = (result.stage, &detail.address, detail.port) {
        let bracketed = address.contains(':').then(|| format!("[{address}]"));
        return clean(&format!("{}:{port}", bracketed.as_ref().unwrap_or(address)));
    }
    let octets = detail.octets.map(|octets| format!("{octets} octets"));
    let facts = [
        &detail.address,
        &detail.banner,
        &detail.name,
        &detail.version,
        &detail.cipher,
        &detail.mechanism,
        &octets,
        &detail.reply,
        &detail.why,
    ];
    let parts: Vec<String> =
        detail.addresses.iter().chain(facts.into_iter().flatten()).map(|text| clean(text)).collect();
    let line = parts.join(", ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The facts below the table.
fn summary(report: &TestReport) -> String {
    let mut out = String::from("\n");
    if let Some(tls) = &report.tls {
        let facts = [tls.version.as_deref(), tls.cipher.as_deref()].map(|fact| fact.map(clean));
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            fact(&mut out, "TLS", &facts.join(", "));
        }
        if let Some(certificate) = &tls.certificate {
            certificate_facts(&mut out, certificate);
        }
    }
    if let Some(message) = &report.test_message {
        fact(&mut out, "Test mail", &format!("to {}: {}", message.recipient, message.reply));
        fact(&mut out, "Message-ID", &format!("<{}>", message.message_id));
    }
    if let Some(deliverability) = &report.deliverability {
        deliverability_facts(&mut out, deliverability);
    }
    if out.len() > 1 {
        out.push('\n');
    }
    match &report.failure {
        Some(failure) => out.push_str(&failure_block(failure)),
        None if report.test_message.is_some() => {
            let _ = writeln!(out, "{}", Styled(GOOD, "The server took the test mail."));
        }
        None => {
            let _ = writeln!(
                out,
                "{} {}",
                Styled(GOOD, "Every stage up to MAIL FROM passed."),
                Styled(DIM, "--to ADDRESS sends a test mail.")
            );
        }
    }
    out
}

fn fact(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {}{}", Styled(BOLD, format!("{name:<13}")), clean(value));
}

fn certificate_facts(out: &mut String, certificate: &CertificateFacts) {
    fact(out, "Certificate", &certificate.subject);
    fact(out, "  issued by", &certificate.issuer);
    fact(out, "  for", &certificate.names.join(", "));
    fact(out, "  valid", &format!("{} to {}", certificate.not_before, certificate.not_after));
    fact(out, "  SHA-256", &certificate.sha256);
}

fn deliverability_facts(out: &mut String, deliverability: &Deliverability) {
    let line = |finding: &DnsFinding| match &finding.record {
        Some(record) => format!("{} ({record})", finding.result),
        None => finding.result.clone(),
    };
    fact(out, "SPF", &line(&deliverability.spf));
    fact(out, "DKIM", &line(&deliverability.dkim));
    fact(out, "DMARC", &line(&deliverability.dmarc));
    for advice in &deliverability.advice {
        let _ = writeln!(out, "  {} {}", Styled(WARN, "!"), clean(advice));
    }
}

/// The failure: its text, its stage, the server's reply, the remedy.
fn failure_block(failure: &TestFailure) -> String {
    let mut out = String::new();
    let place = match failure.field.as_str() {
        "" => format!("at stage {}", name(&failure.stage)),
        field => format!("at stage {}, see {field}", name(&failure.stage)),
    };
    let _ = writeln!(
        out,
        "{} {} {}",
        Styled(BAD, "✗"),
        Styled(BOLD, failure.code.code()),
        Styled(DIM, clean(&place))
    );
    out.push_str(&block("  ", &failure.message));
    if let Some(smtp) = &failure.smtp {
        let enhanced = smtp.enhanced.map(|code| format!(" {code}")).unwrap_or_default();
        let _ = writeln!(out, "\n  {}", Styled(BOLD, "The server said"));
        out.push_str(&block("    ", &format!("{}{enhanced} {}", smtp.code, smtp.text)));
    }
    if !failure.remedy.is_empty() {
        let _ = writeln!(out, "\n  {}", Styled(BOLD, "What to do"));
        out.push_str(&block("    ", &failure.remedy));
    }
    if let Some(fix) = &failure.fix {
        let _ = writeln!(
            out,
            "\n  {} {}",
            Styled(GOOD, "This works, as a second connection has shown:"),
            clean(&fix.to_string())
        );
    }
    out
}

/// A text of several lines, each cleaned and behind this indent.
fn block(indent: &str, text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let _ = writeln!(out, "{indent}{}", clean(line));
    }
    out
}

#[cfg(test)]
mod tests {
    use ownpost_domain::failure::{EnhancedCode, FailureCode, Reply};
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn rows_line_up() {
        let check = |stage, status, ms, detail: StageDetail, expected: &str| {
            assert_eq!(plain(&row(&StageResult { stage, status, ms, detail })), expected);
        };
        let reply = StageDetail { reply: Some("250 2.1.0 OK\u{1b}[31m".into()), ..StageDetail::default() };
        check(Stage::Resolve, StageStatus::Passed, 3.12, StageDetail::default(), "  ✓ resolve      3.1 ms\n");
        check(
            Stage::Sender,
            StageStatus::Passed,
            12.4,
            reply,
            "  ✓ sender        12 ms  250 2.1.0 OK\u{fffd}[31m\n",
        );
        check(
            Stage::Message,
            StageStatus::Skipped,
            0.0,
            StageDetail::default(),
            "  – message              skipped\n",
        );
        let long = StageDetail { addresses: vec!["x".repeat(300)], ..StageDetail::default() };
        check(
            Stage::Connect,
            StageStatus::Failed,
            1000.0,
            long,
            &format!("  ✗ connect     1000 ms  {}…\n", "x".repeat(100)),
        );
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let failure = TestFailure {
            stage: Stage::Auth,
            code: FailureCode::AuthRejected,
            field: "password".into(),
            smtp: Some(Reply {
                code: 535,
                enhanced: EnhancedCode::parse("5.7.8"),
                text: "no\nreally".into(),
            }),
            message: "Refused.".into(),
            remedy: "Type it again.".into(),
            fix: Some(json!({"port": 465})),
        };
        assert_eq!(
            plain(&failure_block(&failure)),
            "✗ auth.rejected at stage auth, see password\n  Refused.\n\n  The server said\n    535 5.7.8 no\n    \
             really\n\n  What to do\n    Type it again.\n\n  This works, as a second connection has shown: \
             {\"port\":465}\n"
        );
    }
}
