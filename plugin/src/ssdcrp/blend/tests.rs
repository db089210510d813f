//! What `PreparedOverlay` paints, against the definition of "over" in RGB, against GStreamer's own overlay blending, and
//! byte by byte where nothing may change.

use gst_video::{VideoColorMatrix, VideoColorRange, VideoFrameRef, VideoInterlaceMode};

use super::super::layout::FORMATS;
use super::super::test_frames::{
    SIZES, assert_close, buffer, bytes, fill_with_noise, frame, info, info_with, read,
    read_by_gstreamer,
};
use super::*;
use ::ssdcrp::overlay::desaturated;

fn canvas((width, height): (u32, u32), pixel: impl Fn(u32, u32) -> [u8; 4]) -> Canvas {
    let pixels = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| pixel(x, y))
        .collect();
    Canvas {
        width,
        height,
        pixels,
        desaturation: vec![0; (width * height) as usize],
    }
}

fn premultiplied([r, g, b]: [u8; 3], a: u8) -> [u8; 4] {
    let [r, g, b] = [r, g, b].map(|v| ((u32::from(v) * u32::from(a) + 127) / 255) as u8);
    [r, g, b, a]
}

/// A heatmap-like canvas: colours and alphas that change by one or two levels a pixel, so that the mean over a block of
/// chroma is near each of its pixels.
fn smooth(size: (u32, u32)) -> Canvas {
    canvas(size, |x, y| {
        let alpha = 40 + (x + y) / 4;
        premultiplied([200 - x as u8 / 4, 60, 90 + (y / 4) as u8], alpha as u8)
    })
}

/// A picture whose shades are far from the limits of every colour space, alike in steepness.
fn picture(x: u32, y: u32) -> [u8; 3] {
    [60 + x / 4, 80 + y / 4, 120 - x / 8].map(|v| v as u8)
}

fn paint(info: &VideoInfo, frame: &mut gst::Buffer, canvas: &Canvas) -> Result<()> {
    let overlay = PreparedOverlay::new(canvas, info)?;
    let frame = frame.get_mut().unwrap();
    overlay.blend(&mut VideoFrameRef::from_buffer_ref_writable(frame, info).unwrap())
}

/// The definition, in RGB.
fn over(canvas: &Canvas, below: &[[u8; 3]]) -> Vec<[u8; 3]> {
    (canvas
        .pixels
        .chunks_exact(4)
        .zip(&canvas.desaturation)
        .zip(below))
    .map(|((pixel, &desaturation), &below)| {
        let below = desaturated(below, desaturation);
        let through = (255.0 - f64::from(pixel[3])) / 255.0;
        [0, 1, 2].map(|c| (f64::from(pixel[c]) + f64::from(below[c]) * through).round() as u8)
    })
    .collect()
}

fn grey(pixels: &[[u8; 3]]) -> Vec<[u8; 3]> {
    (pixels.iter().map(|rgb| rgb.map(f64::from)))
        .map(|[r, g, b]| [(0.299 * r + 0.587 * g + 0.114 * b).round() as u8; 3])
        .collect()
}

#[test]
fn painting_is_blending_in_rgb() {
    for &format in FORMATS {
        for size in SIZES {
            for padded in [false, true] {
                let info = info(format, size);
                let mut frame = frame(&info, padded, picture);
                let canvas = smooth(size);
                let below = read_by_gstreamer(&info, &frame);
                paint(&info, &mut frame, &canvas).unwrap();
                let (expected, tolerance) = match over(&canvas, &below) {
                    rgb if info.is_rgb() => (rgb, 1),
                    // The canvas' and the frame's part are each rounded to a sample, which is up to 2.1 levels of blue.
                    rgb if info.is_yuv() => (rgb, 5),
                    rgb => (grey(&rgb), 1),
                };
                assert_close(
                    &format!("{format} {size:?} padded: {padded}"),
                    &read_by_gstreamer(&info, &frame),
                    &expected,
                    tolerance,
                );
            }
        }
    }
}

#[test]
fn desaturating_takes_the_colour_of_what_is_below() {
    for &format in FORMATS {
        for size in SIZES {
            let info = info(format, size);
            let mut frame = frame(&info, true, picture);
            let mut canvas = smooth(size);
            for (index, desaturation) in canvas.desaturation.iter_mut().enumerate() {
                *desaturation = 255 - (index as u32 % size.0 / 4) as u8;
            }
            let below = read_by_gstreamer(&info, &frame);
            paint(&info, &mut frame, &canvas).unwrap();
            let (expected, tolerance) = match over(&canvas, &below) {
                rgb if info.is_rgb() => (rgb, 1),
                rgb if info.is_yuv() => (rgb, 5),
                rgb => (grey(&rgb), 2),
            };
            assert_close(
                &format!("{format} {size:?}"),
                &read_by_gstreamer(&info, &frame),
                &expected,
                tolerance,
            );
        }
    }
}

