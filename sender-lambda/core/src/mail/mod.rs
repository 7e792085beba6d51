//! From an event and a recipient to a MIME message.

pub mod build;
mod compose;
mod header_text;
pub mod ids;
pub mod templates;
pub mod test_message;
