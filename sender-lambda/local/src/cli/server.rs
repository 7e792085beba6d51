//! The settings of `ownpost test HOST[:PORT]`: from arguments, and a password that is none of them.

use std::env::{self, VarError};
use std::io;
use std::path::Path;

use ownpost_core::wire::wipe;
use serde_json::{Map, Value, json};
use smtp_rules::Security;
use zeroize::Zeroizing;

use super::{ServerArgs, input, terminal};
use crate::private_file::create_private;

/// The environment variable with the password.
const PASSWORD: &str = "OWNPOST_PASSWORD";
/// The most octets of a CA file: the rules take 32 KiB, and say so.
const LARGEST_CA: usize = 64 * 1024;

/// A server as it is named on the command line.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: Option<u16>,
}

/// Reads `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT` or an IPv6 address. A scheme stays with the host: the rules explain it.
fn parse(text: &str) -> Result<Server, String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let Server { host, port } = parse(rest)?;
        return Ok(Server { host: format!("{scheme}://{host}"), port });
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or(rest))),
        // Several colons are an IPv6 address.
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = port
        .map(|port| port.parse().map_err(|_| format!("{text}: `{port}` is no port, as in {host}:587")))
        .transpose()?;
    Ok(Server { host: host.to_owned(), port })
}

/// The SmtpSettings document of these arguments. Without a port it is 465 with `--tls`, 587 with an account, else 25;
/// the port then decides between TLS and STARTTLS.
fn document(
    server: &Server,
    args: &ServerArgs,
    from: &str,
    password: Option<&str>,
    ca: Option<&str>,
) -> Value {
    let port = server.port.unwrap_or(match (args.tls, &args.user) {
        (true, _) => 465,
        (false, Some(_)) => 587,
        (false, None) => 25,
    });
    let tls = args.tls || Security::of_port(port) == Some(Security::Tls);
    let mut settings = Map::new();
    let mut set = |name: &str, value: Value| settings.insert(name.to_owned(), value);
    set("host", json!(server.host));
    set("port", json!(port));
    set("security", json!(if tls { "tls" } else { "starttls" }));
    set("authMethod", json!(if args.user.is_some() { "password" } else { "none" }));
    if let Some(user) = &args.user {
        set("username", json!(user));
    }
    if let Some(password) = password {
        set("password", json!({"set": password}));
    }
    set("senderAddress", json!(from));
    if let Some(pem) = ca {
        set("caPem", json!(pem));
    }
    Value::Object(settings)
}

/// The settings of these arguments as JSON; asks for the password where the environment does not have it.
pub(super) fn settings(target: &Path, args: &ServerArgs, from: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let target = target.to_str().ok_or("the name of the server is no text")?;
    if target == "-" {
        return Err("--from goes with a server: ownpost test HOST[:PORT] --from ADDRESS".to_owned());
    }
    let server = parse(target)?;
    if args.save.as_deref() == Some(Path::new("-")) {
        return Err("--save writes a new file, and - names none".to_owned());
    }
    if let Some(file) = args.save.as_ref().filter(|file| file.exists()) {
        return Err(format!("{}: is there already; --save writes a new file", file.display()));
    }
    let ca = args.ca.as_deref().map(|file| text_of(file, LARGEST_CA)).transpose()?;
    let password = args.user.as_deref().map(password).transpose()?;
    let password = password.as_ref().map(|password| password.as_str());
    Ok(bytes(document(&server, args, from, password, ca.as_deref())))
}

/// Writes settings of [`settings`] into a new file that its owner alone reads: without the password unless it was
/// asked for. Gives the line that says so.
pub(super) fn save(settings: &[u8], file: &Path, with_password: bool) -> Result<String, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut value: Value = serde_json::from_slice(settings).map_err(|error| problem(&error))?;
    let mut removed = None;
    if !with_password && let Some(members) = value.as_object_mut() {
        removed = members.shift_remove("password").map(wiped);
    }
    let mut text = Zeroizing::new(serde_json::to_vec_pretty(&value).map_err(|error| problem(&error))?);
    text.push(b'\n');
    wiped(value);
    create_private(file, &text).map_err(|error| problem(&error))?;
    let without = if removed.is_some() { ", without the password" } else { "" };
    Ok(format!("Saved in {}{without}.", file.display()))
}

