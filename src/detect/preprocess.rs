//! From a picture to the network's input: warped to the input size by bilinear sampling in floating point, colour order, mean and
//! scale, all in one pass.

use image::RgbImage;
use ndarray::Array4;

use super::manifest::{Colour, InputSection, Resize};
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
    /// The picture's that it was sampled from.
    pub source_size: Size,
}

impl NetworkInput {
    /// The picture as the network sees it, which `input` of its manifest describes: the way back from the tensor.
    pub fn picture(&self, input: &InputSection) -> RgbImage {
        let (_, _, height, width) = self.tensor.dim();
        let order = match input.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            image::Rgb(order.map(|channel| {
                let value = self.tensor[[0, channel, y as usize, x as usize]];
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

    let columns = taps(source_size.width, input_size.width, input.resize);
    let rows = taps(source_size.height, input_size.height, input.resize);
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
    Ok(NetworkInput {
        tensor,
        source_size,
    })
}

/// One tap for each of `target` positions along a side of `source` pixels; both positive.
fn taps(source: u32, target: u32, resize: Resize) -> Vec<Tap> {
    match resize {
        Resize::Bilinear => Tap::centred(source, target),
        Resize::BilinearLegacy => {
            let scale = f64::from(source) / f64::from(target);
            (0..target)
                .map(|i| Tap::at(f64::from(i) * scale, source))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Axis;
    use proptest::prelude::*;

    fn input(colour: Colour, resize: Resize) -> InputSection {
        InputSection {
            tensor: None,
            size: None,
            colour,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize,
        }
    }

    /// A grey picture of these rows.
    fn grey<const W: usize>(rows: &[[u8; W]]) -> RgbImage {
        RgbImage::from_fn(W as u32, rows.len() as u32, |x, y| {
            image::Rgb([rows[y as usize][x as usize]; 3])
        })
    }

    fn assert_channel(picture: &RgbImage, size: (u32, u32), resize: Resize, expected: &[f32]) {
        let found = sample(picture, size.into(), &input(Colour::Rgb, resize))
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
        assert_channel(&picture, (4, 4), Resize::BilinearLegacy, &legacy);
        // Positions 0 (−.25), .25, .75, 1 (1.25).
        let centred = [
            0., 25., 75., 100., 10., 38.75, 96.25, 125., 30., 66.25, 138.75, 175., 40., 80., 160.,
            200.,
        ];
        assert_channel(&picture, (4, 4), Resize::Bilinear, &centred);
    }

    #[test]
    fn halving_takes_every_other_pixel_or_the_mean() {
        let picture = grey(&[[0, 10, 20, 30], [40, 50, 60, 70]]);
        assert_channel(&picture, (2, 1), Resize::BilinearLegacy, &[0., 20.]);
        assert_channel(&picture, (2, 1), Resize::Bilinear, &[25., 45.]);
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
                resize: Resize::Bilinear,
            };
            let found = sample(&picture, Size::new(2, 2), &input).unwrap();
            assert_eq!(found.source_size, Size::new(3, 2));
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
    fn a_picture_or_an_input_without_pixels_is_an_error() {
        let input = input(Colour::Rgb, Resize::Bilinear);
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
        resize: Resize,
        c: usize,
        x: u32,
        y: u32,
    ) -> f32 {
        let position = |i: u32, source: u32, target: u32| {
            let (half, ratio) = (
                if resize == Resize::Bilinear { 0.5 } else { 0.0 },
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
            let resize = if legacy { Resize::BilinearLegacy } else { Resize::Bilinear };
            let found = sample(&picture, size.into(), &input(Colour::Rgb, resize)).unwrap().tensor;
            for ((_, c, y, x), &value) in found.indexed_iter() {
                let expected = dense(&picture, size, resize, c, x as u32, y as u32);
                prop_assert!((value - expected).abs() < 1e-2, "channel {c} at {x},{y}: {value}, expected {expected}");
            }
        }

        #[test]
        fn the_same_size_changes_no_pixel(picture in any_picture(), legacy: bool) {
            let resize = if legacy { Resize::BilinearLegacy } else { Resize::Bilinear };
            let found = sample(&picture, picture.dimensions().into(), &input(Colour::Bgr, resize)).unwrap().tensor;
            for (x, y, pixel) in picture.enumerate_pixels() {
                for c in 0..3 {
                    prop_assert_eq!(found[[0, 2 - c, y as usize, x as usize]], f32::from(pixel[c]));
                }
            }
        }

        #[test]
        fn a_plain_picture_stays_plain(colour: [u8; 3], from in (1..40u32, 1..40u32), to in (1..40u32, 1..40u32)) {
            let picture = RgbImage::from_pixel(from.0, from.1, image::Rgb(colour));
            let found = sample(&picture, to.into(), &input(Colour::Rgb, Resize::Bilinear)).unwrap().tensor;
            for ((_, c, ..), &value) in found.indexed_iter() {
                prop_assert_eq!(value, f32::from(colour[c]));
            }
        }
    }
}
