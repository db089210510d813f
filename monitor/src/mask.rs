//! Parts of a picture that nobody is to see, painted over before anything else looks at it: network, page and evidence alike.

use image::RgbImage;

use ssdcrp::stream::Polygon;

/// The middle of all colours, which speaks least for anything.
const GREY: u8 = 128;

/// Paints polygons over a picture.
pub fn paint(masks: &[Polygon], picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    let stride = 3 * width as usize;
    if stride == 0 {
        return;
    }
    for (y, row) in (0..height).zip(picture.chunks_exact_mut(stride)) {
        for mask in masks {
            let sides = mask.crossings((y as f32 + 0.5) / height as f32);
            for pair in sides.chunks_exact(2) {
                // A pixel that a side cuts is hidden too.
                let first = (pair[0] * width as f32).floor() as usize;
                let end = (pair[1] * width as f32).ceil() as usize;
                if let Some(pixels) = row.get_mut(3 * first..3 * end.min(width as usize)) {
                    pixels.fill(GREY);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn what_lies_in_a_mask_is_gone_and_nothing_else() {
        let mut picture = RgbImage::from_pixel(8, 4, Rgb([9, 8, 7]));
        let triangle = Polygon::new(vec![[0.25, 0.0], [0.75, 0.0], [0.75, 0.5]]).unwrap();
        let bottom = Polygon::new(vec![[0.0, 0.75], [1.0, 0.75], [1.0, 1.0], [0.0, 1.0]]).unwrap();
        paint(&[triangle, bottom], &mut picture);
        let rows: Vec<String> = (picture.rows())
            .map(|row| {
                row.map(|pixel| if pixel[0] == GREY { '#' } else { '.' })
                    .collect()
            })
            .collect();
        assert_eq!(rows, ["...###..", ".....#..", "........", "########"]);
        paint(&[], &mut RgbImage::new(0, 0));
    }
}
