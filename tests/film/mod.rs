//! A photo as a film, a slow pan and zoom: the window shrinks by a twentieth while it moves to the lower right.

use image::RgbImage;
use image::imageops::crop_imm;

/// Frames of the film.
pub const FRAMES: u32 = 40;

/// The window of the frame `index`, 0 to [`FRAMES`].
pub fn frame(photo: &RgbImage, index: u32) -> RgbImage {
    let (width, height) = photo.dimensions();
    let lost = |side: u32| side * index / (20 * FRAMES);
    let (dx, dy) = (lost(width), lost(height));
    crop_imm(photo, dx / 2, dy / 2, width - dx, height - dy).to_image()
}
