//! The page and the picture.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;
use ownpost_simulation::scenario::{HOUR, MINUTE, Micros, Scenario, latency};
use ownpost_simulation::{Results, cost};

/// The three days, in the order of the results.
const DAYS: [&str; 3] = ["in peace", "trouble, fair queue", "trouble, no groups"];

/// A duration as people say it.
fn said(micros: Micros) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration")]
    let seconds = micros as f64 / 1e6;
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 300.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

fn row<T>(text: &mut String, what: &str, results: &[Results], value: impl Fn(&Results) -> T)
where
    T: std::fmt::Display,
{
    let cells: Vec<String> = results.iter().map(|day| value(day).to_string()).collect();
    let _ = writeln!(text, "| {what} | {} |", cells.join(" | "));
}

/// The page.
#[expect(clippy::cast_precision_loss, reason = "times")]
pub(crate) fn page(scenario: &Scenario, results: &[Results]) -> Result<String> {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    let date = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let mut text = String::new();
    write!(
        text,
        "# Simulation\n\nWritten by `cargo xtask bench simulation` on {date}; seed {}. {} events of {} tenants in {} \
         hours, one recipient each; how much a tenant sends follows Zipf's law, and the largest one sends {:.0} % of \
         everything within {} halfway. {} senders at most, 10 messages a batch. {:.0} % of the tenants have a relay \
         of their own; {:.0} % of those are allowed 30 mails a minute by their provider; {:.0} % fail for {} now and \
         then: they stall, refuse, answer 450, change the password, fall silent after the dot, or take 5 s for a \
         mail. 1 message in {:.0} is delivered twice, 1 sender in {:.0} is killed.\n\n\
         Routes, outcomes, back-off, breaker and rates are the product's own code (`sender-lambda/src/domain`); the \
         queue follows the SQS Developer Guide (\"How Amazon SQS fair queues work\", quota of 120 000 messages in \
         flight). Assumed: {} for a round trip to a relay, {} for a DynamoDB read, {} for a write.\n\n",
        scenario.seed,
        grouped(scenario.events),
        grouped(scenario.tenants as u64),
        scenario.span as f64 / HOUR as f64,
        scenario.burst * 100.0,
        said(scenario.burst_for),
        scenario.senders,
        scenario.own_relay * 100.0,
        scenario.limited * 100.0,
        scenario.faulty * 100.0,
        said(scenario.down),
        1.0 / scenario.duplicates,
        1.0 / scenario.crashes,
        millis(latency::ROUND_TRIP),
        millis(latency::READ),
        millis(latency::WRITE),
    )?;
    text += "## How long a healthy tenant's mail waits while others are in trouble\n\nFrom the event to the relay's \
             250, for tenants whose relay works and whose provider sets no rate, the one that bursts left out.\n\n";
    let _ = writeln!(text, "| | {} |\n|---|---:|---:|---:|", DAYS.join(" | "));
    row(&mut text, "half of the mails within", results, |day| said(day.delay.at(0.5)));
    row(&mut text, "99 %", results, |day| said(day.delay.at(0.99)));
    row(&mut text, "99.9 %", results, |day| said(day.delay.at(0.999)));
    row(&mut text, "all", results, |day| said(day.delay.most()));
    text += "\nThe longest waits are those of mails whose sender was killed: their messages show again when the \
             queue's visibility timeout of 48 minutes is over.\n";
    text += "\n![99 % of the healthy tenants' mails within, over the day](simulation.svg)\n\n## What happened\n\n";
    let _ = writeln!(text, "| | {} |\n|---|---:|---:|---:|", DAYS.join(" | "));
    row(&mut text, "events", results, |day| grouped(day.events));
    row(&mut text, "sent", results, |day| grouped(day.sent));
    row(&mut text, "failed (the recipient does not exist, or two days are over)", results, |day| {
        grouped(day.failed)
    });
    row(&mut text, "unknown (silence after the dot, or the sender was killed behind it)", results, |day| {
        grouped(day.unknown)
    });
    row(&mut text, "**lost**", results, |day| grouped(day.lost));
    row(&mut text, "**taken twice**", results, |day| grouped(day.doubled));
    row(&mut text, "tried again", results, |day| grouped(day.deferred));
    row(&mut text, "held", results, |day| grouped(day.held));
    row(&mut text, "breaker opened", results, |day| grouped(day.opened));
    row(&mut text, "relay recovered", results, |day| grouped(day.recovered));
    row(&mut text, "senders killed", results, |day| grouped(day.crashed));
    row(&mut text, "messages in flight, at most", results, |day| grouped(day.most_in_flight));
    row(&mut text, "mails not over, at most", results, |day| grouped(day.most_alive as u64));
    row(&mut text, "the last mail was over after", results, |day| {
        format!("{:.1} h", day.ended as f64 / HOUR as f64)
    });
    text += &bill(results)?;
    Ok(text)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, rounded")]
fn bill(results: &[Results]) -> Result<String> {
    let bills: Vec<_> = results[..2].iter().map(cost::bill).collect();
    let mut text = format!(
        "\n## What a million mails cost\n\nList prices of us-east-1, {}, without free tiers: {}. Counted by the \
         simulation; the number of calls for a mail is held against the real functions by a test. Not in it: logs, \
         and a NAT gateway where the functions are in a VPC.\n\n| | in peace | | in trouble | |\n|---|---:|---:|---:|---:|\n",
        cost::DATE,
        cost::PAGES.map(|page| format!("<{page}>")).join(", "),
    );
    for (peace, trouble) in bills[0].iter().zip(&bills[1]) {
        let count = |line: &cost::Line| {
            if line.count < 1000.0 {
                format!("{:.1}", line.count)
            } else {
                grouped(line.count.round() as u64)
            }
        };
        let unit = peace.unit;
        writeln!(
            text,
            "| {} | {} {unit} | ${:.2} | {} {unit} | ${:.2} |",
            peace.what,
            count(peace),
            peace.dollars,
            count(trouble),
            trouble.dollars,
        )?;
    }
    let total = |bill: &[cost::Line]| bill.iter().map(|line| line.dollars).sum::<f64>();
    let (secret, monitor) = cost::tenant_month();
    writeln!(
        text,
        "| **together** | | **${:.2}** | | **${:.2}** |\n\nWhatever is sent, a tenant with settings of its own costs \
         ${secret:.2} a month for its secret and ${monitor:.3} for `monitor`, which looks every five minutes.",
        total(&bills[0]),
        total(&bills[1]),
    )?;
    Ok(text)
}

fn millis(micros: Micros) -> String {
    format!("{} ms", micros / 1000)
}

/// 99 % of the healthy tenants' mails within, by when they were queued; readable on light and dark.
#[expect(clippy::cast_precision_loss, reason = "times")]
pub(crate) fn picture(scenario: &Scenario, results: &[Results]) -> Result<String> {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 320.0;
    const LEFT: f64 = 64.0;
    // Half of the last label on the axis.
    const RIGHT: f64 = 36.0;
    const TOP: f64 = 56.0;
    const BOTTOM: f64 = 280.0;
    // From a tenth of a second to three hours.
    let (least, most) = (-1.0, 4.0);
    let y = |seconds: f64| TOP + (BOTTOM - TOP) * (most - seconds.max(0.1).log10()) / (most - least);
    let x = |share: f64| LEFT + (WIDTH - LEFT - RIGHT) * share;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>How long a healthy tenant's mail waits while others are in trouble</title>
<style>
text {{ fill: #444 }} line {{ stroke: #8884 }} polyline {{ fill: none; stroke-width: 2 }}
.a {{ stroke: #2f8f4e }} .b {{ stroke: #2a6fdb }} .c {{ stroke: #c4442e }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .a {{ stroke: #6fd08f }} .b {{ stroke: #7db1ff }} .c {{ stroke: #ff8a70 }} }}
</style>
<text x="{LEFT}" y="18" font-weight="600">99 % of the healthy tenants' mails are with their relay within …</text>
"#
    );
    for (label, seconds) in
        [("0.1 s", 0.1), ("1 s", 1.0), ("10 s", 10.0), ("100 s", 100.0), ("17 min", 1e3), ("2.8 h", 1e4)]
    {
        let height = y(seconds);
        writeln!(
            svg,
            r#"<line x1="{LEFT}" x2="{:.0}" y1="{height:.1}" y2="{height:.1}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{label}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            height + 4.0,
        )?;
    }
    for part in 0..=6 {
        let share = f64::from(part) / 6.0;
        let minutes = scenario.span as f64 * share / MINUTE as f64;
        let label = if scenario.span >= 12 * HOUR {
            format!("{:.0} h", minutes / 60.0)
        } else {
            format!("{minutes:.0} min")
        };
        writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            x(share),
            BOTTOM + 20.0
        )?;
    }
    for (index, (day, class)) in results.iter().zip(["a", "b", "c"]).enumerate() {
        let parts = day.delays.len() as f64;
        let points = day.delays.iter().enumerate().filter(|(_, part)| part.count() > 0);
        let points: Vec<String> = points
            .map(|(place, part)| {
                format!("{:.1},{:.1}", x((place as f64 + 0.5) / parts), y(part.at(0.99) as f64 / 1e6))
            })
            .collect();
        let at = LEFT + 210.0 * index as f64;
        writeln!(
            svg,
            r#"<polyline class="{class}" points="{}"/><line class="{class}" x1="{at}" x2="{}" y1="36" y2="36" stroke-width="2"/><text x="{}" y="40">{}</text>"#,
            points.join(" "),
            at + 24.0,
            at + 30.0,
            DAYS[index],
        )?;
    }
    Ok(svg + "</svg>\n")
}
