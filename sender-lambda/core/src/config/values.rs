//! The values that variables take, each read from its text.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ownpost_domain::brand::{Brand, UnusableBrand, is_url};
use zeroize::Zeroizing;

use super::variable::Parsed;
use crate::files;
use crate::oauth_providers::OAuthProviders;

/// Where the operator keeps the DKIM keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DkimSource {
    /// A file, read at start.
    File(PathBuf),
    /// A secret of this name or ARN, read when the first mail leaves and every few minutes. `ownpost` has none.
    Secret(String),
}

/// What the rules take, in the browser too.
pub(super) fn network(text: &str) -> Parsed<String> {
    let problem = || format!("`{text}` is no network or address; write 10.0.0.0/8, fd00::/8 or 192.168.1.5");
    smtp_rules::address::Network::parse(text).map(|_| text.to_owned()).ok_or_else(problem)
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("`{text}` is no port; write numbers from 1 to 65535 separated by commas"))
}

pub(super) fn count(text: &str) -> Parsed<u32> {
    text.parse::<u32>()
        .ok()
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| format!("`{text}` is no number from 1 to 1000"))
}

/// Hours up to 90 days: beyond that nobody wants the mail any more, and its document may be gone.
pub(super) fn hours(text: &str) -> Parsed<Duration> {
    text.parse::<u64>()
        .ok()
        .filter(|hours| (1..=2160).contains(hours))
        .map(Duration::from_hours)
        .ok_or_else(|| format!("`{text}` is no number of hours from 1 to 2160"))
}

pub(super) fn days(text: &str) -> Parsed<Duration> {
    text.parse::<u64>()
        .ok()
        .filter(|days| (1..=3650).contains(days))
        .map(|days| Duration::from_hours(days * 24))
        .ok_or_else(|| format!("`{text}` is no number of days from 1 to 3650"))
}

pub(super) fn file(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err(no_file(text)) }
}

/// Why a path is none of a file that is read at start.
pub(super) fn no_file(text: &str) -> String {
    match std::fs::metadata(text) {
        Ok(_) => format!("`{text}` is no regular file"),
        Err(_) => format!("there is no file `{text}`"),
    }
}

pub(super) fn folder(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err(format!("there is no folder `{text}`")) }
}

/// A file that is there, or else a secret's name. Keys have no place in the environment, which consoles show.
pub(super) fn dkim(text: &str) -> Parsed<DkimSource> {
    if text.starts_with(['[', '{']) {
        return Err("takes a file's path or a secret's name, not the keys themselves".to_owned());
    }
    let path = PathBuf::from(text);
    if path.is_file() {
        return Ok(DkimSource::File(path));
    }
    if text.starts_with(['/', '.', '~']) {
        return Err(no_file(text));
    }
    secret_name(text).map(DkimSource::Secret)
}

/// The brand, as JSON or in a file.
pub(super) fn product(text: &str) -> Parsed<Brand> {
    let json = json_or_file(text)?;
    let brand: Brand = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let unusable = |found: UnusableBrand| format!("{}: {}", found.member, found.problem);
    brand.check().map_err(unusable)?;
    Ok(brand)
}

/// The providers, or the name of the secret with them.
pub(super) fn oauth_providers(text: &str) -> Parsed<(OAuthProviders, Option<String>)> {
    let is_json = text.starts_with(['{', '[']);
    let path = Path::new(text);
    if !is_json && path.is_absolute() && path.exists() && !path.is_file() {
        return Err(no_file(text));
    }
    if !is_json && !path.is_file() {
        let name =
            secret_name(text).map_err(|_| "is neither JSON, nor a file, nor a secret's name".to_owned())?;
        return Ok((OAuthProviders::default(), Some(name)));
    }
    Ok((OAuthProviders::parse(&json_or_file(text)?)?, None))
}

/// An origin (RFC 6454 §6.1), or a pattern of API Gateway's: `*`, `https://*`.
pub(super) fn origin(text: &str) -> Parsed<String> {
    let text = text.trim_end_matches('/');
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |authority: &str| {
        !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]*".contains(&b))
    };
    if text == "*" || authority.is_some_and(plain) {
        // Browsers write scheme and host in lower case.
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is no origin; write https://app.example.com"))
    }
}

