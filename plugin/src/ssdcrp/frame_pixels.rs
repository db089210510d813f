//! Reading the pixels of a mapped video frame as RGB, in place, whatever its raw format.
//!
//! In: a `gst_video::VideoFrameRef`. Out: [`FramePixels`], from which the engine samples the network's input, large frames
//! on the streaming thread. That must not take long, so the stored components are interpolated and RGB is made of the result.
//! Of each plane two rows are mixed byte by byte, whatever the bytes mean, which vector instructions do; of the one row
//! that is left, each component takes the bytes that it needs. Where pixels are words of R, G, B and a fourth byte, and few of
//! them are needed, the four around a place are mixed instead. The result differs from interpolated RGB by rounding, and
//! where a stored Y'CbCr has no RGB in 0..=255.

use anyhow::{Context, Result};
use gst_video::prelude::*;
use pulp::Arch;

use ::ssdcrp::bilinear::Tap;
use ::ssdcrp::detect::Pixels;
use ::ssdcrp::geometry::Size;

use super::colour::Decoder;
use super::layout::{Component, Layout, strides};

#[cfg(test)]
mod tests;

/// A view of a mapped frame as RGB pixels of 0..=255 in full range; alpha is ignored.
///
/// Subsampled chroma is taken from the sample that covers the pixel: the network's input is a reduced picture. An
/// interlaced frame is one picture of all lines. A pixel outside of the frame is never an error: its samples are 0.
#[derive(Debug)]
pub struct FramePixels<'a> {
    size: Size,
    planes: Vec<MappedPlane<'a>>,
    /// R, G, B; Y, U, V; or grey alone.
    components: Vec<Component>,
    kind: Kind,
    interlaced: bool,
    decoder: Decoder,
}

/// What the components are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Rgb,
    Yuv,
    Grey,
}

/// Rows of bytes.
#[derive(Debug)]
struct MappedPlane<'a> {
    data: &'a [u8],
    stride: usize,
    row_bytes: usize,
}

impl<'a> MappedPlane<'a> {
    /// A row without its padding; nothing beyond the end of the frame.
    fn row(&self, row: usize) -> &'a [u8] {
        let start = row.saturating_mul(self.stride);
        let end = start.saturating_add(self.row_bytes);
        self.data.get(start..end).unwrap_or_default()
    }
}

impl<'a> FramePixels<'a> {
    /// # Errors
    /// The frame's format is not one of `layout::FORMATS`, or its strides do not hold its rows.
    pub fn new(frame: &'a gst_video::VideoFrameRef<&gst::BufferRef>) -> Result<Self> {
        let info = frame.info();
        let layout = Layout::of(info)?;
        let planes = (strides(info, &layout)?.into_iter().enumerate())
            .map(|(plane, stride)| {
                let data = frame
                    .plane_data(u32::try_from(plane)?)
                    .with_context(|| format!("the {} frame lacks pixel data", info.format()))?;
                Ok(MappedPlane {
                    data,
                    stride,
                    row_bytes: layout.row_bytes(plane, info.width() as usize),
                })
            })
            .collect::<Result<_>>()?;
        let components: Vec<Component> = layout.components.into_iter().take(3).collect();
        Ok(Self {
            size: Size::new(info.width(), info.height()),
            planes,
            kind: match components.len() {
                3 if info.is_rgb() => Kind::Rgb,
                3 => Kind::Yuv,
                _ => Kind::Grey,
            },
            components,
            interlaced: frame.is_interlaced(),
            decoder: Decoder::new(info),
        })
    }

    /// The row of the component's plane that covers the row `y` of pixels.
    fn row_of(&self, component: &Component, y: u32) -> usize {
        component.row_of(y as usize, self.size.height as usize, self.interlaced)
    }

