//! The object API of the npm package (`@ownpost/validator/objects`): the same rules and readers as on the server, for
//! JavaScript objects. `js/objects/index.js` is what people import.
//!
//! Builds of their own, with the standard library and its allocator: the page's module (`validator-wasm`) gives its memory
//! back after each call, which the table of JavaScript values that wasm-bindgen keeps here would not survive. Two modules
//! of one crate: who sends events needs no reader of mails, and a page that looks into a mail needs no reader of events.
//!
//! Answers go out as JSON text: `JSON.parse` makes `__proto__` a member like any other, and is quicker than setting each
//! property from here.

#[cfg(feature = "documents")]
pub mod documents;
mod json;
#[cfg(feature = "inspect")]
pub mod mails;
#[cfg(feature = "documents")]
mod names;
