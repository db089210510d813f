//! The detector at work: one forward pass a picture, and what its outputs mean.

use std::collections::HashMap;
use std::sync::Arc;

use image::RgbImage;
use ndarray::{Array1, Array2, Axis};

use super::class::ClassId;
use super::decode::{mean, of_distances};
use super::detection::{Detection, Predictions, Thresholds};
use super::model::Model;
use super::near_miss::{Absence, MissingPlace};
use super::preprocess::{self, NetworkInput};
use crate::error::model::{Context, ensure};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::runtime::{CancelToken, Input, Network, RuntimeTensor, SessionOptions};

/// Runs a model's network.
pub struct Detector {
    model: Arc<Model>,
    network: Network,
    /// What it computes: the model's outputs, and behind them the tensors that a forward pass hands over.
    outputs: Vec<String>,
    handed: Vec<String>,
}

/// What the network said about one picture.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The picture as the network saw it.
    pub input: NetworkInput,
    /// Class logits, `[D, K]`.
    pub logits: Array2<f32>,
    /// Offsets in the order cx, cy, w, h, `[D, 4]`, made of the distances, in cells, where the network gives these; zeros for a classifier.
    pub offsets: Array2<f32>,
    /// What the network says of distances, `[D, 4·bins]`: those of left, top, right and bottom edge, or the logits of their bins.
    pub distances: Option<Array2<f32>>,
    /// Logits of there being an object, `[D]`, if the network has them apart from the classes, as a YOLO has.
    pub objectness: Option<Array1<f32>>,
    /// Tensors of the forward pass that explanations go on from.
    pub handed: Handed,
}

/// Tensors of a forward pass by name, where ONNX Runtime put them; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Handed(Arc<HashMap<String, RuntimeTensor>>);

impl Handed {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them.
    pub(crate) fn get(&self, tensor: &str) -> Option<&RuntimeTensor> {
        self.0.get(tensor)
    }
}

impl Detector {
    /// Prepares the network.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model.
    pub fn new(model: Arc<Model>, options: SessionOptions) -> Result<Self> {
        Self::handing_over(model, vec![], options)
    }

    /// The same for forward passes that hand over tensors of the network, for an explainer: see [`Propagator::reads`](crate::crp::Propagator::reads).
    ///
    /// # Errors
    /// As [`Detector::new`]; a tensor that the network does not have.
    pub fn handing_over(
        model: Arc<Model>,
        handed: Vec<String>,
        options: SessionOptions,
    ) -> Result<Self> {
        Self::load(model, handed, options, &CancelToken::default())
    }

    /// As [`Detector::new`], until `cancel` ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), or as [`Detector::new`].
    pub(crate) fn new_cancellable(
        model: Arc<Model>,
        options: SessionOptions,
        cancel: &CancelToken,
    ) -> Result<Self> {
        Self::load(model, vec![], options, cancel)
    }

