//! The outside corpora as settings documents: the addresses, names and hosts in the tests of other projects, from
//! `tests/corpora`, each beside its licence. They are converted here, for the native rules, the browser and the API.

use serde_json::{Map, Value, json};

/// The verdict of a corpus on a value, in the terms of Ownpost's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Usable: no error on the field.
    Usable,
    /// Not usable: at least one error on the field.
    Refused,
    /// Usable, and stored as this.
    StoredAs(String),
    /// No verdict: the corpus judges another question. Browser and server must still agree.
    Unjudged,
}

/// One settings document made of one value of a corpus.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The name of the corpus' folder.
    pub corpus: &'static str,
    /// The field that holds the value.
    pub field: &'static str,
    /// The value as the corpus has it.
    pub value: String,
    /// The corpus' own name for the value, shown when a test fails.
    pub label: String,
    /// The verdict of the corpus.
    pub verdict: Verdict,
    /// The settings with the value in its field.
    pub document: Value,
}

/// All vectors of all corpora, in the same order every time.
pub fn vectors() -> Vec<Vector> {
    [isemail(), validator(), idna(), nodemailer(), ispdb(), email_providers()].concat()
}

/// Settings without an issue, with these fields replaced.
fn document(changes: &[(&str, Value)]) -> Value {
    let mut document = json!({
        "host": "smtp.example.org",
        "port": 587,
        "username": "mailer",
        "password": {"set": "hunter2"},
        "senderAddress": "noreply@example.org",
    });
    for (field, value) in changes {
        document[*field] = value.clone();
    }
    document
}

fn vector(corpus: &'static str, field: &'static str, value: &str, label: &str, verdict: Verdict) -> Vector {
    let document = match field {
        "oauth2.tokenUrl" => document(&[
            ("authMethod", json!("oauth2")),
            ("password", Value::Null),
            (
                "oauth2",
                json!({
                    "grant": "client_credentials",
                    "tokenUrl": value,
                    "clientId": "ownpost",
                    "clientSecret": {"set": "hunter3"},
                    "scope": "mail",
                }),
            ),
        ]),
        _ => document(&[(field, json!(value))]),
    };
    Vector { corpus, field, value: value.to_owned(), label: label.to_owned(), verdict, document }
}

/// isemail's tests, by their category. A sender must be usable in MAIL FROM and in From. So of the addresses that RFC
/// 5322 or a lenient parser accepts, only dot-atoms and quoted strings at domains of two labels are usable: no
/// comments, no folding, no literals, no obsolete form. DNS is not asked.
fn isemail() -> Vec<Vector> {
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("../corpora/isemail/tests.json")).expect("pairs");
    let mut vectors = Vec::new();
    for (address, category) in &cases {
        let usable = matches!(
            category.as_str(),
            "valid" | "rfc5321QuotedString" | "dnsWarnNoRecord" | "dnsWarnNoMXRecord"
        );
        let verdict = if usable { Verdict::Usable } else { Verdict::Refused };
        vectors.push(vector("isemail", "senderAddress", address, category, verdict.clone()));
        // An absent reply address is valid.
        let verdict = if address.is_empty() { Verdict::Usable } else { verdict };
        vectors.push(vector("isemail", "replyTo", address, category, verdict));
    }
    vectors
}

/// validator.js' fixtures. Its options can make the same value valid or invalid, so only a test without options gives
/// a verdict.
fn validator() -> Vec<Vector> {
    let groups: Vec<Value> =
        serde_json::from_str(include_str!("../corpora/validator/fixtures.json")).expect("groups");
    let mut vectors = Vec::new();
    for group in &groups {
        let name = group["validator"].as_str().unwrap_or_default();
        let plain = group["args"].as_array().is_some_and(Vec::is_empty);
        for (list, verdict) in [("valid", Verdict::Usable), ("invalid", Verdict::Refused)] {
            for value in group[list].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let label = format!("{name} {} {list}", group["args"]);
                let verdict = if plain { verdict.clone() } else { Verdict::Unjudged };
                match name {
                    "isEmail" => vectors.push(vector("validator", "senderAddress", value, &label, verdict)),
                    "isURL" => {
                        vectors.push(vector("validator", "host", value, &label, Verdict::Unjudged));
                        vectors.push(vector(
                            "validator",
                            "oauth2.tokenUrl",
                            value,
                            &label,
                            Verdict::Unjudged,
                        ));
                    }
                    _ => vectors.push(vector("validator", "host", value, &label, verdict)),
                }
            }
        }
    }
    vectors
}

