//! A model at work: pictures and questions in, detections and answers out.
//!
//! Networks are loaded when they are first needed. Those that are idle are kept, for the next call under the same composite; a call that finds none, because another thread has it, loads one of
//! its own. So no lock is held while networks run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use ssdcrp::lock::lock;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Composite, ExplainOptions, Explainer, Model, Thresholds};

use super::answer::{DetectionTuple, PythonAnswer, detection_tuple};
use super::compiled::{self, CompiledTuple};
use super::evaluation::{self, EvaluatedPicture, PythonEvaluation};
use super::failure::{PythonFailure, free};
use super::idle::IdleExplainers;
use super::inspection::{self, InspectionTuple};
use super::picture::{PictureOrFile, PythonPicture};
use super::question::{LookedPicture, PythonQuestion, PythonThresholds};

/// A model, and the networks that were made of it.
#[pyclass(frozen, name = "Engine", module = "ssdcrp._engine")]
pub struct PythonModel {
    model: Arc<Model>,
    /// The file that it was opened from, wherever the process has gone since.
    file: Option<PathBuf>,
    session: SessionOptions,
    idle: Mutex<IdleExplainers>,
}

impl PythonModel {
    /// Works with an explainer under a composite, or under the model's own. After a panic the explainer is dropped.
    fn with_explainer<T>(
        &self,
        composite: Option<&Composite>,
        thresholds: Thresholds,
        work: impl FnOnce(&mut Explainer) -> Result<T, PythonFailure>,
    ) -> Result<T, PythonFailure> {
        let composite = composite.cloned();
        let composite = composite.map_or_else(|| Composite::of(&self.model), Ok)?;
        let known = lock(&self.idle).take(&composite);
        let options = ExplainOptions {
            composite: Some(composite.clone()),
            thresholds: None,
            session: self.session,
        };
        let mut explainer = known.map_or_else(|| Explainer::new(&self.model, options), Ok)?;
        explainer.set_thresholds(thresholds);
        let done = work(&mut explainer);
        let too_many = lock(&self.idle).keep(composite, explainer);
        drop(too_many);
        done
    }
}

#[pymethods]
impl PythonModel {
    /// Opens the model of a file, or the one that is built in.
    #[new]
    fn new(
        py: Python<'_>,
        path: Option<PathBuf>,
        threads: usize,
        provider: &str,
    ) -> PyResult<Self> {
        free(py, || {
            let session = SessionOptions {
                threads,
                provider: provider.parse()?,
                ..SessionOptions::default()
            };
            let model = match &path {
                Some(path) => Model::open(path)?,
                None => Model::built_in()?,
            };
            let file = path.map(std::path::absolute).transpose();
            let file = file.map_err(|error| {
                PythonFailure::File("cannot tell the working folder".to_owned(), error)
            })?;
            Ok(Self {
                model: Arc::new(model),
                file,
                session,
                idle: Mutex::default(),
            })
        })
    }

    /// The path of its file from the root; none of the built-in model.
    #[getter]
    fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What the manifest calls the model.
    #[getter]
    fn name(&self) -> &str {
        &self.model.manifest.name
    }

    /// Width and height of the network's input.
    #[getter]
    fn input_size(&self) -> (u32, u32) {
        let size = self.model.input_size;
        (size.width, size.height)
    }

    /// Class names by class number, "" where a number has none.
    #[getter]
    fn labels(&self) -> Vec<&str> {
        self.model.manifest.labels.iter().collect()
    }

    /// How many classes can be detected.
    #[getter]
    fn count_detectable(&self) -> usize {
        self.model.manifest.count_detectable()
    }

    /// What is seen in a picture, best first. It is the explainer that looks, so that detections and explanations are of one network, to the last bit.
    fn detect(
        &self,
        py: Python<'_>,
        picture: &PythonPicture,
        thresholds: PythonThresholds,
    ) -> PyResult<Vec<DetectionTuple>> {
        free(py, || {
            let (model, pixels) = (&self.model, &picture.pixels);
            let found = self.with_explainer(None, thresholds.of(model), |explainer| {
                Ok(explainer.detect(pixels)?)
            })?;
            let size = pixels.dimensions().into();
            let found = found.iter().map(|d| detection_tuple(model, size, d));
            Ok(found.collect())
        })
    }

    /// What is seen in a picture, and the answers to a question, one for each detection that is meant.
    fn explain(
        &self,
        py: Python<'_>,
        picture: &PythonPicture,
        question: PythonQuestion,
        thresholds: PythonThresholds,
    ) -> PyResult<(Vec<DetectionTuple>, Vec<PythonAnswer>)> {
        free(py, || {
            let (model, pixels) = (&self.model, &picture.pixels);
            let question = question.parsed()?;
            let thresholds = thresholds.of(model);
            self.with_explainer(question.composite.as_ref(), thresholds, |explainer| {
                let size = pixels.dimensions().into();
                let looked = LookedPicture {
                    model,
                    size,
                    thresholds,
                    seen: explainer.look(pixels)?,
                };
                let questions = question.questions(explainer, &looked)?;
                let answers = explainer.answer(&looked.seen, &questions)?.into_iter();
                let answers = answers.map(|answer| PythonAnswer::new(model, pixels, answer));
                let found = looked.seen.detections.iter();
                let found = found.map(|d| detection_tuple(model, size, d));
                Ok((found.collect(), answers.collect()))
            })
        })
    }

    /// How the model is understood.
    fn inspect(&self, py: Python<'_>, composite: Option<String>) -> PyResult<InspectionTuple> {
        free(py, || {
            inspection::inspect(&self.model, composite.as_deref(), self.session)
        })
    }

    /// Writes the network that computes relevance.
    fn compile(
        &self,
        py: Python<'_>,
        path: PathBuf,
        composite: Option<String>,
    ) -> PyResult<CompiledTuple> {
        free(py, || {
            let (model, file) = (&self.model, self.file.as_deref());
            compiled::compile(model, file, &path, composite.as_deref(), self.session)
        })
    }

    /// How good explanations are, as JSON; `progress` is called with the steps that are done, and how many there are.
    fn evaluate(
        &self,
        py: Python<'_>,
        pictures: Vec<(String, PictureOrFile)>,
        evaluation: PythonEvaluation,
        thresholds: PythonThresholds,
        progress: Py<PyAny>,
    ) -> PyResult<String> {
        let pictures = pictures.into_iter();
        let pictures: Vec<_> = pictures
            .map(|(name, picture)| EvaluatedPicture::new(name, picture))
            .collect();
        free(py, || {
            let thresholds = thresholds.of(&self.model);
            let report = |done: usize, steps: usize| {
                Python::attach(|py| {
                    py.check_signals()?;
                    progress.call1(py, (done, steps)).map(|_| ())
                })
            };
            evaluation::evaluate(
                &self.model,
                &pictures,
                &evaluation,
                thresholds,
                self.session,
                &report,
            )
        })
    }
}
