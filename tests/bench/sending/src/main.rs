//! The sending benchmark: Ownpost's sender and its peers send the same mails, side by side in one run.
//!
//! `bench-sending [--quick] --work FOLDER --figures FOLDER --python PATH`; `cargo xtask bench sending` passes the
//! arguments.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

mod cells;
mod report;
mod run;
mod servers;

use cells::Client;
use run::Machine;

fn main() -> Result<()> {
    let (mut quick, mut work, mut figures, mut python) = (false, None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().map(PathBuf::from).context("a value");
        match option.as_str() {
            "--quick" => quick = true,
            "--work" => work = Some(value()?),
            "--figures" => figures = Some(value()?),
            "--python" => python = Some(value()?),
            other => bail!("no option {other}"),
        }
    }
    let work = work.context("--work")?;
    let figures = figures.context("--figures")?;
    fs::create_dir_all(&work)?;
    fs::create_dir_all(&figures)?;
    let machine = Machine::prepare(work, python.context("--python")?)?;

    let began = Instant::now();
    let mut measured = Vec::new();
    for (rtt, cells) in cells::all(quick) {
        let Some(servers) = servers::start(&machine, rtt)? else {
            eprintln!("{rtt} ms: skipped, network namespaces and TUN devices need root");
            continue;
        };
        for cell in cells {
            eprintln!("{:>6.1}s  {cell}", began.elapsed().as_secs_f64());
            measured.push((cell, cell.measure(&machine, &servers, quick)?));
        }
    }
    let report = report::Report { measured: &measured, quick, took: began.elapsed() };
    let (table, plot) = (report.table(&machine), report.plot());
    print!("{table}");
    // A quick run is only a preview; the figures in the README come from a whole run.
    let name = if quick { "sending.quick" } else { "sending" };
    let folder = if quick { &machine.work } else { &figures };
    fs::write(folder.join(format!("{name}.md")), table)?;
    fs::write(folder.join(format!("{name}.svg")), plot)?;
    eprintln!("wrote {}", folder.join(format!("{name}.md")).display());
    Ok(())
}

/// The results of a cell: for each client the median of its rounds, or the reason why there is none.
type Measured = Vec<(Client, Result<run::Sample, String>)>;
