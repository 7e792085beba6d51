//! `cargo xtask test`: every suite in turn, each reported on its own, so that one failure hides no other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{cargo, command, root};
use crate::{setup, types, wasm};

mod tally;
mod watch;

use tally::Tally;

/// How long a suite may take before it counts as hung. Far above what any needs on two busy cores.
const DEADLINE: Duration = Duration::from_mins(30);

/// The suites that build what the others run.
const BUILT: [&str; 2] = ["package", "build"];

/// What a suite runs.
enum Work {
    /// A command that passes or fails as a whole.
    Check(Vec<Command>),
    /// Commands that count their tests; none at all is a failure.
    Tests(Vec<Command>),
    /// A task of our own.
    Task(fn() -> Result<()>),
}

struct Suite {
    name: String,
    /// Whether it needs all of the set-up and what [`BUILT`] builds, not just Rust, Node and what those two need.
    needs_all: bool,
    work: Work,
}

struct Outcome {
    name: String,
    tally: Tally,
    /// Why it failed, if it did.
    problem: Option<String>,
    took: Duration,
}

/// Runs the suites named, or all.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let start = Instant::now();
    let mut suites = all()?;
    if names == ["list"] {
        for suite in &suites {
            println!("{}", suite.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = names.iter().find(|name| !suites.iter().any(|suite| suite.name == **name)) {
        bail!("no suite `{unknown}`; `cargo xtask test list` names them");
    }
    let chosen = |suite: &Suite| names.is_empty() || names.contains(&suite.name);
    let needs_all = suites.iter().any(|suite| suite.needs_all && chosen(suite));
    // What runs against the binaries and the npm package runs against today's.
    suites.retain(|suite| chosen(suite) || (needs_all && BUILT.contains(&suite.name.as_str())));

    setup::step(start, "set-up");
    if needs_all { setup::for_tests() } else { setup::for_package() }?;
    let mut outcomes = Vec::new();
    for suite in suites {
        setup::step(start, &format!("suite {}", suite.name));
        outcomes.push(perform(suite));
    }
    setup::step(start, "all suites have run");
    Ok(report(&outcomes))
}

/// The suites in the order of what is cheap to know first.
fn all() -> Result<Vec<Suite>> {
    const DENY: [&str; 3] = ["--", "--deny", "warnings"];
    const WASM: [&str; 4] = ["--package", "validator-wasm", "--target", "wasm32-unknown-unknown"];
    const REAL: [&str; 4] = ["--features", "ownpost-tests/real", "--test", "real_*"];
    let run = |words: &[&[&str]]| {
        let mut command = cargo();
        command.args(words.concat());
        command
    };
    let suite = |name: &str, needs_all, work| Suite { name: name.to_owned(), needs_all, work };

    let clippy = vec![
        run(&[&["clippy", "--workspace", "--all-targets", "--features", "ownpost-tests/real"], &DENY]),
        run(&[&["clippy"], &WASM, &DENY]),
    ];
    let tool = |program: &str, options: &[&str]| {
        let mut node = command("node");
        node.arg(format!("validator-wasm/node_modules/{program}")).args(options);
        node
    };
    let javascript = vec![
        tool("@biomejs/biome/bin/biome", &["check", "--error-on-warnings"]),
        tool("typescript/bin/tsc", &["--project", "validator-wasm"]),
    ];
    let unit = vec![run(&[&["test", "--no-fail-fast"]]), run(&[&["test", "--package", "xtask"]])];
    let mut suites = vec![
        suite("fmt", false, Work::Check(vec![run(&[&["fmt", "--all", "--check"]])])),
        suite("javascript", false, Work::Check(javascript)),
        suite("package", false, Work::Task(wasm::build)),
        suite("build", false, Work::Check(vec![run(&[&["build"]])])),
        suite("types", false, Work::Task(types::verify)),
        suite("clippy", false, Work::Check(clippy)),
        suite("unit", false, Work::Tests(unit)),
    ];
    for (name, files) in node_suites(&root().join("tests"))? {
        let mut node = command("node");
        // One file at a time: they share two cores with a browser, mail servers and the product.
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
            .args(files)
            .env("NO_COLOR", "1");
        suites.push(suite(&name, true, Work::Tests(vec![node])));
    }
    // By their names, so that no other test runs a second time; with the default members, so that nothing is
    // compiled a second time for other features.
    if sorted(&root().join("tests/tests"))?.iter().any(|file| file.to_string_lossy().contains("/real_")) {
        suites.push(suite("real", true, Work::Tests(vec![run(&[&["test", "--no-fail-fast"], &REAL])])));
    }
    Ok(suites)
}

/// Each folder of `tests` that holds `*.test.mjs` files, with those files: a suite needs no entry here.
fn node_suites(tests: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let mut suites = Vec::new();
    for folder in sorted(tests)?.into_iter().filter(|path| path.is_dir()) {
        let mut files = sorted(&folder)?;
        files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
        if let (false, Some(name)) = (files.is_empty(), folder.file_name()) {
            suites.push((name.to_string_lossy().into_owned(), files));
        }
    }
    Ok(suites)
}

/// What is in a folder; nothing when it is not there.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn perform(suite: Suite) -> Outcome {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut problem = None;
    let counts = matches!(suite.work, Work::Tests(_));
    match suite.work {
        Work::Task(task) => problem = task().err().map(|error| format!("{error:#}")),
        Work::Check(commands) | Work::Tests(commands) => {
            for mut command in commands {
                let (seen, failure) = watch::run(&mut command, DEADLINE);
                tally += seen;
                problem = problem.or(failure);
            }
        }
    }
    if counts && problem.is_none() {
        // Set-up has put everything in place, so a test that skips itself hides something.
        problem = match tally {
            Tally { skipped: 1.., .. } => Some("skipped tests".to_owned()),
            Tally { passed: 0, failed: 0, .. } => Some("ran no test".to_owned()),
            Tally { failed: 1.., .. } => Some("failed tests".to_owned()),
            _ => None,
        };
    }
    match &problem {
        // Whatever went wrong outside a counted test counts as one.
        Some(_) if tally.failed == 0 => tally.failed = 1,
        None if !counts => tally.passed = 1,
        _ => {}
    }
    Outcome { name: suite.name, tally, problem, took: start.elapsed() }
}

/// The summary. Its last line is the total, for people and for whatever runs this.
fn report(outcomes: &[Outcome]) -> ExitCode {
    println!();
    let mut total = Tally::default();
    for Outcome { name, tally, problem, took } in outcomes {
        let verdict = problem.as_ref().map_or_else(String::new, |problem| format!("  FAILED: {problem}"));
        let seconds = took.as_secs_f64();
        println!("{name:<12} {tally}  {seconds:>7.1}s{verdict}");
        total += *tally;
    }
    println!();
    println!("{} passed, {} failed", total.passed, total.failed);
    if outcomes.iter().any(|outcome| outcome.problem.is_some()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
