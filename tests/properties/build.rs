//! From a recipe to a network. Every recipe is a valid one: what would not fit (a kernel larger than its map, groups that do not divide the channels) is brought to the
//! nearest thing that does, and what has nothing near is left out.

use crate::net::{self, Attention, Constants, Convolution, Net, Node, Resize, SelfGate};
use crate::random::Random;
use crate::recipe::{Activation, Block, ConstantsKind, ConstantsOperator, Grouping, Recipe, Step};
use crate::window::Window;

/// Larger maps and more channels only take time.
const MOST_CELLS: usize = 150;
const MOST_CHANNELS: usize = 12;
/// Of attention, which has a weight for every two cells.
const MOST_ATTENDED: usize = 64;

impl Recipe {
    /// The network.
    pub fn build(&self) -> Net {
        let mut random = Random::new(self.seed);
        let net = Net::new([self.channels, self.size[0], self.size[1]], &mut random);
        let mut builder = Builder { net, random };
        let mut x = Net::IMAGE;
        let mut taps = Vec::new();
        for block in &self.blocks {
            x = builder.block(block, x);
            taps.push(x);
        }
        let window = if self.wide_heads {
            Window::square(3, 1)
        } else {
            Window::square(1, 0)
        };
        let bias = self.blocks.iter().any(|block| block.bias);
        for (tap, outputs) in [(x, 4), (taps[self.tap], 3)] {
            let head = builder.convolution(tap, &window, outputs, 1, bias);
            builder.net.heads.push(head);
        }
        builder.net
    }
}

struct Builder {
    net: Net,
    random: Random,
}

