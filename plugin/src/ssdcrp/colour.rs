//! Colour arithmetic between a frame's components and RGB.
//!
//! In: the colorimetry of a `gst_video::VideoInfo`. Out: [`Decoder`], components → RGB for reading frames, and
//! [`Form`]s, premultiplied RGBA → premultiplied component for painting into them. Both follow ITU-R BT.601, BT.709 or
//! BT.2020 (Kr and Kb as GStreamer gives them) and full or limited range ("GstVideoColorRange"); the transfer function
//! is left alone, as every 8-bit blend in GStreamer does.

use gst_video::{VideoColorMatrix, VideoColorRange, VideoInfo};

/// Fractional bits of the fixed-point coefficients.
const FRACTION: u32 = 16;
const ONE: f64 = (1 << FRACTION) as f64;

/// The colorimetry that decides component values; frames that agree in it can share a prepared overlay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colorimetry {
    pub matrix: VideoColorMatrix,
    pub range: VideoColorRange,
}

impl Colorimetry {
    /// What `info` says; where it says nothing, what video of that kind and size has by convention: Y'CbCr is of
    /// limited range, with BT.709 above 576 lines and BT.601 up to there; RGB and grey are of full range.
    pub fn of(info: &VideoInfo) -> Self {
        let told = info.colorimetry();
        let range = match told.range() {
            VideoColorRange::Range0_255 | VideoColorRange::Range16_235 => told.range(),
            _ if info.is_yuv() => VideoColorRange::Range16_235,
            _ => VideoColorRange::Range0_255,
        };
        let matrix = match told.matrix() {
            matrix if matrix.kr_kb().is_ok() => matrix,
            _ if info.height() > 576 => VideoColorMatrix::Bt709,
            _ => VideoColorMatrix::Bt601,
        };
        Self { matrix, range }
    }

    /// Kr and Kb of the luma equation; BT.601's where the matrix is none.
    fn kr_kb(self) -> (f64, f64) {
        self.matrix.kr_kb().unwrap_or((0.299, 0.114))
    }
}

/// Frame components → RGB, each 0..=255. Components may lie between two stored levels: what is linear may be interpolated
/// before it is decoded.
#[derive(Clone, Debug)]
pub struct Decoder {
    luma_offset: f32,
    chroma_offset: f32,
    /// Gain of luma, and of R, G, B or grey that are stored themselves.
    luma: f32,
    red_v: f32,
    green_u: f32,
    green_v: f32,
    blue_u: f32,
}

impl Decoder {
    pub fn new(info: &VideoInfo) -> Self {
        let colorimetry = Colorimetry::of(info);
        let (offset, scale) = info.range_offsets(colorimetry.range);
        let (kr, kb) = colorimetry.kr_kb();
        let kg = 1.0 - kr - kb;
        let gain = |component: usize| 255.0 / f64::from(scale[component].max(1));
        Self {
            luma_offset: offset[0] as f32,
            chroma_offset: offset[1] as f32,
            luma: gain(0) as f32,
            red_v: (2.0 * (1.0 - kr) * gain(2)) as f32,
            green_u: (-2.0 * (1.0 - kb) * kb / kg * gain(1)) as f32,
            green_v: (-2.0 * (1.0 - kr) * kr / kg * gain(2)) as f32,
            blue_u: (2.0 * (1.0 - kb) * gain(1)) as f32,
        }
    }

    /// One Y'CbCr pixel.
    #[inline(always)]
    pub fn yuv(&self, [y, u, v]: [f32; 3]) -> [f32; 3] {
        let y = (y - self.luma_offset) * self.luma;
        let u = u - self.chroma_offset;
        let v = v - self.chroma_offset;
        [
            y + v * self.red_v,
            y + u * self.green_u + v * self.green_v,
            y + u * self.blue_u,
        ]
        .map(|value| value.clamp(0.0, 255.0))
    }

    /// One stored level of R, G, B or grey.
    #[inline(always)]
    pub fn level(&self, stored: f32) -> f32 {
        ((stored - self.luma_offset) * self.luma).clamp(0.0, 255.0)
    }
}

/// One frame component as a linear form of premultiplied R, G, B and alpha (coefficients with [`FRACTION`] fractional
/// bits): the component's value times the alpha.
///
/// The component's offset (16 for limited luma, 128 for chroma) is the coefficient of alpha, which is what makes
/// premultiplied blending right in Y'CbCr too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(pub [i32; 4]);

impl Form {
    /// The forms of all components of the format, in the order of `Layout::components`.
    pub fn of(info: &VideoInfo) -> Vec<Self> {
        let colorimetry = Colorimetry::of(info);
        let (offset, scale) = info.range_offsets(colorimetry.range);
        let (kr, kb) = colorimetry.kr_kb();
        let kg = 1.0 - kr - kb;
        let (u, v) = (0.5 / (1.0 - kb), 0.5 / (1.0 - kr));
        let weights = if info.is_rgb() {
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        } else {
            [
                [kr, kg, kb],
                [-kr * u, -kg * u, (1.0 - kb) * u],
                [(1.0 - kr) * v, -kg * v, -kb * v],
            ]
        };
        let fixed = |value: f64| (value * ONE).round() as i32;
        let colours = weights.into_iter().enumerate().map(|(component, weight)| {
            let [r, g, b] = weight.map(|w| fixed(w * f64::from(scale[component]) / 255.0));
            Self([r, g, b, fixed(f64::from(offset[component]) / 255.0)])
        });
        let alpha = Self([0, 0, 0, 1 << FRACTION]);
        (colours.chain([alpha]))
            .take(info.n_components() as usize)
            .collect::<Vec<_>>()
    }

    /// The component where the picture has this colour (R, G, B) and is opaque.
    pub fn opaque(self, [r, g, b]: [u8; 3]) -> u8 {
        let colour = [r, g, b, 255].map(i32::from);
        let parts = self.0.iter().zip(colour);
        let sum: i32 = parts.map(|(part, level)| part * level).sum();
        ((sum + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255) as u8
    }

    /// The component of a row of samples, each given by the `sums` of the R, G, B and alpha of its 2^`shift` pixels, as
    /// the mean of the pixels. No value exceeds its alpha, whatever the canvas holds: `source + target·(1 − alpha)`
    /// cannot overflow.
    pub fn apply(self, sums: &[Vec<i32>; 4], shift: u32, alphas: &[u8], values: &mut Vec<u8>) {
        let Self([fr, fg, fb, fa]) = self;
        let [r, g, b, a] = sums;
        let bits = FRACTION + shift;
        let half = 1 << (bits - 1);
        let samples = alphas.iter().zip(r).zip(g).zip(b).zip(a);
        values.clear();
        values.extend(samples.map(|((((alpha, r), g), b), a)| {
            let sum = fr * r + fg * g + fb * b + fa * a + half;
            (sum >> bits).clamp(0, i32::from(*alpha)) as u8
        }));
    }
}
