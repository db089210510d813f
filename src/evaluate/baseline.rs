//! The methods that composites are compared with: a name in, the method out.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use super::methods::{
    ActivationMap, ActivationMapKind, DRise, Gradient, GradientKind, Method, Occlusion, RandomMap,
    RandomMasks,
};
use super::photo::EvaluatedPhoto;
use super::statistics::median;
use crate::crp::{Composite, Propagator, Target};
use crate::detect::{Detector, Model};
use crate::error::argument::{Context, bail};
use crate::error::{Error, Result};
use crate::runtime::SessionOptions;

/// The names of all baselines, in the order of the table; the number of masks may be another one.
pub const BASELINES: [&str; 11] = [
    "gradient-x-input",
    "integrated-gradients",
    "deeplift",
    "grad-cam",
    "layer-cam",
    "odam",
    "d-rise:1000",
    "occlusion",
    "masks:1000",
    "masks:time",
    "random",
];

/// How often a time is taken.
const TIMINGS: usize = 7;

/// A method that is no relevance propagation; a name of [`BASELINES`] can be parsed into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// A gradient of the network.
    Gradient(GradientKind),
    /// Feature maps, weighted with gradients.
    ActivationMap(ActivationMapKind),
    /// D-RISE as published, with so many masks.
    DRise(usize),
    /// Parts of the picture hidden in turn.
    Occlusion,
    /// So many masks, or as many as fit into the time of an explanation by the default composite.
    Masks(Option<usize>),
    /// Random numbers, for comparison.
    Random,
}

impl FromStr for Baseline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.trim() {
            "gradient-x-input" => Self::Gradient(GradientKind::TimesInput),
            "integrated-gradients" => Self::Gradient(GradientKind::Integrated),
            "deeplift" => Self::Gradient(GradientKind::DeepLift),
            "grad-cam" => Self::ActivationMap(ActivationMapKind::GradCam),
            "layer-cam" => Self::ActivationMap(ActivationMapKind::LayerCam),
            "odam" => Self::ActivationMap(ActivationMapKind::Odam),
            "occlusion" => Self::Occlusion,
            "masks:time" => Self::Masks(None),
            "random" => Self::Random,
            other => match other
                .split_once(':')
                .map(|(name, count)| (name, count.parse()))
            {
                Some(("masks", Ok(count @ 1..))) => Self::Masks(Some(count)),
                Some(("d-rise", Ok(count @ 1..))) => Self::DRise(count),
                _ => bail!(
                    "there is no baseline '{other}': {} exist, any number of masks, and none",
                    BASELINES.join(", ")
                ),
            },
        })
    }
}

impl Baseline {
    /// Makes the method. `photo` is looked at to take times, where the method depends on them.
    ///
    /// # Errors
    /// A network that the method cannot be applied to; a photo without detections, where times are taken.
    pub fn method(
        self,
        model: &Arc<Model>,
        photo: &EvaluatedPhoto,
        seed: u64,
        session: SessionOptions,
    ) -> Result<Box<dyn Method>> {
        Ok(match self {
            Self::Gradient(kind) => Box::new(Gradient::new(model.clone(), kind, session)),
            Self::ActivationMap(kind) => Box::new(ActivationMap::new(model.clone(), kind, session)),
            Self::DRise(count) => Box::new(DRise::new(model.clone(), count, seed, session)?),
            Self::Occlusion => Box::new(Occlusion::new(model.clone(), session)?),
            Self::Masks(count) => {
                let count = match count {
                    Some(count) => count,
                    None => affordable(model, photo, session)?,
                };
                Box::new(RandomMasks::new(model.clone(), count, seed, session)?)
            }
            Self::Random => Box::new(RandomMap::new(seed)),
        })
    }
}

/// Forward passes in the time of an explanation by the default composite, at least 1.
fn affordable(
    model: &Arc<Model>,
    photo: &EvaluatedPhoto,
    session: SessionOptions,
) -> Result<usize> {
    let subject = photo.subjects.first();
    let subject = subject.context("there is no detection to take times with")?;
    let target = Target::predicted_class(&subject.detection);
    let mut propagator = Propagator::new(model.clone(), Composite::default(), session)?;
    let mut detector = Detector::new(model.clone(), session)?;
    let (mut explained, mut looked) = (Vec::new(), Vec::new());
    for _ in 0..TIMINGS {
        let explanations = propagator.explain(&photo.forward, std::slice::from_ref(&target))?;
        explained.extend(explanations.iter().map(|e| e.took.as_secs_f64()));
        let started = Instant::now();
        detector.forward(photo.forward.input.clone())?;
        looked.push(started.elapsed().as_secs_f64());
    }
    let (explained, looked) = median(&explained)
        .zip(median(&looked))
        .context("no time was taken")?;
    Ok(((explained / looked) as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_mistakes_named() {
        for name in BASELINES {
            name.parse::<Baseline>().unwrap();
        }
        assert_eq!(
            " masks:50".parse::<Baseline>().unwrap(),
            Baseline::Masks(Some(50))
        );
        assert_eq!(
            "d-rise:5000".parse::<Baseline>().unwrap(),
            Baseline::DRise(5000)
        );
        for name in ["masks:0", "masks", "d-rise:0", "d-rise:time", "gradcam", ""] {
            let error = name.parse::<Baseline>().unwrap_err().to_string();
            assert!(error.contains("masks:1000, masks:time"), "{error}");
        }
    }
}