impl Builder {
    /// Appends the block behind tensor `x` and returns its output.
    fn block(&mut self, block: &Block, x: usize) -> usize {
        let shape = self.net.shape(x);
        let inputs = shape[0];
        let (groups, channels) = match block.grouping {
            Grouping::Whole => (1, block.channels),
            Grouping::Grouped => {
                let groups = (2..=inputs)
                    .find(|g| inputs.is_multiple_of(*g))
                    .unwrap_or(1);
                (groups, block.channels.next_multiple_of(groups))
            }
            Grouping::Depthwise => (inputs, inputs * (1 + block.channels % 2)),
        };
        let mut y = if block.is_transposed {
            self.transposed(x, &block.window, channels, groups, block.bias)
        } else {
            let window = block.window.fitted(shape);
            self.convolution(x, &window, channels, groups, block.bias)
        };
        if let Some(kind) = block.constants {
            y = self.constants(y, kind);
        }
        y = self.activation(y, &block.activation);
        for step in &block.steps {
            y = self.step(y, step, block.bias);
        }
        y
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each family of operators")]
    fn step(&mut self, x: usize, step: &Step, bias: bool) -> usize {
        let shape @ [channels, height, width] = self.net.shape(x);
        let pointwise = Window::square(1, 0);
        match step {
            Step::Residual {
                wide,
                depthwise,
                activation,
                swapped,
            } => {
                let window = if *wide {
                    Window::square(3, 1)
                } else {
                    pointwise
                };
                let groups = if *depthwise { channels } else { 1 };
                let branch = self.convolution(x, &window, channels, groups, bias);
                let branch = self.activation(branch, activation);
                let (a, b) = if *swapped { (branch, x) } else { (x, branch) };
                self.net.push(Node::Add(a, b))
            }
            Step::Concat {
                axis,
                activation,
                swapped,
            } => {
                let is_large = if *axis == 0 {
                    2 * channels > MOST_CHANNELS
                } else {
                    2 * height * width > MOST_CELLS
                };
                if is_large {
                    return x;
                }
                let branch = self.convolution(x, &pointwise, channels, 1, bias);
                let branch = self.activation(branch, activation);
                let (a, b) = if *swapped { (branch, x) } else { (x, branch) };
                self.net.push(Node::Concat(a, b, *axis))
            }
            Step::Split {
                axis,
                second,
                swapped,
            } => {
                let size = shape[*axis];
                if size < 2 {
                    return x;
                }
                let first = 1 + self.random.below(size - 1);
                let mut parts = [false, true].map(|is_second| {
                    self.net.push(Node::Part {
                        input: x,
                        axis: *axis,
                        sizes: [first, size - first],
                        is_second,
                    })
                });
                let through = &mut parts[usize::from(*second)];
                let channels = self.net.shape(*through)[0];
                *through = self.convolution(*through, &pointwise, channels, 1, bias);
                if *swapped {
                    parts.reverse();
                }
                self.net.push(Node::Concat(parts[0], parts[1], *axis))
            }
            Step::Slice { axis, start, step } => {
                let start = (*start).min(shape[*axis] - 1);
                self.net.push(Node::Slice {
                    input: x,
                    axis: *axis,
                    start,
                    step: *step,
                    size: (shape[*axis] - start).div_ceil(*step),
                })
            }
            Step::Gather { axis, places } => {
                let places = places.iter().map(|place| place % shape[*axis]).collect();
                self.net.push(Node::Gather {
                    input: x,
                    axis: *axis,
                    places,
                })
            }
            Step::Constants(kind) => self.constants(x, *kind),
            Step::Activation(activation) => self.activation(x, activation),
            Step::SqueezeExcite {
                is_hard,
                squeezes_by_mean,
                gate_first,
            } => {
                if self.is_gate(x) {
                    return x;
                }
                let squeezed = Node::GlobalAveragePool(x, *squeezes_by_mean);
                let squeezed = self.net.push(squeezed);
                let narrow = self.convolution(squeezed, &pointwise, channels.div_ceil(2), 1, true);
                let narrow = self
                    .net
                    .push(Node::Activation(narrow, net::Activation::Relu));
                let wide = self.convolution(narrow, &pointwise, channels, 1, true);
                let gate = if *is_hard {
                    net::Activation::HardSigmoid(0.2, 0.5)
                } else {
                    net::Activation::Sigmoid
                };
                let gate = self.net.push(Node::Activation(wide, gate));
                self.net.push(Node::Gated {
                    signal: x,
                    gate,
                    gate_first: *gate_first,
                })
            }
            Step::MaxPool(window) => {
                let window = window.fitted(shape);
                self.net.push(Node::MaxPool(x, window))
            }
            Step::AveragePool(window, counts_pads) => self.net.push(Node::AveragePool {
                input: x,
                window: window.fitted(shape),
                counts_pads: *counts_pads,
            }),
            Step::GlobalAveragePool(as_mean) => self.net.push(Node::GlobalAveragePool(x, *as_mean)),
            Step::Norm(norm) => self.net.push(Node::Norm(x, *norm)),
            Step::Attention {
                heads,
                depth,
                within_areas,
                from_left,
                apart,
            } => {
                let cells = height * width;
                if cells > MOST_ATTENDED {
                    return x;
                }
                let heads = if channels.is_multiple_of(*heads) {
                    *heads
                } else {
                    1
                };
                let areas = (2..cells).find(|a| *within_areas && cells.is_multiple_of(*a));
                let attention = Attention {
                    heads,
                    depth: *depth,
                    width: channels / heads,
                    areas: areas.unwrap_or(1),
                    from_left: *from_left,
                    apart: *apart && heads == 1,
                };
                let outputs = heads * attention.channels();
                let qkv = self.convolution(x, &pointwise, outputs, 1, bias);
                self.net.push(Node::Attention(qkv, attention))
            }
            Step::Pad {
                channels: more,
                sides: [top, left, bottom, right],
                value,
            } => {
                let cells = (height + top + bottom) * (width + left + right);
                if cells > MOST_CELLS {
                    return x;
                }
                self.net.push(Node::Pad {
                    input: x,
                    before: [*more, *top, *left],
                    after: [0, *bottom, *right],
                    value: *value,
                })
            }
            Step::Resize {
                halves,
                more,
                is_linear,
                coordinates,
                rounding,
            } => {
                let size = [0, 1].map(|axis| {
                    let halved = shape[axis + 1] * halves[axis] / 2;
                    halved.max(1) + more[axis]
                });
                if size[0] * size[1] > MOST_CELLS {
                    return x;
                }
                let ratios = [0, 1].map(|axis| size[axis] as f32 / shape[axis + 1] as f32);
                let is_exact = ratios.iter().all(|ratio| (ratio * 1024.0).fract() == 0.0);
                let resize = Resize {
                    size,
                    is_linear: *is_linear,
                    coordinates,
                    // What lies on an input by the definition, ONNX Runtime may see beside it.
                    rounding: match *rounding {
                        "floor" if !is_exact => "round_prefer_floor",
                        "ceil" if !is_exact => "round_prefer_ceil",
                        other => other,
                    },
                };
                self.net.push(Node::Resize(x, resize))
            }
            Step::Transpose if height > MOST_CHANNELS => x,
            Step::Transpose => self.net.push(Node::Transpose(x)),
            Step::Shuffle => {
                let groups = (2..=channels).find(|g| channels.is_multiple_of(*g));
                match groups {
                    Some(groups) => self.net.push(Node::Shuffle(x, groups)),
                    None => x,
                }
            }
            Step::Reshape {
                to_one_row,
                flattens,
            } => {
                let sizes = if *to_one_row {
                    [channels, 1, height * width]
                } else {
                    [channels, width, height]
                };
                self.net.push(Node::Reshape(x, sizes, *flattens))
            }
        }
    }

    /// A convolution with weights that keep the size of what passes, and a bias of the same order.
    fn convolution(
        &mut self,
        input: usize,
        window: &Window,
        outputs: usize,
        groups: usize,
        bias: bool,
    ) -> usize {
        let inputs = self.net.shape(input)[0] / groups;
        let per_output = inputs * window.kernel[0] * window.kernel[1];
        let scale = (6.0 / per_output as f32).sqrt();
        let conv = Convolution {
            input,
            outputs,
            groups,
            window: window.clone(),
            weight: self.uniform(outputs * per_output, scale),
            bias: bias.then(|| self.uniform(outputs, 0.5)),
        };
        self.net.push(Node::Conv(conv))
    }

    /// A transposed one, of stride 1 where the map is large.
    fn transposed(
        &mut self,
        input: usize,
        window: &Window,
        outputs: usize,
        groups: usize,
        bias: bool,
    ) -> usize {
        let [channels, height, width] = self.net.shape(input);
        let mut window = window.cutting();
        if 4 * height * width > MOST_CELLS {
            window.strides = [1, 1];
        }
        let more = window.strides.map(|stride| self.random.below(stride));
        let area = window.kernel[0] * window.kernel[1];
        let scale = (6.0 * groups as f32 / (channels * area) as f32).sqrt();
        let conv = Convolution {
            input,
            outputs,
            groups,
            window,
            weight: self.uniform(channels * outputs / groups * area, scale),
            bias: bias.then(|| self.uniform(outputs, 0.5)),
        };
        self.net.push(Node::ConvTranspose(conv, more))
    }

    fn constants(&mut self, x: usize, kind: ConstantsKind) -> usize {
        let channels = self.net.shape(x)[0];
        let count = if kind.one_for_all { 1 } else { channels };
        let constants = match kind.operator {
            ConstantsOperator::BatchNormalization => Constants::BatchNormalization {
                scale: self.factors(channels),
                shift: self.uniform(channels, 0.5),
                mean: self.uniform(channels, 0.5),
                variance: self.factors(channels).into_iter().map(f32::abs).collect(),
            },
            ConstantsOperator::Mul => Constants::Mul(self.factors(count)),
            ConstantsOperator::Div => Constants::Div(self.factors(count)),
            ConstantsOperator::Add => Constants::Add(self.uniform(count, 0.5)),
            ConstantsOperator::Sub => Constants::Sub(self.uniform(count, 0.5)),
        };
        self.net.push(Node::ByChannel(x, constants))
    }

    fn activation(&mut self, x: usize, activation: &Activation) -> usize {
        let activation = match activation {
            Activation::None => return x,
            Activation::Silu => {
                let gate = Node::Activation(x, net::Activation::Sigmoid);
                let gate = self.net.push(gate);
                return self.net.push(Node::Gated {
                    signal: x,
                    gate,
                    gate_first: false,
                });
            }
            Activation::Gate(gate) => return self.self_gate(x, *gate),
            Activation::Relu => net::Activation::Relu,
            Activation::Clip(low, high) => net::Activation::Clip(*low, *high),
            Activation::LeakyRelu => net::Activation::LeakyRelu(0.1),
            Activation::PRelu => {
                let channels = self.net.shape(x)[0];
                net::Activation::PRelu(self.uniform(channels, 0.8))
            }
            Activation::Sigmoid => net::Activation::Sigmoid,
            Activation::HardSigmoid => net::Activation::HardSigmoid(0.3, 0.4),
            Activation::Elu => net::Activation::Elu(0.7),
            Activation::Softplus => net::Activation::Softplus,
            Activation::Tanh => net::Activation::Tanh,
        };
        self.net.push(Node::Activation(x, activation))
    }

    fn self_gate(&mut self, x: usize, gate: SelfGate) -> usize {
        self.net.push(Node::SelfGated(x, gate))
    }

    /// Whether a product with a gate would be one of two gates.
    fn is_gate(&self, tensor: usize) -> bool {
        match self.net.producer(tensor) {
            Some(Node::Activation(_, activation)) => matches!(
                activation,
                net::Activation::Sigmoid | net::Activation::HardSigmoid(..)
            ),
            Some(
                Node::ByChannel(x, _)
                | Node::Transpose(x)
                | Node::Reshape(x, ..)
                | Node::Shuffle(x, _),
            ) => self.is_gate(*x),
            _ => false,
        }
    }

    fn uniform(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| scale * self.random.uniform()).collect()
    }

    /// Of either sign, none near 0.
    fn factors(&mut self, count: usize) -> Vec<f32> {
        let factor = |random: &mut Random| {
            let factor = random.uniform();
            factor + 0.5f32.copysign(factor)
        };
        (0..count).map(|_| factor(&mut self.random)).collect()
    }
}