#[test]
fn painting_follows_the_colorimetry() {
    let size = (32, 18);
    for matrix in [
        VideoColorMatrix::Bt601,
        VideoColorMatrix::Bt709,
        VideoColorMatrix::Bt2020,
    ] {
        for range in [VideoColorRange::Range0_255, VideoColorRange::Range16_235] {
            for format in [VideoFormat::Yv12, VideoFormat::Nv12, VideoFormat::Yuy2] {
                let info = info_with(format, size, matrix, range);
                let mut frame = frame(&info, true, picture);
                let canvas = smooth(size);
                let expected = over(&canvas, &read(&info, &frame));
                paint(&info, &mut frame, &canvas).unwrap();
                let context = format!("{format} {matrix:?} {range:?}");
                assert_close(&context, &read(&info, &frame), &expected, 5);
            }
        }
    }
}

/// In RGB and BT.709, that is: GStreamer 1.22 converts overlays by the matrix of limited BT.709 whatever the video is,
/// and truncates where this element rounds.
#[test]
#[cfg(target_endian = "little")] // The overlay format is ARGB in native words.
fn gstreamers_own_blending_agrees() {
    let size = (320, 240);
    let canvas = smooth(size);
    let bgra: Vec<u8> = (canvas.pixels.chunks_exact(4))
        .flat_map(|rgba| [rgba[2], rgba[1], rgba[0], rgba[3]])
        .collect();
    for &format in FORMATS {
        let mut info = info(format, size);
        if info.is_gray() {
            continue;
        }
        if info.is_yuv() {
            let limited = VideoColorRange::Range16_235;
            info = info_with(format, size, VideoColorMatrix::Bt709, limited);
        }
        let mut pixels = gst::Buffer::from_mut_slice(bgra.clone());
        gst_video::VideoMeta::add(
            pixels.get_mut().unwrap(),
            gst_video::VideoFrameFlags::empty(),
            VideoFormat::Bgra,
            size.0,
            size.1,
        )
        .unwrap();
        let rectangle = gst_video::VideoOverlayRectangle::new_raw(
            &pixels,
            0,
            0,
            size.0,
            size.1,
            gst_video::VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA,
        );
        let composition = gst_video::VideoOverlayComposition::new(Some(&rectangle)).unwrap();
        let mut theirs = frame(&info, true, picture);
        let mut ours = theirs.copy_deep().unwrap();
        paint(&info, &mut ours, &canvas).unwrap();
        let target = theirs.get_mut().unwrap();
        composition
            .blend(&mut VideoFrameRef::from_buffer_ref_writable(target, &info).unwrap())
            .unwrap();
        assert_close(
            &format!("{format}"),
            &read(&info, &ours),
            &read(&info, &theirs),
            if info.is_rgb() { 1 } else { 8 },
        );
    }
}

#[test]
fn opaque_pixels_replace() {
    let colours = [
        [255, 0, 0],
        [0, 90, 255],
        [255, 255, 255],
        [0, 0, 0],
        [77, 160, 40],
    ];
    for &format in FORMATS {
        for size in SIZES {
            for colour in colours {
                let info = info(format, size);
                let mut found = buffer(&info, true);
                fill_with_noise(&mut found);
                paint(
                    &info,
                    &mut found,
                    &canvas(size, |_, _| premultiplied(colour, 255)),
                )
                .unwrap();
                let mut expected = vec![colour; (size.0 * size.1) as usize];
                if format == VideoFormat::Gray8 {
                    expected = grey(&expected);
                }
                let context = format!("{format} {size:?} {colour:?}");
                assert_close(&context, &read(&info, &found), &expected, 2);
            }
        }
    }
}

#[test]
fn transparent_pixels_keep_every_byte() {
    for &format in FORMATS {
        for size in SIZES {
            let info = info(format, size);
            let mut frame = buffer(&info, true);
            fill_with_noise(&mut frame);
            let before = bytes(&frame);
            paint(&info, &mut frame, &canvas(size, |_, _| [0; 4])).unwrap();
            assert!(bytes(&frame) == before, "{format} {size:?}");
        }
    }
}