    fn load(
        model: Arc<Model>,
        handed: Vec<String>,
        options: SessionOptions,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let mut outputs: Vec<&str> = vec![&model.outputs.classes];
        outputs.extend(model.outputs.offsets.as_deref());
        outputs.extend(model.outputs.objectness.as_deref());
        // An output can be named once.
        let own: Vec<String> = outputs.iter().map(|&name| name.to_owned()).collect();
        outputs.extend(
            handed
                .iter()
                .map(String::as_str)
                .filter(|name| !own.iter().any(|own| own == name)),
        );
        let file = model.graph.to_model(&outputs)?;
        let network = Network::load_cancellable(&file, options, cancel)?;
        let outputs = outputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Self {
            model,
            network,
            outputs,
            handed,
        })
    }

    /// Whose network it runs.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The forward pass of a picture, which is brought to the input's size as the manifest says.
    ///
    /// # Errors
    /// A picture without pixels, or as [`Detector::forward`].
    pub fn look(&mut self, picture: &RgbImage) -> Result<Forward> {
        let input = &self.model.manifest.input;
        self.forward(preprocess::sample(picture, self.model.input_size, input)?)
    }

    /// The forward pass.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, or an input of another size than the model's.
    pub fn forward(&mut self, input: NetworkInput) -> Result<Forward> {
        self.forward_cancellable(input, &CancelToken::default())
    }

    /// As [`Detector::forward`], until `cancel` ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), or as [`Detector::forward`].
    pub fn forward_cancellable(
        &mut self,
        input: NetworkInput,
        cancel: &CancelToken,
    ) -> Result<Forward> {
        let (name, tensor) = (
            self.model.input_name.as_str(),
            input.tensor.view().into_dyn(),
        );
        let outputs = match self.handed.is_empty() {
            true => self
                .network
                .run_on(&[(name, Input::Array(tensor))], cancel)?,
            false => self.network.run_and_keep(&[(name, tensor)], cancel)?,
        };
        let mut outputs: HashMap<&str, RuntimeTensor> = (self.outputs.iter())
            .map(String::as_str)
            .zip(outputs)
            .collect();
        let output = |name: &str| {
            let value = outputs.get(name).context("the network has no output")?;
            value.to_array()
        };
        let names = &self.model.outputs;
        let logits = output(&names.classes)?;
        let offsets = names.offsets.as_deref().map(output).transpose()?;
        let objectness = names.objectness.as_deref().map(output).transpose()?;
        let boxes = self.model.layout.len();
        // [1, D, n], or [1, n, 1, 1] of the one box that a classifier has.
        let flat = |array: ndarray::ArrayD<f32>| -> Result<Array2<f32>> {
            let columns = array.len() / boxes.max(1);
            ensure!(
                columns * boxes == array.len(),
                "an output is {:?}, but there are {boxes} default boxes",
                array.shape()
            );
            array
                .into_shape_with_order((boxes, columns))
                .map_err(Error::internal)
        };
        let section = &self.model.manifest.output;
        let offsets = offsets.map(flat).transpose()?;
        let (offsets, distances) = match offsets {
            None => (Array2::zeros((self.model.layout.len(), 4)), None),
            Some(offsets) if section.distances.is_empty() => {
                (offsets.select(Axis(1), &section.columns()), None)
            }
            Some(raw) => (centres_and_sizes(&raw, section.bins)?, Some(raw)),
        };
        let handed = (self.handed.iter())
            .filter_map(|name| Some((name.clone(), outputs.remove(name.as_str())?)))
            .collect();
        Ok(Forward {
            input,
            logits: flat(logits)?,
            offsets,
            distances,
            objectness: objectness.map(|logits| logits.into_iter().collect()),
            handed: Handed(Arc::new(handed)),
        })
    }

    /// The detections of a forward pass, best first.
    ///
    /// # Errors
    /// Outputs that do not fit the model.
    pub fn detections(&self, forward: &Forward, thresholds: Thresholds) -> Result<Vec<Detection>> {
        Ok(self.predictions(forward)?.detections(thresholds))
    }

    /// What the network says at one default box, detected or not.
    ///
    /// # Errors
    /// There is no such default box.
    pub fn describe(&self, forward: &Forward, default_box: usize) -> Result<Detection> {
        self.predictions(forward)?.describe(default_box)
    }

    /// The box that the network makes of a default box, in shares of the picture, which it may reach beyond.
    ///
    /// # Errors
    /// There is no such default box.
    pub fn decoded(&self, forward: &Forward, default_box: usize) -> Result<Rect> {
        self.predictions(forward)?.decoded(default_box)
    }

    /// What the network says of a class at one default box, detected or not.
    ///
    /// # Errors
    /// There is no such default box, or the class cannot be detected.
    pub fn describe_as(
        &self,
        forward: &Forward,
        default_box: usize,
        class: ClassId,
    ) -> Result<Detection> {
        self.predictions(forward)?.describe_as(default_box, class)
    }

    /// As [`Predictions::strongest`].
    ///
    /// # Errors
    /// As there.
    pub fn strongest(&self, forward: &Forward, class: ClassId) -> Result<Detection> {
        self.predictions(forward)?.strongest(class)
    }

    /// As [`Predictions::matching`].
    ///
    /// # Errors
    /// There is no such class.
    pub fn matching(
        &self,
        forward: &Forward,
        rect: &Rect,
        class: ClassId,
        worth: impl Fn(f32) -> f32,
    ) -> Result<f32> {
        self.predictions(forward)?.matching(rect, class, worth)
    }

    /// Why there is no detection of a class at a place of the picture; see [`Predictions::absence`].
    ///
    /// # Errors
    /// As there.
    pub fn absence(
        &self,
        forward: &Forward,
        place: MissingPlace,
        class: Option<ClassId>,
        thresholds: Thresholds,
    ) -> Result<Absence> {
        self.predictions(forward)?.absence(place, class, thresholds)
    }

    fn predictions<'a>(&'a self, forward: &'a Forward) -> Result<Predictions<'a>> {
        forward.predictions(&self.model)
    }
}

impl Forward {
    /// The same without tensors that explanations go on from, which take more memory than all else.
    pub(crate) fn without_handed(&self) -> Self {
        Self {
            handed: Handed::default(),
            ..self.clone()
        }
    }

    /// What the outputs mean, of the `model` whose they are.
    ///
    /// # Errors
    /// They are of another model.
    pub fn predictions<'a>(&'a self, model: &'a Model) -> Result<Predictions<'a>> {
        let predictions = Predictions::new(
            self.logits.view(),
            self.offsets.view(),
            &model.default_boxes,
            &model.layout,
            &model.manifest,
        )?
        .fitted(self.input.fit);
        match &self.objectness {
            Some(objectness) => predictions.with_objectness(objectness.view()),
            None => Ok(predictions),
        }
    }
}

/// Offsets in cells, `[D, 4]`, of distances `[D, 4]` or the logits of their bins, `[D, 4·bins]`.
fn centres_and_sizes(raw: &Array2<f32>, bins: Option<usize>) -> Result<Array2<f32>> {
    let raw = raw.as_standard_layout();
    let columns = raw.ncols();
    let numbers = raw.as_slice().context("distances are no rows")?;
    let mut offsets = Vec::with_capacity(raw.nrows() * 4);
    for row in numbers.chunks_exact(columns.max(1)) {
        let distance = |side: usize| match bins {
            Some(bins) => mean(&row[side * bins..][..bins]),
            None => row[side],
        };
        offsets.extend(of_distances([0, 1, 2, 3].map(distance)));
    }
    Array2::from_shape_vec((raw.nrows(), 4), offsets).map_err(Error::internal)
}
