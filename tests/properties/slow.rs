//! Relevance by the definition, the slow way: every product z_ij a number, every R_j divided among its inputs one by one.
//!
//! In: a [`Net`], a rule for each layer, relevance at the heads. Out: relevance of the picture. All arithmetic is in the type that the caller names: float64 for the
//! truth, float32 to see how far rounding alone strays from it. Formulas: docs/method.md.

use std::ops::{Add, Div, Mul, Neg, Sub};

use ssdcrp::crp::{AddRule, Epsilon, Rule};

use crate::net::{Convolution, Net, Node, Window};

/// float32 or float64.
pub trait Number:
    Copy
    + PartialOrd
    + From<f32>
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn sqrt(self) -> Self;
}

impl Number for f32 {
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
}

impl Number for f64 {
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
}

fn number<T: Number>(value: f32) -> T {
    T::from(value)
}

fn sum<T: Number>(values: impl IntoIterator<Item = T>) -> T {
    values.into_iter().fold(number(0.0), |sum, v| sum + v)
}

fn positive<T: Number>(value: T) -> T {
    if value > number(0.0) {
        value
    } else {
        number(0.0)
    }
}

fn negative<T: Number>(value: T) -> T {
    -positive(-value)
}

fn magnitude<T: Number>(value: T) -> T {
    positive(value) - negative(value)
}

/// Moved away from zero, to the side on which it lies.
fn stabilised<T: Number>(denominator: T, epsilon: T) -> T {
    if denominator >= number(0.0) {
        denominator + epsilon
    } else {
        denominator - epsilon
    }
}

/// All tensors of a forward pass.
pub fn forward<T: Number>(net: &Net) -> Vec<Vec<T>> {
    let mut tensors: Vec<Vec<T>> = vec![net.picture.iter().map(|&x| number(x)).collect()];
    for node in &net.nodes {
        let made = match node {
            Node::Conv(conv) => {
                let x = &tensors[conv.input];
                let products = |taps: Vec<(usize, T)>| sum(taps.into_iter().map(|(i, w)| x[i] * w));
                connections(net, conv)
                    .into_iter()
                    .enumerate()
                    .map(|(j, taps)| products(taps) + bias(net, conv, j))
                    .collect()
            }
            Node::Relu(x) => tensors[*x].iter().map(|&v| positive(v)).collect(),
            Node::Clip(x, low, high) => tensors[*x]
                .iter()
                .map(|&v| clipped(v, number(*low), number(*high)))
                .collect(),
            Node::MaxPool(x, window) => candidates(net, *x, window)
                .into_iter()
                .map(|candidates| largest(&tensors[*x], &candidates))
                .collect(),
            Node::Add(a, b) => {
                let pairs = tensors[*a].iter().zip(&tensors[*b]);
                pairs.map(|(&a, &b)| a + b).collect()
            }
        };
        tensors.push(made);
    }
    tensors
}

/// Relevance of the picture. `rule` says the rule of the layer that makes a tensor; `seeds` holds the relevance of whole head tensors; `tiny` is the stabiliser.
pub fn relevance<T: Number>(
    net: &Net,
    tensors: &[Vec<T>],
    rule: impl Fn(usize) -> Rule,
    add: AddRule,
    seeds: &[(usize, Vec<f32>)],
    tiny: f32,
) -> Vec<T> {
    let mut r: Vec<Vec<T>> = tensors
        .iter()
        .map(|tensor| vec![number(0.0); tensor.len()])
        .collect();
    for (head, seed) in seeds {
        for (r, &value) in r[*head].iter_mut().zip(seed) {
            *r = *r + number(value);
        }
    }
    for (index, node) in net.nodes.iter().enumerate().rev() {
        let arriving = std::mem::take(&mut r[index + 1]);
        let mut hand = |tensor: usize, i: usize, part: T| r[tensor][i] = r[tensor][i] + part;
        match node {
            Node::Conv(conv) => {
                let (x, z) = (&tensors[conv.input], &tensors[index + 1]);
                let deviation = deviation(z);
                for (j, taps) in connections(net, conv).into_iter().enumerate() {
                    let products: Vec<_> = taps.iter().map(|&(i, w)| (x[i], w)).collect();
                    let shares = shares(rule(index + 1), &products, z[j], deviation, number(tiny));
                    for ((i, _), share) in taps.into_iter().zip(shares) {
                        hand(conv.input, i, share * arriving[j]);
                    }
                }
            }
            Node::Relu(x) | Node::Clip(x, ..) => {
                for (i, part) in arriving.into_iter().enumerate() {
                    hand(*x, i, part);
                }
            }
            Node::MaxPool(x, window) => {
                for (j, candidates) in candidates(net, *x, window).into_iter().enumerate() {
                    let values = &tensors[*x];
                    let most = largest(values, &candidates);
                    let winners: Vec<_> =
                        candidates.iter().filter(|&&i| values[i] == most).collect();
                    for &&i in &winners {
                        hand(*x, i, arriving[j] / number(winners.len() as f32));
                    }
                }
            }
            Node::Add(a, b) => {
                for (i, part) in arriving.into_iter().enumerate() {
                    let (mut x, mut y) = (tensors[*a][i], tensors[*b][i]);
                    if add == AddRule::Magnitude {
                        (x, y) = (magnitude(x), magnitude(y));
                    }
                    let whole = stabilised(x + y, number(tiny));
                    hand(*a, i, x / whole * part);
                    hand(*b, i, y / whole * part);
                }
            }
        }
    }
    r.swap_remove(Net::IMAGE)
}

