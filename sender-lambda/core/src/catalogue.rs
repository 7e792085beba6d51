//! The words for stages and failures, from the catalogues that the browser reads too
//! (`validator-wasm/locales/*/stages.json`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ownpost_domain::failure::FailureCode;
use serde::Deserialize;

/// One language.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalogue {
    /// The stages' names.
    pub stages: BTreeMap<String, String>,
    /// For every failure code what happened and what to do.
    pub failures: BTreeMap<String, Words>,
    /// The test mail.
    pub test_message: TestWords,
    /// Advice on deliverability.
    pub advice: BTreeMap<String, String>,
}

/// What happened and what to do about it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What happened.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// The test mail's words.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestWords {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// The languages there are, English first.
pub const LOCALES: [&str; 5] = ["en", "fr", "nl", "de", "es"];

const SOURCES: [&str; 5] = [
    include_str!("../../../validator-wasm/locales/en/stages.json"),
    include_str!("../../../validator-wasm/locales/fr/stages.json"),
    include_str!("../../../validator-wasm/locales/nl/stages.json"),
    include_str!("../../../validator-wasm/locales/de/stages.json"),
    include_str!("../../../validator-wasm/locales/es/stages.json"),
];

/// The catalogue for a BCP 47 tag: case does not count, `_` is `-`, an unknown region falls back to its language,
/// an unknown language to English.
pub fn catalogue(locale: &str) -> &'static Catalogue {
    static CATALOGUES: [OnceLock<Catalogue>; 5] = [const { OnceLock::new() }; 5];
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    let index = LOCALES.iter().position(|known| known.eq_ignore_ascii_case(language)).unwrap_or(0);
    CATALOGUES[index].get_or_init(|| {
        // A test parses all of them; what is compiled in cannot be another text.
        serde_json::from_str(SOURCES[index]).unwrap_or_default()
    })
}

impl Catalogue {
    /// What happened and what to do, with the placeholders filled in. Without words of its own a code says
    /// itself.
    pub fn failure(&self, code: FailureCode, values: &[(&str, &str)]) -> (String, String) {
        match self.failures.get(code.code()) {
            Some(words) => (fill(&words.message, values), fill(&words.remedy, values)),
            None => (code.code().to_owned(), String::new()),
        }
    }
}

/// Puts values in the place of `{name}`. One pass: what a value contains is never a placeholder.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 1..start + length];
        out.push_str(&rest[..start]);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in braces.
    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|p| p.0).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_language_has_words_for_everything() {
        let english = catalogue("en");
        for locale in LOCALES {
            let words = catalogue(locale);
            let codes: Vec<_> = FailureCode::ALL.iter().map(|code| code.code()).collect();
            for code in &codes {
                let (ours, theirs) = (&words.failures[*code], &english.failures[*code]);
                assert!(!ours.message.is_empty() && !ours.remedy.is_empty(), "{locale} {code}");
                assert_eq!(placeholders(&ours.message), placeholders(&theirs.message), "{locale} {code}");
                assert_eq!(placeholders(&ours.remedy), placeholders(&theirs.remedy), "{locale} {code}");
                let known = ["host", "port", "sender", "recipient", "username", "ehlo", "security", "names"];
                assert!(
                    placeholders(&ours.message)
                        .iter()
                        .chain(&placeholders(&ours.remedy))
                        .all(|n| known.contains(n))
                );
            }
            assert!(words.failures.keys().all(|code| codes.contains(&code.as_str())), "{locale}");
            assert_eq!(words.stages.len(), 9, "{locale}");
            assert!(words.stages.keys().eq(english.stages.keys()), "{locale}");
            assert!(words.advice.keys().eq(english.advice.keys()), "{locale}");
        }
    }

    #[test]
    fn tags() {
        for (tag, subject_of) in
            [("fr", "fr"), ("FR-be", "fr"), ("nl_NL", "nl"), ("pt", "en"), ("", "en"), ("de-CH-1996", "de")]
        {
            assert!(std::ptr::eq(catalogue(tag), catalogue(subject_of)), "{tag}");
        }
    }

    #[test]
    fn values_are_no_placeholders() {
        assert_eq!(fill("{host}:{port} {x}", &[("host", "{port}"), ("port", "25")]), "{port}:25 {x}");
    }
}
