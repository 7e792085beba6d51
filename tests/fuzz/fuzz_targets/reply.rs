//! The reply parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ownpost_fuzz::reply::run(data));
