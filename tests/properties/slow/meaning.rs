//! What an operator is to relevance: a linear layer with a rule, something that moves numbers, multiplies by what is constant for the picture, and so on.
//!
//! Padding with zeros belongs to the convolutions behind it, and what is constant for a channel (batch normalisation, factors, summands) to the convolution in
//! front of it, unless others read what lies between.

use crate::net::{Constants, Net, Node};

use super::elementwise::by_channel;
use super::layers::{self, Layer};
use super::moves::{self, Origin};
use super::number::Number;

pub enum Meaning<T> {
    /// y_j = Σ x_i·w_ij + b_j: it has a rule.
    Linear(Layer<T>),
    /// Each number of y is one of another tensor, or a constant.
    Moving(Vec<Origin>),
    /// Relevance passes.
    Activation(usize),
    /// Of that tensor, multiplied with a constant of the picture: a gate, one over a norm, a factor. Relevance passes.
    Scaling(usize),
    /// A linear layer whose weights the picture makes; it has one rule, the simple one.
    Attention,
    /// The largest of several numbers of that tensor: the winner takes all.
    Pooling(usize, Vec<Vec<usize>>),
    /// Both summands share.
    Sum(usize, usize),
}

impl<T: Number> Meaning<T> {
    /// Of what makes the tensor `made`.
    pub fn of(net: &Net, made: usize) -> Self {
        match &net.nodes[made - 1] {
            Node::Conv(conv) => match joined_pad(net, conv.input) {
                Some((input, pads)) => {
                    let mut window = conv.window.clone();
                    for (pad, more) in window.pads.iter_mut().zip(pads) {
                        *pad += more;
                    }
                    Self::Linear(layers::convolution(net, conv, input, &window))
                }
                None => Self::Linear(layers::convolution(net, conv, conv.input, &conv.window)),
            },
            Node::ConvTranspose(conv, _) => Self::Linear(layers::transposed(net, conv, made)),
            Node::AveragePool {
                input,
                window,
                counts_pads,
            } => Self::Linear(layers::average(net, *input, window, *counts_pads)),
            Node::GlobalAveragePool(input, _) => Self::Linear(layers::whole_average(net, *input)),
            Node::Resize(input, resize) if resize.is_linear => {
                Self::Linear(layers::interpolation(net, *input, resize))
            }
            Node::ByChannel(input, constants) => {
                let before = if takes_constants(net, *input) {
                    Self::of(net, *input)
                } else if is_factor(constants) {
                    return Self::Scaling(*input);
                } else {
                    Self::Linear(layers::identity(net, *input))
                };
                let Self::Linear(mut layer) = before else {
                    unreachable!("a convolution is a linear layer")
                };
                let [_, height, width] = net.shape(made);
                for (j, (taps, bias)) in layer.taps.iter_mut().zip(&mut layer.bias).enumerate() {
                    let (factor, summand) = by_channel(constants, j / (height * width));
                    for (_, w) in taps {
                        *w = *w * factor;
                    }
                    *bias = *bias * factor + summand;
                }
                Self::Linear(layer)
            }
            Node::Activation(input, _) => Self::Activation(*input),
            Node::SelfGated(input, _) | Node::Norm(input, _) => Self::Scaling(*input),
            Node::Gated { signal, .. } => Self::Scaling(*signal),
            Node::MaxPool(input, window) => {
                Self::Pooling(*input, layers::windows(net, *input, window))
            }
            Node::Attention(..) => Self::Attention,
            Node::Add(a, b) => Self::Sum(*a, *b),
            node => Self::Moving(moves::origins(net, node, made)),
        }
    }
}

fn is_factor(constants: &Constants) -> bool {
    matches!(constants, Constants::Mul(_) | Constants::Div(_))
}

/// Whether what makes a tensor is a convolution, or has become one, that takes the constants behind it along.
pub fn takes_constants(net: &Net, tensor: usize) -> bool {
    let convolves = match net.producer(tensor) {
        Some(Node::Conv(_)) => true,
        Some(Node::ByChannel(input, constants)) => {
            !is_factor(constants) || takes_constants(net, *input)
        }
        _ => false,
    };
    convolves && net.readers(tensor).len() == 1 && !net.heads.contains(&tensor)
}

/// What a Pad with zeros that only convolutions read puts around which tensor: top, left, bottom, right.
pub fn joined_pad(net: &Net, tensor: usize) -> Option<(usize, [usize; 4])> {
    let Some(Node::Pad {
        input,
        before: [0, top, left],
        after: [0, bottom, right],
        value: 0.0,
    }) = net.producer(tensor)
    else {
        return None;
    };
    let mut readers = net.readers(tensor).into_iter();
    let all_convolve = readers.all(|reader| matches!(reader, Node::Conv(_)));
    all_convolve.then_some((*input, [*top, *left, *bottom, *right]))
}
