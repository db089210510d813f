//! An answer of the engine for Python.
//!
//! In: an [`Explained`] and its picture. Out: tuples, the relevance as a numpy array, the overlay as an array or PNG.

use std::io::Cursor;
use std::sync::Arc;

use image::imageops::{FilterType, resize};
use image::{ImageFormat, RgbImage};
use numpy::{PyArray2, PyArray3};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use ssdcrp::crp::RelevanceSummary;
use ssdcrp::heatmap::ColourMap;
use ssdcrp::{Detection, Error, Explained, Model, Size};

use super::failure::free;
use super::picture::array;

/// A detection: its label, class number and score; its box in pixels; the number of its default box. Last come the label and score of the runner-up, where there is one.
pub type DetectionTuple = (
    String,
    usize,
    f32,
    (f32, f32, f32, f32),
    usize,
    Option<(String, f32)>,
);

/// A check: whether it is passed; the effect, and that of chance; the quantity before; all of it in words.
type CheckTuple = (bool, f64, f64, f64, String);

/// A detection of a picture of this size.
pub fn detection_tuple(model: &Model, size: Size, detection: &Detection) -> DetectionTuple {
    let label = |class| model.manifest.label(class).into_owned();
    let [x0, y0, x1, y1] = detection.rect.in_pixels(size).edges();
    let runner_up = detection.runner_up;
    (
        label(detection.class),
        detection.class.0,
        detection.score,
        (x0, y0, x1, y1),
        detection.default_box,
        runner_up.map(|(class, score)| (label(class), score)),
    )
}

/// An answer, and the picture that was asked about.
#[pyclass(frozen, name = "Answer", module = "ssdcrp._engine")]
pub struct PythonAnswer {
    model: Arc<Model>,
    picture: Arc<RgbImage>,
    explained: Explained,
    summary: RelevanceSummary,
}

impl PythonAnswer {
    /// Also sums the relevance up.
    pub fn new(model: &Arc<Model>, picture: &Arc<RgbImage>, explained: Explained) -> Self {
        Self {
            model: model.clone(),
            picture: picture.clone(),
            summary: explained.summary(),
            explained,
        }
    }
}

#[pymethods]
impl PythonAnswer {
    /// What was explained.
    #[getter]
    fn detection(&self) -> DetectionTuple {
        let size = self.picture.dimensions().into();
        detection_tuple(&self.model, size, &self.explained.detection)
    }

    /// Relevance as a new array [H, W], float32.
    fn relevance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let relevance = free(py, || Ok(self.explained.relevance.clone()))?;
        Ok(PyArray2::from_owned_array(py, relevance))
    }

    /// The question: in words, target, contrast, composite.
    #[getter]
    fn question(&self) -> (String, &str, &str, &str) {
        let question = &self.explained.question;
        (
            question.wording.to_string(),
            &question.target,
            &question.contrast,
            &self.explained.composite,
        )
    }

    /// What the relevance is worth, where that was asked.
    #[getter]
    fn check(&self) -> Option<CheckTuple> {
        let check = self.explained.check.as_ref()?;
        Some((
            check.passed(),
            check.effect(),
            check.effect_of_chance(),
            check.before,
            check.words(ColourMap::default().positive_name()),
        ))
    }

    /// Σ|R|, and the shares of it that are positive and that lie in the box.
    #[getter]
    fn shares(&self) -> (f64, f64, f64) {
        let summary = &self.summary;
        (
            summary.sum_abs,
            summary.positive_share,
            summary.in_box_share,
        )
    }

    /// The picture with the relevance over it, [H, W, 3].
    fn overlay<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let drawn = free(py, || Ok(self.explained.overlay(&self.picture)?))?;
        array(py, drawn)
    }

    /// The same as a PNG whose longer side has `longest` pixels at the most.
    fn png<'py>(&self, py: Python<'py>, longest: u32) -> PyResult<Bound<'py, PyBytes>> {
        let png = free(py, || {
            let drawn = self.explained.overlay(&self.picture)?;
            let (width, height) = drawn.dimensions();
            let shrink = f64::from(longest.max(1)) / f64::from(width.max(height).max(1));
            let side = |length: u32| ((f64::from(length) * shrink).round() as u32).max(1);
            let drawn = match shrink < 1.0 {
                true => resize(&drawn, side(width), side(height), FilterType::Triangle),
                false => drawn,
            };
            let mut bytes = Cursor::new(Vec::new());
            let written = drawn.write_to(&mut bytes, ImageFormat::Png);
            written.map_err(Error::other)?;
            Ok(bytes.into_inner())
        })?;
        Ok(PyBytes::new(py, &png))
    }
}
