//! `cargo xtask bench NAME [OPTIONS]`: each benchmark writes its table and its pictures into `docs/figures`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::process::{cargo, cargo_that_may_lock, command, root, run as finish};
use crate::{package, setup, wasm};

/// Runs the benchmark with this name.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, options)) = arguments.split_first() else { bail!("which benchmark? `cargo xtask help`") };
    match name.as_str() {
        "coldstart" => coldstart(options),
        "page" => page(options),
        "sending" => sending(options),
        "simulation" => simulation(options),
        "throughput" => throughput(options),
        "validating" => validating(options),
        other => bail!("no benchmark `{other}`; `cargo xtask help` lists them"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Compares the start of each function with a hello world, Node and Python.
fn coldstart(options: &[String]) -> Result<()> {
    let python = setup::for_coldstart_bench()?;
    let programs = package::with_hello()?;
    finish(command("node").arg("tests/bench/coldstart/run.mjs").args(programs).arg(python).args(options))
}

/// Compares Ownpost's sender with its peers.
fn sending(options: &[String]) -> Result<()> {
    // The peers' dependencies stay in a folder of their own.
    let work = root().join("target/bench/sending");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let python = setup::for_sending_bench(&work.join("python"))?;
    // The sender's own dependencies may have changed since the peers' lock file was written.
    let mut build = cargo_that_may_lock();
    build.args(["build", "--release", "--manifest-path"]);
    build.arg(root().join("tests/bench/sending/Cargo.toml"));
    finish(build.arg("--target-dir").arg(root().join("target/bench")))?;
    let mut bench = command(root().join("target/bench/release/bench-sending"));
    bench.args(options).arg("--work").arg(&work).arg("--python").arg(python);
    finish(bench.arg("--figures").arg(root().join("docs/figures")))
}

/// Simulates millions of mails.
fn simulation(options: &[String]) -> Result<()> {
    let mut simulation = cargo();
    simulation.args(["run", "--release", "--quiet", "--package", "ownpost-simulation", "--"]);
    finish(simulation.arg("--figures").arg(root().join("docs/figures")).args(options))
}

/// Compares `ownpost local` with a loop over lettre.
fn throughput(options: &[String]) -> Result<()> {
    finish(cargo().args(["build", "--release", "--quiet", "--package", "ownpost"]))?;
    // A workspace of its own, with lettre's TLS and pool; its build goes into the workspace's target folder.
    let target = root().join("target/bench");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet"]);
    build.args(["--manifest-path", "tests/bench/throughput/Cargo.toml"]);
    finish(build.arg("--target-dir").arg(&target))?;
    let mut throughput = command(target.join("release/throughput"));
    throughput.arg("--program").arg(root().join("target/release/ownpost"));
    finish(throughput.arg("--figures").arg(root().join("docs/figures")).args(options))
}

/// Compares what a page with the form loads with what it loaded in an earlier commit.
fn page(options: &[String]) -> Result<()> {
    setup::for_page_bench()?;
    let before = earlier_package()?;
    wasm::build()?;
    finish(command("node").arg("tests/bench/page/run.mjs").args(options).arg("--before").arg(before))
}

/// The first commit whose page was measured.
const EARLIER: &str = "7129f9d";

/// The sources of that commit with its npm package, which its own tasks have built, once.
fn earlier_package() -> Result<PathBuf> {
    let folder = root().join("target/bench/page-before");
    if !folder.join("validator-wasm/dist/form/index.js").exists() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let sources = root().join("target/bench/page-before.tar");
        finish(command("git").args(["archive", EARLIER, "--output"]).arg(&sources))?;
        finish(command("tar").arg("-xf").arg(&sources).arg("-C").arg(&folder))?;
        finish(cargo_that_may_lock().args(["xtask", "test", "package"]).current_dir(&folder))?;
    }
    Ok(folder)
}

/// Compares the npm package with its peers, in Node and in Chromium.
fn validating(options: &[String]) -> Result<()> {
    setup::for_validating_bench()?;
    wasm::build()?;
    finish(command("node").arg("tests/bench/validating/run.mjs").args(options))
}
