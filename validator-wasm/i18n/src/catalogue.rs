//! The names of the stages, and the sentences about failures, the test mail and deliverability, from
//! `locales/*/stages.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::{Locale, fill};

/// The sentences of one language.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalogue {
    /// The names of the stages, by their ids.
    pub stages: BTreeMap<String, String>,
    /// The message and the remedy of every failure code.
    pub failures: BTreeMap<String, FailureText>,
    /// The same for the causes of failures that are known more closely than their code says.
    pub causes: BTreeMap<String, FailureText>,
    /// Advice on deliverability, by record and result, for instance `spf.none`.
    pub advice: BTreeMap<String, String>,
}

/// The sentences about a failure.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureText {
    /// The description of the failure.
    pub message: String,
    /// The remedy for the failure.
    pub remedy: String,
}

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/stages.json")),)+]
    };
}

static CATALOGUES: LazyLock<Vec<Catalogue>> = LazyLock::new(|| {
    // A test parses every file, so no file falls back to an empty catalogue here.
    with_locales!(sources).into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
});

/// The sentences of a language.
pub fn catalogue(locale: Locale) -> &'static Catalogue {
    static NONE: Catalogue = Catalogue {
        stages: BTreeMap::new(),
        failures: BTreeMap::new(),
        causes: BTreeMap::new(),
        advice: BTreeMap::new(),
    };
    CATALOGUES.get(locale as usize).unwrap_or(&NONE)
}

impl Catalogue {
    /// The message and the remedy, filled with the values: the sentences of the cause, where it has some, or of the
    /// code. A code without sentences is its own message.
    pub fn failure(&self, code: &str, cause: Option<&str>, values: &[(&str, &str)]) -> (String, String) {
        let of_cause = cause.and_then(|cause| self.causes.get(cause));
        match of_cause.or_else(|| self.failures.get(code)) {
            Some(text) => (fill(&text.message, values), fill(&text.remedy, values)),
            None => (code.to_owned(), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::catalogue;
    use crate::{Locale, placeholders};

    #[test]
    fn every_language_has_the_same_sentences_with_the_same_values() {
        let english = catalogue(Locale::English);
        assert!(english.failures.len() > 20 && english.stages.len() == 9 && !english.advice.is_empty());
        for locale in Locale::ALL {
            let other = catalogue(*locale);
            assert!(other.stages.keys().eq(english.stages.keys()), "{locale:?}");
            assert!(other.failures.keys().eq(english.failures.keys()), "{locale:?}");
            assert!(other.advice.keys().eq(english.advice.keys()), "{locale:?}");
            assert!(other.causes.keys().eq(english.causes.keys()), "{locale:?}");
            for (code, failure) in english.failures.iter().chain(&english.causes) {
                let theirs = other.failures.get(code).unwrap_or_else(|| &other.causes[code]);
                assert!(!theirs.message.is_empty() && !theirs.remedy.is_empty(), "{locale:?} {code}");
                assert_eq!(
                    placeholders(&theirs.message),
                    placeholders(&failure.message),
                    "{locale:?} {code}"
                );
                assert_eq!(placeholders(&theirs.remedy), placeholders(&failure.remedy), "{locale:?} {code}");
            }
            for (key, advice) in &english.advice {
                assert_eq!(placeholders(&other.advice[key]), placeholders(advice), "{locale:?} {key}");
            }
        }
    }

    #[test]
    fn a_code_without_sentences_is_its_own_message() {
        let (message, remedy) = catalogue(Locale::German).failure("tls.no_such_code", None, &[]);
        assert_eq!((message.as_str(), remedy.as_str()), ("tls.no_such_code", ""));
    }
}
