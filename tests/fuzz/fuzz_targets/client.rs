//! The whole client against a server of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ownpost_fuzz::client::run(data));
