//! What there is to say of a mail: codes, when they apply, and their sentences.

use ownpost_i18n::{Locale, fill, inspection};
use smtp_rules::address::is_forbidden;

use crate::header::Header;
use crate::hops::Trace;
use crate::names::organisation;
use crate::report::{Finding as Said, InspectReport, Severity, ViaRelay};
use crate::results::{MethodResult, Results};
use crate::{Expected, given};

/// How long a hop may take before it is worth a word, in seconds.
const LATE: i64 = 300;

/// Declares each finding as one row: variant, code, severity, meaning for the reference.
macro_rules! findings {
    ($($variant:ident = $code:literal $severity:ident $meaning:literal;)+) => {
        /// What can be found. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Finding { $(#[doc = $meaning] $variant,)+ }
        impl Finding {
            /// All findings, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
            /// How much it matters; less when the mail was forwarded.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }
            /// What it means, for the reference.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

findings! {
    TooLarge = "inspect.too_large" Error "More than 1 MiB.";
    NotAMail = "inspect.not_a_mail" Error "No field of a mail's header.";
    OtherMail = "inspect.other_mail" Error "Another Message-ID than the mail's that was asked for.";
    OtherSender = "inspect.other_sender" Error "From is not the configured sender.";
    NoSender = "inspect.no_sender" Error "No address in From.";
    SeveralSenders = "inspect.several_senders" Error "Several From fields, where RFC 5322 allows one.";
    OtherServer = "inspect.other_server" Error "The mail left by another server than the configured one.";
    ServerUnknown = "inspect.server_unknown" Warning "The hops do not tell by which server it left.";
    NoHops = "inspect.no_hops" Warning "No Received field: not a received mail, or a part of its header.";
    SpfFail = "inspect.spf_fail" Error "SPF failed: `fail` or `softfail`.";
    SpfBroken = "inspect.spf_broken" Error "The SPF record is broken: `permerror`.";
    SpfNone = "inspect.spf_none" Warning "SPF says nothing: `none`, `neutral` or no result.";
    DkimFail = "inspect.dkim_fail" Error "A DKIM signature does not verify, and no other does.";
    DkimNone = "inspect.dkim_none" Warning "No DKIM signature.";
    DmarcFail = "inspect.dmarc_fail" Error "DMARC failed: neither SPF nor DKIM passes for the domain in From.";
    DmarcNone = "inspect.dmarc_none" Warning "No DMARC policy or no result.";
    NotChecked = "inspect.not_checked" Warning "The receiver's look-up failed: `temperror` of SPF, DKIM or DMARC.";
    NoResults = "inspect.no_results" Warning "No Authentication-Results of the receiver.";
    HopWithoutTls = "inspect.hop_without_tls" Warning "A hop over the Internet was not encrypted.";
    Delay = "inspect.delay" Warning "A hop took five minutes or more.";
    Forwarded = "inspect.forwarded" Warning "A mailing list or a mailbox has sent it on, which breaks SPF, and DKIM where the mail is changed.";
}

/// The values of a finding by their names.
type Params<'a> = &'a [(&'static str, String)];

/// What the findings are made from.
pub(crate) struct Facts<'a> {
    pub(crate) matches: Option<bool>,
    pub(crate) sender_matches: Option<bool>,
    pub(crate) via_relay: ViaRelay,
    pub(crate) forwarded: bool,
    pub(crate) header: &'a Header<'a>,
    pub(crate) hops: &'a [Trace],
    pub(crate) results: Option<&'a Results>,
    pub(crate) expected: &'a Expected<'a>,
}

/// The findings, errors first.
pub(crate) fn of(facts: &Facts<'_>, locale: Locale) -> Vec<Said> {
    let mut found = Vec::new();
    let mut add = |finding, params: Params<'_>| found.push(say(finding, locale, params));
    let sender = || facts.header.from().unwrap_or_else(|| "–".to_owned());
    if facts.matches == Some(false) {
        let id = facts.header.message_id().unwrap_or_else(|| "–".to_owned());
        add(Finding::OtherMail, &[("id", id)]);
    }
    if facts.header.sender_fields() > 1 {
        add(Finding::SeveralSenders, &[("from", sender())]);
    } else if facts.header.from().is_none() {
        add(Finding::NoSender, &[]);
    } else if facts.sender_matches == Some(false) {
        let expected = given(facts.expected.sender).unwrap_or_default().to_owned();
        add(Finding::OtherSender, &[("from", sender()), ("sender", expected)]);
    }
    if facts.hops.is_empty() {
        add(Finding::NoHops, &[]);
    } else if let Some(host) = given(facts.expected.host) {
        let first = facts.hops.iter().find_map(Trace::taken_by).unwrap_or("–").to_owned();
        match facts.via_relay {
            ViaRelay::Yes => {}
            ViaRelay::No => {
                add(Finding::OtherServer, &[("host", host.to_owned()), ("by", left_by(facts.hops, first))]);
            }
            ViaRelay::Unknown => add(Finding::ServerUnknown, &[("host", host.to_owned())]),
        }
    }
    match facts.results {
        None if facts.hops.is_empty() => {}
        None => add(Finding::NoResults, &[]),
        Some(results) => {
            let domain = sender().rsplit_once('@').map_or_else(String::new, |(_, domain)| domain.to_owned());
            of_results(results, &domain, facts.hops, &mut add);
        }
    }
    for hop in facts.hops {
        if hop.tls == Some(false) && is_over_the_internet(hop) {
            add(
                Finding::HopWithoutTls,
                &[("from", part(hop.handed_over_by())), ("by", part(hop.taken_by()))],
            );
        }
        if let Some(seconds) = hop.delay.filter(|&seconds| seconds >= LATE) {
            let minutes = (seconds / 60).to_string();
            add(Finding::Delay, &[("by", part(hop.taken_by())), ("minutes", minutes)]);
        }
    }
    if facts.forwarded {
        // SPF speaks of the server that has sent it on, and what that has changed breaks the signature.
        let broken = [Finding::SpfFail, Finding::DkimFail, Finding::DmarcFail].map(Finding::code);
        for said in found.iter_mut().filter(|said| broken.contains(&said.code)) {
            said.severity = Severity::Warning;
        }
        found.push(say(Finding::Forwarded, locale, &[]));
    }
    found.sort_by_key(|said| said.severity);
    found
}

fn of_results(results: &Results, domain: &str, hops: &[Trace], add: &mut dyn FnMut(Finding, Params<'_>)) {
    let state = |method: &Option<MethodResult>| {
        method.as_ref().map_or("none", |found| found.result.as_str()).to_owned()
    };
    let named = |method: &Option<MethodResult>| {
        method.as_ref().and_then(|found| found.domain.clone()).unwrap_or_else(|| domain.to_owned())
    };
    let not_checked = |method: &str| [("method", method.to_owned())];
    match state(&results.spf).as_str() {
        "temperror" => add(Finding::NotChecked, &not_checked("SPF")),
        "pass" | "bestguesspass" | "policy" => {}
        "permerror" => add(Finding::SpfBroken, &[("domain", named(&results.spf))]),
        "fail" | "hardfail" | "softfail" => {
            let address = results.spf.as_ref().and_then(|spf| spf.address).or_else(|| handed_over_from(hops));
            let address = address.map_or_else(|| "–".to_owned(), |address| address.to_string());
            add(
                Finding::SpfFail,
                &[("domain", named(&results.spf)), ("address", address), ("result", state(&results.spf))],
            );
        }
        result => add(Finding::SpfNone, &[("domain", named(&results.spf)), ("result", result.to_owned())]),
    }
    match state(&results.dkim).as_str() {
        "pass" => {}
        "temperror" => add(Finding::NotChecked, &not_checked("DKIM")),
        // Microsoft names a domain even where nothing is signed.
        "none" => add(Finding::DkimNone, &[("domain", domain.to_owned())]),
        "neutral" if results.dkim.as_ref().is_none_or(|dkim| dkim.domain.is_none()) => {
            add(Finding::DkimNone, &[("domain", domain.to_owned())]);
        }
        result => add(Finding::DkimFail, &[("domain", named(&results.dkim)), ("result", result.to_owned())]),
    }
    match state(&results.dmarc).as_str() {
        "pass" | "bestguesspass" => {}
        "temperror" => add(Finding::NotChecked, &not_checked("DMARC")),
        result @ ("fail" | "permerror") => {
            add(Finding::DmarcFail, &[("domain", domain.to_owned()), ("result", result.to_owned())]);
        }
        result => add(Finding::DmarcNone, &[("domain", domain.to_owned()), ("result", result.to_owned())]),
    }
}

/// The server by which the mail left, as the hop shows it that is not the configured one.
fn left_by(hops: &[Trace], first: String) -> String {
    let oldest = hops.iter().find(|hop| hop.by.is_some() || !hop.from.is_empty());
    let sent = oldest.filter(|hop| {
        !hop.signed_in && hops.len() == 1 || hop.from.iter().any(|name| name.contains("smtp-out"))
    });
    sent.and_then(Trace::handed_over_by).map_or(first, str::to_owned)
}

/// The address from which the receiver's organisation took the mail: that of the newest hop between two organisations.
fn handed_over_from(hops: &[Trace]) -> Option<std::net::IpAddr> {
    hops.iter().rev().filter(|hop| is_between(hop)).find_map(|hop| hop.address)
}

/// Whether the hop came from another organisation by way of the Internet.
fn is_over_the_internet(hop: &Trace) -> bool {
    hop.address.is_some_and(|address| !is_forbidden(address)) && is_between(hop)
}

/// Whether no name of the client is of the server's domain.
fn is_between(hop: &Trace) -> bool {
    let by = hop.by.as_deref().and_then(organisation);
    by.is_none() || !hop.from.iter().any(|name| organisation(name) == by)
}

fn part(name: Option<&str>) -> String {
    name.unwrap_or("–").to_owned()
}

/// A finding with its sentences.
pub(crate) fn say(finding: Finding, locale: Locale, params: Params<'_>) -> Said {
    let text = inspection(locale, finding.code());
    Said {
        code: finding.code(),
        severity: finding.severity(),
        params: params.iter().cloned().collect(),
        message: fill(&text.message, params),
        remedy: fill(&text.remedy, params),
    }
}

impl InspectReport {
    /// The report of input that is no mail.
    pub(crate) fn unread(finding: Finding, locale: Locale) -> Self {
        Self {
            message_id: None,
            matches: None,
            from: None,
            sender_matches: None,
            return_path: None,
            hops: Vec::new(),
            via_relay: ViaRelay::Unknown,
            relay_hop: None,
            authentication: None,
            findings: vec![say(finding, locale, &[])],
        }
    }

    /// Whether the input was no mail at all.
    pub fn is_unread(&self) -> bool {
        let codes = [Finding::TooLarge, Finding::NotAMail];
        self.findings.iter().any(|finding| codes.iter().any(|code| code.code() == finding.code))
    }
}
