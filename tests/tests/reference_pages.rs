//! Checks the documentation: its links lead to files and headings, and the tables of docs/reference are generated
//! from the code, so that each fact is written once. `OWNPOST_WRITE=1 cargo test -p ownpost-tests --test
//! reference_pages` writes the tables; without it, the test fails when a page and the code differ. A table is between
//! `<!-- table: NAME -->` and `<!-- end -->`; the rest of a page is written by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ownpost_core::config::{Config, Variable};
use ownpost_core::mail::catalogue::{FIELDS, Field, Kind, MailType, TYPES};
use ownpost_core::measure::{Metric, Unit};
use ownpost_core::wire::event::EventCode;
use ownpost_core::wire::http::{Problem, ProblemCode};
use ownpost_domain::failure::{FailureCode, Verdict};
use ownpost_i18n::{Locale, catalogue};
use serde_json::Value;
use smtp_rules::catalogue::{Code, Param, Scope};
use smtp_rules::{PORTS, Security};

const START: &str = "<!-- table: ";
const END: &str = "<!-- end -->";

/// The table with this name: `issues` and the like; `members Event` for the members of a document of `ownpost
/// schema`; `values Status` for the values of one of its enumerations; `command test` for the arguments of a command.
fn table(name: &str) -> Option<String> {
    Some(match name {
        "ports" => ports(),
        "issues" => issues(),
        "failures" => failures(),
        "event codes" => event_codes(),
        "findings" => findings(),
        "problems" => problems(Problem::CODES),
        "problems of ownpost local" => problems(Problem::LOCAL_CODES),
        "metrics" => metrics(),
        "mail types" => mail_types(),
        "mail fields" => mail_fields(),
        "variables" => variables(true),
        "variables of the functions" => variables(false),
        _ => match name.split_once(' ')? {
            ("command", name) => command(name)?,
            ("members", document) => members(document)?,
            ("values", enumeration) => values(enumeration)?,
            _ => return None,
        },
    })
}

/// The lines of a Markdown table. A `|` in a cell is escaped, because it would end the cell.
fn rows<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        let _ = writeln!(table, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    table
}

fn ports() -> String {
    let row = |(port, security): (u16, Security)| {
        let mode = match security {
            Security::Tls => "`tls`: TLS from the first byte",
            Security::StartTls => "`starttls`",
        };
        [port.to_string(), mode.to_owned()]
    };
    rows(["port", "goes with `security`"], PORTS.map(row))
}

fn issues() -> String {
    let sentences = fs::read_to_string(root().join("validator-wasm/locales/en/issues.json")).unwrap();
    let sentences: BTreeMap<String, Value> = serde_json::from_str(&sentences).unwrap();
    let row = |code: &Code| {
        let severity = match code.scope() {
            Scope::Both => code.severity().name().to_owned(),
            Scope::Server => format!("{}, server only", code.severity().name()),
        };
        let params: Vec<_> =
            code.params().iter().map(|param: &Param| format!("`{}`", param.name())).collect();
        let sentence = match &sentences[code.name()] {
            Value::String(sentence) => sentence.clone(),
            other => panic!("{}: {other}", code.name()),
        };
        [format!("`{}`", code.name()), severity, code.meaning().to_owned(), params.join(", "), sentence]
    };
    rows(["code", "severity", "meaning", "params", "English message"], Code::ALL.iter().map(row))
}

fn failures() -> String {
    let english = catalogue(Locale::English);
    let row = |code: &FailureCode| {
        let field = match code.field() {
            "" => String::new(),
            field => format!("`{field}`"),
        };
        let becomes = match code.verdict() {
            Verdict::Sent => "`sent`",
            Verdict::Failed => "`failed`",
            Verdict::Retry => "`deferred`",
            Verdict::RelayFault => "the category's policy",
            Verdict::Unknown => "`unknown`",
        };
        let message = english.failures[code.code()].message.clone();
        [format!("`{}`", code.code()), field, becomes.to_owned(), message]
    };
    rows(["code", "setting", "a mail becomes", "English message"], FailureCode::ALL.iter().map(row))
}

fn problems(codes: &[ProblemCode]) -> String {
    let row =
        |code: &ProblemCode| [format!("`{}`", code.code), code.status.to_string(), code.meaning.to_owned()];
    rows(["code", "status", "when"], codes.iter().map(row))
}

fn variables(in_terminal: bool) -> String {
    let used = Config::VARIABLES.iter().filter(|variable| variable.in_terminal == in_terminal);
    let row = |variable: &Variable| {
        [format!("`{}`", variable.name), variable.default.to_owned(), variable.meaning.to_owned()]
    };
    rows(["variable", "default", "meaning"], used.map(row))
}

