//! The form's part of the npm package: its modules as they are written, and a module of words per language.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};
use smtp_rules::render::LOCALES;

/// Writes the form's part of `package` into `target`.
pub(crate) fn build(package: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target.join("messages"))?;
    for entry in fs::read_dir(package.join("js/form"))? {
        let entry = entry?;
        fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    for locale in LOCALES {
        let words = words(&package.join("locales").join(locale))?;
        let module = format!("export default {};\n", serde_json::to_string_pretty(&words)?);
        fs::write(target.join(format!("messages/{locale}.js")), module)?;
    }
    Ok(())
}

/// A language's words for the form: its own, and the names of the stages, which the server has too.
fn words(folder: &Path) -> Result<Map<String, Value>> {
    let mut words = read(&folder.join("form.json"))?;
    let stages = read(&folder.join("stages.json"))?;
    let names = stages.get("stages").and_then(Value::as_object);
    let names = names.with_context(|| format!("{}: no stages", folder.display()))?;
    for (stage, name) in names {
        let before = words.insert(format!("stage.{stage}"), name.clone());
        ensure!(before.is_none(), "{}: stage.{stage} stands in two files", folder.display());
    }
    Ok(words)
}

fn read(file: &Path) -> Result<Map<String, Value>> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not an object of words", file.display()))
}
