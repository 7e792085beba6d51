//! Splits `providers.txt` in two: the columns of the rules as a short text, which is part of what a page downloads, and
//! the columns of the server and the form as Rust constants, which the linker leaves out of the page's module.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

const TABLE: &str = "providers.txt";

/// A block of the table.
#[derive(Default)]
struct Block<'a> {
    name: &'a str,
    server: Option<&'a str>,
    port: Option<&'a str>,
    domains: Vec<&'a str>,
    services: Vec<&'a str>,
    no_submission: Vec<&'a str>,
    only_own_domains: bool,
    app_password: bool,
    passwords_end: bool,
    relays: Vec<&'a str>,
    /// Mails, seconds, connections.
    account_limits: Option<[u32; 3]>,
    spf: Option<&'a str>,
    /// `Always` or `Usually`, and the selectors.
    dkim: Option<(&'static str, Vec<&'a str>)>,
    /// The name, and the server where it is another.
    form: Option<(&'a str, Option<&'a str>)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={TABLE}");
    let text = fs::read_to_string(TABLE)?;
    let blocks = read(&text)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let presets: Vec<String> = blocks.iter().map(preset).collect();
    fs::write(out.join("presets.txt"), presets.join("\n"))?;
    let mut providers = String::from("&[\n");
    for block in blocks.iter().filter(|block| block.server.is_some()) {
        provider(block, &mut providers)?;
    }
    Ok(fs::write(out.join("providers.rs"), providers + "]")?)
}

/// Reads the table. An error names the line.
fn read(text: &str) -> Result<Vec<Block<'_>>, String> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('#')) {
        let wrong = |problem: &str| Err(format!("{TABLE}:{number}: {problem}: {line}"));
        let Some(inner) = line.strip_prefix("  ") else {
            open = !line.is_empty();
            if open {
                blocks.push(Block { name: line, ..Block::default() });
            }
            continue;
        };
        let Some(block) = blocks.last_mut().filter(|_| open) else {
            return wrong("no provider's name above");
        };
        let (word, rest) = inner.split_once(' ').unwrap_or((inner, ""));
        let names = || rest.split(' ').filter(|name| !name.is_empty());
        match word {
            "server" => {
                let (server, port) =
                    rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
                if !server.contains('.') || !matches!(port, None | Some("465" | "2525")) {
                    return wrong("no server, or a port that presets.rs does not know");
                }
                (block.server, block.port) = (Some(server), port);
            }
            "domains" => block.domains.extend(names()),
            "services" => block.services.extend(names()),
            "no-submission" => block.no_submission.extend(names()),
            "only-own-domains" => block.only_own_domains = true,
            "app-password" => block.app_password = true,
            "passwords-end" => block.passwords_end = true,
            "relays" => block.relays.extend(names()),
            "account-limits" => match account_limits(rest) {
                None => return wrong("not `MAILS mails in SECONDS s, COUNT connections`"),
                limits => block.account_limits = limits,
            },
            "spf" => block.spf = Some(rest),
            "dkim" => match rest.split_once(' ') {
                Some(("always", names)) => block.dkim = Some(("Always", names.split(' ').collect())),
                Some(("usually", names)) => block.dkim = Some(("Usually", names.split(' ').collect())),
                _ => return wrong("neither `always` nor `usually`"),
            },
            "form" => {
                block.form =
                    Some(rest.split_once(": ").map_or((rest, None), |(name, host)| (name, Some(host))));
            }
            _ => return wrong("unknown word"),
        }
    }
    Ok(blocks)
}

fn account_limits(text: &str) -> Option<[u32; 3]> {
    let (mails, rest) = text.split_once(" mails in ")?;
    let (seconds, rest) = rest.split_once(" s, ")?;
    let connections = rest.strip_suffix(" connections")?;
    Some([mails.parse().ok()?, seconds.parse().ok()?, connections.parse().ok()?])
}

/// A line of the rules' text; `presets.rs` says what it holds.
fn preset(block: &Block<'_>) -> String {
    let Some(server) = block.server else { return format!(":- {}", block.domains.join(" ")) };
    let own = server.split_once('.').map_or("", |(_, domain)| domain);
    let (own, domains): (Vec<&str>, Vec<&str>) = block.domains.iter().partition(|name| **name == own);
    let flags: String = [
        (!own.is_empty(), 'd'),
        (block.port == Some("465"), 't'),
        (block.port == Some("2525"), '2'),
        (block.only_own_domains, 'o'),
        (block.app_password, 'a'),
        (block.passwords_end, 'e'),
    ]
    .into_iter()
    .filter_map(|(is_set, flag)| is_set.then_some(flag))
    .collect();
    let services: Vec<String> = block.services.iter().map(|name| format!(".{name}")).collect();
    let others: Vec<String> = block.no_submission.iter().map(|name| format!("!{name}")).collect();
    let more = services.iter().chain(&others).map(String::as_str).collect();
    let names = [vec![server], domains, more].concat().join(" ");
    let colon = if flags.is_empty() { "" } else { ":" };
    format!("{}:{names}{colon}{flags}", block.name)
}

/// A `Provider` of `providers.rs`.
fn provider(block: &Block<'_>, out: &mut String) -> Result<(), Box<dyn Error>> {
    let server = block.server.unwrap_or_default();
    let labels: Vec<&str> = server.rsplitn(3, '.').take(2).collect();
    let own = labels.into_iter().rev().collect::<Vec<_>>().join(".");
    let relays = if block.relays.is_empty() { vec![own.as_str()] } else { block.relays.clone() };
    let limits = match block.account_limits {
        None => "None".to_owned(),
        Some([mails, seconds, connections]) => {
            format!(
                "Some(AccountLimits {{ mails: {mails}, seconds: {seconds}, connections: {connections} }})"
            )
        }
    };
    let dkim = match &block.dkim {
        None => "None".to_owned(),
        Some((kind, selectors)) => format!("Some(Selectors::{kind}(&{selectors:?}))"),
    };
    let form = match block.form {
        None => "None".to_owned(),
        Some((name, host)) => {
            format!("Some(FormEntry {{ name: {name:?}, host: {:?} }})", host.unwrap_or(server))
        }
    };
    Ok(writeln!(
        out,
        "Provider {{ name: {:?}, relays: &{relays:?}, account_limits: {limits}, spf: {:?}, dkim: {dkim}, form: {form} }},",
        block.name, block.spf,
    )?)
}
