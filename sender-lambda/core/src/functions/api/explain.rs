//! Joins the facts of a connectivity test with sentences in the admin's language.

use ownpost_domain::failure::{Cause, Failure, FailureCode, Reply, Stage};
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
    let issuer = certificate.map_or("–", |certificate| certificate.issuer.as_str());
    let username = match &settings.auth {
        Auth::None => "",
        Auth::Password { username, .. } => username,
        Auth::OAuth2(oauth) => &oauth.username,
    };
    let usual = usual_security(settings.port);
    let ports = other_ports(settings);
    let values = [
        ("host", settings.host.as_str()),
        ("port", port.as_str()),
        ("sender", settings.sender_address.as_str()),
        ("recipient", recipient.unwrap_or("–")),
        ("username", username),
        ("ehlo", probe.ehlo_name.as_str()),
        ("names", names.as_deref().unwrap_or("–")),
        ("issuer", issuer),
        ("ports", ports.as_str()),
        ("usual", usual.map_or("–", mode)),
        ("detail", failure.reason.as_ref().map_or("", |reason| &reason.detail)),
    ];
    let cause = cause(failure, probe, settings, recipient);
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
fn cause(failure: &Failure, probe: &Probe, settings: &Settings, recipient: Option<&str>) -> Option<Cause> {
    if let Some(reason) = &failure.reason {
        // An address that has plain letters already cannot be cured by them; its domain goes out as A-labels.
        let is_plain = |address: &str| address.rsplit_once('@').is_none_or(|(local, _)| local.is_ascii());
        let is_cure = match reason.cause {
            Cause::SenderNotAscii => !is_plain(&settings.sender_address),
            Cause::RecipientNotAscii => !recipient.is_none_or(is_plain),
            _ => true,
        };
        return is_cure.then_some(reason.cause);
    }
    let certificate = probe.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    let usual = usual_security(settings.port);
    match (failure.code, &settings.auth) {
        (FailureCode::ConnectPortBlocked, _) if settings.port != 25 => Some(Cause::PortBlockedHere),
        (FailureCode::SmtpTemporary, _) if failure.stage == Stage::Greeting => Some(Cause::GreetingTemporary),
        (FailureCode::GreetingTimeout, _) if settings.security == Security::Tls => {
            Some(Cause::GreetingSilentAfterTls)
        }
        (FailureCode::TlsNotOffered, _) if usual == Some(Security::Tls) => Some(Cause::TlsPortOfTls),
        (FailureCode::TlsFailed, _) if usual.is_some_and(|usual| usual != settings.security) => {
            Some(Cause::TlsUnusualMode)
        }
        (FailureCode::RelayDenied, Auth::Password { .. } | Auth::OAuth2(_)) => Some(Cause::DeniedSignedIn),
        (FailureCode::AuthRequired, Auth::Password { .. } | Auth::OAuth2(_)) => Some(Cause::RequiredSignedIn),
        (FailureCode::AuthMechanismUnsupported, Auth::OAuth2(_)) => Some(Cause::MechanismOauth2),
        (FailureCode::TlsNameMismatch, _) if certificate.is_none_or(|seen| seen.names.is_empty()) => {
            Some(Cause::CertificateNoNames)
        }
        // A name with a star is no host.
        (FailureCode::TlsNameMismatch, _)
            if certificate.is_some_and(|seen| seen.names.iter().all(|name| name.contains('*'))) =>
        {
            Some(Cause::CertificateWildcard)
        }
        (FailureCode::TlsNameMismatch, _)
            if certificate.is_some_and(|seen| !seen.names.iter().any(|name| can_be_host(name))) =>
        {
            Some(Cause::CertificateNoHost)
        }
        (FailureCode::TlsUntrusted | FailureCode::TlsSelfSigned, _)
            if settings.ca_pem.as_deref().is_some_and(ownpost_smtp::has_unusable_certificate) =>
        {
            Some(Cause::CertificateCaUnusable)
        }
        // To enter a certificate has been tried.
        (FailureCode::TlsUntrusted | FailureCode::TlsSelfSigned, _)
            if settings.ca_pem.is_some() && certificate.is_some_and(|seen| !seen.issuer.is_empty()) =>
        {
            Some(Cause::CertificateOtherAuthority)
        }
        _ => None,
    }
}

