//! JSON in and out: HTTP API, events, SQS batches, settings, reports.

pub mod event;
pub mod settings;
pub mod sqs;
pub mod validation;
