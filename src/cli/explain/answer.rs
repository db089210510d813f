//! An explanation with what is derived from it: the question and the relevance in; its map, what it is worth, and words about it out.

use anyhow::Result;
use ndarray::Array2;
use ssdcrp::check::Check;
use ssdcrp::crp::{Composite, Explanation, PRESETS, RelevanceSummary};
use ssdcrp::detect::Detection;
use ssdcrp::heatmap::ColourMap;

use super::super::default_box::MissingObject;
use super::super::detected_photo::DetectedPhoto;
use super::super::text;
use super::asking::AskedTarget;

/// An explanation of a picture.
pub struct ExplanationOutput {
    /// The explained box, as the class that is explained; where that is none, or the background, as it was chosen.
    pub explained: Detection,
    pub explanation: Explanation,
    /// Relevance summed over the colour channels, `[H, W]`.
    pub map: Array2<f32>,
    pub summary: RelevanceSummary,
    /// What it is worth, where that was looked at.
    pub check: Option<Check>,
    /// Why nothing was found there, where that was asked.
    pub missing: Option<MissingObject>,
    /// What was written of it.
    pub files: Vec<String>,
}

impl ExplanationOutput {
    /// # Errors
    /// A class that is not there.
    pub fn new(
        detected: &DetectedPhoto,
        asked: AskedTarget,
        explanation: Explanation,
    ) -> Result<Self> {
        let (forward, class) = (&detected.forward, asked.target.output.class());
        let explained = (detected.detector).as_asked(forward, &asked.chosen, class)?;
        let map = explanation.map();
        let summary = RelevanceSummary::of(&map, &explained.rect);
        Ok(Self {
            explained,
            explanation,
            map,
            summary,
            check: None,
            missing: asked.missing,
            files: Vec::new(),
        })
    }

    /// What is explained. A composite other than the default one is named. Lines below say why nothing was found there, and what the explanation is worth, where that was asked.
    pub fn caption(
        &self,
        detected: &DetectedPhoto,
        composite: &Composite,
        colours: ColourMap,
    ) -> String {
        let mut words = self.explanation.question.wording.to_string();
        if composite.name != PRESETS[0] {
            words += &format!(" ({composite})");
        }
        if let Some(missing) = &self.missing {
            words += &format!("\n{}", missing.words(detected));
        }
        if let Some(check) = &self.check {
            words += &format!("\n{}", check.words(colours.positive_name()));
        }
        words
    }

    /// The same for a terminal, with numbers.
    pub fn words(
        &self,
        detected: &DetectedPhoto,
        composite: &Composite,
        colours: ColourMap,
    ) -> Result<String> {
        let Self {
            explained,
            explanation,
            summary,
            ..
        } = self;
        let mut words =
            text::explained(detected, explained, explanation, &composite.name, summary)?;
        if let Some(missing) = &self.missing {
            words += &format!("{}\n", missing.words(detected));
        }
        if let Some(check) = &self.check {
            let result = check.words(colours.positive_name());
            words += &format!("{result}; {}\n", check.figures());
        }
        Ok(words)
    }
}
