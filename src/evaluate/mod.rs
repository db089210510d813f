//! How good are explanations? The same protocol for every method, so that they can be compared.
//!
//! In: [`Scene`]s (pictures, their detections and the [`Column`]s that are measured) and [`Method`]s. Out: a [`Row`] for each detection and method, and [`Summary`]s with
//! bootstrap intervals. Judged are *class separation* (how alike the maps of a detection's two best classes are), *faithfulness* ([`deletion`]), the *energy in the
//! box* and the time; [`sanity`] randomises the network's weights from the top down (Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018).

mod blocks;
mod blur;
pub mod deletion;
mod judge;
mod methods;
mod random;
pub mod sanity;
mod scene;
mod statistics;
mod summary;

pub use blocks::{BLOCK, Blocks, First};
pub use blur::{SIGMA, blurred};
pub use judge::{Row, Separation, judge};
pub use methods::{
    Attribution, Gradient, GradientKind, Method, Occlusion, RandomMap, RandomMasks, Relevance,
};
pub use random::Random;
pub use scene::{Column, Quantity, Scene, Subject};
pub use statistics::{Mean, Similarity, median};
pub use summary::Summary;
