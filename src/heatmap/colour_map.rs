//! What heatmap values are drawn in: one colour for each sign, of the same opacity for the same magnitude, and nothing at zero.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::error::argument::bail;

/// Values up to this far from 0 stay transparent: the unstructured floor of a relevance map would fog the picture.
pub(crate) const FAINT: f32 = 0.04;

/// Opacity of the strongest values; below 1, so that the object under them can still be made out.
const STRONGEST: f32 = 0.7;

/// A pair of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourMap {
    /// Red speaks for it, blue against it.
    #[default]
    RedBlue,
    /// Orange and blue, which can be told apart with every kind of colour blindness.
    OrangeBlue,
    /// Purple and green, for pictures of red or blue things.
    PurpleGreen,
    /// White and black, for video without colour and for print.
    LightDark,
}

impl ColourMap {
    /// All of them, the default first.
    pub const ALL: [ColourMap; 4] = [
        ColourMap::RedBlue,
        ColourMap::OrangeBlue,
        ColourMap::PurpleGreen,
        ColourMap::LightDark,
    ];

    /// As it is written in options and properties.
    pub fn name(self) -> &'static str {
        match self {
            ColourMap::RedBlue => "red-blue",
            ColourMap::OrangeBlue => "orange-blue",
            ColourMap::PurpleGreen => "purple-green",
            ColourMap::LightDark => "light-dark",
        }
    }

    /// Red, green and blue of what speaks for the explained output.
    pub fn positive(self) -> [u8; 3] {
        match self {
            ColourMap::RedBlue => [240, 24, 36],
            ColourMap::OrangeBlue => [255, 150, 0],
            ColourMap::PurpleGreen => [176, 32, 232],
            ColourMap::LightDark => [255, 255, 255],
        }
    }

    /// The name of the colour of what speaks for it.
    pub fn positive_name(self) -> &'static str {
        match self {
            ColourMap::RedBlue => "red",
            ColourMap::OrangeBlue => "orange",
            ColourMap::PurpleGreen => "purple",
            ColourMap::LightDark => "white",
        }
    }

    /// Of what speaks against it.
    pub fn negative(self) -> [u8; 3] {
        match self {
            ColourMap::RedBlue => [24, 84, 255],
            ColourMap::OrangeBlue => [0, 64, 255],
            ColourMap::PurpleGreen => [0, 176, 48],
            ColourMap::LightDark => [0, 0, 0],
        }
    }

    /// What the heatmap lies on where it stands alone, opaque red, green and blue: both of its colours can be seen on it.
    pub fn ground(self) -> [u8; 3] {
        match self {
            ColourMap::RedBlue | ColourMap::OrangeBlue | ColourMap::PurpleGreen => [0, 0, 0],
            ColourMap::LightDark => [128, 128, 128],
        }
    }

    /// The colour of a heatmap value: red, green, blue, not premultiplied, and alpha, which alone says how strong the value
    /// is. Transparent within 0.04 of 0 and for a value that is not a number; beyond -1..1 as at the end.
    pub fn colour(self, value: f32) -> [u8; 4] {
        let strength = ((value.abs() - FAINT) / (1.0 - FAINT)).clamp(0.0, 1.0);
        // Slightly above linear in the middle: relevance maps are heavy-tailed, and most of the object lies at 0.2 to 0.5.
        let alpha = (255.0 * STRONGEST * strength.powf(0.8)).round() as u8;
        let [r, g, b] = if value > 0.0 {
            self.positive()
        } else {
            self.negative()
        };
        [r, g, b, alpha]
    }
}

impl fmt::Display for ColourMap {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ColourMap {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|map| map.name() == name);
        match found {
            Some(map) => Ok(map),
            None => bail!(
                "there is no colour map '{name}': it is one of {}",
                Self::ALL.map(ColourMap::name).join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_colours_can_be_seen_on_the_ground() {
        for map in ColourMap::ALL {
            for colour in [map.positive(), map.negative()] {
                let differ = colour.iter().zip(map.ground());
                let farthest = differ.map(|(colour, ground)| colour.abs_diff(ground)).max();
                assert!(farthest >= Some(120), "{map}: {colour:?}");
            }
        }
    }

    #[test]
    fn colours_are_as_strong_as_the_value() {
        for map in ColourMap::ALL {
            assert_eq!(map.colour(0.0)[3], 0);
            assert_eq!(map.colour(FAINT)[3], 0);
            assert_eq!(map.colour(f32::NAN)[3], 0);
            assert_eq!(map.colour(2.0), map.colour(1.0));
            let mut alpha = 0;
            for step in 1..=100 {
                let value = step as f32 / 100.0;
                let ([r, g, b, for_it], [s, h, c, against]) =
                    (map.colour(value), map.colour(-value));
                assert_eq!(for_it, against);
                assert!(
                    for_it >= alpha && (value <= FAINT || for_it > alpha),
                    "{value}"
                );
                alpha = for_it;
                assert_eq!(([r, g, b], [s, h, c]), (map.positive(), map.negative()));
            }
            assert!((150..255).contains(&alpha), "{alpha}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for map in ColourMap::ALL {
            assert_eq!(map.to_string().parse::<ColourMap>().unwrap(), map);
        }
        let error = "rainbow".parse::<ColourMap>().unwrap_err().to_string();
        assert!(
            error.contains("'rainbow'") && error.contains("orange-blue"),
            "{error}"
        );
    }

    /// Linear RGB as it is seen without cones for long, middle or short wavelengths: Machado, Oliveira and Fernandes, "A
    /// Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.
    const BLIND: [(&str, [[f32; 3]; 3]); 3] = [
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "tritanopia",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];

    /// Distance in CIELAB (D65) of the two colours, seen through `vision`: ΔE of 1976.
    fn apart(map: ColourMap, vision: [[f32; 3]; 3]) -> f32 {
        let product = |matrix: [[f32; 3]; 3], v: [f32; 3]| {
            matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
        };
        let lab = |rgb: [u8; 3]| {
            let linear = rgb.map(|c| {
                let c = f32::from(c) / 255.0;
                if c <= 0.040_45 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            });
            let seen = product(vision, linear).map(|c| c.clamp(0.0, 1.0));
            let xyz = product(
                [
                    [0.412_456, 0.357_576, 0.180_438],
                    [0.212_673, 0.715_152, 0.072_175],
                    [0.019_334, 0.119_192, 0.950_304],
                ],
                seen,
            );
            let [x, y, z] = [xyz[0] / 0.950_47, xyz[1], xyz[2] / 1.088_83].map(|t| {
                if t > 0.008_856 {
                    t.cbrt()
                } else {
                    7.787 * t + 16.0 / 116.0
                }
            });
            [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
        };
        let (a, b) = (lab(map.positive()), lab(map.negative()));
        (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
    }

    #[test]
    fn the_signs_can_be_told_apart_by_everybody() {
        let everything = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for (vision, matrix) in BLIND.into_iter().chain([("all cones", everything)]) {
            for map in ColourMap::ALL {
                let apart = apart(map, matrix);
                let needed = if map == ColourMap::OrangeBlue {
                    80.0
                } else {
                    40.0
                };
                assert!(apart > needed, "{map} with {vision}: {apart}");
            }
        }
    }
}
