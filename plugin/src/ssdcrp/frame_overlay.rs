//! The overlay on its way into the video: blended into the frame, or attached to the buffer for a sink that composites it.
//!
//! In: a canvas and the [`Surface`] that it is for, once per result; then every buffer that shows it. Out: the same buffers.

use anyhow::{Context, Result, anyhow};
use gst_video::{
    VideoFormat, VideoFrameFlags, VideoFrameRef, VideoInfo, VideoMeta, VideoOverlayComposition,
    VideoOverlayCompositionMeta, VideoOverlayFormatFlags, VideoOverlayRectangle,
};

use ::ssdcrp::overlay::{Area, Canvas};

use super::blend::PreparedOverlay;
use super::negotiation::Surface;

/// An overlay in the form in which frames take it.
#[derive(Debug)]
pub enum FrameOverlay {
    Blended(PreparedOverlay),
    /// A sink shows the picture's own colours under the heat, because a composition only adds.
    Attached(VideoOverlayComposition),
}

impl FrameOverlay {
    /// `None` where the canvas is transparent.
    ///
    /// # Errors
    /// As [`PreparedOverlay::new`].
    pub fn new(canvas: &Canvas, surface: &Surface) -> Result<Option<Self>> {
        if surface.attached {
            let drawn = canvas.drawn();
            let composed = drawn.map(|drawn| composition(canvas, drawn)).transpose()?;
            return Ok(composed.map(Self::Attached));
        }
        let prepared = PreparedOverlay::new(canvas, &surface.info)?;
        Ok((!prepared.is_empty()).then_some(Self::Blended(prepared)))
    }

    /// Whether it is for buffers of `surface`.
    pub fn fits(&self, surface: &Surface) -> bool {
        match self {
            Self::Blended(prepared) => !surface.attached && prepared.fits(&surface.info),
            Self::Attached(_) => surface.attached,
        }
    }
}

/// Gives overlays to a buffer whose frame is as `info` says, later ones over earlier ones, of each the part of its opacity
/// (0..=1) that stands beside it. All are blended or all are attached.
///
/// # Errors
/// The frame cannot be written, or as [`PreparedOverlay::blend`].
pub fn attach_or_blend(
    overlays: &[(&FrameOverlay, f32)],
    buffer: &mut gst::BufferRef,
    info: &VideoInfo,
) -> Result<()> {
    let mut attached = Vec::new();
    for &(overlay, visibility) in overlays {
        match overlay {
            FrameOverlay::Blended(prepared) => {
                let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, info)
                    .context("the frame cannot be written to")?;
                match (255.0 * visibility).round() as u8 {
                    u8::MAX => prepared.blend(&mut frame)?,
                    share => prepared.faded(share).blend(&mut frame)?,
                }
            }
            FrameOverlay::Attached(composition) if visibility < 1.0 => {
                attached.push(faded(composition, visibility)?);
            }
            FrameOverlay::Attached(composition) => attached.push(composition.clone()),
        }
    }
    match &attached[..] {
        [] => {}
        [one] => drop(VideoOverlayCompositionMeta::add(buffer, one)),
        // A sink looks at one composition, whose rectangles it knows from the frame before.
        several => {
            let rectangles: Vec<_> = several.iter().flat_map(|one| one.iter()).collect();
            let all = VideoOverlayComposition::new(&rectangles)?;
            VideoOverlayCompositionMeta::add(buffer, &all);
        }
    }
    Ok(())
}

/// The same composition, `visibility` (0..=1) of it.
fn faded(
    composition: &VideoOverlayComposition,
    visibility: f32,
) -> Result<VideoOverlayComposition> {
    let rectangles = composition.iter().map(|rectangle| {
        let mut rectangle = rectangle.copy();
        let writable = rectangle
            .get_mut()
            .ok_or_else(|| anyhow!("a new rectangle is not writable"))?;
        writable.set_global_alpha(visibility);
        Ok(rectangle)
    });
    let rectangles = rectangles.collect::<Result<Vec<_>>>()?;
    Ok(VideoOverlayComposition::new(rectangles.iter())?)
}

/// The `drawn` part of the canvas as a composition of one rectangle.
fn composition(canvas: &Canvas, drawn: Area) -> Result<VideoOverlayComposition> {
    let (x, y) = (i32::try_from(drawn.x0)?, i32::try_from(drawn.y0)?);
    let (width, height) = (
        u32::try_from(drawn.x1 - drawn.x0)?,
        u32::try_from(drawn.y1 - drawn.y0)?,
    );
    let mut words = Vec::with_capacity(4 * width as usize * height as usize);
    for row in drawn.y0..drawn.y1 {
        let pixels = canvas.row(row, drawn).as_chunks::<4>().0;
        // ARGB in native words, as GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB is.
        words.extend(
            pixels
                .iter()
                .flat_map(|&[r, g, b, a]| u32::from_be_bytes([a, r, g, b]).to_ne_bytes()),
        );
    }
    let mut pixels = gst::Buffer::from_mut_slice(words);
    let format = if cfg!(target_endian = "little") {
        VideoFormat::Bgra
    } else {
        VideoFormat::Argb
    };
    let pixels_mut = pixels
        .get_mut()
        .ok_or_else(|| anyhow!("a new buffer is not writable"))?;
    VideoMeta::add(pixels_mut, VideoFrameFlags::empty(), format, width, height)?;
    let rectangle = VideoOverlayRectangle::new_raw(
        &pixels,
        x,
        y,
        width,
        height,
        VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA,
    );
    Ok(VideoOverlayComposition::new([&rectangle])?)
}
