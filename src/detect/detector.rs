//! The detector at work: one forward pass a picture, and what its outputs mean.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};

use super::class::ClassId;
use super::detection::{Detection, Predictions, Thresholds};
use super::model::Model;
use super::preprocess::NetworkInput;
use crate::error::model::{Context, bail};
use crate::error::{Error, Result};
use crate::runtime::{CancelToken, Network, SessionOptions};

/// Runs a model's network.
pub struct Detector {
    model: Arc<Model>,
    network: Network,
}

/// What the network said about one picture.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The picture as the network saw it.
    pub input: NetworkInput,
    /// Class logits, `[D, K]`.
    pub logits: Array2<f32>,
    /// Offsets in the order cx, cy, w, h, `[D, 4]`; zeros for a classifier.
    pub offsets: Array2<f32>,
    /// Logits of there being an object, `[D]`, if the network has them apart from the classes, as a YOLO has.
    pub objectness: Option<Array1<f32>>,
}

impl Detector {
    /// Prepares the network.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model.
    pub fn new(model: Arc<Model>, options: SessionOptions) -> Result<Self> {
        let mut outputs: Vec<&str> = vec![&model.outputs.classes];
        outputs.extend(model.outputs.offsets.as_deref());
        outputs.extend(model.outputs.objectness.as_deref());
        let file = model.graph.to_model(&outputs)?;
        let network = Network::load(&file, options)?;
        Ok(Self { model, network })
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
        let inputs = [(
            self.model.input_name.as_str(),
            input.tensor.view().into_dyn(),
        )];
        let outputs = self.network.run_cancellable(&inputs, cancel)?;
        let mut outputs = outputs.into_iter();
        let (logits, offsets, objectness) = (
            outputs.next().context("the network has no output")?,
            outputs.next(),
            outputs.next(),
        );
        let flat = |array: ndarray::ArrayD<f32>| -> Result<Array2<f32>> {
            let [.., boxes, columns] = array.shape()[..] else {
                bail!("an output is {:?}, not [1, D, n]", array.shape());
            };
            array
                .into_shape_with_order((boxes, columns))
                .map_err(Error::internal)
        };
        let columns = self.model.manifest.output.columns();
        Ok(Forward {
            input,
            logits: flat(logits)?,
            offsets: match offsets {
                Some(offsets) => flat(offsets)?.select(Axis(1), &columns),
                None => Array2::zeros((self.model.layout.len(), 4)),
            },
            objectness: objectness.map(|logits| logits.into_iter().collect()),
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

    /// What the network says of a class at one default box, detected or not.
    ///
    /// # Errors
    /// There is no such default box, or no such class.
    pub fn describe_as(
        &self,
        forward: &Forward,
        default_box: usize,
        class: ClassId,
    ) -> Result<Detection> {
        self.predictions(forward)?.describe_as(default_box, class)
    }

    /// What the network says of a class at the default box where that class scores highest, detected or not.
    ///
    /// # Errors
    /// There is no such class.
    pub fn strongest(&self, forward: &Forward, class: ClassId) -> Result<Detection> {
        let predictions = self.predictions(forward)?;
        let mut strongest: Option<Detection> = None;
        for default_box in 0..self.model.layout.len() {
            let described = predictions.describe_as(default_box, class)?;
            if strongest
                .as_ref()
                .is_none_or(|best| described.score > best.score)
            {
                strongest = Some(described);
            }
        }
        strongest.context("the model has no default box")
    }

    fn predictions<'a>(&'a self, forward: &'a Forward) -> Result<Predictions<'a>> {
        let predictions = Predictions::new(
            forward.logits.view(),
            forward.offsets.view(),
            &self.model.default_boxes,
            &self.model.manifest,
        )?;
        match &forward.objectness {
            Some(objectness) => predictions.in_cells(objectness.view(), &self.model.layout),
            None => Ok(predictions),
        }
    }
}
