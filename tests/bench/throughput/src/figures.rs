//! The table and the picture.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

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

/// Resident memory over mails accepted; readable on light and dark.
#[expect(clippy::cast_precision_loss, reason = "counts of mails")]
fn picture(memory: &[(usize, f64)], most: f64) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 240.0;
    const LEFT: f64 = 56.0;
    // Half of the last label on the axis.
    const RIGHT: f64 = 36.0;
    const TOP: f64 = 28.0;
    let mails = memory.last().map_or(1, |(mails, _)| *mails).max(1) as f64;
    // The axis ends at a round number.
    let top = (most / 10.0).ceil() * 10.0;
    let x = |count: f64| LEFT + (WIDTH - LEFT - RIGHT) * count / mails;
    let y = |megabytes: f64| TOP + (HEIGHT - TOP - 40.0) * (1.0 - megabytes / top);
    let points: String = memory
        .iter()
        .map(|(count, megabytes)| format!("{:.1},{:.1} ", x(*count as f64), y(*megabytes)))
        .collect();
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>Resident memory of ownpost local over {mails} mails</title>
<style>
text {{ fill: #444 }} line {{ stroke: #8884 }} polyline {{ fill: none; stroke: #2a6fdb; stroke-width: 2 }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} polyline {{ stroke: #7db1ff }} }}
</style>
<text x="{LEFT}" y="16" font-weight="600">Resident memory (MB) over mails accepted</text>
"#
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (megabytes, count) = (top * share, mails * share);
        let (height, across) = (y(megabytes), x(count));
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" x2="{:.1}" y1="{height:.1}" y2="{height:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{megabytes:.0}</text>
<text x="{across:.1}" y="{:.1}" text-anchor="middle">{count:.0}</text>
"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            height + 4.0,
            HEIGHT - 14.0,
        );
    }
    let _ = writeln!(svg, r#"<polyline points="{}"/>"#, points.trim_end());
    svg + "</svg>\n"
}
