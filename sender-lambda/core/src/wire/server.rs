//! The server's side of the documents that come in: it lends their readers what a browser does in its own way or does
//! not have, and the operator's options.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::LazyLock;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use ownpost_documents::event::{self, EventError, EventReport};
use ownpost_documents::settings::{self, CheckedDraft};
use ownpost_documents::validation::ValidationReport;
use ownpost_domain::event::Event;
use ownpost_domain::settings::Settings;
use smtp_rules::pem::Certificate;
use smtp_rules::{CertificateProblem, Directory, Idn, Options, Platform};

use crate::config::Config;
use crate::oauth_providers::OAuthProviders;

/// Checks a settings document of any bytes with the rules, in the operator's options. `locale` is a BCP 47 tag.
/// `now_unix` in seconds: certificates in `caPem` expire.
pub fn check(document: &[u8], config: &Config, locale: &str, now_unix: i64) -> CheckedDraft {
    let options = OperatorOptions::new(config);
    let server = Server { now: Some(now_unix), endpoints: &config.overrides.allow_endpoints };
    settings::check(document, &options.options(), &server, locale)
}

/// Fills the operator's application into settings that name a provider.
///
/// # Errors
/// A report: the operator has no such provider.
pub fn with_provider(
    mut settings: Settings,
    providers: &OAuthProviders,
    locale: &str,
) -> Result<Settings, ValidationReport> {
    match providers.complete(&mut settings) {
        Ok(()) => Ok(settings),
        Err(_) => Err(settings::unknown_provider(locale)),
    }
}

/// Reads stored settings; see [`ownpost_documents::settings::from_document`].
///
/// # Errors
/// The document is no settings, or a secret is missing; the message names no secret.
pub fn from_document(document: &str) -> Result<Settings, String> {
    settings::from_document(document, &Server { now: None, endpoints: &[] })
}

/// Reads an event document of at most `most` bytes; see [`ownpost_documents::event::parse`].
///
/// # Errors
/// The first thing that makes it unusable.
pub fn parse(document: &[u8], most: usize) -> Result<Event, EventError> {
    event::parse(document, most, to_ascii)
}

/// Reads an event from JSON text and finds everything that is wrong with it, as the npm package does.
pub fn read(document: &str) -> EventReport {
    EventReport::of_text(document, to_ascii)
}

/// The report on an event document of at most `most` bytes.
pub fn report(document: &[u8], most: usize) -> EventReport {
    EventReport::of_document(document, most, to_ascii)
}

/// The address as it is kept and compared; see [`ownpost_documents::event::canonical_address`].
pub fn canonical_address(address: &str) -> Option<String> {
    event::canonical_address(address, to_ascii)
}

/// The address under which a row is kept and looked for. Of a text that is no address it is the one that it seems to mean:
/// `Jan <jan@example.org>` fails, and who looks for jan@example.org finds why. Else the text itself.
pub fn address_meant(text: &str) -> String {
    let trimmed = text.trim();
    let inner = trimmed
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(trimmed, |(inner, _)| inner);
    let bare = inner.strip_prefix("mailto:").unwrap_or(inner).trim();
    canonical_address(text).or_else(|| canonical_address(bare)).unwrap_or_else(|| text.to_owned())
}

fn to_ascii(name: &str) -> Option<String> {
    idna::domain_to_ascii_cow(name.as_bytes(), AsciiDenyList::URL).ok().map(Cow::into_owned)
}

/// UTS 46 as browsers have it for the host of a URL.
fn lenient(name: &str) -> Result<Cow<'_, str>, idna::Errors> {
    Uts46::new().to_ascii(name.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::Ignore)
}

/// The steps that only a server can do.
#[derive(Clone, Copy, Debug)]
struct Server<'a> {
    /// The time in seconds since 1970; `None` leaves out what depends on it.
    now: Option<i64>,
    /// The operator's exceptions of networks and ports.
    endpoints: &'a [SocketAddr],
}

static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::new);

impl Platform for Server<'_> {
    fn directory(&self) -> &Directory {
        &DIRECTORY
    }

    fn allowed_endpoints(&self) -> &[SocketAddr] {
        self.endpoints
    }

    fn idn(&self, name: &[u8]) -> Idn {
        let strict = Uts46::new().to_ascii(name, AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
        if let Ok(ascii) = strict {
            return Idn::Name(ascii.into_owned().into_bytes());
        }
        let Ok(name) = str::from_utf8(name) else { return Idn::Invalid };
        // What browsers do with a host; of a name in ASCII, some of them do not look at the A-labels at all.
        match lenient(name) {
            Ok(ascii) => return Idn::Refused(ascii.into_owned().into_bytes()),
            Err(_) if name.is_ascii() => return Idn::Refused(name.into()),
            Err(_) => {}
        }
        // A character that no name has, by itself or behind a letter of either direction, stops every browser, and so
        // does a joiner where it joins nothing; direction does not stop all of them.
        let beyond_ascii = || name.chars().filter(|c| !c.is_ascii() || *c == '.').collect::<String>();
        let is_impossible = |c: &char| match c {
            '\u{200c}' | '\u{200d}' => lenient(&beyond_ascii()).is_err(),
            _ => ["", "a", "\u{5d0}"].iter().all(|before| lenient(&format!("{before}{c}")).is_err()),
        };
        if name.chars().any(|c| is_impossible(&c)) { Idn::Invalid } else { Idn::Unsure }
    }

    fn certificate(&self, der: &[u8]) -> Option<CertificateProblem> {
        Certificate::read(der)?.problem(self.now?)
    }
}

/// The operator's options as the rules take them.
struct OperatorOptions {
    ports: String,
    networks: String,
}

impl OperatorOptions {
    fn new(config: &Config) -> Self {
        let ports = config.allow_ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        Self { ports, networks: config.allow_networks.join(",") }
    }

    fn options(&self) -> Options<'_> {
        Options { allow_ports: self.ports.as_bytes(), allow_networks: self.networks.as_bytes(), only: None }
    }
}
