//! The parts of an artefact: the crates that cargo links into it, Rust's standard library, and bundled C libraries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::{ask, cargo, command, root};

/// An artefact by the packages that it is built of.
pub(crate) struct Artefact {
    /// Its name for a person.
    pub(crate) name: &'static str,
    packages: &'static [&'static str],
    /// The compiler's target; `None` is this machine.
    pub(super) target: Option<&'static str>,
}

impl Artefact {
    /// The same, built for this target.
    pub(crate) fn on(self, target: &'static str) -> Self {
        Self { target: Some(target), ..self }
    }
}

/// The Lambda artefact, for the processor that the template has unless told otherwise.
pub(crate) const LAMBDA: Artefact = Artefact {
    name: "ownpost-lambda",
    packages: &["sender-lambda"],
    target: Some("aarch64-unknown-linux-gnu"),
};
/// The command line and one-machine server.
pub(crate) const OWNPOST: Artefact = Artefact { name: "ownpost", packages: &["ownpost"], target: None };
/// The npm package: of npm's packages it contains none, of crates those in its two modules.
pub(crate) const NPM: Artefact = Artefact {
    name: "@ownpost/validator",
    packages: &["validator-wasm", "ownpost-objects"],
    target: Some("wasm32-unknown-unknown"),
};

/// From where a part comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This workspace.
    Own,
    /// crates.io.
    Crate,
    /// Compiled in without being a crate.
    Other,
}

/// A part of an artefact.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) origin: Origin,
    /// An SPDX expression.
    pub(crate) licence: String,
    pub(crate) authors: Vec<String>,
    pub(crate) repository: Option<String>,
    /// SHA-256 of the crate's archive.
    pub(crate) checksum: Option<String>,
    /// The sources, where the licence files are.
    pub(crate) folder: Option<PathBuf>,
    /// The names of the parts that it uses.
    pub(crate) uses: BTreeSet<String>,
}

impl Part {
    /// A part that is no crate, by its name and version.
    fn other([name, version]: [&str; 2], licence: &str, author: &str, repository: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            origin: Origin::Other,
            licence: licence.to_owned(),
            authors: vec![author.to_owned()],
            repository: Some(repository.to_owned()),
            checksum: None,
            folder: None,
            uses: BTreeSet::new(),
        }
    }

    /// The name under which other parts refer to it.
    pub(crate) fn key(&self) -> String {
        key(&self.name, &self.version)
    }
}

fn key(name: &str, version: &str) -> String {
    format!("{name} {version}")
}

/// The parts of the artefact by name, and the names of those that it is made of directly.
pub(crate) struct Tree {
    pub(crate) parts: BTreeMap<String, Part>,
    pub(crate) roots: BTreeSet<String>,
}

