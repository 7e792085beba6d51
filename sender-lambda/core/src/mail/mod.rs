//! From an event and a recipient to a MIME message.

mod blocks;
pub mod build;
pub mod catalogue;
pub mod check;
mod compose;
mod dates;
pub mod dkim;
mod dkim_keys;
mod header_text;
mod html;
pub mod ids;
mod links;
pub mod preview;
pub mod templates;
pub mod test_message;
mod typography;
pub mod values;

pub use blocks::escape;
