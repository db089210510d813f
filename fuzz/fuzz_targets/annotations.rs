#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssdcrp_fuzz::annotations(data));
