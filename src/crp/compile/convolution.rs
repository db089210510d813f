//! Convolutions: forward with parts of their weights, and the way back from outputs to the inputs that they were computed from.

use super::kernel::{self, Kernel, Movement, pair, sizes};
use super::linear::Linear;
use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::Convolution;
use crate::onnx::{Emitter, Graph, NodeExt, Tensor, proto::NodeProto};

/// Up to so many input channels ConvTranspose is the faster way back at stride 1; for more it is a Conv with turned kernels.
const FEW_CHANNELS: usize = 4;

/// A two-dimensional convolution as the graph has it.
pub(super) struct ConvolutionLayer<'a> {
    input: &'a str,
    output: &'a str,
    kernel: Kernel<'a>,
    input_shape: [usize; 4],
    movement: Movement,
    group: usize,
}

impl<'a> ConvolutionLayer<'a> {
    pub fn read(graph: &Graph, node: &'a NodeProto) -> Result<Self> {
        let input = node.input_at(0).context("it has no input")?;
        let output = node.first_output();
        let weight_name = node.input_at(1).context("it has no weights")?;
        let weight = graph.constant(weight_name)?;
        let input_shape = graph.feature_map(input)?;
        let output_shape = graph.feature_map(output)?;
        ensure!(
            weight.dims.len() == 4 && !weight.dims.contains(&0),
            "its weights are {:?}, a two-dimensional convolution has [outputs, inputs, height, width]",
            weight.dims
        );
        let strides = pair(node, "strides", [1, 1])?;
        let dilations = pair(node, "dilations", [1, 1])?;
        let kernel = [weight.dims[2], weight.dims[3]];
        let extents = [0, 1].map(|axis| dilations[axis] * kernel[axis].saturating_sub(1) + 1);
        let pads = match node.string("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" => {
                let values = node.ints("pads").unwrap_or(&[0; 4]);
                sizes(values).with_context(|| format!("its pads are {values:?}"))?
            }
            "VALID" => [0; 4],
            mode => {
                let total = [0, 1].map(|axis| {
                    ((output_shape[axis + 2].saturating_sub(1)) * strides[axis] + extents[axis])
                        .saturating_sub(input_shape[axis + 2])
                });
                let small = total.map(|t| t / 2);
                let large = [total[0] - small[0], total[1] - small[1]];
                let (begin, end) = if mode == "SAME_LOWER" {
                    (large, small)
                } else {
                    (small, large)
                };
                [begin[0], begin[1], end[0], end[1]]
            }
        };
        let group = usize::try_from(node.int("group", 1)).context("its group is negative")?;
        ensure!(
            group > 0
                && weight.dims[0].is_multiple_of(group)
                && weight.dims[1] * group == input_shape[1]
                && weight.dims[0] == output_shape[1],
            "weights {:?} in {group} groups do not fit {} input and {} output channels",
            weight.dims,
            input_shape[1],
            output_shape[1]
        );
        for axis in 0..2 {
            let padded = input_shape[axis + 2] + pads[axis] + pads[axis + 2];
            ensure!(
                strides[axis] > 0
                    && padded >= extents[axis]
                    && (padded - extents[axis]) / strides[axis] + 1 == output_shape[axis + 2],
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
            movement: Movement {
                strides,
                dilations,
                pads,
            },
            group,
        })
    }

