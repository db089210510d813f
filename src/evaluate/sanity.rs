//! Does a map depend on what the network has learned? The network's weights are randomised layer by layer from the top down, and the map compared with the original
//! (cascading randomisation of Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018). Where the map stays as it was, it shows the picture, not the reason.
//!
//! A layer is randomised by bringing its weights into a random order, and its biases too, so that their distribution stays as it was.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::methods::Method;
use super::photo::{Column, EvaluatedPhoto, Subject};
use super::random::Random;
use super::statistics::Similarity;
use crate::crp::{Contrast, Target};
use crate::detect::{Detector, Model};
use crate::error::Result;
use crate::error::internal::Context;
use crate::onnx::NodeExt;
use crate::onnx::ops::{Convolution, Op};
use crate::onnx::proto::NodeProto;
use crate::runtime::SessionOptions;

/// Stages besides the first, which randomises the head's last layer alone.
const STAGES: usize = 8;

/// The map after some of the layers were randomised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The number of randomised layers, counted from the top, of those that the output depends on.
    pub layers: usize,
    /// The number of all layers that the output depends on.
    pub of: usize,
    /// The randomised network's map against the original.
    pub similarity: Similarity,
}

/// Follows the map of `subject`'s class against the mean (by itself for a plain method) while the layers are randomised. `make` prepares the method for a model.
///
/// # Errors
/// What keeps the method from explaining or the network from running.
pub fn randomise_top_down(
    make: &dyn Fn(Arc<Model>) -> Result<Box<dyn Method>>,
    model: &Arc<Model>,
    photo: &EvaluatedPhoto,
    subject: &Subject,
    seed: u64,
    options: SessionOptions,
) -> Result<Vec<Stage>> {
    let mut method = make(model.clone())?;
    let target = if method.is_plain() {
        subject.class(subject.detection.class, Contrast::None)
    } else {
        Column::Mean.target(subject)
    };
    let original = map(method.as_mut(), photo, &target)?;
    let layers = layers_from_the_top(model, subject)?;
    let mut stages = Vec::new();
    for count in stage_sizes(layers.len()) {
        let randomised = Arc::new(randomised(model, &layers[..count], seed)?);
        let input = photo.forward.input.clone();
        let forward = Detector::new(randomised.clone(), options)?.forward(input)?;
        let photo = EvaluatedPhoto {
            name: photo.name.clone(),
            forward,
            reference: photo.reference.clone(),
            replacement: photo.replacement.clone(),
            subjects: photo.subjects.clone(),
            repetition: photo.repetition,
        };
        let changed = map(make(randomised)?.as_mut(), &photo, &target)
            .with_context(|| format!("with {count} of {} layers randomised", layers.len()))?;
        stages.push(Stage {
            layers: count,
            of: layers.len(),
            similarity: Similarity::of(&original, &changed),
        });
    }
    Ok(stages)
}

fn map(
    method: &mut dyn Method,
    photo: &EvaluatedPhoto,
    target: &Target,
) -> Result<ndarray::Array2<f32>> {
    let mut maps = method.explain(photo, std::slice::from_ref(target))?;
    let attribution = maps.pop().context("the method gave no map")?;
    Ok(attribution.map)
}

/// 1, and then even shares of `layers` up to all of them.
fn stage_sizes(layers: usize) -> Vec<usize> {
    let mut sizes = vec![1.min(layers)];
    sizes.extend((1..=STAGES).map(|stage| (layers * stage).div_ceil(STAGES)));
    sizes.dedup();
    sizes
}

/// The linear layers that the subject's class logits depend on, the head's own first.
fn layers_from_the_top<'a>(model: &'a Model, subject: &Subject) -> Result<Vec<&'a NodeProto>> {
    let location = model
        .layout
        .locate(subject.detection.default_box)
        .context("the default box does not exist")?;
    let tensor = model.heads[location.head].class_tensor.as_str();
    let graph = &model.graph;
    let nodes = graph.ancestors([tensor]).into_iter().rev();
    let nodes = nodes.map(|index| &graph.nodes()[index]);
    Ok(nodes
        .filter(|node| Op::of(node) == Convolution::Conv)
        .collect())
}

/// The model with the weights and biases of `layers` in a random order that depends on the seed and the layer alone.
fn randomised(model: &Model, layers: &[&NodeProto], seed: u64) -> Result<Model> {
    let mut changed = HashMap::new();
    for layer in layers {
        for name in [1, 2].iter().filter_map(|&index| layer.input_at(index)) {
            let mut tensor = model.graph.constant(name)?;
            Random::new(seed, name).shuffle(&mut tensor.data);
            changed.insert(name.to_owned(), tensor);
        }
    }
    Ok(Model {
        graph: model.graph.with_constants(changed),
        ..model.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_with_all_layers() {
        assert_eq!(stage_sizes(60), [1, 8, 15, 23, 30, 38, 45, 53, 60]);
        assert_eq!(stage_sizes(3), [1, 2, 3]);
    }

    #[test]
    fn only_the_layers_that_are_named_change_and_no_weight_is_lost() {
        let model = Model::built_in().unwrap();
        let convolutions: Vec<&NodeProto> = model
            .graph
            .nodes()
            .iter()
            .filter(|node| node.op_type() == "Conv")
            .collect();
        let weights = |model: &Model, layer: usize| {
            let name = convolutions[layer].input_at(1).unwrap();
            model.graph.constant(name).unwrap().data
        };
        let changed = randomised(&model, &convolutions[3..4], 1).unwrap();
        assert_eq!(weights(&model, 2), weights(&changed, 2));
        let (mut before, mut after) = (weights(&model, 3), weights(&changed, 3));
        assert_ne!(before, after);
        before.sort_by(f32::total_cmp);
        after.sort_by(f32::total_cmp);
        assert_eq!(before, after);
        let again = randomised(&model, &convolutions[..9], 1).unwrap();
        assert_eq!(weights(&again, 3), weights(&changed, 3));
    }
}
