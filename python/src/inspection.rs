//! How a model is understood, the network that computes relevance as a file, and a manifest for a file that has none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use ssdcrp::crp::{Propagator, seed_name};
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::detect::propose;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Composite, Error, Model, Result, atomic_file, onnx};

use super::failure::{PythonFailure, free};

/// A head: rows, columns, default boxes a cell, and the tensors of class scores, offsets and objectness.
type HeadTuple = (usize, usize, usize, String, Option<String>, Option<String>);
/// A layer: its output tensor, type, rule, channels, rows and columns, and multiply-adds.
type LayerTuple = (String, String, String, (usize, usize, usize), u64);
/// Kind, composite, heads, layers.
pub type InspectionTuple = (&'static str, String, Vec<HeadTuple>, Vec<LayerTuple>);
/// Inputs by name with their shapes, where the number of targets is none, and the output's.
pub type CompiledTuple = (Vec<(String, [Option<usize>; 4])>, [Option<usize>; 4]);

fn propagator(
    model: &Arc<Model>,
    composite: Option<&str>,
    session: SessionOptions,
) -> Result<Propagator> {
    let named: Option<Composite> = composite.map(str::parse).transpose()?;
    let composite = named.map_or_else(|| Composite::of(model), Ok)?;
    Propagator::new(model.clone(), composite, session)
}

/// How a model is understood under a composite, or its own.
pub fn inspect(
    model: &Arc<Model>,
    composite: Option<&str>,
    session: SessionOptions,
) -> std::result::Result<InspectionTuple, PythonFailure> {
    let propagator = propagator(model, composite, session)?;
    let kind = match model.manifest.kind {
        DetectorKind::Ssd => "ssd",
        DetectorKind::Classifier => "classifier",
        DetectorKind::Yolo => "yolo",
        DetectorKind::AnchorFree => "anchor-free",
    };
    let heads = model.heads.iter().zip(&model.layout.heads);
    let heads = heads.map(|(head, grid)| {
        (
            grid.rows,
            grid.cols,
            grid.shapes,
            head.class_tensor.clone(),
            head.offset_tensor.clone(),
            head.objectness_tensor.clone(),
        )
    });
    let layers = propagator.layers()?.into_iter().map(|layer| {
        let [_, channels, rows, columns] = layer.shape;
        let rule = propagator.composite().rule_in_words(&layer);
        let kind = layer.layer_type.to_string();
        (
            layer.tensor,
            kind,
            rule,
            (channels, rows, columns),
            layer.macs,
        )
    });
    Ok((
        kind,
        propagator.composite().to_string(),
        heads.collect(),
        layers.collect(),
    ))
}

/// Writes the network that computes relevance, whole or not at all.
pub fn compile(
    model: &Arc<Model>,
    path: &Path,
    composite: Option<&str>,
    session: SessionOptions,
) -> std::result::Result<CompiledTuple, PythonFailure> {
    let network = propagator(model, composite, session)?.compile()?.model;
    atomic_file::write(path, "ssdcrp", &network).map_err(|error| unwritten(path, &error))?;
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

/// The system's error, with the file's name.
fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    let words = format!("cannot write {}: {error}", path.display());
    std::io::Error::new(error.kind(), words).into()
}

/// The text of a manifest for an ONNX file that has none; `size` is the width and height of its picture where the file does not say them.
#[pyfunction]
pub fn propose_manifest(
    py: Python<'_>,
    path: PathBuf,
    size: Option<(usize, usize)>,
) -> PyResult<String> {
    free(py, || {
        let graph = onnx::read(&path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let size = size.map(|(width, height)| [width, height]);
        Ok(propose::propose(&graph, &name, size)?)
    })
}
