//! Averages (AveragePool, GlobalAveragePool, ReduceMean over rows and columns) become depthwise convolutions with equal weights.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{
    Arithmetic, COUNTED_PADS, Convolution, Op, Pooling, Reduction, Reshaping, axis_of,
};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Attribute, Tensor};

/// More than the average over any map of a detector needs.
const MOST_WEIGHTS: usize = 1 << 24;

/// A window that averages.
struct Average {
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
    /// As far as this the padding counts as zeros.
    counted: [usize; 4],
}

/// Averages of feature maps. Where windows at the border average over fewer inputs, a Mul behind the convolution makes up for it.
pub(super) fn to_convolutions(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, this) in graph.nodes().iter().enumerate() {
        let average = match Op::of(this) {
            Op::Pooling(Pooling::AveragePool) => window(graph, this),
            Op::Pooling(Pooling::GlobalAveragePool) => whole(graph, this),
            Op::Reduction(Reduction::ReduceMean) if over_rows_and_columns(graph, this) => {
                whole(graph, this)
            }
            _ => None,
        };
        let nodes = average.and_then(|average| convolution(graph, &mut rewrite, this, &average));
        if let Some(nodes) = nodes {
            rewrite.replace(index, nodes);
        }
    }
    Ok(rewrite.finish())
}

fn whole(graph: &Graph, this: &NodeProto) -> Option<Average> {
    let [_, _, height, width] = graph.feature_map(this.input_at(0)?).ok()?;
    Some(Average {
        kernel: [height, width],
        strides: [1; 2],
        dilations: [1; 2],
        pads: [0; 4],
        counted: [0; 4],
    })
}

fn over_rows_and_columns(graph: &Graph, this: &NodeProto) -> bool {
    let axes = match (this.ints("axes"), this.input_at(1)) {
        (Some(axes), _) => Some(axes.to_vec()),
        (None, Some(name)) => graph.constant_int64s(name).ok(),
        (None, None) => None,
    };
    let places = axes.and_then(|axes| {
        let places = axes.into_iter().map(|axis| axis_of(axis, 4));
        places.collect::<Option<Vec<usize>>>()
    });
    places.is_some_and(|mut places| {
        places.sort_unstable();
        places == [2, 3]
    })
}

fn window(graph: &Graph, this: &NodeProto) -> Option<Average> {
    graph.feature_map(this.input_at(0)?).ok()?;
    let sizes = |name: &str, default: &[i64]| -> Option<Vec<usize>> {
        let values = this.ints(name).unwrap_or(default).iter();
        values
            .map(|&v| u16::try_from(v).ok().map(usize::from))
            .collect()
    };
    let pads: [usize; 4] = sizes("pads", &[0; 4])?.try_into().ok()?;
    let counted = match (this.int("count_include_pad", 0), this.ints(COUNTED_PADS)) {
        (0, _) => [0; 4],
        (_, Some(_)) => sizes(COUNTED_PADS, &[])?.try_into().ok()?,
        (_, None) => pads,
    };
    Some(Average {
        kernel: sizes("kernel_shape", &[])?.try_into().ok()?,
        strides: sizes("strides", &[1, 1])?.try_into().ok()?,
        dilations: sizes("dilations", &[1, 1])?.try_into().ok()?,
        pads,
        counted,
    })
}

impl Average {
    /// From the first number of a window to behind its last one.
    fn extent(&self, axis: usize) -> usize {
        self.dilations[axis] * (self.kernel[axis] - 1) + 1
    }

    /// Whether each window holds a number of a map of `size`.
    fn fits(&self, axis: usize, size: usize) -> bool {
        let pads = [self.pads[axis], self.pads[axis + 2]];
        let beyond = pads.into_iter().max();
        let extent = self.extent(axis);
        beyond < Some(extent) && extent <= size + pads[0] + pads[1]
    }

    /// How many numbers each window along an axis of `size` averages.
    fn counts(&self, axis: usize, size: usize) -> Option<Vec<usize>> {
        let [before, behind] = [self.pads[axis], self.pads[axis + 2]];
        let counted = [self.counted[axis], self.counted[axis + 2]];
        let padded = size + before + behind;
        let room = padded.checked_sub(self.extent(axis))?;
        let steps = room.checked_div(self.strides[axis])? + 1;
        let valid = before - counted[0].min(before)..before + size + counted[1];
        let count = |step: usize| {
            let taps = 0..self.kernel[axis];
            taps.filter(|tap| {
                valid.contains(&(step * self.strides[axis] + tap * self.dilations[axis]))
            })
            .count()
        };
        Some((0..steps).map(count).collect())
    }
}

