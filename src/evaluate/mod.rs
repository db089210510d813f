//! How good are explanations? The same protocol for every method, so that they can be compared.
//!
//! In: [`EvaluatedPhoto`]s (pictures, their detections and the [`Column`]s that are measured) and [`Method`]s. Out: a [`DetectionScores`] for each detection and method, and [`MethodSummary`]s with
//! bootstrap intervals. Judged are *class separation* (how alike the maps of a detection's two best classes are), *faithfulness* ([`deletion`]), the *energy in the
//! box*, the [measures of the field](FieldScores), and the time; [`sanity`] randomises the network's weights from the top down (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018).

#[doc(hidden)]
pub mod deletion;
mod field;
mod field_curves;
mod judge;
mod methods;
mod photo;
mod random;
mod replacement;
#[doc(hidden)]
pub mod sanity;
mod statistics;
mod summary;

pub use field::{FieldScores, TruthScores};
#[doc(hidden)]
pub use field_curves::{ODAM_STEPS, STEPS as FIELD_STEPS};
pub use judge::{DetectionScores, Separation, judge};
pub use methods::{
    ActivationMap, ActivationMapKind, Attribution, DRise, Gradient, GradientKind, Method,
    Occlusion, RandomMap, RandomMasks, Relevance,
};
#[doc(hidden)]
pub use photo::NOISE;
pub use photo::{Column, EvaluatedPhoto, Subject};
#[doc(hidden)]
pub use random::Random;
pub use replacement::Replacement;
#[doc(hidden)]
pub use statistics::median;
pub use statistics::{Mean, Similarity};
pub use summary::{FieldSummary, MethodSummary};
