//! `cargo xtask bench simulation [--quick] [--events NUMBER] [--senders NUMBER] [--seed NUMBER]`: three days in simulated time,
//! and their price. With fewer events the days are shorter, and the rate is the same.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use ownpost_simulation::scenario::Scenario;
use ownpost_simulation::{Results, Simulation};

#[path = "../../chart.rs"]
mod chart;
mod figures;

fn main() -> Result<()> {
    let mut figures = None;
    let mut scenario = Scenario::day(1, 10_000_000, 10_000, 100);
    let options: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = options.iter();
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|value| value.parse().ok()).context("a number is missing");
        match argument.as_str() {
            "--figures" => figures = arguments.next().map(PathBuf::from),
            "--quick" => scenario = scenario.of(1_000_000),
            "--events" => scenario = scenario.of(number()?),
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
    let page = figures::page(&command(&options), &scenario, &results)?;
    println!("{page}");
    fs::write(figures.join("simulation.md"), page)?;
    fs::write(figures.join("simulation.svg"), figures::picture(&scenario, &results))?;
    Ok(())
}

/// The command that was given to `cargo xtask`, which adds the folder.
fn command(options: &[String]) -> String {
    let folder = options.iter().position(|option| option == "--figures").unwrap_or(options.len());
    let given = options.iter().enumerate().filter(|(place, _)| !(folder..=folder + 1).contains(place));
    let given = given.map(|(_, option)| option.as_str());
    std::iter::once("cargo xtask bench simulation").chain(given).collect::<Vec<_>>().join(" ")
}
