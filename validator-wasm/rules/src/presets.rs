//! The SMTP servers of well-known providers, and the domains whose mail they carry.

use alloc::vec::Vec;

use crate::catalogue::Code;
use crate::packed::Key;
use crate::report::Report;
use crate::text::{find, lower, rsplit_once, split, split_once, trim_bytes, word};
use crate::typo;

/// One provider a line. What is special (`o`, `a`, `e`: below; `t`: the submission port is 465, by implicit TLS;
/// `2`: it is 2525; else 587). Behind a colon the name people know. Behind another the server, where `*` stands for
/// one label such as a region, and the mail domains, none for services that send for any domain; with a dot in front,
/// a domain that servers stand in but no mailboxes. The last line has no server, and the mail domains of everybody
/// else: targets of corrections, and never corrected.
const TABLE: &[u8] = include_bytes!("presets.txt");

/// A provider's SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The server; `*` stands for one label.
    pub(crate) host: &'static [u8],
    flags: &'static [u8],
    /// The name people know.
    pub(crate) name: &'static [u8],
    /// Whether it has mail domains of its own.
    has_domains: bool,
}

impl Preset {
    /// Whether it has mailboxes for everybody, at the provider's own domains alone: the server takes no other
    /// sender.
    pub(crate) fn own_domains_only(&self) -> bool {
        self.has(b'o')
    }

    /// Whether the account's own password is refused and an application password of 16 letters wanted.
    pub(crate) fn app_password(&self) -> bool {
        self.has(b'a')
    }

    /// Whether the provider retires password authentication.
    pub(crate) fn password_ending(&self) -> bool {
        self.has(b'e')
    }

    fn has(&self, flag: u8) -> bool {
        find(self.flags, flag).is_some()
    }

    /// Whether its host is a pattern, which is no name to propose.
    pub(crate) fn is_pattern(&self) -> bool {
        typo::is_pattern(self.host)
    }

    fn is_like(&self, host: &[u8]) -> bool {
        let Some((start, end)) = split_once(self.host, b'*') else { return false };
        let middle = host.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        middle.is_some_and(|middle| !middle.is_empty() && find(middle, b'.').is_none())
    }

    /// The changes that fill in the server.
    pub(crate) fn fill_in(&self, report: &mut Report) {
        report.set(&[Key::Host], self.host);
        self.fill_in_rest(report);
    }

    fn fill_in_rest(&self, report: &mut Report) {
        let tls = self.has(b't');
        let plain = if self.has(b'2') { 2525 } else { 587 };
        report.set_number(&[Key::Port], if tls { 465 } else { plain });
        report.set(&[Key::Security], mode(tls));
    }
}

/// Which names an entry is looked for among.
pub(crate) type List = u8;
/// SMTP servers.
pub(crate) const HOSTS: List = 0;
/// Mail domains.
pub(crate) const DOMAINS: List = 1;
/// What follows the first label of a server.
const SERVICES: List = 2;

/// Patterns have many lengths; they are kept under the one that no name has.
const PATTERNS: usize = 0;

/// One more than the longest name.
pub(crate) const LENGTHS: usize = 32;

/// A name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static [u8],
    pub(crate) letters: u32,
    /// How many slips to believe in, and beside the name's own main label.
    pub(crate) slips: u8,
    pub(crate) most: u8,
    /// The place of its list and length in [`Directory::first`].
    bucket: u8,
    preset: u8,
}

/// The providers, ready to be looked up. Made once at start, which takes microseconds: a page would have to
/// download what is made beforehand.
#[derive(Clone, Debug)]
pub struct Directory {
    presets: Vec<Preset>,
    /// List by list, in each by length, and else in the order of the table.
    pub(crate) entries: Vec<Entry>,
    /// For each list and length the place of the first entry, and at last the end of all.
    first: [u16; 3 * LENGTHS + 1],
}