fn convolution(
    graph: &Graph,
    rewrite: &mut Rewrite,
    this: &NodeProto,
    average: &Average,
) -> Option<Vec<NodeProto>> {
    let input = this.input_at(0)?;
    let [_, channels, height, width] = graph.feature_map(input).ok()?;
    let output = this.first_output();
    let kernel = average.kernel;
    let area = kernel[0].checked_mul(kernel[1]).filter(|&area| area > 0)?;
    if !average.fits(0, height)
        || !average.fits(1, width)
        || channels.checked_mul(area)? > MOST_WEIGHTS
    {
        return None;
    }
    let (by_row, by_column) = (average.counts(0, height)?, average.counts(1, width)?);
    let of = |what: &str| format!("{output}:{what}");
    let weight = Tensor {
        dims: vec![channels, 1, kernel[0], kernel[1]],
        data: vec![1.0 / area as f32; channels * area],
    };
    let weight = rewrite.constant(of("weight"), &weight);
    let keeps_rank = Op::of(this) != Reduction::ReduceMean || this.int("keepdims", 1) != 0;
    let factors: Vec<f32> = by_row
        .iter()
        .flat_map(|&r| {
            by_column
                .iter()
                .map(move |&c| area as f32 / (r * c).max(1) as f32)
        })
        .collect();
    let whole_windows = factors.iter().all(|&factor| factor == 1.0);
    let made = if keeps_rank && whole_windows {
        output.to_owned()
    } else {
        of("map")
    };
    let attributes = [
        Attribute::Ints("strides", &average.strides.map(|v| v as i64)),
        Attribute::Ints("dilations", &average.dilations.map(|v| v as i64)),
        Attribute::Ints("pads", &average.pads.map(|v| v as i64)),
        Attribute::Int("group", channels as i64),
    ];
    let mut convolution = node(Convolution::Conv, &[input, &weight], &made, &attributes);
    convolution.name = this.name.clone();
    let mut nodes = vec![convolution];
    if !whole_windows {
        let dims = vec![1, 1, by_row.len(), by_column.len()];
        let factors = rewrite.constant(
            of("fewer_inputs"),
            &Tensor {
                dims,
                data: factors,
            },
        );
        nodes.push(node(Arithmetic::Mul, &[&made, &factors], output, &[]));
    } else if !keeps_rank {
        let sizes = rewrite.int64s(of("sizes"), &[1, channels as i64]);
        nodes.push(node(Reshaping::Reshape, &[&made, &sizes], output, &[]));
    }
    Some(nodes)
}

#[cfg(test)]
mod tests {
    use crate::onnx::Attribute;
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Pooling, Reduction};

    #[test]
    fn windows_at_the_border_average_over_fewer_inputs() {
        let graph = small_graph(|e| {
            let attributes = [
                Attribute::Ints("kernel_shape", &[2, 2]),
                Attribute::Ints("pads", &[1, 0, 0, 0]),
            ];
            e.op(Pooling::AveragePool, &["x"], &attributes)
        });
        let [convolution, factor] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        assert_eq!(
            graph.constant(&convolution.input[1]).unwrap().data,
            [0.25; 4]
        );
        let factors = graph.constant(&factor.input[1]).unwrap();
        assert_eq!(factors.dims, [1, 1, 4, 3]);
        assert_eq!(factors.data[..6], [2.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn the_mean_over_rows_and_columns_is_a_kernel_as_large_as_the_map() {
        let graph = small_graph(|e| {
            let axes = [
                Attribute::Ints("axes", &[-1, 2]),
                Attribute::Int("keepdims", 0),
            ];
            e.op(Reduction::ReduceMean, &["x"], &axes)
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Conv", "Reshape"]);
        assert_eq!(
            graph.shape(&graph.nodes()[0].output[0]).unwrap(),
            [1, 1, 1, 1]
        );
    }
}
