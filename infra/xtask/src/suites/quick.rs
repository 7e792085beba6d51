//! `cargo xtask test quick`: the fast loop while a person changes the code. It needs no browser, mail server or
//! Python, and stops at the first step that fails.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use super::{Suite, Work, node_suites, node_tests, perform, report};
use crate::process::root;
use crate::setup;

/// The suites of the fast loop, those with the fastest result first. The dialogues are part of `unit`.
const STEPS: [&str; 7] = ["fmt", "javascript", "walls", "clippy", "unit", "package", "validator"];

/// Runs those of `suites` that belong to the fast loop.
pub(super) fn run(mut suites: Vec<Suite>) -> Result<ExitCode> {
    let start = Instant::now();
    setup::step(start, "set-up");
    setup::for_package()?;
    let mut outcomes = Vec::new();
    for name in STEPS {
        let Some(at) = suites.iter().position(|suite| suite.name == name) else { continue };
        let mut suite = suites.swap_remove(at);
        if name == "validator" {
            suite.work = validator()?;
        }
        setup::step(start, name);
        let outcome = perform(suite);
        let failed = outcome.problem.is_some();
        outcomes.push(outcome);
        if failed {
            break;
        }
    }
    Ok(report(start, &outcomes))
}

/// The tests of the npm package that need only Node.
fn validator() -> Result<Work> {
    let suites = node_suites(&root().join("tests"))?;
    let mut files =
        suites.into_iter().find(|(name, _)| name == "validator").map(|(_, files)| files).unwrap_or_default();
    files.retain(|file| fs::read_to_string(file).is_ok_and(|text| !text.contains("harness/browser")));
    Ok(Work::Tests(vec![node_tests(&files)]))
}
