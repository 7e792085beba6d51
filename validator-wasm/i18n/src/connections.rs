//! The sentences of the page that ends a connection with a provider, from `locales/*/connect.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{FailureText, Locale};

/// The sentences of one language, by code.
type Texts = HashMap<String, FailureText>;

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/connect.json")),)+]
    };
}

static TEXTS: LazyLock<Vec<Texts>> = LazyLock::new(|| {
    // A test parses every file, so no file falls back to an empty list here.
    with_locales!(sources).into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
});

/// The sentences of an outcome, for [`crate::fill`]; empty for a code that is unknown.
pub fn connection(locale: Locale, code: &str) -> &'static FailureText {
    static NONE: FailureText = FailureText { message: String::new(), remedy: String::new() };
    TEXTS.get(locale as usize).and_then(|texts| texts.get(code)).unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::{TEXTS, connection};
    use crate::{Locale, placeholders};

    #[test]
    fn every_language_has_the_same_outcomes_with_the_same_params() {
        let english = &TEXTS[0];
        assert!(english.len() > 5);
        for &locale in Locale::ALL {
            assert_eq!(TEXTS[locale as usize].len(), english.len(), "{locale:?}");
            for (code, text) in english {
                let other = connection(locale, code);
                for (theirs, ours) in [(&other.message, &text.message), (&other.remedy, &text.remedy)] {
                    assert!(!theirs.is_empty(), "{locale:?} {code}");
                    assert_eq!(placeholders(theirs), placeholders(ours), "{locale:?} {code}");
                    assert!(
                        locale == Locale::English || theirs != ours,
                        "{locale:?} {code} is not translated"
                    );
                }
            }
        }
    }
}
