//! The look-up of hosts and mail domains among the providers: exact names, patterns, and names that are close to one.

use alloc::vec::Vec;

use crate::packed::Key;
use crate::presets::{Preset, TABLE, is_like};
use crate::report::{Report, Suggestion};
use crate::text::{find, lower, rsplit_once, split, split_once, split_text, trim_bytes, word};
use crate::typo::{self, is_pattern, main_label};

/// The number of a list of names.
type List = u8;
/// The SMTP servers.
const HOSTS: List = 0;
/// The mail domains.
const DOMAINS: List = 1;
/// The domains that servers stand in: of each SMTP server the name without its first label, where that is no mail domain.
const SERVICES: List = 2;

/// The length under which patterns are kept: they match names of many lengths, and no name has this one.
const PATTERNS: usize = 0;

/// One more than the length of the longest name.
const LENGTHS: usize = 32;

/// A name of a list.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name: &'static [u8],
    /// Its letters, as [`typo::letters`] has them.
    letters: u32,
    /// The most edits that a typing error may have anywhere in the name.
    max_edits: u8,
    /// The most edits outside the second-level label.
    max_edits_outside: u8,
    /// The place of its list and length in [`Directory::first`].
    bucket: u8,
    /// The number of its preset; of no preset for a domain without a known server.
    preset: u8,
}

/// The index of the providers' names. It is made once at start, which takes microseconds: an index made at compile
/// time would be part of the download.
#[derive(Clone, Debug)]
pub struct Directory {
    presets: Vec<Preset>,
    /// List by list, in each by length, and else in the order of the table.
    entries: Vec<Entry>,
    /// The hosts of providers that take no submission, as patterns, with the preset to use in their place.
    others: Vec<Entry>,
    /// The place of the first entry of each list and length, and behind them the end of the last.
    first: [u16; 3 * LENGTHS + 1],
}

