//! Tells models apart: a model in, a hash of the network and of how its manifest reads it out. Files of unfinished runs name it.

use anyhow::Result;
use ssdcrp::detect::Model;
use ssdcrp::fingerprint::hash;

/// A hash of the network and of all that its manifest says of inputs and outputs; texts that are only shown do not count.
pub fn model_hash(model: &Model) -> Result<String> {
    let manifest = &model.manifest;
    let outputs = [Some(&model.outputs.classes), model.outputs.offsets.as_ref()];
    let outputs: Vec<&str> = outputs.into_iter().flatten().map(String::as_str).collect();
    let network = model.graph.to_model(&outputs)?;
    let read = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
        manifest.kind,
        manifest.input,
        manifest.output,
        manifest.labels,
        manifest.default_boxes,
        manifest.detection,
        manifest.layer_types
    );
    Ok(hash(network.into_iter().chain(read.into_bytes())))
}
