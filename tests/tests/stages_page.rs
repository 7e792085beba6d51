//! docs/stages.md is generated from the code and its catalogue. `OWNPOST_WRITE=1 cargo test --test stages_page`
//! writes it; without it, the test fails when the page and the code differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ownpost_domain::failure::FailureCode;
use ownpost_domain::settings::Security;
use ownpost_i18n::{Locale, catalogue};
use ownpost_smtp::Timeouts;
use ownpost_smtp::probe::order;

fn page() -> String {
    let english = catalogue(Locale::English);
    let mut page = String::from(
        "# Stages and failure codes\n\n\
         Written by a test from `sender-lambda/domain/src/failure.rs` and `validator-wasm/locales/en/stages.json`; change those, then \
         run `OWNPOST_WRITE=1 cargo test -p ownpost-tests --test stages_page`.\n\n\
         ## Stages\n\n\
         | STARTTLS | implicit TLS |\n|---|---|\n",
    );
    let name = |stage| {
        let id = serde_json::to_value(stage).unwrap().as_str().unwrap().to_owned();
        format!("`{id}` {}", english.stages[&id])
    };
    for (starttls, tls) in order(Security::StartTls).into_iter().zip(order(Security::Tls)) {
        let _ = writeln!(page, "| {} | {} |", name(starttls), name(tls));
    }
    page.push_str("\n## How long a step may take\n\n| step | test | send |\n|---|---|---|\n");
    let (test, send) = (Timeouts::TEST, Timeouts::SEND);
    for (step, test, send) in [
        ("the DNS answer", test.resolve, send.resolve),
        ("TCP, for each address", test.connect, send.connect),
        ("the greeting", test.greeting, send.greeting),
        ("the TLS handshake", test.tls, send.tls),
        ("the reply to an AUTH line, a token", test.auth, send.auth),
        ("the reply to any other command", test.command, send.command),
        ("writing a message", test.data, send.data),
        ("the reply after the final dot", test.done, send.done),
    ] {
        let _ = writeln!(page, "| {step} | {} s | {} s |", test.as_secs(), send.as_secs());
    }
    page.push_str("\n## Failure codes\n\nThe files named are in `tests/dialogues/` and show how a server provokes the code.\n");
    let dialogues = dialogues();
    for code in FailureCode::ALL {
        let text = &english.failures[code.code()];
        let field = match code.field() {
            "" => "no single setting".to_owned(),
            field => format!("`{field}`"),
        };
        let files =
            dialogues.get(code.code()).map_or("a table in `dial.rs`".to_owned(), |files| files.join(", "));
        let _ = write!(
            page,
            "\n### `{}`\n{}\n\n**What to do:** {}\n\nSetting: {field}. Shown by: {files}.\n",
            code.code(),
            text.message,
            text.remedy,
        );
    }
    page
}

/// The dialogue files of each failure code.
fn dialogues() -> BTreeMap<String, Vec<String>> {
    let mut dialogues = BTreeMap::<String, Vec<String>>::new();
    for entry in std::fs::read_dir(root().join("tests/dialogues")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = format!("`{}`", path.file_stem().unwrap().to_string_lossy());
        let expected = text.lines().find_map(|line| line.strip_prefix("expect: ")).unwrap_or_default();
        for code in expected.split(' ') {
            let files = dialogues.entry(code.to_owned()).or_default();
            if !files.contains(&name) {
                files.push(name.clone());
            }
        }
    }
    for files in dialogues.values_mut() {
        files.sort();
    }
    dialogues
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_page_agrees_with_the_code() {
    let path = root().join("docs/stages.md");
    if std::env::var_os("OWNPOST_WRITE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/stages.md is behind: OWNPOST_WRITE=1 cargo test --test stages_page");
}
