//! Split becomes one Slice a part, so that every operator on relevance's way has a single output.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Moving, Op, axis_of};
use crate::onnx::proto::GraphProto;

/// Split with parts of known size.
pub(super) fn split_into_slices(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, split) in graph.nodes().iter().enumerate() {
        let Some(input) = split.input_at(0).filter(|_| Op::of(split) == Moving::Split) else {
            continue;
        };
        let Ok(rank) = graph.shape(input).map(<[usize]>::len) else {
            continue;
        };
        let Some(axis) = axis_of(split.int("axis", 0), rank) else {
            continue;
        };
        let size = |output| Some(*graph.shape(output).ok()?.get(axis)?);
        let sizes: Option<Vec<usize>> = split.output.iter().map(|o| size(o)).collect();
        let Some(sizes) = sizes else {
            continue;
        };
        let mut start = 0;
        let mut slices = Vec::new();
        for (output, size) in split.output.iter().zip(sizes) {
            let end = start + size;
            let of = |what: &str| format!("{output}:{what}");
            let operands = [("start", start), ("end", end), ("axis", axis)]
                .map(|(what, value)| rewrite.int64s(of(what), &[value as i64]));
            let [starts, ends, axes] = &operands;
            slices.push(node(
                Moving::Slice,
                &[input, starts, ends, axes],
                output,
                &[],
            ));
            start = end;
        }
        rewrite.replace(index, slices);
    }
    Ok(rewrite.finish())
}

#[cfg(test)]
mod tests {
    use crate::onnx::Attribute;
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Activation, Moving};
    use crate::onnx::proto::NodeProto;

    #[test]
    fn parts_of_unequal_size_become_slices() {
        let graph = small_graph(|e| {
            let sizes = e.int64s(&[3, 1]);
            let first = e.op(Moving::Split, &["x", &sizes], &[Attribute::Int("axis", -1)]);
            e.op(Activation::Relu, &[&first], &[])
        });
        // The emitter's Split has one output, which its sizes contradict: it stays as it is.
        assert_eq!(graph.nodes()[0].op_type(), "Split");
        let graph = crate::onnx::emit::tests::small_graph_of(|e| {
            let sizes = e.int64s(&[3, 1]);
            let split = NodeProto {
                op_type: Some("Split".to_owned()),
                input: vec!["x".to_owned(), sizes],
                output: vec!["a".to_owned(), "b".to_owned()],
                attribute: vec![crate::onnx::attributes::int("axis", -1)],
                ..Default::default()
            };
            (vec![split], "b".to_owned())
        });
        let slices = graph.nodes();
        assert_eq!(slices.len(), 2);
        let list =
            |node: &NodeProto, index: usize| graph.constant_int64s(&node.input[index]).unwrap();
        assert_eq!([list(&slices[0], 1), list(&slices[0], 2)], [[0], [3]]);
        assert_eq!([list(&slices[1], 1), list(&slices[1], 2)], [[3], [4]]);
        assert_eq!(list(&slices[1], 3), [3]);
        assert_eq!(graph.shape("b").unwrap(), [1, 1, 4, 1]);
    }
}
