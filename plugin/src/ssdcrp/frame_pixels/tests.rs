//! What `FramePixels` reads, against GStreamer's own conversion to RGB and against values worked out by hand.

use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameRef, VideoInfo};

use super::super::colour::Colorimetry;
use super::super::layout::FORMATS;
use super::super::test_frames::{
    SIZES, assert_close, buffer, fill_with_noise, frame, info, info_with, read, read_by_gstreamer,
};
use super::*;

use ::ssdcrp::detect::Model;
use ::ssdcrp::detect::manifest::InputSection;
use ::ssdcrp::detect::preprocess::sample;

/// GStreamer's matrices have few bits of fraction: with noise, which holds colours of any strength, it is off by up to
/// three where the exact equations below are met.
const TOLERANCE: u8 = 3;

const COLOURS: [[u8; 3]; 7] = [
    [0, 0, 0],
    [255, 255, 255],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [120, 130, 140],
    [200, 40, 90],
];

#[test]
fn every_format_reads_as_gstreamer_converts_it() {
    for &format in FORMATS {
        for size in SIZES {
            for padded in [false, true] {
                let info = info(format, size);
                let mut noise = buffer(&info, padded);
                fill_with_noise(&mut noise);
                assert_close(
                    &format!("{format} {size:?} padded: {padded}"),
                    &read(&info, &noise),
                    &read_by_gstreamer(&info, &noise),
                    TOLERANCE,
                );
            }
        }
    }
}

#[test]
fn colours_survive_the_way_through_the_frame() {
    for &format in FORMATS
        .iter()
        .filter(|&&format| format != VideoFormat::Gray8)
    {
        for size in SIZES {
            let info = info(format, size);
            for colour in COLOURS {
                let expected = vec![colour; (size.0 * size.1) as usize];
                let solid = frame(&info, true, |_, _| colour);
                assert_close(
                    &format!("{format} {size:?}"),
                    &read(&info, &solid),
                    &expected,
                    3,
                );
            }
            let gradient = |x: u32, y: u32| [60 + x / 4, 80 + y / 4, 120 - x / 8].map(|v| v as u8);
            let expected: Vec<_> = (0..size.1)
                .flat_map(|y| (0..size.0).map(move |x| gradient(x, y)))
                .collect();
            let shaded = frame(&info, true, gradient);
            assert_close(
                &format!("{format} {size:?}"),
                &read(&info, &shaded),
                &expected,
                4,
            );
        }
    }
}

#[test]
fn colorimetry_is_followed() {
    for &(matrix, ..) in &MATRICES {
        for range in [VideoColorRange::Range0_255, VideoColorRange::Range16_235] {
            for format in [VideoFormat::I420, VideoFormat::Nv21, VideoFormat::Uyvy] {
                let info = info_with(format, (32, 18), matrix, range);
                let mut noise = buffer(&info, true);
                fill_with_noise(&mut noise);
                assert_close(
                    &format!("{format} {matrix:?} {range:?}"),
                    &read(&info, &noise),
                    &read_by_gstreamer(&info, &noise),
                    TOLERANCE,
                );
            }
        }
    }
}

/// Kr and Kb of ITU-R BT.601, BT.709 and BT.2020.
const MATRICES: [(VideoColorMatrix, f64, f64); 3] = [
    (VideoColorMatrix::Bt601, 0.299, 0.114),
    (VideoColorMatrix::Bt709, 0.2126, 0.0722),
    (VideoColorMatrix::Bt2020, 0.2627, 0.0593),
];

#[test]
fn decoding_meets_the_equations() {
    for (matrix, kr, kb) in MATRICES {
        for (range, luma, chroma, black) in [
            (VideoColorRange::Range0_255, 255.0, 255.0, 0.0),
            (VideoColorRange::Range16_235, 219.0, 224.0, 16.0),
        ] {
            let decoder = Decoder::new(&info_with(VideoFormat::I420, (4, 4), matrix, range));
            let samples = (0..=255).step_by(15);
            for (y, u, v) in samples.clone().flat_map(|y| {
                let samples = samples.clone();
                (samples.clone()).flat_map(move |u| samples.clone().map(move |v| (y, u, v)))
            }) {
                let (lightness, blue, red) = (
                    (f64::from(y) - black) / luma,
                    (f64::from(u) - 128.0) / chroma,
                    (f64::from(v) - 128.0) / chroma,
                );
                let r = lightness + 2.0 * (1.0 - kr) * red;
                let b = lightness + 2.0 * (1.0 - kb) * blue;
                let g = (lightness - kr * r - kb * b) / (1.0 - kr - kb);
                let found = decoder.yuv([y, u, v].map(|stored| stored as f32));
                for (found, exact) in found.into_iter().zip([r, g, b]) {
                    let exact = (255.0 * exact).clamp(0.0, 255.0);
                    assert!(
                        (f64::from(found) - exact).abs() < 1e-3,
                        "{matrix:?} {range:?}: ({y}, {u}, {v}) gives {found} instead of {exact}"
                    );
                }
            }
        }
    }
}

#[test]
fn untold_colorimetry_is_what_is_usual() {
    use VideoColorMatrix::{Bt601, Bt709};
    use VideoColorRange::{Range0_255, Range16_235};
    for (format, height, matrix, range) in [
        (VideoFormat::I420, 576, Bt601, Range16_235),
        (VideoFormat::Uyvy, 720, Bt709, Range16_235),
        (VideoFormat::Gray8, 576, Bt601, Range0_255),
    ] {
        let (untold, unranged) = (VideoColorMatrix::Unknown, VideoColorRange::Unknown);
        let found = Colorimetry::of(&info_with(format, (16, height), untold, unranged));
        assert_eq!(found, Colorimetry { matrix, range }, "{format}");
    }
}

