//! Taking colour out of packed R, G and B, in the loop that blends.
//!
//! In: how much of its colour each pixel of the canvas loses, and bytes of a frame's row. Out: the same bytes, towards their luma.

use std::ops::Range;

use gst_video::VideoInfo;

use ::ssdcrp::overlay::{Canvas, LUMA};

use super::super::layout::Layout;

/// Bytes of a row that are blended or skipped together. Blending what is transparent leaves the bytes as they are, and
/// runs of this length are what vector instructions like.
pub(super) const BLOCK: usize = 64;

/// What R, G and B of a plane lose of their colour: the same as [`desaturated`](::ssdcrp::overlay::desaturated), many pixels at a time.
#[derive(Debug)]
pub(super) struct Desaturation {
    /// Bytes of a pixel, and how much each of them counts for its brightness; what is no colour does not count.
    step: usize,
    luma: [u8; 4],
    /// The canvas's, row by row.
    width: usize,
    amounts: Vec<u8>,
}

impl Desaturation {
    /// Of the first plane of a format of packed R, G and B.
    pub(super) fn of(canvas: &Canvas, info: &VideoInfo, layout: &Layout) -> Option<Self> {
        let rgb = layout
            .components
            .first_chunk::<3>()
            .filter(|_| info.is_rgb())?;
        let mut luma = [0; 4];
        for (component, weight) in rgb.iter().zip(LUMA) {
            *luma.get_mut(component.offset)? = weight;
        }
        canvas
            .desaturation
            .iter()
            .any(|&desaturation| desaturation != 0)
            .then(|| Self {
                step: rgb[0].step,
                luma,
                width: canvas.width as usize,
                amounts: canvas.desaturation.clone(),
            })
    }

    /// How much of its colour each pixel of a row loses of which any byte lies in `bytes`; and where in the row the first of
    /// them begins.
    pub(super) fn of_row(&self, row: usize, bytes: &Range<usize>) -> (&[u8], usize) {
        let first = bytes.start / self.step;
        let end = bytes.end.div_ceil(self.step).min(self.width);
        let amounts = (self.amounts)
            .get(row * self.width + first..row * self.width + end)
            .unwrap_or_default();
        (amounts, first * self.step)
    }

    /// The same at `share`/255 of it.
    pub(super) fn faded(&self, share: u8) -> Self {
        Self {
            amounts: scaled(&self.amounts, share),
            ..*self
        }
    }

    /// Desaturates pixels; `target` begins with the first.
    #[inline(always)]
    pub(super) fn apply(&self, amounts: &[u8], target: &mut [u8]) {
        match self.step {
            3 => {
                let [a, b, c, _] = self.luma;
                let pixels = target.as_chunks_mut().0.iter_mut().zip(amounts);
                pixels.for_each(|(pixel, &desaturation)| {
                    desaturate_pixel(pixel, desaturation, [a, b, c]);
                });
            }
            _ => {
                let (several, rest) = target.as_chunks_mut::<BLOCK>();
                let (desaturations, last) = amounts.as_chunks();
                let pixels = several.iter_mut().zip(desaturations);
                pixels.for_each(|(pixels, desaturations)| {
                    desaturate_block(pixels, desaturations, self.luma);
                });
                let behind = several
                    .get_mut(desaturations.len())
                    .map(<[u8; BLOCK]>::as_mut_slice);
                let pixels = behind.unwrap_or(rest).as_chunks_mut().0.iter_mut();
                pixels.zip(last).for_each(|(pixel, &desaturation)| {
                    desaturate_pixel(pixel, desaturation, self.luma);
                });
            }
        }
    }
}

#[inline(always)]
fn desaturate_pixel<const STEP: usize>(pixel: &mut [u8; STEP], desaturation: u8, luma: [u8; STEP]) {
    if desaturation == 0 {
        return;
    }
    let sum: u32 = (0..STEP)
        .map(|i| u32::from(luma[i]) * u32::from(pixel[i]))
        .sum();
    let grey = (sum + 128) >> 8;
    for i in 0..STEP {
        let desaturation = u32::from(desaturation) * u32::from(luma[i] != 0);
        let mixed = u32::from(pixel[i]) * (255 - desaturation) + grey * desaturation;
        pixel[i] = divided(mixed) as u8;
    }
}

/// The same as [`desaturate_pixel`] for a block of pixels of four bytes, in a form that vector instructions can be made of: words for
/// what is done once a pixel, bytes for what is done to each.
#[inline(always)]
fn desaturate_block(pixels: &mut [u8; BLOCK], desaturations: &[u8; BLOCK / 4], luma: [u8; 4]) {
    if desaturations
        .iter()
        .fold(0, |any, desaturation| any | desaturation)
        == 0
    {
        return;
    }
    let weights = luma.map(u32::from);
    let colour = u32::from_le_bytes(luma.map(|weight| if weight == 0 { 0 } else { 255 }));
    let each = |byte: u32| byte | byte << 8 | byte << 16 | byte << 24;
    let (mut greys, mut amounts) = ([0; BLOCK], [0; BLOCK]);
    let places = (greys.as_chunks_mut::<4>().0.iter_mut())
        .zip(amounts.as_chunks_mut::<4>().0)
        .zip(pixels.as_chunks::<4>().0)
        .zip(desaturations);
    for (((grey, amount), pixel), &desaturation) in places {
        let word = u32::from_le_bytes(*pixel);
        let sum = weights[0] * (word & 0xff)
            + weights[1] * (word >> 8 & 0xff)
            + weights[2] * (word >> 16 & 0xff)
            + weights[3] * (word >> 24);
        *grey = each((sum + 128) >> 8).to_le_bytes();
        *amount = (each(desaturation.into()) & colour).to_le_bytes();
    }
    for ((byte, grey), amount) in pixels.iter_mut().zip(greys).zip(amounts) {
        let (kept, amount) = (u16::from(255 - amount), u16::from(amount));
        let t = u16::from(*byte) * kept + u16::from(grey) * amount + 128;
        *byte = ((t + (t >> 8)) >> 8) as u8;
    }
}

/// `share`/255 of each byte.
pub(super) fn scaled(bytes: &[u8], share: u8) -> Vec<u8> {
    let bytes = bytes.iter().map(|&byte| u32::from(byte) * u32::from(share));
    bytes.map(|byte| divided(byte).min(255) as u8).collect()
}

/// x/255 to the nearest integer for x ≤ 255².
#[inline(always)]
fn divided(x: u32) -> u32 {
    let t = x + 128;
    (t + (t >> 8)) >> 8
}
