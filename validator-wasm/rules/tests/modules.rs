//! The files of the crate import one another in one direction: from the text and the tables up to the document.

use std::collections::{BTreeMap, BTreeSet};

/// The modules of `src` and what each imports, its own tests left out.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let folder = format!("{}/src", env!("CARGO_MANIFEST_DIR"));
    let files =
        std::fs::read_dir(folder).expect("a folder of modules").map(|entry| entry.expect("a file").path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let module = |file: std::path::PathBuf| {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("a module");
        let code: String = text
            .split("#[cfg(test)]")
            .take(1)
            .flat_map(str::lines)
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let paths = code.split("crate::").skip(1);
        let word = |path: &str| {
            path.split(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit())
                .next()
                .map(str::to_owned)
        };
        (name, paths.filter_map(word).collect())
    };
    files.map(module).collect()
}

/// The modules that still import one another after those without open imports are taken away, again and again.
fn circle(mut imports: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let names: BTreeSet<String> = imports.keys().cloned().collect();
        imports.retain(|_, imported| !imported.is_disjoint(&names));
        if imports.len() == names.len() {
            return names.into_iter().collect();
        }
    }
}

#[test]
fn no_modules_import_one_another_in_a_circle() {
    let imports = imports();
    assert!(imports["document"].contains("rules") && imports["rules"].contains("text"), "{imports:?}");
    // A `crate::{…}` would hide the modules inside of it.
    assert!(imports.values().flatten().all(|module| imports.contains_key(module)), "{imports:?}");
    assert_eq!(circle(imports), Vec::<String>::new());
}

#[test]
fn a_circle_is_found() {
    let of = |edges: &[(&str, &str)]| {
        let mut imports = BTreeMap::new();
        for (from, to) in edges {
            imports.entry((*from).to_owned()).or_insert_with(BTreeSet::new).insert((*to).to_owned());
        }
        circle(imports)
    };
    assert!(of(&[("a", "b"), ("b", "c"), ("a", "c")]).is_empty());
    assert_eq!(of(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]), ["a", "b", "c"]);
}
