//! The form's part of the npm package: its modules, a module of messages for each language, and the lists that it
//! shares with the server.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ownpost_i18n::Locale;
use serde_json::{Map, Value};
use smtp_rules::providers::{FormEntry, PROVIDERS};

/// Writes the form's part of `package` into `target`.
pub(crate) fn build(package: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target.join("messages"))?;
    for entry in fs::read_dir(package.join("js/form"))? {
        let entry = entry?;
        fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    fs::write(target.join("lists.js"), lists())?;
    for locale in Locale::ALL.iter().map(|locale| locale.tag()) {
        let messages = messages(&package.join("locales").join(locale))?;
        let module = format!("export default {};\n", serde_json::to_string_pretty(&messages)?);
        fs::write(target.join(format!("messages/{locale}.js")), module)?;
    }
    Ok(())
}

/// The module of the lists: the providers as pairs of name and server in alphabetical order, and the loader of each
/// language.
fn lists() -> String {
    let mut entries: Vec<FormEntry> = PROVIDERS.iter().filter_map(|provider| provider.form).collect();
    entries.sort_by_key(|entry| entry.name.to_lowercase());
    let providers: Vec<String> =
        entries.iter().map(|entry| format!("  [{:?}, {:?}],\n", entry.name, entry.host)).collect();
    let providers = providers.concat();
    let loaders: Vec<String> = Locale::ALL
        .iter()
        .map(|locale| format!("  {0}: () => import(\"./messages/{0}.js\"),\n", locale.tag()))
        .collect();
    let loaders = loaders.concat();
    format!(
        "// Made by `cargo xtask` from the tables in Rust.

export const PROVIDERS = [
{providers}];
export const LOADERS = {{
{loaders}}};
"
    )
}

/// The messages of the form in a language: its own, and the names of the stages, which the server also has.
fn messages(folder: &Path) -> Result<Map<String, Value>> {
    let mut messages = read(&folder.join("form.json"))?;
    let stages = read(&folder.join("stages.json"))?;
    let names = stages.get("stages").and_then(Value::as_object);
    let names = names.with_context(|| format!("{}: no stages", folder.display()))?;
    for (stage, name) in names {
        let before = messages.insert(format!("stage.{stage}"), name.clone());
        ensure!(before.is_none(), "{}: stage.{stage} is in two files", folder.display());
    }
    Ok(messages)
}

fn read(file: &Path) -> Result<Map<String, Value>> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not an object of messages", file.display()))
}
