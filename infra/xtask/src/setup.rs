//! Set-up: installs all dependencies of the tasks on a machine with Rust, Node and Python. It keeps what is
//! installed, prints a line for each step, and stops with instructions when a step must be done by hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{ask, command, find_program, root, run};

mod apt;
mod servers;

/// The oldest versions of Node and Python for which the scripts are written.
const NODE: u32 = 20;
const PYTHON: (u32, u32) = (3, 9);

/// The names of the browser's program on Debian, on Ubuntu, and in Google's packages.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// A progress line with the time since `start`.
pub(crate) fn step(start: Instant, what: &str) {
    println!("xtask {:>6.1}s  {what}", start.elapsed().as_secs_f64());
}

/// Installs everything, for `cargo xtask setup`.
pub(crate) fn everything() -> Result<ExitCode> {
    for_tests()?;
    println!("xtask: everything is in place");
    Ok(ExitCode::SUCCESS)
}

/// Installs the dependencies of the build of the npm package and `ownpost`.
pub(crate) fn for_package() -> Result<()> {
    node()?;
    rust_target("wasm32-unknown-unknown", "libstd-rust-dev-wasm32")?;
    npm("validator-wasm")
}

/// Installs what links the artefact for this target: the target's standard library, and zig in an environment of its own.
/// Returns the folder with the programs.
pub(crate) fn for_artefact(target: &str) -> Result<PathBuf> {
    let debian =
        if target.starts_with("aarch64") { "libstd-rust-dev:arm64" } else { "libstd-rust-dev:amd64" };
    rust_target(target, debian)?;
    let (list, folder) = ZIG;
    python_environment(&root().join(list), &root().join(folder))?;
    Ok(root().join(folder).join("bin"))
}

/// Installs the further dependencies of the suites.
pub(crate) fn for_tests() -> Result<()> {
    for_package()?;
    npm("tests")?;
    npm("tests/packaging")?;
    npm("tests/packaging/angular")?;
    npm("tests/packaging/next")?;
    npm("tests/packaging/runtimes")?;
    npm("tests/tools")?;
    apt::provide(&[
        apt::Program { names: &["postfix"], package: "postfix" },
        apt::Program { names: &["saslpasswd2"], package: "sasl2-bin" },
        apt::Program { names: &["openssl"], package: "openssl" },
        apt::Program { names: &["jq"], package: "jq" },
        apt::Program { names: &["spamassassin"], package: "spamassassin" },
        apt::Program { names: &["rspamd"], package: "rspamd" },
    ])?;
    // The package of the library only recommends the mechanisms PLAIN and LOGIN.
    apt::provide_file("/usr/lib", "sasl2/liblogin.so", "libsasl2-modules")?;
    servers::provide()?;
    browser()?;
    firefox();
    python()
}

/// Installs Debian's Firefox where there is no other. Its tests are left out on a system without one, which is no
/// reason to fail: Ubuntu has it only as a snap.
fn firefox() {
    let there = env::var_os("FIREFOX").is_some() || find_program(&["firefox-esr", "firefox"]).is_some();
    if !there && let Err(error) = apt::install(&["firefox-esr"]) {
        println!("xtask: no Firefox, so its tests are left out ({error})");
    }
}

/// Installs the dependencies of the page's benchmark: a browser.
pub(crate) fn for_page_bench() -> Result<()> {
    for_package()?;
    npm("tests")?;
    browser()
}

/// Installs the dependencies of the npm package's benchmark: its peers, and a browser.
pub(crate) fn for_validating_bench() -> Result<()> {
    for_page_bench()?;
    npm("tests/bench/validating")
}

/// Installs the dependencies of the cold start benchmark: its peers in Node and Python, and the bundler. Returns the Python
/// program to run.
pub(crate) fn for_coldstart_bench() -> Result<PathBuf> {
    for_package()?;
    npm("tests/bench/coldstart/peers")?;
    python()?;
    Ok(root().join("tests/.venv/bin/python"))
}

