//! The rule `spread`: what a feature map received, summed over its channels, goes to the pixels at once, by a cubic B-spline around the centre of each cell's receptive field. No layer below is passed.

use super::compiler::{Compiler, RelevanceTerm};
use super::receptive_field::{self, Centres};
use crate::error::Result;
use crate::onnx::Tensor;
use crate::onnx::ops::{Arithmetic, Convolution, Matrix};

/// Hands the relevance that arrived at `tensor` to the picture.
pub(super) fn propagate(
    compiler: &mut Compiler,
    tensor: &str,
    shares: Vec<RelevanceTerm>,
) -> Result<()> {
    let graph = compiler.graph;
    let (image, [_, channels, height, width]) = graph.image_input()?;
    let [_, _, rows, cols] = graph.feature_map(tensor)?;
    let [vertical, horizontal] = receptive_field::centres(graph, tensor)?;
    let sum = compiler.channel_sum(tensor, shares)?;
    let emitter = &mut compiler.emitter;
    let down = emitter.constant_with(&format!("{tensor}:spread:rows"), || {
        let shares = shares_of_pixels(vertical, rows, height);
        // [height, rows]: one column a cell.
        let data = (0..height).flat_map(|y| shares.iter().map(move |cell| cell[y]));
        Tensor {
            dims: vec![height, rows],
            data: data.collect(),
        }
    });
    let across = emitter.constant_with(&format!("{tensor}:spread:columns"), || Tensor {
        dims: vec![cols, width],
        data: shares_of_pixels(horizontal, cols, width).concat(),
    });
    let wide = emitter.op(Matrix::MatMul, &[&sum, &across], &[]);
    let pixels = emitter.op(Matrix::MatMul, &[&down, &wide], &[]);
    let coefficient = compiler.over_channels(&pixels, channels);
    let share = RelevanceTerm {
        coefficient,
        base: None,
    };
    compiler.give(image, share);
    Ok(())
}

impl Compiler<'_> {
    /// All relevance that arrived at a tensor, summed over its channels: `[N, 1, H, W]`.
    pub(super) fn channel_sum(
        &mut self,
        tensor: &str,
        shares: Vec<RelevanceTerm>,
    ) -> Result<String> {
        let [_, channels, _, _] = self.graph.feature_map(tensor)?;
        let share = self.sum(shares);
        let relevance = self.materialise(&share);
        // A convolution is the sum over channels that reads the same in every operator set.
        let ones = self
            .emitter
            .constant_with(&format!("ones:{channels}"), || Tensor {
                dims: vec![1, channels, 1, 1],
                data: vec![1.0; channels],
            });
        let sum = self
            .emitter
            .op(Convolution::Conv, &[&relevance, &ones], &[]);
        if let Some(&window) = self.windows.get(&relevance) {
            self.windows.insert(sum.clone(), window);
        }
        Ok(self.whole(&sum))
    }

    /// A sum over channels, `[N, 1, H, W]`, as that many channels that share it alike.
    pub(super) fn over_channels(&mut self, sum: &str, channels: usize) -> String {
        let alike = self
            .emitter
            .constant_with(&format!("alike:{channels}"), || Tensor {
                dims: vec![1, channels, 1, 1],
                data: vec![1.0 / channels as f32; channels],
            });
        self.emitter.op(Arithmetic::Mul, &[sum, &alike], &[])
    }
}

/// For each cell the shares of the pixels of its row or column, which add up to 1.
fn shares_of_pixels(centres: Centres, cells: usize, pixels: usize) -> Vec<Vec<f32>> {
    let shares = |cell: usize| {
        let centre = centres.first + centres.step * cell as f64;
        let weight = |pixel: usize| b_spline((pixel as f64 - centre) / centres.step);
        let mut weights: Vec<f64> = (0..pixels).map(weight).collect();
        let mut sum: f64 = weights.iter().sum();
        if sum <= 0.0 {
            // The cell looks past the border: the pixel next to it takes all.
            let nearest = centre.round().clamp(0.0, pixels as f64 - 1.0) as usize;
            weights[nearest] = 1.0;
            sum = 1.0;
        }
        weights.into_iter().map(|w| (w / sum) as f32).collect()
    };
    (0..cells).map(shares).collect()
}

/// The cubic B-spline on whole numbers, 0 from 2 on.
fn b_spline(t: f64) -> f64 {
    match t.abs() {
        t if t < 1.0 => 2.0 / 3.0 - t * t + t * t * t / 2.0,
        t if t < 2.0 => (2.0 - t).powi(3) / 6.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_hands_on_all_that_it_has() {
        let centres = Centres {
            first: -30.0,
            step: 8.0,
        };
        for cell in shares_of_pixels(centres, 9, 30) {
            assert!((cell.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{cell:?}");
        }
    }

    #[test]
    fn equal_cells_make_an_even_picture() {
        let centres = Centres {
            first: 3.0,
            step: 8.0,
        };
        let cells = shares_of_pixels(centres, 12, 96);
        for pixel in 32..64 {
            let sum: f32 = cells.iter().map(|cell| cell[pixel]).sum();
            assert!((sum - 1.0 / 8.0).abs() < 1e-6, "{pixel}: {sum}");
        }
    }
}
