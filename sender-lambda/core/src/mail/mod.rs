//! From an event and a recipient to a MIME message.

mod auto_submitted;
pub mod build;
pub mod ids;
pub mod templates;
pub mod test_message;
