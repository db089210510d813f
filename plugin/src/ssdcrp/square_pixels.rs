//! Frames whose pixels are not square, seen as they are displayed: where a picture is letterboxed, its shape decides where it lies.
//!
//! In: a frame's pixels and how much wider than high each is. Out: the same picture in square ones, none of which are made.

use ::ssdcrp::bilinear::Tap;
use ::ssdcrp::detect::Pixels;
use ::ssdcrp::geometry::Size;

/// A picture stretched along one side.
#[derive(Debug)]
pub struct SquarePixels<'p, P> {
    stored: &'p P,
    size: Size,
}

impl<'p, P: Pixels> SquarePixels<'p, P> {
    /// Of pixels `pixel_aspect` times as wide as high; none is lost.
    pub fn of(stored: &'p P, pixel_aspect: f64) -> Self {
        let Size { width, height } = stored.size();
        let stretched = |side: u32, by: f64| (f64::from(side) * by).round() as u32;
        let size = match pixel_aspect {
            wide if wide > 1.0 => Size::new(stretched(width, wide), height),
            high if high > 0.0 => Size::new(width, stretched(height, 1.0 / high)),
            _ => Size::new(width, height),
        };
        Self { stored, size }
    }
}

/// Where a tap among `displayed` pixels lies among the `stored` ones.
fn stored(tap: Tap, displayed: u32, stored: u32) -> Tap {
    let place = f64::from(tap.low) + f64::from(tap.fraction) + 0.5;
    Tap::at(
        place * f64::from(stored) / f64::from(displayed.max(1)) - 0.5,
        stored,
    )
}

impl<P: Pixels> Pixels for SquarePixels<'_, P> {
    fn size(&self) -> Size {
        self.size
    }

    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        let Size { width, height } = self.stored.size();
        let place = |at: u32, displayed: u32, stored: u32| {
            let at = u64::from(at) * u64::from(stored) / u64::from(displayed.max(1));
            (at as u32).min(stored.saturating_sub(1))
        };
        let (x, y) = (
            place(x, self.size.width, width),
            place(y, self.size.height, height),
        );
        self.stored.rgb(x, y)
    }

    fn resample(&self, rows: &[Tap], columns: &[Tap], colours: [&mut [f32]; 3]) {
        let Size { width, height } = self.stored.size();
        let taps = |taps: &[Tap], displayed, side| -> Vec<Tap> {
            taps.iter()
                .map(|&tap| stored(tap, displayed, side))
                .collect()
        };
        let rows = taps(rows, self.size.height, height);
        let columns = taps(columns, self.size.width, width);
        self.stored.resample(&rows, &columns, colours);
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    #[test]
    fn a_squeezed_picture_is_the_whole_one_again() {
        let whole = RgbImage::from_fn(16, 8, |x, y| {
            image::Rgb([(x / 2 * 30) as u8, (y * 30) as u8, 7])
        });
        let squeezed = RgbImage::from_fn(8, 8, |x, y| *whole.get_pixel(2 * x, y));
        let wide = SquarePixels::of(&squeezed, 2.0);
        assert_eq!(wide.size(), Size::new(16, 8));
        for (x, y, pixel) in whole.enumerate_pixels() {
            assert_eq!(wide.rgb(x, y), pixel.0);
        }
        // Of each pair of pixels the middle is the centre of the stored one.
        let columns = Tap::centred(16, 8);
        let rows = Tap::centred(8, 8);
        let sampled = |picture: &dyn Fn([&mut [f32]; 3])| {
            let [mut red, mut green, mut blue] = [const { [0.0; 64] }; 3];
            picture([&mut red, &mut green, &mut blue]);
            [red, green, blue]
        };
        let found = sampled(&|colours| wide.resample(&rows, &columns, colours));
        let expected = sampled(&|colours| whole.resample(&rows, &columns, colours));
        assert_eq!(found, expected);
        assert_eq!(SquarePixels::of(&squeezed, 0.5).size(), Size::new(8, 16));
    }
}
