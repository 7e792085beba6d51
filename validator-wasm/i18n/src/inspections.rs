//! The sentences about a mail that is inspected, from `locales/*/inspect.json`.

use std::sync::LazyLock;

use crate::remedied::{Texts, find, read};
use crate::{FailureText, Locale};

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/inspect.json")),)+]
    };
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| read(with_locales!(sources)));

/// The sentences about a finding, for [`crate::fill`]; empty for a code that is unknown.
pub fn inspection(locale: Locale, code: &str) -> &'static FailureText {
    find(&TEXTS, locale, code)
}

#[cfg(test)]
mod tests {
    use super::TEXTS;

    #[test]
    fn every_language_has_the_same_findings_with_the_same_params() {
        assert!(TEXTS[0].len() > 10);
        crate::remedied::are_translated(&TEXTS);
    }
}
