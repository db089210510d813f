//! What takes the place of a deleted block.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array4, Axis};

use crate::error::argument::bail;
use crate::error::{Error, Result};

/// What takes the place of a deleted block. A method that measures against the same picture has an advantage, so a ranking should hold for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replacement {
    /// The picture blurred with σ = [`SIGMA`](crate::perturbation::SIGMA), which integrated gradients, DeepLIFT and occlusion measure against, too.
    #[default]
    Blurred,
    /// The mean colour of the picture.
    MeanColour,
}

impl Replacement {
    /// What deleted blocks of `picture`, `[N, 3, H, W]` in the network's numbers, are taken from; `blurred` is that picture blurred.
    pub(super) fn of(self, picture: &Array4<f32>, blurred: &Array4<f32>) -> Array4<f32> {
        match self {
            Self::Blurred => blurred.clone(),
            Self::MeanColour => {
                let mut flat = picture.clone();
                for mut picture in flat.axis_iter_mut(Axis(0)) {
                    for mut plane in picture.axis_iter_mut(Axis(0)) {
                        let mean = plane.mean().unwrap_or_default();
                        plane.fill(mean);
                    }
                }
                flat
            }
        }
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blurred => "blurred",
            Self::MeanColour => "mean-colour",
        })
    }
}

impl FromStr for Replacement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "blurred" => Self::Blurred,
            "mean-colour" => Self::MeanColour,
            _ => bail!("deleted blocks become 'blurred' or 'mean-colour'"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plane_has_its_own_mean() {
        let picture = Array4::from_shape_fn((1, 3, 2, 2), |(_, c, y, x)| (10 * c + y + x) as f32);
        let blurred = Array4::zeros(picture.raw_dim());
        let flat = Replacement::MeanColour.of(&picture, &blurred);
        let expected = Array4::from_shape_fn((1, 3, 2, 2), |(_, c, ..)| (10 * c + 1) as f32);
        assert_eq!(flat, expected);
        assert_eq!(Replacement::Blurred.of(&picture, &blurred), blurred);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for replacement in [Replacement::Blurred, Replacement::MeanColour] {
            assert_eq!(
                replacement.to_string().parse::<Replacement>().unwrap(),
                replacement
            );
        }
        assert!("grey".parse::<Replacement>().is_err());
    }
}
