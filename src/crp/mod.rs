//! Contrastive Relevance Propagation: why did the network give this output?
//!
//! In: a forward pass and [`Target`]s. Out: the relevance of each pixel. A [`Composite`] says which [`Rule`] each layer type propagates with; the compiler makes of both
//! an ONNX graph, which ONNX Runtime executes. Method: Tsunakawa et al., *Contrastive Relevance Propagation for Interpreting Predictions by a Single-Shot Object Detector*, IJCNN 2019.

mod compile;
mod composite;
mod diagnosis;
mod flow;
mod histogram;
mod layers;
mod propagator;
mod quantity;
mod question;
mod rules;
mod summary;
mod target;

#[doc(hidden)]
pub use compile::{
    Derivative, ExplanationGraph, GraphForm, REFERENCE_INPUT, compile, compile_derivative,
    compile_feature_gradient, operators, seed_name,
};
pub use composite::{AddRule, Composite, PRESETS, PoolRule};
pub use diagnosis::{Diagnosis, LayerRelevance};
pub use histogram::Histogram;
pub use layers::{Layer, LayerType};
#[doc(hidden)]
pub use layers::{LayerTypes, layer_types, layers};
pub use propagator::{Explanation, Propagator};
pub use quantity::Quantity;
pub use question::{HeadSeed, ResolvedTarget, Wording};
pub use rules::{Epsilon, Rule};
pub use summary::RelevanceSummary;
pub use target::{Contrast, Direction, Edge, Seed, Target, TargetOutput};
