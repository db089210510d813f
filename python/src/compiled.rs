//! The network that computes relevance: a model and a composite in, an ONNX file of standard operators and the shapes of its tensors out.

use std::path::Path;
use std::sync::Arc;

use ssdcrp::crp::seed_name;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Model, atomic_file};

use super::failure::PythonFailure;
use super::inspection::propagator;

/// Inputs by name with their shapes, where the number of targets is none, and the output's.
pub type CompiledTuple = (Vec<(String, [Option<usize>; 4])>, [Option<usize>; 4]);

/// Writes the network that computes relevance, whole or not at all.
pub fn compile(
    model: &Arc<Model>,
    path: &Path,
    composite: Option<&str>,
    session: SessionOptions,
) -> Result<CompiledTuple, PythonFailure> {
    let network = propagator(model, composite, session)?.compile()?.model;
    atomic_file::replace(path, "ssdcrp", &network).map_err(|error| {
        let what = format!("cannot write {}", path.display());
        PythonFailure::File(what, error)
    })?;
    let (height, width) = (model.input_size.height, model.input_size.width);
    let [height, width] = [height, width].map(|side| Some(side as usize));
    let mut inputs = vec![(model.input_name.clone(), [Some(1), Some(3), height, width])];
    for tensor in model.heads.iter().flat_map(|head| head.tensors()) {
        let [_, channels, rows, columns] = model.graph.feature_map(tensor)?;
        let shape = [None, Some(channels), Some(rows), Some(columns)];
        inputs.push((seed_name(tensor), shape));
    }
    Ok((inputs, [None, Some(3), height, width]))
}
