//! Painting an overlay into video frames.
//!
//! In: a canvas of premultiplied RGBA, once per result; then every frame that shows it. Out: the same frames, painted.
//! Conversion and blending are two steps because a result is shown on many frames: [`PreparedOverlay::new`] (worker
//! thread) converts the canvas into the very bytes of the frame's planes, so that [`PreparedOverlay::blend`]
//! (streaming thread) is one loop over bytes, the same for all formats, that only visits what is not transparent.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use pulp::Arch;

use ::ssdcrp::overlay::Canvas;

use self::desaturation::{BLOCK, Desaturation, scaled};
use super::colour::{Colorimetry, Form};
use super::layout::{Component, Layout, strides};

mod desaturation;
#[cfg(test)]
mod tests;

/// A canvas converted into a frame format.
///
/// Where the canvas desaturates the picture, chroma goes towards neutral and R, G and B towards their luma
/// before the canvas is laid over.
///
/// The blend is exact for opaque video. A transparent destination pixel of RGBA video (straight alpha) gets the right
/// alpha, a + d·(1 − a), but a colour as if it had been opaque.
#[derive(Debug)]
pub struct PreparedOverlay {
    video: Video,
    layout: Layout,
    planes: Vec<OverlayPlane>,
}

/// What of a `VideoInfo` decides the bytes of an overlay. Strides and offsets do not: they may differ from buffer to
/// buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Video {
    format: VideoFormat,
    width: u32,
    height: u32,
    colorimetry: Colorimetry,
}

impl Video {
    fn of(info: &VideoInfo) -> Self {
        Self {
            format: info.format(),
            width: info.width(),
            height: info.height(),
            colorimetry: Colorimetry::of(info),
        }
    }
}

/// The overlay's bytes for one plane of the frame, row by row without padding.
#[derive(Debug)]
struct OverlayPlane {
    row_bytes: usize,
    /// Premultiplied: never greater than the alpha at the same place.
    source: Vec<u8>,
    /// Alpha of each byte's sample; 0 for bytes that belong to no component.
    alpha: Vec<u8>,
    /// The parts that are not wholly transparent, in the order of memory.
    spans: Vec<Span>,
    /// For planes of R, G and B; chroma has its desaturation in source and alpha.
    desaturation: Option<Desaturation>,
}

impl OverlayPlane {
    fn transparent(row_bytes: usize, rows: usize) -> Self {
        Self {
            row_bytes,
            source: vec![0; row_bytes * rows],
            alpha: vec![0; row_bytes * rows],
            spans: Vec::new(),
            desaturation: None,
        }
    }

    /// Paints the parts that are not transparent into a plane of the frame.
    #[inline(always)]
    fn paint(&self, plane: &mut [u8], stride: usize) -> Result<()> {
        for span in &self.spans {
            let rest = (plane.get_mut(span.row * stride..))
                .filter(|rest| rest.len() >= self.row_bytes)
                .context("the frame is shorter than its video info says")?;
            if let Some(desaturation) = &self.desaturation {
                let (amounts, first) = desaturation.of_row(span.row, &span.bytes);
                desaturation.apply(amounts, rest.get_mut(first..).unwrap_or_default());
            }
            let target = rest.get_mut(span.bytes.clone()).unwrap_or_default();
            let source = span.row * self.row_bytes;
            let range = source + span.bytes.start..source + span.bytes.end;
            blend_bytes(
                target,
                self.source.get(range.clone()).unwrap_or_default(),
                self.alpha.get(range).unwrap_or_default(),
            );
        }
        Ok(())
    }

