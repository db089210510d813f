//! The methods that are compared: each answers targets with maps.

mod activation_map;
mod drise;
mod gradient;
mod head_network;
mod masks;
mod occlusion;
mod random_map;
mod relevance;

use std::time::Duration;

use ndarray::{Array2, Array4};

use super::photo::EvaluatedPhoto;
use crate::crp::{HeadSeed, Quantity, Target};
use crate::detect::Model;
use crate::error::Result;

pub use activation_map::{ActivationMap, ActivationMapKind};
pub use drise::DRise;
pub use gradient::{Gradient, GradientKind};
pub use masks::RandomMasks;
pub use occlusion::Occlusion;
pub use random_map::RandomMap;
pub use relevance::Relevance;

/// A map with what it cost.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// How much each pixel of the network's input speaks for the target, `[H, W]`, in a unit of the method's own.
    pub map: Array2<f32>,
    /// How long this one map would have taken alone.
    pub took: Duration,
}

/// A way of explaining.
pub trait Method {
    /// Its name in tables.
    fn name(&self) -> &str;

    /// Whether it does without a contrast: its map of a class is then judged in both class columns.
    fn is_plain(&self) -> bool {
        false
    }

    /// Answers all targets about one picture, in their order.
    ///
    /// # Errors
    /// A target that the model does not have, a network that cannot be compiled or run.
    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>>;
}

/// The maps of all targets, in their order, where each is that of the gradient of a quantity.
fn by_head(
    targets: &[Target],
    model: &Model,
    photo: &EvaluatedPhoto,
    mut map: impl FnMut(&HeadSeed) -> Result<(Array2<f32>, Duration)>,
) -> Result<Vec<Attribution>> {
    let quantities = Quantity::all(targets, model, &photo.forward)?;
    // Those of one head follow each other, so that each network is made once.
    let mut order: Vec<usize> = (0..quantities.len()).collect();
    order.sort_by_key(|&index| &quantities[index].seed.tensor);
    let mut answers: Vec<(usize, Attribution)> = Vec::with_capacity(order.len());
    for index in order {
        let (map, took) = map(&quantities[index].seed)?;
        answers.push((index, Attribution { map, took }));
    }
    answers.sort_by_key(|(index, _)| *index);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// The weights of a head tensor's outputs, `[1, C, rows, columns]`.
fn weights(model: &Model, seed: &HeadSeed) -> Result<Array4<f32>> {
    let [_, channels, rows, columns] = model.graph.feature_map(&seed.tensor)?;
    let mut weights = Array4::zeros((1, channels, rows, columns));
    for &(channel, value) in &seed.values {
        weights[[0, channel, seed.cell[0], seed.cell[1]]] = value;
    }
    Ok(weights)
}
