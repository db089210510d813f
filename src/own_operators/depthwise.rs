//! A transposed depthwise convolution, channel by channel: the way back through a depthwise convolution that makes maps smaller. What a chain of elementwise functions reads is made where it is read, so that it
//! never lies in memory whole.
//!
//! In: one channel's small map, and its kernel. Out: its large one. Places beyond the border count 0.

use crate::error::Result;
use crate::error::internal::{Context, ensure};

/// ONNX's ConvTranspose with a group for each channel; no bias, no dilation. Sizes are rows, then columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depthwise {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    /// Above and on the left.
    pub pads: [usize; 2],
    pub from: [usize; 2],
    pub to: [usize; 2],
}

/// Sizes and strides below which nothing overflows.
const MOST: i64 = 1 << 13;

/// What is written on the way.
#[derive(Default)]
pub struct DepthwiseScratch {
    /// The small map with places of 0 on both sides of each row.
    padded: Vec<f32>,
    /// Of one row, the places that have the same remainder by the stride.
    phase: Vec<f32>,
    taps: Vec<Tap>,
}

/// What a row of sums reads: so many numbers from one place on, times a weight.
#[derive(Clone, Copy)]
struct Tap {
    start: usize,
    weight: f32,
}

impl Depthwise {
    /// As the numbers of an attribute.
    pub fn to_ints(self) -> [i64; 10] {
        let all = [self.kernel, self.strides, self.pads, self.from, self.to];
        let mut ints = [0; 10];
        for (int, number) in ints.iter_mut().zip(all.as_flattened()) {
            *int = *number as i64;
        }
        ints
    }

    /// From the numbers of an attribute.
    ///
    /// # Errors
    /// Another number of them, or some that are no sizes.
    pub fn from_ints(ints: &[i64]) -> Result<Self> {
        let ints = <[i64; 10]>::try_from(ints).ok();
        let ints = ints.context("a layer has ten numbers")?;
        let is_size = |(place, int): (usize, &i64)| {
            let least = i64::from(!(4..6).contains(&place));
            (least..MOST).contains(int)
        };
        ensure!(ints.iter().enumerate().all(is_size), "a layer of no size");
        let [a, b, c, d, e, f, g, h, i, j] = ints.map(|int| int as usize);
        Ok(Self {
            kernel: [a, b],
            strides: [c, d],
            pads: [e, f],
            from: [g, h],
            to: [i, j],
        })
    }

    /// Of one channel of the small map.
    pub fn small_len(&self) -> usize {
        self.from[0] * self.from[1]
    }

    /// Of one channel of the large one.
    pub fn large_len(&self) -> usize {
        self.to[0] * self.to[1]
    }

