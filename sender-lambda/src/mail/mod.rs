//! From an event and a recipient to a MIME message.