fn metrics() -> String {
    let row = |metric: &Metric| {
        let ending = match metric.unit() {
            Unit::Count => "_total",
            Unit::Time => "_seconds",
        };
        let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{}`", label.name())).collect();
        [
            format!("`{}`", metric.name()),
            format!("`{}{ending}`", metric.prometheus()),
            labels.join(", "),
            metric.meaning().to_owned(),
        ]
    };
    rows(["CloudWatch", "Prometheus", "divided by", "what it counts"], Metric::ALL.iter().map(row))
}

fn findings() -> String {
    let row = |code: &ownpost_inspect::Code| {
        let severity = match code.severity() {
            ownpost_inspect::Severity::Error => "error",
            ownpost_inspect::Severity::Warning => "warning",
        };
        let message = ownpost_i18n::inspection(Locale::English, code.code()).message.clone();
        [format!("`{}`", code.code()), severity.to_owned(), code.meaning().to_owned(), message]
    };
    rows(["code", "severity", "when", "English message"], ownpost_inspect::Code::ALL.iter().map(row))
}

fn event_codes() -> String {
    let row = |code: &EventCode| [format!("`{}`", code.code()), code.meaning().to_owned()];
    rows(["code", "meaning"], EventCode::ALL.iter().map(row))
}

/// The types of mails that products ask for.
fn mail_types() -> String {
    let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let row = |known: &MailType| {
        [
            format!("`{}`", known.category.name()),
            format!("`{}`", known.name),
            names(known.wanted),
            names(known.optional),
        ]
    };
    let of_products = TYPES.iter().filter(|known| !known.is_own());
    rows(["category", "type", "wanted in `data`", "optional in `data`"], of_products.map(row))
}

/// The members of `data` that the texts for products use.
fn mail_fields() -> String {
    let kind = |kind| match kind {
        Kind::Text => "text, made one line",
        Kind::Person => "a person's name; one that reads as a web address is left out",
        Kind::Quotation => "text of several lines",
        Kind::Url => "web address",
        Kind::Date => "ISO date, written as each language does",
        Kind::Time => "ISO time",
        Kind::Number => "number",
    };
    let used = |field: &&Field| {
        TYPES.iter().filter(|known| !known.is_own()).any(|known| known.fields().any(|used| used == *field))
    };
    let row = |field: &Field| {
        [
            format!("`{}`", field.name),
            kind(field.kind).to_owned(),
            field.meaning.to_owned(),
            format!("`{}`", field.example.lines().next().unwrap_or_default()),
        ]
    };
    rows(["member", "kind", "meaning", "example"], FIELDS.iter().filter(used).map(row))
}

/// A command of `ownpost` with its arguments and options.
fn command(name: &str) -> Option<String> {
    let mut root = ownpost::cli::command();
    root.build();
    // A command of a command: `mails check`.
    let command = name.split(' ').try_fold(&root, |command, part| command.find_subcommand(part))?;
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let arguments = command.get_arguments().filter(|argument| argument.get_id() != "help").map(|argument| {
        let defaults: Vec<_> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        let default = if argument.get_action().takes_values() { defaults.join(" ") } else { String::new() };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        [format!("`{argument}`"), default, help]
    });
    Some(format!("{about}.\n\n{}", rows(["argument", "default", "meaning"], arguments)))
}

/// The members of a document, or of a part of a document.
fn members(document: &str) -> Option<String> {
    let schemas = ownpost::cli::schema::all();
    let schema = schemas["$defs"].get(document)?;
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let row = |(name, member): (&String, &Value)| {
        let mut kind = kind(member);
        if !required(name) && !kind.ends_with(" or null") {
            kind.push_str(", optional");
        }
        [format!("`{name}`"), kind, described(member)]
    };
    Some(rows(["member", "type", "meaning"], schema["properties"].as_object()?.iter().map(row)))
}

/// The type of a member, as text.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return name.to_owned();
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(types) => {
            let kinds = types.iter().filter_map(Value::as_str).map(|kind| kind_of(kind, schema));
            kinds.collect::<Vec<_>>().join(" or ")
        }
        Value::String(kind) => kind_of(kind, schema),
        _ => "any".to_owned(),
    }
}

fn kind_of(kind: &str, schema: &Value) -> String {
    match kind {
        "array" => format!("array of {}", self::kind(&schema["items"])),
        "null" => "null".to_owned(),
        kind => kind.to_owned(),
    }
}

/// The meaning of a member, and its limits.
fn described(member: &Value) -> String {
    let mut text = member["description"].as_str().unwrap_or_default().replace('\n', " ");
    let limit = |low: &str, high: &str| (member[low].as_u64(), member[high].as_u64());
    for (low, high, of) in [("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")] {
        // A limit that the description names already is not repeated.
        match limit(low, high) {
            (_, Some(most)) if text.contains(&most.to_string()) => {}
            (Some(least), Some(most)) => {
                let _ = write!(text, " {least} to {most} {of}.");
            }
            (None, Some(most)) => {
                let _ = write!(text, " At most {most} {of}.");
            }
            _ => {}
        }
    }
    text
}

/// The values of an enumeration.
fn values(enumeration: &str) -> Option<String> {
    let schemas = ownpost::cli::schema::all();
    let one_of = schemas["$defs"].get(enumeration)?["oneOf"].as_array()?;
    let row =
        |value: &Value| [format!("`{}`", value["const"].as_str().unwrap_or_default()), described(value)];
    Some(rows(["value", "meaning"], one_of.iter().map(row)))
}

/// The page with all tables generated again, and the names of its tables.
fn written(page: &str) -> Result<(String, Vec<String>), String> {
    let (mut out, mut names, mut rest) = (String::new(), Vec::new(), page);
    while let Some((before, after)) = rest.split_once(START) {
        let (name, after) = after.split_once(" -->").ok_or("a marker is not closed")?;
        let (_, after) = after.split_once(END).ok_or_else(|| format!("{name}: no `{END}`"))?;
        let table = table(name).ok_or_else(|| format!("nothing writes the table `{name}`"))?;
        let _ = write!(out, "{before}{START}{name} -->\n{table}{END}");
        names.push(name.to_owned());
        rest = after;
    }
    out.push_str(rest);
    Ok((out, names))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let folder = root().join("docs/reference");
    let mut pages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

#[test]
fn every_table_agrees_with_the_code() {
    let write = std::env::var_os("OWNPOST_WRITE").is_some();
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let (new, _) = written(&page).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        if write {
            fs::write(&path, &new).unwrap();
        }
        assert!(
            write || page == new,
            "{} is behind: OWNPOST_WRITE=1 cargo test -p ownpost-tests --test reference_pages",
            path.display()
        );
    }
}

/// Without this, a document, part or enumeration could be missing on all pages, and readers would have to look it up
/// in the code.
#[test]
fn every_document_and_its_parts_are_on_a_page() {
    // Some texts have a format of their own; the catalogues have tables of their own; the forms of a secret are
    // described by hand, and so are the events by their names on the bus.
    const BY_HAND: [&str; 11] = [
        "EnhancedCode",
        "DeliveryId",
        "Revision",
        "EventCode",
        "IssueCode",
        "IssueParam",
        "FailureCode",
        "SecretInput",
        "RefreshTokenInput",
        "Routing",
        "EmittedEvent",
    ];
    let mut shown = Vec::new();
    for path in pages() {
        shown.extend(written(&fs::read_to_string(path).unwrap()).unwrap().1);
    }
    let commands = ownpost::cli::command();
    let commands = commands.get_subcommands().flat_map(|command| {
        let below: Vec<_> = command
            .get_subcommands()
            .map(|below| format!("command {} {}", command.get_name(), below.get_name()))
            .collect();
        if below.is_empty() { vec![format!("command {}", command.get_name())] } else { below }
    });
    for required in [
        "ports",
        "issues",
        "failures",
        "event codes",
        "findings",
        "problems",
        "problems of ownpost local",
        "variables",
        "variables of the functions",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(commands)
    {
        assert!(shown.contains(&required), "no page has the table `{required}`");
    }
    let schemas = ownpost::cli::schema::all();
    for name in schemas["$defs"].as_object().unwrap().keys() {
        let is_shown = shown.iter().any(|table| table.split_once(' ').is_some_and(|(_, of)| of == name));
        assert!(is_shown || BY_HAND.contains(&name.as_str()), "no page of docs/reference shows {name}");
    }
}

#[test]
fn every_function_of_the_npm_package_is_on_its_page() {
    let types = fs::read_to_string(root().join("validator-wasm/js/index.d.ts")).unwrap();
    let page = fs::read_to_string(root().join("docs/reference/package.md")).unwrap();
    let functions =
        types.split("function ").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
    let functions: Vec<_> = functions.collect();
    assert!(functions.contains(&"validate"), "{functions:?}");
    for name in functions {
        assert!(page.contains(&format!("{name}(")), "docs/reference/package.md does not name {name}");
    }
}

/// The `.md` files under `folder`, without built or installed ones.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.')
                && !["target", "node_modules", "dist", "corpora"].contains(&name.as_str())
            {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The anchors of a page's headings, as GitHub generates them.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors = Vec::<String>::new();
    let mut in_code = false;
    for line in page.lines() {
        in_code ^= line.starts_with("```");
        if in_code || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let plain = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = plain.map(|c| if c == ' ' { '-' } else { c }).collect();
        let earlier = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if earlier == 0 { anchor } else { format!("{anchor}-{earlier}") });
    }
    anchors
}

/// The targets of a page's links and pictures, without those in code.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for block in page.split("```").step_by(2) {
        for (_, rest) in block.match_indices("](").map(|(at, mark)| block.split_at(at + mark.len())) {
            links.extend(rest.split_once(')').map(|(target, _)| target.to_owned()));
        }
        for (_, rest) in block.match_indices("src=\"").map(|(at, mark)| block.split_at(at + mark.len())) {
            links.extend(rest.split_once('"').map(|(target, _)| target.to_owned()));
        }
    }
    links
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut pages = Vec::new();
    documents(root(), &mut pages);
    assert!(pages.len() > 20, "{pages:?}");
    let mut dead = String::new();
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        for link in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).iter().any(|a| a == anchor));
            if !is_there {
                let _ = writeln!(dead, "{}: {link}", path.strip_prefix(root()).unwrap().display());
            }
        }
    }
    assert!(dead.is_empty(), "links without a target:\n{dead}");
}
