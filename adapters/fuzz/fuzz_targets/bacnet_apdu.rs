#![no_main]

#[path = "../bodies/bacnet.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod bacnet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bacnet::apdu(data));
