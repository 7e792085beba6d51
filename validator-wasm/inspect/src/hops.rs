//! The servers that a mail went through, from its Received fields.

use std::net::IpAddr;

use mail_parser::{DateTime, Host, Protocol, Received};

use crate::header::{Field, Header, shown};
use crate::names;
use crate::report::Hop;

/// The most hops that are read. RFC 5321 §6.3 takes a hundred for a loop.
const MOST: usize = 100;

/// A hop with all that its field tells.
#[derive(Debug)]
pub(crate) struct Trace {
    hop: Hop,
    /// The server that took the mail, in lower case.
    pub(crate) by: Option<String>,
    /// Each name by which the field calls the client: what it said, what its address resolves to.
    pub(crate) from: Vec<String>,
    /// The client's address.
    pub(crate) address: Option<IpAddr>,
    /// Whether the client signed in.
    pub(crate) signed_in: bool,
    pub(crate) tls: Option<bool>,
    pub(crate) delay: Option<i64>,
    at: Option<i64>,
}

impl Trace {
    pub(crate) fn into_report(self) -> Hop {
        self.hop
    }

    /// The server that took the mail, as it is written.
    pub(crate) fn taken_by(&self) -> Option<&str> {
        self.hop.by.as_deref()
    }

    /// The client, as it is written.
    pub(crate) fn handed_over_by(&self) -> Option<&str> {
        self.hop.from.as_deref()
    }
}

/// The hops of a mail, the oldest first.
pub(crate) fn of(header: &Header<'_>) -> Vec<Trace> {
    let received = header.trace().filter_map(|field| match field {
        Field::Received(parsed, text) => Some(trace(parsed, &text)),
        Field::Results(_) => None,
    });
    let mut hops: Vec<Trace> = received.take(MOST).collect();
    hops.reverse();
    let mut before: Option<i64> = None;
    for hop in &mut hops {
        hop.delay = hop.at.zip(before).map(|(at, before)| at - before);
        hop.hop.delay_seconds = hop.delay;
        before = hop.at.or(before);
    }
    hops
}

fn trace(parsed: Option<&Received<'_>>, text: &str) -> Trace {
    let host = |host: &Host<'_>| match host {
        Host::Name(name) => name.trim_matches(['[', ']', '<', '>', ';', ',']).to_owned(),
        Host::IpAddr(address) => address.to_string(),
    };
    // A note of a server about its own process: what stands in the comment is no client.
    let parsed = parsed.filter(|_| !text.starts_with('('));
    let from_host = parsed.and_then(Received::from).map(host);
    let helo = parsed.and_then(Received::helo).map(host);
    let resolved = parsed.and_then(Received::from_iprev).map(str::to_owned);
    let address = parsed.and_then(Received::from_ip).or_else(|| from_host.as_deref()?.parse().ok());
    let by = parsed.and_then(Received::by).map(host).filter(|by| !by.is_empty());
    let from = from_host.filter(|from| !from.is_empty() && !from.eq_ignore_ascii_case("unknown"));
    let from = from.or_else(|| helo.clone()).or_else(|| address.map(|ip| ip.to_string()));
    let with = with(text).or_else(|| parsed.and_then(Received::with).map(|with| with.as_str().to_owned()));
    let version = version(parsed, text);
    let upper = with.as_deref().unwrap_or_default().to_ascii_uppercase();
    let at = date_of(text).or_else(|| parsed.and_then(Received::date).and_then(seconds));
    let tls = encrypted(&upper, version.as_deref(), parsed.and_then(Received::with));
    let named = [from.clone(), helo, resolved].into_iter().flatten().map(|name| names::normal(&name));
    Trace {
        by: by.as_deref().map(names::normal),
        from: named.filter(|name| !name.is_empty()).collect(),
        address,
        signed_in: upper.ends_with("SMTPSA") || upper.ends_with("SMTPA"),
        tls,
        delay: None,
        at,
        hop: Hop {
            from: from.as_deref().map(shown),
            by: by.as_deref().map(shown),
            with: with.as_deref().map(shown),
            tls,
            tls_version: version,
            at: at.map(|at| DateTime::from_timestamp(at).to_rfc3339()),
            delay_seconds: None,
        },
    }
}