/// Whether a certificate's name can be entered as the host: no wildcard, and no name or address that the rules refuse or
/// that means something inside a network only.
fn can_be_host(name: &str) -> bool {
    let inside = [".local", ".localdomain", ".lan", ".internal", ".localhost", ".home.arpa"];
    let lower = name.to_ascii_lowercase();
    match lower.parse() {
        Ok(address) => !smtp_rules::address::is_forbidden(address),
        Err(_) => {
            lower.contains('.') && !lower.contains('*') && !inside.iter().any(|end| lower.ends_with(end))
        }
    }
}

/// The encryption that usually goes with a port.
fn usual_security(port: u16) -> Option<Security> {
    Some(match smtp_rules::Security::of_port(port)? {
        smtp_rules::Security::StartTls => Security::StartTls,
        smtp_rules::Security::Tls => Security::Tls,
    })
}

/// The name of an encryption, which is the same in every language.
fn mode(security: Security) -> &'static str {
    match security {
        Security::StartTls => "STARTTLS",
        Security::Tls => "TLS",
    }
}

/// The usual ports for sending, without the one that is set.
fn other_ports(settings: &Settings) -> String {
    let usual = [(587, Security::StartTls), (465, Security::Tls)];
    let others = usual.into_iter().filter(|(port, _)| *port != settings.port);
    others.map(|(port, security)| format!("{port} ({})", mode(security))).collect::<Vec<_>>().join(", ")
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
            // A note says more than the result.
            .filter(|key| {
                let kind = key.split('.').next();
                !found.notes.iter().any(|note| note.split('.').next() == kind)
            })
            .chain(found.notes.iter().map(|&note| note.to_owned()))
            .filter_map(|key| sentences.advice.get(&key))
            .map(|text| fill(text, &[("domain", &domain)]))
            .collect();
    Deliverability { spf: found.spf, dkim: found.dkim, dmarc: found.dmarc, advice }
}

#[cfg(test)]
mod tests {
    use ownpost_domain::failure::{Cause, Failure, FailureCode, Reason, Stage};
    use ownpost_domain::report::{Capabilities, CertificateFacts, TlsFacts};
    use ownpost_domain::secret::Secret;
    use ownpost_domain::settings::{Auth, Grant, OAuth2, Security, Settings};
    use ownpost_i18n::{Locale, catalogue};
    use ownpost_smtp::probe::Probe;

    use super::explain;

    fn settings(auth: Auth, (port, security): (u16, Security)) -> Settings {
        Settings {
            host: "smtp.acme.test".into(),
            port,
            security,
            auth,
            sender_address: "noreply@acme.test".into(),
            sender_name: None,
            reply_to: None,
            ehlo_name: None,
            ca_pem: None,
            routing: ownpost_domain::category::Routing::default(),
            contacts: Vec::new(),
        }
    }

    fn probe(failure: Failure, names: &[&str]) -> Probe {
        let certificate = CertificateFacts {
            subject: "CN=only.acme.test".into(),
            issuer: "CN=ca".into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            not_before: String::new(),
            not_after: String::new(),
            sha256: String::new(),
        };
        Probe {
            stages: Vec::new(),
            failure: Some(failure),
            fix: None,
            tls: Some(TlsFacts { version: None, cipher: None, certificate: Some(certificate) }),
            capabilities: Capabilities::default(),
            transcript: Vec::new(),
            test_message: None,
            dns: None,
            ehlo_name: "client.test".into(),
        }
    }

