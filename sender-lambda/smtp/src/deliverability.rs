//! What DNS says of mail from the sender's domain through this relay: SPF, DMARC, and DKIM where the relay's provider
//! lets its selectors be known. Warnings only; nothing here fails a test.

use std::net::IpAddr;

use futures_util::future::join_all;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, SpfResult};
use ownpost_domain::report::{DnsFinding, DnsFindings};
use smtp_rules::providers::{Selectors, is_within, of_relay};
use tokio::time::{Instant, timeout_at};

use super::Network;

/// Looks at the records. `addresses` are the relay's; `until` ends it, with what is not known by then unknown.
pub async fn look(
    network: &Network,
    sender: &str,
    host: &str,
    addresses: &[IpAddr],
    until: Instant,
) -> Option<DnsFindings> {
    let domain = idna::domain_to_ascii(sender.rsplit_once('@')?.1).ok()?;
    let (spf, dkim, dmarc) = tokio::join!(
        timeout_at(until, spf(network, sender, &domain, host, addresses)),
        timeout_at(until, dkim(network, &domain, host)),
        timeout_at(until, dmarc(network, &domain)),
    );
    let known = |finding: Result<_, _>| finding.unwrap_or_else(|_| DnsFinding::unknown());
    Some(DnsFindings { spf: known(spf), dkim: known(dkim), dmarc: known(dmarc) })
}

async fn spf(network: &Network, sender: &str, domain: &str, host: &str, addresses: &[IpAddr]) -> DnsFinding {
    let Some(records) = texts(network, domain).await else { return DnsFinding::unknown() };
    let is_spf = |text: &&String| {
        let text = text.to_ascii_lowercase();
        text == "v=spf1" || text.starts_with("v=spf1 ")
    };
    let record = match records.iter().filter(is_spf).collect::<Vec<_>>()[..] {
        [] => return DnsFinding::new("missing", None),
        [record] => record,
        // RFC 7208 §4.5: more than one is as good as a broken one.
        [first, ..] => return DnsFinding::new("invalid", Some(first)),
    };
    if includes_provider(record, host) {
        return DnsFinding::new("pass", Some(record));
    }
    let authenticator = MessageAuthenticator(network.resolvers.any().clone());
    let mut result = "unknown";
    for &address in addresses {
        let question = SpfParameters::verify_mail_from(address, domain, domain, sender);
        match authenticator.verify_spf(question).await.result() {
            SpfResult::Pass => return DnsFinding::new("pass", Some(record)),
            SpfResult::PermError => result = "invalid",
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral if result == "unknown" => {
                result = "fail";
            }
            _ => {}
        }
    }
    DnsFinding::new(result, Some(record))
}

/// Whether the record includes what the relay's provider asks for, or a name of the relay's own domain.
fn includes_provider(record: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let own: String =
        host.rsplitn(3, '.').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(".");
    record.to_ascii_lowercase().split_ascii_whitespace().any(|term| {
        let term = term.strip_prefix('+').unwrap_or(term);
        let Some(name) = term.strip_prefix("include:").or_else(|| term.strip_prefix("redirect=")) else {
            return false;
        };
        // An address has no domain of its own, and a country's second level is nobody's.
        let of_the_host = host.parse::<IpAddr>().is_err() && own.len() > 6 && is_within(name, &own);
        let of_the_provider = |spf: Option<&str>| spf.is_some_and(|spf| is_within(name, spf));
        of_the_host || of_relay(&host).any(|provider| of_the_provider(provider.spf))
    })
}