/// Every byte of the buffer, padding and gaps included, stays as it is but for the samples of painted pixels; all of
/// those change.
#[test]
fn nothing_changes_outside_of_what_is_painted() {
    let size = (161, 77);
    let painted = |x: u32, y: u32| {
        (21..90).contains(&x) && (11..40).contains(&y)
            || x == 131 && y.is_multiple_of(3)
            || (x, y) == (160, 76)
    };
    let opaque = canvas(size, |x, y| {
        if painted(x, y) {
            [9, 9, 9, 255]
        } else {
            [0; 4]
        }
    });
    for &format in FORMATS {
        let info = info(format, size);
        let mut frame = buffer(&info, true);
        fill_with_noise(&mut frame);
        let before = bytes(&frame);
        paint(&info, &mut frame, &opaque).unwrap();
        let after = bytes(&frame);
        let mut may_change = vec![false; before.len()];
        let mapped = VideoFrameRef::from_buffer_ref_readable(&frame, &info).unwrap();
        let format_info = info.format_info();
        for component in 0..info.n_components() {
            let c = component as usize;
            let plane = mapped.comp_plane(component) as usize;
            let (across, down) = (format_info.w_sub()[c], format_info.h_sub()[c]);
            for (x, y) in (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y))) {
                if painted(x, y) {
                    let at = mapped.plane_offset()[plane]
                        + (y >> down) as usize * mapped.plane_stride()[plane] as usize
                        + (x >> across) as usize * mapped.comp_pstride(component) as usize
                        + mapped.comp_poffset(component) as usize;
                    may_change[at] = true;
                }
            }
        }
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        let allowed = may_change.iter().filter(|&&may| may).count();
        assert!(
            changed * 10 > allowed * 9,
            "{format}: {changed} of {allowed} bytes changed"
        );
        for (at, may_change) in may_change.iter().enumerate() {
            assert!(
                *may_change || before[at] == after[at],
                "{format}: byte {at} changed"
            );
        }
    }
}

#[test]
fn a_block_of_chroma_mixes_its_pixels() {
    let info = info(VideoFormat::I420, (4, 4));
    for red in [[(0, 0), (3, 3)], [(1, 1), (2, 3)], [(0, 1), (3, 2)]] {
        let mut frame = frame(&info, false, |_, _| [128; 3]);
        let drawn = |x, y| {
            if red.contains(&(x, y)) {
                [255, 0, 0, 255]
            } else {
                [0; 4]
            }
        };
        paint(&info, &mut frame, &canvas((4, 4), drawn)).unwrap();
        let frame = VideoFrameRef::from_buffer_ref_readable(&frame, &info).unwrap();
        // Red is (81, 90, 240) and grey (126, 128, 128); a quarter of each block is red: 118.5 and 156.
        let rows = |plane, length| {
            let (plane, stride) = (
                frame.plane_data(plane).unwrap(),
                frame.plane_stride()[plane as usize],
            );
            plane
                .chunks(stride as usize)
                .flat_map(|row| row[..length].to_vec())
                .collect::<Vec<_>>()
        };
        let luma =
            (0..4).flat_map(|y| (0..4).map(move |x| if red.contains(&(x, y)) { 81 } else { 126 }));
        assert_eq!(rows(0, 4), luma.collect::<Vec<_>>());
        assert_eq!(rows(1, 2), [119, 128, 128, 119]);
        assert_eq!(rows(2, 2), [156, 128, 128, 156]);
    }
}

#[test]
fn interlaced_chroma_is_painted_in_its_field() {
    gst::init().unwrap();
    let info = VideoInfo::builder(VideoFormat::Nv12, 8, 8)
        .interlace_mode(VideoInterlaceMode::Interleaved)
        .build()
        .unwrap();
    let mut frame = buffer(&info, false);
    let upper_field = |_, y| if y % 2 == 0 { [255, 0, 0, 255] } else { [0; 4] };
    let before = read(&info, &frame);
    paint(&info, &mut frame, &canvas((8, 8), upper_field)).unwrap();
    let after = read(&info, &frame);
    for (y, (after, before)) in after.chunks(8).zip(before.chunks(8)).enumerate() {
        let expected = if y % 2 == 0 {
            &[[255, 0, 0]; 8][..]
        } else {
            before
        };
        assert_close(&format!("line {y}"), after, expected, 2);
    }
}

