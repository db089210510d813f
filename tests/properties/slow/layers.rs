//! Linear layers as lists: for every output the inputs that it reads, with their weights.

use crate::net::{Convolution, Net, Resize};
use crate::window::Window;

use super::number::{Number, number};

/// y_j = Σ x_i·w_ij + b_j
pub struct Layer<T> {
    /// The tensor x.
    pub input: usize,
    /// For every j pairs (i, w_ij). Padding is no input, and neither is what has no weight by construction.
    pub taps: Vec<Vec<(usize, T)>>,
    pub bias: Vec<T>,
}

/// A convolution, which may read another tensor by another window than it says.
pub fn convolution<T: Number>(
    net: &Net,
    conv: &Convolution,
    input: usize,
    window: &Window,
) -> Layer<T> {
    let shape = net.shape(input);
    let inputs = shape[0] / conv.groups;
    let area = window.kernel[0] * window.kernel[1];
    let [rows, cols] = window.output(shape);
    let mut layer = Layer::without_taps(input);
    for output in 0..conv.outputs {
        let group = output / (conv.outputs / conv.groups);
        for cell in cells(rows, cols) {
            let mut taps = Vec::new();
            for channel in 0..inputs {
                for (index, tap) in cells(window.kernel[0], window.kernel[1]).enumerate() {
                    let weight = conv.weight[(output * inputs + channel) * area + index];
                    if let Some(source) = window.source(shape, cell, tap) {
                        let place = place(shape, group * inputs + channel, source);
                        taps.push((place, number(weight)));
                    }
                }
            }
            layer.push(taps, bias(conv, output));
        }
    }
    layer
}

pub fn transposed<T: Number>(net: &Net, conv: &Convolution, made: usize) -> Layer<T> {
    let shape = net.shape(conv.input);
    let (inputs, outputs) = (shape[0] / conv.groups, conv.outputs / conv.groups);
    let window = &conv.window;
    let area = window.kernel[0] * window.kernel[1];
    let [_, rows, cols] = net.shape(made);
    let mut layer = Layer::without_taps(conv.input);
    for output in 0..conv.outputs {
        let first = output / outputs * inputs;
        for cell in cells(rows, cols) {
            let mut taps = Vec::new();
            for channel in first..first + inputs {
                for (index, tap) in cells(window.kernel[0], window.kernel[1]).enumerate() {
                    let weight = conv.weight[(channel * outputs + output % outputs) * area + index];
                    if let Some(source) = window.transposed_source(shape, cell, tap) {
                        taps.push((place(shape, channel, source), number(weight)));
                    }
                }
            }
            layer.push(taps, bias(conv, output));
        }
    }
    layer
}

/// Padding that counts makes the inputs' weights smaller, and is none itself.
pub fn average<T: Number>(net: &Net, input: usize, window: &Window, counts_pads: bool) -> Layer<T> {
    let mut layer = Layer::without_taps(input);
    for places in windows(net, input, window) {
        let count = if counts_pads {
            window.kernel[0] * window.kernel[1]
        } else {
            places.len()
        };
        layer.push(equal(places, count), number(0.0));
    }
    layer
}

pub fn whole_average<T: Number>(net: &Net, input: usize) -> Layer<T> {
    let [channels, height, width] = net.shape(input);
    let area = height * width;
    let mut layer = Layer::without_taps(input);
    for channel in 0..channels {
        let places = (channel * area..(channel + 1) * area).collect();
        layer.push(equal(places, area), number(0.0));
    }
    layer
}

/// Every output is the input at the same place.
pub fn identity<T: Number>(net: &Net, input: usize) -> Layer<T> {
    let mut layer = Layer::without_taps(input);
    for place in 0..net.shape(input).iter().product() {
        layer.push(vec![(place, number(1.0))], number(0.0));
    }
    layer
}

/// Bilinear: a weight for the row times one for the column.
pub fn interpolation<T: Number>(net: &Net, input: usize, resize: &Resize) -> Layer<T> {
    let shape = net.shape(input);
    let [rows, cols] = [0, 1].map(|axis| {
        let outputs = 0..resize.size[axis];
        outputs
            .map(|output| resize.mixed::<T>(shape[axis + 1], axis, output))
            .collect::<Vec<_>>()
    });
    let mut layer = Layer::without_taps(input);
    for channel in 0..shape[0] {
        for [row, col] in cells(rows.len(), cols.len()) {
            let mut taps = Vec::new();
            for &(row, by_row) in &rows[row] {
                for &(col, by_col) in &cols[col] {
                    taps.push((place(shape, channel, [row, col]), by_row * by_col));
                }
            }
            layer.push(taps, number(0.0));
        }
    }
    layer
}

impl Resize {
    /// Where an output row or column lies among the inputs, as a fraction: numerator and denominator.
    pub fn coordinate(&self, inputs: usize, axis: usize, output: usize) -> (i64, i64) {
        let (x, inputs, outputs) = (output as i64, inputs as i64, self.size[axis] as i64);
        match self.coordinates {
            "asymmetric" => (x * inputs, outputs),
            "align_corners" | "pytorch_half_pixel" if outputs == 1 => (0, 1),
            "align_corners" => (x * (inputs - 1), outputs - 1),
            // The output's centre lies on the input's in all of them.
            _ => ((2 * x + 1) * inputs - outputs, 2 * outputs),
        }
    }

    /// The inputs that an output row or column is mixed from; what lies beyond the edge is the edge.
    fn mixed<T: Number>(&self, inputs: usize, axis: usize, output: usize) -> Vec<(usize, T)> {
        let (numerator, denominator) = self.coordinate(inputs, axis, output);
        let last = (inputs - 1) as i64 * denominator;
        let numerator = numerator.clamp(0, last);
        let (low, rest) = (numerator / denominator, numerator % denominator);
        let share = |part: i64| number::<T>(part as f32) / number(denominator as f32);
        let mut taps = vec![(low as usize, share(denominator - rest))];
        if rest > 0 {
            taps.push((low as usize + 1, share(rest)));
        }
        taps
    }
}

/// For every output of a window in each channel the inputs within it.
pub fn windows(net: &Net, input: usize, window: &Window) -> Vec<Vec<usize>> {
    let shape = net.shape(input);
    let [rows, cols] = window.output(shape);
    let mut all = Vec::new();
    for channel in 0..shape[0] {
        for cell in cells(rows, cols) {
            let taps = cells(window.kernel[0], window.kernel[1]);
            let sources = taps.filter_map(|tap| window.source(shape, cell, tap));
            all.push(sources.map(|at| place(shape, channel, at)).collect());
        }
    }
    all
}

impl<T> Layer<T> {
    fn without_taps(input: usize) -> Self {
        Self {
            input,
            taps: Vec::new(),
            bias: Vec::new(),
        }
    }

    fn push(&mut self, taps: Vec<(usize, T)>, bias: T) {
        self.taps.push(taps);
        self.bias.push(bias);
    }
}

fn equal<T: Number>(places: Vec<usize>, count: usize) -> Vec<(usize, T)> {
    let share = number::<T>(1.0) / number(count as f32);
    places.into_iter().map(|place| (place, share)).collect()
}

fn bias<T: Number>(conv: &Convolution, output: usize) -> T {
    number(conv.bias.as_ref().map_or(0.0, |bias| bias[output]))
}

fn place([_, height, width]: [usize; 3], channel: usize, [row, col]: [usize; 2]) -> usize {
    (channel * height + row) * width + col
}

fn cells(rows: usize, cols: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..rows).flat_map(move |row| (0..cols).map(move |col| [row, col]))
}