/// What a host is to the providers we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<'d> {
    /// Their SMTP server.
    Server(&'d Preset),
    /// Another of their SMTP servers, or at least nothing to correct.
    Theirs(&'d Preset),
    /// Their mail domain.
    Domain(&'d Preset),
    /// Their IMAP, POP or web server.
    Other(&'d Preset),
    /// Close to their SMTP server.
    Typo(&'d Preset),
    /// Nothing.
    Stranger,
}

/// What a mail domain is to those we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail<'d> {
    /// One of them, perhaps of a provider whose server we know.
    Known(Option<&'d Preset>),
    /// None of them, but perhaps close to one.
    Unknown(Option<&'static [u8]>),
}

impl Entry {
    fn new(list: List, name: &'static [u8], preset: u8) -> Self {
        let slips = typo::believable_slips(name);
        let most = if list == HOSTS { slips.max(1) } else { slips };
        let length = if typo::is_pattern(name) { PATTERNS } else { name.len() };
        let bucket = list * LENGTHS as u8 + length as u8;
        Self { name, letters: typo::letters(name), slips, most, bucket, preset }
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
        let mut directory = Self { presets: Vec::new(), entries: Vec::new(), first: [0; 3 * LENGTHS + 1] };
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
        let (flags, name) = (parts.next()?, parts.next()?);
        let mut names = split(parts.next()?, b' ');
        let host = names.next()?;
        let has_domains = names.clone().next().is_some();
        // Without a server, the number is no preset's.
        let domain = split_once(host, b'.').map(|(_, domain)| domain);
        if domain.is_some() {
            self.presets.push(Preset { host, flags, name, has_domains });
            found.push(Entry::new(HOSTS, host, preset));
        }
        if let Some(domain) = domain.filter(|domain| find(domain, b'.').is_some()) {
            found.push(Entry::new(SERVICES, domain, preset));
        }
        for domain in names {
            found.push(match domain {
                [b'.', domain @ ..] => Entry::new(SERVICES, domain, preset),
                _ => Entry::new(DOMAINS, domain, preset),
            });
        }
        Some(())
    }

    /// The names of a list that have at least one and at most the other of these lengths.
    pub(crate) fn of_lengths(&self, list: List, least: usize, most: usize) -> &[Entry] {
        let place = |length: usize| {
            let bucket = usize::from(list) * LENGTHS + length.min(LENGTHS);
            self.first.get(bucket).map_or(0, |first| usize::from(*first))
        };
        self.entries.get(place(least)..place(most + 1)).unwrap_or_default()
    }

    fn preset(&self, entry: &Entry) -> Option<&Preset> {
        self.presets.get(usize::from(entry.preset))
    }

    fn exactly(&self, list: List, name: &[u8], letters: u32) -> Option<&Entry> {
        let mut entries = self.of_lengths(list, name.len(), name.len()).iter();
        entries.find(|entry| entry.letters == letters && entry.name == name)
    }

    /// What the host is. In lower case, as A-labels.
    pub(crate) fn recognise(&self, host: &[u8]) -> Known<'_> {
        let letters = typo::letters(host);
        if let Some(preset) = self.exactly(HOSTS, host, letters).and_then(|entry| self.preset(entry)) {
            return Known::Server(preset);
        }
        let patterns = self.of_lengths(HOSTS, PATTERNS, PATTERNS).iter();
        let mut patterns = patterns.filter_map(|entry| self.preset(entry));
        if let Some(preset) = patterns.find(|preset| preset.is_like(host)) {
            return Known::Server(preset);
        }
        if let Some(preset) = self.exactly(DOMAINS, host, letters).and_then(|entry| self.preset(entry)) {
            return Known::Domain(preset);
        }
        let (first, domain) = split_once(host, b'.').unwrap_or((host, b""));
        let letters_of_domain = typo::letters(domain);
        let service = [DOMAINS, SERVICES]
            .into_iter()
            .find_map(|list| self.preset(self.exactly(list, domain, letters_of_domain)?));
        if let Some(preset) = service {
            return if is_other_service(first, preset) {
                Known::Other(preset)
            } else if is_smtp_typo(first) && preset.host.starts_with(b"smtp.") {
                Known::Typo(preset)
            } else {
                Known::Theirs(preset)
            };
        }
        let nearest = typo::nearest(self, HOSTS, host, letters);
        nearest.and_then(|entry| self.preset(entry)).map_or(Known::Stranger, Known::Typo)
    }

    /// The preset for a mail domain.
    pub(crate) fn by_domain(&self, domain: &[u8]) -> Option<&Preset> {
        self.preset(self.exactly(DOMAINS, domain, typo::letters(domain))?)
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

    /// What this domain, in lower case, is to the mail domains we know.
    pub(crate) fn mail_domain(&self, domain: &[u8]) -> Mail<'_> {
        let letters = typo::letters(domain);
        match self.exactly(DOMAINS, domain, letters) {
            Some(entry) => Mail::Known(self.preset(entry)),
            None => Mail::Unknown(typo::nearest(self, DOMAINS, domain, letters).map(|entry| entry.name)),
        }
    }

    /// Proposes the settings of the provider that an address or a host belongs to, when we know it: as the fix
    /// of a single issue.
    pub fn suggest(&self, text: &[u8], report: &mut Report) {
        report.clear();
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
            Known::Server(preset) | Known::Theirs(preset) | Known::Other(preset) if !user => preset,
            Known::Domain(preset) => preset,
            _ => match self.by_domain(&name) {
                Some(preset) => preset,
                None => return,
            },
        };
        let host = if preset.is_like(&name) { &*name } else { preset.host };
        if find(host, b'*').is_some() {
            return;
        }
        report.add(Code::HostOtherService);
        report.set(&[Key::Host], host);
        preset.fill_in_rest(report);
        if user {
            report.set(&[Key::Username], text);
        }
    }
}

/// At a hoster whose customers bring their own domains, `mail` may well be a server of theirs.
fn is_other_service(label: &[u8], preset: &Preset) -> bool {
    const SERVICES: &[u8] = b"imap imaps imap4 pop pop3 pops imap-mail pop-mail secureimap";
    const WEB: &[u8] = b"mail webmail www outlook securepop";
    word(label, SERVICES).is_some() || (preset.has_domains && word(label, WEB).is_some())
}

fn is_smtp_typo(label: &[u8]) -> bool {
    label != b"smtp" && label.iter().all(u8::is_ascii_lowercase) && typo::is_within(label, b"smtp", 1)
}

/// The name of a TLS mode.
pub(crate) fn mode(tls: bool) -> &'static [u8] {
    if tls { b"tls" } else { b"starttls" }
}

#[cfg(test)]
mod tests {
    use super::{DOMAINS, Directory, Known, LENGTHS};
    use crate::report::Report;
    use crate::report::Scalar::{Number, Text};

    #[test]
    fn every_preset_knows_itself_and_its_neighbours() {
        let directory = Directory::new();
        let text = |bytes| str::from_utf8(bytes).unwrap();
        assert!(directory.presets.len() > 60);
        for preset in &directory.presets {
            if !preset.is_pattern() {
                assert_eq!(directory.recognise(preset.host), Known::Server(preset), "{}", text(preset.host));
            }
        }
        for entry in &directory.entries {
            assert!(entry.name.len() < LENGTHS && !entry.name.is_empty());
            let Some(preset) = directory.presets.get(usize::from(entry.preset)) else { continue };
            if usize::from(entry.bucket) / LENGTHS == usize::from(DOMAINS) && entry.name != preset.host {
                assert_eq!(directory.recognise(entry.name), Known::Domain(preset), "{}", text(entry.name));
            }
        }
    }

    #[test]
    fn what_hosts_are() {
        let directory = Directory::new();
        let server = |host: &str| match directory.recognise(host.as_bytes()) {
            Known::Server(preset) => ("server", preset.host),
            Known::Theirs(preset) => ("theirs", preset.host),
            Known::Domain(preset) => ("domain", preset.host),
            Known::Other(preset) => ("other", preset.host),
            Known::Typo(preset) => ("typo", preset.host),
            Known::Stranger => ("stranger", &b""[..]),
        };
        for (host, expected) in [
            ("smtp.gmail.com", ("server", "smtp.gmail.com")),
            ("smtp.gmial.com", ("typo", "smtp.gmail.com")),
            ("smtp.gmail.con", ("typo", "smtp.gmail.com")),
            ("stmp.gmail.com", ("typo", "smtp.gmail.com")),
            ("smtp.ofice365.com", ("typo", "smtp.office365.com")),
            ("smtp.sengrid.net", ("typo", "smtp.sendgrid.net")),
            ("imap.gmail.com", ("other", "smtp.gmail.com")),
            ("outlook.office365.com", ("other", "smtp.office365.com")),
            ("gmail.com", ("domain", "smtp.gmail.com")),
            ("smtp2.gmail.com", ("theirs", "smtp.gmail.com")),
            ("email-smtp.eu-west-1.amazonaws.com", ("server", "email-smtp.*.amazonaws.com")),
            ("smtp.yourservice.com", ("stranger", "")),
            ("mail.example.com", ("stranger", "")),
            ("smtp.one.com", ("stranger", "")),
            ("smtp.gmx.com", ("theirs", "mail.gmx.com")),
            ("smtp1.gmail.com", ("theirs", "smtp.gmail.com")),
            ("mail.ovh.net", ("theirs", "ssl0.ovh.net")),
            ("imap.ionos.de", ("other", "smtp.ionos.de")),
        ] {
            assert_eq!(server(host), (expected.0, expected.1.as_bytes()), "{host}");
        }
    }

    #[test]
    fn suggestions() {
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
            let mut report = Report::new();
            directory.suggest(text.as_bytes(), &mut report);
            let found = report.issues().next().map(|issue| issue.fix);
            let value = |at: usize| found.as_ref().and_then(|fix| fix.get(at)).map(|(_, value)| *value);
            let expected = expected.map(|(host, port, mode, user): (_, _, _, Option<&'static str>)| {
                [Some(Text(host)), Some(Number(port)), Some(Text(mode)), user.map(Text)]
            });
            assert_eq!(found.is_some().then(|| [value(0), value(1), value(2), value(3)]), expected, "{text}");
        }
    }
}
