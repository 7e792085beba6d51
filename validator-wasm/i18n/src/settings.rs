//! The names of the settings, as the form shows them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Locale;

macro_rules! sources {
    ($($variant:ident $tag:literal)+) => {
        [$(include_str!(concat!("../../locales/", $tag, "/form.json")),)+]
    };
}

static LABELS: LazyLock<Vec<BTreeMap<String, String>>> = LazyLock::new(|| {
    with_locales!(sources).into_iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect()
});

/// The name of a setting in this language, by its dotted path; the path itself where the form has no name for it.
pub fn setting_name(locale: Locale, field: &str) -> &str {
    let key = match field.split('.').next() {
        Some("routing") => "section.routing".to_owned(),
        _ if field == "oauth2.provider" => "provider.label".to_owned(),
        _ => format!("{field}.label"),
    };
    LABELS.get(locale as usize).and_then(|labels| labels.get(&key)).map_or(field, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_name_in_every_language() {
        for locale in Locale::ALL {
            for field in [
                "host",
                "port",
                "security",
                "authMethod",
                "username",
                "password",
                "oauth2.grant",
                "oauth2.provider",
                "oauth2.tokenUrl",
                "oauth2.clientId",
                "oauth2.clientSecret",
                "oauth2.clientSecretExpires",
                "oauth2.refreshToken",
                "oauth2.scope",
                "senderAddress",
                "senderName",
                "replyTo",
                "contacts",
                "ehloName",
                "caPem",
                "routing.notification.via",
            ] {
                assert_ne!(setting_name(*locale, field), field, "{}", locale.tag());
            }
            assert_eq!(setting_name(*locale, "new"), "new");
        }
    }
}
