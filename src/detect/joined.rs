//! Heads of one convolution each, of a detector without anchors, taken apart: each part of a head's channels becomes a convolution of its own, so that the rest of this
//! program knows which layer scores and which one places.

use super::manifest::{HeadPart, ManifestField, OutputSection};
use crate::error::Result;
use crate::error::manifest::Context;
use crate::onnx::{Graph, Parts};

/// The graph with the convolutions `HEAD:classes`, `HEAD:distances` and so on besides; as it is where the manifest names no such heads.
///
/// # Errors
/// A head that no convolution writes, or that has another number of channels than its parts have together.
pub fn take_apart(graph: Graph, output: &OutputSection, class_count: usize) -> Result<Graph> {
    if output.channels.is_empty() {
        return Ok(graph);
    }
    let columns = |part: HeadPart| match part {
        HeadPart::Classes => class_count,
        HeadPart::Offsets => 4,
        HeadPart::Distances => output.box_columns(),
        HeadPart::Objectness => 1,
    };
    let total: usize = output.channels.iter().map(|&part| columns(part)).sum();
    let mut parts = Parts::of(&graph);
    for (index, head) in output.heads.names().iter().enumerate() {
        let field = || ManifestField::of("output", format!("heads[{index}]"));
        field().ensure(
            graph.producer(head).is_some(),
            format_args!("the graph has no tensor '{head}'; 'ssdcrp inspect' on the bare file proposes the heads"),
        )?;
        let [_, channels, _, _] = graph.feature_map(head).with_context(field)?;
        let each = |&part: &HeadPart| format!("{} {part}", columns(part));
        let each: Vec<String> = output.channels.iter().map(each).collect();
        field().ensure(
            channels == total,
            format_args!(
                "'{head}' has {channels} channels, expected are {total}: {}. Labels, bins and channels of the manifest say how many",
                each.join(", ")
            ),
        )?;
        let mut first = 0;
        for &part in &output.channels {
            let of_part: Vec<usize> = (first..first + columns(part)).collect();
            parts
                .channels(head, &part.of(head), &of_part)
                .with_context(field)?;
            first += columns(part);
        }
    }
    parts.join()
}
