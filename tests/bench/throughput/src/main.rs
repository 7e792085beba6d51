//! How fast `ownpost local` turns events into mails that its embedded relay has accepted, with everything durable,
//! beside a plain loop over lettre into the same relay; and whether its memory stays flat meanwhile.
//!
//! `cargo xtask bench throughput [--quick] [--events N] [--before PROGRAM]` builds both and writes
//! `docs/figures/throughput.md` and `docs/figures/throughput-memory.svg`; an earlier build of `ownpost` runs in the same
//! rounds.

use std::fmt;
use std::path::{Path, PathBuf};
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
    /// An earlier build of the same program.
    before: Option<PathBuf>,
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
            before: None,
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
                "--before" => options.before = Some(value()?.into()),
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

/// What each round measures.
#[derive(Default)]
struct Samples {
    fsync: Vec<f64>,
    peer_one: Vec<f64>,
    peer_many: Vec<f64>,
    now: Rates,
    before: Rates,
}

/// What a build of `ownpost` does in a second.
#[derive(Default)]
struct Rates {
    accepted: Vec<f64>,
    platform: Vec<f64>,
    own: Vec<f64>,
}

/// The long run of a build: resident memory (MB) each time another part of the mails has been accepted.
struct Memory {
    run: Run,
    points: Vec<(usize, f64)>,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let mut samples = Samples::default();
    for round in 1..=options.rounds {
        // Each round runs all programs, so that a busy minute of the machine affects all of them.
        let folder = tempfile::tempdir()?;
        samples.fsync.push(machine::fsync(folder.path())?);
        let local = program::Local::start(&options.program, &folder.path().join("data"))?;
        // Lettre sends the bytes of a mail of Ownpost.
        let first = load::run(&local, Route::Platform, "model", 1, 1, |_| {})?;
        let model = local.mail(first.last_mail)?;
        samples.peer_one.push(peer::send(&local, &model, 1, options.peer)?);
        samples.peer_many.push(peer::send(&local, &model, LOOPS, options.peer)?);
        samples.now.measure(&local, &options)?;
        local.stop()?;
        println!(
            "round {round}: lettre {}, {LOOPS} lettres {}; {}",
            last(&samples.peer_one),
            last(&samples.peer_many),
            samples.now
        );
        if let Some(before) = &options.before {
            let local = program::Local::start(before, &folder.path().join("before"))?;
            samples.before.measure(&local, &options)?;
            local.stop()?;
            println!("round {round}, before: {}", samples.before);
        }
    }
    let before = options.before.as_ref().map(|before| watch_memory(before, &options)).transpose()?;
    let now = watch_memory(&options.program, &options)?;
    figures::write(&options, &samples, &now, before.as_ref())
}

impl Rates {
    fn measure(&mut self, local: &program::Local, options: &Options) -> Result<()> {
        let platform = load::run(local, Route::Platform, "a", TENANTS, options.short, |_| {})?;
        self.accepted.push(platform.accepted_per_second());
        self.platform.push(platform.mails_per_second());
        let own = load::run(local, Route::Own, "b", TENANTS, options.short, |_| {})?;
        self.own.push(own.mails_per_second());
        Ok(())
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, platform, own) = (last(&self.accepted), last(&self.platform), last(&self.own));
        write!(
            formatter,
            "events {accepted}, mails {platform} by the platform's relay, {own} by the tenants' own"
        )
    }
}

fn last(sample: &[f64]) -> String {
    format!("{:.0}", sample.last().unwrap_or(&0.0))
}

fn watch_memory(program: &Path, options: &Options) -> Result<Memory> {
    let folder = tempfile::tempdir()?;
    let local = program::Local::start(program, &folder.path().join("data"))?;
    let mut points = vec![(0, local.resident()?)];
    let run = load::run(&local, Route::Platform, "long", TENANTS, options.long, |mails| {
        points.extend(local.resident().map(|megabytes| (mails, megabytes)));
    })?;
    local.stop()?;
    Ok(Memory { run, points })
}

fn median(sample: &[f64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