/// Capture cards deliver it; GStreamer's own converter leaves the range of RGB as it is.
#[test]
fn limited_rgb_is_stretched_to_full_range() {
    let (matrix, range) = (VideoColorMatrix::Rgb, VideoColorRange::Range16_235);
    let info = info_with(VideoFormat::Bgrx, (2, 1), matrix, range);
    let mut pixels = buffer(&info, false);
    let limited = [16, 126, 235, 0, 0, 255, 17, 0];
    (pixels.get_mut().unwrap().copy_from_slice(0, &limited)).unwrap();
    assert_eq!(read(&info, &pixels), [[255, 128, 0], [1, 255, 0]]);
}

#[test]
fn limited_grey_is_stretched_to_full_range() {
    let info = info_with(
        VideoFormat::Gray8,
        (3, 1),
        VideoColorMatrix::Bt601,
        VideoColorRange::Range16_235,
    );
    let mut grey = buffer(&info, false);
    grey.get_mut()
        .unwrap()
        .copy_from_slice(0, &[16, 126, 235])
        .unwrap();
    assert_eq!(read(&info, &grey), [[0; 3], [128; 3], [255; 3]]);
}

#[test]
fn interlaced_chroma_belongs_to_its_field() {
    for format in [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Yuy2] {
        gst::init().unwrap();
        let info = VideoInfo::builder(format, 16, 16)
            .interlace_mode(gst_video::VideoInterlaceMode::Interleaved)
            .build()
            .unwrap();
        let mut noise = buffer(&info, false);
        fill_with_noise(&mut noise);
        assert_close(
            &format!("interlaced {format}"),
            &read(&info, &noise),
            &read_by_gstreamer(&info, &noise),
            TOLERANCE,
        );
    }
}

/// The frame without its own way of resampling.
struct ByPixel<'a>(FramePixels<'a>);

impl Pixels for ByPixel<'_> {
    fn size(&self) -> Size {
        self.0.size()
    }

    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        self.0.rgb(x, y)
    }
}

/// A network input of 30x23 pixels, levels of 0..=255.
fn sampled(pixels: &impl Pixels) -> Vec<f32> {
    let input = InputSection {
        mean: [0.0; 3],
        std: [1.0; 3],
        ..Model::built_in().unwrap().manifest.input.clone()
    };
    let sampled = sample(pixels, (30, 23).into(), &input).unwrap();
    sampled.tensor.into_raw_vec_and_offset().0
}

#[test]
fn interpolated_components_are_the_interpolated_rgb() {
    // No colour here is near the borders of RGB, where Y'CbCr is not linear any more.
    let picture = |x: u32, y: u32| [(x * 37 + y * 11) % 90, (x * 5 + y * 53) % 90, (x * y) % 90];
    for &format in FORMATS {
        for size in SIZES.into_iter().chain([(31, 23), (64, 47), (131, 67)]) {
            for interlaced in [false, true] {
                let mode = if interlaced {
                    gst_video::VideoInterlaceMode::Interleaved
                } else {
                    gst_video::VideoInterlaceMode::Progressive
                };
                let info = info(format, size);
                let shown = frame(&info, true, |x, y| {
                    picture(x, y).map(|value| 80 + value as u8)
                });
                let info = VideoInfo::builder(format, size.0, size.1)
                    .interlace_mode(mode)
                    .build()
                    .unwrap();
                let mapped = VideoFrameRef::from_buffer_ref_readable(&shown, &info).unwrap();
                let pixels = || FramePixels::new(&mapped).unwrap();
                let (found, expected) = (sampled(&pixels()), sampled(&ByPixel(pixels())));
                for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert!(
                        (found - expected).abs() <= 0.55,
                        "{format} {size:?} {mode:?}: {place} is {found} instead of {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn pixels_outside_of_the_frame_do_no_harm() {
    for &format in FORMATS {
        let info = info(format, (5, 3));
        let mut noise = buffer(&info, false);
        fill_with_noise(&mut noise);
        let frame = VideoFrameRef::from_buffer_ref_readable(&noise, &info).unwrap();
        let pixels = FramePixels::new(&frame).unwrap();
        let nothing = if info.is_yuv() {
            Decoder::new(&info)
                .yuv([0.0; 3])
                .map(|value| value.round() as u8)
        } else {
            [0; 3]
        };
        assert_eq!(pixels.rgb(u32::MAX, u32::MAX), nothing, "{format}");
    }
}

#[test]
fn strides_that_cannot_be_are_refused() {
    let info = info(VideoFormat::Rgb, (8, 8));
    for stride in [23, -24] {
        let mut buffer = buffer(&info, false);
        gst_video::VideoMeta::add_full(
            buffer.get_mut().unwrap(),
            gst_video::VideoFrameFlags::empty(),
            VideoFormat::Rgb,
            8,
            8,
            &[0],
            &[stride],
        )
        .unwrap();
        let frame = VideoFrameRef::from_buffer_ref_readable(&buffer, &info).unwrap();
        let error = FramePixels::new(&frame).unwrap_err().to_string();
        assert!(error.contains("stride") && error.contains("24"), "{error}");
    }
}

#[test]
fn other_formats_are_refused_with_advice() {
    let info = info(VideoFormat::Y444, (8, 8));
    let buffer = buffer(&info, false);
    let frame = VideoFrameRef::from_buffer_ref_readable(&buffer, &info).unwrap();
    let error = FramePixels::new(&frame).unwrap_err().to_string();
    assert!(
        error.contains("Y444") && error.contains("videoconvert"),
        "{error}"
    );
}
