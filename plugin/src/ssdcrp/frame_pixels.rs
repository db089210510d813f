//! Reading the pixels of a mapped video frame as RGB, in place, whatever its raw format.
//!
//! In: a `gst_video::VideoFrameRef`. Out: [`FramePixels`], from which the engine samples the network's input on the
//! streaming thread. A network input takes some 360 000 pixels, so the format is decided once, outside of that loop:
//! [`FramePixels::visit`] hands the loop a view whose layout the compiler knows.

use anyhow::{Context, Result, bail};
use gst_video::prelude::*;

use ::ssdcrp::ssd::Pixels;

use super::colour::Decoder;
use super::layout::{Component, Layout, strides};

#[cfg(test)]
mod tests;

/// Work on a picture that shall be compiled for every layout by itself.
pub trait Visitor {
    type Output;
    fn visit<P: Pixels>(self, pixels: &P) -> Self::Output;
}

/// A view of a mapped frame as RGB pixels of 0..=255 in full range; alpha is ignored.
///
/// Subsampled chroma is taken from the sample that covers the pixel, without interpolation: the network's input is a
/// reduced picture. An interlaced frame is one picture of all lines. A pixel outside of the frame is never an error:
/// its colour is some other pixel's, or that of samples of 0.
#[derive(Debug)]
pub struct FramePixels<'a> {
    view: View<'a>,
}

/// The layouts that differ in their arithmetic. `FORMATS` has no other.
#[derive(Debug)]
enum View<'a> {
    Packed3(Rgb<'a, 3>),
    Packed4(Rgb<'a, 4>),
    Planar420(Yuv<'a, 1, 1, 1>),
    SemiPlanar420(Yuv<'a, 1, 2, 1>),
    Packed422(Yuv<'a, 2, 4, 0>),
    Grey(Grey<'a>),
}

macro_rules! with_view {
    ($view:expr, $pixels:ident => $body:expr) => {
        match $view {
            View::Packed3($pixels) => $body,
            View::Packed4($pixels) => $body,
            View::Planar420($pixels) => $body,
            View::SemiPlanar420($pixels) => $body,
            View::Packed422($pixels) => $body,
            View::Grey($pixels) => $body,
        }
    };
}

impl<'a> FramePixels<'a> {
    /// # Errors
    /// The frame's format is not one of `layout::FORMATS`, or its strides do not hold its rows.
    pub fn new(frame: &'a gst_video::VideoFrameRef<&gst::BufferRef>) -> Result<Self> {
        let info = frame.info();
        let layout = Layout::of(info)?;
        let strides = strides(info, &layout)?;
        let samples = |component: &Component| -> Result<Samples<'a>> {
            let stride = strides.get(component.plane).copied().unwrap_or(0);
            let data = u32::try_from(component.plane)
                .map_err(anyhow::Error::from)
                .and_then(|plane| Ok(frame.plane_data(plane)?))
                .ok()
                .and_then(|plane| plane.get(component.offset..))
                .with_context(|| format!("the {} frame lacks pixel data", info.format()))?;
            Ok(Samples { data, stride })
        };
        let size = (info.width(), info.height());
        let decoder = Decoder::new(info);
        let shape = |component: &Component| (component.step, component.across, component.down);
        let view = match layout.components.as_slice() {
            [grey] if shape(grey) == (1, 0, 0) => View::Grey(Grey {
                size,
                grey: samples(grey)?,
                decoder,
            }),
            [red, green, blue, ..] if info.is_rgb() => {
                let channels = [samples(red)?, samples(green)?, samples(blue)?];
                match red.step {
                    3 => View::Packed3(Rgb::new(size, channels, decoder)),
                    4 => View::Packed4(Rgb::new(size, channels, decoder)),
                    step => bail!("cannot read RGB pixels of {step} bytes"),
                }
            }
            [luma, u, v] if info.is_yuv() => {
                let interlaced = frame.is_interlaced();
                let channels = [samples(luma)?, samples(u)?, samples(v)?];
                match (shape(luma), shape(u)) {
                    ((1, 0, 0), (1, 1, 1)) => {
                        View::Planar420(Yuv::new(size, channels, interlaced, decoder))
                    }
                    ((1, 0, 0), (2, 1, 1)) => {
                        View::SemiPlanar420(Yuv::new(size, channels, interlaced, decoder))
                    }
                    ((2, 0, 0), (4, 1, 0)) => {
                        View::Packed422(Yuv::new(size, channels, interlaced, decoder))
                    }
                    other => bail!("cannot read Y'CbCr samples laid out as {other:?}"),
                }
            }
            _ => bail!("cannot read {} video", info.format()),
        };
        Ok(Self { view })
    }

    /// Runs `visitor` on the view of the frame's own layout: the way to read many pixels.
    pub fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
        with_view!(&self.view, pixels => visitor.visit(pixels))
    }
}

impl Pixels for FramePixels<'_> {
    fn size(&self) -> (u32, u32) {
        with_view!(&self.view, pixels => pixels.size())
    }

    #[inline]
    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        with_view!(&self.view, pixels => pixels.rgb(x, y))
    }
}

/// The samples of one component: a plane from the component's first byte on.
#[derive(Clone, Copy, Debug)]
struct Samples<'a> {
    data: &'a [u8],
    stride: usize,
}