/// Puts the password of the environment into settings that name an account and have no password: what `--save` has
/// written. Other documents stay as they are, byte for byte.
pub(super) fn with_password(document: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, String> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&document) else { return Ok(document) };
    let by_password = matches!(members.get("authMethod"), None | Some(Value::Null))
        || members.get("authMethod").is_some_and(|method| method == "password");
    let is_missing = matches!(members.get("password"), None | Some(Value::Null));
    if !(by_password && is_missing) {
        wiped(Value::Object(members));
        return Ok(document);
    }
    let Some(password) = of_environment()? else { return Ok(document) };
    members.insert("password".to_owned(), json!({"set": password.as_str()}));
    Ok(bytes(Value::Object(members)))
}

fn of_environment() -> Result<Option<Zeroizing<String>>, String> {
    match env::var(PASSWORD) {
        Ok(password) if !password.is_empty() => Ok(Some(Zeroizing::new(password))),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{PASSWORD} is not UTF-8")),
    }
}

/// The password of the environment, or typed on the terminal without an echo.
fn password(user: &str) -> Result<Zeroizing<String>, String> {
    if let Some(password) = of_environment()? {
        return Ok(password);
    }
    terminal::unseen(&format!("Password of {}: ", terminal::clean(user))).map_err(|error| {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => "no password was entered".to_owned(),
            io::ErrorKind::InvalidData => "the password is not UTF-8".to_owned(),
            _ => format!("there is no terminal to ask for the password on; set {PASSWORD}"),
        }
    })
}

fn text_of(file: &Path, limit: usize) -> Result<String, String> {
    let bytes = input::read(file, limit)?;
    if bytes.trim_ascii().is_empty() {
        return Err(format!("{}: holds no certificate", file.display()));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("{}: is not PEM, which is text", file.display()))
}

/// The document as bytes, and nothing of it left elsewhere.
fn bytes(document: Value) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(document.to_string().into_bytes());
    wiped(document);
    bytes
}

/// Overwrites every text, for any may be the password.
fn wiped(mut value: Value) {
    wipe(&mut value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (text, host, port) in [
            ("smtp.example.com", "smtp.example.com", None),
            ("smtp.example.com:587", "smtp.example.com", Some(587)),
            ("192.0.2.1:25", "192.0.2.1", Some(25)),
            ("[2001:db8::1]:465", "2001:db8::1", Some(465)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("2001:db8::1", "2001:db8::1", None),
        ] {
            assert_eq!(parse(text), Ok(Server { host: host.into(), port }), "{text}");
        }
        for text in ["smtp.example.com:", "smtp.example.com:smtp", "smtp.example.com:70000", "[::1]587x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_and_the_account_decide_what_is_not_said() {
        let user = Some("jan".to_owned());
        for (target, tls, user, port, security, method) in [
            ("a.test", false, None, 25, "starttls", "none"),
            ("a.test", false, user.clone(), 587, "starttls", "password"),
            ("a.test", true, user.clone(), 465, "tls", "password"),
            ("a.test:465", false, user.clone(), 465, "tls", "password"),
            ("a.test:2525", true, None, 2525, "tls", "none"),
            ("a.test:2525", false, None, 2525, "starttls", "none"),
        ] {
            let args = ServerArgs { user, tls, ..ServerArgs::default() };
            let document = document(&parse(target).unwrap(), &args, "n@a.test", None, None);
            assert_eq!(
                (&document["port"], &document["security"], &document["authMethod"]),
                (&json!(port), &json!(security), &json!(method)),
                "{target}"
            );
        }
    }
}
