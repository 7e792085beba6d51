//! The table and the picture of the throughput.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::chart::Chart;
use crate::load::Run;
use crate::{LOOPS, Options, TENANTS, Table, machine};

pub(crate) fn write(options: &Options, table: &Table, long: &Run, memory: &[(usize, f64)]) -> Result<()> {
    fs::create_dir_all(&options.figures)?;
    let at = |share: usize| {
        let mails = long.events * share / 100;
        memory.iter().find(|(accepted, _)| *accepted >= mails).map(|(_, megabytes)| *megabytes)
    };
    let (early, late) = (at(20).context("no memory")?, at(100).context("no memory")?);
    let most = memory.iter().map(|(_, megabytes)| *megabytes).fold(0.0, f64::max);
    let Table { fsync, peer_one, peer_many, accepted, platform, own } = table;
    let row = |what: &str, rate: f64| format!("| {what} | {rate:.0} | {:.1} |\n", rate / peer_one);
    let mut text = format!(
        "# Throughput of `ownpost local`\n\nWritten by `cargo xtask bench throughput` on {}, {}; {fsync:.0} synced \
         writes of 4 KB a second. Medians of {} rounds, everything in each round, {} events of {TENANTS} tenants a \
         round, one recipient each. Everything is durable before it is answered (SQLite, WAL, `synchronous = FULL`): \
         the event before its 202, `sending` before the final dot, the mail before the relay's 250, the outcome before \
         the message leaves the queue.\n\n| | a second | ratio |\n|---|---:|---:|\n",
        machine::date(),
        machine::description(),
        options.rounds,
        options.short,
    );
    text +=
        &row("a loop over lettre's `SmtpTransport`: one connection, kept, over TLS, no ledger", *peer_one);
    text += &row(&format!("{LOOPS} such loops at once"), *peer_many);
    text += &row("`ownpost local`: event in → mail accepted by the platform's relay", *platform);
    text += &row("`ownpost local`: event in → mail accepted by the tenant's own relay", *own);
    text += &row("`ownpost local`: events accepted while it sends", *accepted);
    let rate = long.mails_per_second();
    let growth = (late / early - 1.0) * 100.0;
    write!(
        text,
        "\nlettre and `ownpost` send the same bytes to the same embedded relay, which syncs each mail before its 250. \
         lettre's loop writes body and dot in two writes without TCP_NODELAY, which is most of its time; its {LOOPS} \
         loops are not held up by that together.\n\n## Memory\n\n| events | mails a second | at 20 % | at 100 % | growth \
         | most |\n|---:|---:|---:|---:|---:|---:|\n| {} | {rate:.0} | {early:.1} MB | {late:.1} MB | {growth:+.1} % | \
         {most:.1} MB |\n\n![Resident memory over the mails accepted](throughput-memory.svg)\n",
        long.events,
    )?;
    fs::write(options.figures.join("throughput.md"), &text)?;
    fs::write(options.figures.join("throughput-memory.svg"), picture(memory, most))?;
    println!("{text}");
    Ok(())
}

/// Resident memory over mails accepted.
#[expect(clippy::cast_precision_loss, reason = "counts of mails")]
fn picture(memory: &[(usize, f64)], most: f64) -> String {
    let mails = memory.last().map_or(1, |(mails, _)| *mails).max(1) as f64;
    // The axis ends at a round number.
    let top = (most / 10.0).ceil() * 10.0;
    let quarters = |all: f64| {
        let quarter = |step| (f64::from(step) / 4.0, (all * f64::from(step) / 4.0).to_string());
        (0..=4).map(quarter).collect()
    };
    let points = memory.iter().map(|(count, megabytes)| (*count as f64 / mails, megabytes / top));
    let chart = Chart {
        title: format!("Resident memory of ownpost local over {mails} mails"),
        heading: "Resident memory (MB) over mails accepted",
        size: (640.0, 240.0),
        y_axis: quarters(top),
        x_axis: quarters(mails),
        lines: vec![("", points.collect())],
    };
    chart.svg()
}
