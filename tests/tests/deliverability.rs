//! The deliverability check of a sender and a relay, with a name server on loopback.

use std::time::Duration;

use ownpost_core::config::Config;
use ownpost_core::functions::api::explain::deliverability;
use ownpost_smtp::deliverability::look;
use ownpost_tests::dns;

/// Checks the results of SPF and DMARC and the number of advice texts, for a relay at 192.0.2.1.
async fn check(records: &str, host: &str, spf: &str, dmarc: &str, advice: usize) {
    let server = dns::start(records).await;
    let config = Config { dns_server: Some(server), ..Config::default() };
    let network = config.network().unwrap();
    let until = tokio::time::Instant::now() + Duration::from_mins(1);
    let addresses = ["192.0.2.1".parse().unwrap()];
    let sender = "noreply@news.example.org";
    let found = look(&network, sender, host, &addresses, until).await.unwrap();
    let found = deliverability(found, sender, "en");
    assert_eq!((found.spf.result.as_str(), found.dmarc.result.as_str()), (spf, dmarc), "{records}");
    assert_eq!(found.advice.len(), advice, "{records}: {:?}", found.advice);
    assert!(found.advice.iter().all(|text| text.contains("news.example.org")), "{:?}", found.advice);
}

/// Checks the result of DKIM and the beginning of its advice, for a provider's relay.
async fn check_dkim(records: &str, host: &str, want: &str) {
    let server = dns::start(&format!(
        "NODATA | news.example.org=v=spf1 ip4:192.0.2.1 -all | _dmarc.example.org=v=DMARC1; p=none{records}"
    ))
    .await;
    let config = Config { dns_server: Some(server), ..Config::default() };
    let network = config.network().unwrap();
    let until = tokio::time::Instant::now() + Duration::from_mins(1);
    let addresses = ["192.0.2.1".parse().unwrap()];
    let sender = "noreply@news.example.org";
    let found = look(&network, sender, host, &addresses, until).await.unwrap();
    let found = deliverability(found, sender, "en");
    assert_eq!(found.dkim.result, want, "{host}{records}");
    assert_eq!(found.dkim.record.is_some(), matches!(want, "pass" | "invalid"), "{host}{records}");
    let advised = matches!(want, "missing" | "invalid");
    assert_eq!(found.advice.iter().any(|text| text.contains("DKIM")), advised, "{:?}", found.advice);
}

#[tokio::test]
async fn dkim() {
    let key = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0B";
    let microsoft = "smtp.office365.com";
    check_dkim(&format!(" | selector2._domainkey.news.example.org={key}"), microsoft, "pass").await;
    // Microsoft signs with these two selectors and no other.
    check_dkim("", microsoft, "missing").await;
    check_dkim(&format!(" | selector1._domainkey.example.org={key}"), microsoft, "missing").await;
    check_dkim(" | selector1._domainkey.news.example.org=v=DKIM1; p=", microsoft, "invalid").await;
    check_dkim(" | selector1._domainkey.news.example.org=verification=1", microsoft, "missing").await;
    // Google's customers may choose another selector.
    check_dkim(&format!(" | google._domainkey.news.example.org={key}"), "smtp.gmail.com", "pass").await;
    check_dkim("", "smtp.gmail.com", "unknown").await;
    // An unknown server may use any selector.
    check_dkim(&format!(" | mail._domainkey.news.example.org={key}"), "mail.example.org", "unknown").await;
}

#[tokio::test]
async fn records() {
    let host = "mail.example.org";
    check("NODATA", host, "missing", "missing", 2).await;
    check(
        "NODATA | news.example.org=v=spf1 ip4:192.0.2.0/24 -all | _dmarc.news.example.org=v=DMARC1; p=reject",
        host,
        "pass",
        "reject",
        0,
    )
    .await;
    check(
        "NODATA | news.example.org=v=spf1 ip4:203.0.113.1 -all | _dmarc.example.org=v=DMARC1; p=none",
        host,
        "fail",
        "none",
        1,
    )
    .await;
    check(
        "NODATA | news.example.org=v=spf1 include:_spf.google.com ~all | _spf.google.com=v=spf1 ~all",
        "smtp.gmail.com",
        "pass",
        "missing",
        1,
    )
    .await;
    check(
        "NODATA | news.example.org=v=spf1 -all | news.example.org=v=spf1 mx -all",
        host,
        "invalid",
        "missing",
        2,
    )
    .await;
    // A provider's include counts where an evaluation comes to it: nested, but not behind `all`, nor in the text alone.
    let google = "smtp.gmail.com";
    let nested = "NODATA | news.example.org=v=spf1 include:spf.example.org -all | spf.example.org=v=spf1 include:_spf.google.com -all | _spf.google.com=v=spf1 ~all";
    check(nested, google, "pass", "missing", 1).await;
    check("NODATA | news.example.org=v=spf1 redirect=spf.example.org | spf.example.org=v=spf1 include:_spf.google.com -all | _spf.google.com=v=spf1 ~all", google, "pass", "missing", 1).await;
    check("NODATA | news.example.org=v=spf1 -all include:_spf.google.com", google, "fail", "missing", 2)
        .await;
    check(
        "NODATA | news.example.org=v=spf1 include:notgoogle.com ~all | notgoogle.com=v=spf1 -all",
        google,
        "fail",
        "missing",
        2,
    )
    .await;
    // A name of the provider's proves nothing where it has no record.
    check("NODATA | news.example.org=v=spf1 include:spf.google.com -all", google, "invalid", "missing", 2)
        .await;
    // A name of the relay's own domain proves nothing.
    check("NODATA | news.example.org=v=spf1 include:gone.example.org -all", host, "invalid", "missing", 2)
        .await;
    // Everyone may send: in order, and still worth a word.
    check("NODATA | news.example.org=v=spf1 +all", host, "pass", "missing", 2).await;
    // Of two DMARC records none applies.
    check(
        "NODATA | _dmarc.news.example.org=v=DMARC1; p=reject | _dmarc.news.example.org=v=DMARC1; p=none",
        host,
        "missing",
        "invalid",
        2,
    )
    .await;
    // `sp` is for the domains below.
    check("NODATA | _dmarc.example.org=v=DMARC1; p=reject; sp=none", host, "missing", "none", 1).await;
    check("NODATA | _dmarc.example.org=v=DMARC1; p=quarantine", host, "missing", "quarantine", 1).await;
    check("NODATA | _dmarc.news.example.org=v=DMARC10; p=none", host, "missing", "missing", 2).await;
    check("NODATA | _dmarc.example.org=v=DMARC1; p=perhaps", host, "missing", "invalid", 2).await;
    check("NODATA | news.example.org=verification=1", host, "missing", "missing", 2).await;
}