/// The key that the provider signs with, if its selectors are known.
async fn dkim(network: &Network, domain: &str, host: &str) -> DnsFinding {
    let (selectors, absent) = match of_relay(host).find_map(|provider| provider.dkim) {
        Some(Selectors::Always(selectors)) => (selectors, DnsFinding::new("missing", None)),
        Some(Selectors::Usually(selectors)) => (selectors, DnsFinding::unknown()),
        None => return DnsFinding::unknown(),
    };
    let names = selectors.iter().map(|selector| format!("{selector}._domainkey.{domain}"));
    let answers = join_all(names.map(|name| async move { texts(network, &name).await })).await;
    let records: Vec<&String> =
        answers.iter().flatten().flatten().filter(|text| key(text).is_some()).collect();
    if let Some(record) = records.iter().find(|text| key(text).is_some_and(|key| !key.is_empty())) {
        return DnsFinding::new("pass", Some(record));
    }
    match records[..] {
        // A key that was there and is withdrawn.
        [record, ..] => DnsFinding::new("invalid", Some(record)),
        [] if answers.contains(&None) => DnsFinding::unknown(),
        [] => absent,
    }
}

/// The key of a DKIM record (RFC 6376 §3.6.1); an empty one is withdrawn. mail-auth's own reader makes of it what
/// verifies signatures, and so would bring RSA and Ed25519 into the artefact.
fn key(record: &str) -> Option<&str> {
    let mut tags = record
        .split(';')
        .filter_map(|tag| tag.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()));
    let is_dkim = |&(name, value): &(&str, &str)| name != "v" || value == "DKIM1";
    if !tags.clone().all(|tag| is_dkim(&tag)) {
        return None;
    }
    tags.find_map(|(name, value)| (name == "p").then_some(value))
}

async fn dmarc(network: &Network, domain: &str) -> DnsFinding {
    let mut name = domain;
    // The domain's own record, or that of a domain above it (RFC 9989's walk up the tree), never a top level's.
    for _ in 0..5 {
        let Some(records) = texts(network, &format!("_dmarc.{name}")).await else {
            return DnsFinding::unknown();
        };
        if let Some(record) = records.iter().find(|text| text.to_ascii_lowercase().starts_with("v=dmarc1")) {
            let result = match Dmarc::parse(record.as_bytes()).map(|dmarc| dmarc.p) {
                Ok(Policy::None) => "none",
                Ok(Policy::Quarantine) => "quarantine",
                Ok(Policy::Reject) => "reject",
                Ok(Policy::Unspecified) | Err(_) => "invalid",
            };
            return DnsFinding::new(result, Some(record));
        }
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => break,
        }
    }
    DnsFinding::new("missing", None)
}

/// The TXT records of a name, each with its strings joined; `None` when nobody knows.
async fn texts(network: &Network, name: &str) -> Option<Vec<String>> {
    match network.resolvers.any().txt_lookup(format!("{name}.")).await {
        Ok(found) => Some(
            found
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(text) => Some(text.txt_data.concat()),
                    _ => None,
                })
                .map(|octets| String::from_utf8_lossy(&octets).into_owned())
                .collect(),
        ),
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Some(Vec::new()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (record, want) in [
            ("v=DKIM1; k=rsa; p=MIIB", Some("MIIB")),
            ("p=MIIB", Some("MIIB")),
            ("v=DKIM1;p=", Some("")),
            ("v=DKIM1; k=rsa", None),
            ("v=spf1 -all", None),
            ("v=DKIM2; p=MIIB", None),
            ("", None),
        ] {
            assert_eq!(key(record), want, "{record}");
        }
    }

    #[test]
    fn includes() {
        for (record, host, want) in [
            ("v=spf1 include:_spf.google.com ~all", "smtp.gmail.com", true),
            ("v=spf1 include:spf.protection.outlook.com -all", "smtp.office365.com", true),
            ("v=spf1 include:mailgun.org ~all", "smtp.mailgun.org", true),
            ("v=spf1 include:_spf.google.com ~all", "smtp.mailgun.org", false),
            ("v=spf1 include:notgoogle.com ~all", "smtp.gmail.com", false),
            ("v=spf1 include:mail.co.uk ~all", "smtp.firm.co.uk", false),
            ("v=spf1 include:1.1 ~all", "192.0.1.1", false),
            ("v=spf1 -all", "mail.example.org", false),
        ] {
            assert_eq!(includes_provider(record, host), want, "{record} {host}");
        }
    }
}
