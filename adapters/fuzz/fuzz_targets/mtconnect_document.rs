#![no_main]

#[path = "../bodies/mtconnect.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod mtconnect;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mtconnect::document(data));
