//! What is specific to a single-shot detector: the model and its manifest, the sampling of a picture into the network's input,
//! default boxes, and the way from logits and offsets to detections.
//!
//! In come pictures and a model; out go [`Forward`] passes and [`Detection`]s that remember their default box.

mod choice;
mod class;
mod closest;
#[doc(hidden)]
pub mod decode;
mod default_boxes;
mod detection;
mod detector;
mod fit;
mod heads;
#[doc(hidden)]
pub mod in_words;
mod joined;
mod labels;
mod layout;
pub mod manifest;
mod model;
mod near_miss;
mod nms;
mod output_tensors;
mod picture_input;
pub mod preprocess;
#[doc(hidden)]
pub mod propose;
mod yolo;

pub use choice::BoxChoice;
pub use class::{ClassId, ClassRef};
pub use closest::BoxMatch;
pub use default_boxes::DefaultBox;
pub use detection::{Detection, Predictions, Thresholds};
pub use detector::{Detector, Forward, Handed};
pub use fit::Fit;
pub use heads::Head;
pub use labels::Labels;
pub use layout::{HeadGrid, HeadLayout, Location};
pub use manifest::{Manifest, ManifestField};
pub use model::Model;
pub use near_miss::{Absence, MissCause, MissingPlace, NearMiss, ON_OBJECT};
pub use output_tensors::OutputTensors;
pub use preprocess::{NetworkInput, Pixels};
