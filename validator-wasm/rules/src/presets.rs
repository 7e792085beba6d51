//! The SMTP servers of well-known providers, and the domains whose mail they carry.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::text::{lower, trim};
use crate::typo;

/// A provider's SMTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The server; `*` stands for one label, such as a region.
    pub host: &'static str,
    /// The submission port.
    pub port: u16,
    /// Whether TLS is implicit.
    pub tls: bool,
    /// The name people know.
    pub name: &'static str,
    /// The mail domains, separated by spaces; empty for services that send for any domain.
    pub domains: &'static str,
    flags: u8,
}

/// Mailboxes for everybody, at the provider's own domains alone: the server takes no other sender.
const OWN: u8 = 1;
/// Takes an application password of 16 letters in place of the account's.
const APP: u8 = 2;
/// Turns passwords off by and by.
const ENDING: u8 = 4;

impl Preset {
    /// Whether the server takes only senders at the provider's own domains.
    pub fn own_domains_only(&self) -> bool {
        self.flags & OWN != 0
    }

    /// Whether the account's own password is refused and an application password of 16 letters wanted.
    pub fn app_password(&self) -> bool {
        self.flags & APP != 0
    }

    /// Whether the provider retires password authentication.
    pub fn password_ending(&self) -> bool {
        self.flags & ENDING != 0
    }

    fn serves(&self, domain: &str) -> bool {
        !domain.is_empty() && self.domains.split(' ').any(|own| own == domain)
    }

    fn is_host(&self, host: &str) -> bool {
        match self.host.split_once('*') {
            None => self.host == host,
            Some((start, end)) => host
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(end))
                .is_some_and(|middle| !middle.is_empty() && !middle.contains('.')),
        }
    }
}

const fn p(host: &'static str, port: u16, flags: u8, name: &'static str, domains: &'static str) -> Preset {
    Preset { host, port, tls: port == 465, name, domains, flags }
}

