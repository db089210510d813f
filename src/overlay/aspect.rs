//! Pixels that are not square: what is drawn for a frame as it is displayed goes in, the same in the frame's own pixels comes
//! out, so that letters, lines and swatches have their right shape when the frame is shown.

use super::canvas::Canvas;
use crate::geometry::Size;

/// How much wider than high a pixel may be, or the other way round, before it is drawn for as if it were this: no video has
/// such pixels, and the canvas must not outgrow memory for a wrong number in its caps.
const EXTREME: f64 = 8.0;

/// The size of a frame with square pixels that shows all of a frame whose pixels are `aspect` times as wide as high. One of
/// its sides is the frame's own and the other is larger, so that making one of the other never enlarges anything.
pub(super) fn displayed(frame: Size, aspect: f64) -> Size {
    let Size { width, height } = frame;
    if !aspect.is_finite() || aspect <= 0.0 {
        return frame;
    }
    let aspect = aspect.clamp(1.0 / EXTREME, EXTREME);
    let enlarged = |side: u32, by: f64| (f64::from(side) * by).round() as u32;
    if aspect > 1.0 {
        Size::new(enlarged(width, aspect), height)
    } else {
        Size::new(width, enlarged(height, 1.0 / aspect))
    }
}

/// `canvas` made smaller in one direction or both, to the size `to`; each pixel is the mean of what it covers.
pub(super) fn squeezed(canvas: &Canvas, to: Size) -> Canvas {
    let Size { width, height } = to;
    let mut narrow = Canvas::new(width, canvas.height);
    let columns = shares(canvas.width, width);
    for y in 0..canvas.height as usize {
        for (x, shares) in columns.iter().enumerate() {
            let from = |place: usize| y * canvas.width as usize + place;
            mix(canvas, shares, from, &mut narrow, y * width as usize + x);
        }
    }
    if height == canvas.height {
        return narrow;
    }
    let mut low = Canvas::new(width, height);
    let width = width as usize;
    for (y, shares) in shares(narrow.height, height).iter().enumerate() {
        for x in 0..width {
            mix(
                &narrow,
                shares,
                |place| place * width + x,
                &mut low,
                y * width + x,
            );
        }
    }
    low
}

/// Of which of `from` pixels each of `to` pixels is made: the first, and how much of it and of those behind it, in 1/65536.
fn shares(from: u32, to: u32) -> Vec<(usize, Vec<u32>)> {
    let scale = f64::from(from) / f64::from(to);
    let at = |place: f64| (65536.0 * place).round() as u64;
    (0..to)
        .map(|pixel| {
            let (start, end) = (f64::from(pixel) * scale, f64::from(pixel + 1) * scale);
            let (first, behind) = (start.floor(), end.ceil().min(f64::from(from)));
            // Cumulated and then rounded: the shares of a pixel add up to 1 exactly.
            let until = |edge: f64| at(((edge.clamp(start, end) - start) / scale).min(1.0));
            let count = (behind - first).max(1.0) as usize;
            let edges = (0..=count).map(|index| match index {
                0 => 0,
                last if last == count => 65536,
                inner => until(first + inner as f64),
            });
            let edges: Vec<u64> = edges.collect();
            let shares = edges.windows(2).map(|pair| (pair[1] - pair[0]) as u32);
            (first as usize, shares.collect())
        })
        .collect()
}

/// Writes the pixel number `to` as the mean of those that `place` finds.
fn mix(
    canvas: &Canvas,
    (first, shares): &(usize, Vec<u32>),
    place: impl Fn(usize) -> usize,
    mixed: &mut Canvas,
    to: usize,
) {
    let mut sums = [0_u32; 5];
    for (index, share) in shares.iter().enumerate() {
        let from = place(first + index);
        let pixel = canvas
            .pixels
            .get(4 * from..4 * from + 4)
            .unwrap_or_default();
        let desaturation = canvas.desaturation.get(from);
        for (sum, &component) in sums.iter_mut().zip(pixel.iter().chain(desaturation)) {
            *sum += share * u32::from(component);
        }
    }
    // Rounding is monotonic: no component comes to exceed its alpha.
    let [r, g, b, alpha, desaturation] = sums.map(|sum| ((sum + 32768) >> 16) as u8);
    if let Some(pixel) = mixed.pixels.get_mut(4 * to..4 * to + 4) {
        pixel.copy_from_slice(&[r, g, b, alpha]);
        mixed.desaturation[to] = desaturation;
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Area, PremultipliedColour};
    use super::*;

    #[test]
    fn square_pixels_keep_their_frame_and_others_are_made_square() {
        let displayed = |width, height, aspect| {
            let shown = super::displayed(Size::new(width, height), aspect);
            (shown.width, shown.height)
        };
        assert_eq!(displayed(720, 576, 1.0), (720, 576));
        assert_eq!(displayed(720, 576, 64.0 / 45.0), (1024, 576));
        assert_eq!(displayed(720, 480, 8.0 / 9.0), (720, 540));
        assert_eq!(displayed(100, 100, 1e9), (800, 100));
        for broken in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(displayed(720, 576, broken), (720, 576));
        }
    }

    #[test]
    fn squeezing_takes_the_mean() {
        let mut canvas = Canvas::new(4, 2);
        let column = |x0: i64| Area {
            x0,
            y0: 0,
            x1: x0 + 1,
            y1: 2,
        };
        canvas.fill(column(0), PremultipliedColour::new([200, 100, 0], 255));
        canvas.fill(column(1), PremultipliedColour::new([0, 100, 200], 255));
        canvas.fill(column(3), PremultipliedColour::new([255, 255, 255], 255));
        canvas.desaturation = vec![100, 200, 0, 0, 100, 200, 0, 0];
        let half = squeezed(&canvas, Size::new(2, 2));
        assert_eq!(half.pixel(0, 1), Some([100, 100, 100, 255]));
        assert_eq!(half.pixel(1, 0), Some([128, 128, 128, 128]));
        assert_eq!(half.desaturation, [150, 0, 150, 0]);
        let third = squeezed(&canvas, Size::new(3, 1));
        // Three quarters of the first column and a quarter of the second.
        assert_eq!(third.pixel(0, 0), Some([150, 100, 50, 255]));
        assert_eq!((third.width, third.height), (3, 1));
    }

    #[test]
    fn what_is_uniform_stays_so_at_every_size() {
        let mut canvas = Canvas::new(61, 37);
        canvas.fill(canvas.area(), PremultipliedColour::new([255, 7, 90], 201));
        for (width, height) in [
            (61, 37),
            (60, 37),
            (31, 37),
            (8, 37),
            (61, 36),
            (61, 5),
            (1, 1),
        ] {
            let squeezed = squeezed(&canvas, Size::new(width, height));
            let same = |pixel: &[u8; 4]| Some(*pixel) == canvas.pixel(0, 0);
            assert!(
                squeezed.pixels.as_chunks::<4>().0.iter().all(same),
                "{width}x{height}"
            );
        }
        assert!(
            squeezed(&Canvas::new(0, 0), Size::new(0, 0))
                .pixels
                .is_empty()
        );
    }
}
