//! A YOLO read as what the rest of this program knows: class scores, offsets and objectness of default boxes.
//!
//! In: a graph whose heads are one convolution each, with the channels t_x, t_y, t_w, t_h, objectness and K class scores for each of A anchors in turn (Redmon and Farhadi,
//! *YOLOv3: An Incremental Improvement*, 2018; darknet's `yolo` layer). Out: the graph with each head as three convolutions, for each of the three a tensor of all default boxes.

use super::decode::Coding;
use super::layout::HeadLayout;
use super::manifest::{ManifestField, OutputSection};
use super::output_tensors::OutputTensors;
use crate::error::Result;
use crate::error::manifest::Context;
use crate::onnx::{Graph, Parts};

const CLASSES: &str = "yolo/classes";
const OFFSETS: &str = "yolo/offsets";
const OBJECTNESS: &str = "yolo/objectness";

/// Channels of an anchor before its class scores.
pub const BEFORE_CLASSES: usize = 5;

/// What offsets do to the default box `index`; `None` where there is no such box.
pub fn coding(output: &OutputSection, layout: &HeadLayout, index: usize) -> Option<Coding> {
    let head = layout.locate(index)?.head;
    Some(Coding::Cell {
        size: layout.cell(index)?,
        scale: output.scale_x_y.get(head).copied().unwrap_or(1.0),
    })
}

/// The graph with the three outputs besides, made by convolutions `HEAD:classes`, `HEAD:offsets` and `HEAD:objectness`.
///
/// # Errors
/// A head that no convolution writes, or whose channels are no multiple of 5 + K.
pub fn with_rows(
    graph: &Graph,
    heads: &[String],
    class_count: usize,
) -> Result<(Graph, OutputTensors)> {
    let per_anchor = BEFORE_CLASSES + class_count;
    let mut parts = Parts::of(graph);
    for (tensor, what, first, columns) in [
        (CLASSES, "classes", BEFORE_CLASSES, class_count),
        (OFFSETS, "offsets", 0, 4),
        (OBJECTNESS, "objectness", 4, 1),
    ] {
        let mut maps = Vec::new();
        for (index, head) in heads.iter().enumerate() {
            let field = || ManifestField::of("output", format!("heads[{index}]"));
            field().ensure(graph.producer(head).is_some(), format_args!("the graph has no tensor '{head}'; 'ssdcrp inspect' on the bare file proposes the heads"))?;
            let [_, channels, _, _] = graph.feature_map(head).with_context(field)?;
            field().ensure(channels.is_multiple_of(per_anchor), format_args!("'{head}' has {channels} channels, which is no multiple of {per_anchor}: four offsets, objectness and a score for each of the {class_count} labels of the manifest"))?;
            let channels: Vec<usize> = (0..channels / per_anchor)
                .flat_map(|anchor| {
                    (first..first + columns).map(move |column| anchor * per_anchor + column)
                })
                .collect();
            let name = format!("{head}:{what}");
            parts.channels(head, &name, &channels).with_context(field)?;
            maps.push(name);
        }
        parts.rows(tensor, &maps, columns)?;
    }
    let outputs = OutputTensors {
        classes: CLASSES.to_owned(),
        offsets: Some(OFFSETS.to_owned()),
        objectness: Some(OBJECTNESS.to_owned()),
    };
    Ok((parts.join()?, outputs))
}
