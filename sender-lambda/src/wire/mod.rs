//! JSON in and out: HTTP API, events, SQS batches, settings, reports.

pub mod settings;
pub mod validation;