/// The seconds of a date, where it is one.
#[allow(clippy::needless_pass_by_value, reason = "used as a function of an option")]
fn seconds(date: DateTime) -> Option<i64> {
    // A leap second is a time too, and a year of two digits below 50 is of this century (RFC 5322 §4.3).
    let year = if (1900..1950).contains(&date.year) { date.year + 100 } else { date.year };
    let date = DateTime { second: date.second.min(59), year, ..date };
    date.is_valid().then(|| date.to_timestamp())
}

/// The date behind the last semicolon: as RFC 5322 has it, with fractions of a second too, or as ISO 8601 has it.
fn date_of(text: &str) -> Option<i64> {
    let (_, date) = text.rsplit_once(';')?;
    let mut words: Vec<&str> = date.split_ascii_whitespace().collect();
    for word in &mut words {
        if let Some((time, _)) = word.split_once('.').filter(|(time, _)| time.contains(':')) {
            *word = time;
        }
    }
    match words[..] {
        [day, time, ref zone @ ..] if day.len() == 10 && day.as_bytes().get(4) == Some(&b'-') => {
            let zone = zone.first().filter(|zone| zone.len() == 5 && zone.is_ascii());
            let zone = zone.map_or_else(|| "Z".to_owned(), |zone| format!("{}:{}", &zone[..3], &zone[3..]));
            DateTime::parse_rfc3339(&format!("{day}T{time}{zone}")).and_then(seconds)
        }
        _ => DateTime::parse_rfc822(&words.join(" ")).and_then(seconds),
    }
}

/// The protocol: the words behind `with`, up to the next clause or comment.
fn with(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut words = Vec::new();
    let mut found = false;
    for word in text.split_ascii_whitespace() {
        let outside = depth == 0;
        let (opened, closed) = (word.matches('(').count(), word.matches(')').count());
        depth = (depth + opened).saturating_sub(closed);
        if !outside || word.starts_with('(') {
            if found {
                break;
            }
            continue;
        }
        let plain = word.trim_end_matches([';', ',']);
        if found {
            if ["id", "for", "via", "from", "by", "with", "tls"]
                .iter()
                .any(|next| plain.eq_ignore_ascii_case(next))
            {
                break;
            }
            words.push(plain);
            if plain.len() < word.len() {
                break;
            }
        } else {
            found = word.eq_ignore_ascii_case("with");
        }
    }
    words.retain(|word| !word.is_empty());
    (!words.is_empty()).then(|| words.join(" "))
}

/// The TLS version that the field names.
fn version(parsed: Option<&Received<'_>>, text: &str) -> Option<String> {
    if let Some(version) = parsed.and_then(Received::tls_version) {
        return Some(version.as_str().to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let start = upper.find("TLS1").map(|at| at + 3).or_else(|| upper.find("TLSV1").map(|at| at + 4))?;
    let minor = upper[start..].strip_prefix('1')?.trim_start_matches(['.', '_', 'P', 'p']).chars().next()?;
    matches!(minor, '0'..='3').then(|| format!("TLSv1.{minor}"))
}

/// Whether the protocol or the version says that the hop was encrypted; `None` where neither tells.
fn encrypted(with: &str, version: Option<&str>, protocol: Option<Protocol>) -> Option<bool> {
    if version.is_some() || with.ends_with("SMTPS") || with.ends_with("SMTPSA") || with.contains("HTTPS") {
        return Some(true);
    }
    if with.ends_with("LMTPS") || with.ends_with("LMTPSA") {
        return Some(true);
    }
    // `Microsoft SMTP Server` is a product; its comment would name the version.
    let plain = matches!(with, "SMTP" | "ESMTP" | "ESMTPA" | "SMTPA" | "UTF8SMTP" | "UTF8SMTPA");
    (plain || (with == "MICROSOFT SMTP SERVER" && protocol.is_some())).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn protocols() {
        for (text, want) in [
            ("from a by b with ESMTPS id x; Mon", Some("ESMTPS")),
            ("from a by b (Postfix) with ESMTPSA (using x) id y", Some("ESMTPSA")),
            (
                "from A (1.2.3.4) by B (5.6.7.8) with Microsoft SMTP Server (version=TLS1_2) id 15.20",
                Some("Microsoft SMTP Server"),
            ),
            ("from A by B with mapi id 15.20", Some("mapi")),
            ("(qmail 1 invoked by uid 2); 1 Jan 2026", None),
            ("from a (with tea) by b with SMTP; Mon", Some("SMTP")),
            ("from a by b with", None),
            ("", None),
        ] {
            assert_eq!(with(text).as_deref(), want, "{text}");
        }
    }
}
