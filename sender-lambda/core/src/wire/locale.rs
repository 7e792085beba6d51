//! The messages of `validator-wasm/locales`, in the languages of the contract.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The templates of one language by code.
type Catalogue = HashMap<String, String>;

static ISSUES: LazyLock<[(&str, Catalogue); 5]> = LazyLock::new(|| {
    let read = |text| serde_json::from_str(text).unwrap_or_default();
    [
        ("en", read(include_str!("../../../../validator-wasm/locales/en/issues.json"))),
        ("fr", read(include_str!("../../../../validator-wasm/locales/fr/issues.json"))),
        ("nl", read(include_str!("../../../../validator-wasm/locales/nl/issues.json"))),
        ("de", read(include_str!("../../../../validator-wasm/locales/de/issues.json"))),
        ("es", read(include_str!("../../../../validator-wasm/locales/es/issues.json"))),
    ]
});

/// The template of an issue's message for a BCP 47 tag; the code itself when the catalogue lacks it.
pub(super) fn issue_template<'a>(locale: &str, code: &'a str) -> &'a str {
    let language = smtp_rules::render::language(locale);
    let catalogue = ISSUES.iter().find(|(name, _)| *name == language);
    catalogue.and_then(|(_, messages)| messages.get(code)).map_or(code, String::as_str)
}
