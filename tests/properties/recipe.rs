//! What proptest draws and shrinks: a recipe, a few small numbers from which a network is built ([`Recipe::build`]).

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::{array, option, prop_oneof};

use crate::net::{Norm, SelfGate};
use crate::window::Window;

/// A network of one to three blocks and two heads, each a convolution: one behind the last block, one behind the block `tap`.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub channels: usize,
    pub size: [usize; 2],
    pub blocks: Vec<Block>,
    pub tap: usize,
    pub wide_heads: bool,
    /// Where weights, biases, the picture and the seeds come from.
    pub seed: u64,
}

/// A convolution, constants of its channels, an activation, and what comes behind.
#[derive(Clone, Debug)]
pub struct Block {
    pub window: Window,
    pub is_transposed: bool,
    pub channels: usize,
    pub grouping: Grouping,
    pub bias: bool,
    pub constants: Option<ConstantsKind>,
    pub activation: Activation,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Grouping {
    Whole,
    Grouped,
    Depthwise,
}

/// Constants of the channels, or one for all of them.
#[derive(Clone, Copy, Debug)]
pub struct ConstantsKind {
    pub operator: ConstantsOperator,
    pub one_for_all: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum ConstantsOperator {
    BatchNormalization,
    Mul,
    Div,
    Add,
    Sub,
}

#[derive(Clone, Debug)]
pub enum Activation {
    None,
    Relu,
    Clip(f32, f32),
    LeakyRelu,
    PRelu,
    Sigmoid,
    HardSigmoid,
    Elu,
    Softplus,
    Tanh,
    /// x·σ(x)
    Silu,
    Gate(SelfGate),
}

/// What a block does behind its convolution. Axes are 0 for channels, 1 for rows, 2 for columns.
#[derive(Clone, Debug)]
pub enum Step {
    /// A sum with a second convolution.
    Residual {
        wide: bool,
        depthwise: bool,
        activation: Activation,
        swapped: bool,
    },
    /// Beside what a second convolution makes.
    Concat {
        axis: usize,
        activation: Activation,
        swapped: bool,
    },
    /// Of two parts one goes through a convolution, then both are put together again.
    Split {
        axis: usize,
        second: bool,
        swapped: bool,
    },
    Slice {
        axis: usize,
        start: usize,
        step: usize,
    },
    Gather {
        axis: usize,
        /// Of an axis of any length.
        places: Vec<usize>,
    },
    Constants(ConstantsKind),
    Activation(Activation),
    /// Every channel times a gate that is made of the channels' averages.
    SqueezeExcite {
        is_hard: bool,
        squeezes_by_mean: bool,
        gate_first: bool,
    },
    MaxPool(Window),
    AveragePool(Window, bool),
    GlobalAveragePool(bool),
    Norm(Norm),
    /// As YOLO11 has it, or within areas as YOLO12 has it.
    Attention {
        heads: usize,
        depth: usize,
        within_areas: bool,
        from_left: bool,
        apart: bool,
    },
    Pad {
        channels: usize,
        sides: [usize; 4],
        value: f32,
    },
    Resize {
        /// Halves of the size that is there.
        halves: [usize; 2],
        /// So many rows and columns more.
        more: [usize; 2],
        is_linear: bool,
        coordinates: &'static str,
        rounding: &'static str,
    },
    Transpose,
    Shuffle,
    Reshape {
        to_one_row: bool,
        flattens: bool,
    },
}

/// Every kind of network.
pub fn recipes() -> impl Strategy<Value = Recipe> {
    (
        1usize..=3,
        array::uniform2(2usize..=8),
        vec(blocks(), 1..=3),
        0usize..3,
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(channels, size, blocks, tap, wide_heads, seed)| Recipe {
            channels,
            size,
            tap: tap.min(blocks.len() - 1),
            blocks,
            wide_heads,
            seed,
        })
}

fn windows(
    kernel: std::ops::RangeInclusive<usize>,
    pads: usize,
    dilations: usize,
) -> impl Strategy<Value = Window> {
    (
        array::uniform2(kernel),
        array::uniform2(1usize..=2),
        array::uniform2(1usize..=dilations),
        array::uniform4(0usize..=pads),
    )
        .prop_map(|(kernel, strides, dilations, pads)| Window {
            kernel,
            strides,
            dilations,
            pads,
        })
}

fn blocks() -> impl Strategy<Value = Block> {
    let grouping = prop_oneof![
        2 => Just(Grouping::Whole),
        1 => Just(Grouping::Grouped),
        1 => Just(Grouping::Depthwise),
    ];
    let is_transposed = prop_oneof![4 => Just(false), 1 => Just(true)];
    (
        windows(1..=3, 2, 2),
        is_transposed,
        1usize..=6,
        grouping,
        any::<bool>(),
        option::weighted(0.4, constants()),
        activations(),
        vec(steps(), 0..=3),
    )
        .prop_map(
            |(window, is_transposed, channels, grouping, bias, constants, activation, steps)| {
                Block {
                    window,
                    is_transposed,
                    channels,
                    grouping,
                    bias,
                    constants,
                    activation,
                    steps,
                }
            },
        )
}

fn constants() -> impl Strategy<Value = ConstantsKind> {
    let operator = prop_oneof![
        3 => Just(ConstantsOperator::BatchNormalization),
        1 => Just(ConstantsOperator::Mul),
        1 => Just(ConstantsOperator::Div),
        1 => Just(ConstantsOperator::Add),
        1 => Just(ConstantsOperator::Sub),
    ];
    (operator, any::<bool>()).prop_map(|(operator, one_for_all)| ConstantsKind {
        operator,
        one_for_all,
    })
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        2 => Just(Activation::None),
        3 => Just(Activation::Relu),
        1 => Just(Activation::Clip(0.0, 1.0)),
        1 => Just(Activation::Clip(-0.5, 0.75)),
        1 => select(vec![
            Activation::Sigmoid,
            Activation::HardSigmoid,
            Activation::Elu,
            Activation::Softplus,
            Activation::Tanh,
        ]),
        1 => Just(Activation::LeakyRelu),
        1 => Just(Activation::PRelu),
        2 => select(vec![
            Activation::Silu,
            Activation::Gate(SelfGate::HardSwish),
            Activation::Gate(SelfGate::ClippedHardSwish),
            Activation::Gate(SelfGate::Mish),
        ]),
    ]
}

#[expect(
    clippy::too_many_lines,
    reason = "a list: each family of operators with its ranges"
)]
fn steps() -> impl Strategy<Value = Step> {
    let axis = || 0usize..3;
    let residual = (any::<bool>(), any::<bool>(), activations(), any::<bool>()).prop_map(
        |(wide, depthwise, activation, swapped)| Step::Residual {
            wide,
            depthwise,
            activation,
            swapped,
        },
    );
    let concat = (axis(), activations(), any::<bool>()).prop_map(|(axis, activation, swapped)| {
        Step::Concat {
            axis,
            activation,
            swapped,
        }
    });
    let split =
        (axis(), any::<bool>(), any::<bool>()).prop_map(|(axis, second, swapped)| Step::Split {
            axis,
            second,
            swapped,
        });
    let slice = (axis(), 0usize..=1, 1usize..=2).prop_map(|(axis, start, step)| Step::Slice {
        axis,
        start,
        step,
    });
    let gather =
        (axis(), vec(0usize..12, 1..=8)).prop_map(|(axis, places)| Step::Gather { axis, places });
    let squeeze =
        array::uniform3(any::<bool>()).prop_map(|[is_hard, squeezes_by_mean, gate_first]| {
            Step::SqueezeExcite {
                is_hard,
                squeezes_by_mean,
                gate_first,
            }
        });
    let norm = select(vec![
        Norm::Lp(1),
        Norm::Lp(2),
        Norm::Quotient(0.1),
        Norm::Inverse(0.01),
    ]);
    let attention = (1usize..=2, 1usize..=3, array::uniform3(any::<bool>())).prop_map(
        |(heads, depth, [within_areas, from_left, apart])| Step::Attention {
            heads,
            depth,
            within_areas,
            from_left,
            apart,
        },
    );
    let pad = (0usize..=1, array::uniform4(0usize..=2), any::<bool>());
    let pad = pad.prop_map(|(channels, sides, is_zero)| Step::Pad {
        // Without more channels it may belong to a convolution.
        channels: if is_zero { 0 } else { channels },
        sides,
        value: if is_zero { 0.0 } else { 0.5 },
    });
    let resize = (
        array::uniform2(1usize..=4),
        array::uniform2(0usize..=1),
        any::<bool>(),
        select(vec![
            "half_pixel",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
            "half_pixel_symmetric",
        ]),
        select(vec![
            "round_prefer_floor",
            "round_prefer_ceil",
            "floor",
            "ceil",
        ]),
    )
        .prop_map(
            |(halves, more, is_linear, coordinates, rounding)| Step::Resize {
                halves,
                more,
                is_linear,
                coordinates,
                rounding,
            },
        );
    let reshape = (any::<bool>(), any::<bool>()).prop_map(|(to_one_row, flattens)| Step::Reshape {
        to_one_row,
        flattens,
    });
    Union::new_weighted(vec![
        (4, residual.boxed()),
        (2, concat.boxed()),
        (2, split.boxed()),
        (1, slice.boxed()),
        (1, gather.boxed()),
        (2, constants().prop_map(Step::Constants).boxed()),
        (1, activations().prop_map(Step::Activation).boxed()),
        (2, squeeze.boxed()),
        (3, windows(2..=3, 1, 1).prop_map(Step::MaxPool).boxed()),
        (
            2,
            (windows(2..=3, 1, 1), any::<bool>())
                .prop_map(|(window, counts)| Step::AveragePool(window, counts))
                .boxed(),
        ),
        (1, any::<bool>().prop_map(Step::GlobalAveragePool).boxed()),
        (2, norm.prop_map(Step::Norm).boxed()),
        (3, attention.boxed()),
        (2, pad.boxed()),
        (2, resize.boxed()),
        (1, Just(Step::Transpose).boxed()),
        (1, Just(Step::Shuffle).boxed()),
        (1, reshape.boxed()),
    ])
}