    /// The failures with the facts that lead to them: each code, each cause, each way to sign in, certificates with names,
    /// with stars alone, with none and with many.
    fn cases() -> Vec<(Failure, Auth, Vec<&'static str>)> {
        let password =
            || Auth::Password { username: "mailer".into(), password: Secret::new("correct horse".into()) };
        let token = || {
            Auth::OAuth2(OAuth2 {
                username: "mailer@acme.test".into(),
                provider: None,
                token_url: "https://id.test/token".into(),
                client_id: "client".into(),
                client_secret: None,
                client_secret_expires: None,
                grant: Grant::ClientCredentials,
                scope: None,
            })
        };
        let of_password =
            [FailureCode::AuthRejected, FailureCode::AuthBasicDisabled, FailureCode::AuthAppPasswordRequired];
        let mut cases = Vec::new();
        for &code in FailureCode::ALL {
            for names in [vec!["mx.acme.test"], Vec::new(), vec!["*.acme.test"], vec!["mx.acme.test"; 900]] {
                let failure = || Failure::new(Stage::Auth, code);
                cases.push((failure(), password(), names.clone()));
                if !of_password.contains(&code) {
                    cases.push((failure(), token(), names.clone()));
                    if !code.code().starts_with("auth.") || code == FailureCode::AuthRequired {
                        cases.push((failure(), Auth::None, names));
                    }
                }
            }
        }
        for &cause in Cause::ALL {
            let reason = Some(Reason { cause, detail: "detail-1".into() });
            let failure = Failure { reason, ..Failure::new(Stage::Auth, FailureCode::AuthOauthFailed) };
            let names = match cause {
                Cause::CertificateWildcard => vec!["*.acme.test"],
                Cause::CertificateNoHost => vec!["mail.acme.local", "10.0.0.5"],
                _ => Vec::new(),
            };
            cases.push((failure, token(), names));
        }
        cases
    }

    /// The ports with the mode that goes with them, and with the other.
    const PORTS: [(u16, Security); 7] = [
        (587, Security::StartTls),
        (25, Security::StartTls),
        (2525, Security::StartTls),
        (465, Security::Tls),
        (2465, Security::Tls),
        (465, Security::StartTls),
        (587, Security::Tls),
    ];

    /// Whether an admin with these settings can meet the failure with this cause.
    fn can_be(code: FailureCode, cause: Option<Cause>, port: (u16, Security)) -> bool {
        if code == FailureCode::TlsNotOffered && port.1 == Security::Tls {
            return false;
        }
        let modes = super::usual_security(port.0);
        match cause {
            Some(Cause::TlsPortOfTls) => modes == Some(Security::Tls) && port.1 == Security::StartTls,
            Some(Cause::TlsUnusualMode) => modes != Some(port.1),
            Some(Cause::TlsFromFirstByte) => port.1 == Security::StartTls,
            Some(Cause::TlsPlainText | Cause::GreetingSilentAfterTls) => port.1 == Security::Tls,
            Some(Cause::PortBlockedHere) => port.0 != 25,
            _ => true,
        }
    }

    /// What a remedy may not advise, by the facts, in each language: English, French, Dutch, German, Spanish.
    const CHOOSE_OAUTH: [&str; 5] =
        ["choose OAuth 2", "choisissez OAuth 2", "kies OAuth 2", "wählen Sie OAuth 2", "elija OAuth 2"];
    const TLS_INSTEAD: [&str; 5] = [
        "TLS instead of STARTTLS",
        "TLS au lieu de STARTTLS",
        "TLS in plaats van STARTTLS",
        "TLS statt STARTTLS",
        "TLS en lugar de STARTTLS",
    ];
    const ENTER_A_NAME: [&str; 5] = [
        "one of the certificate's names",
        "l’un des noms du certificat",
        "een van de namen van het certificaat",
        "einen der Namen des Zertifikats",
        "uno de los nombres del certificado",
    ];

