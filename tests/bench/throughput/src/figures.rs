//! The table and the picture of the throughput.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::chart::Chart;
use crate::{LOOPS, Memory, Options, Samples, TENANTS, machine, median};

pub(crate) fn write(
    options: &Options,
    samples: &Samples,
    now: &Memory,
    before: Option<&Memory>,
) -> Result<()> {
    fs::create_dir_all(&options.figures)?;
    let mut text = format!(
        "# Throughput of `ownpost local`\n\nWritten by `cargo xtask bench throughput` on {}, {}; {:.0} synced \
         writes of 4 KB a second. Medians of {} rounds, everything in each round, {} events of {TENANTS} tenants a \
         round, one recipient each. Everything is durable before it is answered (SQLite, WAL, `synchronous = FULL`): \
         the event before its 202, `sending` before the final dot, the mail before the relay's 250, the outcome before \
         the message leaves the queue.\n\n",
        machine::date(),
        machine::description(),
        median(&samples.fsync),
        options.rounds,
        options.short,
    );
    text += &rates(samples, before.is_some());
    write!(
        text,
        "\nlettre and `ownpost` send the same bytes to the same embedded relay, which syncs each mail before its 250. \
         lettre's loop writes body and dot in two writes without TCP_NODELAY, which is most of its time; its {LOOPS} \
         loops are not held up by that together.\n\n## Memory\n\n| | events | mails a second | at 20 % | at 100 % | \
         growth | most |\n|---|---:|---:|---:|---:|---:|---:|\n",
    )?;
    text += &row_of_memory("this build", now)?;
    if let Some(before) = before {
        text += &row_of_memory("the build before", before)?;
    }
    text += "\n![Resident memory over the mails accepted](throughput-memory.svg)\n";
    fs::write(options.figures.join("throughput.md"), &text)?;
    fs::write(options.figures.join("throughput-memory.svg"), picture(&now.points, now.most()))?;
    println!("{text}");
    Ok(())
}

/// What is done in a second, as a multiple of one loop over lettre, and of the build before where there is one.
fn rates(samples: &Samples, with_before: bool) -> String {
    let one = median(&samples.peer_one);
    let (head, line) = if with_before { (" before | now to before |", "---:|---:|") } else { ("", "") };
    let mut text = format!("| | a second | to lettre |{head}\n|---|---:|---:|{line}\n");
    let mut row = |what: &str, sample: &[f64], before: &[f64]| {
        let rate = median(sample);
        text += &format!("| {what} | {rate:.0} | {:.1} |", rate / one);
        text += &match (with_before, median(before)) {
            (false, _) => String::new(),
            (true, 0.0) => " | |".to_owned(),
            (true, before) => format!(" {before:.0} | {:.2} |", rate / before),
        };
        text.push('\n');
    };
    row(
        "a loop over lettre's `SmtpTransport`: one connection, kept, over TLS, no ledger",
        &samples.peer_one,
        &[],
    );
    row(&format!("{LOOPS} such loops at once"), &samples.peer_many, &[]);
    let (now, before) = (&samples.now, &samples.before);
    let what = "`ownpost local`: event in → mail accepted by";
    row(&format!("{what} the platform's relay"), &now.platform, &before.platform);
    row(&format!("{what} the tenant's own relay"), &now.own, &before.own);
    row("`ownpost local`: events accepted while it sends", &now.accepted, &before.accepted);
    text
}

impl Memory {
    fn most(&self) -> f64 {
        self.points.iter().map(|(_, megabytes)| *megabytes).fold(0.0, f64::max)
    }
}

fn row_of_memory(build: &str, memory: &Memory) -> Result<String> {
    let events = memory.run.events;
    let at = |share: usize| {
        let mails = events * share / 100;
        memory.points.iter().find(|(accepted, _)| *accepted >= mails).map(|(_, megabytes)| *megabytes)
    };
    let (early, late) = (at(20).context("no memory")?, at(100).context("no memory")?);
    let (rate, growth) = (memory.run.mails_per_second(), (late / early - 1.0) * 100.0);
    let most = memory.most();
    Ok(format!(
        "| {build} | {events} | {rate:.0} | {early:.1} MB | {late:.1} MB | {growth:+.1} % | {most:.1} MB |\n"
    ))
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
