//! A small network as plain data.
//!
//! In: nodes, appended one after the other. Out: shapes, who reads what. Tensor 0 is the picture, tensor n what node n − 1 makes.

use crate::random::Random;
use crate::window::Window;

/// A network for one picture.
#[derive(Debug)]
pub struct Net {
    /// The picture, row-major as all feature maps here.
    pub picture: Vec<f32>,
    /// In topological order.
    pub nodes: Vec<Node>,
    /// The tensors at which relevance enters: class scores, offsets.
    pub heads: Vec<usize>,
    /// Channels, height, width of each tensor.
    shapes: Vec<[usize; 3]>,
}

/// An operator, or the few that are one in the method, with the tensors that it reads. Axes are 0 for channels, 1 for rows, 2 for columns.
#[derive(Debug)]
pub enum Node {
    Conv(Convolution),
    /// What is added to the output at the lower and right edge.
    ConvTranspose(Convolution, [usize; 2]),
    ByChannel(usize, Constants),
    Activation(usize, Activation),
    /// x·g(x)
    SelfGated(usize, SelfGate),
    /// A signal times a gate of its shape or `[C, 1, 1]`.
    Gated {
        signal: usize,
        gate: usize,
        gate_first: bool,
    },
    MaxPool(usize, Window),
    AveragePool {
        input: usize,
        window: Window,
        counts_pads: bool,
    },
    /// Written as ReduceMean if true.
    GlobalAveragePool(usize, bool),
    Norm(usize, Norm),
    /// softmax(QᵀK) weights V; all three are channels of the tensor that it reads.
    Attention(usize, Attention),
    Add(usize, usize),
    Concat(usize, usize, usize),
    /// One of the two parts of a Split; the other one is the node before or behind.
    Part {
        input: usize,
        axis: usize,
        sizes: [usize; 2],
        is_second: bool,
    },
    Slice {
        input: usize,
        axis: usize,
        start: usize,
        step: usize,
        size: usize,
    },
    /// Numbers by their places along an axis: some perhaps twice, some not at all.
    Gather {
        input: usize,
        axis: usize,
        places: Vec<usize>,
    },
    Pad {
        input: usize,
        before: [usize; 3],
        after: [usize; 3],
        value: f32,
    },
    Resize(usize, Resize),
    /// Rows become channels, columns rows and channels columns.
    Transpose(usize),
    /// Channels of so many groups in turns, as Reshape, Transpose, Reshape.
    Shuffle(usize, usize),
    /// The same numbers in the same order, by way of a Flatten if true.
    Reshape(usize, [usize; 3], bool),
}

/// A plain or a transposed convolution.
#[derive(Debug)]
pub struct Convolution {
    pub input: usize,
    pub outputs: usize,
    pub groups: usize,
    pub window: Window,
    /// `[outputs, inputs / groups, kernel height, kernel width]`; transposed `[inputs, outputs / groups, …]`.
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// Constants that channels are multiplied with or that are added to them, one for each channel or one for all.
#[derive(Debug)]
pub enum Constants {
    BatchNormalization {
        scale: Vec<f32>,
        shift: Vec<f32>,
        mean: Vec<f32>,
        variance: Vec<f32>,
    },
    Mul(Vec<f32>),
    Div(Vec<f32>),
    Add(Vec<f32>),
    Sub(Vec<f32>),
}

#[derive(Clone, Debug)]
pub enum Activation {
    Relu,
    Clip(f32, f32),
    LeakyRelu(f32),
    /// One slope a channel.
    PRelu(Vec<f32>),
    Sigmoid,
    /// α and β of max(0, min(1, α·z + β)).
    HardSigmoid(f32, f32),
    Elu(f32),
    Softplus,
    Tanh,
}

/// Activations that the method takes for a gate.
#[derive(Clone, Copy, Debug)]
pub enum SelfGate {
    HardSwish,
    /// x·clip(x + 3, 0, 6)/6, as exporters wrote it before there was an operator.
    ClippedHardSwish,
    Mish,
}

/// Division by a norm over the channels.
#[derive(Clone, Copy, Debug)]
pub enum Norm {
    /// LpNormalization of this p, 1 or 2.
    Lp(i64),
    /// x / clip(‖x‖₂, least)
    Quotient(f32),
    /// x · 1/√(Σx² + ε)
    Inverse(f32),
}

/// Several heads, each with channels Q, K and V of its own, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    pub heads: usize,
    /// Channels of a head's Q, and of its K.
    pub depth: usize,
    /// Channels of a head's V.
    pub width: usize,
    /// Groups of equally many cells, one behind the other, that see nothing of each other.
    pub areas: usize,
    /// Whether V is weighted from the left.
    pub from_left: bool,
    /// Whether Q, K and V of a single head are cut into areas one by one.
    pub apart: bool,
}

