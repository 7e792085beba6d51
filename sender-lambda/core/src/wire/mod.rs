//! JSON in and out: HTTP API, events, SQS batches, settings, reports.

pub mod answers;
pub mod emitted;
pub mod history;
pub mod http;
mod server;
pub mod sqs;
pub mod stored_event;
pub mod stored_row;
pub mod test_report;

pub use ownpost_documents::{stored, validation, wipe};

/// The event document, with the server's A-labels.
pub mod event {
    pub use ownpost_documents::event::*;

    pub use super::server::{address_meant, canonical_address, parse, read, report};
}

/// The SmtpSettings, with the server's A-labels, clock and options.
pub mod settings {
    pub use ownpost_documents::settings::*;

    pub use super::server::{check, from_document, with_provider};
}

#[cfg(test)]
mod settings_tests;
