//! What the receiver has found: the newest Authentication-Results field (RFC 8601), if it is the receiver's own.
//!
//! Anybody can write such a field into a mail, the sender first of all. The receiver writes its own above or right below the
//! Received field with which it took the mail, so what stands below another server's Received field is not believed.

use std::net::IpAddr;

use crate::header::{Field, Header, shown};
use crate::hops::Trace;
use crate::names::{normal, organisation};
use crate::report::Authentication;

/// One result of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MethodResult {
    /// In lower case: `pass`.
    pub(crate) result: String,
    /// The domain that it is about, if the field says it.
    pub(crate) domain: Option<String>,
    /// The address that it is about, if the field says it.
    pub(crate) address: Option<IpAddr>,
}

/// The results of the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Results {
    by: Option<String>,
    pub(crate) spf: Option<MethodResult>,
    pub(crate) dkim: Option<MethodResult>,
    pub(crate) dmarc: Option<MethodResult>,
}

impl Results {
    pub(crate) fn into_report(self) -> Authentication {
        let result = |method: Option<MethodResult>| method.map(|method| shown(&method.result));
        Authentication {
            spf: result(self.spf),
            dkim: result(self.dkim),
            dmarc: result(self.dmarc),
            by: self.by.as_deref().map(shown),
        }
    }

    fn is_empty(&self) -> bool {
        self.spf.is_none() && self.dkim.is_none() && self.dmarc.is_none()
    }
}

/// The results that the receiver has written; `None` when it has written none.
pub(crate) fn of_receiver(header: &Header<'_>, hops: &[Trace]) -> Option<Results> {
    let mut above = 0;
    let mut found: Option<Results> = None;
    for field in header.trace() {
        match (field, &mut found) {
            // Fields of one receiver stand together; some write one for each method.
            (Field::Received(..), Some(_)) => break,
            (Field::Received(..), None) => above += 1,
            (Field::Results(text), None) => {
                let results = parse(&text);
                if !is_of_receiver(results.by.as_deref(), above, hops) {
                    return None;
                }
                found = Some(results);
            }
            (Field::Results(text), Some(first)) => {
                let more = parse(&text);
                let same =
                    more.by.as_deref().and_then(organisation) == first.by.as_deref().and_then(organisation);
                if !same {
                    break;
                }
                first.spf = first.spf.take().or(more.spf);
                first.dkim = first.dkim.take().or(more.dkim);
                first.dmarc = first.dmarc.take().or(more.dmarc);
            }
        }
    }
    found.filter(|results| !results.is_empty())
}

/// Whether a field below so many Received fields is the receiver's: each of these is of the server that it names, or of one
/// without a public name.
fn is_of_receiver(by: Option<&str>, above: usize, hops: &[Trace]) -> bool {
    if above == 0 {
        return true;
    }
    let newest = hops.iter().rev().take(above);
    let mut takers = newest.filter_map(|hop| organisation(hop.by.as_deref()?));
    if let Some(by) = by.and_then(organisation) {
        return takers.all(|taker| is_one(taker, by));
    }
    // Microsoft gives no name: all takers so far are of one organisation, and another has handed the mail over.
    let first = takers.next();
    (above < hops.len() || hops.len() == 1)
        && takers.all(|taker| first.is_some_and(|first| is_one(taker, first)))
}

/// Whether two organisations' domains are of one receiver, which names its servers and its results in different ones.
fn is_one(taker: &str, by: &str) -> bool {
    const ONE: [&[&str]; 6] = [
        &["google.com", "gmail.com", "googlemail.com"],
        &["outlook.com", "office365.com", "exchangelabs.com", "microsoft.com", "hotmail.com"],
        &["yahoo.com", "yahoodns.net", "aol.com"],
        &["icloud.com", "apple.com", "me.com", "mac.com"],
        &["protonmail.ch", "proton.me", "protonmail.com", "proton.ch"],
        &["messagingengine.com", "fastmail.com"],
    ];
    taker == by || ONE.iter().any(|names| names.contains(&taker) && names.contains(&by))
}

/// Reads the value of a field: `authserv-id; method=result property=value (comment); …`.
fn parse(text: &str) -> Results {
    let mut results = Results::default();
    for (number, part) in parts(text).into_iter().enumerate() {
        let mut words = part.words.iter();
        let Some(first) = words.next() else { continue };
        let Some((method, result)) = first.split_once('=') else {
            if number == 0 {
                results.by = Some(normal(first)).filter(|name| !name.is_empty());
            }
            continue;
        };
        let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let result = MethodResult {
            result: result.trim_matches('"').to_ascii_lowercase(),
            domain: domain(&method, &part.words),
            address: address(&part),
        };
        let place = match method.as_str() {
            "spf" => &mut results.spf,
            "dkim" => &mut results.dkim,
            "dmarc" => &mut results.dmarc,
            _ => continue,
        };
        // Of several signatures one that passes is enough.
        if place.as_ref().is_none_or(|known| known.result != "pass" && result.result == "pass") {
            *place = Some(result);
        }
    }
    results
}