    #[test]
    fn every_remedy_can_be_followed() {
        for (language, &locale) in Locale::ALL.iter().enumerate() {
            let with_ports = cases().into_iter().flat_map(|case| PORTS.map(|port| (case.clone(), port)));
            for ((failure, auth, names), port) in with_ports {
                let (code, cause) = (failure.code, failure.reason.as_ref().map(|reason| reason.cause));
                if !can_be(code, cause, port) {
                    continue;
                }
                let settings = settings(auth, port);
                let stars = names.iter().all(|name| name.contains('*'));
                let report =
                    explain(probe(failure, &names), &settings, Some("jan@example.net"), locale.tag());
                let said = report.failure.unwrap();
                let at =
                    format!("{} {code:?} {cause:?} {port:?}: {} {}", locale.tag(), said.message, said.remedy);
                for text in [&said.message, &said.remedy] {
                    assert!(text.len() > 20 && text.chars().count() < 420, "length: {at}");
                    assert!(!text.contains(['{', '}', '–']), "a value that is missing: {at}");
                    assert!(!text.contains("()") && !text.contains(": ."), "an empty list: {at}");
                    for raw in
                        ["starttls", "oauth2", "client_credentials", "refresh_token", "authMethod", "caPem"]
                    {
                        assert!(!text.contains(raw), "the name of a value, {raw}: {at}");
                    }
                    if locale != Locale::English {
                        for english in [" the ", "The ", "Check ", " your ", "Try "] {
                            assert!(!text.contains(english), "English: {at}");
                        }
                        let ours = catalogue(Locale::English);
                        let theirs = cause.map(Cause::key).and_then(|key| ours.causes.get(key));
                        let theirs = theirs.unwrap_or(&ours.failures[code.code()]);
                        assert!(*text != theirs.message && *text != theirs.remedy, "English: {at}");
                    }
                }
                // The port that is set is named only where its encryption is what is wrong.
                let (number, security) = port;
                let digits = |text: &str| {
                    text.split(|c: char| !c.is_ascii_digit()).any(|part| part == number.to_string())
                };
                let unusual = super::usual_security(number) != Some(security);
                assert!(unusual || !digits(&said.remedy), "the port that is set: {at}");
                if security == Security::Tls {
                    assert!(!said.remedy.contains(TLS_INSTEAD[language]), "the encryption that is set: {at}");
                }
                if matches!(settings.auth, Auth::OAuth2(_)) {
                    assert!(!said.remedy.contains(CHOOSE_OAUTH[language]), "what is chosen: {at}");
                }
                if names.is_empty() || stars {
                    assert!(!said.remedy.contains(ENTER_A_NAME[language]), "a name that is none: {at}");
                }
            }
        }
    }

    /// Otherwise the test above looks for what no language says.
    #[test]
    fn what_a_remedy_may_not_advise_is_what_it_advises_elsewhere() {
        for (language, &locale) in Locale::ALL.iter().enumerate() {
            let failures = &catalogue(locale).failures;
            assert!(
                failures["auth.mechanism_unsupported"].remedy.contains(CHOOSE_OAUTH[language]),
                "{locale:?}"
            );
            assert!(failures["greeting.timeout"].remedy.contains(TLS_INSTEAD[language]), "{locale:?}");
            assert!(
                catalogue(locale).causes["tls.port_of_tls"].remedy.contains(TLS_INSTEAD[language]),
                "{locale:?}"
            );
            assert!(failures["tls.name_mismatch"].remedy.contains(ENTER_A_NAME[language]), "{locale:?}");
        }
    }

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
        let known = [
            "host",
            "port",
            "sender",
            "recipient",
            "username",
            "ehlo",
            "ports",
            "usual",
            "names",
            "issuer",
            "detail",
        ];
        for (code, failure) in failures.iter().chain(causes) {
            for text in [&failure.message, &failure.remedy] {
                let names = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
                assert!(names.map(|(name, _)| name).all(|name| known.contains(&name)), "{code}: {text}");
            }
        }
    }
}
