//! The npm package: the rules compiled to WASM, the generated glue and the hand-written façade, bundled into one
//! module.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use ownpost_i18n::Locale;
use serde_json::Value;
use smtp_rules::catalogue::{Code, Param, Scope, Severity};
use smtp_rules::packed::{self, Key, MAX_DEPTH};
use smtp_rules::report;
use wasm_bindgen_cli_support::Bindgen;

use crate::form;
use crate::process::{cargo, command, root, run};

/// Builds the npm package in `validator-wasm/dist`.
pub(crate) fn build() -> Result<()> {
    let package = root().join("validator-wasm");
    let dist = package.join("dist");
    let work = root().join("target/npm");
    for folder in [&dist, &work] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    compile("validator-wasm", "wasm", "validator_wasm", &work)?;
    optimise(&package, &work.join("validator_wasm_bg.wasm"), &dist.join("validator.wasm"))?;
    tables(&work.join("tables.js"))?;
    locales(&package, &work.join("locales"))?;
    fs::create_dir(dist.join("locales"))?;
    for locale in loaded_locales() {
        let file = format!("locales/{locale}.js");
        fs::copy(work.join(&file), dist.join(&file))?;
    }
    for entry in fs::read_dir(package.join("js"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), work.join(entry.file_name()))?;
        }
    }
    bundle(&package, &work, &dist)?;
    objects(&package, &work, &dist.join("objects"))?;
    let beside =
        [("js/index.d.ts", "index.d.ts"), ("js/types.d.ts", "types.d.ts"), ("README.md", "README.md")];
    for (from, to) in beside {
        fs::copy(package.join(from), dist.join(to)).with_context(|| format!("cannot copy {from}"))?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root().join(licence), dist.join(licence))
            .with_context(|| format!("cannot copy {licence}"))?;
    }
    form::build(&package, &dist.join("form"))?;
    compact(&package, &dist.join("form"))?;
    manifest(&package, &dist)
}

/// Builds the object API in a folder of its own, which a page loads only when it asks for it.
fn objects(package: &Path, work: &Path, dist: &Path) -> Result<()> {
    let work = work.join("objects");
    for folder in [&work, dist] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    compile("ownpost-objects", "objects", "ownpost_objects", &work)?;
    optimise(package, &work.join("ownpost_objects_bg.wasm"), &dist.join("objects.wasm"))?;
    fs::copy(package.join("js/objects/index.js"), work.join("index.js"))?;
    fs::copy(package.join("js/objects/index.d.ts"), dist.join("index.d.ts"))?;
    let mut esbuild = command("node");
    esbuild.arg(package.join("node_modules/esbuild/bin/esbuild")).arg(work.join("index.js"));
    esbuild.args(BUNDLED).arg(format!("--outfile={}", dist.join("index.js").display()));
    run(&mut esbuild)
}

/// Compiles a crate, whose module has this name, in this profile, and generates its glue.
fn compile(crate_name: &str, profile: &str, module: &str, work: &Path) -> Result<()> {
    run(cargo().args([
        "build",
        "--profile",
        profile,
        "--package",
        crate_name,
        "--target",
        "wasm32-unknown-unknown",
    ]))?;
    Bindgen::new()
        .input_path(root().join(format!("target/wasm32-unknown-unknown/{profile}/{module}.wasm")))
        .bundler(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(work)
        .context("wasm-bindgen")
}

/// Runs Binaryen on the module, with only the features that every browser since 2021 has.
fn optimise(package: &Path, module: &Path, optimised: &Path) -> Result<()> {
    run(command("node")
        .arg(package.join("node_modules/binaryen/bin/wasm-opt"))
        .args([
            "-Os",
            "--converge",
            "--low-memory-unused",
            "--strip-debug",
            "--strip-producers",
            "--strip-target-features",
        ])
        .args([
            "--enable-bulk-memory",
            "--enable-mutable-globals",
            "--enable-nontrapping-float-to-int",
            "--enable-sign-ext",
            "--enable-reference-types",
            "--enable-multivalue",
        ])
        .arg(module)
        .arg("-o")
        .arg(optimised))
}

/// The locales in separate modules. English is part of the package's main file.
fn loaded_locales() -> impl Iterator<Item = &'static str> {
    Locale::ALL.iter().map(|locale| locale.tag()).filter(|tag| *tag != "en")
}

/// The tags of the packed format and the marks of the packed issues, with their names in Rust.
const TAGS: [(&str, u8); 14] = [
    ("NULL", packed::NULL),
    ("FALSE", packed::FALSE),
    ("TRUE", packed::TRUE),
    ("NUMBER", packed::NUMBER),
    ("TEXT", packed::TEXT),
    ("OBJECT", packed::OBJECT),
    ("ARRAY", packed::ARRAY),
    ("OTHER", packed::OTHER),
    ("TOO_LARGE", packed::TOO_LARGE),
    ("TOO_DEEP", packed::TOO_DEEP),
    ("KEY_NAME", packed::KEY_NAME),
    ("PARAM", report::PARAM),
    ("CHANGE", report::CHANGE),
    ("SUGGESTION", report::SUGGESTION),
];

