//! Helpers that the test suites share.

pub mod certificates;
pub mod corpora;
pub mod dns;
pub mod effects_contract;
pub mod faults;
pub mod fuzz;
pub mod scripted;
