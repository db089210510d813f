//! From a picture to the network's input: brought to the input's size, warped or between bars, by bilinear sampling in floating point, colour order, mean
//! and scale, all in one pass.

use image::RgbImage;
use ndarray::Array4;

use super::fit::Fit;
use super::manifest::{Colour, InputSection, Resize, Sampling};
use crate::bilinear::{Tap, bilinear};
use crate::error::picture::ensure;
use crate::error::{Error, Result};
use crate::geometry::Size;

/// A picture that the network's input can be sampled from, in whatever format it is stored.
pub trait Pixels {
    /// In pixels.
    fn size(&self) -> Size;
    /// Red, green and blue at column `x` < width and row `y` < height.
    fn rgb(&self, x: u32, y: u32) -> [u8; 3];

    /// The picture resampled, 0..=255: red, green and blue where each of `rows` meets each of `columns`, row by row.
    ///
    /// A format whose RGB is a linear function of what is stored may interpolate what is stored, and convert one pixel in
    /// the place of four.
    fn resample(&self, rows: &[Tap], columns: &[Tap], [red, green, blue]: [&mut [f32]; 3]) {
        let places = (rows.iter()).flat_map(|row| columns.iter().map(move |column| (row, column)));
        for ((((row, column), red), green), blue) in places.zip(red).zip(green).zip(blue) {
            let corners =
                [row.low, row.high].map(|y| [column.low, column.high].map(|x| self.rgb(x, y)));
            let value = |c: usize| {
                bilinear(
                    *row,
                    *column,
                    corners.map(|row| row.map(|pixel| f32::from(pixel[c]))),
                )
            };
            (*red, *green, *blue) = (value(0), value(1), value(2));
        }
    }
}

impl Pixels for RgbImage {
    fn size(&self) -> Size {
        self.dimensions().into()
    }

    #[inline]
    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        self.get_pixel(x, y).0
    }
}

/// What goes into the network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInput {
    /// [1, 3, H, W], H and W being the network's.
    pub tensor: Array4<f32>,
    /// How the picture lies in it.
    pub fit: Fit,
}

impl NetworkInput {
    /// The picture's part of the tensor, `[1, 3, h, w]`: without the bars.
    pub fn picture_values(&self) -> Array4<f32> {
        self.fit.of_picture(self.tensor.clone())
    }

    /// The same input with other values in the place of the picture's, `[1, 3, h, w]`; the bars stay.
    ///
    /// # Errors
    /// If they are more or fewer.
    pub fn with_picture_values(&self, values: &Array4<f32>) -> Result<Self> {
        let mut tensor = self.tensor.clone();
        let mut part = self.fit.of_picture_mut(tensor.view_mut());
        ensure!(
            part.dim() == values.dim(),
            "the picture's part of the network's input is {:?}, not {:?}",
            part.shape(),
            values.shape()
        );
        part.assign(values);
        Ok(Self { tensor, ..*self })
    }

    /// The picture as the network sees it, which `input` of its manifest describes: the way back from the tensor, without the bars.
    pub fn picture(&self, input: &InputSection) -> RgbImage {
        let values = self.picture_values();
        let (_, _, height, width) = values.dim();
        let order = match input.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            image::Rgb(order.map(|channel| {
                let value = values[[0, channel, y as usize, x as usize]];
                // Rounded: what is negative, or above 255, becomes the nearest that there is.
                (value * input.std[channel] + input.mean[channel] + 0.5) as u8
            }))
        })
    }
}

