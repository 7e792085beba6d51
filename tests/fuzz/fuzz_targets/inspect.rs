//! The mail inspector.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ownpost_fuzz::inspect::run(data));
