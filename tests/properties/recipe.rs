//! What proptest draws and shrinks: a recipe, a few small numbers from which a network is built.
//!
//! In: nothing. Out: [`recipes`], and [`Recipe::build`], which turns one into a [`Net`]. Every recipe is a valid network: what would not fit (a kernel larger than its
//! map, groups that do not divide the channels) is brought to the nearest thing that does.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{array, option, prop_oneof};

use crate::net::{Convolution, Net, Node, Window};
use crate::random::Random;

/// A network of one to three blocks and two heads, each a convolution: one behind the last block, one behind the block `tap`.
#[derive(Clone, Debug)]
pub struct Recipe {
    channels: usize,
    size: [usize; 2],
    blocks: Vec<Block>,
    tap: usize,
    wide_heads: bool,
    /// Where weights, biases, the picture and the seeds come from.
    pub seed: u64,
}

/// A convolution, an activation, a residual sum around a second convolution, a pooling.
#[derive(Clone, Debug)]
struct Block {
    window: Window,
    channels: usize,
    grouping: Grouping,
    bias: bool,
    activation: Activation,
    residual: Option<Residual>,
    pool: Option<Window>,
}

#[derive(Clone, Debug)]
enum Grouping {
    Whole,
    Grouped,
    Depthwise,
}

#[derive(Clone, Debug)]
enum Activation {
    None,
    Relu,
    Clip(f32, f32),
}

#[derive(Clone, Debug)]
struct Residual {
    wide: bool,
    depthwise: bool,
    activation: Activation,
    swapped: bool,
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

fn blocks() -> impl Strategy<Value = Block> {
    let window = |kernel: std::ops::RangeInclusive<usize>, pads, dilations| {
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
    };
    let grouping = prop_oneof![
        2 => Just(Grouping::Whole),
        1 => Just(Grouping::Grouped),
        1 => Just(Grouping::Depthwise),
    ];
    let residual = (any::<bool>(), any::<bool>(), activations(), any::<bool>()).prop_map(
        |(wide, depthwise, activation, swapped)| Residual {
            wide,
            depthwise,
            activation,
            swapped,
        },
    );
    (
        window(1..=3, 2, 2),
        1usize..=6,
        grouping,
        any::<bool>(),
        activations(),
        option::weighted(0.4, residual),
        option::weighted(0.3, window(2..=3, 1, 1)),
    )
        .prop_map(
            |(window, channels, grouping, bias, activation, residual, pool)| Block {
                window,
                channels,
                grouping,
                bias,
                activation,
                residual,
                pool,
            },
        )
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        1 => Just(Activation::None),
        2 => Just(Activation::Relu),
        1 => Just(Activation::Clip(0.0, 1.0)),
        1 => Just(Activation::Clip(-0.5, 0.75)),
    ]
}

impl Recipe {
    /// The same without any bias.
    pub fn without_bias(mut self) -> Self {
        for block in &mut self.blocks {
            block.bias = false;
        }
        self
    }

    /// The same, so that no unit is without inputs: no kernel that lies in the padding alone, no residual sum of two zeros.
    pub fn without_gaps(mut self) -> Self {
        let sums = self.blocks.iter().any(|block| block.residual.is_some());
        for block in &mut self.blocks {
            let Window {
                kernel,
                dilations,
                pads,
                ..
            } = &mut block.window;
            *dilations = [1, 1];
            for (side, pad) in pads.iter_mut().enumerate() {
                *pad = (*pad).min(kernel[side % 2] - 1);
            }
            let residual = block.residual.as_mut().map(|r| &mut r.activation);
            for activation in std::iter::once(&mut block.activation).chain(residual) {
                if sums && matches!(activation, Activation::Relu | Activation::Clip(0.0, _)) {
                    *activation = Activation::None;
                }
            }
        }
        self
    }

    /// The network.
    pub fn build(&self) -> Net {
        let mut random = Random(self.seed);
        let mut net = Net::new([self.channels, self.size[0], self.size[1]], &mut random);
        let mut x = Net::IMAGE;
        let mut taps = Vec::new();
        for block in &self.blocks {
            x = block.append(&mut net, x, &mut random);
            taps.push(x);
        }
        let window = if self.wide_heads {
            Window::square(3, 1)
        } else {
            Window::square(1, 0)
        };
        for (tap, outputs) in [(x, 4), (taps[self.tap], 3)] {
            let bias = self.blocks.iter().any(|block| block.bias);
            let head = convolution(&net, tap, &window, outputs, 1, bias, &mut random);
            let head = net.push(Node::Conv(head));
            net.heads.push(head);
        }
        net
    }
}

impl Block {
    /// Appends the block behind tensor `x` and returns its output.
    fn append(&self, net: &mut Net, x: usize, random: &mut Random) -> usize {
        let inputs = net.shape(x)[0];
        let (groups, channels) = match self.grouping {
            Grouping::Whole => (1, self.channels),
            Grouping::Grouped => {
                let groups = (2..=inputs)
                    .find(|g| inputs.is_multiple_of(*g))
                    .unwrap_or(1);
                (groups, self.channels.next_multiple_of(groups))
            }
            Grouping::Depthwise => (inputs, inputs * (1 + self.channels % 2)),
        };
        let window = self.window.fitted(net.shape(x));
        let conv = convolution(net, x, &window, channels, groups, self.bias, random);
        let y = net.push(Node::Conv(conv));
        let mut y = self.activation.append(net, y);
        if let Some(residual) = &self.residual {
            let window = if residual.wide {
                Window::square(3, 1)
            } else {
                Window::square(1, 0)
            };
            let groups = if residual.depthwise { channels } else { 1 };
            let conv = convolution(net, y, &window, channels, groups, self.bias, random);
            let branch = net.push(Node::Conv(conv));
            let branch = residual.activation.append(net, branch);
            let (a, b) = if residual.swapped {
                (branch, y)
            } else {
                (y, branch)
            };
            y = net.push(Node::Add(a, b));
        }
        match &self.pool {
            Some(window) => {
                let window = window.fitted(net.shape(y));
                net.push(Node::MaxPool(y, window))
            }
            None => y,
        }
    }
}

impl Activation {
    fn append(&self, net: &mut Net, x: usize) -> usize {
        match *self {
            Self::None => x,
            Self::Relu => net.push(Node::Relu(x)),
            Self::Clip(low, high) => net.push(Node::Clip(x, low, high)),
        }
    }
}

/// A convolution with weights that keep the size of what passes, and a bias of the same order.
fn convolution(
    net: &Net,
    input: usize,
    window: &Window,
    outputs: usize,
    groups: usize,
    bias: bool,
    random: &mut Random,
) -> Convolution {
    let inputs = net.shape(input)[0] / groups;
    let per_output = inputs * window.kernel[0] * window.kernel[1];
    let scale = (6.0 / per_output as f32).sqrt();
    Convolution {
        input,
        outputs,
        groups,
        window: window.clone(),
        weight: (0..outputs * per_output)
            .map(|_| scale * random.uniform())
            .collect(),
        bias: bias.then(|| (0..outputs).map(|_| 0.5 * random.uniform()).collect()),
    }
}
