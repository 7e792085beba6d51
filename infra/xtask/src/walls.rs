//! `cargo xtask walls`: checks the walls of the code map. A crate has no forbidden dependency, and no files of a
//! crate use each other in a circle.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{ask, cargo, command, show};

mod circles;
mod dependencies;

use dependencies::Wall;

/// Each crate with a wall. A row for a crate that does not exist is an error, so that a rename cannot open a wall.
const WALLS: [Wall; 11] = [
    // No I/O: no dependencies, or only ones that compute.
    Wall { only: Some(&[]), ..Wall::of("smtp-rules") },
    Wall { only: Some(&["serde", "serde_json", "smtp-rules"]), ..Wall::of("ownpost-i18n") },
    Wall { only: Some(&["smtp-rules", "wasm-bindgen"]), ..Wall::of("validator-wasm") },
    // Only reads: a page has it too.
    Wall {
        only: Some(&["mail-parser", "ownpost-i18n", "schemars", "serde", "smtp-rules"]),
        ..Wall::of("ownpost-inspect")
    },
    Wall {
        only: Some(&[
            "ownpost-documents",
            "ownpost-inspect",
            "serde",
            "serde-wasm-bindgen",
            "serde_json",
            "smtp-rules",
            "wasm-bindgen",
        ]),
        ..Wall::of("ownpost-objects")
    },
    // Only decisions: no waiting, logging or network.
    Wall { never: &["tokio*", "tracing*", "hyper*", "async-trait", "aws-*"], ..Wall::of("ownpost-domain") },
    // Only reads: the npm package has it too.
    Wall {
        never: &["tokio*", "tracing*", "hyper*", "async-trait", "aws-*"],
        never_ours: &["idna", "lettre", "ownpost-smtp"],
        ..Wall::of("ownpost-documents")
    },
    // Only facts, no sentences. It uses serde_json only for the answer of a token endpoint (RFC 6749).
    Wall {
        never: &["aws-*", "lambda_runtime"],
        never_ours: &["ownpost-i18n", "ownpost-core"],
        ..Wall::of("ownpost-smtp")
    },
    // The cloud and the local server are separate shells around the core.
    Wall { never: &["aws-*", "lambda_runtime", "axum", "rusqlite", "clap"], ..Wall::of("ownpost-core") },
    Wall { never: &["aws-*", "lambda_runtime", "sender-lambda"], ..Wall::of("ownpost") },
    Wall { never: &["axum", "rusqlite", "clap", "ownpost"], ..Wall::of("sender-lambda") },
];

/// Crates with known circles, which are not checked yet.
const CIRCLES_KNOWN: [&str; 1] = ["ownpost-simulation"];

/// Fails with a list of every broken wall.
pub(crate) fn verify() -> Result<()> {
    let metadata = metadata()?;
    let mut problems = dependencies::check(&metadata, &WALLS)?;
    for (package, source) in dependencies::targets(&metadata)? {
        if !CIRCLES_KNOWN.contains(&package) {
            let read = |file: &Path| std::fs::read_to_string(file).ok();
            let found = circles::of(Path::new(source), &read).with_context(|| source.to_owned())?;
            problems.extend(found.into_iter().map(|circle| format!("{package}: {circle}")));
        }
    }
    ensure!(
        problems.is_empty(),
        "{} broken (the walls are in infra/xtask/src/walls.rs):\n  {}",
        if problems.len() == 1 { "a wall is" } else { "walls are" },
        problems.join("\n  ")
    );
    Ok(())
}

/// The workspace as cargo resolves it for this machine. Packages of other platforms need not be installed.
fn metadata() -> Result<Value> {
    let version = ask(command("rustc").arg("-vV")).context("`rustc -vV` failed")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1", "--filter-platform", host]).stderr(Stdio::inherit());
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "`{}` failed", show(&cargo));
    serde_json::from_slice(&output.stdout).context("`cargo metadata` wrote no JSON")
}
