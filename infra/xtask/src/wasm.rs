//! The npm package: the rules compiled to WASM, and a module for each entry point: façade with glue, form, results,
//! deliveries, inspector, objects. `dist/src` has their sources, which the source maps refer to.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result};
use ownpost_i18n::Locale;
use serde_json::{Map, Value};
use smtp_rules::catalogue::{Code, Param, Scope, Severity};
use smtp_rules::packed::{self, Key, MAX_DEPTH};
use smtp_rules::report;
use wasm_bindgen_cli_support::Bindgen;

use crate::form;
use crate::process::{cargo, command, root, run};
use crate::supply::{self, LICENCES};

/// Builds the npm package in `validator-wasm/dist`.
pub(crate) fn build() -> Result<()> {
    let package = root().join("validator-wasm");
    let dist = package.join("dist");
    let work = root().join("target/npm");
    for folder in [&dist, &work] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    compile("validator-wasm", &[], "validator_wasm", &work)?;
    optimise(&package, &work.join("validator_wasm_bg.wasm"), &dist.join("validator.wasm"))?;
    let sources = dist.join("src");
    copy_modules(&package.join("js"), &sources)?;
    fs::copy(work.join("validator_wasm_bg.js"), sources.join("validator_wasm_bg.js"))?;
    objects(&package, &work, &dist)?;
    tables(&sources.join("tables.js"))?;
    locales(&package, &sources.join("locales"))?;
    form::generate(&package, &sources)?;
    for bundle in BUNDLES {
        bundle.make(&package, &dist)?;
    }
    languages(&package, &dist, "locales", loaded_locales())?;
    for folder in ["form/messages", "results/messages", "deliveries/messages", "inspect/messages"] {
        languages(&package, &dist, folder, Locale::ALL.iter().map(|locale| locale.tag()))?;
    }
    let beside = [
        ("js/index.d.ts", "index.d.ts"),
        ("js/types.d.ts", "types.d.ts"),
        ("js/validator.wasm.d.ts", "validator.wasm.d.ts"),
        ("README.md", "README.md"),
    ];
    for (from, to) in beside {
        fs::copy(package.join(from), dist.join(to)).with_context(|| format!("cannot copy {from}"))?;
    }
    for licence in LICENCES {
        fs::copy(root().join(licence), dist.join(licence))
            .with_context(|| format!("cannot copy {licence}"))?;
    }
    for (name, content) in supply::papers(&supply::NPM)? {
        fs::write(dist.join(name), content).with_context(|| format!("cannot write {name}"))?;
    }
    form::copy_types(&package, &dist)?;
    elements(&package, &dist)?;
    manifest(&package, &dist)
}

/// Compiles the crate with these features, and generates its glue: `{name}_bg.wasm` and `{name}_bg.js`.
fn compile(crate_name: &str, features: &[&str], name: &str, work: &Path) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--profile", "wasm", "--target", "wasm32-unknown-unknown", "--package", crate_name]);
    build.args(["--no-default-features", "--features", &features.join(",")]);
    // The place of a panic names its source: not where this machine keeps it.
    let sources = cargo_home()?.join("registry/src");
    let flags = format!("--remap-path-prefix={}=", sources.display());
    run(build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags))?;
    let module = crate_name.replace('-', "_");
    Bindgen::new()
        .input_path(root().join(format!("target/wasm32-unknown-unknown/wasm/{module}.wasm")))
        .out_name(name)
        .bundler(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(work)
        .context("wasm-bindgen")
}