/// The providers.
pub const PRESETS: &[Preset] = &[
    p("smtp.gmail.com", 587, APP, "Gmail", "gmail.com googlemail.com"),
    p("smtp-relay.gmail.com", 587, 0, "Google Workspace", ""),
    p("smtp.office365.com", 587, ENDING, "Microsoft 365", "office365.com onmicrosoft.com"),
    p(
        "smtp-mail.outlook.com",
        587,
        OWN | ENDING,
        "Outlook.com",
        "outlook.com hotmail.com live.com msn.com outlook.fr hotmail.fr live.fr outlook.de hotmail.de live.de \
         live.nl hotmail.nl outlook.es hotmail.es hotmail.co.uk live.co.uk",
    ),
    p(
        "smtp.mail.yahoo.com",
        465,
        OWN | APP,
        "Yahoo",
        "yahoo.com ymail.com rocketmail.com yahoo.fr yahoo.de yahoo.es yahoo.co.uk yahoo.it",
    ),
    p("smtp.aol.com", 465, OWN | APP, "AOL", "aol.com aim.com"),
    p("smtp.mail.me.com", 587, 0, "iCloud", "icloud.com me.com mac.com"),
    p("mail.gmx.net", 587, OWN, "GMX", "gmx.de gmx.net gmx.at gmx.ch"),
    p("mail.gmx.com", 587, OWN, "GMX", "gmx.com gmx.fr gmx.es gmx.us gmx.co.uk"),
    p("smtp.web.de", 587, OWN, "WEB.DE", "web.de"),
    p("smtp.mail.com", 587, OWN, "mail.com", "mail.com email.com"),
    p("securesmtp.t-online.de", 465, OWN, "T-Online", "t-online.de magenta.de"),
    p("mx.freenet.de", 587, OWN, "freenet", "freenet.de"),
    p("smtp.mailbox.org", 587, 0, "mailbox.org", "mailbox.org"),
    p("posteo.de", 587, OWN, "Posteo", "posteo.de posteo.net"),
    p("smtp.orange.fr", 465, OWN, "Orange", "orange.fr wanadoo.fr"),
    p("smtp.free.fr", 465, OWN, "Free", "free.fr"),
    p("smtp.sfr.fr", 465, OWN, "SFR", "sfr.fr neuf.fr"),
    p("smtp.laposte.net", 465, OWN, "La Poste", "laposte.net"),
    p("smtp.bbox.fr", 587, OWN, "Bouygues", "bbox.fr"),
    p("smtp.ziggo.nl", 587, OWN, "Ziggo", "ziggo.nl home.nl casema.nl"),
    p("smtp.kpnmail.nl", 587, OWN, "KPN", "kpnmail.nl planet.nl hetnet.nl"),
    p("smtp.xs4all.nl", 587, OWN, "XS4ALL", "xs4all.nl"),
    p("smtp.telenet.be", 587, OWN, "Telenet", "telenet.be"),
    p("relay.proximus.be", 587, OWN, "Proximus", "proximus.be skynet.be"),
    p("smtp.fastmail.com", 465, APP, "Fastmail", "fastmail.com fastmail.fm"),
    p("smtp.protonmail.ch", 587, 0, "Proton Mail", "proton.me protonmail.com pm.me"),
    p("smtp.zoho.com", 587, 0, "Zoho Mail", "zoho.com zohomail.com"),
    p("smtp.zoho.eu", 587, 0, "Zoho Mail", "zohomail.eu zoho.eu"),
    p("smtp.yandex.com", 465, 0, "Yandex", "yandex.com yandex.ru"),
    p("smtp.mail.ru", 465, OWN, "Mail.ru", "mail.ru bk.ru list.ru inbox.ru"),
    p("smtp.qq.com", 465, OWN, "QQ", "qq.com foxmail.com"),
    p("smtp.163.com", 465, OWN, "NetEase", "163.com"),
    p("smtp.126.com", 465, OWN, "NetEase", "126.com"),
    p("email-smtp.*.amazonaws.com", 587, 0, "Amazon SES", ""),
    p("smtp.sendgrid.net", 587, 0, "SendGrid", ""),
    p("smtp.mailgun.org", 587, 0, "Mailgun", ""),
    p("smtp.eu.mailgun.org", 587, 0, "Mailgun", ""),
    p("smtp.postmarkapp.com", 587, 0, "Postmark", ""),
    p("smtp.mandrillapp.com", 587, 0, "Mandrill", ""),
    p("in-v3.mailjet.com", 587, 0, "Mailjet", ""),
    p("smtp-relay.brevo.com", 587, 0, "Brevo", ""),
    p("smtp-relay.sendinblue.com", 587, 0, "Brevo", ""),
    p("smtp.sparkpostmail.com", 587, 0, "SparkPost", ""),
    p("smtp.eu.sparkpostmail.com", 587, 0, "SparkPost", ""),
    p("smtp.mailersend.net", 587, 0, "MailerSend", ""),
    p("smtp.resend.com", 587, 0, "Resend", ""),
    p("smtp.elasticemail.com", 2525, 0, "Elastic Email", ""),
    p("mail.smtp2go.com", 587, 0, "SMTP2GO", ""),
    p("smtp.socketlabs.com", 587, 0, "SocketLabs", ""),
    p("smtp.zeptomail.com", 587, 0, "ZeptoMail", ""),
    p("smtp.zeptomail.eu", 587, 0, "ZeptoMail", ""),
    p("live.smtp.mailtrap.io", 587, 0, "Mailtrap", ""),
    p("smtp.azurecomm.net", 587, 0, "Azure Communication Services", ""),
    p("smtp.tem.scaleway.com", 587, 0, "Scaleway", ""),
    p("smtp.ionos.com", 587, 0, "IONOS", ""),
    p("smtp.ionos.de", 587, 0, "IONOS", ""),
    p("smtp.ionos.fr", 587, 0, "IONOS", ""),
    p("smtp.ionos.es", 587, 0, "IONOS", ""),
    p("smtp.strato.de", 465, 0, "STRATO", ""),
    p("ssl0.ovh.net", 465, 0, "OVHcloud", ""),
    p("pro1.mail.ovh.net", 587, 0, "OVHcloud", ""),
    p("mail.gandi.net", 587, 0, "Gandi", ""),
    p("mail.infomaniak.com", 587, 0, "Infomaniak", "infomaniak.com ik.me"),
    p("smtp.transip.email", 465, 0, "TransIP", ""),
    p("smtp.hostinger.com", 465, 0, "Hostinger", ""),
    p("smtpout.secureserver.net", 465, 0, "GoDaddy", ""),
    p("mail.your-server.de", 587, 0, "Hetzner", ""),
    p("smtp.rackspace.com", 465, 0, "Rackspace", ""),
    p("smtp.dreamhost.com", 465, 0, "DreamHost", ""),
];

