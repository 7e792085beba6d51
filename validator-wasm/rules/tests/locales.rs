//! Every language has a message for every code of the catalogue, filled with that code's params and no others.

use std::collections::BTreeSet;

use ownpost_i18n::Locale;
use smtp_rules::catalogue::Code;

#[test]
fn every_language_has_every_message() {
    for locale in Locale::ALL.iter().map(|locale| locale.tag()) {
        let file = format!("{}/../locales/{locale}/issues.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).expect("a catalogue for each language");
        let messages: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).expect("an object of messages");
        let found: Vec<&str> = messages.keys().map(String::as_str).collect();
        assert_eq!(found, Code::NAMES, "{locale}: codes, in the order of the catalogue");
        for code in Code::ALL {
            let message = messages[code.name()].as_str().expect("text");
            assert!(!message.is_empty() && message.trim() == message, "{locale} {}", code.name());
            let known: BTreeSet<&str> = code.params().iter().map(|param| param.name()).collect();
            // In capitals, a param is shown in capitals.
            let is_known = |name: &&str| known.contains(name.to_ascii_lowercase().as_str());
            assert!(placeholders(message).iter().all(is_known), "{locale} {}: {message}", code.name());
        }
    }
}

fn placeholders(message: &str) -> BTreeSet<&str> {
    message.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn codes_are_a_field_and_a_reason() {
    let fields: BTreeSet<&str> =
        smtp_rules::packed::Key::NAMES.iter().take(smtp_rules::packed::Key::FIELDS).copied().collect();
    let mut seen = BTreeSet::new();
    for code in Code::ALL {
        let (field, reason) = code.name().split_once('.').expect("a dot");
        assert!(fields.contains(field) || field == "settings", "{}", code.name());
        assert!(
            reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        );
        assert!(seen.insert(code.name()), "{} stands twice", code.name());
        assert!(code.meaning().ends_with('.'));
    }
}
