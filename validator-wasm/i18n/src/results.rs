//! The labels around a test's result, from `locales/*/results.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Locale;

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/results.json")),)+]
    };
}

static LABELS: LazyLock<Vec<BTreeMap<String, String>>> = LazyLock::new(|| {
    with_locales!(sources).into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
});

/// A label in this language, for instance `result.remedy`; the key itself where there is none.
pub fn result_label(locale: Locale, key: &str) -> &str {
    LABELS.get(locale as usize).and_then(|labels| labels.get(key)).map_or(key, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_there_in_every_language() {
        for locale in Locale::ALL {
            for key in ["result.remedy", "result.reply", "state.skipped", "tls.valid.range"] {
                assert_ne!(result_label(*locale, key), key, "{}", locale.tag());
            }
        }
        assert_eq!(result_label(Locale::English, "new"), "new");
    }
}