/// Installs the dependencies of the sending benchmark: Postfix for its two test programs, nodemailer, and aiosmtplib
/// in `packages`. Returns the Python program to run.
pub(crate) fn for_sending_bench(packages: &Path) -> Result<PathBuf> {
    node()?;
    npm("tests/bench/sending/clients")?;
    apt::provide(&[apt::Program { names: &["smtp-sink"], package: "postfix" }])?;
    python()?;
    let python = root().join("tests/.venv/bin/python");
    let list = root().join("tests/bench/sending/clients/requirements.txt");
    let installed = packages.join(".installed-from");
    if !same(&list, &installed) {
        let mut pip = command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
        pip.args(["--require-hashes", "--no-deps", "--target"]).arg(packages);
        run(pip.arg("--requirement").arg(&list)).context("by hand: `pip install aiosmtplib`")?;
        fs::copy(&list, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    }
    Ok(python)
}

/// Installs Rust's standard library for a target. `debian` is Debian's package of it.
fn rust_target(target: &str, debian: &str) -> Result<()> {
    if has_rust_target(target) {
        return Ok(());
    }
    let by_hand = format!(
        "add it by hand: `rustup target add {target}`, or with Debian's own Rust `apt-get install {debian}`"
    );
    ensure!(
        find_program(&["rustup"]).is_some(),
        "Rust has no target {target} and there is no rustup: {by_hand}"
    );
    println!("xtask: rustup target add {target}");
    run(command("rustup").args(["target", "add", target])).context(by_hand.clone())?;
    ensure!(has_rust_target(target), "rustup added {target}, yet rustc does not find it: {by_hand}");
    Ok(())
}

/// Whether Rust's standard library for this target is there.
pub(crate) fn has_rust_target(target: &str) -> bool {
    ask(command("rustc").args(["--print", "target-libdir", "--target", target]))
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

fn node() -> Result<()> {
    let by_hand =
        format!("install Node.js {NODE} or newer with npm, from nodejs.org or your system's packages");
    let Some(version) = ask(command("node").arg("--version")) else { bail!("there is no `node`: {by_hand}") };
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    ensure!(major.is_some_and(|major| major >= NODE), "node is {version}: {by_hand}");
    ensure!(find_program(&["npm"]).is_some(), "there is no `npm`: {by_hand}");
    Ok(())
}

/// Installs the packages of `folder`'s lock file into `folder/node_modules`, once for each state of the lock file.
fn npm(folder: &str) -> Result<()> {
    let folder = root().join(folder);
    let lock = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.installed-from");
    if !lock.exists() || same(&lock, &installed) {
        return Ok(());
    }
    println!("xtask: npm ci in {}", folder.display());
    // No package here needs an install script, and such a script could download anything.
    let mut npm = command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    run(&mut npm).with_context(|| format!("by hand: `npm ci --ignore-scripts` in {}", folder.display()))?;
    fs::copy(&lock, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(())
}

/// The lists of PyPI packages and the environments that they are installed into. SAM's command line, checkov and AWS's command
/// line each insist on versions that nothing else can use.
const ENVIRONMENTS: [(&str, &str); 5] = [
    ("tests/requirements.txt", "tests/.venv"),
    ("tests/infra/sam.txt", "tests/.venv-sam"),
    ("tests/infra/checkov.txt", "tests/.venv-checkov"),
    ("tests/tools/tools.txt", "tests/.venv-tools"),
    ZIG,
];
/// Zig and its link to cargo, of which the artefact is built.
const ZIG: (&str, &str) = ("tests/artefact/zig.txt", "tests/.venv-zig");

/// Installs each list into its environment, once for each state of the list.
pub(crate) fn python() -> Result<()> {
    ENVIRONMENTS
        .iter()
        .try_for_each(|(list, folder)| python_environment(&root().join(list), &root().join(folder)))
}

/// Why zig cannot be installed; `None` when it can, or is there.
pub(crate) fn no_zig() -> Option<String> {
    let (list, folder) = ZIG;
    let there = same(&root().join(list), &root().join(folder).join(".installed-from"));
    if there { None } else { python_by_hand().err().map(|error| error.to_string()) }
}

/// What a person does when an environment cannot be made; an error when Python is missing or too old.
fn python_by_hand() -> Result<String> {
    let by_hand = format!("install Python {}.{} or newer with its venv module", PYTHON.0, PYTHON.1);
    let version = "import sys; print(*sys.version_info[:2])";
    let Some(version) = ask(command("python3").args(["-c", version])) else {
        bail!("no `python3`: {by_hand}")
    };
    let parsed =
        version.split_once(' ').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    ensure!(parsed.is_some_and(|found: (u32, u32)| found >= PYTHON), "python3 is {version}: {by_hand}");
    Ok(by_hand)
}

fn python_environment(list: &Path, folder: &Path) -> Result<()> {
    let installed = folder.join(".installed-from");
    if !list.exists() || same(list, &installed) {
        return Ok(());
    }
    let by_hand = python_by_hand()?;
    if ask(command("python3").args(["-c", "import ensurepip, venv"])).is_none() {
        apt::install(&["python3-venv"])?;
    }
    println!("xtask: PyPI packages into {}", folder.display());
    run(command("python3").args(["-m", "venv", "--clear"]).arg(folder)).context(by_hand)?;
    let mut pip = command(folder.join("bin/python"));
    // The lists are complete. Without --no-deps pip asks for each package a second time by its extras, and finds no hash.
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
    ]);
    run(pip.arg("--requirement").arg(list)).with_context(|| {
        format!(
            "by hand: `pip install --require-hashes --no-deps -r {}` in {}",
            list.display(),
            folder.display()
        )
    })?;
    fs::copy(list, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(())
}

/// Ubuntu has Chromium only as a snap, with an empty package of that name. So the browser is started to read its
/// version.
fn browser() -> Result<()> {
    let by_hand =
        "install Chromium or Chrome (on Ubuntu: `snap install chromium`), or set CHROMIUM to its path";
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    if named.is_none() {
        apt::provide(&[apt::Program { names: &BROWSERS, package: "chromium" }]).context(by_hand)?;
    }
    let Some(program) = named.or_else(|| find_program(&BROWSERS)) else {
        bail!("there is no Chromium: {by_hand}")
    };
    let answers = ask(command(&program).args(["--version", "--no-sandbox"])).is_some();
    ensure!(answers, "{} does not run: {by_hand}", program.display());
    Ok(())
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Each lock file of each registry; a new one needs no entry here.
    #[test]
    fn whatever_is_installed_is_pinned_by_its_hash() -> Result<()> {
        let listed = ask(command("git").args(["ls-files"])).context("git ls-files")?;
        let mut counted = [0; 3];
        for file in listed.lines() {
            let read = || fs::read_to_string(root().join(file));
            if file.ends_with("package-lock.json") {
                counted[0] += 1;
                let lock: Value = serde_json::from_str(&read()?)?;
                for (name, package) in lock["packages"].as_object().into_iter().flatten() {
                    // What a package carries in itself has no archive of its own: the package's hash is over it.
                    let carried = package["inBundle"] == true;
                    let pinned = carried
                        || package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-"));
                    assert!(name.is_empty() || pinned, "{file}: {name}");
                }
            } else if file.ends_with("Cargo.lock") {
                counted[1] += 1;
                for package in read()?.split("[[package]]").skip(1) {
                    let foreign = package.contains("source = ");
                    assert_eq!(foreign, package.contains("checksum = "), "{file}: {package}");
                }
            } else if file.ends_with("requirements.txt") || ENVIRONMENTS.iter().any(|(list, _)| *list == file)
            {
                counted[2] += 1;
                let lines = read()?.replace("\\\n", " ");
                for line in lines.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
                    assert!(line.contains("==") && line.contains("--hash=sha256:"), "{file}: {line}");
                }
            }
        }
        assert!(counted[0] >= 6 && counted[1] >= 4 && counted[2] >= 5, "{counted:?}");
        assert!(fs::read_to_string(root().join(".cargo/config.toml"))?.contains("run --quiet --locked"));
        Ok(())
    }
}
