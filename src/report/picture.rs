//! Pictures for the page, small: photos as JPEG, heatmaps as transparent PNG with a palette.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageEncoder, RgbImage};
use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::heatmap::{ColourMap, Heatmap, Scale};

/// The longer side of a photo on the page, pixels.
const PHOTO_SIDE: u32 = 720;
const QUALITY: u8 = 78;
/// Relevance of so many by so many pixels of the network's input is summed for one of the page.
const BLOCK: usize = 2;
/// Shades of each sign in the palette, and the neutral one.
const SHADES: u8 = 63;

/// Width / height, as CSS takes it.
pub fn aspect(size: Size) -> String {
    format!("{} / {}", size.width, size.height)
}

/// A photo as JPEG, scaled down.
pub fn photo_jpeg(photo: &RgbImage) -> Result<Vec<u8>> {
    let Size { width, height } = Size::from(photo.dimensions());
    let factor = f64::from(PHOTO_SIDE) / f64::from(width.max(height));
    if factor >= 1.0 {
        return jpeg(photo);
    }
    let scaled = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    let [width, height] = [width, height].map(scaled);
    jpeg(&image::imageops::resize(
        photo,
        width,
        height,
        FilterType::Triangle,
    ))
}

/// A picture as JPEG.
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .map_err(Error::internal)?;
    Ok(bytes)
}

/// A relevance map `[H, W]` in the colours of the heatmap, to be stretched over its photo.
pub fn heat_png(map: &Array2<f32>) -> Result<Vec<u8>> {
    let small = summed(map.view());
    let heatmap = Heatmap::normalise(small.view(), Scale::default());
    let shades = f32::from(SHADES);
    let indices: Vec<u8> = heatmap
        .values()
        .iter()
        .map(|value| (value * shades + shades).round() as u8)
        .collect();
    let colours = (0..=2 * SHADES)
        .map(|index| ColourMap::default().colour((f32::from(index) - shades) / shades));
    let (rgb, alpha): (Vec<[u8; 3]>, Vec<u8>) =
        colours.map(|[r, g, b, alpha]| ([r, g, b], alpha)).unzip();
    let mut bytes = Vec::new();
    let (width, height) = (heatmap.width() as u32, heatmap.height() as u32);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(rgb.concat());
    encoder.set_trns(alpha);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(Error::internal)?;
    writer.write_image_data(&indices).map_err(Error::internal)?;
    writer.finish().map_err(Error::internal)?;
    Ok(bytes)
}

/// Sums over blocks, those at the far edges cut off by the map.
fn summed(map: ArrayView2<f32>) -> Array2<f32> {
    let (height, width) = map.dim();
    let mut small = Array2::zeros((height.div_ceil(BLOCK), width.div_ceil(BLOCK)));
    for ((y, x), relevance) in map.indexed_iter() {
        small[(y / BLOCK, x / BLOCK)] += relevance;
    }
    small
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;
    use ndarray::array;

    use super::*;

    fn colour(value: f32) -> [u8; 4] {
        ColourMap::default().colour(value)
    }

    fn decoded(bytes: &[u8]) -> DynamicImage {
        image::load_from_memory(bytes).unwrap()
    }

    #[test]
    fn large_photos_shrink_and_small_ones_stay() {
        for (from, to) in [
            ((1440, 720), (720, 360)),
            ((100, 60), (100, 60)),
            ((3000, 1), (720, 1)),
        ] {
            let small = decoded(&photo_jpeg(&RgbImage::new(from.0, from.1)).unwrap());
            assert_eq!((small.width(), small.height()), to);
        }
        assert_eq!(aspect(Size::new(1440, 720)), "1440 / 720");
    }

    #[test]
    fn heat_has_the_heatmaps_colours() {
        // Blocks of 2 sum to 4, −4 and 0; the last column is a block by itself.
        let map = array![
            [1.0, 1.0, -1.0, -1.0, 0.0],
            [1.0, 1.0, -1.0, -1.0, 0.0],
            [0.0, 0.0, 2.0, -2.0, 2.0]
        ];
        let layer = decoded(&heat_png(&map).unwrap()).into_rgba8();
        assert_eq!(layer.dimensions(), (3, 2));
        for (x, y, value) in [(0, 0, 1.0), (1, 0, -1.0), (2, 0, 0.0), (1, 1, 0.0)] {
            let [.., alpha] = layer.get_pixel(x, y).0;
            assert_eq!(alpha, colour(value)[3], "{x}, {y}");
            if alpha > 0 {
                assert_eq!(layer.get_pixel(x, y).0, colour(value));
            }
        }
        // Half the magnitude, to the nearest shade.
        let half = layer.get_pixel(2, 1).0[3].abs_diff(colour(0.5)[3]);
        assert!(half < 4, "{half}");
    }
}