/// Relevance of the picture where every layer has the rule `rescale`: multipliers from the heads down, R = m·(x − mean of x's map) at the end.
pub fn rescaled<T: Number>(
    net: &Net,
    tensors: &[Vec<T>],
    tolerance: f32,
    seeds: &[(usize, Vec<f32>)],
    tiny: f32,
) -> Vec<T> {
    let mut m: Vec<Vec<T>> = tensors
        .iter()
        .map(|tensor| vec![number(0.0); tensor.len()])
        .collect();
    for (head, seed) in seeds {
        for ((m, &value), &z) in m[*head].iter_mut().zip(seed).zip(&tensors[*head]) {
            *m = *m + number::<T>(value) / stabilised(z, number(tiny));
        }
    }
    for (index, node) in net.nodes.iter().enumerate().rev() {
        let arriving = std::mem::take(&mut m[index + 1]);
        let mut hand = |tensor: usize, i: usize, part: T| m[tensor][i] = m[tensor][i] + part;
        match node {
            Node::Conv(conv) => {
                for (j, taps) in connections(net, conv).into_iter().enumerate() {
                    for (i, w) in taps {
                        let w: T = w;
                        hand(conv.input, i, w * arriving[j]);
                    }
                }
            }
            Node::Relu(x) | Node::Clip(x, ..) => {
                let z = &tensors[*x];
                let (means, margin) = (map_means(net, *x, z), deviation(z) * number(tolerance));
                let margin = if margin < number(tiny) {
                    number(tiny)
                } else {
                    margin
                };
                let act = |z: T| match node {
                    Node::Clip(_, low, high) => clipped(z, number(*low), number(*high)),
                    _ => positive(z),
                };
                for (i, part) in arriving.into_iter().enumerate() {
                    let (z, mean) = (z[i], means[i]);
                    let (low, high) = if z < mean { (z, mean) } else { (mean, z) };
                    let (low, high) = (low - margin, high + margin);
                    hand(*x, i, (act(high) - act(low)) / (high - low) * part);
                }
            }
            Node::MaxPool(x, window) => {
                for (j, candidates) in candidates(net, *x, window).into_iter().enumerate() {
                    let values = &tensors[*x];
                    let most = largest(values, &candidates);
                    let won = |i: &&usize| values[**i] == most;
                    let winners = candidates.iter().filter(won).count();
                    for &i in candidates.iter().filter(won) {
                        hand(*x, i, arriving[j] / number(winners as f32));
                    }
                }
            }
            Node::Add(a, b) => {
                for (i, part) in arriving.into_iter().enumerate() {
                    hand(*a, i, part);
                    hand(*b, i, part);
                }
            }
        }
    }
    let picture = &tensors[Net::IMAGE];
    let means = map_means(net, Net::IMAGE, picture);
    let distances = picture.iter().zip(means).map(|(&x, mean)| x - mean);
    let multipliers = m.swap_remove(Net::IMAGE);
    distances.zip(multipliers).map(|(d, m)| d * m).collect()
}

/// For every element of a tensor the mean of its channel.
fn map_means<T: Number>(net: &Net, tensor: usize, values: &[T]) -> Vec<T> {
    let [_, height, width] = net.shape(tensor);
    let area = height * width;
    let mean = |map: &[T]| sum(map.iter().copied()) / number(area as f32);
    let means = values.chunks(area).map(mean);
    means.flat_map(|mean| vec![mean; area]).collect()
}

