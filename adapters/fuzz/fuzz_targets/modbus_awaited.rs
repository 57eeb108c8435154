#![no_main]

#[path = "../bodies/modbus.rs"]
#[allow(dead_code, reason = "each target runs one of the bodies")]
mod modbus;

libfuzzer_sys::fuzz_target!(|data: &[u8]| modbus::awaited(data));
