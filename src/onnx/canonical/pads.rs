//! Padding: what `auto_pad` and `ceil_mode` leave to be computed is written out, and a Pad with zeros becomes part of the convolutions behind it, for padding
//! is no input of theirs.

use super::rewrite::Rewrite;
use crate::error::Result;
use crate::onnx::attributes::{NodeExt, ints, set};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{COUNTED_PADS, Convolution, Moving, Op, Pooling, pads_of_all_axes};
use crate::onnx::proto::{GraphProto, NodeProto};

/// `auto_pad` and `ceil_mode` of convolutions and poolings become pads.
pub(super) fn write_out(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, node) in graph.nodes().iter().enumerate() {
        if !matches!(
            Op::of(node),
            Op::Convolution(Convolution::Conv)
                | Op::Pooling(Pooling::MaxPool | Pooling::AveragePool)
        ) {
            continue;
        }
        let mode = node.string("auto_pad").unwrap_or("NOTSET");
        let rounds_up = node.int("ceil_mode", 0) != 0;
        if mode == "NOTSET" && !rounds_up {
            continue;
        }
        let Some(pads) = explicit(graph, node, mode) else {
            continue;
        };
        let mut plain = node.clone();
        plain
            .attribute
            .retain(|a| !matches!(a.name(), "auto_pad" | "ceil_mode"));
        set(&mut plain, ints("pads", &pads));
        if Op::of(node) == Pooling::AveragePool
            && rounds_up
            && node.int("count_include_pad", 0) != 0
        {
            // What rounding up adds is never counted, whatever is said of the pads that were given.
            let given = node.ints("pads").unwrap_or(&[0; 4]).to_vec();
            set(&mut plain, ints(COUNTED_PADS, &given));
        }
        rewrite.replace(index, vec![plain]);
    }
    Ok(rewrite.finish())
}

/// The pads with which the windows reach exactly as far as the output asks for.
fn explicit(graph: &Graph, node: &NodeProto, mode: &str) -> Option<[i64; 4]> {
    let [_, _, height, width] = graph.feature_map(node.input_at(0)?).ok()?;
    let [_, _, rows, cols] = graph.feature_map(node.first_output()).ok()?;
    let kernel: Vec<i64> = match Op::of(node) {
        Op::Convolution(Convolution::Conv) => {
            let weights = graph.shape(node.input_at(1)?).ok()?;
            weights.iter().skip(2).map(|&k| k as i64).collect()
        }
        _ => node.ints("kernel_shape")?.to_vec(),
    };
    let mut pads = [0; 4];
    for (axis, (input, output)) in [(height, rows), (width, cols)].into_iter().enumerate() {
        let at = |name: &str, default: i64| {
            let values = node.ints(name);
            values.and_then(|v| v.get(axis).copied()).unwrap_or(default)
        };
        let last = kernel.get(axis)?.checked_sub(1)?;
        let extent = at("dilations", 1).checked_mul(last)?.checked_add(1)?;
        let steps = (output as i64 - 1).checked_mul(at("strides", 1))?;
        let reach = steps.checked_add(extent)?;
        let given = |side: usize| node.ints("pads").and_then(|p| p.get(side).copied());
        let total = reach.checked_sub(input as i64)?.max(0);
        let (begin, end) = match mode {
            "SAME_UPPER" => (total / 2, total - total / 2),
            "SAME_LOWER" => (total - total / 2, total / 2),
            "VALID" => (0, total),
            _ => {
                let begin = given(axis).unwrap_or(0);
                let end = reach.checked_sub(input as i64)?.checked_sub(begin)?;
                (begin, end.max(0))
            }
        };
        pads[axis] = begin;
        pads[axis + 2] = end;
    }
    Some(pads)
}

