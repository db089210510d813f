//! How a model is understood: a model and a composite in; its heads, and the type, rule and cost of each layer out.

use std::sync::Arc;

use ssdcrp::crp::Propagator;
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Composite, Model, Result};

use super::failure::PythonFailure;

/// A head: rows, columns, default boxes a cell, and the tensors of class scores, offsets and objectness.
type HeadTuple = (usize, usize, usize, String, Option<String>, Option<String>);
/// A layer: its output tensor, type, rule, channels, rows and columns, and multiply-adds.
type LayerTuple = (String, String, String, (usize, usize, usize), u64);
/// Kind, composite, heads, layers.
pub type InspectionTuple = (&'static str, String, Vec<HeadTuple>, Vec<LayerTuple>);

/// What propagates relevance under a composite, or under the model's own.
pub fn propagator(
    model: &Arc<Model>,
    composite: Option<&str>,
    session: SessionOptions,
) -> Result<Propagator> {
    let named: Option<Composite> = composite.map(str::parse).transpose()?;
    let composite = named.map_or_else(|| Composite::of(model), Ok)?;
    Propagator::new(model.clone(), composite, session)
}

/// How a model is understood under a composite, or under its own.
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
