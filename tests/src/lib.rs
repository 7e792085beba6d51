//! Shared helpers of the test suites.

pub mod effects_contract;
