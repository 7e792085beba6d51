//! The messages of the rules' issues, from `locales/*/issues.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::Locale;

/// The message templates of one language, by code.
type Templates = HashMap<String, String>;

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/issues.json")),)+]
    };
}

static TEMPLATES: LazyLock<Vec<Templates>> = LazyLock::new(|| {
    // A test parses every file, so no file falls back to an empty list here.
    with_locales!(sources).into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
});

/// The template of an issue's message, for [`crate::fill`]; the code itself when there is no template.
pub fn issue(locale: Locale, code: &str) -> &str {
    TEMPLATES.get(locale as usize).and_then(|templates| templates.get(code)).map_or(code, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::{TEMPLATES, issue};
    use crate::{Locale, placeholders};

    #[test]
    fn every_language_has_the_same_issues_with_the_same_params() {
        let english = &TEMPLATES[0];
        assert!(english.len() > 100);
        for locale in Locale::ALL {
            let templates = &TEMPLATES[*locale as usize];
            assert_eq!(templates.len(), english.len(), "{locale:?}");
            for (code, message) in english {
                let other = issue(*locale, code);
                assert_ne!(other, code, "{locale:?} has no {code}");
                assert_eq!(placeholders(other), placeholders(message), "{locale:?} {code}");
                assert!(
                    *locale == Locale::English || other != message,
                    "{locale:?} {code} is not translated"
                );
            }
        }
    }

    #[test]
    fn a_code_without_a_message_is_its_own() {
        assert_eq!(issue(Locale::French, "host.no_such_code"), "host.no_such_code");
    }
}
