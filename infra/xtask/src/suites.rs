//! `cargo xtask test`: runs every suite and reports each, so that one failure does not hide another.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{cargo, command, root, show};
use crate::{setup, supply, types, walls, wasm};

mod long;
mod quick;
mod table;
mod tally;
mod watch;

use tally::Tally;

/// The longest time of a suite; a longer one has hung. No suite needs nearly as much on two busy cores.
const DEADLINE: Duration = Duration::from_mins(30);

/// The suites whose builds the other suites use.
const BUILT: [&str; 2] = ["package", "build"];

/// The work of a suite.
enum Work {
    /// A command that passes or fails as a whole.
    Check(Vec<Command>),
    /// Commands that count their tests; none at all is a failure.
    Tests(Vec<Command>),
    /// A task of this program.
    Task(fn() -> Result<()>),
}

struct Suite {
    name: String,
    /// Whether it needs the whole set-up and the builds of [`BUILT`], not only Rust, Node and their requirements.
    needs_all: bool,
    work: Work,
}

struct Outcome {
    name: String,
    tally: Tally,
    /// The reason of the failure, if it failed.
    problem: Option<String>,
    /// The lines in which it tells of failed tests.
    failures: Vec<String>,
    /// The command that repeats the suite, or the failed part of it.
    again: String,
    took: Duration,
}

/// Runs the suites with these names, or all suites, or one of the two named lists.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let start = Instant::now();
    if let [first, options @ ..] = names
        && first == "long"
    {
        return long::run(options);
    }
    if names == ["infra", "mutants"] {
        setup::python()?;
        crate::process::run(&mut infra(&["mutants"]))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut suites = all()?;
    if names == ["quick"] {
        return quick::run(suites);
    }
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
    // Suites that test the binaries and the npm package need builds of the present sources.
    suites.retain(|suite| chosen(suite) || (needs_all && BUILT.contains(&suite.name.as_str())));

    setup::step(start, "set-up");
    if needs_all { setup::for_tests() } else { setup::for_package() }?;
    if suites.iter().any(|suite| suite.name == "infra") {
        setup::python()?;
    }
    let mut outcomes = Vec::new();
    for suite in suites {
        setup::step(start, &format!("suite {}", suite.name));
        outcomes.push(perform(suite));
    }
    setup::step(start, "all suites have run");
    Ok(report(start, &outcomes))
}

/// All suites, those with the fastest result first.
fn all() -> Result<Vec<Suite>> {
    const DENY: [&str; 3] = ["--", "--deny", "warnings"];
    const WASM: [&str; 4] = ["--package", "validator-wasm", "--target", "wasm32-unknown-unknown"];
    const REAL: [&str; 4] = ["--features", "ownpost-tests/real", "--test", "real_*"];
    let run = |arguments: &[&[&str]]| {
        let mut command = cargo();
        command.args(arguments.concat());
        command
    };
    let suite = |name: &str, needs_all, work| Suite { name: name.to_owned(), needs_all, work };

    let clippy = vec![
        run(&[
            &[
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--features",
                "ownpost-tests/real,ownpost-model/long",
            ],
            &DENY,
        ]),
        run(&[&["clippy", "--locked"], &WASM, &DENY]),
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
        suite("walls", false, Work::Task(walls::verify)),
        suite("types", false, Work::Task(types::verify)),
        suite("supply", true, Work::Task(supply::verify)),
        suite("clippy", false, Work::Check(clippy)),
        suite("unit", false, Work::Tests(unit)),
    ];
    // It reads the template, so it needs Python and no build.
    suites.push(suite("infra", false, Work::Tests(vec![infra(&[])])));
    for (name, files) in node_suites(&root().join("tests"))? {
        suites.push(suite(&name, true, Work::Tests(vec![node_tests(&files)])));
    }
    // The tests are selected by name, so that no other test runs twice; and with the default members, so that nothing
    // is compiled twice with other features.
    if sorted(&root().join("tests/tests"))?.iter().any(|file| file.to_string_lossy().contains("/real_")) {
        suites.push(suite("real", true, Work::Tests(vec![run(&[&["test", "--no-fail-fast"], &REAL])])));
    }
    Ok(suites)
}

/// Each folder of `tests` with `*.test.mjs` files, and those files. A new suite needs no entry here.
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

/// The chain over the SAM template, or the mistakes that are planted into it.
fn infra(arguments: &[&str]) -> Command {
    let mut python = command(root().join("tests/.venv/bin/python"));
    python.arg("tests/infra/run.py").args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A command that runs these `*.test.mjs` files.
fn node_tests(files: &[PathBuf]) -> Command {
    let mut node = command("node");
    // One file at a time, because the two cores also run a browser, mail servers and the product.
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"]).args(files).env("NO_COLOR", "1");
    node
}

/// The entries of a folder in order; none when it does not exist.
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
    let mut failures = Vec::new();
    let mut again = format!("cargo xtask test {}", suite.name);
    let counts = matches!(suite.work, Work::Tests(_));
    match suite.work {
        Work::Task(task) => problem = task().err().map(|error| format!("{error:#}")),
        Work::Check(commands) | Work::Tests(commands) => {
            for mut command in commands {
                let end = watch::run(&mut command, DEADLINE);
                tally += end.tally;
                failures.extend(end.failures);
                if problem.is_none() && end.problem.is_some() {
                    again = show(&command);
                    problem = end.problem;
                }
            }
        }
    }
    if counts && problem.is_none() {
        // Set-up has installed everything, so a skipped test is a failure.
        problem = match tally {
            Tally { skipped: 1.., .. } => Some("skipped tests".to_owned()),
            Tally { passed: 0, failed: 0, .. } => Some("ran no test".to_owned()),
            Tally { failed: 1.., .. } => Some("failed tests".to_owned()),
            _ => None,
        };
    }
    match &problem {
        // A failure outside of a counted test counts as one.
        Some(_) if tally.failed == 0 => tally.failed = 1,
        None if !counts => tally.passed = 1,
        _ => {}
    }
    Outcome { name: suite.name, tally, problem, failures, again, took: start.elapsed() }
}

/// Prints the closing table. Its last line is the total, for people and for CI.
fn report(start: Instant, outcomes: &[Outcome]) -> ExitCode {
    println!("\n{}", table::of(outcomes, start.elapsed()));
    let failed = outcomes.iter().any(|outcome| outcome.problem.is_some());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