impl Recipe {
    /// The same with averages that count their padding.
    pub fn counting_pads(mut self) -> Self {
        for step in self.blocks.iter_mut().flat_map(|block| &mut block.steps) {
            if let Step::AveragePool(_, counts_pads) = step {
                *counts_pads = true;
            }
        }
        self
    }

    /// The same without any bias or summand.
    pub fn without_bias(mut self) -> Self {
        for block in &mut self.blocks {
            block.bias = false;
            block.constants = block.constants.map(ConstantsKind::without_summand);
            for step in &mut block.steps {
                if let Step::Constants(kind) = step {
                    *kind = kind.without_summand();
                }
            }
        }
        self
    }

    /// The same, so that no unit is without inputs: no kernel that lies in the padding alone, none of a transposed convolution that leaves cells out, no padding that is
    /// an input and can send nothing on, no residual sum of two zeros, and nothing made of a sum of nothing that is more than nothing.
    pub fn without_gaps(mut self) -> Self {
        let sums = |block: &Block| {
            let mut steps = block.steps.iter();
            steps.any(|step| matches!(step, Step::Residual { .. }))
        };
        let sums = self.blocks.iter().any(sums);
        for block in &mut self.blocks {
            block.window = block.window.without_gaps();
            if block.is_transposed {
                block.window.strides = [1, 1];
            }
            block.steps.retain(|step| !matches!(step, Step::Pad { .. }));
            block.activation.fill_gaps(sums);
            for step in &mut block.steps {
                match step {
                    Step::Activation(activation)
                    | Step::Residual { activation, .. }
                    | Step::Concat { activation, .. } => activation.fill_gaps(sums),
                    _ => {}
                }
            }
        }
        self
    }
}

impl ConstantsKind {
    fn without_summand(mut self) -> Self {
        self.operator = match self.operator {
            ConstantsOperator::Mul => ConstantsOperator::Mul,
            _ => ConstantsOperator::Div,
        };
        self
    }
}

impl Activation {
    fn fill_gaps(&mut self, sums: bool) {
        let makes_something = matches!(self, Self::Sigmoid | Self::HardSigmoid | Self::Softplus);
        let makes_zeros = matches!(self, Self::Relu | Self::Clip(0.0, _));
        if makes_something || sums && makes_zeros {
            *self = Self::None;
        }
    }
}
