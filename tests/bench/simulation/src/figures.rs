//! The page and the picture of the simulation.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;
use ownpost_simulation::quantiles::Quantiles;
use ownpost_simulation::scenario::{HOUR, MINUTE, Micros, Scenario, latency};
use ownpost_simulation::{Results, cost};

use crate::chart::Chart;

/// The names of the three days, in the order of the results.
const DAYS: [&str; 3] = ["in peace", "trouble, fair queue", "trouble, no groups"];

/// A duration as text, in a fitting unit.
fn said(micros: Micros) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration")]
    let seconds = micros as f64 / 1e6;
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 300.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// A number with separators between thousands.
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

/// The page in Markdown.
#[expect(clippy::cast_precision_loss, reason = "times")]
pub(crate) fn page(command: &str, scenario: &Scenario, results: &[Results]) -> Result<String> {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    let date = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let mut text = String::new();
    write!(
        text,
        "# Simulation\n\nWritten by `{command}` on {date}; seed {}. {} events of {} tenants in {} \
         hours, one recipient each; how much a tenant sends follows Zipf's law, and the largest one sends {:.0} % of \
         everything within {} halfway. {} senders at most, 10 messages a batch. {:.0} % of the tenants have a relay \
         of their own; {:.0} % of those are allowed 30 mails a minute by their provider; {:.0} % fail for {} now and \
         then: they stall, refuse, answer 450, change the password, fall silent after the dot, or take 5 s for a \
         mail. One in a hundred takes 20 s for every mail, and three in ten take few connections at a time, though no \
         fewer than their owner's mail needs. 1 message in {:.0} is delivered twice, 1 sender in {:.0} is killed.\n\n\
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
             250, for tenants whose relay works and limits neither mails nor connections, the one that bursts left \
             out. Below, the same for those whose relay works and takes few connections: where all of them are busy a \
             mail waits for one, and SQS shows it again after a whole second at the earliest.\n\n";
    let _ = writeln!(text, "| | {} |\n|---|---:|---:|---:|", DAYS.join(" | "));
    row(&mut text, "half of the mails within", results, |day| said(day.delay.at(0.5)));
    row(&mut text, "99 %", results, |day| said(day.delay.at(0.99)));
    row(&mut text, "99.9 %", results, |day| said(day.delay.at(0.999)));
    row(&mut text, "all", results, |day| said(day.delay.most()));
    row(&mut text, "few connections: half", results, |day| said(day.few_delay.at(0.5)));
    row(&mut text, "few connections: 99 %", results, |day| said(day.few_delay.at(0.99)));
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
    row(&mut text, "connections refused as too many", results, |day| grouped(day.too_many));
    row(&mut text, "mails that waited in a relay's line", results, |day| grouped(day.lined_up));
    row(&mut text, "senders killed", results, |day| grouped(day.crashed));
    row(&mut text, "messages in flight, at most", results, |day| grouped(day.most_in_flight));
    row(&mut text, "mails not over, at most", results, |day| grouped(day.most_alive as u64));
    row(&mut text, "the last mail was over after", results, |day| {
        format!("{:.1} h", day.ended as f64 / HOUR as f64)
    });
    text += &bill(results)?;
    text += &units(results)?;
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
         ${secret:.2} a month for its secret and ${monitor:.4} for a look at its relay every day. `monitor` reads what is \
         due every five minutes, for ${monitor_month:.3} a month however many tenants there are. One of its runs makes \
         {few} calls with 100 000 tenants, and {many} with 1 000 000.",
        total(&bills[0]),
        total(&bills[1]),
        monitor_month = cost::monitor_month(),
        few = grouped(cost::monitor_calls(100_000)),
        many = grouped(cost::monitor_calls(1_000_000)),
    )?;
    Ok(text)
}

/// The table of write request units for a mail, by what they are for.
#[expect(clippy::cast_precision_loss, reason = "counts")]
fn units(results: &[Results]) -> Result<String> {
    let mut text =
        "\n### Write request units of DynamoDB for a mail\n\n| | in peace | in trouble |\n|---|---:|---:|\n"
            .to_owned();
    let [peace, trouble] = [0, 1].map(|day: usize| (cost::writes(&results[day]), results[day].events as f64));
    let mut sums = [0.0, 0.0];
    for ((what, calm), (_, wild)) in peace.0.iter().zip(&trouble.0) {
        let each = [*calm as f64 / peace.1, *wild as f64 / trouble.1];
        sums = [sums[0] + each[0], sums[1] + each[1]];
        writeln!(text, "| {what} | {:.2} | {:.2} |", each[0], each[1])?;
    }
    writeln!(text, "| **together** | **{:.2}** | **{:.2}** |", sums[0], sums[1])?;
    Ok(text)
}

fn millis(micros: Micros) -> String {
    format!("{} ms", micros / 1000)
}

/// The chart of the time within which 99 % of the healthy tenants' mails arrive, by the time when they were queued.
#[expect(clippy::cast_precision_loss, reason = "times")]
pub(crate) fn picture(scenario: &Scenario, results: &[Results]) -> String {
    // The axis goes from a tenth of a second to three hours; each fifth of the height is ten times as long.
    let height = |seconds: f64| (seconds.max(0.1).log10() + 1.0) / 5.0;
    let y_axis =
        [("0.1 s", 0.1), ("1 s", 1.0), ("10 s", 10.0), ("100 s", 100.0), ("17 min", 1e3), ("2.8 h", 1e4)]
            .map(|(label, seconds)| (height(seconds), label.to_owned()));
    let x_axis = (0..=6).map(|part| {
        let share = f64::from(part) / 6.0;
        let minutes = scenario.span as f64 * share / MINUTE as f64;
        let hours = scenario.span >= 12 * HOUR;
        (share, if hours { format!("{:.0} h", minutes / 60.0) } else { format!("{minutes:.0} min") })
    });
    let lines = DAYS.iter().zip(results).map(|(name, day)| {
        let parts = day.delays.len() as f64;
        let points = day.delays.iter().enumerate().filter(|(_, part)| part.count() > 0);
        let point = |(place, part): (usize, &Quantiles)| {
            ((place as f64 + 0.5) / parts, height(part.at(0.99) as f64 / 1e6))
        };
        (*name, points.map(point).collect())
    });
    let chart = Chart {
        title: "How long a healthy tenant's mail waits while others are in trouble".to_owned(),
        heading: "99 % of the healthy tenants' mails are with their relay within …",
        size: (720.0, 320.0),
        y_axis: y_axis.to_vec(),
        x_axis: x_axis.collect(),
        lines: lines.collect(),
    };
    chart.svg()
}
