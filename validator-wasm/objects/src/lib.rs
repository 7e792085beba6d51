//! The object API of the npm package (`@ownpost/validator/objects`): the same rules and readers as on the server, with
//! JavaScript objects as answers. `js/objects/index.js` is what people import.
//!
//! A build of its own, with the standard library and its allocator: the page's module (`validator-wasm`) gives its memory
//! back after each call, which the table of JavaScript values that wasm-bindgen keeps here would not survive.

use ownpost_inspect::Expected;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

/// A document as a JavaScript object, as JSON would have it: null for none, plain objects, plain numbers.
fn object(document: &impl Serialize) -> JsValue {
    // No document here has a number or a key that JavaScript lacks.
    document.serialize(&Serializer::json_compatible()).unwrap_or(JsValue::NULL)
}

/// Reads a mail's source; see [`ownpost_inspect::inspect`]. Empty texts count as none.
#[wasm_bindgen]
pub fn inspect(message: &[u8], sender: &str, host: &str, message_id: &str, locale: &str) -> JsValue {
    let expected = Expected { sender: Some(sender), host: Some(host), message_id: Some(message_id) };
    object(&ownpost_inspect::inspect(message, &expected, locale))
}
