//! `ownpost test`: the connectivity test from the terminal.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use sender_lambda::config::Config;
use sender_lambda::domain::failure::Stage;
use sender_lambda::domain::settings::{Auth, Security, Settings};
use sender_lambda::smtp::probe::probe;
use sender_lambda::smtp::{Network, ProbeOptions};
use sender_lambda::wire::test_report::{
    CertificateFacts, Deliverability, DnsFinding, StageResult, StageStatus, TestFailure, TestReport,
};
use serde_json::Value;

use super::terminal::{BAD, BOLD, DIM, GOOD, Styled, WARN, clean, complain, pretty, say};
use super::{NO, TestArgs, UNUSABLE, YES, validate};

/// Every test from the terminal has ended by then (CONTRACT §3).
const DEADLINE: Duration = Duration::from_secs(55);

pub(super) async fn run(config: &Config, args: &TestArgs) -> ExitCode {
    let locale = &args.output.locale;
    let checked = match validate::read(config, &args.file, locale) {
        Ok(checked) => checked,
        Err(problem) => return complain(UNUSABLE, &problem),
    };
    let Some(draft) = checked.draft else {
        validate::print(&checked.report, &args.output);
        return ExitCode::from(UNUSABLE);
    };
    let settings = match draft.resolve(None, locale) {
        Ok(settings) => settings,
        Err(report) => {
            validate::print(&report, &args.output);
            return ExitCode::from(UNUSABLE);
        }
    };
    let network = match Network::new(config) {
        Ok(network) => network,
        Err(error) => return complain(UNUSABLE, &error.to_string()),
    };
    let options =
        ProbeOptions { recipient: args.to.as_deref(), deadline: DEADLINE, locale, look_for_fix: true };
    let report = if args.output.json {
        let report = probe(&network, &settings, &options, &mut |_| {}).await;
        say(&pretty(&report));
        report
    } else {
        say(&heading(&settings));
        let report = probe(&network, &settings, &options, &mut |stage| say(&row(stage))).await;
        say(&summary(&report));
        report
    };
    ExitCode::from(if report.ok { YES } else { NO })
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

/// A line of the stage table: mark, stage, time, what was learnt.
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
    let detail = if result.status == StageStatus::Skipped && result.detail.is_empty() {
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
    let mut parts = Vec::new();
    let text = |key| result.detail.get(key).and_then(Value::as_str);
    if let (Stage::Connect, Some(address), Some(port)) =
        (result.stage, text("address"), result.detail.get("port"))
    {
        let bracketed = address.contains(':').then(|| format!("[{address}]"));
        return clean(&format!("{}:{port}", bracketed.as_deref().unwrap_or(address)));
    }
    for value in result.detail.values() {
        match value {
            Value::String(text) => parts.push(clean(text)),
            Value::Number(number) if result.stage == Stage::Message => parts.push(format!("{number} octets")),
            Value::Number(number) => parts.push(number.to_string()),
            Value::Array(items) => {
                parts.extend(items.iter().filter_map(Value::as_str).map(clean));
            }
            Value::Object(reply) => parts.extend(words(reply)),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let line = parts.join(", ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// `{code, enhanced, text}` as the server said it.
fn words(reply: &serde_json::Map<String, Value>) -> Option<String> {
    let code = reply.get("code")?.as_u64()?;
    let mut line = code.to_string();
    for part in ["enhanced", "text"] {
        if let Some(text) = reply.get(part).and_then(Value::as_str)
            && !text.is_empty()
        {
            line.push(' ');
            line.push_str(&clean(text));
        }
    }
    Some(line)
}

/// What follows the table.
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
        Some(failure) => out.push_str(&explain(failure)),
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

/// The failure: what, where, the server's words, what to do.
fn explain(failure: &TestFailure) -> String {
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
    use sender_lambda::domain::delivery::SmtpWords;
    use sender_lambda::domain::failure::{EnhancedCode, FailureCode};
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn rows_line_up() {
        let check = |stage, status, ms, detail: Value, expected: &str| {
            let Value::Object(detail) = detail else { panic!("an object") };
            assert_eq!(plain(&row(&StageResult { stage, status, ms, detail })), expected);
        };
        let reply = json!({"reply": {"code": 250, "enhanced": "2.1.0", "text": "OK\u{1b}[31m"}});
        check(Stage::Resolve, StageStatus::Passed, 3.12, json!({}), "  ✓ resolve      3.1 ms\n");
        check(
            Stage::Sender,
            StageStatus::Passed,
            12.4,
            reply,
            "  ✓ sender        12 ms  250 2.1.0 OK\u{fffd}[31m\n",
        );
        check(Stage::Message, StageStatus::Skipped, 0.0, json!({}), "  – message              skipped\n");
        let long = json!({"addresses": ["x".repeat(300)]});
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
            smtp: Some(SmtpWords {
                code: 535,
                enhanced: EnhancedCode::parse("5.7.8"),
                text: "no\nreally".into(),
            }),
            message: "Refused.".into(),
            remedy: "Type it again.".into(),
            fix: Some(json!({"port": 465})),
        };
        assert_eq!(
            plain(&explain(&failure)),
            "✗ auth.rejected at stage auth, see password\n  Refused.\n\n  The server said\n    535 5.7.8 no\n    \
             really\n\n  What to do\n    Type it again.\n\n  This works, as a second connection has shown: \
             {\"port\":465}\n"
        );
    }
}
