//! The encoder of messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ownpost_fuzz::message::run(data));
