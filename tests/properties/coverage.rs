//! Which operators the networks had that a property was tried on: one that never occurs is not tested.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::net::{Activation, Constants, Net, Node, Norm, SelfGate};
use crate::slow;

/// All kinds of operators that relevance can pass in the networks here.
const KINDS: [&str; 43] = [
    "Conv",
    "ConvTranspose",
    "BatchNormalization behind a Conv",
    "BatchNormalization alone",
    "summand behind a Conv",
    "summand alone",
    "factor behind a Conv",
    "factor alone",
    "Relu",
    "Clip",
    "LeakyRelu",
    "PRelu",
    "Sigmoid",
    "HardSigmoid",
    "Elu",
    "Softplus",
    "Tanh",
    "HardSwish",
    "HardSwish of old exporters",
    "Mish",
    "SiLU",
    "squeeze-and-excite",
    "MaxPool",
    "AveragePool that counts pads",
    "AveragePool that counts none",
    "GlobalAveragePool",
    "ReduceMean",
    "LpNormalization",
    "quotient by a norm",
    "product with one over a norm",
    "attention",
    "attention within areas",
    "Add",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "Pad in front of a Conv",
    "Pad",
    "Resize to the nearest",
    "Resize by interpolation",
    "Transpose",
    "Reshape",
];
/// What the networks had before there were others.
const PLAIN: [&str; 5] = ["Conv", "Relu", "Clip", "MaxPool", "Add"];
/// In so many networks at least each kind has to occur, of 100.
const LEAST: usize = 1;
/// So many networks of 100 have a kind that is not plain.
const MOST: usize = 80;

#[derive(Default)]
pub struct Coverage {
    networks: RefCell<Vec<BTreeSet<&'static str>>>,
}

impl Coverage {
    /// Counts a network on which the property held.
    pub fn add(&self, net: &Net) {
        let passed = passed(net).into_iter();
        let kinds = passed.map(|tensor| kind(net, tensor)).collect();
        self.networks.borrow_mut().push(kinds);
    }

    /// Prints how many networks had each kind.
    ///
    /// # Panics
    /// If one is too rare, or most networks are plain.
    pub fn check(&self) {
        let networks = self.networks.borrow();
        let mut counts: BTreeMap<_, usize> = KINDS.map(|kind| (kind, 0)).into();
        for &kind in networks.iter().flatten() {
            let count = counts.get_mut(kind);
            *count.unwrap_or_else(|| panic!("{kind} is not among the kinds")) += 1;
        }
        println!("of {} networks: {counts:?}", networks.len());
        for (kind, count) in counts {
            let share = 100 * count / networks.len();
            assert!(share >= LEAST, "{kind} is in {count} networks only");
        }
        let is_plain = |kinds: &&BTreeSet<_>| kinds.iter().all(|kind| PLAIN.contains(kind));
        let plain = networks.iter().filter(is_plain).count();
        println!("plain: {plain}");
        assert!(100 * (networks.len() - plain) / networks.len() >= MOST);
    }
}

/// The tensors that relevance comes to, but for the picture.
fn passed(net: &Net) -> BTreeSet<usize> {
    let mut passed = BTreeSet::new();
    let mut open = net.heads.clone();
    while let Some(tensor) = open.pop() {
        let Some(node) = net.producer(tensor) else {
            continue;
        };
        if passed.insert(tensor) {
            match node {
                Node::Gated { signal, .. } => open.push(*signal),
                other => open.extend(other.inputs()),
            }
        }
    }
    passed
}

fn kind(net: &Net, tensor: usize) -> &'static str {
    match &net.nodes[tensor - 1] {
        Node::Conv(_) => "Conv",
        Node::ConvTranspose(..) => "ConvTranspose",
        Node::ByChannel(input, constants) => {
            match (constants, slow::takes_constants(net, *input)) {
                (Constants::BatchNormalization { .. }, true) => "BatchNormalization behind a Conv",
                (Constants::BatchNormalization { .. }, false) => "BatchNormalization alone",
                (Constants::Add(_) | Constants::Sub(_), true) => "summand behind a Conv",
                (Constants::Add(_) | Constants::Sub(_), false) => "summand alone",
                (Constants::Mul(_) | Constants::Div(_), true) => "factor behind a Conv",
                (Constants::Mul(_) | Constants::Div(_), false) => "factor alone",
            }
        }
        Node::Activation(_, activation) => match activation {
            Activation::Relu => "Relu",
            Activation::Clip(..) => "Clip",
            Activation::LeakyRelu(_) => "LeakyRelu",
            Activation::PRelu(_) => "PRelu",
            Activation::Sigmoid => "Sigmoid",
            Activation::HardSigmoid(..) => "HardSigmoid",
            Activation::Elu(_) => "Elu",
            Activation::Softplus => "Softplus",
            Activation::Tanh => "Tanh",
        },
        Node::SelfGated(_, SelfGate::HardSwish) => "HardSwish",
        Node::SelfGated(_, SelfGate::ClippedHardSwish) => "HardSwish of old exporters",
        Node::SelfGated(_, SelfGate::Mish) => "Mish",
        Node::Gated { signal, gate, .. } => {
            let of_itself = net.nodes[gate - 1].inputs() == [*signal];
            if of_itself {
                "SiLU"
            } else {
                "squeeze-and-excite"
            }
        }
        Node::MaxPool(..) => "MaxPool",
        Node::AveragePool { counts_pads, .. } if *counts_pads => "AveragePool that counts pads",
        Node::AveragePool { .. } => "AveragePool that counts none",
        Node::GlobalAveragePool(_, as_mean) if *as_mean => "ReduceMean",
        Node::GlobalAveragePool(..) => "GlobalAveragePool",
        Node::Norm(_, Norm::Lp(_)) => "LpNormalization",
        Node::Norm(_, Norm::Quotient(_)) => "quotient by a norm",
        Node::Norm(_, Norm::Inverse(_)) => "product with one over a norm",
        Node::Attention(_, attention) if attention.areas > 1 => "attention within areas",
        Node::Attention(..) => "attention",
        Node::Add(..) => "Add",
        Node::Concat(..) => "Concat",
        Node::Part { .. } => "Split",
        Node::Slice { .. } => "Slice",
        Node::Gather { .. } => "Gather",
        Node::Pad { .. } if slow::joined_pad(net, tensor).is_some() => "Pad in front of a Conv",
        Node::Pad { .. } => "Pad",
        Node::Resize(_, resize) if resize.is_linear => "Resize by interpolation",
        Node::Resize(..) => "Resize to the nearest",
        Node::Transpose(_) | Node::Shuffle(..) => "Transpose",
        Node::Reshape(..) => "Reshape",
    }
}
