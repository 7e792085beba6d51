//! Sentences with their remedies, by language and code: what the pages of a connection and of an inspected mail share.

use std::collections::HashMap;

use crate::{FailureText, Locale};

/// The sentences of each language, in the order of [`Locale::ALL`], by code.
pub(crate) type Texts = Vec<HashMap<String, FailureText>>;

/// Reads the files of all languages.
pub(crate) fn read<const N: usize>(files: [&str; N]) -> Texts {
    // A test parses every file, so no file falls back to an empty list here.
    files.into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
}

/// The sentences of a code, for [`crate::fill`]; empty for a code that is unknown.
pub(crate) fn find(texts: &'static Texts, locale: Locale, code: &str) -> &'static FailureText {
    static NONE: FailureText = FailureText { message: String::new(), remedy: String::new() };
    texts.get(locale as usize).and_then(|texts| texts.get(code)).unwrap_or(&NONE)
}

/// Checks that every language has the same codes with the same params, in sentences of its own.
#[cfg(test)]
pub(crate) fn are_translated(texts: &'static Texts) {
    let english = &texts[0];
    for &locale in Locale::ALL {
        assert_eq!(texts[locale as usize].len(), english.len(), "{locale:?}");
        for (code, text) in english {
            let other = find(texts, locale, code);
            for (theirs, ours) in [(&other.message, &text.message), (&other.remedy, &text.remedy)] {
                assert!(!theirs.is_empty(), "{locale:?} {code}");
                assert_eq!(crate::placeholders(theirs), crate::placeholders(ours), "{locale:?} {code}");
                assert!(locale == Locale::English || theirs != ours, "{locale:?} {code} is not translated");
            }
        }
    }
}
