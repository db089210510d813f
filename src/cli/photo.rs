//! Reads a photo that may be anything: an upright RGB picture out, or one line that says why not.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

/// Larger files are not read into memory.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Pixels as decoded; for a colour photo that is 89 million of them.
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// Reads the JPEG or PNG at `path` and turns it upright as its EXIF data says. Transparency is dropped, 16 bits a channel become 8.
///
/// # Errors
/// A file that is missing, unreadable, too large, of another format or damaged; each message names the file.
pub fn read(path: &Path) -> Result<RgbImage> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    ensure!(
        bytes.len() as u64 <= MAX_FILE_BYTES,
        "{name} is larger than {} MiB",
        MAX_FILE_BYTES >> 20
    );
    decode(&bytes).with_context(|| format!("cannot use {name}"))
}

fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        Ok(other) => bail!("it is a picture of the format {other:?}, JPEG or PNG is expected"),
        Err(_) => bail!("it is neither JPEG nor PNG"),
    };
    // The decoder fills the missing rest with grey, and the network would look at that.
    ensure!(
        format != ImageFormat::Jpeg || ends(bytes),
        "it is cut off: the JPEG's end is missing"
    );
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(in_words)?;
    let (width, height) = decoder.dimensions();
    ensure!(
        decoder.total_bytes() <= MAX_DECODED_BYTES,
        "its {width}x{height} pixels take {} MiB, {} MiB is the limit: scale it down",
        decoder.total_bytes().div_ceil(1 << 20),
        MAX_DECODED_BYTES >> 20
    );
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(in_words)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// The decoder's error; that of the limit does not say how much it is.
fn in_words(error: ImageError) -> anyhow::Error {
    match error {
        ImageError::Limits(_) => anyhow!(
            "decoding it takes more than {} MiB, which is the limit: scale it down",
            MAX_DECODED_BYTES >> 20
        ),
        other => other.into(),
    }
}

/// Whether an end marker follows the JPEG's first scan. Segments before it are stepped over, for a thumbnail in them has an end of its own.
fn ends(jpeg: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let [0xff, marker, after @ ..] = rest {
        rest = match (*marker, after) {
            (START_OF_SCAN, _) => return after.windows(2).any(|pair| pair == END),
            // A marker may be preceded by any number of these.
            (0xff, _) => &rest[1..],
            (_, [high, low, ..]) => {
                let length = u16::from_be_bytes([*high, *low]);
                after.get(length.into()..).unwrap_or_default()
            }
            _ => return false,
        };
    }
    false
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

    /// The JPEG with an EXIF block that says how the camera was held.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        // TIFF header, one directory entry: tag 0x0112, type SHORT, one value.
        let tiff = [
            b'M',
            b'M',
            0,
            42,
            0,
            0,
            0,
            8,
            0,
            1,
            0x01,
            0x12,
            0,
            3,
            0,
            0,
            0,
            1,
            0,
            orientation,
            0,
            0,
            0,
            0,
            0,
            0,
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
            let picture = decode(&with_orientation(&jpeg, orientation)).unwrap();
            assert_eq!(picture.dimensions(), size, "{orientation}");
            assert!(
                picture.get_pixel(bright.0, bright.1).0[0] > 200,
                "{orientation}"
            );
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
        let film_behind = [&whole[..], b"a film"].concat();
        assert_eq!(decode(&film_behind).unwrap().dimensions(), (48, 32));

        // A thumbnail, with an end of its own, in a segment before the picture.
        let mut with_thumbnail = whole[..2].to_vec();
        with_thumbnail.extend([0xff, 0xff, 0xef, 0, 6, 0xff, 0xda, 0xff, 0xd9]);
        with_thumbnail.extend(&whole[2..]);
        assert!(decode(&with_thumbnail).is_ok());
        assert!(decode(&with_thumbnail[..with_thumbnail.len() - 2]).is_err());
        assert!(!ends(&with_thumbnail[..9]) && !ends(b"") && !ends(&[0xff, 0xd8, 0xff]));
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