/// Samples `picture` into a network input of `input_size`, as the manifest's `[input]` says. Nothing is smoothed
/// before shrinking, as nothing was when the networks were trained.
///
/// # Errors
/// If the picture or the input has no pixels.
pub fn sample<P: Pixels>(
    picture: &P,
    input_size: Size,
    input: &InputSection,
) -> Result<NetworkInput> {
    let source_size = picture.size();
    ensure!(
        !source_size.is_empty(),
        "the picture is {source_size}: it has no pixels"
    );
    ensure!(
        !input_size.is_empty(),
        "the network's input is {input_size}: it has no pixels"
    );

    let fit = Fit::new(source_size, input_size, &input.resize);
    let sampling = input.resize.sampling();
    let columns = taps(source_size.width, fit.size().width, sampling);
    let rows = taps(source_size.height, fit.size().height, sampling);
    let plane = rows.len() * columns.len();
    let mut tensor = vec![0.0; 3 * plane];
    let (first, rest) = tensor.split_at_mut(plane);
    let (second, third) = rest.split_at_mut(plane);
    // In the order of the picture's colours.
    let colours = match input.colour {
        Colour::Rgb => [first, second, third],
        Colour::Bgr => [third, second, first],
    };
    picture.resample(&rows, &columns, colours);
    let channels = tensor
        .chunks_exact_mut(plane)
        .zip(input.mean)
        .zip(input.std);
    for ((channel, mean), std) in channels {
        let scale = 1.0 / std;
        channel
            .iter_mut()
            .for_each(|value| *value = (*value - mean) * scale);
    }
    let tensor = Array4::from_shape_vec((1, 3, rows.len(), columns.len()), tensor)
        .map_err(Error::internal)?;
    let tensor = match input.resize {
        Resize::Letterbox(letterbox) if fit.has_bars() => {
            let Size { width, height } = input_size;
            let (rows, columns) = (height as usize, width as usize);
            let mut whole = Array4::from_shape_fn((1, 3, rows, columns), |(_, c, ..)| {
                (letterbox.bars[c] - input.mean[c]) * (1.0 / input.std[c])
            });
            fit.of_picture_mut(whole.view_mut()).assign(&tensor);
            whole
        }
        _ => tensor,
    };
    Ok(NetworkInput { tensor, fit })
}