    /// What [`Pixels::resample`] does.
    #[inline(always)]
    fn resample_all(&self, rows: &[Tap], columns: &[Tap], mut colours: [&mut [f32]; 3]) {
        // Each component where one of the colours comes to stand.
        self.resample_components(rows, columns, &mut colours);
        let decoder = &self.decoder;
        let [red, green, blue] = colours;
        let decode = |values: &mut [f32]| {
            let values = values.iter_mut();
            values.for_each(|value| *value = decoder.level(*value));
        };
        match self.kind {
            Kind::Rgb => [red, green, blue].into_iter().for_each(decode),
            Kind::Yuv => {
                for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
                    [*red, *green, *blue] = decoder.yuv([*red, *green, *blue]);
                }
            }
            Kind::Grey => {
                decode(red);
                green.copy_from_slice(red);
                blue.copy_from_slice(red);
            }
        }
    }

    /// The components' values, not yet decoded, where the taps meet.
    #[inline(always)]
    fn resample_components(&self, rows: &[Tap], columns: &[Tap], values: &mut [&mut [f32]]) {
        if let ([plane], [first, second, third]) = (&self.planes[..], &mut *values)
            && self.size.width as usize >= FEW * columns.len()
            && let Some(places) = self.places_in_words()
        {
            return resample_words(plane, rows, columns, places, [first, second, third]);
        }
        let mut mixed = Vec::new();
        for (index, plane) in self.planes.iter().enumerate() {
            let mut components: Vec<_> = (self.components.iter().zip(values.iter_mut()))
                .filter(|(component, _)| component.plane == index)
                .map(|(component, values)| {
                    let columns = pairs(component, columns);
                    let values = values.chunks_exact_mut(columns.len().max(1));
                    (component, columns, values)
                })
                .collect();
            // Components of one plane are subsampled alike.
            let Some(&(shape, ..)) = components.first() else {
                continue;
            };
            mixed.clear();
            mixed.resize(plane.row_bytes, 0);
            for row in rows {
                let [above, below] = [row.low, row.high].map(|y| plane.row(self.row_of(shape, y)));
                mix(above, below, row.fraction, &mut mixed);
                for (_, columns, values) in &mut components {
                    if let Some(values) = values.next() {
                        pick(&mixed, columns, values);
                    }
                }
            }
        }
    }
}

/// A row has so many pixels for each column before it is faster to mix only those that are needed, two for each: measured at
/// 768 and 1920 pixels for 300 columns.
const FEW: usize = 2;

impl FramePixels<'_> {
    /// Where R, G and B are in pixels that are words of four bytes.
    fn places_in_words(&self) -> Option<[usize; 3]> {
        let components = self.components.first_chunk::<3>()?;
        let words = components.iter().all(|component| component.step == 4);
        (words && matches!(self.kind, Kind::Rgb))
            .then(|| components.map(|component| component.offset & 3))
    }
}

/// The same as [`FramePixels::resample_components`] for a plane of words, of which `places` are the bytes that are wanted.
#[inline(always)]
fn resample_words(
    plane: &MappedPlane,
    rows: &[Tap],
    columns: &[Tap],
    places: [usize; 3],
    [first, second, third]: [&mut [f32]; 3],
) {
    let width = columns.len().max(1);
    let lines = (first.chunks_exact_mut(width))
        .zip(second.chunks_exact_mut(width))
        .zip(third.chunks_exact_mut(width));
    for (row, ((first, second), third)) in rows.iter().zip(lines) {
        let [above, below] = [row.low, row.high].map(|y| plane.row(y as usize));
        let values = first.iter_mut().zip(second).zip(third);
        for (column, ((first, second), third)) in columns.iter().zip(values) {
            // Loops, and no `map` of arrays: the compiler does not put that into what has the wider instructions.
            let mut mixed = [0.0; 4];
            let [low, high] = [column.low as usize, column.high as usize];
            let top = word(above, low).into_iter().zip(word(above, high));
            let bottom = word(below, low).into_iter().zip(word(below, high));
            for ((mixed, top), bottom) in mixed.iter_mut().zip(top).zip(bottom) {
                let [top, bottom] = [between(*column, top), between(*column, bottom)];
                *mixed = row.lerp(top, bottom);
            }
            *first = mixed[places[0] & 3];
            *second = mixed[places[1] & 3];
            *third = mixed[places[2] & 3];
        }
    }
}