/// A Pad with zeros that only convolutions read becomes their pads.
pub(super) fn join_convolutions(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for pad in graph.nodes() {
        let Some((input, pads)) = zeros_around(graph, pad) else {
            continue;
        };
        let output = pad.first_output();
        let consumers = graph.consumers(output);
        let all_convolve = consumers.iter().all(|&index| {
            let node = &graph.nodes()[index];
            Op::of(node) == Convolution::Conv
                && node.input_at(0) == Some(output)
                && !rewrite.has_replaced(index)
        });
        if !all_convolve || consumers.is_empty() || graph.outputs().any(|o| o == output) {
            continue;
        }
        for &index in consumers {
            let mut convolution = graph.nodes()[index].clone();
            let own = convolution.ints("pads").unwrap_or(&[0; 4]).to_vec();
            let sums = own.iter().zip(pads);
            // What no kernel reaches is refused where the convolution is read.
            let sum: Vec<i64> = sums.map(|(own, pad)| own.saturating_add(pad)).collect();
            set(&mut convolution, ints("pads", &sum));
            convolution.input[0] = input.to_owned();
            rewrite.replace(index, vec![convolution]);
        }
    }
    // The Pad itself is left: nothing reads it any more.
    Ok(rewrite.finish())
}

/// The input of a Pad that puts zeros around the rows and columns of feature maps, and how many: top, left, bottom, right.
fn zeros_around<'a>(graph: &Graph, pad: &'a NodeProto) -> Option<(&'a str, [i64; 4])> {
    if Op::of(pad) != Moving::Pad || pad.string("mode").unwrap_or("constant") != "constant" {
        return None;
    }
    let input = pad.input_at(0)?;
    graph.feature_map(input).ok()?;
    if let Some(value) = pad.input_at(2) {
        let value = graph.constant(value).ok()?;
        if value.data.iter().any(|&v| v != 0.0) {
            return None;
        }
    }
    let pads = graph.constant_int64s(pad.input_at(1)?).ok()?;
    let along = match pad.input_at(3) {
        Some(axes) => Some(graph.constant_int64s(axes).ok()?),
        None => None,
    };
    match pads_of_all_axes(&pads, along.as_deref(), 4)?[..] {
        [0, 0, top, left, 0, 0, bottom, right]
            if [top, left, bottom, right]
                .iter()
                .all(|side| (0..=1 << 12).contains(side)) =>
        {
            Some((input, [top, left, bottom, right]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::attributes::{int, ints};
    use crate::onnx::emit::tests::small_graph_of;
    use crate::onnx::ops::{Convolution, Moving};
    use crate::onnx::proto::{AttributeProto, NodeProto};
    use crate::onnx::{NodeExt, Tensor};

    fn pool(attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            op_type: Some("MaxPool".to_owned()),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            attribute,
            ..Default::default()
        }
    }

    #[test]
    fn rounding_up_and_same_become_pads() {
        let kernel = || ints("kernel_shape", &[3, 3]);
        let strides = || ints("strides", &[2, 2]);
        let same = AttributeProto {
            name: Some("auto_pad".to_owned()),
            s: Some("SAME_UPPER".as_bytes().to_vec()),
            ..int("", 0)
        };
        // 4 inputs, windows of 3 with stride 2: rounded up there are two, the second of which reaches one cell too far.
        for attributes in [
            vec![kernel(), strides(), int("ceil_mode", 1)],
            vec![kernel(), strides(), same],
        ] {
            let graph = small_graph_of(|_| (vec![pool(attributes)], "y".to_owned()));
            let node = &graph.nodes()[0];
            assert_eq!(node.ints("pads"), Some(&[0, 0, 1, 1][..]));
            assert_eq!(
                (node.int("ceil_mode", 0), node.string("auto_pad")),
                (0, None)
            );
            assert_eq!(graph.shape("y").unwrap(), [1, 1, 2, 2]);
        }
    }

    #[test]
    fn zeros_before_a_convolution_are_its_pads_and_other_values_are_not() {
        for (value, pads) in [(0.0, Some(&[1, 2, 0, 1][..])), (1.0, None)] {
            let graph = small_graph_of(|e| {
                let around = e.int64s(&[0, 0, 1, 2, 0, 0, 0, 1]);
                let value = e.scalar(value);
                let padded = e.op(Moving::Pad, &["x", &around, &value], &[]);
                let weight = e.constant(
                    "w",
                    Tensor {
                        dims: vec![1, 1, 3, 3],
                        data: vec![1.0; 9],
                    },
                );
                (vec![], e.op(Convolution::Conv, &[&padded, &weight], &[]))
            });
            let convolution = graph
                .nodes()
                .iter()
                .find(|n| n.op_type() == "Conv")
                .unwrap();
            assert_eq!(convolution.ints("pads"), pads);
            assert_eq!(convolution.input[0] == "x", pads.is_some());
        }
    }
}
