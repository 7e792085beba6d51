//! The object API of the npm package (`@ownpost/validator/objects`): the same rules and readers as on the server, for
//! JavaScript objects. `js/objects/index.js` is what people import.
//!
//! A build of its own, with the standard library and its allocator: the page's module (`validator-wasm`) gives its memory
//! back after each call, which the table of JavaScript values that wasm-bindgen keeps here would not survive.
//!
//! The façade hands over plain copies (`js/objects/plain.js`), because an exception of a getter would leave the module's
//! stack where it was. Answers go out as JSON text: `JSON.parse` makes `__proto__` a member like any other, and is quicker
//! than setting each property from here.

use ownpost_documents::event::EventReport;
use ownpost_documents::settings::{self, Given};
use ownpost_documents::stored::SettingsReport;
use ownpost_documents::validation::ValidationReport;
use ownpost_inspect::Expected;
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Deserializer;
use smtp_rules::Options;
use smtp_rules::packed::{TOO_DEEP, TOO_LARGE};
use wasm_bindgen::prelude::*;

mod names;

use names::Names;

/// An answer as JSON text.
fn json(document: &impl Serialize) -> String {
    // No document here has a number or a key that JSON lacks.
    serde_json::to_string(document).unwrap_or_default()
}

/// A copy of a settings document, or the tag of the limit that stopped the façade from copying it.
fn given(document: JsValue, limit: u8) -> Given {
    match limit {
        0 => Given::deserialize(Deserializer::from(document)).unwrap_or_else(|_| Given::beyond(TOO_DEEP)),
        tag => Given::beyond(tag),
    }
}

/// Checks settings; the answer is a ValidationReport.
#[wasm_bindgen]
pub fn validate(document: JsValue, limit: u8, ports: &str, networks: &str, locale: &str) -> String {
    let options = options(ports, networks);
    json(&settings::check_given(given(document, limit), &options, &Names, locale).report)
}

/// Reads settings; the answer is a SettingsReport.
#[wasm_bindgen]
pub fn read_settings(document: JsValue, limit: u8, ports: &str, networks: &str, locale: &str) -> String {
    let options = options(ports, networks);
    report(settings::check_given(given(document, limit), &options, &Names, locale))
}

/// Reads settings from JSON text; the answer is a SettingsReport.
#[wasm_bindgen]
pub fn parse_settings(document: &str, ports: &str, networks: &str, locale: &str) -> String {
    report(settings::check(document.as_bytes(), &options(ports, networks), &Names, locale))
}

fn report(checked: settings::CheckedDraft) -> String {
    let settings = checked.draft.as_ref().map(settings::Draft::public);
    let ValidationReport { valid, issues } = checked.report;
    json(&SettingsReport { valid, issues, settings })
}

fn options<'a>(ports: &'a str, networks: &'a str) -> Options<'a> {
    Options { allow_ports: ports.as_bytes(), allow_networks: networks.as_bytes(), only: None }
}

/// Reads an event; the answer is an EventReport.
#[wasm_bindgen]
pub fn read_event(document: JsValue, limit: u8) -> String {
    json(&match limit {
        TOO_LARGE => EventReport::too_large(),
        TOO_DEEP => EventReport::too_deep(),
        _ => EventReport::of(Deserializer::from(document), names::to_ascii),
    })
}

/// Reads an event from JSON text; the answer is an EventReport.
#[wasm_bindgen]
pub fn parse_event(document: &str) -> String {
    json(&EventReport::of_text(document, names::to_ascii))
}

/// Reads a mail's source; see [`ownpost_inspect::inspect`]. Empty texts count as none. The answer is an InspectReport.
#[wasm_bindgen]
pub fn inspect(message: &[u8], sender: &str, host: &str, message_id: &str, locale: &str) -> String {
    let expected = Expected { sender: Some(sender), host: Some(host), message_id: Some(message_id) };
    json(&ownpost_inspect::inspect(message, &expected, locale))
}
