//! What is asked of a picture: the options and what the detector found in; for each explanation its default box and target out.

use anyhow::{Context, Result};
use ssdcrp::crp::{Contrast, Target, TargetOutput};
use ssdcrp::detect::Detection;

use super::super::default_box::{ChosenBox, DefaultBoxArgs, MissingObject};
use super::super::detected_photo::DetectedPhoto;

/// What the options ask of every picture.
pub struct ExplainQuestion {
    /// The outputs that are to be explained; of none, the predicted class.
    pub outputs: Vec<TargetOutput>,
    pub contrast: Option<Contrast>,
    /// Of every detection.
    pub all: bool,
}

/// What is asked of a picture.
pub struct AskedTarget {
    /// At this default box.
    pub chosen: Detection,
    pub target: Target,
    /// Why nothing was found there, where that is asked.
    pub missing: Option<MissingObject>,
}

/// All that is asked of a picture.
pub enum AskedTargets {
    These(Vec<AskedTarget>),
    /// There is nothing to ask, for this reason.
    Nothing(String),
}

impl ExplainQuestion {
    /// What is asked of a picture.
    ///
    /// # Errors
    /// A class, box or place that is not there.
    pub fn of(
        &self,
        detected: &DetectedPhoto,
        default_box: &DefaultBoxArgs,
    ) -> Result<AskedTargets> {
        if default_box.is_missing() {
            let asked = self.missing(detected, default_box)?;
            return Ok(AskedTargets::These(asked));
        }
        if self.all && detected.detections.is_empty() {
            return Ok(AskedTargets::Nothing(format!(
                "nothing scores above {} in {}",
                detected.thresholds.score,
                detected.source.name()
            )));
        }
        let mut asked = Vec::new();
        if self.all {
            for chosen in &detected.detections {
                let outputs = self.outputs_or_none();
                asked.extend(outputs.map(|output| self.target(chosen, output)));
            }
            return Ok(AskedTargets::These(asked));
        }
        let is_class = |output: &&TargetOutput| output.class().is_some();
        for output in self.outputs_or_none() {
            // Each class has a box of its own. Offsets and edges are asked about at that of the class that is named first.
            let own = output.filter(is_class);
            let decides = own.or_else(|| self.outputs.iter().find(is_class));
            match default_box.choose(detected, decides)? {
                ChosenBox::Found(chosen) => asked.push(self.target(&chosen, output)),
                ChosenBox::Nothing(words) => return Ok(AskedTargets::Nothing(words)),
            }
        }
        Ok(AskedTargets::These(asked))
    }

    /// Whether a picture may have several answers, which does not depend on what is found in it.
    pub fn may_have_several_answers(&self) -> bool {
        self.all || self.outputs.len() > 1
    }

    /// The outputs, or once none.
    fn outputs_or_none(&self) -> impl Iterator<Item = Option<&TargetOutput>> {
        let none = self.outputs.is_empty().then_some(None);
        self.outputs.iter().map(Some).chain(none)
    }

    fn target(&self, chosen: &Detection, output: Option<&TargetOutput>) -> AskedTarget {
        let predicted = Target::predicted_class(chosen);
        AskedTarget {
            chosen: chosen.clone(),
            target: Target {
                output: output.cloned().unwrap_or(predicted.output),
                contrast: self.contrast.clone(),
                ..predicted
            },
            missing: None,
        }
    }

    /// Why each of the classes that are asked about is missing at the place; of none, the likeliest.
    fn missing(
        &self,
        detected: &DetectedPhoto,
        default_box: &DefaultBoxArgs,
    ) -> Result<Vec<AskedTarget>> {
        let classes = self.outputs_or_none();
        let questions = classes.map(|class| -> Result<AskedTarget> {
            let missing = default_box.missing(detected, class)?;
            let missing = missing.context("no place was named")?;
            let mut target = Target::absence(&missing.absence);
            target.contrast = self.contrast.clone().or(target.contrast);
            Ok(AskedTarget {
                chosen: missing.absence.detection().clone(),
                target,
                missing: Some(missing),
            })
        });
        questions.collect()
    }
}
