//! The supply chain. `cargo xtask test supply`: the licences, sources and bans of every dependency by cargo-deny (deny.toml),
//! and known vulnerabilities where the network has the database of advisories. And the papers of each artefact: notices and
//! bill of materials.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{command, find_program, root, run};

mod notices;
mod sbom;
mod tree;

use tree::Tree;
pub(crate) use tree::{Artefact, LAMBDA, NPM, OWNPOST};

/// The project's own licences, which go into every artefact.
pub(crate) const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The papers that go into an artefact: the name and content of each file.
pub(crate) fn papers(artefact: &Artefact) -> Result<[(&'static str, Vec<u8>); 2]> {
    let tree = Tree::of(artefact)?;
    let notices = notices::write(artefact, &tree)?;
    let missing = notices::missing(&tree, &notices);
    ensure!(missing.is_empty(), "the notices of {} do not name {}", artefact.name, missing.join(", "));
    let bill = sbom::write(artefact, env!("CARGO_PKG_VERSION"), &tree)?;
    Ok([(notices::FILE, notices.into_bytes()), (sbom::FILE, bill)])
}

/// `cargo xtask papers FOLDER`: the papers alone, in a folder for each artefact.
pub(crate) fn write_papers(arguments: &[String]) -> Result<ExitCode> {
    let [folder] = arguments else { bail!("cargo xtask papers FOLDER") };
    for (name, artefact) in [("ownpost-lambda", LAMBDA), ("ownpost", OWNPOST), ("npm", NPM)] {
        let folder = Path::new(folder).join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (file, content) in papers(&artefact)? {
            fs::write(folder.join(file), content).with_context(|| format!("cannot write {file}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The time that the database of advisories has to arrive, a few megabytes. A network that drops packets, instead of
/// refusing connections, would take minutes to say so.
const FETCH: Duration = Duration::from_mins(1);
/// How often the end of the fetch is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Checks the dependencies of the workspace.
pub(crate) fn verify() -> Result<()> {
    let by_hand = "install it by hand: `cargo install cargo-deny --locked`";
    let installed = root().join("tests/.venv/bin/cargo-deny");
    let program = find_program(&["cargo-deny"])
        .or_else(|| installed.is_file().then_some(installed))
        .with_context(|| format!("there is no cargo-deny: {by_hand}"))?;
    let check = ["check", "--hide-inclusion-graph"];
    run(deny(&program).args(check).args(["licenses", "bans", "sources"]))?;
    if !ends_well(deny(&program).args(["fetch", "db"]), FETCH) {
        println!("xtask: advisories not checked: the network does not have their database");
        return Ok(());
    }
    run(deny(&program).arg("--offline").args(check).arg("advisories"))
}

/// A command of cargo-deny with the committed versions.
fn deny(program: &Path) -> Command {
    let mut deny = command(program);
    deny.arg("--locked");
    deny
}

/// Whether the command succeeds in this time. It says nothing and asks nobody for a password; one that takes longer is
/// ended together with the programs that it started.
fn ends_well(command: &mut Command, limit: Duration) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).env("GIT_TERMINAL_PROMPT", "0").process_group(0);
    let Ok(mut child) = command.spawn() else { return false };
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < end => sleep(LOOK),
            Ok(None) | Err(_) => break,
        }
    }
    let _ = self::command("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    let _ = child.wait();
    false
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_fetch_that_hangs_is_ended_with_its_programs() {
        let sh = |script: &str| {
            let mut sh = command("sh");
            sh.args(["-c", script]);
            sh
        };
        assert!(ends_well(&mut sh("true"), FETCH));
        assert!(!ends_well(&mut sh("false"), FETCH));
        let (mut said, say) = std::io::pipe().unwrap();
        // A program of the program, which speaks if it outlives the limit.
        let mut hangs = sh("(sleep 20; echo alive >&0); true");
        hangs.stdin(say);
        assert!(!ends_well(&mut hangs, Duration::from_secs(1)));
        drop(hangs);
        let mut heard = String::new();
        said.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "");
    }
}
