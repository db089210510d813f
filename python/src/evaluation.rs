//! How good explanations are: pictures and the names of methods in, what they are worth out, as JSON.
//!
//! Pictures are looked at again by each method, and files are read again, so that one of them and one forward pass are in memory at a time.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use pyo3::prelude::*;
use ssdcrp::detect::Detector;
use ssdcrp::evaluate::{
    DetectionScores, EvaluatedPhoto, Method, MethodSpec, MethodSummary, Replacement, judge,
};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Error, Model, Result, Thresholds};

use super::failure::PythonFailure;
use super::picture::PictureOrFile;

/// What is evaluated, and how.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct PythonEvaluation {
    composites: Vec<String>,
    baselines: Vec<String>,
    /// Detections of each picture at most.
    detections: usize,
    /// What takes the place of what is deleted.
    deletion: String,
    seed: u64,
}

impl PythonEvaluation {
    /// The methods, each once.
    fn methods(&self) -> Result<Vec<MethodSpec>> {
        let composites = self.composites.iter();
        let composites = composites.map(|name| MethodSpec::composite(name));
        let baselines = self.baselines.iter();
        let baselines = baselines.map(|name| MethodSpec::baseline(name));
        let mut methods = Vec::new();
        for method in composites.chain(baselines) {
            let method = method?;
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Ok(methods)
    }
}

/// A picture whose explanations are judged.
pub struct EvaluatedPicture {
    name: String,
    pixels: PixelsOrFile,
}

enum PixelsOrFile {
    Pixels(Arc<RgbImage>),
    File(PathBuf),
}

impl EvaluatedPicture {
    /// A picture, as the rows call it.
    pub fn new(name: String, picture: PictureOrFile) -> Self {
        let pixels = match picture {
            PictureOrFile::Picture(picture) => PixelsOrFile::Pixels(picture.get().pixels.clone()),
            PictureOrFile::File(path) => PixelsOrFile::File(path),
        };
        Self { name, pixels }
    }

    fn read(&self) -> Result<Arc<RgbImage>> {
        Ok(match &self.pixels {
            PixelsOrFile::Pixels(pixels) => pixels.clone(),
            PixelsOrFile::File(path) => Arc::new(ssdcrp::photo::read(path)?),
        })
    }
}

/// Judges all methods at all pictures. `report` is told how many steps are done, and of how many; where it fails, that ends it.
pub fn evaluate(
    model: &Arc<Model>,
    pictures: &[EvaluatedPicture],
    asked: &PythonEvaluation,
    thresholds: Thresholds,
    session: SessionOptions,
    report: &dyn Fn(usize, usize) -> PyResult<()>,
) -> std::result::Result<String, PythonFailure> {
    let methods = asked.methods()?;
    let replacement: Replacement = asked.deletion.parse()?;
    let mut detector = Detector::new(model.clone(), session)?;
    let steps = methods.len() * pictures.len();
    let mut rows: Vec<DetectionScores> = Vec::new();
    report(0, steps)?;
    for (index, spec) in methods.iter().enumerate() {
        let mut made: Option<Box<dyn Method>> = None;
        for (number, picture) in pictures.iter().enumerate() {
            let (detector, most) = (&mut detector, asked.detections);
            let (name, pixels) = (picture.name.clone(), picture.read()?);
            let photo = EvaluatedPhoto::look(name, &pixels, model, detector, thresholds, most)?
                .with_replacement(replacement);
            if !photo.subjects.is_empty() {
                let method = match &mut made {
                    Some(method) => method,
                    None => made.insert(spec.method(model, &photo, asked.seed, session)?),
                };
                let judged = judge(method.as_mut(), &photo, model, detector, asked.seed)?;
                rows.extend(judged);
            }
            report(index * pictures.len() + number + 1, steps)?;
        }
    }
    if rows.is_empty() {
        let words = "nothing was detected in any of the pictures: lower score_threshold";
        return Err(PythonFailure::Question(words.to_owned()));
    }
    let summaries = MethodSummary::of(&rows, asked.seed);
    let summaries = serde_json::to_string(&summaries).map_err(Error::other)?;
    let rows = serde_json::to_string(&rows).map_err(Error::other)?;
    // Not by way of a `Value`, which makes other digits of a float32 than the command's JSON has.
    Ok(format!(r#"{{"summaries":{summaries},"rows":{rows}}}"#))
}
