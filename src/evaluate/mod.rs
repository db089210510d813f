//! How good are explanations? The same protocol for every method, so that they can be compared.
//!
//! In: [`EvaluatedPhoto`]s (pictures, their detections and the [`Column`]s that are measured) and [`Method`]s. Out: a [`DetectionScores`] for each detection and method, and [`MethodSummary`]s with
//! bootstrap intervals. Judged are *class separation* (how alike the maps of a detection's two best classes are), *faithfulness* ([`deletion`]), the *energy in the
//! box* and the time; [`sanity`] randomises the network's weights from the top down (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018).

#[doc(hidden)]
pub mod deletion;
mod judge;
mod methods;
mod photo;
mod random;
#[doc(hidden)]
pub mod sanity;
mod statistics;
mod summary;

pub use judge::{DetectionScores, Separation, judge};
pub use methods::{
    Attribution, Gradient, GradientKind, Method, Occlusion, RandomMap, RandomMasks, Relevance,
};
pub use photo::{Column, EvaluatedPhoto, Subject};
#[doc(hidden)]
pub use random::Random;
#[doc(hidden)]
pub use statistics::median;
pub use statistics::{Mean, Similarity};
pub use summary::MethodSummary;