impl Tree {
    /// Asks cargo.
    pub(crate) fn of(artefact: &Artefact) -> Result<Self> {
        let rustc = ask(command("rustc").arg("-vV")).context("rustc does not tell its version")?;
        let field = |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let host = field("host:").context("rustc names no host")?;
        let release = field("release:").context("rustc names no release")?;
        let target = artefact.target.unwrap_or(host);

        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut roots = BTreeSet::new();
        for package in artefact.packages {
            let listing = cargo_says(&[
                "tree", "-e", "normal", "--prefix", "depth", "-p", package, "--target", target,
            ])?;
            roots.insert(read_listing(&listing, &mut uses)?);
        }
        let checksums = checksums(&fs::read_to_string(root().join("Cargo.lock"))?);
        let metadata = cargo_says(&["metadata", "--format-version", "1", "--filter-platform", target])?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let mut parts = BTreeMap::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let text = |name: &str| package[name].as_str().map(str::to_owned);
            let (Some(name), Some(version)) = (text("name"), text("version")) else { continue };
            let Some(uses) = uses.remove(&key(&name, &version)) else { continue };
            let manifest = text("manifest_path").context("a package without a manifest")?;
            let part = Part {
                origin: if package["source"].is_null() { Origin::Own } else { Origin::Crate },
                // Before SPDX crates wrote a slash for "or".
                licence: text("license").unwrap_or_default().replace('/', " OR "),
                authors: serde_json::from_value(package["authors"].clone())?,
                repository: text("repository"),
                checksum: checksums.get(&key(&name, &version)).cloned(),
                folder: Path::new(&manifest).parent().map(Path::to_owned),
                uses,
                name,
                version,
            };
            parts.insert(part.key(), part);
        }
        if let Some(unknown) = uses.keys().next() {
            bail!("cargo metadata does not know {unknown}");
        }
        let mut tree = Self { parts, roots };
        tree.add_other(release)?;
        Ok(tree)
    }

    /// Adds what is linked without being a crate.
    fn add_other(&mut self, rust: &str) -> Result<()> {
        let standard = Part::other(
            ["Rust standard library", rust],
            "MIT OR Apache-2.0",
            "The Rust Project contributors",
            "https://github.com/rust-lang/rust",
        );
        let mut added = vec![(self.roots.clone(), standard)];
        if let Some(binding) = self.parts.values().find(|part| part.name == "libsqlite3-sys") {
            let header = binding.folder.as_ref().context("no sources")?.join("sqlite3/sqlite3.h");
            let header =
                fs::read_to_string(&header).with_context(|| format!("cannot read {}", header.display()))?;
            let version =
                header.split_once("#define SQLITE_VERSION").and_then(|(_, rest)| rest.split('"').nth(1));
            let sqlite = Part::other(
                ["SQLite", version.context("SQLite's header has no version")?],
                "blessing",
                "D. Richard Hipp and others, who gave it to the public domain",
                "https://www.sqlite.org",
            );
            added.push((BTreeSet::from([binding.key()]), sqlite));
        }
        for (users, part) in added {
            for user in users {
                self.parts.get_mut(&user).context("an unknown user")?.uses.insert(part.key());
            }
            self.parts.insert(part.key(), part);
        }
        Ok(())
    }

    /// The parts that others have written.
    pub(crate) fn of_others(&self) -> impl Iterator<Item = &Part> {
        self.parts.values().filter(|part| part.origin != Origin::Own)
    }
}

fn cargo_says(arguments: &[&str]) -> Result<String> {
    ask(cargo().args(arguments)).with_context(|| format!("`cargo {}` fails", arguments.join(" ")))
}

/// Reads `cargo tree --prefix depth`: each part and the parts that it uses. What is below a part is listed once, so each is
/// complete where it comes first. Returns the name of the first.
fn read_listing(listing: &str, uses: &mut BTreeMap<String, BTreeSet<String>>) -> Result<String> {
    let mut above: Vec<String> = Vec::new();
    for line in listing.lines().filter(|line| !line.is_empty()) {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let mut words = line[digits..].split(' ');
        let (Some(name), Some(version)) =
            (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        else {
            bail!("cargo tree says `{line}`");
        };
        let name = key(name, version);
        above.truncate(line[..digits].parse()?);
        if let Some(user) = above.last() {
            uses.entry(user.clone()).or_default().insert(name.clone());
        }
        uses.entry(name.clone()).or_default();
        above.push(name);
    }
    above.into_iter().next().context("cargo tree says nothing")
}

/// The checksums in `Cargo.lock` by the names of the parts.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let entries = lock.split("[[package]]").skip(1);
    entries
        .filter_map(|entry| {
            let field = |name: &str| {
                let value = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
                Some(value.trim_matches('"').to_owned())
            };
            Some((key(&field("name")?, &field("version")?), field("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let listing = "0a v0.1.0 (/x/a)\n1b v1.0.0 (proc-macro)\n2c v2.0.0\n1c v2.0.0 (*)\n1d v3.0.0+x\n";
        let mut uses = BTreeMap::new();
        assert_eq!(read_listing(listing, &mut uses).unwrap(), "a 0.1.0");
        let of = |name: &str| uses[name].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("a 0.1.0"), ["b 1.0.0", "c 2.0.0", "d 3.0.0+x"]);
        assert_eq!((of("b 1.0.0"), of("c 2.0.0")), (vec!["c 2.0.0"], vec![]));
    }
}