fn clipped<T: Number>(value: T, low: T, high: T) -> T {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// What each input of one output receives of its relevance, from the pairs (x_i, w_ij).
fn shares<T: Number>(rule: Rule, taps: &[(T, T)], z_j: T, deviation: T, tiny: T) -> Vec<T> {
    let z: Vec<T> = taps.iter().map(|&(x, w)| x * w).collect();
    let over = |parts: Vec<T>, denominator: T| -> Vec<T> {
        parts.into_iter().map(|part| part / denominator).collect()
    };
    let over_sum = |parts: Vec<T>| {
        let denominator = stabilised(sum(parts.iter().copied()), tiny);
        over(parts, denominator)
    };
    match rule {
        Rule::Simple => over(z, stabilised(z_j, tiny)),
        Rule::Epsilon(Epsilon::Fixed(epsilon)) => over(z, stabilised(z_j, number(epsilon))),
        Rule::Epsilon(Epsilon::Deviations(factor)) => {
            let epsilon = deviation * number(factor);
            let epsilon = if epsilon < tiny { tiny } else { epsilon };
            over(z, stabilised(z_j, epsilon))
        }
        Rule::AlphaBeta { alpha, beta } => {
            let for_it = over_sum(z.iter().map(|&z| positive(z)).collect());
            let against = over_sum(z.iter().map(|&z| negative(z)).collect());
            let pairs = for_it.into_iter().zip(against);
            pairs
                .map(|(p, n)| number::<T>(alpha) * p - number::<T>(beta) * n)
                .collect()
        }
        Rule::ZPlus => over_sum(z.into_iter().map(positive).collect()),
        Rule::Abs => over_sum(z.into_iter().map(magnitude).collect()),
        Rule::Gamma(gamma) => {
            let favoured = |z: T| {
                if z_j >= number(0.0) {
                    positive(z)
                } else {
                    negative(z)
                }
            };
            over_sum(
                z.into_iter()
                    .map(|z| z + number::<T>(gamma) * favoured(z))
                    .collect(),
            )
        }
        Rule::WSquare => over_sum(taps.iter().map(|&(_, w)| w * w).collect()),
        Rule::Flat => vec![number::<T>(1.0) / number(taps.len() as f32); taps.len()],
        Rule::ZBox { low, high } => {
            let (low, high): (T, T) = (number(low), number(high));
            over_sum(
                taps.iter()
                    .map(|&(x, w)| x * w - low * positive(w) - high * negative(w))
                    .collect(),
            )
        }
        Rule::Rescale(_) => panic!("rescale has no shares: see `rescaled`"),
    }
}

/// Population standard deviation.
fn deviation<T: Number>(z: &[T]) -> T {
    let count = number(z.len() as f32);
    let mean = sum(z.iter().copied()) / count;
    (sum(z.iter().map(|&z| (z - mean) * (z - mean))) / count).sqrt()
}

fn largest<T: Number>(values: &[T], candidates: &[usize]) -> T {
    let mut most = values[candidates[0]];
    for &i in candidates {
        if values[i] > most {
            most = values[i];
        }
    }
    most
}

fn bias<T: Number>(net: &Net, conv: &Convolution, j: usize) -> T {
    let [height, width] = conv.window.output(net.shape(conv.input));
    number(
        conv.bias
            .as_ref()
            .map_or(0.0, |bias| bias[j / (height * width)]),
    )
}

/// For every output the inputs that it reads, with their weights.
fn connections<T: Number>(net: &Net, conv: &Convolution) -> Vec<Vec<(usize, T)>> {
    let shape = net.shape(conv.input);
    let inputs = shape[0] / conv.groups;
    let [kernel_height, kernel_width] = conv.window.kernel;
    let [rows, cols] = conv.window.output(shape);
    let mut connections = Vec::new();
    for output in 0..conv.outputs {
        let group = output / (conv.outputs / conv.groups);
        for cell in cells(rows, cols) {
            let mut taps = Vec::new();
            for input in 0..inputs {
                for tap in cells(kernel_height, kernel_width) {
                    let channel = group * inputs + input;
                    let weight = ((output * inputs + input) * kernel_height + tap[0])
                        * kernel_width
                        + tap[1];
                    if let Some([row, col]) = conv.window.source(shape, cell, tap) {
                        let place = (channel * shape[1] + row) * shape[2] + col;
                        taps.push((place, number(conv.weight[weight])));
                    }
                }
            }
            connections.push(taps);
        }
    }
    connections
}

/// For every output of a pooling the inputs that it chooses from.
fn candidates(net: &Net, input: usize, window: &Window) -> Vec<Vec<usize>> {
    let shape = net.shape(input);
    let [rows, cols] = window.output(shape);
    let mut all = Vec::new();
    for channel in 0..shape[0] {
        for cell in cells(rows, cols) {
            let sources = cells(window.kernel[0], window.kernel[1])
                .filter_map(|tap| window.source(shape, cell, tap));
            let places = sources.map(|[row, col]| (channel * shape[1] + row) * shape[2] + col);
            all.push(places.collect());
        }
    }
    all
}

fn cells(rows: usize, cols: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..rows).flat_map(move |row| (0..cols).map(move |col| [row, col]))
}
