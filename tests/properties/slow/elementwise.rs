//! What is done with each number by itself: activations, constants of a channel, and the gates and norms that a number is multiplied with.

use crate::net::{Activation, Constants, Net, Node, Norm, SelfGate};

use super::number::{Number, clipped, magnitude, number, positive, sum};

/// What batch normalisation adds to a variance.
const EPSILON: f32 = 1e-5;

impl Activation {
    /// Of a number of this channel.
    pub fn of<T: Number>(&self, channel: usize, z: T) -> T {
        let zero = number::<T>(0.0);
        let one = number::<T>(1.0);
        let sloped = |slope: f32| if z < zero { number::<T>(slope) * z } else { z };
        match self {
            Self::Relu => positive(z),
            Self::Clip(low, high) => clipped(z, number(*low), number(*high)),
            Self::LeakyRelu(slope) => sloped(*slope),
            Self::PRelu(slopes) => sloped(slopes[channel]),
            Self::Sigmoid => sigmoid(z),
            Self::HardSigmoid(alpha, beta) => {
                clipped(number::<T>(*alpha) * z + number(*beta), zero, one)
            }
            Self::Elu(alpha) if z < zero => number::<T>(*alpha) * (z.exp() - one),
            Self::Elu(_) => z,
            Self::Softplus => softplus(z),
            Self::Tanh => tanh(z),
        }
    }
}

/// Factor and summand of a channel.
pub fn by_channel<T: Number>(constants: &Constants, channel: usize) -> (T, T) {
    let of = |values: &[f32]| number::<T>(values[channel.min(values.len() - 1)]);
    let (zero, one) = (number::<T>(0.0), number::<T>(1.0));
    match constants {
        Constants::BatchNormalization {
            scale,
            shift,
            mean,
            variance,
        } => {
            let factor = of(scale) / (of(variance) + number(EPSILON)).sqrt();
            (factor, of(shift) - of(mean) * factor)
        }
        Constants::Mul(values) => (of(values), zero),
        Constants::Div(values) => (one / of(values), zero),
        Constants::Add(values) => (one, of(values)),
        Constants::Sub(values) => (one, -of(values)),
    }
}

/// What a node multiplies number `i` of its input with.
pub fn factor<T: Number>(net: &Net, tensors: &[Vec<T>], node: &Node, i: usize) -> T {
    let input = node.inputs()[0];
    let [channels, height, width] = net.shape(input);
    let area = height * width;
    let x = &tensors[input];
    match node {
        Node::ByChannel(_, constants) => by_channel::<T>(constants, i / area).0,
        Node::Gated { gate, .. } => match tensors[*gate].len() {
            whole if whole == x.len() => tensors[*gate][i],
            _ => tensors[*gate][i / area],
        },
        Node::SelfGated(_, SelfGate::Mish) => tanh(softplus(x[i])),
        Node::SelfGated(..) => {
            let raised = clipped(x[i] + number(3.0), number(0.0), number(6.0));
            raised / number(6.0)
        }
        Node::Norm(_, norm) => {
            let vector = (0..channels).map(|channel| x[channel * area + i % area]);
            number::<T>(1.0) / norm.of(vector)
        }
        other => unreachable!("{other:?} multiplies with nothing"),
    }
}

impl Norm {
    fn of<T: Number>(self, vector: impl Iterator<Item = T>) -> T {
        let squares = |vector: &mut dyn Iterator<Item = T>| sum(vector.map(|x| x * x));
        let mut vector = vector;
        match self {
            Self::Lp(1) => sum(vector.map(magnitude)),
            Self::Lp(_) => squares(&mut vector).sqrt(),
            Self::Quotient(least) => {
                let norm = squares(&mut vector).sqrt();
                let least = number(least);
                if norm < least { least } else { norm }
            }
            Self::Inverse(epsilon) => (squares(&mut vector) + number(epsilon)).sqrt(),
        }
    }
}

fn sigmoid<T: Number>(z: T) -> T {
    let one = number::<T>(1.0);
    one / (one + (-z).exp())
}

fn softplus<T: Number>(z: T) -> T {
    (number::<T>(1.0) + z.exp()).ln()
}

fn tanh<T: Number>(z: T) -> T {
    let (up, down) = (z.exp(), (-z).exp());
    (up - down) / (up + down)
}
