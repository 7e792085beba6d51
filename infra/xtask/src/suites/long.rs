//! `cargo xtask test long`: steps that take too long for CI, or that measure.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::tally::Tally;
use super::{Outcome, report};
use crate::process::{ask, cargo, cargo_that_may_lock, command, root, run as finish};
use crate::{bench, faults, package, setup};

/// A long step with its duration.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(seconds: u32) -> Result<()>,
}

const STEPS: [Step; 12] = [
    Step {
        name: "faults",
        about: "the long fault run; fails when a mail is lost or doubled; writes docs/figures/faults.md",
        run: |_| faults::run_long(&[]).map(drop),
    },
    Step {
        name: "fuzz",
        about: "each fuzz target for --seconds (600); fails on a find; needs cargo-fuzz",
        run: fuzz,
    },
    Step {
        name: "fuzz-http",
        about: "requests and bodies at a running `ownpost local` for --seconds (600); fails on a find",
        run: fuzz_http,
    },
    Step {
        name: "model",
        about: "the protocol in every order of steps, with more trouble than in `unit`; minutes and gigabytes",
        run: |_| {
            let mut model = cargo();
            model.args([
                "test",
                "--quiet",
                "--package",
                "ownpost-model",
                "--features",
                "long",
                "--",
                "nor_with",
                "--nocapture",
            ]);
            finish(&mut model)
        },
    },
    Step {
        name: "artefact",
        about: "the Lambda artefact from outside: processor, glibc, paths, papers, size",
        run: |_| finish(command("node").args(["--test", "tests/artefact/long/package.mjs"])),
    },
    Step {
        name: "reproducible",
        about: "the Lambda artefact from a second folder with a second cargo home; fails when a byte differs",
        run: |_| package::same_bytes(),
    },
    Step {
        name: "coldstart",
        about: "benchmark; fails when a function takes too much memory; writes docs/figures/coldstart.md",
        run: |_| measure("coldstart"),
    },
    Step { name: "sending", about: "benchmark; writes docs/figures/sending.md", run: |_| measure("sending") },
    Step { name: "page", about: "benchmark; writes docs/figures/page.md", run: |_| measure("page") },
    Step {
        name: "validating",
        about: "benchmark; writes docs/figures/validating.md",
        run: |_| measure("validating"),
    },
    Step {
        name: "throughput",
        about: "benchmark; writes docs/figures/throughput.md",
        run: |_| measure("throughput"),
    },
    Step {
        name: "simulation",
        about: "benchmark in simulated time; writes docs/figures/simulation.md",
        run: |_| measure("simulation"),
    },
];

/// Runs the steps with these names, or all steps. The figures of a benchmark are valid only from a machine without
/// other load.
pub(super) fn run(options: &[String]) -> Result<ExitCode> {
    if options == ["list"] {
        for Step { name, about, .. } in STEPS {
            println!("{name:<12} {about}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (names, seconds) = match options {
        [names @ .., option, seconds] if option == "--seconds" => {
            (names, seconds.parse().context("--seconds takes a number")?)
        }
        names => (names, 600),
    };
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        bail!("no long step `{unknown}`; `cargo xtask test long list` names them");
    }
    let start = Instant::now();
    let mut outcomes = Vec::new();
    for step in STEPS {
        if !names.is_empty() && !names.iter().any(|name| name == step.name) {
            continue;
        }
        setup::step(start, &format!("long step {}", step.name));
        let began = Instant::now();
        let problem = (step.run)(seconds).err().map(|error| format!("{error:#}"));
        let failed = u64::from(problem.is_some());
        outcomes.push(Outcome {
            name: step.name.to_owned(),
            tally: Tally { passed: 1 - failed, failed, skipped: 0 },
            problem,
            failures: Vec::new(),
            again: format!("cargo xtask test long {}", step.name),
            took: began.elapsed(),
        });
    }
    Ok(report(start, &outcomes))
}

/// Sends requests to `ownpost local`. What it finds is in `target/fuzz/http`.
fn fuzz_http(seconds: u32) -> Result<()> {
    finish(cargo().args(["build", "--package", "ownpost"]))?;
    finish(command("node").arg("tests/fuzz/http/run.mjs").arg("--seconds").arg(seconds.to_string()))
}

fn measure(name: &str) -> Result<()> {
    bench::run(&[name.to_owned()]).map(drop)
}

/// Runs each target on the committed corpus. Failing inputs stay in `tests/fuzz/artifacts`, new inputs in
/// `target/fuzz`. `tests/fuzz/README.md` says how to keep either.
fn fuzz(seconds: u32) -> Result<()> {
    ensure!(
        ask(cargo_that_may_lock().args(["fuzz", "--version"])).is_some(),
        "there is no cargo-fuzz: `cargo install cargo-fuzz --locked`"
    );
    let folder = root().join("tests/fuzz");
    let here = |mut command: Command| {
        command.current_dir(&folder);
        command
    };
    let mut found = Vec::new();
    for file in super::sorted(&folder.join("fuzz_targets"))? {
        let target = file.file_stem().and_then(OsStr::to_str).context("a fuzz target without a name")?;
        let corpus = root().join("target/fuzz").join(target);
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        finish(here(command("node")).args(["corpus.mjs", "unpack", target]).arg(&corpus))?;
        // Stable Rust contains the instrumentation, but only nightly may use it without this variable.
        let mut fuzz = here(cargo_that_may_lock());
        fuzz.env("RUSTC_BOOTSTRAP", "1");
        fuzz.args(["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none", target]).arg(&corpus);
        fuzz.args(["--", "-timeout=10", "-rss_limit_mb=512"]).arg(format!("-max_total_time={seconds}"));
        let dictionary = format!("{target}.dict");
        if folder.join(&dictionary).exists() {
            fuzz.arg(format!("-dict={dictionary}"));
        }
        if finish(&mut fuzz).is_err() {
            found.push(target.to_owned());
        }
    }
    ensure!(found.is_empty(), "the fuzz targets {} found something or did not run", found.join(", "));
    Ok(())
}
