//! Photos that may be anything: a file or its bytes in, an upright RGB picture out, or one line that says why not.
//!
//! ```no_run
//! let picture = ssdcrp::photo::read("photo.jpg")?;
//! println!("{}x{}", picture.width(), picture.height());
//! # Ok::<(), ssdcrp::Error>(())
//! ```

mod jpeg;
mod upright;

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::picture::{Context, bail, ensure, error};
use crate::error::{Error, ErrorKind, Result, in_one_line};
use crate::limits::{self, FileKind, MOST_PIXEL_BYTES};

/// Bytes of a pixel of what is made of every photo.
const RGB: u64 = 3;

/// Reads the JPEG or PNG at `path` and turns it upright as its EXIF data says. Transparency is dropped, 16 bits a channel become 8.
///
/// # Errors
/// A file that is missing, unreadable, too large, of another format or damaged; a pipe or device, which could keep whoever opens it for ever. Each message names the file.
pub fn read(path: impl AsRef<Path>) -> Result<RgbImage> {
    let path = path.as_ref();
    let bytes = limits::read(path, FileKind::Picture)
        .with_context(|| format!("cannot open {}", path.display()))?;
    decode(&bytes).with_context(|| format!("cannot use {}", path.display()))
}

/// Decodes a JPEG or PNG file's bytes, as [`read`] does.
///
/// # Errors
/// Bytes that are too many pixels, of another format or damaged.
pub fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        Ok(other) => bail!("it is a picture of the format {other:?}, JPEG or PNG is expected"),
        Err(_) => bail!("it is neither JPEG nor PNG"),
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_PIXEL_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(in_words)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let needed = decoder.total_bytes().max(pixels.saturating_mul(RGB));
    ensure!(
        needed <= MOST_PIXEL_BYTES,
        "its {width}x{height} pixels take {} MiB, {} MiB is the limit: scale it down",
        needed.div_ceil(1 << 20),
        MOST_PIXEL_BYTES >> 20
    );
    let exif = decoder.exif_metadata().map_err(in_words)?;
    let orientation = exif.as_deref().and_then(upright::orientation);
    if format == ImageFormat::Jpeg {
        jpeg::check_whole(bytes, pixels)?;
    }
    let mut picture = DynamicImage::from_decoder(decoder).map_err(in_words)?;
    picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    Ok(picture.into_rgb8())
}