/// The pixel number `x` of a row of words, whose last one may lack a fourth byte that is no colour.
#[inline(always)]
fn word(row: &[u8], x: usize) -> [u8; 4] {
    let bytes = row.get(4 * x..).unwrap_or_default();
    match bytes.first_chunk() {
        Some(word) => *word,
        None => std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0)),
    }
}

/// A byte between that of one pixel and its neighbour's.
#[inline(always)]
fn between(tap: Tap, (low, high): (u8, u8)) -> f32 {
    tap.lerp(low.into(), high.into())
}

impl Pixels for FramePixels<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        let stored = |index: usize| {
            let component = self.components.get(index)?;
            let row = (self.planes.get(component.plane)?).row(self.row_of(component, y));
            row.get(component.byte_of(x as usize)).copied()
        };
        let stored = |index: usize| f32::from(stored(index).unwrap_or(0));
        let decoder = &self.decoder;
        let rgb = match self.kind {
            Kind::Rgb => [0, 1, 2].map(|index| decoder.level(stored(index))),
            Kind::Yuv => decoder.yuv([0, 1, 2].map(stored)),
            Kind::Grey => [decoder.level(stored(0)); 3],
        };
        rgb.map(|value| value.round() as u8)
    }

    fn resample(&self, rows: &[Tap], columns: &[Tap], colours: [&mut [f32]; 3]) {
        // With the widest instructions that the processor has.
        Arch::new().dispatch(|| self.resample_all(rows, columns, colours));
    }
}

/// Fractional bits of a mixed row, and of weights.
const MIXED: u32 = 6;
const WEIGHT: u32 = 15;

/// A weight of 0..1 in fixed point.
fn fixed(weight: f32) -> i16 {
    (weight * (1 << WEIGHT) as f32)
        .round()
        .min(f32::from(i16::MAX)) as i16
}

/// Mixes two rows: above·(1 − weight) + below·weight.
#[inline(always)]
fn mix(above: &[u8], below: &[u8], weight: f32, mixed: &mut [i16]) {
    let weight = i32::from(fixed(weight));
    for ((mixed, &above), &below) in mixed.iter_mut().zip(above).zip(below) {
        let (above, below) = (i16::from(above), i16::from(below));
        // The upper half of a product of 16 bits each, which is one vector instruction: 7 + 15 - 16 bits of fraction.
        let rise = (i32::from((below - above) << (MIXED + 1)) * weight) >> 16;
        *mixed = (above << MIXED) + rise as i16;
    }
}

/// The bytes of two neighbouring samples, and how much of the second.
struct Pair {
    low: u32,
    high: u32,
    weight: i32,
}

/// Where in a row of its plane the component's samples for each of `columns` are.
fn pairs(component: &Component, columns: &[Tap]) -> Vec<Pair> {
    let byte = |x: u32| component.byte_of(x as usize) as u32;
    (columns.iter())
        .map(|column| Pair {
            low: byte(column.low),
            high: byte(column.high),
            weight: fixed(column.fraction).into(),
        })
        .collect()
}

/// Interpolates along a mixed row.
#[inline(always)]
fn pick(mixed: &[i16], columns: &[Pair], values: &mut [f32]) {
    const UNIT: f32 = 1.0 / (1 << (MIXED + WEIGHT)) as f32;
    let sample = |byte: u32| i32::from(mixed.get(byte as usize).copied().unwrap_or(0));
    for (value, column) in values.iter_mut().zip(columns) {
        let (low, high) = (sample(column.low), sample(column.high));
        *value = ((low << WEIGHT) + (high - low) * column.weight) as f32 * UNIT;
    }
}
