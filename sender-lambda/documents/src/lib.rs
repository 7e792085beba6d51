//! The documents that come in, each read by one implementation for the server, the command line and the npm package:
//! settings ([`settings`]) and events ([`event`]), as JSON text or as a value.
//!
//! Pure, and built for `wasm32` too. The one step that a browser does in its own way, a name's A-labels (UTS 46), the caller
//! brings: as [`smtp_rules::Platform`] for settings, as [`event::ToAscii`] for events.

mod document;
pub mod event;
mod given;
mod rules;
pub mod settings;
mod shape;
pub mod stored;
mod tree;
pub mod validation;

pub use tree::wipe;
