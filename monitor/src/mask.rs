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
            for [left, right] in spans(mask, y as f32, height as f32) {
                let first = (left * width as f32).floor() as usize;
                let end = (right * width as f32).ceil() as usize;
                if let Some(pixels) = row.get_mut(3 * first..3 * end.min(width as usize)) {
                    pixels.fill(GREY);
                }
            }
        }
    }
}

/// From where to where a polygon reaches in a row of pixels, in shares of the width. A pixel that a side cuts is hidden too; one that no side cuts is inside where its middle is.
fn spans(mask: &Polygon, row: f32, height: f32) -> Vec<[f32; 2]> {
    let (upper, lower) = (row / height, (row + 1.0) / height);
    let middle = mask.crossings((row + 0.5) / height);
    let inside = middle.as_chunks::<2>().0.iter().copied();
    let sides = mask.sides().filter_map(|(a, b)| {
        let (top, bottom) = (a[1].min(b[1]).max(upper), a[1].max(b[1]).min(lower));
        let is_level = a[1] == b[1];
        if is_level {
            // On the edge of a row it cuts no pixel.
            return (upper < a[1] && a[1] < lower).then(|| [a[0].min(b[0]), a[0].max(b[0])]);
        }
        let at = |y: f32| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
        let ends = [at(top), at(bottom)];
        (top < bottom).then(|| [ends[0].min(ends[1]), ends[0].max(ends[1])])
    });
    inside.chain(sides).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// What is hidden of a picture.
    fn rows(picture: &RgbImage) -> Vec<String> {
        let rows = picture.rows().map(|row| {
            row.map(|pixel| if pixel[0] == GREY { '#' } else { '.' })
                .collect()
        });
        rows.collect()
    }

    #[test]
    fn what_lies_in_a_mask_is_gone_and_nothing_else() {
        let mut picture = RgbImage::from_pixel(8, 4, Rgb([9, 8, 7]));
        let triangle = Polygon::new(vec![[0.25, 0.0], [0.75, 0.0], [0.75, 0.5]]).unwrap();
        let bottom = Polygon::new(vec![[0.0, 0.75], [1.0, 0.75], [1.0, 1.0], [0.0, 1.0]]).unwrap();
        paint(&[triangle, bottom], &mut picture);
        assert_eq!(
            rows(&picture),
            ["..####..", "....##..", "........", "########"]
        );
        paint(&[], &mut RgbImage::new(0, 0));
    }

    #[test]
    fn what_is_thinner_than_a_pixel_is_hidden_too() {
        let mut picture = RgbImage::from_pixel(8, 4, Rgb([9, 8, 7]));
        // Neither contains the middle of a row.
        let line = vec![[0.1, 0.3], [0.9, 0.3], [0.9, 0.35], [0.1, 0.35]];
        let corner = vec![[0.5, 0.74], [0.55, 0.76], [0.45, 0.76]];
        let masks = [line, corner].map(|corners| Polygon::new(corners).unwrap());
        paint(&masks, &mut picture);
        assert_eq!(
            rows(&picture),
            ["........", "########", "...##...", "...##..."]
        );
    }
}