    /// Of one channel's kernel.
    pub fn kernel_len(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// One channel; all three of their lengths.
    #[inline(always)]
    pub fn channel(
        &self,
        small: &[f32],
        kernel: &[f32],
        scratch: &mut DepthwiseScratch,
        large: &mut [f32],
    ) {
        let [height, width] = self.from;
        let [stride_y, stride_x] = self.strides;
        let phases = self.to[1].div_ceil(stride_x);
        // Wide enough for all that a row of sums reads.
        let left = self.kernel[1] + self.pads[1];
        let padded_width = left + width.max(phases) + self.kernel[1] + self.pads[1] + 1;
        let DepthwiseScratch {
            padded,
            phase,
            taps,
        } = scratch;
        padded.clear();
        padded.resize(height * padded_width, 0.0);
        let rows = padded.chunks_exact_mut(padded_width);
        for (padded, row) in rows.zip(small.chunks_exact(width)) {
            padded[left..left + width].copy_from_slice(row);
        }
        phase.resize(phases, 0.0);
        for (y, row) in large.chunks_exact_mut(self.to[1]).enumerate() {
            for first in 0..stride_x.min(row.len()) {
                taps.clear();
                for ky in 0..self.kernel[0] {
                    let Some(from) = self.reads(0, y, ky, stride_y) else {
                        continue;
                    };
                    if !(0..height as i64).contains(&from) {
                        continue;
                    }
                    for kx in 0..self.kernel[1] {
                        if let Some(shift) = self.reads(1, first, kx, stride_x) {
                            let start = (from as usize * padded_width + left) as i64 + shift;
                            taps.push(Tap {
                                start: start as usize,
                                weight: kernel[ky * self.kernel[1] + kx],
                            });
                        }
                    }
                }
                match stride_x {
                    1 => sums(padded, taps, row),
                    _ => {
                        let count = (row.len() - first).div_ceil(stride_x);
                        sums(padded, taps, &mut phase[..count]);
                        let places = row[first..].iter_mut().step_by(stride_x);
                        places.zip(&*phase).for_each(|(place, &sum)| *place = sum);
                    }
                }
            }
        }
    }

    /// Along an axis, where the small map is read for the place `to` of the large one and the kernel's place `k`; for the first of a phase, how far from the place's number in it.
    #[inline(always)]
    fn reads(&self, axis: usize, to: usize, k: usize, stride: usize) -> Option<i64> {
        let at = (to + self.pads[axis]) as i64 - k as i64;
        let stride = stride as i64;
        (at.rem_euclid(stride) == 0).then(|| at.div_euclid(stride))
    }
}

/// Sums of what the taps read, as many at a time as kernels of 3x3 have.
#[inline(always)]
fn sums(numbers: &[f32], taps: &[Tap], sums: &mut [f32]) {
    match taps {
        [] => sums.fill(0.0),
        [a] => some(numbers, [*a], sums),
        [a, b] => some(numbers, [*a, *b], sums),
        [a, b, c, d] => some(numbers, [*a, *b, *c, *d], sums),
        [a, b, c, d, e, f] => some(numbers, [*a, *b, *c, *d, *e, *f], sums),
        [a, b, c, d, e, f, g, h, i] => {
            some(numbers, [*a, *b, *c, *d, *e, *f, *g, *h, *i], sums);
        }
        [a, b, c, rest @ ..] => {
            some(numbers, [*a, *b, *c], sums);
            for tap in rest {
                let read = &numbers[tap.start..];
                for (sum, number) in sums.iter_mut().zip(read) {
                    *sum += number * tap.weight;
                }
            }
        }
    }
}

#[inline(always)]
fn some<const N: usize>(numbers: &[f32], taps: [Tap; N], sums: &mut [f32]) {
    let count = sums.len();
    let mut reads = [&numbers[..0]; N];
    for (read, tap) in reads.iter_mut().zip(&taps) {
        *read = &numbers[tap.start..tap.start + count];
    }
    for (place, sum) in sums.iter_mut().enumerate() {
        let mut total = 0.0;
        for (read, tap) in reads.iter().zip(&taps) {
            total += read[place] * tap.weight;
        }
        *sum = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layer by its definition: each number, times the kernel, is added to the places that it reaches.
    fn slowly(layer: &Depthwise, small: &[f32], kernel: &[f32]) -> Vec<f32> {
        let mut large = vec![0.0; layer.large_len()];
        let at = |axis: usize, place: usize, k: usize| {
            let at = (place * layer.strides[axis] + k).checked_sub(layer.pads[axis]);
            at.filter(|&at| at < layer.to[axis])
        };
        for (place, number) in small.iter().enumerate() {
            let [y, x] = [place / layer.from[1], place % layer.from[1]];
            for (k, weight) in kernel.iter().enumerate() {
                let [ky, kx] = [k / layer.kernel[1], k % layer.kernel[1]];
                if let (Some(row), Some(column)) = (at(0, y, ky), at(1, x, kx)) {
                    large[row * layer.to[1] + column] += number * weight;
                }
            }
        }
        large
    }

    #[test]
    fn each_layer_is_what_its_definition_says() {
        let layer = |kernel, strides, pads, from, to| Depthwise {
            kernel,
            strides,
            pads,
            from,
            to,
        };
        let layers = [
            layer([3, 3], [2, 2], [0, 0], [5, 4], [10, 8]),
            layer([3, 3], [2, 2], [1, 1], [5, 4], [9, 7]),
            layer([5, 3], [2, 3], [2, 0], [6, 5], [12, 15]),
            layer([2, 2], [2, 2], [0, 0], [3, 3], [6, 6]),
            layer([3, 3], [1, 1], [1, 1], [7, 9], [7, 9]),
            layer([1, 1], [2, 2], [0, 0], [3, 3], [6, 5]),
        ];
        for layer in layers {
            assert_eq!(Depthwise::from_ints(&layer.to_ints()).unwrap(), layer);
            let numbers = |len: usize| -> Vec<f32> {
                (0..len).map(|i| ((i * 7) % 11) as f32 - 4.0).collect()
            };
            let (small, kernel) = (numbers(layer.small_len()), numbers(layer.kernel_len()));
            let mut large = vec![9.0; layer.large_len()];
            let mut scratch = DepthwiseScratch::default();
            layer.channel(&small, &kernel, &mut scratch, &mut large);
            assert_eq!(large, slowly(&layer, &small, &kernel), "{layer:?}");
        }
        assert!(Depthwise::from_ints(&[1; 9]).is_err());
        assert!(Depthwise::from_ints(&[3, 3, 0, 1, 0, 0, 4, 4, 4, 4]).is_err());
    }
}
