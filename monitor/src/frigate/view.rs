//! What Frigate's network was fed: a snapshot and an event in, the part of the picture that the region is, and the object's box in it, out.
//!
//! Frigate looks for objects in square regions of a camera's picture, scaled to its network's input (its documentation, "Camera configuration" and "Glossary": region). An object that is small in the
//! picture is large there, so that is what is explained.

use std::io::Cursor;

use anyhow::{Context, Result, bail, ensure};
use image::{ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use ssdcrp::geometry::Rect;
use ssdcrp::photo;

use super::api::DetectSize;
use super::event::FrigateEvent;

/// Bytes of the pixels of a picture, and of a region.
const MOST_PIXEL_BYTES: u64 = 128 << 20;
/// Widths and heights are whole pixels: shapes differ by that much, and more where a snapshot is cropped.
const SAME_SHAPE: f32 = 0.02;
/// A region is no larger than this many times the picture.
const LARGEST_REGION: f32 = 2.0;

/// A part of a snapshot.
pub struct ObjectView {
    pub picture: RgbImage,
    /// The object's box, in shares of `picture`.
    pub rect: Rect,
    /// Of the whole snapshot, in pixels.
    pub snapshot_size: (u32, u32),
    /// The object's box, in shares of the snapshot.
    pub rect_in_snapshot: Rect,
    /// The part, in shares of the snapshot; it may reach beyond it.
    pub region: Rect,
}

/// Decodes a JPEG, PNG or WebP.
///
/// # Errors
/// It is none of them, is damaged, or has more pixels than memory is for.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    use ImageFormat::{Jpeg, Png, WebP};
    let Ok(format @ (Jpeg | Png | WebP)) = image::guess_format(bytes) else {
        bail!("the snapshot is neither JPEG nor PNG nor WebP");
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_PIXEL_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().context("the snapshot")?;
    let (width, height) = decoder.dimensions();
    // Grey pixels become three times as many bytes.
    let needed = decoder.total_bytes().max(rgb_bytes(width, height));
    ensure!(
        needed <= MOST_PIXEL_BYTES,
        "the snapshot has {width}x{height} pixels, more than {} MiB",
        MOST_PIXEL_BYTES >> 20
    );
    if format == Jpeg {
        // The decoder makes grey of what is missing, where nothing is seen: the engine refuses it.
        return photo::decode(bytes).context("the snapshot");
    }
    let picture = image::DynamicImage::from_decoder(decoder).context("the snapshot")?;
    Ok(picture.into_rgb8())
}

impl ObjectView {
    /// Of an event whose boxes are in pixels of a picture of `detect` size.
    ///
    /// # Errors
    /// The snapshot is of another shape, as where Frigate crops it; box or region are nowhere.
    pub fn new(snapshot: &RgbImage, detect: DetectSize, event: &FrigateEvent) -> Result<Self> {
        let snapshot_size = snapshot.dimensions();
        let (width, height) = (snapshot_size.0 as f32, snapshot_size.1 as f32);
        ensure!(
            detect.width >= 1.0 && detect.height >= 1.0 && width >= 1.0 && height >= 1.0,
            "the camera's detect size is {}x{}",
            detect.width,
            detect.height
        );
        let shape = (width / height) / (detect.width / detect.height);
        ensure!(
            (shape - 1.0).abs() <= SAME_SHAPE,
            "the snapshot has {width}x{height} pixels, and boxes are in {}x{}: where Frigate crops snapshots, nobody knows where the object is in them",
            detect.width,
            detect.height
        );
        let shares = |[x0, y0, x1, y1]: [f32; 4]| {
            let rect = Rect::new(
                x0 / detect.width,
                y0 / detect.height,
                x1 / detect.width,
                y1 / detect.height,
            );
            let is_there = rect.is_finite() && rect.x1 > rect.x0 && rect.y1 > rect.y0;
            is_there.then_some(rect)
        };
        let rect_in_snapshot = shares(event.rect).context("the object's box is empty")?;
        let whole = Rect::new(0.0, 0.0, 1.0, 1.0);
        let region = match event.region.and_then(shares) {
            Some(region) if is_sane(&region) => region,
            _ => whole,
        };
        let [w, h] = [region.x1 - region.x0, region.y1 - region.y0];
        let rect = Rect::new(
            (rect_in_snapshot.x0 - region.x0) / w,
            (rect_in_snapshot.y0 - region.y0) / h,
            (rect_in_snapshot.x1 - region.x0) / w,
            (rect_in_snapshot.y1 - region.y0) / h,
        );
        let pixels = [
            (region.x0 * width).round() as i64,
            (region.y0 * height).round() as i64,
            (region.x1 * width).round() as i64,
            (region.y1 * height).round() as i64,
        ];
        let [region_width, region_height] =
            [length(pixels[0], pixels[2]), length(pixels[1], pixels[3])];
        ensure!(
            rgb_bytes(region_width, region_height) <= MOST_PIXEL_BYTES,
            "the region has {region_width}x{region_height} pixels, more than {} MiB",
            MOST_PIXEL_BYTES >> 20
        );
        Ok(Self {
            picture: part(snapshot, pixels),
            rect,
            snapshot_size,
            rect_in_snapshot,
            region,
        })
    }
}

/// Whether a region lies on the picture and is not much larger.
fn is_sane(region: &Rect) -> bool {
    let within = |from: f32, to: f32| from < 1.0 && to > 0.0 && to - from <= LARGEST_REGION;
    within(region.x0, region.x1) && within(region.y0, region.y1)
}

/// Pixels of an edge; at least one.
fn length(from: i64, to: i64) -> u32 {
    u32::try_from(to - from).unwrap_or(0).max(1)
}

/// Bytes of a picture of 8-bit RGB.
fn rgb_bytes(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height) * 3
}

