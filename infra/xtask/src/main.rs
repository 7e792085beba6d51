//! Builds, packages and verifies Ownpost, and installs the dependencies of these tasks. `cargo xtask help` lists the
//! tasks.

use std::process::ExitCode;

mod bench;
mod deploy;
mod faults;
mod form;
mod local;
mod package;
mod process;
mod publish;
mod setup;
mod suites;
mod supply;
mod types;
mod walls;
mod wasm;

const HELP: &str = "\
cargo xtask <task>

  local [ARGS]    sets up, builds the npm package and `ownpost`, and runs `ownpost local ARGS`
  test [SUITE…]   sets up and runs every suite, or only those named (`cargo xtask test list` names them)
  test quick      the fast loop: format, lint, unit and dialogue tests, the npm package in Node; ends at the first
                  failure and says how to run it again
  test infra mutants
                  plants every mistake of infra/README.md into the template; each must be caught
  test long [STEP…] [--seconds N]
                  what CI has no time for: the long fault run, fuzzing, benchmarks (`cargo xtask test long list`)
  bench NAME [--quick]
                  a benchmark, which writes its table into docs/figures: coldstart, page, sending, validating,
                  simulation, throughput
  faults [ARGS]   the long fault run; writes docs/figures/faults.md and its picture
  build           the npm package and the debug binaries
  package [--arch arm64|x86_64]
                  the Lambda artefact: target/package/ownpost-lambda.zip; prints its hash
  package ownpost the command line and one-machine server: target/package/ownpost.zip
  deploy --stage NAME
                  packages, stores the platform's secret, runs `sam deploy` and sends a mail through the stack;
                  says first what is missing (`cargo xtask deploy --help`)
  papers FOLDER   the third-party notices and the bill of materials (CycloneDX) of every artefact
  publish [--dry-run [--built]]
                  the npm package, which is refused while a placeholder stands in it
  types           the npm package's TypeScript types, from the Rust types
  walls           holds the code map's walls against the code: forbidden dependencies, circles among files
  setup           everything that `test` needs: Rust target, npm, PyPI and system packages
  help            this page";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match task {
        "local" => local::run_local(rest),
        "test" => suites::run(rest),
        "bench" => bench::run(rest),
        "faults" => faults::run_long(rest),
        "build" => local::build(),
        "package" => package::package(rest),
        "deploy" => deploy::deploy(rest),
        "papers" => supply::write_papers(rest),
        "publish" => publish::publish(rest),
        "types" => types::write().map(|()| ExitCode::SUCCESS),
        "walls" => walls::verify().map(|()| ExitCode::SUCCESS),
        "setup" => setup::everything(),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(anyhow::anyhow!("no task `{other}`; `cargo xtask help` lists them")),
    };
    done.unwrap_or_else(|error| {
        // One line with the error and its causes; it says how to do the step by hand.
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
