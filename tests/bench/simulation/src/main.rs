//! `cargo xtask bench simulation [--quick]`: three days in simulated time, and their price.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use ownpost_simulation::scenario::{HOUR, Scenario};
use ownpost_simulation::{Results, Simulation};

#[path = "../../chart.rs"]
mod chart;
mod figures;

fn main() -> Result<()> {
    let mut figures = None;
    let mut scenario = Scenario::day(1, 10_000_000, 10_000, 100);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|value| value.parse().ok()).context("a number is missing");
        match argument.as_str() {
            "--figures" => figures = arguments.next().map(PathBuf::from),
            // The same rate, for a shorter time.
            "--quick" => {
                scenario.events /= 10;
                scenario.span = 24 * HOUR / 10;
                scenario.burst_for /= 10;
            }
            "--senders" => scenario.senders = usize::try_from(number()?)?,
            "--seed" => scenario.seed = number()?,
            other => bail!("no option `{other}`"),
        }
    }
    let figures = figures.context("--figures FOLDER is missing")?;
    let began = Instant::now();
    let days = [scenario.clone().in_peace(), scenario.clone(), scenario.clone().unfair()]
        .map(|scenario| thread::spawn(move || Simulation::new(scenario).run()));
    let results = days.into_iter().map(|day| day.join().ok().context("a run broke off"));
    let results: Vec<Results> = results.collect::<Result<_>>()?;
    println!("simulated in {:.0} s", began.elapsed().as_secs_f64());
    fs::create_dir_all(&figures)?;
    let page = figures::page(&scenario, &results)?;
    println!("{page}");
    fs::write(figures.join("simulation.md"), page)?;
    fs::write(figures.join("simulation.svg"), figures::picture(&scenario, &results))?;
    Ok(())
}
