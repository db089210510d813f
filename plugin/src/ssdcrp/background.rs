//! A frame without a picture, for the heatmap to be alone on: transparent where the format has alpha, of one colour elsewhere.
//!
//! In: a frame. Out: the same frame, cleared; and, once a heatmap has been painted on it, with the colours that formats with
//! alpha have. Painting leaves them multiplied with it, but alpha in raw video is straight.

use anyhow::{Context, Result};

use gst_video::prelude::*;

use super::colour::Form;
use super::layout::{Component, Layout, strides};

type Frame<'a> = gst_video::VideoFrameRef<&'a mut gst::BufferRef>;

/// Clears the frame to the background; `ground` is its colour (R, G, B) in formats without alpha.
///
/// # Errors
/// The format is not one of `layout::FORMATS`, or the strides do not hold the rows.
pub fn clear(frame: &mut Frame, ground: [u8; 3]) -> Result<()> {
    let info = frame.info().clone();
    let layout = Layout::of(&info)?;
    let strides = strides(&info, &layout)?;
    let (width, height) = (info.width() as usize, info.height() as usize);
    let mut planes = frame.planes_data_mut();
    let ground = if info.has_alpha() { [0; 3] } else { ground };
    let forms = Form::of(&info);
    for (index, (component, form)) in layout.components.iter().zip(forms).enumerate() {
        let value = if info.has_alpha() && index == 3 {
            0
        } else {
            form.opaque(ground)
        };
        let (Some(plane), Some(&stride)) = (
            planes.get_mut(component.plane),
            strides.get(component.plane),
        ) else {
            continue;
        };
        for row in 0..component.rows(height) {
            let samples = samples(plane, stride, row, component, width)?;
            samples.for_each(|sample| *sample = value);
        }
    }
    Ok(())
}

/// Divides the colours by alpha, where the format has it.
///
/// # Errors
/// As [`clear`].
pub fn unpremultiply(frame: &mut Frame) -> Result<()> {
    let info = frame.info().clone();
    if !info.has_alpha() {
        return Ok(());
    }
    let layout = Layout::of(&info)?;
    let stride = *strides(&info, &layout)?.first().context("no plane")?;
    let (width, height) = (info.width() as usize, info.height() as usize);
    let alpha = layout.components.get(3).context("no alpha")?.offset;
    let plane = frame.plane_data_mut(0)?;
    for row in 0..height {
        let line = plane.get_mut(row * stride..row * stride + 4 * width);
        let line = line.context("the frame is shorter than its video info says")?;
        for pixel in line.as_chunks_mut::<4>().0 {
            let opacity = u16::from(pixel[alpha & 3]);
            if opacity == 0 || opacity == 255 {
                continue;
            }
            for (offset, byte) in pixel.iter_mut().enumerate() {
                if offset != alpha {
                    let straight = (u16::from(*byte) * 255 + opacity / 2) / opacity;
                    *byte = straight.min(255) as u8;
                }
            }
        }
    }
    Ok(())
}

/// The samples of a component in one of its rows.
fn samples<'p>(
    plane: &'p mut [u8],
    stride: usize,
    row: usize,
    component: &Component,
    width: usize,
) -> Result<impl Iterator<Item = &'p mut u8>> {
    let start = row * stride + component.offset;
    let length = (component.columns(width).max(1) - 1) * component.step + 1;
    let line = plane.get_mut(start..start + length);
    let line = line.context("the frame is shorter than its video info says")?;
    Ok(line.iter_mut().step_by(component.step.max(1)))
}

#[cfg(test)]
mod tests {
    use gst_video::{VideoFormat, VideoFrame, VideoInfo};

    use super::*;
    use crate::ssdcrp::layout::FORMATS;

    fn frame(format: VideoFormat) -> (VideoInfo, gst::Buffer) {
        gst::init().unwrap();
        let info = VideoInfo::builder(format, 35, 23).build().unwrap();
        let bytes: Vec<u8> = (0..info.size()).map(|i| (i * 37 % 251) as u8).collect();
        (info, gst::Buffer::from_mut_slice(bytes))
    }

    /// As GStreamer itself sees the pixels.
    fn as_rgba(info: &VideoInfo, buffer: &gst::Buffer) -> Vec<[u8; 4]> {
        let sample = gst::Sample::builder()
            .buffer(buffer)
            .caps(&info.to_caps().unwrap())
            .build();
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "RGBA")
            .build();
        let sample = gst_video::convert_sample(&sample, &caps, gst::ClockTime::NONE).unwrap();
        let rgba = VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        let frame =
            VideoFrame::from_buffer_readable(sample.buffer_owned().unwrap(), &rgba).unwrap();
        frame.plane_data(0).unwrap().as_chunks::<4>().0.to_vec()
    }

    #[test]
    fn every_format_can_be_cleared() {
        for (&format, level) in FORMATS.iter().flat_map(|f| [(f, 0), (f, 128)]) {
            let (info, mut buffer) = frame(format);
            let buffer_mut = buffer.get_mut().unwrap();
            let mut mapped =
                gst_video::VideoFrameRef::from_buffer_ref_writable(buffer_mut, &info).unwrap();
            clear(&mut mapped, [level; 3]).unwrap();
            drop(mapped);
            let alpha = info.has_alpha();
            let expected = if alpha { 0 } else { level };
            for [r, g, b, a] in as_rgba(&info, &buffer) {
                let off = [r, g, b].map(|seen: u8| seen.abs_diff(expected));
                // GStreamer's quick conversion makes 126 of the Y' of 128.
                assert!(
                    off.into_iter().all(|off| off <= 2) && (a == 0 || !alpha),
                    "{format}: {r} {g} {b} {a}"
                );
            }
        }
    }

    #[test]
    fn straight_colours_times_their_alpha_are_what_was_painted() {
        for format in [
            VideoFormat::Rgba,
            VideoFormat::Bgra,
            VideoFormat::Argb,
            VideoFormat::Abgr,
        ] {
            let (info, mut buffer) = frame(format);
            let alpha = info.format_info().poffset()[3] as usize;
            {
                let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
                for pixel in map.as_chunks_mut::<4>().0 {
                    let opacity = pixel[alpha];
                    pixel
                        .iter_mut()
                        .for_each(|byte| *byte = (*byte).min(opacity));
                }
            }
            let painted = buffer.map_readable().unwrap().to_vec();
            let buffer_mut = buffer.get_mut().unwrap();
            let mut mapped =
                gst_video::VideoFrameRef::from_buffer_ref_writable(buffer_mut, &info).unwrap();
            unpremultiply(&mut mapped).unwrap();
            drop(mapped);
            let map = buffer.map_readable().unwrap();
            for (straight, painted) in map
                .as_chunks::<4>()
                .0
                .iter()
                .zip(painted.as_chunks::<4>().0)
            {
                assert_eq!(straight[alpha], painted[alpha]);
                for i in (0..4).filter(|&i| i != alpha) {
                    let again =
                        (f32::from(straight[i]) * f32::from(painted[alpha]) / 255.0).round();
                    assert!(
                        (again - f32::from(painted[i])).abs() <= 1.0,
                        "{straight:?} {painted:?}"
                    );
                }
            }
        }
    }
}