/// The result of looking up a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostMatch<'d> {
    /// The SMTP server of this provider.
    Server(&'d Preset),
    /// Another server of this provider, with nothing to correct.
    SameProvider(&'d Preset),
    /// A mail domain of this provider.
    Domain(&'d Preset),
    /// The IMAP, POP or web server of this provider.
    OtherService(&'d Preset),
    /// The MX, web or API server of this provider, which the table lists as such.
    NoSubmission(&'d Preset),
    /// A name close to the SMTP server of this provider.
    Typo(&'d Preset),
    /// No name of a provider, and close to none.
    Unknown,
}

/// The result of looking up a mail domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DomainMatch<'d> {
    /// A well-known mail domain, and its provider where the server is known.
    Known(Option<&'d Preset>),
    /// Another domain, and the well-known one that it is close to.
    Unknown(Option<&'static [u8]>),
}

impl Entry {
    fn new(list: List, name: &'static [u8], preset: u8) -> Self {
        let max_edits = typo::max_edits(name);
        let max_edits_outside = if list == HOSTS { max_edits.max(1) } else { max_edits };
        let length = if is_pattern(name) { PATTERNS } else { name.len() };
        let bucket = list * LENGTHS as u8 + length as u8;
        Self { name, letters: typo::letters(name), max_edits, max_edits_outside, bucket, preset }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Directory {
    /// Reads the table.
    pub fn new() -> Self {
        let mut directory = Self {
            presets: Vec::new(),
            entries: Vec::new(),
            others: Vec::new(),
            first: [0; 3 * LENGTHS + 1],
        };
        let mut found = Vec::new();
        for line in split(TABLE, b'\n') {
            let _ = directory.line(line, &mut found);
        }
        for (bucket, first) in (0..).zip(&mut directory.first) {
            *first = directory.entries.len() as u16;
            for entry in &found {
                if entry.bucket == bucket {
                    directory.entries.push(*entry);
                }
            }
        }
        directory
    }

    fn line(&mut self, line: &'static [u8], found: &mut Vec<Entry>) -> Option<()> {
        let preset = self.presets.len() as u8;
        let mut parts = split(line, b':');
        let (name, names) = (parts.next()?, parts.next()?);
        let flags = parts.next().unwrap_or_default();
        let mut names = split(names, b' ');
        let host = names.next()?;
        let has_own = find(flags, b'd').is_some();
        let has_domains = has_own || names.clone().any(|name| !name.starts_with(b"!"));
        // On the line without a server, the number is that of no preset.
        let domain = split_once(host, b'.').map(|(_, domain)| domain);
        if domain.is_some() {
            self.presets.push(Preset { host, flags, name, has_domains });
            found.push(Entry::new(HOSTS, host, preset));
        }
        if let Some(domain) = domain.filter(|domain| find(domain, b'.').is_some()) {
            found.push(Entry::new(if has_own { DOMAINS } else { SERVICES }, domain, preset));
        }
        for domain in names {
            match domain {
                [b'!', other @ ..] => self.others.push(Entry::new(HOSTS, other, preset)),
                [b'.', domain @ ..] => found.push(Entry::new(SERVICES, domain, preset)),
                _ => found.push(Entry::new(DOMAINS, domain, preset)),
            }
        }
        Some(())
    }

    /// The names of a list whose length is in this range, both ends included.
    fn of_lengths(&self, list: List, least: usize, most: usize) -> &[Entry] {
        let place = |length: usize| {
            let bucket = usize::from(list) * LENGTHS + length.min(LENGTHS);
            self.first.get(bucket).map_or(0, |first| usize::from(*first))
        };
        self.entries.get(place(least)..place(most + 1)).unwrap_or_default()
    }

    fn preset(&self, entry: &Entry) -> Option<&Preset> {
        self.presets.get(usize::from(entry.preset))
    }

    /// The entry of exactly this name.
    fn exactly(&self, list: List, name: &[u8], letters: u32) -> Option<&Entry> {
        let mut entries = self.of_lengths(list, name.len(), name.len()).iter();
        entries.find(|entry| entry.letters == letters && entry.name == name)
    }

    /// Looks up a host, given in lower case and as A-labels.
    pub(crate) fn recognise(&self, host: &[u8]) -> HostMatch<'_> {
        let letters = typo::letters(host);
        if let Some(preset) = self.exactly(HOSTS, host, letters).and_then(|entry| self.preset(entry)) {
            return HostMatch::Server(preset);
        }
        let patterns = self.of_lengths(HOSTS, PATTERNS, PATTERNS).iter();
        // A pattern's letters are all in a name of it.
        let may_be = |entry: &&Entry| entry.letters & !letters == 0;
        let patterns = patterns.filter(may_be);
        let mut patterns = patterns.filter_map(|entry| self.preset(entry));
        if let Some(preset) = patterns.find(|preset| preset.is_like(host)) {
            return HostMatch::Server(preset);
        }
        if let Some(preset) = self.exactly(DOMAINS, host, letters).and_then(|entry| self.preset(entry)) {
            return HostMatch::Domain(preset);
        }
        let mut others = self.others.iter().filter(may_be);
        let other = others.find(|entry| is_like(host, entry.name));
        if let Some(preset) = other.and_then(|entry| self.preset(entry)) {
            return HostMatch::NoSubmission(preset);
        }
        let (first, domain) = split_once(host, b'.').unwrap_or((host, b""));
        let letters_of_domain = typo::letters(domain);
        let service = [DOMAINS, SERVICES]
            .into_iter()
            .find_map(|list| self.preset(self.exactly(list, domain, letters_of_domain)?));
        if let Some(preset) = service {
            return if is_other_service(first, preset) {
                HostMatch::OtherService(preset)
            } else if let Some(preset) = self.neighbour(host, first, domain) {
                HostMatch::Typo(preset)
            } else if is_smtp_typo(first) && preset.host.starts_with(b"smtp.") {
                HostMatch::Typo(preset)
            } else {
                HostMatch::SameProvider(preset)
            };
        }
        let slip = self
            .nearest(HOSTS, host, letters)
            .or_else(|| self.cut_short(host))
            .and_then(|entry| self.preset(entry))
            .or_else(|| self.of_pattern(first, host));
        slip.map_or(HostMatch::Unknown, HostMatch::Typo)
    }

    /// The server in the same domain whose first label this one is a likely typing error of. Only of labels with `smtp`
    /// in them: `email` beside `mail` is another server.
    fn neighbour(&self, host: &[u8], first: &[u8], domain: &[u8]) -> Option<&Preset> {
        let entries = self.of_lengths(HOSTS, host.len().saturating_sub(2), host.len() + 2).iter();
        let mut near = entries.filter(|entry| {
            split_once(entry.name, b'.').is_some_and(|(label, rest)| {
                rest == domain && !typo::is_numbered(host, entry.name) && is_label_typo(first, label)
            })
        });
        self.preset(near.next()?)
    }

    /// The one server whose name is this one of two labels and a top-level domain.
    fn cut_short(&self, host: &[u8]) -> Option<&Entry> {
        let is_rest = |rest: &[u8]| rest.starts_with(b".") && split(rest, b'.').count() == 2;
        let mut longer = self.of_lengths(HOSTS, host.len() + 3, host.len() + 6).iter().filter(|entry| {
            entry.name.strip_prefix(host).is_some_and(is_rest) && split(host, b'.').count() == 2
        });
        let entry = longer.next()?;
        longer.next().is_none().then_some(entry)
    }

    /// The server with a pattern that this name matches but for a typing error in its first label.
    fn of_pattern(&self, first: &[u8], host: &[u8]) -> Option<&Preset> {
        let patterns = self.of_lengths(HOSTS, PATTERNS, PATTERNS).iter();
        let mut presets = patterns.filter_map(|entry| self.preset(entry));
        presets.find(|preset| {
            let label = split_once(preset.host, b'.').map_or(&b""[..], |(label, _)| label);
            preset.server_beside(host).is_some() && is_label_typo(first, label)
        })
    }

    /// The preset for a mail domain.
    pub(crate) fn by_domain(&self, domain: &[u8]) -> Option<&Preset> {
        self.preset(self.exactly(DOMAINS, domain, typo::letters(domain))?)
    }

    /// The entry of a list that this text, in lower case, is a likely typing error of. Of those with the fewest edits
    /// the first in the table.
    fn nearest(&self, list: List, text: &[u8], letters: u32) -> Option<&Entry> {
        let mut best: Option<(u8, &Entry)> = None;
        for entry in self.of_lengths(list, text.len().saturating_sub(2), text.len() + 2) {
            let max_edits = entry.max_edits_outside;
            if typo::letters_differ(letters, entry.letters, max_edits)
                || (max_edits > entry.max_edits && main_label(text) != main_label(entry.name))
                || typo::is_other_country(text, entry.name)
                || (list == HOSTS && typo::is_numbered(text, entry.name))
            {
                continue;
            }
            let edits = (1..=max_edits).find(|edits| typo::is_within(text, entry.name, *edits));
            if let Some(edits) = edits
                && best.is_none_or(|(least, first)| (edits, place(entry)) < (least, place(first)))
            {
                best = Some((edits, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }

    /// Whether the domain is a name of the provider's in another country: `outlook.de` beside `outlook.com`.
    pub(crate) fn has_name(&self, preset: &Preset, domain: &[u8]) -> bool {
        // No country's ending is longer than `com.br`.
        let Some((name, _)) = split_once(domain, b'.').filter(|(_, rest)| rest.len() <= 6) else {
            return false;
        };
        self.of_lengths(DOMAINS, 0, LENGTHS - 1).iter().any(|entry| {
            self.preset(entry).is_some_and(|own| own.name == preset.name)
                && split_once(entry.name, b'.').is_some_and(|(own, _)| own == name)
        })
    }

    /// Looks up a mail domain, given in lower case.
    pub(crate) fn mail_domain(&self, domain: &[u8]) -> DomainMatch<'_> {
        let letters = typo::letters(domain);
        match self.exactly(DOMAINS, domain, letters) {
            Some(entry) => DomainMatch::Known(self.preset(entry)),
            None => DomainMatch::Unknown(self.nearest(DOMAINS, domain, letters).map(|entry| entry.name)),
        }
    }

    /// Proposes the settings of the provider that an address or a host belongs to; no changes when the provider is not
    /// known.
    pub fn suggest(&self, text: &[u8]) -> Suggestion {
        let mut suggestion = Suggestion::new();
        self.fill_suggestion(text, suggestion.writer());
        suggestion
    }

    fn fill_suggestion(&self, text: &[u8], changes: &mut Report) {
        let text = trim_bytes(text);
        if text.len() > 320 {
            return;
        }
        let (user, name) = match rsplit_once(text, b'@') {
            Some((b"", _)) => return,
            Some((_, domain)) => (true, domain),
            None => (false, text),
        };
        let name = lower(name.strip_suffix(b".").unwrap_or(name));
        let preset = match self.recognise(&name) {
            HostMatch::Server(preset)
            | HostMatch::SameProvider(preset)
            | HostMatch::OtherService(preset)
            | HostMatch::NoSubmission(preset)
                if !user =>
            {
                preset
            }
            HostMatch::Domain(preset) => preset,
            _ => match self.by_domain(&name) {
                Some(preset) => preset,
                None => return,
            },
        };
        let host = if preset.is_like(&name) { &*name } else { preset.host };
        if find(host, b'*').is_some() {
            return;
        }
        changes.set(&[Key::Host], host);
        preset.fill_in_port(changes);
        if user {
            changes.set(&[Key::Username], text);
        }
    }
}

/// The place of the name in the table, to compare with that of another.
fn place(entry: &Entry) -> *const u8 {
    entry.name.as_ptr()
}

/// Whether the first label of a host names another service than SMTP. Customers of a hoster, which has no mail domains,
/// may have an SMTP server called `mail`.
fn is_other_service(label: &[u8], preset: &Preset) -> bool {
    const SERVICES: &[u8] =
        b"imap imaps imap4 pop pop3 pops imap-mail pop-mail secureimap mx mx0 mx1 mx2 mx00 mx01 api";
    const WEB: &[u8] = b"mail webmail www outlook securepop";
    word(label, SERVICES).is_some() || (preset.has_domains && word(label, WEB).is_some())
}

/// Whether a first label is a likely typing error of that of an SMTP server.
fn is_label_typo(text: &[u8], label: &[u8]) -> bool {
    split_text(label, b"smtp").is_some() && typo::is_within(text, label, if label.len() < 8 { 1 } else { 2 })
}

fn is_smtp_typo(label: &[u8]) -> bool {
    label != b"smtp" && label.iter().all(u8::is_ascii_lowercase) && typo::is_within(label, b"smtp", 1)
}

#[cfg(test)]
mod tests {
    use super::{DOMAINS, Directory, DomainMatch, HostMatch, LENGTHS};
    use crate::report::Scalar::{Number, Text};
    use alloc::vec::Vec;

    #[test]
    fn every_server_and_every_domain_is_found() {
        let directory = Directory::new();
        let text = |bytes| str::from_utf8(bytes).unwrap();
        assert!(directory.presets.len() > 60);
        for preset in &directory.presets {
            if !preset.is_pattern() {
                assert_eq!(
                    directory.recognise(preset.host),
                    HostMatch::Server(preset),
                    "{}",
                    text(preset.host)
                );
            }
        }
        for entry in &directory.entries {
            assert!(entry.name.len() < LENGTHS && !entry.name.is_empty());
            let Some(preset) = directory.presets.get(usize::from(entry.preset)) else { continue };
            if usize::from(entry.bucket) / LENGTHS == usize::from(DOMAINS) && entry.name != preset.host {
                assert_eq!(
                    directory.recognise(entry.name),
                    HostMatch::Domain(preset),
                    "{}",
                    text(entry.name)
                );
            }
        }
    }

    #[test]
    fn hosts_are_recognised() {
        let directory = Directory::new();
        let server = |host: &str| match directory.recognise(host.as_bytes()) {
            HostMatch::Server(preset) => ("server", preset.host),
            HostMatch::SameProvider(preset) => ("same provider", preset.host),
            HostMatch::Domain(preset) => ("domain", preset.host),
            HostMatch::OtherService(preset) => ("other service", preset.host),
            HostMatch::NoSubmission(preset) => ("no submission", preset.host),
            HostMatch::Typo(preset) => ("typo", preset.host),
            HostMatch::Unknown => ("unknown", &b""[..]),
        };
        for (host, expected) in [
            ("smtp.gmail.com", ("server", "smtp.gmail.com")),
            ("smtp.gmial.com", ("typo", "smtp.gmail.com")),
            ("smtp.gmail.con", ("typo", "smtp.gmail.com")),
            ("stmp.gmail.com", ("typo", "smtp.gmail.com")),
            ("smtp.ofice365.com", ("typo", "smtp.office365.com")),
            ("smtp.sengrid.net", ("typo", "smtp.sendgrid.net")),
            ("smtp.office356.com", ("typo", "smtp.office365.com")),
            ("smtp.office35.com", ("typo", "smtp.office365.com")),
            ("smpt-mail.outlook.com", ("typo", "smtp-mail.outlook.com")),
            ("stmp-relay.brevo.com", ("typo", "smtp-relay.brevo.com")),
            ("smtp-rely.gmail.com", ("typo", "smtp-relay.gmail.com")),
            ("email-smpt.eu-west-1.amazonaws.com", ("typo", "email-smtp.*.amazonaws.com")),
            ("email-smtp-fips.us-east-1.amazonaws.com", ("unknown", "")),
            ("s3.eu-west-1.amazonaws.com", ("unknown", "")),
            ("in-v4.mailjet.com", ("no submission", "in-v3.mailjet.com")),
            ("sendgrid.com", ("no submission", "smtp.sendgrid.net")),
            ("pro2.mail.ovh.net", ("server", "pro*.mail.ovh.net")),
            ("smtp.hello.at", ("unknown", "")),
            ("smtp.gmail", ("typo", "smtp.gmail.com")),
            ("smtp.office365", ("typo", "smtp.office365.com")),
            ("smtp.zoho", ("unknown", "")),
            ("smtp.mail", ("unknown", "")),
            ("smtp.139.com", ("unknown", "")),
            ("smtp.outlook.com", ("no submission", "smtp-mail.outlook.com")),
            ("mail.google.com", ("no submission", "smtp.gmail.com")),
            ("smtp.google.com", ("no submission", "smtp.gmail.com")),
            ("aspmx.l.google.com", ("no submission", "smtp.gmail.com")),
            ("acme-org.mail.protection.outlook.com", ("no submission", "smtp.office365.com")),
            ("inbound-smtp.eu-west-1.amazonaws.com", ("no submission", "email-smtp.*.amazonaws.com")),
            ("api.resend.com", ("other service", "smtp.resend.com")),
            ("mx1.mailbox.org", ("other service", "smtp.mailbox.org")),
            ("mx.freenet.de", ("server", "mx.freenet.de")),
            ("imap.gmail.com", ("other service", "smtp.gmail.com")),
            ("outlook.office365.com", ("other service", "smtp.office365.com")),
            ("gmail.com", ("domain", "smtp.gmail.com")),
            ("smtp2.gmail.com", ("same provider", "smtp.gmail.com")),
            ("email-smtp.eu-west-1.amazonaws.com", ("server", "email-smtp.*.amazonaws.com")),
            ("smtp.yourservice.com", ("unknown", "")),
            ("mail.example.com", ("unknown", "")),
            ("smtp.one.com", ("unknown", "")),
            ("smtp.gmx.com", ("same provider", "mail.gmx.com")),
            ("smtp1.gmail.com", ("same provider", "smtp.gmail.com")),
            ("mail.ovh.net", ("same provider", "ssl0.ovh.net")),
            ("imap.ionos.de", ("other service", "smtp.ionos.de")),
        ] {
            assert_eq!(server(host), (expected.0, expected.1.as_bytes()), "{host}");
        }
    }

    #[test]
    fn settings_are_suggested_for_addresses_and_hosts() {
        let directory = Directory::new();
        for (text, expected) in [
            ("jan@gmail.com", Some(("smtp.gmail.com", 587, "starttls", Some("jan@gmail.com")))),
            (" Jan@GMX.de ", Some(("mail.gmx.net", 587, "starttls", Some("Jan@GMX.de")))),
            ("smtp.web.de", Some(("smtp.web.de", 587, "starttls", None))),
            ("imap.orange.fr", Some(("smtp.orange.fr", 465, "tls", None))),
            (
                "email-smtp.eu-west-1.amazonaws.com",
                Some(("email-smtp.eu-west-1.amazonaws.com", 587, "starttls", None)),
            ),
            ("jan@example.org", None),
            ("@gmail.com", None),
            ("", None),
        ] {
            let suggestion = directory.suggest(text.as_bytes());
            let found: Vec<_> = suggestion.changes().collect();
            let value = |at: usize| found.get(at).map(|(_, value)| *value);
            let expected = expected.map(|(host, port, mode, user): (_, _, _, Option<&'static str>)| {
                [Some(Text(host)), Some(Number(port)), Some(Text(mode)), user.map(Text)]
            });
            assert_eq!(
                value(0).is_some().then(|| [value(0), value(1), value(2), value(3)]),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn typing_errors_in_mail_domains() {
        let directory = Directory::new();
        for (domain, expected) in [
            ("gmial.com", Some("gmail.com")),
            ("gmail.co", Some("gmail.com")),
            ("gamil.com", Some("gmail.com")),
            ("hotnail.com", Some("hotmail.com")),
            ("yaho.com", Some("yahoo.com")),
            ("outlok.com", Some("outlook.com")),
            ("gmail.com", None),
            ("mail.com", None),
            ("email.com", None),
            ("gmx.ch", None),
            ("gmx.dk", None),
            ("aol.co", None),
            ("hotmail.be", None),
            ("yahoo.se", None),
            ("hotmial.fr", Some("hotmail.fr")),
            ("example.com", None),
            ("yourservice.com", None),
        ] {
            let nearest = match directory.mail_domain(domain.as_bytes()) {
                DomainMatch::Unknown(nearest) => nearest,
                DomainMatch::Known(_) => None,
            };
            assert_eq!(nearest, expected.map(str::as_bytes), "{domain}");
        }
    }
}