/// The pixels from x0, y0 up to x1, y1; black where there are none, as Frigate fills them.
fn part(picture: &RgbImage, [x0, y0, x1, y1]: [i64; 4]) -> RgbImage {
    RgbImage::from_fn(length(x0, x1), length(y0, y1), |x, y| {
        let place = |from: i64, at: u32| u32::try_from(from + i64::from(at)).ok();
        let pixel = place(x0, x).zip(place(y0, y));
        let pixel = pixel.and_then(|(x, y)| picture.get_pixel_checked(x, y));
        pixel.copied().unwrap_or(Rgb([0; 3]))
    })
}

#[cfg(test)]
mod tests {
    use super::super::event::Phase;
    use super::*;

    const DETECT: DetectSize = DetectSize {
        width: 200.0,
        height: 100.0,
    };

    fn event(rect: [f32; 4], region: Option<[f32; 4]>) -> FrigateEvent {
        FrigateEvent {
            id: "1".to_owned(),
            camera: "gate".to_owned(),
            phase: Phase::New,
            label: "person".to_owned(),
            score: None,
            rect,
            region,
            frame_time: 0.0,
            has_snapshot: true,
        }
    }

    #[test]
    fn the_region_is_cut_out_and_the_box_lies_in_it() {
        // Twice as large as the pictures that boxes are in.
        let snapshot = RgbImage::from_fn(400, 200, |x, y| Rgb([(x / 2) as u8, y as u8, 7]));
        let rect = [120.0, 20.0, 140.0, 60.0];
        let view = ObjectView::new(
            &snapshot,
            DETECT,
            &event(rect, Some([110.0, 10.0, 190.0, 90.0])),
        );
        let view = view.unwrap();
        assert_eq!(view.picture.dimensions(), (160, 160));
        assert_eq!(view.picture.get_pixel(0, 0).0, [110, 20, 7]);
        let expected = [0.125, 0.125, 0.375, 0.625];
        for (found, expected) in view.rect.edges().into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{:?}", view.rect);
        }
        assert_eq!(view.rect_in_snapshot.edges(), [0.6, 0.2, 0.7, 0.6]);

