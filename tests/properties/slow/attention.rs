//! Attention as a linear layer: V weighted with what a softmax makes of Q and K, which for one picture are constants as V's gates are.

use crate::net::{Attention, Net, Node};

use super::layers::Layer;
use super::number::{Number, largest, number, sum};

/// For every output the cells of V that it is a mean of, with their weights softmax(Qᵀ·K/√depth).
pub fn layer<T: Number>(net: &Net, node: &Node, tensors: &[Vec<T>]) -> Layer<T> {
    let Node::Attention(input, attention) = *node else {
        unreachable!("{node:?} is no attention")
    };
    let [_, height, width] = net.shape(input);
    let cells = height * width;
    let within = cells / attention.areas;
    let mut layer = Layer {
        input,
        taps: Vec::new(),
        bias: vec![number(0.0); attention.heads * attention.width * cells],
    };
    for head in 0..attention.heads {
        let first = head * attention.channels();
        let weights: Vec<Vec<T>> = (0..cells)
            .map(|cell| {
                let area = cell / within * within..(cell / within + 1) * within;
                weights(&attention, &tensors[input], [first, cells], cell, area)
            })
            .collect();
        for value in 0..attention.width {
            let row = (first + 2 * attention.depth + value) * cells;
            for (cell, weights) in weights.iter().enumerate() {
                let start = row + cell / within * within;
                let taps = weights.iter().enumerate();
                layer
                    .taps
                    .push(taps.map(|(i, &w)| (start + i, w)).collect());
            }
        }
    }
    layer
}

/// A softmax over the cells of an area: how much `cell` takes of each. Q begins at channel `first`, K lies behind it.
fn weights<T: Number>(
    attention: &Attention,
    x: &[T],
    [first, cells]: [usize; 2],
    cell: usize,
    area: std::ops::Range<usize>,
) -> Vec<T> {
    let depth = attention.depth;
    let scale = number::<T>(depth as f32).sqrt();
    let products: Vec<T> = area
        .map(|other| {
            let of = |p: usize| {
                let [q, k] = [first + p, first + depth + p];
                x[q * cells + cell] * x[k * cells + other]
            };
            sum((0..depth).map(of)) / scale
        })
        .collect();
    let all: Vec<usize> = (0..products.len()).collect();
    let most = largest(&products, &all);
    let powers: Vec<T> = products.iter().map(|&z| (z - most).exp()).collect();
    let whole = sum(powers.iter().copied());
    powers.into_iter().map(|power| power / whole).collect()
}
