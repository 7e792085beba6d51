//! The rules on the server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ownpost_fuzz::settings::run(data));
