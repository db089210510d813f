//! Relevance under all rules that divide it into shares.

use ssdcrp::crp::{AddRule, Rule};

use crate::net::Net;

use super::attention;
use super::forward::Slow;
use super::layers::Layer;
use super::meaning::Meaning;
use super::moves::Origin;
use super::number::{Number, deviation, largest, magnitude, number, stabilised};
use super::rules::shares;

impl<T: Number> Slow<'_, T> {
    /// Relevance of the picture. `rule` says the rule of the layer that makes a tensor; `seeds` holds the relevance of whole head tensors; `tiny` is the stabiliser.
    pub fn relevance(
        &self,
        rule: impl Fn(usize) -> Rule,
        add: AddRule,
        seeds: &[(usize, Vec<f32>)],
        tiny: f32,
    ) -> Vec<T> {
        let (tensors, tiny) = (&self.tensors, number(tiny));
        let mut r = Arriving::new(tensors);
        for (head, seed) in seeds {
            for (i, &value) in seed.iter().enumerate() {
                r.hand(*head, i, number(value));
            }
        }
        for made in (1..tensors.len()).rev() {
            // Gates receive nothing, and what lies within a layer is passed over.
            let Some(arriving) = r.take(made) else {
                continue;
            };
            match &self.meanings[made - 1] {
                Meaning::Linear(layer) => {
                    self.share_out(&mut r, layer, made, rule(made), tiny, &arriving);
                }
                Meaning::Attention => {
                    let layer = attention::layer(self.net, &self.net.nodes[made - 1], tensors);
                    self.share_out(&mut r, &layer, made, Rule::Simple, tiny, &arriving);
                }
                Meaning::Moving(origins) => r.move_back(origins, &arriving),
                Meaning::Activation(x) | Meaning::Scaling(x) => {
                    for (i, part) in arriving.into_iter().enumerate() {
                        r.hand(*x, i, part);
                    }
                }
                Meaning::Pooling(x, windows) => {
                    r.give_winners(*x, &tensors[*x], windows, &arriving);
                }
                Meaning::Sum(a, b) => {
                    for (i, part) in arriving.into_iter().enumerate() {
                        let (mut x, mut y) = (tensors[*a][i], tensors[*b][i]);
                        if add == AddRule::Magnitude {
                            (x, y) = (magnitude(x), magnitude(y));
                        }
                        let whole = stabilised(x + y, tiny);
                        r.hand(*a, i, x / whole * part);
                        r.hand(*b, i, y / whole * part);
                    }
                }
            }
        }
        r.of_picture()
    }

    /// Shares of what arrives at `made` to the inputs of its layer.
    fn share_out(
        &self,
        r: &mut Arriving<T>,
        layer: &Layer<T>,
        made: usize,
        rule: Rule,
        tiny: T,
        arriving: &[T],
    ) {
        let (x, z) = (&self.tensors[layer.input], &self.tensors[made]);
        let deviation = deviation(z);
        for (j, taps) in layer.taps.iter().enumerate() {
            let products: Vec<_> = taps.iter().map(|&(i, w)| (x[i], w)).collect();
            let shares = shares(rule, &products, z[j], deviation, tiny);
            for (&(i, _), share) in taps.iter().zip(shares) {
                r.hand(layer.input, i, share * arriving[j]);
            }
        }
    }
}

/// What each tensor has received so far, relevance or multipliers; nothing where none of it came to.
pub struct Arriving<T> {
    sizes: Vec<usize>,
    received: Vec<Option<Vec<T>>>,
}

impl<T: Number> Arriving<T> {
    pub fn new(tensors: &[Vec<T>]) -> Self {
        Self {
            sizes: tensors.iter().map(Vec::len).collect(),
            received: tensors.iter().map(|_| None).collect(),
        }
    }

    pub fn take(&mut self, tensor: usize) -> Option<Vec<T>> {
        self.received[tensor].take()
    }

    pub fn hand(&mut self, tensor: usize, i: usize, part: T) {
        let nothing = || vec![number(0.0); self.sizes[tensor]];
        let received = self.received[tensor].get_or_insert_with(nothing);
        received[i] = received[i] + part;
    }

    /// To where each number came from.
    pub fn move_back(&mut self, origins: &[Origin], arriving: &[T]) {
        for (origin, &part) in origins.iter().zip(arriving) {
            if let Origin::At(tensor, i) = *origin {
                self.hand(tensor, i, part);
            }
        }
    }

    /// To the largest number of each window; ties share.
    pub fn give_winners(
        &mut self,
        tensor: usize,
        values: &[T],
        windows: &[Vec<usize>],
        arriving: &[T],
    ) {
        for (window, &part) in windows.iter().zip(arriving) {
            let most = largest(values, window);
            let won = |i: &&usize| values[**i] == most;
            let winners = window.iter().filter(won).count();
            for &i in window.iter().filter(won) {
                self.hand(tensor, i, part / number(winners as f32));
            }
        }
    }

    pub fn of_picture(mut self) -> Vec<T> {
        let nothing = || vec![number(0.0); self.sizes[Net::IMAGE]];
        self.received[Net::IMAGE].take().unwrap_or_else(nothing)
    }
}
