//! Settings and events.
//!
//! Settings come as objects, for a form may hold values that JSON does not have, and the rules have an issue for each. The
//! façade hands over plain copies (`js/objects/plain.js`), because an exception of a getter would leave the module's stack
//! where it was. An event is what `JSON.stringify` makes of an object, so the façade writes that, and it is read as the
//! router reads it.
//!
//! Issues of settings come without their messages: the façade has the sentences of the languages that it has loaded.

use ownpost_documents::event::EventReport;
use ownpost_documents::settings::{self, CheckedDraft, Given, Say};
use ownpost_documents::stored::SettingsReport;
use ownpost_documents::validation::ValidationReport;
use serde::Deserialize;
use serde_wasm_bindgen::Deserializer;
use smtp_rules::Options;
use smtp_rules::packed::{TOO_DEEP, TOO_LARGE};
use wasm_bindgen::prelude::*;

use crate::json::json;
use crate::names::{Names, to_ascii};

const UNSAID: Say<'_> = &|_, _| String::new();

/// A copy of a settings document, or the tag of the limit that stopped the façade from copying it.
fn given(document: JsValue, limit: u8) -> Given {
    match limit {
        0 => Given::deserialize(Deserializer::from(document)).unwrap_or_else(|_| Given::beyond(TOO_DEEP)),
        tag => Given::beyond(tag),
    }
}

/// Checks settings; the answer is a ValidationReport.
#[wasm_bindgen]
pub fn validate(document: JsValue, limit: u8, ports: &str, networks: &str) -> String {
    json(&settings::check_given(&given(document, limit), &options(ports, networks), &Names, UNSAID).report)
}

/// Reads settings; the answer is a SettingsReport.
#[wasm_bindgen]
pub fn read_settings(document: JsValue, limit: u8, ports: &str, networks: &str) -> String {
    report(settings::check_given(&given(document, limit), &options(ports, networks), &Names, UNSAID))
}

/// Reads settings from JSON text; the answer is a SettingsReport.
#[wasm_bindgen]
pub fn parse_settings(document: &str, ports: &str, networks: &str) -> String {
    report(settings::check_text(document.as_bytes(), &options(ports, networks), &Names, UNSAID))
}

fn report(checked: CheckedDraft) -> String {
    let settings = checked.draft.as_ref().map(settings::Draft::public);
    let ValidationReport { valid, issues } = checked.report;
    json(&SettingsReport { valid, issues, settings })
}

fn options<'a>(ports: &'a str, networks: &'a str) -> Options<'a> {
    Options { allow_ports: ports.as_bytes(), allow_networks: networks.as_bytes(), only: None }
}

/// Reads an event from JSON text; the answer is an EventReport.
#[wasm_bindgen]
pub fn read_event(document: &str) -> String {
    json(&EventReport::of_text(document, to_ascii))
}

/// The EventReport on a document that the façade could not write as JSON text: the tag of the limit that it is beyond, or
/// the place of a value that JSON does not have.
#[wasm_bindgen]
pub fn refuse_event(limit: u8, place: &str) -> String {
    json(&match limit {
        TOO_LARGE => EventReport::too_large(),
        TOO_DEEP => EventReport::too_deep(),
        _ => EventReport::no_json(place),
    })
}