/// The decoder's error, in one line; that of the limit does not say how much it is.
fn in_words(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => error!(
            "decoding it takes more than {} MiB, which is the limit: scale it down",
            MOST_PIXEL_BYTES >> 20
        ),
        other => Error::said(ErrorKind::Picture, in_one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba, RgbaImage};

    use super::*;

    /// A dark picture, 48x32, with a bright top left quarter.
    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(48, 32, |x, y| {
            Rgb([if x < 24 && y < 16 { 250 } else { 5 }; 3])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// The JPEG with an EXIF block that says how the camera was held, as a number of a type of its own.
    fn with_orientation(jpeg: &[u8], orientation: u8, is_long: bool) -> Vec<u8> {
        let (kind, value) = match is_long {
            true => (4, [0, 0, 0, orientation]),
            false => (3, [0, orientation, 0, 0]),
        };
        // TIFF header, one directory entry: tag 0x0112, its type, one value.
        let tiff = [
            b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, kind, 0, 0, 0, 1, value[0],
            value[1], value[2], value[3], 0, 0, 0, 0,
        ];
        let length = (2 + 6 + tiff.len()) as u16;
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xff, 0xe1]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(b"Exif\0\0");
        bytes.extend(tiff);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    fn error(bytes: &[u8]) -> String {
        format!("{:#}", decode(bytes).unwrap_err())
    }

    /// The checksum of a PNG's chunk (PNG specification, annex D).
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
            })
        })
    }

    #[test]
    fn jpeg_and_png_are_read() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let picture = decode(&encoded(format)).unwrap();
            assert_eq!(picture.dimensions(), (48, 32));
            assert!(picture.get_pixel(4, 4).0[0] > 200 && picture.get_pixel(40, 28).0[0] < 50);
        }
    }

    /// What fuzzing keeps (`fuzz/corpus`): none may panic, and what is whole is read.
    #[test]
    fn pictures_that_were_kept_are_read_or_refused() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/picture");
        let mut refused = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if let Err(error) = read(&path) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                refused.push((name.into_owned(), format!("{error:#}")));
            }
        }
        for (name, reason) in [
            ("half_with_end.jpg", "its data ends before its picture does"),
            ("huge_header.jpg", "its 16000x16000 pixels take 733 MiB"),
        ] {
            let words = refused.iter().find(|(refused, _)| refused == name);
            assert!(
                words.is_some_and(|(_, words)| words.contains(reason)),
                "{refused:?}"
            );
        }
        for whole in [
            "baseline.jpg",
            "progressive.jpg",
            "grey.jpg",
            "cmyk.jpg",
            "restarts.jpg",
            "alpha.png",
        ] {
            assert!(refused.iter().all(|(name, _)| name != whole), "{refused:?}");
        }
    }

    #[test]
    fn transparency_leaves_the_colours_alone() {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(3, 2, Rgba([10, 20, 30, 0]))
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        assert_eq!(
            decode(&bytes.into_inner()).unwrap().get_pixel(2, 1).0,
            [10, 20, 30]
        );
    }

    #[test]
    fn a_photo_is_turned_upright() {
        let jpeg = encoded(ImageFormat::Jpeg);
        // Turned clockwise by 0, 180, 90 and 270 degrees: where the bright quarter comes to lie.
        for (orientation, size, bright) in [
            (1, (48, 32), (4, 4)),
            (3, (48, 32), (44, 28)),
            (6, (32, 48), (28, 4)),
            (8, (32, 48), (4, 44)),
        ] {
            for is_long in [false, true] {
                let picture = decode(&with_orientation(&jpeg, orientation, is_long)).unwrap();
                assert_eq!(picture.dimensions(), size, "{orientation} {is_long}");
                assert!(
                    picture.get_pixel(bright.0, bright.1).0[0] > 200,
                    "{orientation} {is_long}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_photo_is_refused_with_a_reason() {
        assert_eq!(error(b"all text"), "it is neither JPEG nor PNG");
        assert_eq!(error(b""), "it is neither JPEG nor PNG");
        assert_eq!(
            error(b"GIF89a and so on"),
            "it is a picture of the format Gif, JPEG or PNG is expected"
        );
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encoded(format);
            for length in 4..bytes.len().min(400) {
                let Err(error) = decode(&bytes[..length]) else {
                    continue;
                };
                let words = format!("{error:#}");
                assert_eq!(words.lines().count(), 1, "{format:?} {length}: {words}");
            }
            assert!(decode(&bytes[..30]).is_err(), "{format:?}");
        }
        let name = std::env::temp_dir().join("ssdcrp has no such photo.jpg");
        let error = format!("{:#}", read(&name).unwrap_err());
        assert!(
            error.starts_with(&format!("cannot open {}: ", name.display())),
            "{error}"
        );
    }

    #[test]
    fn a_jpeg_that_is_cut_off_is_refused_and_one_with_more_behind_it_is_not() {
        let whole = encoded(ImageFormat::Jpeg);
        for missing in [1, 2, 20] {
            let error = error(&whole[..whole.len() - missing]);
            assert_eq!(
                error, "it is cut off: the JPEG's end is missing",
                "{missing}"
            );
        }
        let half = [&whole[..whole.len() - 20], &[0xff, 0xd9]].concat();
        assert!(
            error(&half).starts_with("it is cut off"),
            "{}",
            error(&half)
        );
        let film_behind = [&whole[..], b"a film"].concat();
        assert_eq!(decode(&film_behind).unwrap().dimensions(), (48, 32));
    }

    #[test]
    fn a_size_that_no_memory_holds_is_refused_before_decoding() {
        let mut jpeg = encoded(ImageFormat::Jpeg);
        // The frame header: marker, length, precision, height, width.
        let frame = jpeg
            .windows(2)
            .position(|marker| marker == [0xff, 0xc0])
            .unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xf0, 0, 0xf0, 0]);
        let error = error(&jpeg);
        assert_eq!(
            error,
            "its 61440x61440 pixels take 10800 MiB, 256 MiB is the limit: scale it down"
        );

        let mut png = encoded(ImageFormat::Png);
        // The header: signature, length, type, width, height, five bytes, checksum.
        png[16..24].copy_from_slice(&[0, 0, 0xf0, 0, 0, 0, 0xf0, 0]);
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let error = self::error(&png);
        assert!(
            error.contains("256 MiB") && error.contains("scale it down"),
            "{error}"
        );
        assert!(!error.contains("Memory limit"), "{error}");
    }
}