/// What a host is to the providers we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Their SMTP server.
    Server(&'static Preset),
    /// Another of their SMTP servers, or at least nothing to correct.
    Theirs(&'static Preset),
    /// Their mail domain.
    Domain(&'static Preset),
    /// Their IMAP, POP or web server.
    Other(&'static Preset),
    /// Close to their SMTP server.
    Typo(&'static Preset),
    /// Nothing.
    Stranger,
}

/// What the host is. In lower case, as A-labels.
pub(crate) fn recognise(host: &str) -> Known {
    if let Some(preset) = PRESETS.iter().find(|preset| preset.is_host(host)) {
        return Known::Server(preset);
    }
    if let Some(preset) = by_domain(host) {
        return Known::Domain(preset);
    }
    let (first, domain) = host.split_once('.').unwrap_or((host, ""));
    if let Some(preset) = by_service_domain(domain) {
        return if is_other_service(first, preset) {
            Known::Other(preset)
        } else if is_smtp_typo(first) && preset.host.starts_with("smtp.") {
            Known::Typo(preset)
        } else {
            Known::Theirs(preset)
        };
    }
    typo::nearest_host(host).map_or(Known::Stranger, Known::Typo)
}

/// The preset for a mail domain.
pub(crate) fn by_domain(domain: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.serves(domain))
}

/// The preset of a domain that servers stand in: a mail domain, or what follows the first label of an SMTP
/// server.
fn by_service_domain(domain: &str) -> Option<&'static Preset> {
    by_domain(domain)
        .or_else(|| {
            PRESETS.iter().find(|preset| match preset.host.split_once('.') {
                Some((_, own)) => own == domain && domain.contains('.'),
                None => false,
            })
        })
        .or(match domain {
            "office.com" | "office365.com" => by_domain("office365.com"),
            "live.com" => by_domain("live.com"),
            _ => None,
        })
}

/// At a hoster whose customers bring their own domains, `mail` may well be a server of theirs.
fn is_other_service(label: &str, preset: &Preset) -> bool {
    const SERVICES: [&str; 9] =
        ["imap", "imaps", "imap4", "pop", "pop3", "pops", "imap-mail", "pop-mail", "secureimap"];
    const WEB: [&str; 5] = ["mail", "webmail", "www", "outlook", "securepop"];
    SERVICES.contains(&label) || (!preset.domains.is_empty() && WEB.contains(&label))
}

fn is_smtp_typo(label: &str) -> bool {
    label != "smtp"
        && label.bytes().all(|byte| byte.is_ascii_lowercase())
        && typo::distance(label, "smtp") == 1
}

/// What [`suggest`] proposes: a fragment of SmtpSettings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion<'a> {
    /// The server.
    pub host: Cow<'static, str>,
    /// Its port.
    pub port: u16,
    /// `starttls` or `tls`.
    pub security: &'static str,
    /// The account, when an address was given.
    pub username: Option<&'a str>,
}

/// The settings of the provider that this address or host belongs to, when we know it.
pub fn suggest(text: &str) -> Option<Suggestion<'_>> {
    let text = trim(text);
    if text.len() > 320 {
        return None;
    }
    let (username, name) = match text.rsplit_once('@') {
        Some(("", _)) => return None,
        Some((_, domain)) => (Some(text), lower(domain)),
        None => (None, lower(text)),
    };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let preset = match recognise(name) {
        Known::Server(preset) if username.is_none() => preset,
        Known::Domain(preset) => preset,
        Known::Theirs(preset) | Known::Other(preset) if username.is_none() => preset,
        _ => by_domain(name)?,
    };
    let host = if preset.is_host(name) {
        Cow::Owned(String::from(name))
    } else if preset.host.contains('*') {
        return None;
    } else {
        Cow::Borrowed(preset.host)
    };
    Some(Suggestion { host, port: preset.port, security: mode(preset.tls), username })
}

/// The name of a TLS mode.
pub(crate) fn mode(tls: bool) -> &'static str {
    if tls { "tls" } else { "starttls" }
}

#[cfg(test)]
mod tests {
    use super::{Known, PRESETS, recognise, suggest};

    #[test]
    fn every_preset_knows_itself_and_its_neighbours() {
        for preset in PRESETS {
            if !preset.host.contains('*') {
                assert_eq!(recognise(preset.host), Known::Server(preset), "{}", preset.host);
            }
            for domain in
                preset.domains.split(' ').filter(|domain| !domain.is_empty() && *domain != preset.host)
            {
                assert_eq!(recognise(domain), Known::Domain(preset), "{domain}");
            }
        }
    }

    #[test]
    fn what_hosts_are() {
        let server = |host: &str| match recognise(host) {
            Known::Server(preset) => ("server", preset.host),
            Known::Theirs(preset) => ("theirs", preset.host),
            Known::Domain(preset) => ("domain", preset.host),
            Known::Other(preset) => ("other", preset.host),
            Known::Typo(preset) => ("typo", preset.host),
            Known::Stranger => ("stranger", ""),
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
            assert_eq!(server(host), expected, "{host}");
        }
    }

    #[test]
    fn suggestions() {
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
            let found = suggest(text);
            let found = found.as_ref().map(|s| (s.host.as_ref(), s.port, s.security, s.username));
            assert_eq!(found, expected, "{text}");
        }
    }
}