impl Attention {
    /// Channels of Q, K and V of a head.
    pub fn channels(&self) -> usize {
        2 * self.depth + self.width
    }
}

/// Rows and columns of another number.
#[derive(Clone, Debug)]
pub struct Resize {
    pub size: [usize; 2],
    pub is_linear: bool,
    /// ONNX's `coordinate_transformation_mode`.
    pub coordinates: &'static str,
    /// ONNX's `nearest_mode`.
    pub rounding: &'static str,
}

impl Random {
    /// Evenly spread over −1..1.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

impl Net {
    /// The tensor that is the picture.
    pub const IMAGE: usize = 0;

    /// A picture of values in −1..1 without nodes.
    pub fn new(image: [usize; 3], random: &mut Random) -> Self {
        Self {
            picture: (0..image.iter().product())
                .map(|_| random.uniform())
                .collect(),
            nodes: Vec::new(),
            heads: Vec::new(),
            shapes: vec![image],
        }
    }

    /// Channels, height, width.
    pub fn shape(&self, tensor: usize) -> [usize; 3] {
        self.shapes[tensor]
    }

    /// The node that makes a tensor; none makes the picture.
    pub fn producer(&self, tensor: usize) -> Option<&Node> {
        self.nodes.get(tensor.checked_sub(1)?)
    }

    /// The nodes that read a tensor.
    pub fn readers(&self, tensor: usize) -> Vec<&Node> {
        let reads = |node: &&Node| node.inputs().contains(&tensor);
        self.nodes.iter().filter(reads).collect()
    }

    /// Appends a node and returns the tensor that it makes.
    pub fn push(&mut self, node: Node) -> usize {
        let mut shape = self.shape(node.inputs()[0]);
        match &node {
            Node::Conv(conv) => {
                let [height, width] = conv.window.output(shape);
                shape = [conv.outputs, height, width];
            }
            Node::ConvTranspose(conv, more) => {
                let [height, width] = conv.window.transposed_output(shape, *more);
                shape = [conv.outputs, height, width];
            }
            Node::MaxPool(_, window) | Node::AveragePool { window, .. } => {
                let [height, width] = window.output(shape);
                shape = [shape[0], height, width];
            }
            Node::GlobalAveragePool(..) => shape = [shape[0], 1, 1],
            Node::Attention(_, attention) => shape[0] = attention.heads * attention.width,
            Node::Concat(_, other, axis) => shape[*axis] += self.shape(*other)[*axis],
            Node::Part {
                axis,
                sizes,
                is_second,
                ..
            } => shape[*axis] = sizes[usize::from(*is_second)],
            Node::Slice { axis, size, .. } => shape[*axis] = *size,
            Node::Gather { axis, places, .. } => shape[*axis] = places.len(),
            Node::Pad { before, after, .. } => {
                for axis in 0..3 {
                    shape[axis] += before[axis] + after[axis];
                }
            }
            Node::Resize(_, resize) => shape = [shape[0], resize.size[0], resize.size[1]],
            Node::Transpose(_) => shape = [shape[1], shape[2], shape[0]],
            Node::Reshape(_, sizes, _) => shape = *sizes,
            Node::ByChannel(..)
            | Node::Activation(..)
            | Node::SelfGated(..)
            | Node::Gated { .. }
            | Node::Norm(..)
            | Node::Add(..)
            | Node::Shuffle(..) => {}
        }
        self.shapes.push(shape);
        self.nodes.push(node);
        self.nodes.len()
    }

    /// A tensor's name in the file.
    pub fn name(tensor: usize) -> String {
        format!("t{tensor}")
    }
}

impl Node {
    /// The tensors that it reads.
    pub fn inputs(&self) -> Vec<usize> {
        match self {
            Self::Conv(conv) | Self::ConvTranspose(conv, _) => vec![conv.input],
            Self::Add(a, b) | Self::Concat(a, b, _) => vec![*a, *b],
            Self::Gated { signal, gate, .. } => vec![*signal, *gate],
            Self::ByChannel(input, _)
            | Self::Activation(input, _)
            | Self::SelfGated(input, _)
            | Self::MaxPool(input, _)
            | Self::AveragePool { input, .. }
            | Self::GlobalAveragePool(input, _)
            | Self::Norm(input, _)
            | Self::Attention(input, _)
            | Self::Part { input, .. }
            | Self::Slice { input, .. }
            | Self::Gather { input, .. }
            | Self::Pad { input, .. }
            | Self::Resize(input, _)
            | Self::Transpose(input)
            | Self::Shuffle(input, _)
            | Self::Reshape(input, ..) => vec![*input],
        }
    }
}
