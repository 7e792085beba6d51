//! Joins the facts of a connectivity test with sentences in the admin's language.

use ownpost_domain::failure::{Cause, Failure, FailureCode, Reply};
use ownpost_domain::report::DnsFindings;
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_i18n::{Catalogue, Locale, catalogue, fill};
use ownpost_smtp::fix::Fix;
use ownpost_smtp::probe::Probe;
use serde_json::{Value, json};

use crate::wire::test_report::{Deliverability, TestFailure, TestReport};

/// The most characters of a server's text in the failure; the transcript has more.
const MAX_TEXT: usize = 8 * 1024;

/// The most names of a certificate in a sentence; the report's facts have more.
const MAX_NAMES: usize = 10;

/// The report of a test of these settings that sent its mail to `recipient`, in a BCP 47 `locale`.
pub fn explain(probe: Probe, settings: &Settings, recipient: Option<&str>, locale: &str) -> TestReport {
    let sentences = catalogue(Locale::of(locale));
    let failure = probe
        .failure
        .as_ref()
        .map(|failure| explain_failure(failure, &probe, settings, recipient, sentences));
    TestReport {
        ok: probe.passed(),
        failure,
        deliverability: probe.dns.map(|found| deliverability(found, &settings.sender_address, locale)),
        stages: probe.stages,
        tls: probe.tls,
        capabilities: probe.capabilities,
        transcript: probe.transcript,
        test_message: probe.test_message,
    }
}

fn explain_failure(
    failure: &Failure,
    probe: &Probe,
    settings: &Settings,
    recipient: Option<&str>,
    sentences: &Catalogue,
) -> TestFailure {
    let port = settings.port.to_string();
    let certificate = probe.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    let names = certificate.map(|certificate| some_of(&certificate.names)).filter(|names| !names.is_empty());
    let username = match &settings.auth {
        Auth::None => "",
        Auth::Password { username, .. } => username,
        Auth::OAuth2(oauth) => &oauth.username,
    };
    let values = [
        ("host", settings.host.as_str()),
        ("port", port.as_str()),
        ("sender", settings.sender_address.as_str()),
        ("recipient", recipient.unwrap_or("–")),
        ("username", username),
        ("ehlo", probe.ehlo_name.as_str()),
        ("names", names.as_deref().unwrap_or("–")),
        ("detail", failure.reason.as_ref().map_or("", |reason| &reason.detail)),
    ];
    let cause = cause(failure, probe, settings);
    let (message, remedy) = sentences.failure(failure.code.code(), cause.map(Cause::key), &values);
    let shorten =
        |reply: &Reply| Reply { text: reply.text.chars().take(MAX_TEXT).collect(), ..reply.clone() };
    TestFailure {
        stage: failure.stage,
        code: failure.code,
        field: cause.map_or(failure.code.field(), Cause::field).to_owned(),
        smtp: failure.reply.as_ref().map(shorten),
        message,
        remedy,
        fix: probe.fix.map(patch),
    }
}

/// The cause whose sentences fit: the one that the session has seen, or the one that the settings decide, so that no
/// remedy advises what is chosen already.
fn cause(failure: &Failure, probe: &Probe, settings: &Settings) -> Option<Cause> {
    if let Some(reason) = &failure.reason {
        return Some(reason.cause);
    }
    let certificate = probe.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    match (failure.code, &settings.auth) {
        (FailureCode::RelayDenied, Auth::Password { .. } | Auth::OAuth2(_)) => Some(Cause::DeniedSignedIn),
        // A name with a star is no host.
        (FailureCode::TlsNameMismatch, _)
            if certificate.is_some_and(|seen| seen.names.iter().all(|name| name.contains('*'))) =>
        {
            Some(Cause::CertificateWildcard)
        }
        _ => None,
    }
}

/// The names of a certificate in one line, the first ten of them.
fn some_of(names: &[String]) -> String {
    let mut line = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMES {
        line.push_str(", …");
    }
    line
}

/// A proven combination as a JSON merge patch of the settings (RFC 7396).
fn patch(fix: Fix) -> Value {
    let security = match fix.security {
        Security::StartTls => "starttls",
        Security::Tls => "tls",
    };
    json!({ "port": fix.port, "security": security })
}

/// What DNS says of a sender's mail, with advice in a BCP 47 `locale`.
pub fn deliverability(found: DnsFindings, sender: &str, locale: &str) -> Deliverability {
    let sentences = catalogue(Locale::of(locale));
    let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned());
    let key = |kind: &str, result: &str| match result {
        "missing" => Some(format!("{kind}.none")),
        "fail" | "invalid" => Some(format!("{kind}.{result}")),
        _ => None,
    };
    let advice =
        [key("spf", &found.spf.result), key("dkim", &found.dkim.result), key("dmarc", &found.dmarc.result)]
            .into_iter()
            .flatten()
            .filter_map(|key| sentences.advice.get(&key))
            .map(|text| fill(text, &[("domain", &domain)]))
            .collect();
    Deliverability { spf: found.spf, dkim: found.dkim, dmarc: found.dmarc, advice }
}

#[cfg(test)]
mod tests {
    use ownpost_domain::failure::{Cause, FailureCode};
    use ownpost_i18n::{Locale, catalogue};

    /// That each language has the same codes and placeholders, the tests of `ownpost-i18n` hold.
    #[test]
    fn the_catalogue_has_sentences_for_every_code_and_no_others() {
        let mut codes: Vec<_> = FailureCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        let failures = &catalogue(Locale::English).failures;
        assert!(failures.keys().eq(codes));
        let mut keys: Vec<_> = Cause::ALL.iter().map(|cause| cause.key()).collect();
        keys.sort_unstable();
        let causes = &catalogue(Locale::English).causes;
        assert!(causes.keys().eq(keys));
        let known =
            ["host", "port", "sender", "recipient", "username", "ehlo", "security", "names", "detail"];
        for (code, failure) in failures.iter().chain(causes) {
            for text in [&failure.message, &failure.remedy] {
                let names = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
                assert!(names.map(|(name, _)| name).all(|name| known.contains(&name)), "{code}: {text}");
            }
        }
    }
}
