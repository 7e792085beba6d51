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
use ownpost_i18n::{Locale, catalogue, fill, result_label, setting_name};
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
        let tongue = Locale::of(locale);
        let found = probe(&network, &settings, &options, &mut |stage| say(&row(stage, tongue))).await;
        let report = explain(found, &settings, recipient, locale);
        say(&summary(&report, tongue));
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
        Auth::None => String::new(),
        Auth::Password { username, .. } => format!(", {username}"),
        Auth::OAuth2(oauth2) => format!(", {}, OAuth 2", oauth2.username),
    };
    let line = format!("{host}:{}, {security}{account}", settings.port);
    format!("{}\n\n", Styled(BOLD, clean(&line)))
}

/// A line of the stage table: mark, stage, time, facts.
fn row(result: &StageResult, locale: Locale) -> String {
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
        label(locale, "state.skipped").to_lowercase()
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
fn summary(report: &TestReport, locale: Locale) -> String {
    let mut out = String::from("\n");
    if let Some(tls) = &report.tls {
        let facts = [tls.version.as_deref(), tls.cipher.as_deref()].map(|fact| fact.map(clean));
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            fact(&mut out, "TLS", &facts.join(", "));
        }
        if let Some(certificate) = &tls.certificate {
            certificate_facts(&mut out, certificate, locale);
        }
    }
    if let Some(message) = &report.test_message {
        fact(&mut out, label(locale, "arrival.to"), &message.recipient);
        fact(&mut out, label(locale, "arrival.reply"), &message.reply);
        fact(&mut out, label(locale, "arrival.id"), &format!("<{}>", message.message_id));
    }
    if let Some(deliverability) = &report.deliverability {
        deliverability_facts(&mut out, deliverability, locale);
    }
    if out.len() > 1 {
        out.push('\n');
    }
    if let Some(failure) = &report.failure {
        out.push_str(&failure_block(failure, locale));
    } else {
        let passed = Styled(GOOD, label(locale, "result.passed"));
        let message = catalogue(locale).stages.get("message").map(String::as_str).unwrap_or_default();
        let _ = match report.test_message {
            Some(_) => writeln!(out, "{passed}"),
            None => writeln!(out, "{passed}  {}", Styled(DIM, format!("--to ADDRESS: {message}"))),
        };
    }
    out
}

fn fact(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {} {}", Styled(BOLD, format!("{name:<14}")), clean(value));
}

fn certificate_facts(out: &mut String, certificate: &CertificateFacts, locale: Locale) {
    let range = [("from", &certificate.not_before), ("to", &certificate.not_after)];
    fact(out, label(locale, "tls.subject"), &certificate.subject);
    fact(out, label(locale, "tls.issuer"), &certificate.issuer);
    fact(out, label(locale, "tls.names"), &certificate.names.join(", "));
    fact(out, label(locale, "tls.valid"), &fill(label(locale, "tls.valid.range"), &range));
    fact(out, label(locale, "tls.sha256"), &certificate.sha256);
}

fn deliverability_facts(out: &mut String, deliverability: &Deliverability, locale: Locale) {
    let line = |finding: &DnsFinding| {
        let key = format!("deliverability.result.{}", finding.result);
        let said = Some(label(locale, &key)).filter(|said| *said != key);
        let said = said.unwrap_or(&finding.result);
        match &finding.record {
            Some(record) => format!("{said} ({record})"),
            None => said.to_owned(),
        }
    };
    fact(out, "SPF", &line(&deliverability.spf));
    fact(out, "DKIM", &line(&deliverability.dkim));
    fact(out, "DMARC", &line(&deliverability.dmarc));
    for advice in &deliverability.advice {
        let _ = writeln!(out, "  {} {}", Styled(WARN, "!"), clean(advice));
    }
}

/// A label of the form's result in this language.
fn label(locale: Locale, key: &str) -> &str {
    result_label(locale, key)
}

/// The failure: its text, its stage, the setting that it is about with its path, the server's reply, the remedy.
fn failure_block(failure: &TestFailure, locale: Locale) -> String {
    let mut out = String::new();
    let stage = name(&failure.stage);
    let stage = catalogue(locale).stages.get(&stage).unwrap_or(&stage);
    let place = match failure.field.as_str() {
        "" => stage.clone(),
        field => format!("{stage} → {} ({field})", setting_name(locale, field)),
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
        let _ = writeln!(out, "\n  {}", Styled(BOLD, label(locale, "result.reply")));
        out.push_str(&block("    ", &format!("{}{enhanced} {}", smtp.code, smtp.text)));
    }
    if !failure.remedy.is_empty() {
        let _ = writeln!(out, "\n  {}", Styled(BOLD, label(locale, "result.remedy")));
        out.push_str(&block("    ", &failure.remedy));
    }
    if let Some(fix) = &failure.fix {
        let _ = writeln!(
            out,
            "\n  {} {}",
            Styled(GOOD, format!("{}:", label(locale, "result.proven"))),
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
            assert_eq!(plain(&row(&StageResult { stage, status, ms, detail }, Locale::English)), expected);
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
            plain(&failure_block(&failure, Locale::English)),
            "✗ auth.rejected Sign in → Password (password)\n  Refused.\n\n  Your server’s reply\n    535 5.7.8 no\n    \
             really\n\n  What to do\n    Type it again.\n\n  Tried out: this works: {\"port\":465}\n"
        );
        let french = plain(&failure_block(&failure, Locale::French));
        for english in ["Sign in", "Password", "reply", "What to do", "this works"] {
            assert!(!french.contains(english), "{french}");
        }
    }
}
