//! How fast `ownpost local` turns events into mails that its embedded relay has accepted, with everything durable,
//! beside a plain loop over lettre into the same relay; and whether its memory stays flat meanwhile.
//!
//! `cargo xtask bench throughput [--quick] [--events N]` builds both and writes `docs/figures/throughput.md` and
//! `docs/figures/throughput-memory.svg`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

#[path = "../../chart.rs"]
mod chart;
mod figures;
mod load;
mod machine;
mod peer;
mod program;

use load::{Route, Run};

/// The number of tenants.
const TENANTS: usize = 20;
/// The number of parallel loops over lettre, in the row with several.
const LOOPS: usize = 16;

struct Options {
    program: PathBuf,
    figures: PathBuf,
    /// The number of events in the run that measures memory.
    long: usize,
    /// The number of events in each round.
    short: usize,
    /// The time for which lettre sends in each round.
    peer: Duration,
    rounds: usize,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self {
            program: PathBuf::new(),
            figures: PathBuf::new(),
            long: 100_000,
            short: 10_000,
            peer: Duration::from_secs(8),
            rounds: 5,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} wants a value"));
            match argument.as_str() {
                "--program" => options.program = value()?.into(),
                "--figures" => options.figures = value()?.into(),
                "--events" => options.long = value()?.parse().context("--events")?,
                "--quick" => {
                    (options.long, options.short, options.rounds) = (5_000, 2_000, 1);
                    options.peer = Duration::from_secs(2);
                }
                other => bail!("no option `{other}`"),
            }
        }
        Ok(options)
    }
}

/// The median of each figure over the rounds.
struct Table {
    fsync: f64,
    peer_one: f64,
    peer_many: f64,
    accepted: f64,
    platform: f64,
    own: f64,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let mut samples: [Vec<f64>; 6] = Default::default();
    for round in 1..=options.rounds {
        // Each round runs all programs, so that a busy minute of the machine affects all of them.
        let folder = tempfile::tempdir()?;
        samples[0].push(machine::fsync(folder.path())?);
        let local = program::Local::start(&options.program, &folder.path().join("data"))?;
        // Lettre sends the bytes of a mail of Ownpost.
        let first = load::run(&local, Route::Platform, "model", 1, 1, |_| {})?;
        let model = local.mail(first.last_mail)?;
        samples[1].push(peer::send(&local, &model, 1, options.peer)?);
        samples[2].push(peer::send(&local, &model, LOOPS, options.peer)?);
        let platform = load::run(&local, Route::Platform, "a", TENANTS, options.short, |_| {})?;
        samples[3].push(platform.accepted_per_second());
        samples[4].push(platform.mails_per_second());
        let own = load::run(&local, Route::Own, "b", TENANTS, options.short, |_| {})?;
        samples[5].push(own.mails_per_second());
        local.stop()?;
        println!(
            "round {round}: lettre {:.0}, {LOOPS} lettres {:.0}; events {:.0}, mails {:.0} by the platform's relay, \
             {:.0} by the tenants' own",
            samples[1].last().unwrap_or(&0.0),
            samples[2].last().unwrap_or(&0.0),
            samples[3].last().unwrap_or(&0.0),
            samples[4].last().unwrap_or(&0.0),
            samples[5].last().unwrap_or(&0.0),
        );
    }
    let [fsync, peer_one, peer_many, accepted, platform, own] = samples.map(|mut sample| median(&mut sample));
    let table = Table { fsync, peer_one, peer_many, accepted, platform, own };
    let (long, memory) = watch_memory(&options)?;
    figures::write(&options, &table, &long, &memory)
}

/// The long run: resident memory (MB) each time another part of the mails has been accepted.
fn watch_memory(options: &Options) -> Result<(Run, Vec<(usize, f64)>)> {
    let folder = tempfile::tempdir()?;
    let local = program::Local::start(&options.program, &folder.path().join("data"))?;
    let mut memory = vec![(0, local.resident()?)];
    let long = load::run(&local, Route::Platform, "long", TENANTS, options.long, |mails| {
        memory.extend(local.resident().map(|megabytes| (mails, megabytes)));
    })?;
    local.stop()?;
    Ok((long, memory))
}

fn median(sample: &mut [f64]) -> f64 {
    sample.sort_by(f64::total_cmp);
    sample.get(sample.len() / 2).copied().unwrap_or_default()
}