#[test]
fn alpha_of_the_video_is_kept_sensible() {
    for format in [
        VideoFormat::Rgba,
        VideoFormat::Bgra,
        VideoFormat::Argb,
        VideoFormat::Abgr,
    ] {
        let info = info(format, (3, 1));
        let at = info.comp_poffset(3) as usize;
        let mut frame = gst::Buffer::from_mut_slice(vec![0; info.size()]);
        for (pixel, alpha) in [255, 100, 0].into_iter().enumerate() {
            let frame = frame.get_mut().unwrap();
            frame.copy_from_slice(pixel * 4 + at, &[alpha]).unwrap();
        }
        paint(&info, &mut frame, &canvas((3, 1), |_, _| [0, 64, 0, 128])).unwrap();
        let found: Vec<u8> = bytes(&frame).chunks(4).map(|pixel| pixel[at]).collect();
        assert_eq!(found, [255, 178, 128], "{format}");
    }
}

#[test]
fn blending_rounds_to_nearest() {
    for alpha in 0..=255 {
        let mut found: Vec<u8> = (0..=255).collect();
        blend_bytes(&mut found, &[0; 256], &[alpha; 256]);
        for (below, found) in found.into_iter().enumerate() {
            let exact = below as f64 * f64::from(255 - alpha) / 255.0;
            assert_eq!(f64::from(found), exact.round(), "{below} under {alpha}");
        }
    }
}

#[test]
fn a_canvas_that_is_not_premultiplied_adds_no_more_than_its_alpha() {
    let glaring = canvas((5, 3), |_, _| [255, 255, 255, 1]);
    for &format in FORMATS {
        let info = info(format, (5, 3));
        for (below, expected) in [(0, 0..=1), (255, 254..=255)] {
            let mut frame = gst::Buffer::from_mut_slice(vec![below; info.size()]);
            paint(&info, &mut frame, &glaring).unwrap();
            let found = bytes(&frame);
            assert!(
                found.iter().all(|byte| expected.contains(byte)),
                "{format} {found:?}"
            );
        }
    }
}

#[test]
fn only_blocks_with_something_in_them_are_visited() {
    let mut alpha = [0; 3 * 200];
    for visible in [200 + 70, 200 + 130, 400, 599] {
        alpha[visible] = 1;
    }
    let found: Vec<_> = (spans(&alpha, 200).into_iter())
        .map(|span| (span.row, span.bytes))
        .collect();
    assert_eq!(found, [(1, 64..192), (2, 0..64), (2, 192..200)]);
}

#[test]
fn a_canvas_of_another_size_is_refused() {
    let info = info(VideoFormat::I420, (16, 8));
    for size in [(0, 0), (16, 0), (8, 16), (15, 8)] {
        let error = PreparedOverlay::new(&canvas(size, |_, _| [0; 4]), &info).unwrap_err();
        assert!(error.to_string().contains("16x8"), "{error}");
    }
    let mut short = canvas((16, 8), |_, _| [0; 4]);
    short.pixels.pop();
    let error = PreparedOverlay::new(&short, &info).unwrap_err();
    assert!(error.to_string().contains("511 bytes"), "{error}");
    let y444 = super::super::test_frames::info(VideoFormat::Y444, (16, 8));
    assert!(PreparedOverlay::new(&canvas((16, 8), |_, _| [0; 4]), &y444).is_err());
}

#[test]
fn renegotiated_video_is_refused_and_left_alone() {
    let size = (16, 8);
    let overlay = PreparedOverlay::new(&smooth(size), &info(VideoFormat::I420, size)).unwrap();
    let limited = VideoColorRange::Range16_235;
    for other in [
        info(VideoFormat::Yv12, size),
        info(VideoFormat::I420, (8, 16)),
        info_with(VideoFormat::I420, size, VideoColorMatrix::Bt709, limited),
    ] {
        assert!(!overlay.fits(&other));
        let mut frame = buffer(&other, false);
        let before = bytes(&frame);
        let target = frame.get_mut().unwrap();
        let error = overlay
            .blend(&mut VideoFrameRef::from_buffer_ref_writable(target, &other).unwrap())
            .unwrap_err();
        assert!(error.to_string().contains("prepare it anew"), "{error}");
        assert_eq!(bytes(&frame), before);
    }
    let faster =
        VideoInfo::builder(VideoFormat::I420, size.0, size.1).fps(gst::Fraction::new(50, 1));
    assert!(overlay.fits(&faster.build().unwrap()));
}