        // Beyond the lower edge it is black.
        let view = ObjectView::new(
            &snapshot,
            DETECT,
            &event(rect, Some([110.0, 50.0, 190.0, 130.0])),
        );
        let view = view.unwrap();
        assert_eq!(view.picture.dimensions(), (160, 160));
        assert_eq!(view.picture.get_pixel(0, 99).0, [110, 199, 7]);
        assert_eq!(view.picture.get_pixel(0, 100).0, [0, 0, 0]);

        // Without a region, or with one that cannot be, it is the whole picture.
        for region in [
            None,
            Some([0.0, 0.0, 9e9, 9e9]),
            Some([500.0, 0.0, 600.0, 50.0]),
        ] {
            let view = ObjectView::new(&snapshot, DETECT, &event(rect, region)).unwrap();
            assert_eq!(view.picture.dimensions(), (400, 200), "{region:?}");
            assert_eq!(view.rect, view.rect_in_snapshot);
        }
    }

    #[test]
    fn what_has_no_place_is_told() {
        let words = |size: (u32, u32), detect, rect| {
            let snapshot = RgbImage::new(size.0, size.1);
            let view = ObjectView::new(&snapshot, detect, &event(rect, None));
            view.err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let rect = [120.0, 20.0, 140.0, 60.0];
        assert_eq!(words((400, 201), DETECT, rect), "");
        assert!(words((300, 300), DETECT, rect).contains("crops"));
        let none = DetectSize {
            width: 0.0,
            height: f32::NAN,
        };
        assert!(words((400, 200), none, rect).contains("detect size"));
        for rect in [[1.0; 4], [9.0, 0.0, 1.0, 5.0], [f32::NAN; 4]] {
            assert!(
                words((400, 200), DETECT, rect).contains("empty"),
                "{rect:?}"
            );
        }
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        assert!(
            decode(b"<html>")
                .unwrap_err()
                .to_string()
                .contains("neither")
        );
        // A JPEG whose head says 65,500 x 65,500 pixels.
        let mut bytes = Vec::new();
        let small = RgbImage::new(16, 16);
        image::codecs::jpeg::JpegEncoder::new(&mut bytes)
            .encode_image(&small)
            .unwrap();
        assert_eq!(decode(&bytes).unwrap().dimensions(), (16, 16));
        let head = bytes
            .windows(2)
            .position(|two| two == [0xff, 0xc0])
            .unwrap();
        bytes[head + 5..head + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert!(decode(&bytes).is_err());
        assert!(decode(&bytes[..20]).is_err());
        // Grey: fewer bytes than the limit as it lies, more as RGB.
        let mut grey = Cursor::new(Vec::new());
        let picture = image::GrayImage::new(8000, 8000);
        picture.write_to(&mut grey, ImageFormat::Png).unwrap();
        let error = decode(grey.get_ref()).unwrap_err().to_string();
        assert!(
            error.contains("8000x8000 pixels, more than 128 MiB"),
            "{error}"
        );
    }

    #[test]
    fn a_jpeg_that_was_cut_off_is_no_picture() {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        image::codecs::jpeg::JpegEncoder::new(&mut bytes)
            .encode_image(&picture)
            .unwrap();
        assert!(decode(&bytes).is_ok());
        let error = decode(&bytes[..bytes.len() / 2]).unwrap_err();
        assert!(format!("{error:#}").contains("cut off"), "{error:#}");
    }

    #[test]
    fn a_region_too_large_for_memory_is_refused() {
        // Twice as wide and high as the picture, which is allowed, but four times 100 MB.
        let snapshot = RgbImage::new(8000, 4000);
        let region = Some([-50.0, -25.0, 350.0, 175.0]);
        let event = event([120.0, 20.0, 140.0, 60.0], region);
        let error = ObjectView::new(&snapshot, DETECT, &event).err().unwrap();
        let words = error.to_string();
        assert!(words.contains("16000x8000 pixels"), "{words}");
    }
}
