//! The server's reports, for the suite that compares the browser's with them: reads a line
//! `{"document": text, "allowPorts": text, "allowNetworks": text, "locale": tag}` and writes the report on one.

use std::io::{self, BufRead as _, Write as _};

use sender_lambda::config::Config;
use sender_lambda::wire::settings::check;
use serde_json::Value;

/// 2027-01-01: the certificates in the vectors are valid.
const NOW: i64 = 1_798_761_600;

fn main() -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let config = Config {
            allow_networks: vec![text("allowNetworks").to_owned()],
            allow_ports: text("allowPorts").split(',').filter_map(|port| port.trim().parse().ok()).collect(),
            ..Config::default()
        };
        let checked = check(text("document").as_bytes(), &config, text("locale"), NOW);
        serde_json::to_writer(&mut output, &checked.report)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
