//! D-RISE (Petsiuk et al., *Black-box Explanation of Object Detectors via Saliency Maps*, CVPR 2021) as it was published: the picture is multiplied by random masks, and a mask counts as much
//! as the detector then finds what it found before.
//!
//! The map is Σ likeness·mask over the masks, likeness being the largest overlap × score of the class over all boxes: the paper's product of overlap, cosine of the class scores and
//! objectness, where the asked class is one-hot and the length of the score vector stands for the objectness that a detector does not say. It is shifted so that its least value
//! is 0, as ODAM's authors do before they measure it.

use std::sync::Arc;
use std::time::Instant;

use ndarray::Array2;

use super::masks::{MaskedRuns, mask, masked};
use super::{Attribution, Method};
use crate::crp::{Target, TargetOutput};
use crate::detect::{ClassId, Forward, Model};
use crate::error::Result;
use crate::evaluate::field_curves::normalised;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::geometry::Rect;
use crate::runtime::SessionOptions;

/// One forward pass a mask, shared by all targets.
pub struct DRise {
    name: String,
    runs: MaskedRuns,
}

impl DRise {
    /// `count` masks, at least 1, the same for every picture; the network runs as `options` say.
    ///
    /// # Errors
    /// As [`Detector::new`](crate::detect::Detector::new).
    pub fn new(
        model: Arc<Model>,
        count: usize,
        seed: u64,
        options: SessionOptions,
    ) -> Result<Self> {
        Ok(Self {
            name: format!("d-rise:{count}"),
            runs: MaskedRuns::new(model, count, seed, options)?,
        })
    }

    /// The box and the class that a target is about. D-RISE explains a detection as a whole: an offset's is that of the class that is detected there.
    fn looked_for(&self, target: &Target, forward: &Forward) -> Result<(Rect, ClassId)> {
        let described = self.runs.detector.describe(forward, target.default_box)?;
        let class = match &target.output {
            TargetOutput::Class(class) => self.runs.model.manifest.class(class)?,
            TargetOutput::Offset(..) | TargetOutput::Edge(..) | TargetOutput::Objectness => {
                described.class
            }
        };
        Ok((described.rect, class))
    }
}

impl Method for DRise {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        let started = Instant::now();
        let looked_for = targets
            .iter()
            .map(|target| self.looked_for(target, &photo.forward))
            .collect::<Result<Vec<_>>>()?;
        let mut different: Vec<(Rect, ClassId)> = Vec::new();
        for object in &looked_for {
            if !different.contains(object) {
                different.push(*object);
            }
        }
        let (_, _, height, width) = photo.reference.dim();
        let read = &self.runs.model.manifest.input;
        let black: [f32; 3] = std::array::from_fn(|channel| normalised(0.0, channel, read));
        let mut random = self.runs.random(photo);
        let mut maps = vec![Array2::<f32>::zeros((height, width)); different.len()];
        for _ in 0..self.runs.count {
            let mask = mask(&mut random, height, width);
            let input = masked(photo, &mask, |channel, _, _| black[channel]);
            let forward = self.runs.detector.forward(input)?;
            for ((rect, class), map) in different.iter().zip(&mut maps) {
                let likeness = self
                    .runs
                    .detector
                    .matching(&forward, rect, *class, |overlap| overlap)?;
                map.zip_mut_with(&mask, |sum, &m| *sum += likeness * m);
            }
        }
        for map in &mut maps {
            let least = map.iter().copied().fold(f32::INFINITY, f32::min);
            map.mapv_inplace(|r| (r - least) / self.runs.count as f32);
        }
        // One map needs all the forward passes too.
        let took = started.elapsed();
        let map_of = |object: &(Rect, ClassId)| {
            let index = different.iter().position(|other| other == object);
            maps[index.unwrap_or_default()].clone()
        };
        Ok(looked_for
            .iter()
            .map(|object| Attribution {
                map: map_of(object),
                took,
            })
            .collect())
    }
}
