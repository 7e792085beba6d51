//! The SMTP servers of well-known providers, as the rules see them.

use alloc::borrow::Cow;

use crate::packed::Key;
use crate::ports::Security;
use crate::report::Report;
use crate::text::{find, joined, split_once};
use crate::typo;

/// The rules' columns of `providers.txt`, written by `build.rs`: a server each line. In front the provider's name, behind a
/// colon the server and its mail domains, those of services with a dot in front, and hosts that take no submission with `!`,
/// behind another the flags (`d`: what follows the server's first dot is a mail domain, too; `t`: port 465 and implicit TLS;
/// `2`: port 2525; `o`, `a`, `e`: below). The last line has the mail domains without a server.
pub(crate) const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/presets.txt"));

/// Whether the host is of a pattern: `*` in it stands for one label or a part of it, a dot in front for any labels or
/// none.
pub(crate) fn is_like(host: &[u8], pattern: &[u8]) -> bool {
    let Some((start, end)) = split_once(pattern, b'*') else {
        return host == pattern.strip_prefix(b".").unwrap_or(pattern)
            || (pattern.starts_with(b".") && host.ends_with(pattern));
    };
    let middle = host.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    middle.is_some_and(|middle| !middle.is_empty() && find(middle, b'.').is_none())
}

/// A provider's SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The server; `*` stands for one label.
    pub(crate) host: &'static [u8],
    pub(crate) flags: &'static [u8],
    /// The provider's name.
    pub(crate) name: &'static [u8],
    /// Whether it has mail domains of its own.
    pub(crate) has_domains: bool,
}

impl Preset {
    /// Whether the server takes no sender outside the provider's mail domains.
    pub(crate) fn own_domains_only(&self) -> bool {
        self.has(b'o')
    }

    /// Whether the server wants an application password of 16 letters in place of the account's own.
    pub(crate) fn app_password(&self) -> bool {
        self.has(b'a')
    }

    /// Whether the provider retires passwords.
    pub(crate) fn password_ending(&self) -> bool {
        self.has(b'e')
    }

    fn has(&self, flag: u8) -> bool {
        find(self.flags, flag).is_some()
    }

    /// Whether the server is a pattern, which is no name to propose.
    pub(crate) fn is_pattern(&self) -> bool {
        typo::is_pattern(self.host)
    }

    /// Whether the host matches the pattern.
    pub(crate) fn is_like(&self, host: &[u8]) -> bool {
        is_like(host, self.host)
    }

    /// The server to propose in place of a host that matches all of a pattern but its first label; `None` of a pattern
    /// for other hosts.
    pub(crate) fn server_beside(&self, host: &[u8]) -> Option<Cow<'static, [u8]>> {
        let Some((start, end)) = split_once(self.host, b'*') else { return Some(Cow::Borrowed(self.host)) };
        let (_, region) = split_once(host.strip_suffix(end)?, b'.')?;
        (!region.is_empty() && find(region, b'.').is_none())
            .then(|| Cow::Owned(joined(&[start, region, end])))
    }

    /// The changes that fill in the server.
    pub(crate) fn fill_in(&self, report: &mut Report) {
        report.set(&[Key::Host], self.host);
        self.fill_in_port(report);
    }

    /// The changes that fill in port and TLS mode.
    pub(crate) fn fill_in_port(&self, report: &mut Report) {
        let (port, security) = if self.has(b't') {
            (465, Security::Tls)
        } else {
            (if self.has(b'2') { 2525 } else { 587 }, Security::StartTls)
        };
        report.set_number(&[Key::Port], port);
        report.set(&[Key::Security], security.name());
    }
}
