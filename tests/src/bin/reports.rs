//! The server's validation reports, for the suites that compare the browser's reports with them.
//!
//! Reads `{"document": text, "allowPorts": text, "allowNetworks": text, "locale": tag}` from each line and writes its
//! report on one line; of a line `{"event": text}` the event's. With the argument `corpora` it writes `{"name": text, "document": text, "report": text}` for
//! each vector of the outside corpora instead.

use std::io::{self, BufRead as _, Write as _};

use ownpost_core::config::Config;
use ownpost_core::wire::event;
use ownpost_core::wire::settings::check;
use ownpost_tests::corpora;
use serde_json::{Value, json};

/// 2027-01-01 in seconds since 1970: the certificates in the vectors are valid then.
const NOW: i64 = 1_798_761_600;

fn main() -> io::Result<()> {
    let output = &mut io::BufWriter::new(io::stdout().lock());
    match std::env::args().nth(1).as_deref() {
        None => reports_of_input(output)?,
        Some("corpora") => reports_of_corpora(output)?,
        Some(other) => return Err(io::Error::other(format!("{other}?"))),
    }
    output.flush()
}

fn reports_of_input(output: &mut impl io::Write) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if let Some(document) = request["event"].as_str() {
            serde_json::to_writer(&mut *output, &event::read(document))?;
            output.write_all(b"\n")?;
            continue;
        }
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let config = Config {
            allow_networks: vec![text("allowNetworks").to_owned()],
            allow_ports: text("allowPorts").split(',').filter_map(|port| port.trim().parse().ok()).collect(),
            ..Config::default()
        };
        let checked = check(text("document").as_bytes(), &config, text("locale"), NOW);
        serde_json::to_writer(&mut *output, &checked.report)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

fn reports_of_corpora(output: &mut impl io::Write) -> io::Result<()> {
    let config = Config::default();
    for vector in corpora::vectors() {
        let document = vector.document.to_string();
        let report = check(document.as_bytes(), &config, "en", NOW).report;
        let name = format!("{} {} {}", vector.corpus, vector.field, vector.label);
        let line = json!({"name": name, "document": document, "report": serde_json::to_string(&report)?});
        serde_json::to_writer(&mut *output, &line)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}