/// One tap for each of `target` positions along a side of `source` pixels; both positive.
fn taps(source: u32, target: u32, sampling: Sampling) -> Vec<Tap> {
    let scaled = |scale: f64| {
        (0..target)
            .map(|i| Tap::at(f64::from(i) * scale, source))
            .collect()
    };
    match sampling {
        Sampling::Bilinear => Tap::centred(source, target),
        Sampling::BilinearLegacy => scaled(f64::from(source) / f64::from(target)),
        Sampling::BilinearCorners => {
            let between = |pixels: u32| f64::from(pixels.saturating_sub(1));
            scaled(between(source) / between(target).max(1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::manifest::{Alignment, Letterbox, Rounding};
    use ndarray::Axis;
    use proptest::prelude::*;

    fn input(colour: Colour, sampling: Sampling) -> InputSection {
        InputSection {
            tensor: None,
            size: None,
            colour,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Warp(sampling),
        }
    }

    /// A grey picture of these rows.
    fn grey<const W: usize>(rows: &[[u8; W]]) -> RgbImage {
        RgbImage::from_fn(W as u32, rows.len() as u32, |x, y| {
            image::Rgb([rows[y as usize][x as usize]; 3])
        })
    }

    fn assert_channel(picture: &RgbImage, size: (u32, u32), sampling: Sampling, expected: &[f32]) {
        let found = sample(picture, size.into(), &input(Colour::Rgb, sampling))
            .unwrap()
            .tensor;
        assert_eq!(found.dim(), (1, 3, size.1 as usize, size.0 as usize));
        for plane in found.index_axis(Axis(0), 0).outer_iter() {
            assert_eq!(plane.iter().copied().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn enlarging_two_pixels_to_four_tells_the_conventions_apart() {
        let picture = grey(&[[0, 100], [40, 200]]);
        // Positions 0, .5, 1, 1 (1.5 is beyond the last pixel) in both directions.
        let legacy = [
            0., 50., 100., 100., 20., 85., 150., 150., 40., 120., 200., 200., 40., 120., 200., 200.,
        ];
        assert_channel(&picture, (4, 4), Sampling::BilinearLegacy, &legacy);
        // Positions 0 (−.25), .25, .75, 1 (1.25).
        let centred = [
            0., 25., 75., 100., 10., 38.75, 96.25, 125., 30., 66.25, 138.75, 175., 40., 80., 160.,
            200.,
        ];
        assert_channel(&picture, (4, 4), Sampling::Bilinear, &centred);
    }

    #[test]
    fn halving_takes_every_other_pixel_or_the_mean() {
        let picture = grey(&[[0, 10, 20, 30], [40, 50, 60, 70]]);
        assert_channel(&picture, (2, 1), Sampling::BilinearLegacy, &[0., 20.]);
        assert_channel(&picture, (2, 1), Sampling::Bilinear, &[25., 45.]);
    }

    #[test]
    fn channels_follow_the_colour_order_and_their_own_mean_and_scale() {
        let picture = RgbImage::from_pixel(3, 2, image::Rgb([10, 20, 30]));
        for (colour, expected) in [
            (Colour::Rgb, [9.0, 9.0, 6.75]),
            (Colour::Bgr, [29.0, 9.0, 1.75]),
        ] {
            let input = InputSection {
                tensor: None,
                size: None,
                colour,
                mean: [1.0, 2.0, 3.0],
                std: [1.0, 2.0, 4.0],
                resize: Resize::Warp(Sampling::Bilinear),
            };
            let found = sample(&picture, Size::new(2, 2), &input).unwrap();
            assert_eq!(found.fit.source(), Size::new(3, 2));
            let back = found.picture(&input);
            assert_eq!(back, RgbImage::from_pixel(2, 2, image::Rgb([10, 20, 30])));
            for (c, expected) in expected.into_iter().enumerate() {
                let plane = found.tensor.index_axis(Axis(1), c);
                assert!(
                    plane.iter().all(|&value| value == expected),
                    "{colour:?} channel {c}: {plane}"
                );
            }
        }
    }

    #[test]
    fn a_letterboxed_picture_is_the_warped_one_between_bars() {
        let picture = RgbImage::from_fn(6, 3, |x, y| image::Rgb([40 * x as u8, 70 * y as u8, 9]));
        let bars = |alignment| {
            Resize::Letterbox(Letterbox {
                alignment,
                bars: [114.0, 0.0, 30.0],
                enlarge: true,
                rounding: Rounding::Nearest,
                sampling: Sampling::Bilinear,
            })
        };
        let section = |resize| InputSection {
            mean: [10.0, 20.0, 30.0],
            std: [2.0; 3],
            resize,
            ..input(Colour::Rgb, Sampling::Bilinear)
        };
        let warped = section(Resize::Warp(Sampling::Bilinear));
        let warped = sample(&picture, Size::new(4, 2), &warped).unwrap();
        for (alignment, top) in [(Alignment::Centre, 1), (Alignment::TopLeft, 0)] {
            let section = section(bars(alignment));
            let found = sample(&picture, Size::new(4, 4), &section).unwrap();
            assert_eq!(found.picture_values(), warped.tensor);
            for ((_, c, y, _), &value) in found.tensor.indexed_iter() {
                let in_bar = y < top || y >= top + 2;
                assert!(
                    !in_bar || value == [52.0, -10.0, 0.0][c],
                    "{c} {y}: {value}"
                );
            }
            assert_eq!(found.picture(&section), warped.picture(&section));
            let darker = &warped.tensor - 1.0;
            let changed = found.with_picture_values(&darker).unwrap();
            assert_eq!(changed.picture_values(), darker);
            assert_eq!((&found.tensor - &changed.tensor).sum(), 3.0 * 8.0);
            assert!(found.with_picture_values(&found.tensor).is_err());
        }
    }

    #[test]
    fn corners_lie_on_corners() {
        let picture = grey(&[[0, 30, 90]]);
        let size = (5, 1);
        let expected = [0., 15., 30., 60., 90.];
        assert_channel(&picture, size, Sampling::BilinearCorners, &expected);
        assert_channel(&picture, (1, 1), Sampling::BilinearCorners, &[0.]);
    }

    #[test]
    fn a_picture_or_an_input_without_pixels_is_an_error() {
        let input = input(Colour::Rgb, Sampling::Bilinear);
        let error = sample(&RgbImage::new(0, 5), Size::new(4, 4), &input)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "the picture is 0x5: it has no pixels");
        assert!(sample(&RgbImage::new(5, 5), Size::new(4, 0), &input).is_err());
    }

    /// Bilinear sampling as a sum over the whole picture: each pixel weighs max(0, 1 − distance) in each direction.
    fn dense(
        picture: &RgbImage,
        (width, height): (u32, u32),
        sampling: Sampling,
        c: usize,
        x: u32,
        y: u32,
    ) -> f32 {
        let position = |i: u32, source: u32, target: u32| {
            let (half, ratio) = (
                if sampling == Sampling::Bilinear {
                    0.5
                } else {
                    0.0
                },
                source as f32 / target as f32,
            );
            ((i as f32 + half) * ratio - half)
                .max(0.0)
                .min(source as f32 - 1.0)
        };
        let (u, v) = (
            position(x, picture.width(), width),
            position(y, picture.height(), height),
        );
        let tent = |at: u32, position: f32| (1.0 - (at as f32 - position).abs()).max(0.0);
        picture
            .enumerate_pixels()
            .map(|(i, j, pixel)| f32::from(pixel[c]) * tent(i, u) * tent(j, v))
            .sum()
    }

    fn any_picture() -> impl Strategy<Value = RgbImage> {
        (1..9u32, 1..9u32).prop_flat_map(|(w, h)| {
            prop::collection::vec(any::<u8>(), (w * h * 3) as usize).prop_map(move |bytes| {
                RgbImage::from_raw(w, h, bytes).expect("three bytes a pixel")
            })
        })
    }

    proptest! {
        #[test]
        fn sampling_is_bilinear_at_every_size(picture in any_picture(), size in (1..9u32, 1..9u32), legacy: bool) {
            let sampling = if legacy { Sampling::BilinearLegacy } else { Sampling::Bilinear };
            let found = sample(&picture, size.into(), &input(Colour::Rgb, sampling)).unwrap().tensor;
            for ((_, c, y, x), &value) in found.indexed_iter() {
                let expected = dense(&picture, size, sampling, c, x as u32, y as u32);
                prop_assert!((value - expected).abs() < 1e-2, "channel {c} at {x},{y}: {value}, expected {expected}");
            }
        }

        #[test]
        fn the_same_size_changes_no_pixel(picture in any_picture(), legacy: bool) {
            let sampling = if legacy { Sampling::BilinearLegacy } else { Sampling::Bilinear };
            let found = sample(&picture, picture.dimensions().into(), &input(Colour::Bgr, sampling)).unwrap().tensor;
            for (x, y, pixel) in picture.enumerate_pixels() {
                for c in 0..3 {
                    prop_assert_eq!(found[[0, 2 - c, y as usize, x as usize]], f32::from(pixel[c]));
                }
            }
        }

        #[test]
        fn a_plain_picture_stays_plain(colour: [u8; 3], from in (1..40u32, 1..40u32), to in (1..40u32, 1..40u32)) {
            let picture = RgbImage::from_pixel(from.0, from.1, image::Rgb(colour));
            let found = sample(&picture, to.into(), &input(Colour::Rgb, Sampling::Bilinear)).unwrap().tensor;
            for ((_, c, ..), &value) in found.indexed_iter() {
                prop_assert_eq!(value, f32::from(colour[c]));
            }
        }
    }
}