    /// Windows of ones over each channel by itself, as of a pooling from `input` to `output`.
    pub fn of_windows(
        [input, output]: [&'a str; 2],
        input_shape: [usize; 4],
        kernel: [usize; 2],
        movement: Movement,
    ) -> Self {
        let group = input_shape[1];
        Self {
            input,
            output,
            kernel: Kernel::ones(group, kernel[0], kernel[1]),
            input_shape,
            movement,
            group,
        }
    }

    /// Stride, pad before the map, and extent of its windows along rows (0) or columns (1).
    pub fn window(&self, axis: usize) -> (usize, usize, usize) {
        (
            self.movement.strides[axis],
            self.movement.pads[axis],
            self.extent(axis),
        )
    }

    fn extent(&self, axis: usize) -> usize {
        self.movement.dilations[axis] * (self.kernel.weight.dims[axis + 2] - 1) + 1
    }

    fn forward_with(
        &self,
        emitter: &mut Emitter,
        x: &str,
        weight: &str,
        bias: Option<f32>,
        group: usize,
    ) -> String {
        let outputs = self.kernel.weight.dims[0];
        let bias = bias.map(|value| kernel::bias(emitter, outputs, value));
        let inputs: Vec<&str> = [x, weight].into_iter().chain(bias.as_deref()).collect();
        self.movement
            .emit(emitter, Convolution::Conv, &inputs, group, None)
    }

    /// Kernels turned by 180°, inputs and outputs exchanged within each group.
    fn turned_weight(&self, emitter: &mut Emitter, part: WeightPart) -> String {
        emitter.constant_with(&format!("{}:{part:?}:turned", self.kernel.name), || {
            let [outputs, inputs, height, width] = self.weight_dims();
            let per_group = outputs / self.group;
            let area = height * width;
            let mut data = Vec::with_capacity(self.kernel.weight.data.len());
            for group in 0..self.group {
                for input in 0..inputs {
                    for output in 0..per_group {
                        let kernel = ((group * per_group + output) * inputs + input) * area;
                        let kernel = &self.kernel.weight.data[kernel..kernel + area];
                        data.extend(kernel.iter().rev().map(|&w| part.apply(w)));
                    }
                }
            }
            Tensor {
                dims: vec![inputs * self.group, per_group, height, width],
                data,
            }
        })
    }

    /// A convolution of s with turned kernels.
    fn turned(&self, emitter: &mut Emitter, s: &str, part: WeightPart, pads: [usize; 4]) -> String {
        let weight = self.turned_weight(emitter, part);
        let movement = Movement {
            strides: [1, 1],
            pads,
            ..self.movement
        };
        movement.emit(emitter, Convolution::Conv, &[s, &weight], self.group, None)
    }

    fn weight_dims(&self) -> [usize; 4] {
        std::array::from_fn(|axis| self.kernel.weight.dims[axis])
    }

    /// Whether it is a fully connected layer: its way back is a product with the same matrix, of which no turned copy is needed.
    fn is_dense(&self) -> bool {
        self.input_shape[2..] == [1, 1] && self.kernel.weight.dims[2..] == [1, 1]
    }

    /// The padding with which a turned convolution has the input's size; `None` where the forward padding is wider than the kernel.
    fn turned_pads(&self) -> Option<[usize; 4]> {
        let reach = [0, 1].map(|axis| self.extent(axis) - 1);
        let mut pads = [0; 4];
        for (index, pad) in pads.iter_mut().enumerate() {
            *pad = reach[index % 2].checked_sub(self.movement.pads[index])?;
        }
        Some(pads)
    }
}

impl Linear for ConvolutionLayer<'_> {
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
        let name = format!("{}:{part:?}:summed", self.kernel.name);
        let weight = emitter.constant_with(&name, || {
            let [outputs, inputs, h, w] = self.weight_dims();
            let mut data = vec![0.0; outputs * h * w];
            for (index, &value) in self.kernel.weight.data.iter().enumerate() {
                data[index / (inputs * h * w) * (h * w) + index % (h * w)] += part.apply(value);
            }
            Tensor {
                dims: vec![outputs, 1, h, w],
                data,
            }
        });
        self.forward_with(emitter, &ones, &weight, bias, 1)
    }

    fn backward(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String {
        match self.turned_pads() {
            Some(pads)
                if self.movement.strides == [1, 1]
                    && self.input_shape[1] > FEW_CHANNELS
                    && !self.is_dense() =>
            {
                self.turned(emitter, s, part, pads)
            }
            _ => {
                let weight = self.kernel.part(emitter, part);
                // What the stride left over at the lower and right edge was read by no output.
                let rest = [0, 1].map(|axis| {
                    let extent = self.extent(axis);
                    let padded = self.input_shape[axis + 2]
                        + self.movement.pads[axis]
                        + self.movement.pads[axis + 2];
                    (padded - extent) % self.movement.strides[axis]
                });
                let inputs = [s, &weight];
                let movement = &self.movement;
                movement.emit(
                    emitter,
                    Convolution::ConvTranspose,
                    &inputs,
                    self.group,
                    Some(rest),
                )
            }
        }
    }

    fn input_size(&self) -> [usize; 2] {
        [self.input_shape[2], self.input_shape[3]]
    }

    fn windows(&self) -> Option<[(usize, usize, usize); 2]> {
        Some([0, 1].map(|axis| self.window(axis)))
    }

    fn backward_in_window(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String {
        if self.movement.strides == [1, 1] && self.input_shape[1] > FEW_CHANNELS {
            let reach = [0, 1].map(|axis| self.extent(axis) - 1);
            return self.turned(emitter, s, part, [reach[0], reach[1], reach[0], reach[1]]);
        }
        let weight = self.kernel.part(emitter, part);
        let movement = Movement {
            pads: [0; 4],
            ..self.movement
        };
        let (inputs, rest) = ([s, &weight], Some([0, 0]));
        movement.emit(
            emitter,
            Convolution::ConvTranspose,
            &inputs,
            self.group,
            rest,
        )
    }

    fn in_one_channel<'b>(self: Box<Self>) -> Box<dyn Linear + 'b>
    where
        Self: 'b,
    {
        let [_, _, height, width] = self.weight_dims();
        let [batch, _, rows, cols] = self.input_shape;
        Box::new(Self {
            kernel: Kernel::ones(1, height, width),
            input_shape: [batch, 1, rows, cols],
            group: 1,
            ..*self
        })
    }
}
