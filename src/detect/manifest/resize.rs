//! How a picture is brought to the size of the network's input: a word where it is warped, a table where it is letterboxed.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::{ManifestField, read};
use crate::error::Result;

/// How the picture is brought to the network's input size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resize {
    /// It becomes as wide and as high as the input: its aspect ratio is not kept.
    Warp(Sampling),
    /// It keeps its aspect ratio, and bars fill the rest of the input.
    Letterbox(Letterbox),
}

/// Between which of the picture's pixels a pixel of the input lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Half-pixel centres: src = (dst + ½)·in/out − ½, clamped to the picture.
    #[default]
    Bilinear,
    /// TensorFlow 1's: src = dst·in/out, so the picture is shifted by up to half a pixel.
    BilinearLegacy,
    /// darknet's: src = dst·(in − 1)/(out − 1), the corners' pixels on each other.
    BilinearCorners,
}

/// A picture between bars.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letterbox {
    /// Where the picture lies.
    #[serde(rename = "letterbox")]
    pub alignment: Alignment,
    /// The bars' colour, 0..=255, in the order of the input's channels; the grey that ultralytics and YOLOX take unless given.
    #[serde(default = "grey", deserialize_with = "read::exactly")]
    pub bars: [f32; 3],
    /// Whether a picture that is smaller than the input is enlarged.
    #[serde(default = "yes")]
    pub enlarge: bool,
    /// How the picture's sides in the input become whole pixels.
    #[serde(default)]
    pub rounding: Rounding,
    /// How pixels are sampled.
    #[serde(default)]
    pub sampling: Sampling,
}

/// Where a picture lies between bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// In the middle; of an odd number of rows or columns the smaller half is before it.
    Centre,
    /// All bars are at the right or below.
    TopLeft,
}

/// How a length becomes whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// The nearest; of two the even one, as Python's `round` has it.
    #[default]
    Nearest,
    /// What lies behind the point is dropped.
    Down,
}

fn grey() -> [f32; 3] {
    [114.0; 3]
}

fn yes() -> bool {
    true
}

impl Resize {
    /// How pixels are sampled.
    pub fn sampling(&self) -> Sampling {
        match self {
            Self::Warp(sampling) => *sampling,
            Self::Letterbox(letterbox) => letterbox.sampling,
        }
    }

    /// # Errors
    /// Bars of no colour.
    pub(super) fn validate(&self) -> Result<()> {
        let Self::Letterbox(letterbox) = self else {
            return Ok(());
        };
        for (i, bar) in letterbox.bars.iter().enumerate() {
            ManifestField::of("input", "resize").ensure(
                (0.0..=255.0).contains(bar),
                format_args!("bars[{i}]: expected a number from 0 to 255, found {bar}"),
            )?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Resize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable)
    }
}

struct WordOrTable;

impl<'de> Visitor<'de> for WordOrTable {
    type Value = Resize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"bilinear\", or a table as { letterbox = \"centre\" }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Resize, E> {
        Sampling::deserialize(StrDeserializer::new(word)).map(Resize::Warp)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Resize, A::Error> {
        Letterbox::deserialize(MapAccessDeserializer::new(table)).map(Resize::Letterbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::manifest::tests::{error, parsed};

    const WORD: &str = "resize = \"bilinear-legacy\"";

    #[test]
    fn a_table_letterboxes_as_it_says() {
        let resize = |text: &str| parsed(WORD, &format!("resize = {text}")).input.resize;
        let as_ultralytics = Letterbox {
            alignment: Alignment::Centre,
            bars: [114.0; 3],
            enlarge: true,
            rounding: Rounding::Nearest,
            sampling: Sampling::Bilinear,
        };
        assert_eq!(
            resize("{ letterbox = \"centre\" }"),
            Resize::Letterbox(as_ultralytics)
        );
        let darknet = resize(
            "{ letterbox = \"centre\", bars = [127.5, 127.5, 127.5], rounding = \"down\", sampling = \"bilinear-corners\" }",
        );
        assert_eq!(
            darknet,
            Resize::Letterbox(Letterbox {
                bars: [127.5; 3],
                rounding: Rounding::Down,
                sampling: Sampling::BilinearCorners,
                ..as_ultralytics
            })
        );
        assert_eq!(
            resize("{ letterbox = \"top-left\", enlarge = false }"),
            Resize::Letterbox(Letterbox {
                alignment: Alignment::TopLeft,
                enlarge: false,
                ..as_ultralytics
            })
        );
        assert_eq!(
            resize("\"bilinear-corners\""),
            Resize::Warp(Sampling::BilinearCorners)
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (new, message) in [
            (
                "resize = { letterbox = \"centre\", bars = [114, 114, 256] }",
                "line 11: [input] resize: bars[2]: expected a number from 0 to 255, found 256",
            ),
            (
                "resize = { letterbox = \"middle\" }",
                "line 11: unknown variant `middle`, expected `centre` or `top-left` in `input.resize.letterbox`",
            ),
            (
                "resize = { bars = [114, 114, 114] }",
                "line 11: missing field `letterbox` in `input.resize`",
            ),
            (
                "resize = { letterbox = \"centre\", bars = [114] }",
                "line 11: expected 3 values, found 1 in `input.resize.bars`",
            ),
            (
                "resize = \"letterbox\"",
                "line 11: unknown variant `letterbox`, expected one of `bilinear`, `bilinear-legacy`, `bilinear-corners` in `input.resize`",
            ),
            (
                "resize = 3",
                "line 11: invalid type: integer `3`, expected \"bilinear\", or a table as { letterbox = \"centre\" } in `input.resize`",
            ),
        ] {
            assert_eq!(error(WORD, new), format!("a.toml: {message}"));
        }
    }
}
