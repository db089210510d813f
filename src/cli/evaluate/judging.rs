//! One method at all photos: what was measured before is taken as it is, the rest is measured and kept.
//!
//! In: a method, photos, and what is kept already. Out: a [`MeasuredPhoto`] for each.

use std::sync::Arc;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use ssdcrp::detect::Detector;
use ssdcrp::detect::Model;
use ssdcrp::evaluate::sanity::randomise_top_down;
use ssdcrp::evaluate::{EvaluatedPhoto, Method, MethodSpec, judge};
use ssdcrp::printable::printable;
use ssdcrp::runtime::SessionOptions;

use super::partial::{MeasuredPhoto, Partial};
use super::photos::{ListedPhoto, PhotoReader};
use super::randomisation::Randomisation;

/// A method and what it is judged by.
pub struct Judging<'a> {
    pub choice: MethodSpec,
    pub reader: &'a PhotoReader,
    pub photos: &'a [ListedPhoto],
    pub detector: &'a mut Detector,
    pub seed: u64,
    /// Whether methods that look into the network are tried on randomised ones.
    pub randomise: bool,
    pub session: SessionOptions,
}

impl Judging<'_> {
    /// What the method is worth at each photo, as it was measured before or is now.
    pub fn judge_all(
        &mut self,
        partial: &mut Partial,
        progress: &ProgressBar,
    ) -> Result<Vec<MeasuredPhoto>> {
        let asked = self.choice.asked();
        // Made where something is left to measure; it holds networks as large as the model.
        let mut made: Option<Box<dyn Method>> = None;
        let mut all = Vec::with_capacity(self.photos.len());
        for listed in self.photos {
            let doing = format!("{asked}, {}", listed.name);
            progress.set_message(printable(&doing).into_owned());
            let measured = match partial.of(&asked, &listed.name, &listed.picture) {
                Some(known) => known.clone(),
                None => {
                    let measured = self.measure(&mut made, listed)?;
                    partial.add(&measured)?;
                    measured
                }
            };
            progress.inc(listed.subjects as u64);
            all.push(measured);
        }
        Ok(all)
    }

    fn measure(
        &mut self,
        made: &mut Option<Box<dyn Method>>,
        listed: &ListedPhoto,
    ) -> Result<MeasuredPhoto> {
        let mut measured = MeasuredPhoto {
            asked: self.choice.asked(),
            image: listed.name.clone(),
            picture: listed.picture.clone(),
            rows: Vec::new(),
            randomisation: None,
        };
        if listed.subjects == 0 {
            return Ok(measured);
        }
        let photo = self.reader.again(listed, self.detector)?;
        let method = match made {
            Some(method) => method,
            None => made.insert(self.method(&self.reader.model, &photo)?),
        };
        let words = || format!("{} of {}", self.choice.asked(), photo.name);
        let model = &self.reader.model;
        let rows = judge(method.as_mut(), &photo, model, self.detector, self.seed);
        measured.rows = rows.with_context(words)?;
        let randomised = self.randomised(method.name(), &photo);
        measured.randomisation = randomised.with_context(words)?;
        Ok(measured)
    }

    /// The map of the photo's best detection beside those of randomised networks, where that is asked for.
    fn randomised(&self, name: &str, photo: &EvaluatedPhoto) -> Result<Option<Randomisation>> {
        let Some(subject) = photo.subjects.first() else {
            return Ok(None);
        };
        if !(self.randomise && self.choice.is_of_the_network()) {
            return Ok(None);
        }
        let make = |model: Arc<Model>| self.method(&model, photo);
        let (model, seed) = (&self.reader.model, self.seed);
        Ok(Some(Randomisation {
            method: name.to_owned(),
            image: photo.name.clone(),
            default_box: subject.detection.default_box,
            stages: randomise_top_down(&make, model, photo, subject, seed, self.session)?,
        }))
    }

    fn method(
        &self,
        model: &Arc<Model>,
        photo: &EvaluatedPhoto,
    ) -> ssdcrp::Result<Box<dyn Method>> {
        (self.choice).method(model, photo, self.seed, self.session)
    }
}
