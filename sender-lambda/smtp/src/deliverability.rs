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
    let unknown = || (DnsFinding::unknown(), None);
    let (spf, spf_note) = spf.unwrap_or_else(|_| unknown());
    let (dmarc, dmarc_note) = dmarc.unwrap_or_else(|_| unknown());
    let dkim = dkim.unwrap_or_else(|_| DnsFinding::unknown());
    Some(DnsFindings { spf, dkim, dmarc, notes: spf_note.into_iter().chain(dmarc_note).collect() })
}

async fn spf(network: &Network, sender: &str, domain: &str, host: &str, addresses: &[IpAddr]) -> Noted {
    let Some(records) = texts(network, domain).await else { return (DnsFinding::unknown(), None) };
    let record = match records.iter().filter(|text| is_spf(text)).collect::<Vec<_>>()[..] {
        [] => return (DnsFinding::new("missing", None), None),
        [record] => record,
        // RFC 7208 §4.5: more than one is as good as a broken one.
        [first, ..] => return (DnsFinding::new("invalid", Some(first)), Some("spf.several")),
    };
    if lets_everyone_send(record) {
        return (DnsFinding::new("pass", Some(record)), Some("spf.everyone"));
    }
    let mut lookups = MAX_LOOKUPS;
    for provider in of_relay(host.trim_end_matches('.')).filter_map(|provider| provider.spf) {
        // A provider sends from other addresses than those of the relay, so what counts is its own record.
        if leads_to(network, record, provider, &mut lookups).await {
            return (DnsFinding::new("pass", Some(record)), None);
        }
    }
    let authenticator = MessageAuthenticator(network.resolvers.any().clone());
    let mut result = "unknown";
    for &address in addresses {
        let question = SpfParameters::verify_mail_from(address, domain, domain, sender);
        match authenticator.verify_spf(question).await.result() {
            SpfResult::Pass => return (DnsFinding::new("pass", Some(record)), None),
            SpfResult::PermError => result = "invalid",
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral if result == "unknown" => {
                result = "fail";
            }
            _ => {}
        }
    }
    (DnsFinding::new(result, Some(record)), None)
}

/// A finding, and what there is to say beyond it.
type Noted = (DnsFinding, Option<&'static str>);

/// The most records that an evaluation may look up (RFC 7208 §4.6.4).
const MAX_LOOKUPS: usize = 10;

fn is_spf(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text == "v=spf1" || text.starts_with("v=spf1 ")
}

/// Whether the record passes every address: the first `all` has no qualifier or `+`.
fn lets_everyone_send(record: &str) -> bool {
    let record = record.to_ascii_lowercase();
    let all =
        record.split_ascii_whitespace().find(|term| term.trim_start_matches(['+', '-', '~', '?']) == "all");
    matches!(all, Some("all" | "+all"))
}

/// Whether an evaluation of the record, in order and to depth, comes to the provider's own record (RFC 7208 §4.6.2): an
/// `all` before it ends the evaluation, and a record that is included is evaluated likewise.
async fn leads_to(network: &Network, record: &str, provider: &str, lookups: &mut usize) -> bool {
    let record = record.to_ascii_lowercase();
    let mut redirect = None;
    for term in record.split_ascii_whitespace().skip(1) {
        let plain = term.strip_prefix('+').unwrap_or(term);
        if let Some(name) = plain.strip_prefix("include:") {
            if Box::pin(is_or_leads_to(network, name, provider, lookups)).await {
                return true;
            }
        } else if let Some(name) = plain.strip_prefix("redirect=") {
            redirect = redirect.or(Some(name));
        } else if term.trim_start_matches(['+', '-', '~', '?']) == "all" {
            return false;
        }
    }
    match redirect {
        Some(name) => Box::pin(is_or_leads_to(network, name, provider, lookups)).await,
        None => false,
    }
}

/// Whether this name is the provider's, or its record leads to the provider's.
async fn is_or_leads_to(network: &Network, name: &str, provider: &str, lookups: &mut usize) -> bool {
    let Some(left) = lookups.checked_sub(1) else { return false };
    *lookups = left;
    // A name of the provider's that has no record breaks the evaluation (§5.2), like any other.
    let records = texts(network, name).await.unwrap_or_default();
    match records.iter().find(|text| is_spf(text)) {
        Some(record) => is_within(name, provider) || leads_to(network, record, provider, lookups).await,
        None => false,
    }
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

async fn dmarc(network: &Network, domain: &str) -> Noted {
    let mut name = domain;
    // The domain's own record, or that of a domain above it (RFC 9989's walk up the tree), never a top level's.
    for _ in 0..5 {
        let Some(records) = texts(network, &format!("_dmarc.{name}")).await else {
            return (DnsFinding::unknown(), None);
        };
        match records.iter().filter(|text| is_dmarc(text)).collect::<Vec<_>>()[..] {
            [] => {}
            [record] => {
                // A domain above speaks of those below it by `sp` (RFC 7489 §6.3).
                let policy = Dmarc::parse(record.as_bytes()).map(|dmarc| match dmarc.sp {
                    sp if name != domain && sp != Policy::Unspecified => sp,
                    _ => dmarc.p,
                });
                let result = match policy {
                    Ok(Policy::None) => "none",
                    Ok(Policy::Quarantine) => "quarantine",
                    Ok(Policy::Reject) => "reject",
                    Ok(Policy::Unspecified) | Err(_) => "invalid",
                };
                return (DnsFinding::new(result, Some(record)), None);
            }
            // Of several none applies (RFC 7489 §6.6.3).
            [first, ..] => return (DnsFinding::new("invalid", Some(first)), Some("dmarc.several")),
        }
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => break,
        }
    }
    (DnsFinding::new("missing", None), None)
}

/// Whether the text is a DMARC record: its first tag is the version (RFC 7489 §6.3).
fn is_dmarc(text: &str) -> bool {
    let version = text.split(';').next().and_then(|tag| tag.split_once('='));
    version.is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("v") && value.trim().eq_ignore_ascii_case("DMARC1")
    })
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
    fn a_record_that_passes_everyone() {
        for (record, want) in [
            ("v=spf1 +all", true),
            ("v=spf1 mx ALL", true),
            ("v=spf1 -all +all", false),
            ("v=spf1 ~all", false),
            ("v=spf1 include:all.test ?all", false),
        ] {
            assert_eq!(lets_everyone_send(record), want, "{record}");
        }
    }
}
