//! A network by the definition: what its operators are to relevance, and its forward pass.

use crate::net::{Net, Node};

use super::attention;
use super::elementwise::factor;
use super::layers::Layer;
use super::meaning::Meaning;
use super::moves::Origin;
use super::number::{Number, largest, number, sum};

/// A network, ready to have its relevance told.
pub struct Slow<'a, T> {
    pub(super) net: &'a Net,
    /// Of what makes each tensor but the picture.
    pub(super) meanings: Vec<Meaning<T>>,
    /// All tensors of the forward pass.
    pub(super) tensors: Vec<Vec<T>>,
}

impl<'a, T: Number> Slow<'a, T> {
    pub fn of(net: &'a Net) -> Self {
        let picture = net.picture.iter().map(|&x| number(x)).collect();
        let mut slow = Self {
            net,
            meanings: (1..=net.nodes.len())
                .map(|made| Meaning::of(net, made))
                .collect(),
            tensors: vec![picture],
        };
        for (node, meaning) in net.nodes.iter().zip(&slow.meanings) {
            slow.tensors.push(made(net, node, meaning, &slow.tensors));
        }
        slow
    }

    /// The values of a tensor.
    pub fn tensor(&self, tensor: usize) -> &[T] {
        &self.tensors[tensor]
    }

    /// Whether every number is one: a vector of zeros has no norm to be divided by.
    pub fn is_defined(&self) -> bool {
        let mut values = self.tensors.iter().flatten();
        values.all(|&value| !value.into().is_nan())
    }
}

fn made<T: Number>(net: &Net, node: &Node, meaning: &Meaning<T>, tensors: &[Vec<T>]) -> Vec<T> {
    match meaning {
        Meaning::Linear(layer) => weighted(layer, tensors),
        Meaning::Attention => weighted(&attention::layer(net, node, tensors), tensors),
        Meaning::Moving(origins) => origins
            .iter()
            .map(|origin| match *origin {
                Origin::At(tensor, i) => tensors[tensor][i],
                Origin::Constant(value) => number(value),
            })
            .collect(),
        Meaning::Activation(x) => activated(net, node, &tensors[*x]),
        Meaning::Scaling(x) => {
            let values = tensors[*x].iter().enumerate();
            values
                .map(|(i, &value)| value * factor(net, tensors, node, i))
                .collect()
        }
        Meaning::Pooling(x, windows) => windows
            .iter()
            .map(|window| largest(&tensors[*x], window))
            .collect(),
        Meaning::Sum(a, b) => {
            let pairs = tensors[*a].iter().zip(&tensors[*b]);
            pairs.map(|(&a, &b)| a + b).collect()
        }
    }
}

fn weighted<T: Number>(layer: &Layer<T>, tensors: &[Vec<T>]) -> Vec<T> {
    let x = &tensors[layer.input];
    let outputs = layer.taps.iter().zip(&layer.bias);
    outputs
        .map(|(taps, &bias)| sum(taps.iter().map(|&(i, w)| x[i] * w)) + bias)
        .collect()
}

/// What an activation makes of a tensor of its input's shape.
pub fn activated<T: Number>(net: &Net, node: &Node, z: &[T]) -> Vec<T> {
    let Node::Activation(input, activation) = node else {
        unreachable!("{node:?} is no activation")
    };
    let [_, height, width] = net.shape(*input);
    let values = z.iter().enumerate();
    values
        .map(|(i, &z)| activation.of(i / (height * width), z))
        .collect()
}
