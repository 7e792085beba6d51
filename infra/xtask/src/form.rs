//! The elements' part of the npm package that is made: style sheets, a module of messages for each language, and the
//! lists that they share with the server.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ownpost_i18n::Locale;
use serde_json::{Map, Value};
use smtp_rules::providers::{FormEntry, PROVIDERS};

use crate::process::command;

/// The messages of the form that the list of deliveries has too, by the beginnings of their keys.
const SHARED: [&str; 7] = ["form.", "category.", "routing.via.", "stage.", "stages.", "problem.", "inspect."];

/// Writes the modules of the elements and of the inspector that are made from tables and messages into `sources`.
pub(crate) fn generate(package: &Path, sources: &Path) -> Result<()> {
    let form = sources.join("form");
    let deliveries = sources.join("deliveries");
    let results = sources.join("results");
    let inspect = sources.join("inspect");
    fs::write(form.join("lists.js"), format!("{}{}", providers(), loaders()))?;
    let sheets = [
        (&form, &["form/style.css"][..]),
        (&results, &["results/style.css"]),
        (&deliveries, &["form/style.css", "results/style.css", "deliveries/style.css", "form/timeline.css"]),
        (&inspect, &["form/timeline.css", "inspect/style.css"]),
    ];
    for (folder, names) in sheets {
        fs::write(folder.join("css.js"), styles(package, names)?)?;
    }
    for folder in [&results, &deliveries, &inspect] {
        fs::write(folder.join("lists.js"), loaders())?;
    }
    for folder in [&form, &results, &deliveries, &inspect] {
        fs::create_dir_all(folder.join("messages"))?;
    }
    for locale in Locale::ALL.iter().map(|locale| locale.tag()) {
        let folder = package.join("locales").join(locale);
        let first = read(&folder.join("form.json"))?;
        let later = later(&folder)?;
        let mut own = read(&folder.join("deliveries.json"))?;
        outcomes(&folder, &mut own)?;
        let both = first.iter().chain(&later);
        let shared = both.filter(|(key, _)| SHARED.iter().any(|start| key.starts_with(start)));
        own.extend(shared.map(|(key, text)| (key.clone(), text.clone())));
        let inspector = read(&folder.join("inspector.json"))?;
        for (folder, messages) in
            [(&form, first), (&results, later), (&deliveries, own), (&inspect, inspector)]
        {
            let module = format!("export default {};\n", serde_json::to_string_pretty(&messages)?);
            fs::write(folder.join(format!("messages/{locale}.js")), module)?;
        }
    }
    Ok(())
}

/// Copies the types of the elements beside their modules.
pub(crate) fn copy_types(package: &Path, dist: &Path) -> Result<()> {
    for name in ["form/index.d.ts", "form/react.d.ts", "deliveries/index.d.ts"] {
        fs::copy(package.join("js").join(name), dist.join(name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    Ok(())
}

/// The module of these style sheets together, minified.
fn styles(package: &Path, sheets: &[&str]) -> Result<String> {
    let mut css = String::new();
    for sheet in sheets {
        let mut esbuild = command("node");
        esbuild.arg(package.join("node_modules/esbuild/bin/esbuild")).arg(package.join("js").join(sheet));
        let output = esbuild.args(["--minify", "--charset=utf8", "--log-level=warning"]).output()?;
        ensure!(output.status.success(), "esbuild: {}", String::from_utf8_lossy(&output.stderr));
        css += String::from_utf8(output.stdout)?.trim();
    }
    Ok(format!(
        "// Made by `cargo xtask` from style.css.\nexport default {};\n",
        serde_json::to_string(&css)?
    ))
}

/// The providers as pairs of name and server in alphabetical order.
fn providers() -> String {
    let mut entries: Vec<FormEntry> = PROVIDERS.iter().filter_map(|provider| provider.form).collect();
    entries.sort_by_key(|entry| entry.name.to_lowercase());
    let providers: Vec<String> =
        entries.iter().map(|entry| format!("  [{:?}, {:?}],\n", entry.name, entry.host)).collect();
    format!(
        "// Made by `cargo xtask` from the tables in Rust.\n\nexport const PROVIDERS = [\n{}];\n",
        providers.concat()
    )
}

/// The loader of each language.
fn loaders() -> String {
    let loaders: Vec<String> = Locale::ALL
        .iter()
        .map(|locale| format!("  {0}: () => import(\"./messages/{0}.js\"),\n", locale.tag()))
        .collect();
    format!("export const LOADERS = {{\n{}}};\n", loaders.concat())
}

/// The messages that the form loads after its status: of tests and the history, and the names of the stages, which the
/// server also has.
fn later(folder: &Path) -> Result<Map<String, Value>> {
    let mut messages = read(&folder.join("results.json"))?;
    let stages = read(&folder.join("stages.json"))?;
    let names = stages.get("stages").and_then(Value::as_object);
    let names = names.with_context(|| format!("{}: no stages", folder.display()))?;
    for (stage, name) in names {
        let before = messages.insert(format!("stage.{stage}"), name.clone());
        ensure!(before.is_none(), "{}: stage.{stage} is in two files", folder.display());
    }
    Ok(messages)
}

/// Adds what each failure code means. The message of a test may name things that a row of the ledger lacks: then the list has
/// a sentence of its own.
fn outcomes(folder: &Path, own: &mut Map<String, Value>) -> Result<()> {
    let stages = read(&folder.join("stages.json"))?;
    let failures = stages.get("failures").and_then(Value::as_object).context("no failures")?;
    for (code, texts) in failures {
        let key = format!("outcome.{code}");
        let message = texts["message"].as_str().with_context(|| format!("{code}: no message"))?;
        let complete = !message.replace("{recipient}", "").contains('{');
        ensure!(
            complete != own.contains_key(&key),
            "{}: the list needs `{key}` where the message of the stages has params, and only there",
            folder.display()
        );
        if complete {
            own.insert(key, message.into());
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Map<String, Value>> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not an object of messages", file.display()))
}
