//! Channels first: a network that takes `[1, H, W, C]`, as TensorFlow has it, is given a transpose at its input, and transposes that undo each other disappear.

use std::collections::HashMap;

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::error::model::ensure;
use crate::onnx::Attribute;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Convolution, Moving, Op};
use crate::onnx::proto::GraphProto;
use crate::onnx::shapes;

/// The name of the input that replaces one with the channels last.
const INPUT: &str = "ssdcrp/channels_first";

/// Fewer rows than any picture has: such a number is one of channels.
const LEAST_HEIGHT: usize = 8;

/// An input `[1, H, W, 1 or 3]` becomes a transposed one `[1, 1 or 3, H, W]`.
pub(super) fn take_pictures_channels_first(graph: &Graph) -> Result<Option<GraphProto>> {
    let [info] = graph.input_infos() else {
        return Ok(None);
    };
    let Some([1, height, width, channels @ (1 | 3)]) =
        shapes::static_shape(info).and_then(|shape| <[usize; 4]>::try_from(shape).ok())
    else {
        return Ok(None);
    };
    if height < LEAST_HEIGHT {
        return Ok(None);
    }
    for &index in graph.consumers(info.name()) {
        let node = &graph.nodes()[index];
        ensure!(
            Op::of(node) != Convolution::Conv,
            "{} reads the input '{}', which has the channels last ([1, {height}, {width}, {channels}]): convolutions read [1, channels, height, width]. \
             Put a Transpose (0, 3, 1, 2) between them, or export with channels first (tf2onnx --inputs-as-nchw)",
            node.describe(),
            info.name()
        );
    }
    let mut proto = graph.to_proto();
    let dims = [1, channels, height, width].map(|size| size as i64);
    let name = info.name().to_owned();
    let fixed = [1, height, width, channels].map(|size| size as i64);
    proto
        .value_info
        .push(shapes::value_info(&name, &fixed, None));
    proto.input = vec![shapes::value_info(INPUT, &dims, None)];
    let perm = [Attribute::Ints("perm", &[0, 2, 3, 1])];
    proto
        .node
        .insert(0, node(Moving::Transpose, &[INPUT], &name, &perm));
    Ok(Some(proto))
}

/// Two transposes in a row become one, and one that changes nothing none.
pub(super) fn join_transposes(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    // What each transpose makes of which tensor, chains taken together.
    let mut moved: HashMap<&str, (&str, Vec<i64>)> = HashMap::new();
    for (index, this) in graph.nodes().iter().enumerate() {
        let (Some(source), Some(perm), Op::Moving(Moving::Transpose)) =
            (this.input_at(0), this.ints("perm"), Op::of(this))
        else {
            continue;
        };
        let (origin, order) = match moved.get(source) {
            Some((origin, before)) => {
                let axis = |&axis: &i64| before.get(usize::try_from(axis).ok()?).copied();
                let Some(order) = perm.iter().map(axis).collect::<Option<Vec<i64>>>() else {
                    continue;
                };
                (*origin, order)
            }
            None => (source, perm.to_vec()),
        };
        let output = this.first_output();
        let is_output = graph.outputs().any(|o| o == output);
        if !is_output && order.iter().enumerate().all(|(i, &axis)| i as i64 == axis) {
            rewrite.rename(output, origin);
            rewrite.replace(index, vec![]);
        } else if origin != source {
            let attributes = [Attribute::Ints("perm", &order)];
            let mut joined = node(Moving::Transpose, &[origin], output, &attributes);
            joined.name = this.name.clone();
            rewrite.replace(index, vec![joined]);
        }
        moved.insert(output, (origin, order));
    }
    Ok(rewrite.finish())
}

#[cfg(test)]
mod tests {
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Activation, Moving};
    use crate::onnx::{Attribute, NodeExt};

    #[test]
    fn transposes_that_undo_each_other_disappear_and_others_become_one() {
        let graph = small_graph(|e| {
            let last = e.op(
                Moving::Transpose,
                &["x"],
                &[Attribute::Ints("perm", &[0, 2, 3, 1])],
            );
            let first = e.op(
                Moving::Transpose,
                &[&last],
                &[Attribute::Ints("perm", &[0, 3, 1, 2])],
            );
            let y = e.op(Activation::Relu, &[&first], &[]);
            let turned = e.op(
                Moving::Transpose,
                &[&y],
                &[Attribute::Ints("perm", &[0, 1, 3, 2])],
            );
            e.op(
                Moving::Transpose,
                &[&turned],
                &[Attribute::Ints("perm", &[0, 3, 1, 2])],
            )
        });
        // Transposes that nothing reads any more are left: what is not read is not computed.
        let relu = graph
            .nodes()
            .iter()
            .find(|n| n.op_type() == "Relu")
            .unwrap();
        assert_eq!(relu.input, ["x"]);
        let last = graph.nodes().last().unwrap();
        assert_eq!(last.input, relu.output);
        // [0, 1, 3, 2] and then [0, 3, 1, 2]: output axes are y's 0, 2, 1, 3.
        assert_eq!(last.ints("perm"), Some(&[0, 2, 1, 3][..]));
    }
}