/// Unicode's conformance tests for UTS 46, non-transitional, with all checks on, as docs/reference/settings.md
/// requires for a host. The file has three of the columns (source, toAsciiN, toAsciiNStatus), with their defaults
/// filled in.
fn idna() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for line in include_str!("../corpora/idna/IdnaTestV2.txt").lines() {
        let mut columns = line.split(';').map(unescape);
        let mut column = || columns.next().unwrap_or_default();
        let (source, ascii, status) = (column(), column(), column());
        let verdict = if status.is_empty() { Verdict::StoredAs(ascii) } else { Verdict::Refused };
        vectors.push(vector("idna", "host", &source, &status, verdict.clone()));
        let verdict = match verdict {
            Verdict::StoredAs(ascii) => Verdict::StoredAs(format!("noreply@{ascii}")),
            verdict => verdict,
        };
        vectors.push(vector("idna", "senderAddress", &format!("noreply@{source}"), &status, verdict));
    }
    vectors
}

/// Resolves the escapes of Unicode's file: `\uXXXX`, `\x{XXXX}`, and `""` for an empty text.
fn unescape(column: &str) -> String {
    let mut text = String::new();
    let mut rest = if column == "\"\"" { "" } else { column };
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let (digits, after) = match escape.strip_prefix("x{").and_then(|escape| escape.split_once('}')) {
            Some(found) => found,
            None => escape.strip_prefix('u').map_or(("", escape), |escape| escape.split_at(4)),
        };
        // A few sources hold half of a surrogate pair, which a Rust text cannot hold.
        let number = u32::from_str_radix(digits, 16).expect("an escape");
        text.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = after;
    }
    text + rest
}

/// The services that nodemailer knows. Each server is in use: the rules must find no error in it and no typo in its
/// name.
fn nodemailer() -> Vec<Vector> {
    let services: Vec<Map<String, Value>> =
        serde_json::from_str(include_str!("../corpora/nodemailer/services.json")).expect("services");
    let mut vectors = Vec::new();
    for service in &services {
        let text = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default();
        let port = service.get("port").and_then(Value::as_u64).unwrap_or(587);
        let security = if matches!(port, 465 | 2465) { "tls" } else { "starttls" };
        let mut changes =
            vec![("host", json!(text("host"))), ("port", json!(port)), ("security", json!(security))];
        if let Some(domain) = service.get("domains").and_then(|domains| domains[0].as_str()) {
            let address = json!(format!("noreply@{domain}"));
            changes.extend([("senderAddress", address.clone()), ("username", address)]);
        }
        vectors.push(Vector {
            corpus: "nodemailer",
            field: "host",
            value: text("host").to_owned(),
            label: text("name").to_owned(),
            verdict: Verdict::Usable,
            document: document(&changes),
        });
    }
    vectors
}

/// The outgoing servers of Thunderbird's ISP database, each for every domain of its provider. `plain` becomes
/// STARTTLS, because Ownpost has no unencrypted mode.
fn ispdb() -> Vec<Vector> {
    let mut vectors = Vec::new();
    let mut domains = Vec::new();
    for line in include_str!("../corpora/ispdb/servers.txt").lines() {
        let mut fields = line.split(' ');
        match fields.next() {
            Some("domains") => domains = fields.collect(),
            Some("server") => {
                let mut field = || fields.next().unwrap_or_default();
                let (host, port, mode, username) = (field(), field(), field(), field());
                let port: u16 = port.parse().expect("a port");
                for domain in &domains {
                    let host = host.replace("%EMAILDOMAIN%", domain);
                    let address = format!("noreply@{domain}");
                    let username = match username {
                        "" => address.clone(),
                        form => form
                            .replace("%EMAILADDRESS%", &address)
                            .replace("%EMAILLOCALPART%", "noreply")
                            .replace("%EMAILDOMAIN%", domain),
                    };
                    vectors.push(Vector {
                        corpus: "ispdb",
                        field: "host",
                        label: format!("{mode} {port}"),
                        verdict: Verdict::Usable,
                        document: document(&[
                            ("host", json!(host)),
                            ("port", json!(port)),
                            ("security", json!(if mode == "SSL" { "tls" } else { "starttls" })),
                            ("username", json!(username)),
                            ("senderAddress", json!(address)),
                        ]),
                        value: host,
                    });
                }
            }
            _ => {}
        }
    }
    vectors
}

/// Domains of mailbox providers, as the sender's domain and as the server's. All exist; some differ by one letter
/// from a better known one.
fn email_providers() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for domain in include_str!("../corpora/email-providers/domains.txt").lines() {
        let host = format!("smtp.{domain}");
        let address = format!("noreply@{domain}");
        vectors.push(Vector {
            corpus: "email-providers",
            field: "host",
            verdict: Verdict::Usable,
            label: domain.to_owned(),
            document: document(&[("host", json!(host)), ("senderAddress", json!(address))]),
            value: host,
        });
    }
    vectors
}
