//! Replays the corpora of the fuzz targets, and every input that ever failed, on stable Rust.

use std::fs;
use std::path::Path;

use ownpost_tests::fuzz;

/// Runs the body over `tests/fuzz/corpus/<target>.txt` and `tests/fuzz/found/<target>.txt`, one input in each line.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut count = 0;
    for kept in ["corpus", "found"] {
        let file = folder.join(kept).join(target).with_extension("txt");
        // Some targets have no file of failed inputs.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            let input = unescape(line);
            let ran = std::panic::catch_unwind(|| body(&input));
            assert!(ran.is_ok(), "{} line {}: {line}", file.display(), number + 1);
            count += 1;
        }
    }
    assert!(count > 0, "{target} has no corpus");
}

/// Resolves the escapes that `tests/fuzz/corpus.mjs` writes.
fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.expect("a digit")));
                    u8::from_str_radix(&String::from_iter(digits), 16).expect("two digits")
                }
                other => panic!("\\ and {other:?}"),
            },
            byte => byte,
        });
    }
    bytes
}

#[test]
fn reply() {
    replay("reply", fuzz::reply::run);
}

#[test]
fn ehlo() {
    replay("ehlo", fuzz::ehlo::run);
}

#[test]
fn message() {
    replay("message", fuzz::message::run);
}

#[test]
fn settings() {
    replay("settings", fuzz::settings::run);
}

#[test]
fn client() {
    replay("client", fuzz::client::run);
}

#[test]
fn inspect() {
    replay("inspect", fuzz::inspect::run);
}