/// The API's address. Providers send a code there, so it is https, but for this machine's own.
pub(super) fn public_url(text: &str) -> Parsed<String> {
    let url = text.trim_end_matches('/');
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|local| {
        url.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let usable = is_url(url, &["https://"]) || (is_local && is_url(url, &["http://"]));
    if usable && !url.contains(['?', '#', '@']) {
        Ok(url.to_owned())
    } else {
        Err(format!("`{text}` is no address such as https://mail.example.com/api"))
    }
}

/// A value that is JSON itself, or the path of a file with it.
pub(super) fn json_or_file(text: &str) -> Parsed<Zeroizing<String>> {
    if text.starts_with(['{', '[']) {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    files::read_text(Path::new(text))
        .map_err(|error| format!("`{text}` is neither JSON nor a file that can be read: {error}"))
}

pub(super) fn ehlo_name(text: &str) -> Parsed<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no full host name; write something like mail.example.com"))
    }
}

/// The region of an ARN; `None` for a name.
pub(super) fn arn_region(text: &str) -> Option<&str> {
    text.strip_prefix("arn:")?.split(':').nth(2)
}

/// What Secrets Manager takes as a name, or a secret's ARN.
pub(super) fn secret_name(text: &str) -> Parsed<String> {
    let name = match text.strip_prefix("arn:") {
        None => text,
        Some(arn) => match arn.split_once(":secret:") {
            Some((before, name)) if before.split(':').nth(1) == Some("secretsmanager") => name,
            _ => return Err(format!("`{text}` is the ARN of no secret")),
        },
    };
    in_name(name, "/_+=.@-", 400)
        .map_err(|()| "a secret's name has letters, digits and /_+=.@- only".to_owned())?;
    Ok(text.to_owned())
}

/// What the names of the tenants' secrets may begin with: a tenant's name of 64 characters still fits behind it.
pub(super) fn secret_prefix(text: &str) -> Parsed<String> {
    in_name(text, "/_+=.@-", 400)
        .map(|()| text.to_owned())
        .map_err(|()| "a secret's name has letters, digits and /_+=.@- only, and this is no ARN".to_owned())
}

pub(super) fn table(text: &str) -> Parsed<String> {
    let name =
        text.strip_prefix("arn:").and_then(|arn| arn.split_once(":table/")).map_or(text, |(_, name)| name);
    if name.len() >= 3 && in_name(name, "_.-", 255).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("a table's name has 3 to 255 letters, digits and _.- only".to_owned())
    }
}

pub(super) fn queue_url(text: &str) -> Parsed<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| {
        let (host, path) = rest.split_once('/').unwrap_or_default();
        !host.is_empty() && !path.is_empty() && in_name(rest, ".:/_[]-", 2048).is_ok()
    });
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("is no queue's URL; write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME".to_owned())
    }
}

pub(super) fn event_bus(text: &str) -> Parsed<String> {
    in_name(text, "/_.:-", 1600)
        .map(|()| text.to_owned())
        .map_err(|()| "a bus' name or ARN has letters, digits and /_.:- only".to_owned())
}

/// What CloudFormation takes as a stack's name.
pub(super) fn stack(text: &str) -> Parsed<String> {
    in_name(text, "-", 128).map(|()| text.to_owned()).map_err(|()| format!("`{text}` is no stack's name"))
}

pub(super) fn key_arn(text: &str) -> Parsed<String> {
    let is_arn = text.starts_with("arn:") && text.contains(":kms:") && text.contains(":key/");
    if is_arn && in_name(text, ":/-_", 400).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no key's ARN; write arn:aws:kms:REGION:ACCOUNT:key/ID"))
    }
}

/// Names of claims may be URLs.
pub(super) fn claim_name(text: &str) -> Parsed<String> {
    let fits = text.chars().all(|c| c.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is no claim's name")) }
}

/// Whether the text has ASCII letters, digits and these characters alone, at most so many.
pub(super) fn in_name(text: &str, others: &str, most: usize) -> Result<(), ()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if !text.is_empty() && text.len() <= most && text.chars().all(fits) { Ok(()) } else { Err(()) }
}

pub(super) fn socket(text: &str) -> Parsed<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| format!("`{text}` is no address with a port; write 127.0.0.1:5353"))
}
