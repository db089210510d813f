//! The methods that are compared: each answers targets with maps.

mod gradient;
mod masks;
mod occlusion;
mod random_map;
mod relevance;

use std::time::Duration;

use ndarray::Array2;

use super::photo::EvaluatedPhoto;
use crate::crp::Target;
use crate::error::Result;

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
