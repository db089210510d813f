//! Models, changed in their structure three times of four: bytes alone seldom get past the decoder.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match ssdcrp_fuzz::changed(&data[..size], seed) {
        Some(bytes) if bytes.len() <= max_size => {
            data[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fuzz_target!(|data: &[u8]| ssdcrp_fuzz::model(data));
