//! JPEGs that are whole: bytes in, pixels out, or that some are missing. Most decoders fill what is missing with grey, and the network would look at that.

use anyhow::{Result, bail, ensure};
use image::RgbImage;
use ssdcrp::limits::MOST_PIXELS_A_BYTE;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// What the decoder says where the picture's data ends before the picture does; of a progressive one it says it of a scan.
const ENDS_EARLY: &str = "Premature";

/// Fails where the JPEG's data ends before its pixels do, as far as that can be told without decoding it: no end marker follows the first scan, or there are fewer
/// bytes than so many pixels can be written with.
pub fn check_length(jpeg: &[u8], pixels: u64) -> Result<()> {
    ensure!(ends(jpeg), "it is cut off: the JPEG's end is missing");
    ensure!(
        pixels <= (jpeg.len() as u64).saturating_mul(MOST_PIXELS_A_BYTE),
        "it is cut off: {} bytes cannot hold {pixels} pixels",
        jpeg.len()
    );
    Ok(())
}

/// The pixels of a JPEG of colours or grey; `None` where it deviates from the standard in what does no harm, and another decoder may be asked.
///
/// # Errors
/// Its data ends before its pixels do, whatever marker stands there.
pub fn decode(jpeg: &[u8]) -> Result<Option<RgbImage>> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    match decoder.decode() {
        Ok(pixels) => {
            let size = decoder.dimensions().map(|(w, h)| [w, h].map(u32::try_from));
            let Some([Ok(width), Ok(height)]) = size else {
                return Ok(None);
            };
            Ok(RgbImage::from_raw(width, height, pixels))
        }
        Err(error) if format!("{error:?}").contains(ENDS_EARLY) => {
            bail!("it is cut off: its data ends before its pixels do")
        }
        Err(_) => Ok(None),
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
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    /// Of noise, so that every row takes bytes.
    fn encoded(width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let channels = if colour == ExtendedColorType::L8 {
            1
        } else {
            3
        };
        let mut state = 1_u32;
        let pixels = (0..width * height * channels).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let pixels: Vec<u8> = pixels.collect();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .write_image(&pixels, width, height, colour)
            .unwrap();
        bytes
    }

    #[test]
    fn a_part_with_an_end_glued_on_is_refused() {
        for colour in [ExtendedColorType::Rgb8, ExtendedColorType::L8] {
            let whole = encoded(64, 96, colour);
            assert_eq!(decode(&whole).unwrap().unwrap().dimensions(), (64, 96));
            for share in [3, 5, 8] {
                let part = &whole[..whole.len() * share / 10];
                let glued = [part, &[0xff, 0xd9]].concat();
                check_length(&glued, 64 * 96).unwrap();
                let error = decode(&glued).unwrap_err().to_string();
                assert!(error.contains("its data ends before"), "{share}: {error}");
            }
        }
    }

    #[test]
    fn what_follows_the_end_does_no_harm() {
        let film_behind = [&encoded(48, 32, ExtendedColorType::Rgb8)[..], b"a film"].concat();
        check_length(&film_behind, 48 * 32).unwrap();
        assert!(decode(&film_behind).unwrap().is_some());
    }

    #[test]
    fn a_header_alone_holds_no_picture() {
        let whole = encoded(48, 32, ExtendedColorType::Rgb8);
        let error = check_length(&whole, 1 << 40).unwrap_err().to_string();
        assert!(
            error.ends_with("cannot hold 1099511627776 pixels"),
            "{error}"
        );
    }

    #[test]
    fn ends_within_segments_are_none() {
        let whole = encoded(48, 32, ExtendedColorType::Rgb8);
        // A thumbnail, with an end of its own, in a segment before the picture.
        let mut with_thumbnail = whole[..2].to_vec();
        with_thumbnail.extend([0xff, 0xff, 0xef, 0, 6, 0xff, 0xda, 0xff, 0xd9]);
        with_thumbnail.extend(&whole[2..]);
        assert!(ends(&with_thumbnail));
        assert!(!ends(&with_thumbnail[..with_thumbnail.len() - 2]));
        assert!(!ends(&with_thumbnail[..9]) && !ends(b"") && !ends(&[0xff, 0xd8, 0xff]));
    }
}
