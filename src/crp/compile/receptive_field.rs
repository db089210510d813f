//! Where the cells of a feature map look: the centre of each one's receptive field in the picture.
//!
//! In: a graph and one of its feature maps. Out: for rows and columns the pixel that the first cell is centred on, and how far the centres are apart. Dumoulin and Visin,
//! *A guide to convolution arithmetic for deep learning*, 2016, have the arithmetic.

use std::collections::HashMap;

use super::convolution::ConvolutionLayer;
use super::max_pool::Window;
use crate::crp::flow;
use crate::error::Result;
use crate::onnx::ops::{
    Arithmetic, Convolution, Moving, Normalisation, Op, Passing, Pooling, axis_of, pads_of_all_axes,
};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// The centres of a map's cells along one axis, in pixels; that of the first pixel lies at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Centres {
    pub first: f64,
    pub step: f64,
}

impl Centres {
    /// Of cells that lie evenly over `pixels`.
    fn even(cells: usize, pixels: usize) -> Self {
        let step = pixels as f64 / cells as f64;
        Self {
            first: (step - 1.0) / 2.0,
            step,
        }
    }

    /// Behind windows of this extent and stride that begin so far before the map.
    fn windows(self, stride: usize, pad: usize, extent: usize) -> Self {
        let middle = (extent as f64 - 1.0) / 2.0 - pad as f64;
        Self {
            first: self.first + self.step * middle,
            step: self.step * stride as f64,
        }
    }
}

/// Rows, then columns of the cells of `tensor`. Behind what is no window, a sum, or a function of one number, and behind ways of different strides, cells are taken to lie evenly over the picture.
///
/// # Errors
/// A map of unknown size on the way.
pub(super) fn centres(graph: &Graph, tensor: &str) -> Result<[Centres; 2]> {
    let (image, [_, _, height, width]) = graph.image_input()?;
    let pixel = Centres {
        first: 0.0,
        step: 1.0,
    };
    let mut known = HashMap::from([(image, [pixel; 2])]);
    for index in flow::passed(graph, [tensor]) {
        let node = &graph.nodes()[index];
        let output = node.first_output();
        let found = match behind(graph, node, &known)? {
            Some(found) => found,
            None => {
                // What is no map, a fully connected layer say, has no cells that could be laid anywhere.
                let Ok([_, _, rows, cols]) = graph.feature_map(output) else {
                    continue;
                };
                [Centres::even(rows, height), Centres::even(cols, width)]
            }
        };
        known.insert(output, found);
    }
    match known.get(tensor) {
        Some(&found) => Ok(found),
        None => {
            let [_, _, rows, cols] = graph.feature_map(tensor)?;
            Ok([Centres::even(rows, height), Centres::even(cols, width)])
        }
    }
}

/// The centres of a node's output; `None` where they do not follow from those of its inputs.
fn behind(
    graph: &Graph,
    node: &NodeProto,
    known: &HashMap<&str, [Centres; 2]>,
) -> Result<Option<[Centres; 2]>> {
    let Ok(explained) = flow::explained(graph, node) else {
        return Ok(None);
    };
    let inputs = explained.iter().map(|input| known.get(input).copied());
    let Some(inputs) = inputs.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let Some(&first) = inputs.first() else {
        return Ok(None);
    };
    Ok(match Op::of(node) {
        Op::Convolution(Convolution::Conv) => {
            let layer = ConvolutionLayer::read(graph, node)?;
            Some([0, 1].map(|axis| {
                let (stride, pad, extent) = layer.window(axis);
                first[axis].windows(stride, pad, extent)
            }))
        }
        Op::Pooling(Pooling::MaxPool) => {
            let window = Window::read(node)?;
            Some([0, 1].map(|axis| {
                let (stride, pad) = (window.strides[axis], window.pads[axis]);
                first[axis].windows(stride, pad, window.kernel[axis])
            }))
        }
        Op::Activation(_)
        | Op::Normalisation(
            Normalisation::LpNormalization | Normalisation::LRN | Normalisation::BatchNormalization,
        )
        | Op::Passing(Passing::Identity | Passing::Dropout | Passing::Cast)
        | Op::Arithmetic(Arithmetic::Mul | Arithmetic::Div) => Some(first),
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum) => mean(&inputs),
        Op::Moving(Moving::Concat) if axis_of(node.int("axis", 0), 4) == Some(1) => mean(&inputs),
        Op::Moving(Moving::Pad) => padded(graph, node, first),
        _ => None,
    })
}

/// Of several ways, all of one stride.
fn mean(ways: &[[Centres; 2]]) -> Option<[Centres; 2]> {
    let of = |axis: usize| {
        let step = ways[0][axis].step;
        let sum: f64 = ways.iter().map(|way| way[axis].first).sum();
        let first = sum / ways.len() as f64;
        let alike = ways.iter().all(|way| way[axis].step == step);
        alike.then_some(Centres { first, step })
    };
    Some([of(0)?, of(1)?])
}

fn padded(graph: &Graph, node: &NodeProto, before: [Centres; 2]) -> Option<[Centres; 2]> {
    let pads = graph.constant_int64s(node.input_at(1)?).ok()?;
    let along = match node.input_at(3) {
        Some(axes) => Some(graph.constant_int64s(axes).ok()?),
        None => None,
    };
    let pads = pads_of_all_axes(&pads, along.as_deref(), 4)?;
    Some([0, 1].map(|axis| Centres {
        first: before[axis].first - before[axis].step * pads[axis + 2] as f64,
        ..before[axis]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Attribute, Tensor, small_graph};

    #[test]
    fn strides_and_pads_move_the_centres() {
        let graph = small_graph(|e| {
            let weight = e.constant(
                "w",
                Tensor {
                    dims: vec![1, 1, 3, 3],
                    data: vec![1.0; 9],
                },
            );
            let strided = [
                Attribute::Ints("strides", &[2, 2]),
                Attribute::Ints("pads", &[0, 1, 1, 1]),
            ];
            let half = e.op(Convolution::Conv, &["x", &weight], &strided);
            let same = [Attribute::Ints("pads", &[1, 1, 1, 1])];
            e.op(Convolution::Conv, &[&half, &weight], &same)
        });
        let output = graph.outputs().next().unwrap();
        let [rows, cols] = centres(&graph, output).unwrap();
        assert_eq!(
            rows,
            Centres {
                first: 1.0,
                step: 2.0
            }
        );
        assert_eq!(
            cols,
            Centres {
                first: 0.0,
                step: 2.0
            }
        );
    }
}
