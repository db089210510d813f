//! Transposed convolutions (ConvTranspose), whose way back is a plain one.

use super::kernel::{self, Kernel, Movement, pair, sizes};
use super::linear::Linear;
use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::Convolution;
use crate::onnx::{Emitter, Graph, NodeExt, Tensor, proto::NodeProto};

/// A two-dimensional transposed convolution as the graph has it.
pub(super) struct TransposedLayer<'a> {
    input: &'a str,
    output: &'a str,
    /// `[inputs, outputs / groups, kernel height, kernel width]`
    kernel: Kernel<'a>,
    input_shape: [usize; 4],
    outputs: usize,
    movement: Movement,
    output_padding: [usize; 2],
    group: usize,
}

impl<'a> TransposedLayer<'a> {
    pub fn read(graph: &Graph, node: &'a NodeProto) -> Result<Self> {
        let input = node.input_at(0).context("it has no input")?;
        let output = node.first_output();
        let weight_name = node.input_at(1).context("it has no weights")?;
        let weight = graph.constant(weight_name)?;
        let input_shape = graph.feature_map(input)?;
        let output_shape = graph.feature_map(output)?;
        ensure!(
            weight.dims.len() == 4 && !weight.dims.contains(&0),
            "its weights are {:?}, a two-dimensional transposed convolution has [inputs, outputs, height, width]",
            weight.dims
        );
        ensure!(
            node.string("auto_pad").is_none_or(|mode| mode == "NOTSET")
                && node.ints("output_shape").is_none(),
            "auto_pad and output_shape are not supported for ConvTranspose: export with explicit pads"
        );
        let strides = pair(node, "strides", [1, 1])?;
        let dilations = pair(node, "dilations", [1, 1])?;
        let output_padding = pair(node, "output_padding", [0, 0])?;
        let pads = sizes(node.ints("pads").unwrap_or(&[0; 4])).context("its pads")?;
        let group = usize::try_from(node.int("group", 1)).context("its group is negative")?;
        let outputs = weight.dims[1] * group;
        ensure!(
            group > 0
                && weight.dims[0] == input_shape[1]
                && weight.dims[0].is_multiple_of(group)
                && outputs == output_shape[1],
            "weights {:?} in {group} groups do not fit {} input and {} output channels",
            weight.dims,
            input_shape[1],
            output_shape[1]
        );
        for axis in 0..2 {
            let extent = dilations[axis] * (weight.dims[axis + 2] - 1) + 1;
            let whole = (input_shape[axis + 2] - 1) * strides[axis] + extent + output_padding[axis];
            ensure!(
                strides[axis] > output_padding[axis]
                    && output_shape[axis + 2] + pads[axis] + pads[axis + 2] == whole,
                "its kernel, stride and pads do not lead from {input_shape:?} to {output_shape:?}"
            );
        }
        Ok(Self {
            input,
            output,
            kernel: Kernel {
                name: weight_name.into(),
                weight,
            },
            input_shape,
            outputs,
            movement: Movement {
                strides,
                dilations,
                pads,
            },
            output_padding,
            group,
        })
    }

    fn forward_with(
        &self,
        emitter: &mut Emitter,
        x: &str,
        weight: &str,
        bias: Option<f32>,
        group: usize,
    ) -> String {
        let outputs = self.outputs;
        let bias = bias.map(|value| kernel::bias(emitter, outputs, value));
        let inputs: Vec<&str> = [x, weight].into_iter().chain(bias.as_deref()).collect();
        let rest = Some(self.output_padding);
        self.movement
            .emit(emitter, Convolution::ConvTranspose, &inputs, group, rest)
    }
}

impl Linear for TransposedLayer<'_> {
    fn input(&self) -> &str {
        self.input
    }

    fn output(&self) -> &str {
        self.output
    }

    fn forward(
        &self,
        emitter: &mut Emitter,
        x: &str,
        part: WeightPart,
        bias: Option<f32>,
    ) -> String {
        let weight = self.kernel.part(emitter, part);
        self.forward_with(emitter, x, &weight, bias, self.group)
    }

    fn forward_ones(&self, emitter: &mut Emitter, part: WeightPart, bias: Option<f32>) -> String {
        let ones = kernel::ones(emitter, self.input_shape);
        // Summed over the inputs of each group, so that one channel of ones stands for all.
        let name = format!("{}:{part:?}:summed", self.kernel.name);
        let weight = emitter.constant_with(&name, || {
            let per_input = self.kernel.weight.data.len() / self.kernel.weight.dims[0];
            let inputs_per_group = self.kernel.weight.dims[0] / self.group;
            let mut data = vec![0.0; per_input * self.group];
            for (input, kernels) in self.kernel.weight.data.chunks(per_input).enumerate() {
                let start = input / inputs_per_group * per_input;
                for (sum, &w) in data[start..start + per_input].iter_mut().zip(kernels) {
                    *sum += part.apply(w);
                }
            }
            Tensor {
                dims: vec![
                    1,
                    self.outputs,
                    self.kernel.weight.dims[2],
                    self.kernel.weight.dims[3],
                ],
                data,
            }
        });
        self.forward_with(emitter, &ones, &weight, bias, 1)
    }

    fn backward(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String {
        let weight = self.kernel.part(emitter, part);
        self.movement
            .emit(emitter, Convolution::Conv, &[s, &weight], self.group, None)
    }

    fn input_size(&self) -> [usize; 2] {
        [self.input_shape[2], self.input_shape[3]]
    }

    fn in_one_channel<'b>(self: Box<Self>) -> Box<dyn Linear + 'b>
    where
        Self: 'b,
    {
        let [_, _, height, width] = self.kernel.weight.dims[..] else {
            return self;
        };
        let [batch, _, rows, cols] = self.input_shape;
        Box::new(Self {
            kernel: Kernel::ones(1, height, width),
            input_shape: [batch, 1, rows, cols],
            outputs: 1,
            group: 1,
            ..*self
        })
    }
}
