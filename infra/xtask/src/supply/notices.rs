//! The notices of an artefact: for each part that others have written its licence, its source, and every licence text that
//! comes with it. A text that several parts have in common is there once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use spdx::{Expression, ParseMode};

use super::tree::{Artefact, Origin, Part, Tree};

/// The name of the file in each artefact.
pub(crate) const FILE: &str = "THIRD-PARTY-NOTICES.txt";

/// How the names of files with licence texts begin.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
/// Endings of files that only have such a name.
const NO_TEXTS: [&str; 5] = ["rs", "html", "toml", "json", "spdx"];
/// Folders whose content is not compiled.
const NOT_COMPILED: [&str; 4] = ["tests", "benches", "examples", "target"];

/// Writes the notices. A part without a licence text or an expression that SPDX does not know is an error.
pub(crate) fn write(artefact: &Artefact, tree: &Tree) -> Result<String> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut texts: Vec<String> = Vec::new();
    let mut list = String::new();
    for part in tree.of_others() {
        let mut used = Vec::new();
        for text in texts_of(part).with_context(|| format!("the licence of {}", part.key()))? {
            let number = *numbers.entry(text.clone()).or_insert_with(|| {
                texts.push(text);
                texts.len()
            });
            used.push(number.to_string());
        }
        used.dedup();
        writeln!(list, "{}\n  licence: {}", part.key(), part.licence)?;
        writeln!(list, "  source:  {}", source(part))?;
        writeln!(list, "  texts:   {}\n", used.join(", "))?;
    }
    let mut page = format!(
        "Third-party notices of {}\n\nIt contains the parts below, each under its own licence; the numbers name the texts \
         at the end.\nWhere a licence asks that recipients can get the source (MPL-2.0): it is unchanged, at the address of \
         the part.\n\n{list}",
        artefact.name
    );
    for (number, text) in texts.iter().enumerate() {
        writeln!(page, "{:=<100}\nText {}\n\n{text}\n", "", number + 1)?;
    }
    Ok(page)
}

/// The parts of others that these notices do not name.
pub(crate) fn missing(tree: &Tree, notices: &str) -> Vec<String> {
    let named = |part: &Part| notices.lines().any(|line| line == part.key());
    tree.of_others().filter(|part| !named(part)).map(Part::key).collect()
}

/// Where its source is.
pub(super) fn source(part: &Part) -> String {
    let home = part.repository.as_deref().unwrap_or_default();
    match part.origin {
        Origin::Crate => {
            let archive = format!("https://crates.io/crates/{}/{}", part.name, part.version);
            if home.is_empty() { archive } else { format!("{archive} ({home})") }
        }
        Origin::Own | Origin::Other => home.to_owned(),
    }
}

/// The licence texts that came with the part, or else those of SPDX for its licences, with its authors.
fn texts_of(part: &Part) -> Result<Vec<String>> {
    let expression = Expression::parse_mode(&part.licence, ParseMode::LAX)?;
    let mut texts = Vec::new();
    if let Some(folder) = &part.folder {
        collect(folder, &mut texts)?;
    }
    if texts.is_empty() {
        let authors = part.authors.join(", ");
        for required in expression.requirements() {
            let licence = required.req.license.id().context("SPDX has no text of it")?;
            texts.push(tidy(&format!("{}\n{authors}\n\n{}", licence.full_name, licence.text())));
        }
    }
    ensure!(!texts.is_empty(), "there is no text");
    Ok(texts)
}

/// Collects the licence texts in a folder and below, in the order of their names.
fn collect(folder: &Path, texts: &mut Vec<String>) -> Result<()> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() {
            if !NOT_COMPILED.contains(&name.as_str()) && !name.starts_with('.') {
                collect(&path, texts)?;
            }
        } else if is_text(&name) {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            texts.push(tidy(&String::from_utf8_lossy(&bytes)));
        }
    }
    Ok(())
}

/// Whether a file with this name, in lower case, has a licence text.
fn is_text(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    NAMES.iter().any(|begin| name.starts_with(begin)) && !NO_TEXTS.contains(&ending)
}

/// One line end and no space at the end of a line, so that the same text is the same.
fn tidy(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tree::{LAMBDA, NPM, OWNPOST};
    use super::*;
    use crate::process::{ask, cargo};

    #[test]
    fn every_part_of_every_artefact_is_named_with_its_texts() -> Result<()> {
        for (artefact, package) in [(LAMBDA, "sender-lambda"), (OWNPOST, "ownpost"), (NPM, "ownpost-objects")]
        {
            let tree = Tree::of(&artefact)?;
            let notices = write(&artefact, &tree)?;
            assert_eq!(missing(&tree, &notices), Vec::<String>::new());
            // A second look at cargo, by other words.
            let mut list = cargo();
            list.args(["tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
            if let Some(target) = artefact.target {
                list.args(["--target", target]);
            }
            let listed = ask(&mut list).context("cargo tree")?;
            for line in listed.lines().filter(|line| !line.contains(" (/")) {
                let name = line.replacen(" v", " ", 1).replace(" (*)", "").replace(" (proc-macro)", "");
                assert!(notices.lines().any(|line| line == name), "{package}: {name}");
            }
            assert!(!notices.contains("/.cargo/"), "no path of this machine");
        }
        Ok(())
    }

    #[test]
    fn a_part_that_is_not_named_is_found() -> Result<()> {
        let tree = Tree::of(&OWNPOST)?;
        let notices = write(&OWNPOST, &tree)?;
        let without = notices.replace("\ncssparser ", "\ncss ");
        assert_eq!(missing(&tree, &without).len(), 1);
        // Mozilla's licence: the address of the source.
        for name in ["cssparser", "dtoa-short"] {
            let part = tree.parts.values().find(|part| part.name == name).context("no such part")?;
            assert_eq!(part.licence, "MPL-2.0");
            let archive =
                format!("  source:  https://crates.io/crates/{name}/{} (https://github.com/", part.version);
            assert!(notices.contains(&archive), "{name}");
        }
        // ring's parts have licences of their own, and SQLite is no crate.
        assert!(notices.contains("the fiat-crypto authors") && notices.contains("\nSQLite 3."));
        Ok(())
    }

    #[test]
    fn files_with_licence_texts() {
        for (name, expected) in [
            ("license-mit", true),
            ("licence.txt", true),
            ("copyright", true),
            ("notice.md", true),
            ("license.rs", false),
            ("lib.rs", false),
            ("notices.html", false),
        ] {
            assert_eq!(is_text(name), expected, "{name}");
        }
    }
}
