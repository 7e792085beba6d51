//! `cargo xtask publish`: the npm package, from a clean build. It refuses a package in which a placeholder still stands.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::process::{command, root, run};
use crate::{setup, wasm};

/// The placeholders, each with the file that has it and its meaning.
const PLACEHOLDERS: [(&str, &str, &str); 4] = [
    (
        "validator-wasm/package.json",
        "OWNPOST_REPOSITORY",
        "the address of the repository; npm's provenance names it",
    ),
    ("validator-wasm/package.json", "OWNPOST_HOMEPAGE", "the address of the home page"),
    ("validator-wasm/package.json", "OWNPOST_BUGS", "where faults are reported"),
    ("docs/SECURITY.md", "SECURITY_CONTACT_ADDRESS", "where vulnerabilities are reported"),
];

/// Builds and publishes. `--dry-run` shows the files of the package and the placeholders, with `--built` of the package that
/// stands in `dist`; `--check` refuses alone, and is what npm runs before it publishes.
pub(crate) fn publish(options: &[String]) -> Result<ExitCode> {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    match options[..] {
        ["--check"] => refuse(&missing()?)?,
        ["--dry-run"] => {
            build()?;
            rehearse()?;
        }
        ["--dry-run", "--built"] => rehearse()?,
        [] => {
            refuse(&missing()?)?;
            build()?;
            run(command("npm")
                .args(["publish", "--provenance"])
                .current_dir(root().join("validator-wasm/dist")))
            .context("provenance needs a CI that npm knows: see docs/CONTRIBUTING.md")?;
        }
        _ => bail!("cargo xtask publish [--dry-run [--built]]"),
    }
    Ok(ExitCode::SUCCESS)
}

fn build() -> Result<()> {
    setup::for_package()?;
    wasm::build()
}

/// Prints the files of the package, and whether it would be published.
fn rehearse() -> Result<()> {
    run(command("npm").args(["pack", "--dry-run"]).current_dir(root().join("validator-wasm/dist")))?;
    let missing = missing()?;
    if missing.is_empty() {
        println!("xtask: ready to publish");
    } else {
        println!("xtask: publishing would be refused:\n{}", missing.join("\n"));
    }
    Ok(())
}

fn refuse(missing: &[String]) -> Result<()> {
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("placeholders stand in the package:\n{}", missing.join("\n"))
    }
}

/// The placeholders that still stand, a line each.
fn missing() -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (file, name, meaning) in PLACEHOLDERS {
        let text = fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))?;
        if text.contains(name) {
            lines.push(format!("  {name} in {file}: {meaning}"));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Until they are named, npm's own hook refuses.
    #[test]
    fn placeholders_refuse_the_package() -> Result<()> {
        let missing = missing()?;
        assert_eq!(publish(&["--check".to_owned()]).is_ok(), missing.is_empty());
        let manifest = fs::read_to_string(root().join("validator-wasm/package.json"))?;
        assert!(manifest.contains("\"prepublishOnly\": \"cargo xtask publish --check\""));
        Ok(())
    }
}
