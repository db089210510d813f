//! Rows of RGB pixels that lie apart in memory, as frames of videos have them, made a picture.

use image::RgbImage;

use crate::error::Result;
use crate::error::picture::Context;
use crate::geometry::Size;

/// The picture of `size` pixels whose rows begin `stride` bytes apart in `rows`, three bytes a pixel.
///
/// # Errors
/// There are fewer bytes than rows and stride say, or rows that overlap.
pub fn picture(rows: &[u8], stride: usize, size: Size) -> Result<RgbImage> {
    let (width, height) = (3 * size.width as usize, size.height as usize);
    let mut pixels = Vec::with_capacity(width.saturating_mul(height).min(rows.len()));
    for row in rows.chunks(stride.max(1)).take(height) {
        pixels.extend_from_slice(row.get(..width).context("a frame is cut off")?);
    }
    RgbImage::from_raw(size.width, size.height, pixels).context("a frame is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_rows_is_left_out() {
        let size = Size {
            width: 1,
            height: 2,
        };
        let rows = [1, 2, 3, 0, 4, 5, 6];
        let found = picture(&rows, 4, size).unwrap();
        assert_eq!(found.as_raw(), &[1, 2, 3, 4, 5, 6]);
        for (rows, stride) in [
            (&rows[..6], 4),
            (&rows[..3], 4),
            (&rows[..], 2),
            (&[][..], 0),
        ] {
            assert!(picture(rows, stride, size).is_err(), "{rows:?} {stride}");
        }
    }
}