/// A part between semicolons: its words without comments, and the words in comments.
#[derive(Default)]
struct Part {
    words: Vec<String>,
    comments: Vec<String>,
}

/// The parts of a field; quotes and comments (RFC 5322 §3.2.2) hold no semicolon.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let (mut word, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for c in text.chars().chain([';']) {
        let part = parts.len() - 1;
        let mut end = |word: &mut String, inside: bool| {
            if !word.is_empty() {
                let words = if inside { &mut parts[part].comments } else { &mut parts[part].words };
                words.push(std::mem::take(word));
            }
        };
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => {
                end(&mut word, depth > 0);
                depth += 1;
            }
            ')' if !quoted && depth > 0 => {
                end(&mut word, true);
                depth -= 1;
            }
            ';' if !quoted && depth == 0 => {
                end(&mut word, false);
                parts.push(Part::default());
            }
            _ if c.is_whitespace() && !quoted => end(&mut word, depth > 0),
            // `method = result` is one word.
            _ => word.push(c),
        }
    }
    for part in &mut parts {
        join_equals(&mut part.words);
    }
    parts
}

/// Makes `spf`, `=`, `pass` one word, as the grammar allows white space there.
fn join_equals(words: &mut Vec<String>) {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    for word in words.drain(..) {
        match joined.last_mut() {
            Some(last) if last.ends_with('=') || word.starts_with('=') => last.push_str(&word),
            _ => joined.push(word),
        }
    }
    *words = joined;
}

/// The domain that a result is about.
fn domain(method: &str, words: &[String]) -> Option<String> {
    let properties: &[&str] = match method {
        "spf" => &["smtp.mailfrom", "smtp.helo", "smtp.from"],
        "dkim" => &["header.d", "header.i"],
        _ => &["header.from"],
    };
    properties.iter().find_map(|property| {
        let value = words.iter().find_map(|word| {
            let (name, value) = word.split_once('=')?;
            name.eq_ignore_ascii_case(property).then_some(value)
        })?;
        let domain = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
        Some(normal(domain)).filter(|domain| !domain.is_empty())
    })
}

/// The client's address: a property such as `smtp.remote-ip`, or a word of a comment.
fn address(part: &Part) -> Option<IpAddr> {
    let properties = part.words.iter().filter_map(|word| word.split_once('=').map(|(_, value)| value));
    let comments =
        part.comments.iter().map(|word| word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value));
    properties.chain(comments).find_map(|text| text.trim_matches(['[', ']', ',', ':', '"']).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn fields() {
        let check =
            |text: &str, by: Option<&str>, spf: Option<&str>, dkim: Option<&str>, dmarc: Option<&str>| {
                let results = parse(text).into_report();
                let found = [
                    results.by.as_deref(),
                    results.spf.as_deref(),
                    results.dkim.as_deref(),
                    results.dmarc.as_deref(),
                ];
                assert_eq!(found, [by, spf, dkim, dmarc], "{text}");
            };
        check(
            "mx.example; dkim=pass header.i=@a.example header.s=x; spf=softfail (mx.example: domain of n@a.example does not designate 192.0.2.1; x) smtp.mailfrom=n@a.example; dmarc=fail (p=NONE) header.from=a.example",
            Some("mx.example"),
            Some("softfail"),
            Some("pass"),
            Some("fail"),
        );
        check(
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=none",
            None,
            Some("pass"),
            Some("none"),
            None,
        );
        check("mx.example 1; none", Some("mx.example"), None, None, None);
        check(
            "mx.example; dkim=fail (bad) header.d=a; dkim=pass header.d=b; dkim=fail header.d=c",
            Some("mx.example"),
            None,
            Some("pass"),
            None,
        );
        check(
            "mx.example; spf = pass smtp.mailfrom = a.example",
            Some("mx.example"),
            Some("pass"),
            None,
            None,
        );
        check(
            "mx.example; x-tls.subject=\"a; spf=pass\"; dkim/1=pass",
            Some("mx.example"),
            None,
            Some("pass"),
            None,
        );
        check("(a (b) ;", None, None, None, None);
        check("", None, None, None, None);
        let address = |text: &str| parse(text).spf.and_then(|spf| spf.address).map(|ip| ip.to_string());
        assert_eq!(address("a; spf=fail (a: 192.0.2.1 is not allowed)").as_deref(), Some("192.0.2.1"));
        assert_eq!(address("a; spf=fail smtp.remote-ip=\"2001:db8::1\"").as_deref(), Some("2001:db8::1"));
        assert_eq!(
            address("spf=fail (sender IP is 192.0.2.9) smtp.mailfrom=a").as_deref(),
            Some("192.0.2.9")
        );
    }
}
