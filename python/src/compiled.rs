//! The network that computes relevance: a model and a composite in, an ONNX file of standard operators and the shapes of its tensors out.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ssdcrp::crp::seed_name;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Model, atomic_file};

use super::failure::PythonFailure;
use super::inspection::propagator;

/// Inputs by name with their shapes, where the number of targets is none, and the output's.
pub type CompiledTuple = (Vec<(String, [Option<usize>; 4])>, [Option<usize>; 4]);

/// Writes the network that computes relevance, whole or not at all. `file` is that of the model, which it must not replace.
pub fn compile(
    model: &Arc<Model>,
    file: Option<&Path>,
    path: &Path,
    composite: Option<&str>,
    session: SessionOptions,
) -> Result<CompiledTuple, PythonFailure> {
    if let Some(file) = file {
        check_kept(file, path)?;
    }
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

/// Fails where writing to `path` would replace one of the files of a model.
fn check_kept(file: &Path, path: &Path) -> Result<(), PythonFailure> {
    // What is not there yet is read by nobody.
    let Ok(written) = fs::canonicalize(path) else {
        return Ok(());
    };
    let mut files = Model::files(file).into_iter();
    let replaced = files.find(|(_, own)| fs::canonicalize(own).is_ok_and(|own| own == written));
    match replaced {
        Some((what, _)) => Err(PythonFailure::Question(format!(
            "cannot write {}: that is the {what} itself, name another file",
            path.display()
        ))),
        None => Ok(()),
    }
}
