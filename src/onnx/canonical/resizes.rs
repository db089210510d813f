//! Resizing by scales whose product with a size is a whole number but for rounding: 10 · 1.3 is 13 in float32, in which ONNX Runtime resizes, and 12.9999995 in float64, in
//! which its inference of shapes rounds it down. Such a Resize is given the sizes themselves, whose quotients are those scales.

use super::rewrite::Rewrite;
use crate::error::Result;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Op, Resizing, axis_of};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::upgrade;

/// Writes sizes in the place of scales that are rounded in two ways.
pub(super) fn write_sizes(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, this) in graph.nodes().iter().enumerate() {
        if Op::of(this) != Resizing::Resize || upgrade::is_marked(this) {
            continue;
        }
        let Some(sizes) = sizes(graph, this) else {
            continue;
        };
        let sizes = rewrite.int64s(format!("{}:sizes", this.first_output()), &sizes);
        let mut resize = this.clone();
        resize.input.truncate(2);
        resize.input.resize(3, String::new());
        resize.input.push(sizes);
        rewrite.replace(index, vec![resize]);
    }
    Ok(rewrite.finish())
}

/// The sizes of the axes that a Resize changes, where float32 and float64 tell them differently.
fn sizes(graph: &Graph, this: &NodeProto) -> Option<Vec<i64>> {
    let scales = graph.constant(this.input_at(2)?).ok()?.data;
    let input = graph.shape(this.input_at(0)?).ok()?;
    let output = graph.shape(this.first_output()).ok()?;
    let axes: Vec<usize> = match this.ints("axes") {
        Some(axes) => (axes.iter())
            .map(|&axis| axis_of(axis, input.len()))
            .collect::<Option<_>>()?,
        None => (0..input.len()).collect(),
    };
    if axes.len() != scales.len() || output.len() != input.len() {
        return None;
    }
    let differs = axes.iter().zip(&scales).any(|(&axis, &scale)| {
        let single = (input[axis] as f32 * scale).floor();
        let double = (input[axis] as f64 * f64::from(scale)).floor();
        f64::from(single) != double
    });
    differs.then(|| axes.iter().map(|&axis| output[axis] as i64).collect())
}

#[cfg(test)]
mod tests {
    use crate::onnx::emit::tests::small_graph_of;
    use crate::onnx::ops::{Activation, Moving, Resizing};
    use crate::onnx::{Attribute, Graph, NodeExt, Tensor};

    /// A map of twelve columns, resized.
    fn resized(scale: f32) -> Graph {
        small_graph_of(|e| {
            let scales = Tensor {
                dims: vec![4],
                data: vec![1.0, 1.0, 2.0, scale],
            };
            let scales = e.constant("scales", scales);
            let axis = [Attribute::Int("axis", 3)];
            let wide = e.op(Moving::Concat, &["x", "x", "x"], &axis);
            let y = e.op(Resizing::Resize, &[&wide, "", &scales], &[]);
            (vec![], e.op(Activation::Relu, &[&y], &[]))
        })
    }

    #[test]
    fn a_scale_that_rounds_in_two_ways_becomes_a_size() {
        let scale = 14.0 / 12.0;
        assert!(12.0 * scale == 14.0 && 12.0 * f64::from(scale) < 14.0);
        for (scale, has_sizes, width) in [(scale, true, 14), (1.25, false, 15), (1.3, false, 15)] {
            let graph = resized(scale);
            let resize = &graph.nodes()[1];
            assert_eq!(resize.op_type(), "Resize");
            assert_eq!(resize.input_at(2).is_none(), has_sizes, "{scale}");
            let shape = graph.shape(resize.first_output()).unwrap();
            assert_eq!(shape, [1, 1, 8, width], "{scale}");
            if let Some(sizes) = resize.input_at(3) {
                assert_eq!(graph.constant_int64s(sizes).unwrap(), [1, 1, 8, 14]);
            }
        }
    }
}
