#![no_main]

#[path = "../bodies/hsms.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod hsms;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hsms::equipment(data));
