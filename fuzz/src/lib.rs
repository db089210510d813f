//! What is fuzzed: each function takes any bytes and gives them to a reader, and to what is made of what it read. None may panic, hang or take memory without bounds; what is
//! read and written again has to stay what it was.
//!
//! The corpora of `corpus/` are replayed by `tests/corpus.rs` of the engine, with these same functions.

mod cases;
#[path = "../../tests/damage/mod.rs"]
mod damage;
#[path = "../../src/cli/jpeg/mod.rs"]
mod jpeg;
#[path = "../../src/cli/photo.rs"]
mod photo;
#[path = "../../tests/random/mod.rs"]
mod random;
#[path = "../../src/cli/upright.rs"]
mod upright;

pub use cases::{annotations, events, fit, grammar, manifest, model};

use prost::Message;
use ssdcrp::onnx::proto::ModelProto;

/// A JPEG or PNG, decoded and turned upright.
pub fn picture(data: &[u8]) {
    if let Ok(picture) = photo::decode(data) {
        assert!(picture.width() > 0 && picture.height() > 0);
    }
}

/// A text with some of its words or lines changed; none where there is no text, or where its bytes are to be changed instead.
pub fn changed_text(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = random::Random::new(seed.into());
    if random.below(4) == 0 {
        return None;
    }
    let text = std::str::from_utf8(data).ok()?;
    Some(damage::text::spoil(text, &mut random))
}

/// A model with some fields set to what no exporter writes; none where there is no model, or where its bytes are to be changed instead.
pub fn changed(data: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = random::Random::new(seed.into());
    if random.below(4) == 0 {
        return None;
    }
    let mut model = ModelProto::decode(data).ok()?;
    let graph = model.graph.as_mut()?;
    let operators: Vec<String> = ssdcrp::crp::operators()
        .map(|(name, _)| name.to_owned())
        .collect();
    for _ in 0..=random.below(3) {
        damage::change(graph, &operators, &mut random);
    }
    Some(model.encode_to_vec())
}

/// A target of libFuzzer: what is given its inputs, and what changes an input three times of four, in its structure. Bytes alone seldom get past a decoder.
#[macro_export]
macro_rules! target {
    ($reader:path, $changed:path) => {
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            match $changed(&data[..size], seed) {
                Some(bytes) if bytes.len() <= max_size => {
                    data[..bytes.len()].copy_from_slice(&bytes);
                    bytes.len()
                }
                _ => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
            }
        });
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $reader(data));
    };
}
