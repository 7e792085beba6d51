//! Holds `docs/threats.md` and `docs/SECURITY.md` to tests that exist. A test is named as `FILE::NAME`: a function with
//! `#[test]` of a Rust file, the title of a test in a `.mjs` file, a function of a `.py` file; a dialogue is a file.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("the page")
}

/// What stands between backticks and names a test: a file and the test in it, or a dialogue alone.
fn named(text: &str) -> Vec<(&str, Option<&str>)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| match code.split_once("::") {
            Some((file, test)) if file.contains('/') => Some((file, Some(test))),
            None if code.starts_with("tests/dialogues/") => Some((code, None)),
            _ => None,
        })
        .collect()
}

/// Whether the file has the test.
fn has(file: &str, test: Option<&str>) -> bool {
    let Ok(text) = fs::read_to_string(root().join(file)) else { return false };
    let Some(test) = test else { return true };
    let ending = Path::new(file).extension().and_then(|ending| ending.to_str());
    if ending == Some("mjs") {
        return ["test('", "test(\"", "test(`"].iter().any(|call| text.contains(&format!("{call}{test}")));
    }
    if ending == Some("py") {
        return text.contains(&format!("\ndef {test}("));
    }
    // The attribute stands above the function, with nothing but other attributes and comments between.
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let function = format!("fn {test}(");
    let is_test = |line: &&str| line.starts_with("#[") && line.contains("test");
    lines.iter().enumerate().filter(|(_, line)| line.contains(&function)).any(|(at, _)| {
        let above = lines[..at].iter().rev();
        above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).any(is_test)
    })
}

#[test]
fn every_threat_names_tests_that_exist() {
    let page = page("docs/threats.md");
    let (threats, _) = page.split_once("\n## Limits of the protection").expect("the limits");
    let sections: Vec<_> = threats.split("\n### ").skip(1).collect();
    assert!(sections.len() > 25, "{}", sections.len());
    for section in sections {
        let title = section.lines().next().unwrap_or_default();
        let (_, list) = section.split_once("\n- ").unwrap_or_else(|| panic!("{title}: no test"));
        assert!(!named(list).is_empty(), "{title}: no test");
        for (file, test) in named(section) {
            assert!(has(file, test), "{title}: there is no {file}::{}", test.unwrap_or_default());
        }
    }
}

#[test]
fn what_is_said_of_kept_credentials_and_of_a_release_names_tests_that_exist() {
    let page = page("docs/SECURITY.md");
    for (title, least) in [("How long credentials are kept", 5), ("What is in a release", 2)] {
        let part = page.split("\n## ").find(|part| part.starts_with(title)).expect("the part");
        let lines: Vec<_> = part.split("\n- ").skip(1).collect();
        assert!(lines.len() >= least, "{title}: {}", lines.len());
        for line in lines {
            assert!(!named(line).is_empty(), "no test: {line}");
            for (file, test) in named(line) {
                assert!(has(file, test), "there is no {file}::{}", test.unwrap_or_default());
            }
        }
    }
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "rs")
}

/// Adds every source file below a folder of the project, by its path.
fn sources(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            sources(&path, all);
        } else if is_rust(&path) {
            all.push(path.to_string_lossy().into_owned());
        }
    }
}

#[test]
fn the_files_that_protect_are_where_the_page_says() {
    let page = page("docs/threats.md");
    let mut all = Vec::new();
    for folder in ["sender-lambda", "validator-wasm/rules", "infra/xtask"] {
        sources(&root().join(folder), &mut all);
    }
    let files: Vec<_> = page.split('`').skip(1).step_by(2).filter(|code| is_rust(Path::new(code))).collect();
    assert!(files.len() > 30, "{}", files.len());
    for file in files {
        assert!(all.iter().any(|path| path.ends_with(&format!("/{file}"))), "there is no {file}");
    }
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let here = "tests/tests/threats_page.rs";
    assert!(has(here, Some("a_test_that_is_not_there_is_found")));
    assert!(!has(here, Some("a_test_that_is_not")) && !has(here, Some("has")) && !has("tests/none.rs", None));
    assert!(has("tests/validator/parity.test.mjs", Some("every vector, in every language")));
    assert!(!has("tests/validator/parity.test.mjs", Some("no vector")));
    let text = "See `shown.rs` of `x`: `a/b.rs::c`, `tests/dialogues/d.txt`, `std::fs`.";
    assert_eq!(named(text), [("a/b.rs", Some("c")), ("tests/dialogues/d.txt", None)]);
}
