//! The pictures of an event: a frame and what is to be seen over it in, PNG out.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, RgbImage, Rgba, RgbaImage};

use crate::error::Result;
use crate::error::evidence::Context;
use crate::overlay::{Scene, render};

/// PNG files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// As the camera saw it.
    pub frame: Vec<u8>,
    /// With everything over it.
    pub annotated: Vec<u8>,
    /// The heatmap alone, as large as the frame and transparent where nothing is; `None` where nothing was explained.
    pub heatmap: Option<Vec<u8>>,
    /// What the network was fed when the explanation was checked, as large as its input; `None` where it was not.
    pub fed: Option<Vec<u8>>,
}

impl Pictures {
    /// `scene` is for a frame of this size; `fed` is what the network was fed when its explanation was checked.
    ///
    /// # Errors
    /// The sizes differ.
    pub fn new(frame: RgbImage, scene: &Scene, fed: Option<&RgbImage>) -> Result<Self> {
        let heat = scene.heatmap.map(|_| {
            let alone = Scene {
                boxes: &[],
                caption: None,
                corner_text: None,
                tiles: &[],
                ..*scene
            };
            let canvas = render(&alone);
            RgbaImage::from_fn(canvas.width, canvas.height, |x, y| {
                Rgba(straight(canvas.pixel(x, y).unwrap_or_default()))
            })
        });
        let mut annotated = frame.clone();
        render(scene).compose_onto(&mut annotated)?;
        Ok(Self {
            frame: png(frame.into())?,
            annotated: png(annotated.into())?,
            heatmap: heat.map(|heat| png(heat.into())).transpose()?,
            fed: fed.map(|fed| png(fed.clone().into())).transpose()?,
        })
    }

    /// How much they take.
    pub fn bytes(&self) -> u64 {
        let further = [&self.heatmap, &self.fed]
            .into_iter()
            .flatten()
            .map(Vec::len);
        (self.frame.len() + self.annotated.len() + further.sum::<usize>()) as u64
    }
}

/// A colour that is no longer multiplied with its alpha.
fn straight([r, g, b, alpha]: [u8; 4]) -> [u8; 4] {
    let whole = u16::from(alpha).max(1);
    let [r, g, b] = [r, g, b].map(|component| {
        let component = (u16::from(component) * 255 + whole / 2) / whole;
        component.min(255) as u8
    });
    [r, g, b, alpha]
}

fn png(picture: DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    // Events may come faster than a better compression could follow.
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    picture
        .write_with_encoder(encoder)
        .context("cannot write a picture as PNG")?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use ndarray::array;

    use super::*;
    use crate::geometry::Size;
    use crate::heatmap::{Heatmap, Scale};

    #[test]
    fn the_frame_stays_as_it_was_and_the_heatmap_is_alone() {
        let heatmap = Heatmap::normalise(array![[1.0, 0.0], [0.0, -1.0]].view(), Scale::default());
        let frame = RgbImage::from_pixel(40, 30, Rgb([10, 200, 30]));
        let scene = Scene {
            heatmap: Some(&heatmap),
            ..Scene::empty(Size::new(40, 30), 1.0)
        };
        let fed = RgbImage::new(3, 2);
        let pictures = Pictures::new(frame.clone(), &scene, Some(&fed)).unwrap();
        let read = |png: &[u8]| image::load_from_memory(png).unwrap();
        assert_eq!(read(&pictures.frame).into_rgb8(), frame);
        assert_eq!(read(pictures.fed.as_ref().unwrap()).into_rgb8(), fed);
        assert_ne!(read(&pictures.annotated).into_rgb8(), frame);
        let heat = read(pictures.heatmap.as_ref().unwrap()).into_rgba8();
        assert_eq!(heat.dimensions(), (40, 30));
        let [red, blue] = [(2, 2), (37, 27)].map(|(x, y)| heat.get_pixel(x, y).0);
        assert!(red[0] > 180 && red[3] > 100, "{red:?}");
        assert!(blue[2] > 180 && blue[3] > 100, "{blue:?}");
        assert!(heat.get_pixel(38, 1).0[3] < 40);

        let nothing = Scene {
            heatmap: None,
            ..scene
        };
        assert_eq!(
            Pictures::new(frame.clone(), &nothing, None)
                .unwrap()
                .heatmap,
            None
        );
        let other = RgbImage::new(39, 30);
        assert!(Pictures::new(other, &scene, None).is_err());
    }
}
