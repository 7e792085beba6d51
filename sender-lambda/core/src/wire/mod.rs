//! JSON in and out: HTTP API, events, SQS batches, settings, reports.

pub mod answers;
mod document;
pub mod emitted;
pub mod event;
pub mod history;
pub mod http;
mod rules;
pub mod settings;
pub mod sqs;
pub mod stored_event;
pub mod test_report;
pub mod validation;
