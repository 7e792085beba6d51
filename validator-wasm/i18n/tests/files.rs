//! A language is a folder of `validator-wasm/locales` with the same files, and an entry of [`Locale::ALL`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ownpost_i18n::Locale;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "locales"].iter().collect()
}

#[test]
fn every_folder_is_a_locale_and_every_locale_a_folder() {
    let entries = std::fs::read_dir(folder()).expect("the folder of the languages");
    let folders: BTreeSet<String> =
        entries.map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned()).collect();
    let locales: BTreeSet<String> = Locale::ALL.iter().map(|locale| locale.tag().to_owned()).collect();
    assert_eq!(folders, locales);
}

/// Only the browser uses the elements' sentences; their keys are compared here with those of the other languages.
#[test]
fn every_language_has_the_same_sentences_of_the_elements() {
    for name in ["form", "results", "deliveries", "inspector"] {
        same_sentences(name);
    }
}

fn same_sentences(name: &str) {
    let read = |locale: &Locale| -> BTreeMap<String, String> {
        let file = folder().join(locale.tag()).join(format!("{name}.json"));
        let text = std::fs::read_to_string(file).expect("the sentences");
        serde_json::from_str(&text).expect("an object of texts")
    };
    let placeholders = |text: &str| -> BTreeSet<String> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.map(|(name, _)| name.to_owned()).collect()
    };
    let english = read(&Locale::English);
    for locale in Locale::ALL {
        let other = read(locale);
        assert!(other.keys().eq(english.keys()), "{locale:?} {name}: {:?}", {
            let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
                (english.keys().collect(), other.keys().collect());
            ours.symmetric_difference(&theirs).copied().cloned().collect::<Vec<_>>()
        });
        for (key, text) in &english {
            assert_eq!(placeholders(&other[key]), placeholders(text), "{locale:?} {name} {key}");
        }
    }
}

/// The words that French shortens before a vowel.
const SHORTENED: [&str; 14] =
    ["ce", "de", "je", "jusque", "la", "le", "lorsque", "me", "ne", "puisque", "que", "quoique", "se", "te"];

/// A value begins with a vowel or not: no sentence has such a word before one. A time begins with a digit.
#[test]
fn no_french_sentence_shortens_a_word_before_a_value() {
    let files = std::fs::read_dir(folder().join(Locale::French.tag())).expect("the folder of French");
    let mut values = 0;
    for file in files {
        let path = file.expect("a file").path();
        for line in std::fs::read_to_string(&path).expect("the sentences").lines() {
            for (at, _) in line.match_indices('{').filter(|(at, _)| !line[*at..].starts_with("{time}")) {
                let before = line[..at].trim_end_matches(|c: char| c.is_whitespace() || c == '«');
                let word = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
                assert!(!SHORTENED.contains(&word.to_lowercase().as_str()), "{path:?}: {line}");
                values += 1;
            }
        }
    }
    assert!(values > 100, "{values}");
}