impl Samples<'_> {
    #[inline(always)]
    fn at(&self, row: usize, byte: usize) -> u8 {
        self.data
            .get(row * self.stride + byte)
            .copied()
            .unwrap_or(0)
    }
}

/// Packed RGB in any order of channels, `STEP` bytes a pixel.
#[derive(Debug)]
struct Rgb<'a, const STEP: usize> {
    size: (u32, u32),
    channels: [Samples<'a>; 3],
    decoder: Decoder,
}

impl<'a, const STEP: usize> Rgb<'a, STEP> {
    fn new(size: (u32, u32), channels: [Samples<'a>; 3], decoder: Decoder) -> Self {
        Self {
            size,
            channels,
            decoder,
        }
    }
}

impl<const STEP: usize> Pixels for Rgb<'_, STEP> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    #[inline(always)]
    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        (self.channels).map(|channel| {
            self.decoder
                .level(channel.at(y as usize, x as usize * STEP))
        })
    }
}

/// Y'CbCr with chroma halved across; `Y_STEP` and `C_STEP` bytes from a sample to the next, and 2^`DOWN` rows of pixels
/// to a row of chroma.
#[derive(Debug)]
struct Yuv<'a, const Y_STEP: usize, const C_STEP: usize, const DOWN: u32> {
    size: (u32, u32),
    luma: Samples<'a>,
    u: Samples<'a>,
    v: Samples<'a>,
    interlaced: bool,
    last_chroma_row: usize,
    decoder: Decoder,
}

impl<'a, const Y_STEP: usize, const C_STEP: usize, const DOWN: u32> Yuv<'a, Y_STEP, C_STEP, DOWN> {
    fn new(
        size: (u32, u32),
        [luma, u, v]: [Samples<'a>; 3],
        interlaced: bool,
        decoder: Decoder,
    ) -> Self {
        Self {
            size,
            luma,
            u,
            v,
            interlaced: interlaced && DOWN == 1,
            last_chroma_row: (size.1.div_ceil(1 << DOWN) as usize).saturating_sub(1),
            decoder,
        }
    }

    /// The row of chroma that covers pixel row `y`: the inverse of `Component::pixel_rows`.
    #[inline(always)]
    fn chroma_row(&self, y: usize) -> usize {
        if self.interlaced {
            (((y >> 2) << 1) | (y & 1)).min(self.last_chroma_row)
        } else {
            y >> DOWN
        }
    }
}

impl<const Y_STEP: usize, const C_STEP: usize, const DOWN: u32> Pixels
    for Yuv<'_, Y_STEP, C_STEP, DOWN>
{
    fn size(&self) -> (u32, u32) {
        self.size
    }

    #[inline(always)]
    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        let (x, y) = (x as usize, y as usize);
        let (row, byte) = (self.chroma_row(y), (x >> 1) * C_STEP);
        self.decoder.yuv(
            self.luma.at(y, x * Y_STEP),
            self.u.at(row, byte),
            self.v.at(row, byte),
        )
    }
}

/// Eight bits of grey.
#[derive(Debug)]
struct Grey<'a> {
    size: (u32, u32),
    grey: Samples<'a>,
    decoder: Decoder,
}

impl Pixels for Grey<'_> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    #[inline(always)]
    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        [self.decoder.level(self.grey.at(y as usize, x as usize)); 3]
    }
}