    /// Puts samples and their alphas where `component` has them in `row`, from the sample `first` on.
    fn write(
        &mut self,
        row: usize,
        component: Component,
        first: usize,
        values: &[u8],
        alphas: &[u8],
    ) {
        let start = row * self.row_bytes + component.offset + first * component.step;
        let end = (row + 1) * self.row_bytes;
        for (all, samples) in [(&mut self.source, values), (&mut self.alpha, alphas)] {
            let row = all.get_mut(start..end).unwrap_or_default();
            if component.step == 1 {
                row.iter_mut()
                    .zip(samples)
                    .for_each(|(byte, &sample)| *byte = sample);
                continue;
            }
            for (bytes, &sample) in row.chunks_mut(component.step).zip(samples) {
                bytes[0] = sample;
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Span {
    row: usize,
    bytes: Range<usize>,
}

impl PreparedOverlay {
    /// Converts `canvas` for frames of `info`.
    ///
    /// A chroma sample gets the mean premultiplied chroma and the mean alpha of the pixels that it covers, which is the
    /// blend of the whole block.
    ///
    /// # Errors
    /// The canvas is not of the frame's size, or the format is not one of `layout::FORMATS`.
    pub fn new(canvas: &Canvas, info: &VideoInfo) -> Result<Self> {
        let layout = Layout::of(info)?;
        let (width, height) = (canvas.width as usize, canvas.height as usize);
        ensure!(
            (canvas.width, canvas.height) == (info.width(), info.height()),
            "the overlay is {width}x{height} pixels but the video is {}x{}: draw the overlay at the size of the video",
            info.width(),
            info.height(),
        );
        ensure!(
            canvas.pixels.len() == width * height * 4,
            "the overlay of {width}x{height} pixels has {} bytes instead of {}: it must be tightly packed RGBA",
            canvas.pixels.len(),
            width * height * 4,
        );
        let interlaced = info.interlace_mode() == gst_video::VideoInterlaceMode::Interleaved;
        let mut planes: Vec<OverlayPlane> = (0..layout.planes)
            .map(|plane| {
                let row_bytes = layout.row_bytes(plane, width);
                OverlayPlane::transparent(row_bytes, layout.rows(plane, height))
            })
            .collect();
        let mut painted: Vec<Painted> = (layout.components.iter().zip(Form::of(info)).enumerate())
            .map(|(index, (&component, form))| Painted {
                component,
                form,
                chroma: info.is_yuv() && (1..=2).contains(&index),
            })
            .collect();
        let shape = |painted: &Painted| (painted.component.across, painted.component.down);
        painted.sort_by_key(shape);
        for alike in painted.chunk_by(|a, b| shape(a) == shape(b)) {
            convert(canvas, alike, interlaced, &mut planes);
        }
        if let Some(plane) = planes.first_mut() {
            plane.desaturation = Desaturation::of(canvas, info, &layout);
        }
        for plane in &mut planes {
            plane.spans = spans(&plane.alpha, plane.row_bytes);
        }
        Ok(Self {
            video: Video::of(info),
            layout,
            planes,
        })
    }

    /// Whether there is nothing to be painted.
    pub fn is_empty(&self) -> bool {
        self.planes.iter().all(|plane| plane.spans.is_empty())
    }

    /// Whether frames of `info` can be painted; if not, the overlay has to be prepared anew.
    pub fn fits(&self, info: &VideoInfo) -> bool {
        self.video == Video::of(info)
    }

    /// The same overlay at `share`/255 of its opacity.
    pub fn faded(&self, share: u8) -> Self {
        let planes = self.planes.iter().map(|plane| OverlayPlane {
            row_bytes: plane.row_bytes,
            source: scaled(&plane.source, share),
            alpha: scaled(&plane.alpha, share),
            spans: plane.spans.clone(),
            desaturation: plane.desaturation.as_ref().map(|all| all.faded(share)),
        });
        Self {
            video: self.video,
            layout: self.layout.clone(),
            planes: planes.collect(),
        }
    }

    /// Paints the overlay into `frame`: d ← s + d·(255 − a)/255, both terms rounded to nearest. Where the overlay is
    /// transparent the frame keeps its bytes.
    ///
    /// # Errors
    /// The frame is of another format, size or colorimetry than the overlay was prepared for, or its strides do not
    /// hold its rows; the frame is then untouched.
    pub fn blend(&self, frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>) -> Result<()> {
        let info = frame.info();
        ensure!(
            self.fits(info),
            "the overlay was prepared for {:?} but the frame is {:?}: prepare it anew after a renegotiation",
            self.video,
            Video::of(info),
        );
        let strides = strides(info, &self.layout)?;
        for ((plane, overlay), stride) in (frame.planes_data_mut().into_iter())
            .zip(&self.planes)
            .zip(strides)
        {
            // With the widest instructions that the processor has.
            Arch::new().dispatch(|| overlay.paint(plane, stride))?;
        }
        Ok(())
    }
}

/// d ← s + d·(255 − a)/255, byte by byte. t + t/256 over 256 of t = x + 128 is x/255 to the nearest integer for
/// x ≤ 255².
#[inline(always)]
fn blend_bytes(target: &mut [u8], source: &[u8], alpha: &[u8]) {
    for ((d, &s), &a) in target.iter_mut().zip(source).zip(alpha) {
        let t = u16::from(*d) * u16::from(255 - a) + 128;
        *d = s.saturating_add(((t + (t >> 8)) >> 8) as u8);
    }
}

/// A component of the format and how the canvas becomes one.
struct Painted {
    component: Component,
    form: Form,
    /// Blue or red difference, 128 where there is no colour.
    chroma: bool,
}

/// Writes components that are subsampled alike into their planes.
fn convert(canvas: &Canvas, components: &[Painted], interlaced: bool, planes: &mut [OverlayPlane]) {
    let Some(Painted {
        component: shape, ..
    }) = components.first()
    else {
        return;
    };
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let pixels = canvas.pixels.as_chunks::<4>().0;
    let shift = shape.across + shape.down;
    let mut sums = [(); 4].map(|()| Vec::with_capacity(width));
    let mut desaturations = Vec::with_capacity(width);
    let mut alphas = Vec::with_capacity(width);
    let mut values = Vec::with_capacity(width);
    let mut visible = Vec::new();
    for row in 0..shape.rows(height) {
        let lines = shape.pixel_rows(row, height, interlaced);
        let lines = lines[..1 << shape.down].iter().filter_map(|y| {
            let line = y * width..(y + 1) * width;
            Some((pixels.get(line.clone())?, canvas.desaturation.get(line)?))
        });
        runs(lines.clone().map(|(line, _)| line), width, &mut visible);
        for run in &visible {
            for sums in sums.iter_mut().chain([&mut desaturations]) {
                sums.clear();
                sums.resize(run.len(), 0);
            }
            for (line, desaturation) in lines.clone() {
                add_line(line.get(run.clone()).unwrap_or_default(), &mut sums);
                let desaturation = desaturation.get(run.clone()).unwrap_or_default();
                let desaturations = desaturations.iter_mut().zip(desaturation);
                desaturations.for_each(|(sum, &desaturation)| *sum += i32::from(desaturation));
            }
            if shape.across == 1 {
                let all = sums.iter_mut().chain([&mut desaturations]);
                all.for_each(add_neighbours);
            }
            let mean = |sum: &i32| ((sum + ((1 << shift) >> 1)) >> shift) as u8;
            for Painted {
                component,
                form,
                chroma,
            } in components
            {
                let Some(plane) = planes.get_mut(component.plane) else {
                    continue;
                };
                alphas.clear();
                alphas.extend(sums[3].iter().map(mean));
                form.apply(&sums, shift, &alphas, &mut values);
                if *chroma {
                    let samples = values.iter_mut().zip(&mut alphas).zip(&desaturations);
                    samples.for_each(|((value, alpha), desaturation)| {
                        neutralise(value, alpha, mean(desaturation));
                    });
                }
                let first = run.start >> shape.across;
                plane.write(row, *component, first, &values, &alphas);
            }
        }
    }
}

/// Lays a neutral sample at the opacity `desaturation` under a premultiplied one.
fn neutralise(value: &mut u8, alpha: &mut u8, desaturation: u8) {
    let hidden = (u32::from(255 - *alpha) * u32::from(desaturation) + 127) / 255;
    *value = value.saturating_add(((128 * hidden + 127) / 255) as u8);
    *alpha = alpha.saturating_add(hidden as u8);
}

/// Pixels of a row that are converted or left out together; even, so that no chroma sample is cut.
const RUN: usize = 32;

/// The parts of rows of `width` pixels in which any is not transparent in any of `lines`.
fn runs<'c>(
    lines: impl Iterator<Item = &'c [[u8; 4]]> + Clone,
    width: usize,
    found: &mut Vec<Range<usize>>,
) {
    found.clear();
    for start in (0..width).step_by(RUN) {
        let run = start..(start + RUN).min(width);
        let any = |line: &[[u8; 4]]| {
            let pixels = line.get(run.clone()).unwrap_or_default().iter();
            pixels.fold(0, |any, &pixel| any | u32::from_le_bytes(pixel)) >> 24 != 0
        };
        if !lines.clone().any(any) {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.end == start => last.end = run.end,
            _ => found.push(run),
        }
    }
}

/// Adds a row of RGBA pixels to the sums of the four channels.
fn add_line(line: &[[u8; 4]], [r, g, b, a]: &mut [Vec<i32>; 4]) {
    let sums = r.iter_mut().zip(g).zip(b).zip(a);
    for ((((r, g), b), a), pixel) in sums.zip(line) {
        // Not `pixel[0]` and so on: shifted words are what the compiler makes vector instructions of.
        let word = u32::from_le_bytes(*pixel);
        *r += (word & 0xff) as i32;
        *g += (word >> 8 & 0xff) as i32;
        *b += (word >> 16 & 0xff) as i32;
        *a += (word >> 24) as i32;
    }
}

/// Replaces neighbours by their sum; one that is left over counts twice.
fn add_neighbours(sums: &mut Vec<i32>) {
    let pairs = sums.len().div_ceil(2);
    for pair in 0..pairs {
        let left = sums[2 * pair];
        let right = sums.get(2 * pair + 1).copied().unwrap_or(left);
        sums[pair] = left + right;
    }
    sums.truncate(pairs);
}

/// The parts of a plane in which some alpha is not 0, in whole blocks.
fn spans(alpha: &[u8], row_bytes: usize) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (row, alpha) in alpha.chunks_exact(row_bytes.max(1)).enumerate() {
        for (block, alpha) in alpha.chunks(BLOCK).enumerate() {
            if alpha.iter().fold(0, |any, a| any | a) == 0 {
                continue;
            }
            let bytes = block * BLOCK..block * BLOCK + alpha.len();
            match spans.last_mut() {
                Some(last) if last.row == row && last.bytes.end == bytes.start => {
                    last.bytes.end = bytes.end;
                }
                _ => spans.push(Span { row, bytes }),
            }
        }
    }
    spans
}