/// The folder of cargo.
fn cargo_home() -> Result<PathBuf> {
    let home =
        || Some(PathBuf::from(env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"))?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).context("neither CARGO_HOME nor HOME is set")
}

/// Runs Binaryen on the module, with only the features that every browser since 2021 has.
fn optimise(package: &Path, module: &Path, optimised: &Path) -> Result<()> {
    run(command("node")
        .arg(package.join("node_modules/binaryen/bin/wasm-opt"))
        .args([
            // Control flow made from the beginning is shorter than what the compiler leaves.
            "-Oz",
            "--flatten",
            "--rereloop",
            "-Oz",
            "-Oz",
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

/// Builds the modules of the object API, which a page loads only when it asks for one. Their façades are bundles.
fn objects(package: &Path, work: &Path, dist: &Path) -> Result<()> {
    let work = work.join("objects");
    for folder in [&work, &dist.join("objects")] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let sources = dist.join("src/objects");
    for name in ["documents", "inspect"] {
        compile("ownpost-objects", &[name], name, &work)?;
        optimise(package, &work.join(format!("{name}_bg.wasm")), &dist.join(format!("objects/{name}.wasm")))?;
        fs::copy(work.join(format!("{name}_bg.js")), sources.join(format!("{name}_bg.js")))?;
    }
    fs::copy(package.join("js/objects/index.d.ts"), dist.join("objects/index.d.ts"))?;
    sentences(package, &sources.join("lists.js"))
}

/// The lists of the object API: how the other languages are loaded, which the page's module loads too, and the sentences
/// of the issues that it finds and a page does not.
fn sentences(package: &Path, file: &Path) -> Result<()> {
    let loaders: Vec<String> =
        loaded_locales().map(|tag| format!("  {tag}: () => import(\"../locales/{tag}.js\"),\n")).collect();
    let code = Code::SettingsNotJson.name();
    let mut not_json = Map::new();
    for tag in Locale::ALL.iter().map(|locale| locale.tag()) {
        let text = fs::read(package.join(format!("locales/{tag}/issues.json")))?;
        let messages: Map<String, Value> = serde_json::from_slice(&text)?;
        let message = messages.get(code).with_context(|| format!("{tag}: no {code}"))?;
        not_json.insert(tag.to_owned(), message.clone());
    }
    let module = format!(
        "export const loaders = {{\n{}}};\nexport const notJson = {};\n",
        loaders.concat(),
        Value::Object(not_json)
    );
    fs::write(file, module).with_context(|| format!("cannot write {}", file.display()))
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

/// A module that a page loads.
struct Bundle {
    /// The module, in `dist/src` and in `dist`.
    entry: &'static str,
    /// The modules that it leaves to separate requests: those that are loaded when they are needed, and the façade,
    /// whose state a page shares with the form.
    external: &'static [&'static str],
    /// Whether it loads modules that may fail to load.
    again: bool,
}

/// The modules of the package.
const BUNDLES: [Bundle; 7] = [
    Bundle {
        entry: "index.js",
        external: &["./locales/fr.js", "./locales/nl.js", "./locales/de.js", "./locales/es.js"],
        again: true,
    },
    Bundle {
        entry: "form/index.js",
        external: &["../index.js", "../results/index.js", "./messages/*"],
        again: true,
    },
    Bundle { entry: "results/index.js", external: &["../inspect/index.js", "./messages/*"], again: true },
    Bundle {
        entry: "objects/index.js",
        external: &[
            "./inspect.js",
            "../locales/fr.js",
            "../locales/nl.js",
            "../locales/de.js",
            "../locales/es.js",
        ],
        again: true,
    },
    Bundle { entry: "objects/inspect.js", external: &[], again: false },
    Bundle { entry: "deliveries/index.js", external: &["../inspect/index.js", "./messages/*"], again: true },
    Bundle { entry: "inspect/index.js", external: &["../objects/inspect.js", "./messages/*"], again: true },
];

/// An `import` of an address that bundlers leave alone; `js/again.js` says what it is for.
const IMPORT_AGAIN: &str = "const importAgain=u=>import(/* webpackIgnore: true *//* @vite-ignore */u);";

impl Bundle {
    /// Makes one small module of the entry and its imports, with a source map beside it.
    fn make(&self, package: &Path, dist: &Path) -> Result<()> {
        let mut esbuild = esbuild(package);
        esbuild.arg(dist.join("src").join(self.entry)).arg("--bundle");
        esbuild.args(self.external.iter().map(|path| format!("--external:{path}")));
        esbuild.args(["--sourcemap=linked", "--sources-content=false"]);
        if self.again {
            esbuild.arg(format!("--banner:js={IMPORT_AGAIN}"));
        }
        run(esbuild.arg(format!("--outfile={}", dist.join(self.entry).display())))
    }
}

/// esbuild with the options of every module.
fn esbuild(package: &Path) -> Command {
    let mut esbuild = command("node");
    esbuild.arg(package.join("node_modules/esbuild/bin/esbuild"));
    esbuild.args(["--format=esm", "--target=es2022", "--minify", "--charset=utf8", "--log-level=warning"]);
    esbuild
}

/// Copies the modules below a folder, without their types.
fn copy_modules(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_modules(&path, &target)?;
        } else if path.extension().is_some_and(|extension| extension == "js") {
            fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes the messages of these languages, which are loaded one by one, without white space.
fn languages<'a>(
    package: &Path,
    dist: &Path,
    folder: &str,
    tags: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let sources = dist.join("src").join(folder);
    let mut esbuild = esbuild(package);
    let files: Vec<_> = tags.map(|tag| sources.join(format!("{tag}.js"))).collect();
    run(esbuild.args(&files).arg(format!("--outdir={}", dist.join(folder).display())))?;
    // No source map refers to them.
    files.iter().try_for_each(|file| fs::remove_file(file).map_err(Into::into))
}

/// Describes the elements for editors: their attributes, events, parts and custom properties, from their sources.
fn elements(package: &Path, dist: &Path) -> Result<()> {
    let mut analyzer = command("node");
    analyzer.current_dir(dist.join("src"));
    analyzer.arg(package.join("node_modules/@custom-elements-manifest/analyzer/cem.js"));
    analyzer.args([
        "analyze",
        "--quiet",
        "--globs",
        "form/index.js",
        "deliveries/index.js",
        "--outdir",
        "..",
    ]);
    run(&mut analyzer)?;
    let file = dist.join("custom-elements.json");
    let mut description: Value = serde_json::from_slice(&fs::read(&file)?)?;
    for module in description["modules"].as_array_mut().into_iter().flatten() {
        let Some(declarations) = module["declarations"].as_array_mut() else { continue };
        declarations.retain(|declaration| declaration["tagName"].is_string());
        for declaration in declarations {
            if let Some(members) = declaration["members"].as_array_mut() {
                members.retain(|member| !member["name"].as_str().is_some_and(|name| name.starts_with('#')));
            }
        }
    }
    Ok(fs::write(&file, serde_json::to_string_pretty(&description)? + "\n")?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ask;

    /// Cargo leaves LTO out without a word for a crate that is also an `rlib` (rust-lang/cargo#9672).
    #[test]
    fn the_module_is_built_with_lto() -> Result<()> {
        let metadata =
            ask(cargo().args(["metadata", "--no-deps", "--format-version=1"])).context("cargo metadata")?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let packages = metadata["packages"].as_array().context("no packages")?;
        let package =
            packages.iter().find(|package| package["name"] == "validator-wasm").context("no package")?;
        let libraries: Vec<_> = package["targets"].as_array().into_iter().flatten().collect();
        assert_eq!(libraries.len(), 1);
        assert_eq!(libraries[0]["crate_types"], serde_json::json!(["cdylib"]));
        let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
        let profile = |name: &str| {
            let rest = manifest.split_once(&format!("[profile.{name}]\n")).map(|(_, rest)| rest);
            rest.map(|rest| rest.split("\n[").next().unwrap_or_default().to_owned()).unwrap_or_default()
        };
        assert!(profile("wasm").contains("inherits = \"release\"") && !profile("wasm").contains("lto"));
        assert!(profile("release").contains("lto = \"fat\""));
        Ok(())
    }
}
