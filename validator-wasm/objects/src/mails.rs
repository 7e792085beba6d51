//! Received mails.

use ownpost_inspect::Expected;
use wasm_bindgen::prelude::*;

use crate::json::json;

/// Reads a mail's source; see [`ownpost_inspect::inspect`]. Empty texts count as none. The answer is an InspectReport.
#[wasm_bindgen]
pub fn inspect(message: &[u8], sender: &str, host: &str, message_id: &str, locale: &str) -> String {
    let expected = Expected { sender: Some(sender), host: Some(host), message_id: Some(message_id) };
    json(&ownpost_inspect::inspect(message, &expected, locale))
}
