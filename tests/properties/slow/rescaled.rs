//! Relevance where every layer has the rule `rescale`: multipliers from the heads down, R = m·(x − mean of x's map) at the end.

use crate::net::{Net, Node};

use super::attention;
use super::elementwise::factor;
use super::forward::{Slow, activated};
use super::layers::Layer;
use super::meaning::Meaning;
use super::number::{Number, deviation, largest, magnitude, number, stabilised, sum};
use super::relevance::Arriving;

/// Of the mean of all numbers that an activation takes: its tolerance is no less.
const LEAST_MARGIN: f32 = 1e-4;

impl<T: Number> Slow<'_, T> {
    /// Relevance of the picture; `seeds` and `tiny` as for `relevance`.
    pub fn rescaled(&self, tolerance: f32, seeds: &[(usize, Vec<f32>)], tiny: f32) -> Vec<T> {
        let (net, tensors, tiny) = (self.net, &self.tensors, number(tiny));
        let mut m = Arriving::new(tensors);
        for (head, seed) in seeds {
            for (i, (&value, &z)) in seed.iter().zip(&tensors[*head]).enumerate() {
                m.hand(*head, i, number::<T>(value) / stabilised(z, tiny));
            }
        }
        for made in (1..tensors.len()).rev() {
            let Some(arriving) = m.take(made) else {
                continue;
            };
            let node = &net.nodes[made - 1];
            match &self.meanings[made - 1] {
                Meaning::Linear(layer) => hand_back(&mut m, layer, arriving),
                Meaning::Attention => {
                    hand_back(&mut m, &attention::layer(net, node, tensors), arriving);
                }
                Meaning::Moving(origins) => m.move_back(origins, &arriving),
                Meaning::Activation(x) => {
                    let slopes = self.slopes(node, *x, tolerance, tiny).into_iter();
                    for (i, (part, slope)) in arriving.into_iter().zip(slopes).enumerate() {
                        m.hand(*x, i, slope * part);
                    }
                }
                Meaning::Scaling(x) => {
                    for (i, part) in arriving.into_iter().enumerate() {
                        m.hand(*x, i, factor(net, tensors, node, i) * part);
                    }
                }
                Meaning::Pooling(x, windows) => {
                    m.give_winners(*x, &tensors[*x], windows, &arriving);
                }
                Meaning::Sum(a, b) => {
                    for (i, part) in arriving.into_iter().enumerate() {
                        m.hand(*a, i, part);
                        m.hand(*b, i, part);
                    }
                }
            }
        }
        let picture = &tensors[Net::IMAGE];
        let means = map_means(net, Net::IMAGE, picture);
        let distances = picture.iter().zip(means).map(|(&x, mean)| x - mean);
        distances.zip(m.of_picture()).map(|(d, m)| d * m).collect()
    }

    /// (act(b) − act(a)) / (b − a) of an activation of tensor `x`, between each number and the mean of its map, with a tolerance at both ends.
    fn slopes(&self, node: &Node, x: usize, tolerance: f32, tiny: T) -> Vec<T> {
        let z = &self.tensors[x];
        let mean = sum(z.iter().copied()) / number(z.len() as f32);
        let least = magnitude(mean) * number(LEAST_MARGIN);
        let margins = [tiny, deviation(z) * number(tolerance), least];
        let margin = largest(&margins, &[0, 1, 2]);
        let ends = z.iter().zip(map_means(self.net, x, z));
        let (low, high): (Vec<T>, Vec<T>) = ends
            .map(|(&z, mean)| if z < mean { (z, mean) } else { (mean, z) })
            .map(|(low, high)| (low - margin, high + margin))
            .unzip();
        let [before, after] = [&low, &high].map(|end| activated(self.net, node, end));
        let slope = |i: usize| (after[i] - before[i]) / (high[i] - low[i]);
        (0..z.len()).map(slope).collect()
    }
}

/// m_i = Σ_j w_ij·m_j
fn hand_back<T: Number>(m: &mut Arriving<T>, layer: &Layer<T>, arriving: Vec<T>) {
    for (taps, part) in layer.taps.iter().zip(arriving) {
        for &(i, w) in taps {
            m.hand(layer.input, i, w * part);
        }
    }
}

/// For every element of a tensor the mean of its channel.
fn map_means<T: Number>(net: &Net, tensor: usize, values: &[T]) -> Vec<T> {
    let [_, height, width] = net.shape(tensor);
    let area = height * width;
    let mean = |map: &[T]| sum(map.iter().copied()) / number(area as f32);
    let means = values.chunks(area).map(mean);
    means.flat_map(|mean| vec![mean; area]).collect()
}