/// The tables for packing and decoding, from the rules: the number of a name in Rust is its index in a list here.
fn tables(file: &Path) -> Result<()> {
    let list = |names: &[&str]| format!("{:?}.split(\" \")", names.join(" "));
    let needs: Vec<u32> = Key::ALL.iter().take(Key::FIELDS).map(|key| smtp_rules::needs(*key)).collect();
    // An engine finds properties faster when each is read at its own place in the code.
    let reads: Vec<String> =
        (0..).zip(Key::NAMES).map(|(number, key)| format!("case {number}: return o[{key:?}];")).collect();
    let reads = reads.concat();
    let tags: Vec<String> = TAGS.iter().map(|(name, tag)| format!("{name} = {tag}")).collect();
    let tags = tags.join(", ");
    let loaders: Vec<String> =
        loaded_locales().map(|tag| format!("{tag}: () => import(\"./locales/{tag}.js\")")).collect();
    let loaders = loaders.join(", ");
    let module = format!(
        "export const read = (o, number) => {{ switch (number) {{ {reads} }} }};
export const codes = [], fields = [], severities = [];
for (const group of {:?}.split(\"/\")) {{
  const [field, ...reasons] = group.split(\" \");
  for (const reason of reasons) {{
    codes.push(`${{field}}.${{reason.replace(\"-\", \"\")}}`);
    fields.push(field === \"settings\" ? \"\" : field);
    severities.push(reason[0] === \"-\" ? \"warning\" : \"error\");
  }}
}}
export const keys = {};
export const params = {};
export const needs = {needs:?};
export const depth = {MAX_DEPTH};
export const {tags};
export const loaders = {{ {loaders} }};
",
        reasons(),
        list(Key::NAMES),
        list(Param::NAMES)
    );
    fs::write(file, module).with_context(|| format!("cannot write {}", file.display()))
}

/// The codes in their order, each field once before its reasons; a hyphen marks a code that is only a warning.
fn reasons() -> String {
    let mut groups = String::new();
    let mut last = "";
    for code in Code::ALL {
        let (field, reason) = code.name().split_once('.').unwrap_or_default();
        if field != last {
            groups += if last.is_empty() { "" } else { "/" };
            groups += field;
            last = field;
        }
        groups += if code.severity() == Severity::Error { " " } else { " -" };
        groups += reason;
    }
    groups
}

/// The messages as modules: each a list in the order of the catalogue, so that no code is repeated. Issues that only
/// the server finds have an empty text, because the server sends their messages.
fn locales(package: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target)?;
    for locale in Locale::ALL.iter().map(|locale| locale.tag()) {
        let file = package.join(format!("locales/{locale}/issues.json"));
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let messages: HashMap<String, String> = serde_json::from_slice(&text)?;
        let message = |code: &Code| match code.scope() {
            Scope::Server => Ok(""),
            Scope::Both => messages
                .get(code.name())
                .map(String::as_str)
                .with_context(|| format!("{}: no {}", file.display(), code.name())),
        };
        let messages = Code::ALL.iter().map(message).collect::<Result<Vec<&str>>>()?;
        let module = format!("export default {};\n", serde_json::to_string(&messages)?);
        fs::write(target.join(format!("{locale}.js")), module)?;
    }
    Ok(())
}

/// Bundles façade, glue and English into one small module; the other languages are separate modules.
fn bundle(package: &Path, work: &Path, dist: &Path) -> Result<()> {
    let mut esbuild = command("node");
    esbuild.arg(package.join("node_modules/esbuild/bin/esbuild")).arg(work.join("index.js"));
    for locale in loaded_locales() {
        esbuild.arg(format!("--external:./locales/{locale}.js"));
    }
    esbuild.args(BUNDLED).arg(format!("--outfile={}", dist.join("index.js").display()));
    run(&mut esbuild)
}

/// How esbuild makes one small module.
const BUNDLED: [&str; 6] =
    ["--bundle", "--format=esm", "--target=es2022", "--minify", "--charset=utf8", "--log-level=warning"];

/// Removes comments and white space from the modules in `folder`, because a page without a bundler loads them
/// unchanged.
fn compact(package: &Path, folder: &Path) -> Result<()> {
    let mut esbuild = command("node");
    esbuild.arg(package.join("node_modules/esbuild/bin/esbuild"));
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "js") {
            esbuild.arg(file);
        }
    }
    esbuild.args(["--format=esm", "--minify-whitespace", "--target=es2022", "--charset=utf8"]);
    run(esbuild
        .args(["--allow-overwrite", "--log-level=warning"])
        .arg(format!("--outdir={}", folder.display())))
}

/// Writes the package's manifest without the entries that only the build needs.
fn manifest(package: &Path, dist: &Path) -> Result<()> {
    let text = fs::read(package.join("package.json"))?;
    let mut manifest: Value = serde_json::from_slice(&text)?;
    if let Some(members) = manifest.as_object_mut() {
        members.shift_remove("devDependencies");
    }
    Ok(fs::write(dist.join("package.json"), serde_json::to_string_pretty(&manifest)? + "\n")?)
}
