//! Gather with constant places: where a Slice says the same it becomes one, and places in rows and columns become a list of them and a Reshape. What is left picks
//! numbers along one axis in an order of its own, as a shuffle of channels does.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::Attribute;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Moving, Op, Reshaping, axis_of, places};
use crate::onnx::proto::{GraphProto, NodeProto};

/// Every Gather of known shapes that reads what something computes.
pub(super) fn settle(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, gather) in graph.nodes().iter().enumerate() {
        if Op::of(gather) == Moving::Gather
            && let Some(nodes) = settled(graph, &mut rewrite, gather)
        {
            rewrite.replace(index, nodes);
        }
    }
    Ok(rewrite.finish())
}

fn settled(graph: &Graph, rewrite: &mut Rewrite, gather: &NodeProto) -> Option<Vec<NodeProto>> {
    let (input, list) = (gather.input_at(0)?, gather.input_at(1)?);
    let (output, shape) = (gather.first_output(), graph.shape(input).ok()?);
    if graph.is_constant(input) {
        return None;
    }
    let axis = axis_of(gather.int("axis", 0), shape.len())?;
    let listed = graph.constant_int64s(list).ok()?;
    let found = places(&listed, shape[axis])?;
    let is_list = graph.shape(list).ok()?.len() == 1;
    let flat = if is_list {
        output.to_owned()
    } else {
        format!("{output}:list")
    };
    let picked = match step(&found) {
        Some(step) => {
            let end = found.last()? + 1;
            let of = |what: &str| format!("{output}:{what}");
            let bounds = [
                ("start", found[0]),
                ("end", end),
                ("axis", axis),
                ("step", step),
            ];
            let bounds = bounds.map(|(what, value)| rewrite.int64s(of(what), &[value as i64]));
            let [starts, ends, axes, steps] = &bounds;
            node(
                Moving::Slice,
                &[input, starts, ends, axes, steps],
                &flat,
                &[],
            )
        }
        None if is_list => return None,
        None => {
            let list = rewrite.int64s(format!("{output}:places"), &listed);
            let axis = [Attribute::Int("axis", axis as i64)];
            node(Moving::Gather, &[input, &list], &flat, &axis)
        }
    };
    let mut nodes = vec![picked];
    if !is_list {
        let sizes = graph.shape(output).ok()?.iter().map(|&size| size as i64);
        let sizes = rewrite.int64s(format!("{output}:sizes"), &sizes.collect::<Vec<_>>());
        nodes.push(node(Reshaping::Reshape, &[&flat, &sizes], output, &[]));
    }
    Some(nodes)
}

/// How far the places are apart, where each comes so far behind the one before.
fn step(places: &[usize]) -> Option<usize> {
    let step = match places {
        [] => return None,
        [_] => 1,
        [first, second, ..] => second.checked_sub(*first).filter(|&step| step > 0)?,
    };
    let mut pairs = places.windows(2);
    pairs.all(|pair| pair[1] == pair[0] + step).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::node;
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Activation, Moving};
    use crate::onnx::{Attribute, Graph, NodeExt, tensor};

    /// The picture [1, 1, 4, 4] picked from along an axis.
    fn picked(places: &[i64], axis: i64) -> Graph {
        small_graph(|e| {
            let list = e.int64s(places);
            let axis = [Attribute::Int("axis", axis)];
            e.op(Moving::Gather, &["x", &list], &axis)
        })
    }

    fn operators(graph: &Graph) -> Vec<&str> {
        graph.nodes().iter().map(|node| node.op_type()).collect()
    }

    #[test]
    fn even_places_are_a_slice_and_others_stay() {
        for (places, bounds) in [
            (&[1, 2][..], [1, 3, 2, 1]),
            (&[3], [3, 4, 2, 1]),
            (&[-4, -2], [0, 3, 2, 2]),
        ] {
            let graph = picked(places, 2);
            assert_eq!(operators(&graph), ["Slice"], "{places:?}");
            let slice = &graph.nodes()[0];
            let found = [1, 2, 3, 4].map(|index| {
                let name = slice.input_at(index).unwrap();
                graph.constant_int64s(name).unwrap()[0]
            });
            assert_eq!(found, bounds, "{places:?}");
        }
        for places in [&[0, 2, 1, 3][..], &[3, 2, 1, 0], &[1, 1], &[0, 4]] {
            assert_eq!(operators(&picked(places, -1)), ["Gather"], "{places:?}");
        }
    }

    #[test]
    fn a_single_place_takes_its_axis_away() {
        let graph = small_graph(|e| e.op(Activation::Relu, &["x"], &[]));
        let relu = graph.outputs().next().unwrap().to_owned();
        let mut proto = graph.to_proto();
        // No list of one: a place without an axis.
        let mut place = tensor::int64s_to_proto(&[2], "place");
        place.dims.clear();
        proto.initializer.push(place);
        let axis = [Attribute::Int("axis", 2)];
        let gather = node(Moving::Gather, &[&relu, "place"], "picked", &axis);
        proto.node.push(gather);
        let opset = graph.opset_import().to_vec();
        let graph = crate::onnx::canonical::canonicalise(proto, opset).unwrap();
        assert_eq!(operators(&graph), ["Relu", "Slice", "Reshape"]);
        assert_eq!(graph.shape("picked").unwrap(), [1, 1, 4]);
    }
}
