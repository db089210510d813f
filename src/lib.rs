//! ssdcrp explains the detections of a single-shot detector (SSD) with Contrastive Relevance Propagation (CRP).
//!
//! ```text
//! frame → worker → detector → targets → explainer → heatmap → overlay → frame
//! ```
//!
//! An image explained in ten lines:
//!
//! ```
//! use ssdcrp::{ExplainOptions, Explainer, Model, Question};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("ssdcrp-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let drawn = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/images/sheep-rather-than-horse.png"))?;
//! # std::env::set_current_dir(&folder)?;
//! # drawn.to_rgb8().save("photo.jpg")?;
//! let photo = image::open("photo.jpg")?.to_rgb8();
//! let model = Model::built_in()?;
//! let mut explainer = Explainer::new(&model, ExplainOptions::default())?;
//! let explained = explainer.explain(&photo, Question::best())?;
//! println!("{} {:.2}", explained.label, explained.detection.score);
//! explained.overlay(&photo)?.save("explained.png")?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Model::open`] takes an own model, and needs no feature; `Model::built_in` needs `built-in-model`, whose file is in the source repository alone. The folder `examples` has more.
//!
//! The parts of it, each of which can be used alone:
//!
//! * [`geometry`] has rectangles and sizes, in shares of a picture or in its pixels.
//! * [`runtime`] executes networks with ONNX Runtime.
//! * [`photo`] reads photos, upright.
//! * [`detect`] knows what a detector's outputs mean: manifest, default boxes, detections.
//! * [`crp`] compiles relevance propagation into an ONNX graph and answers [`crp::Target`]s with relevance.
//! * [`check`] asks the network again without what an explanation calls relevant, which says what that is worth.
//! * [`heatmap`] normalises and colours relevance; [`overlay`] draws it with boxes and labels.
//! * [`stream`] is a video's worth of that: the same object in successive pictures, what looks wrong, evidence of it, and the threads that do the work.
//! * `evaluate` (the feature of that name) measures how good explanations are.
//! * `truth` and `report` (the feature `report`) read annotations, and make a page of photos, detections and explanations.
//! * `compare` (the feature of that name) holds two models beside each other.
//!
//! All that fails gives an [`Error`], whose [kind](ErrorKind) says who can mend it. Modules only use those named before them. Nothing here knows GStreamer: the element lives in the crate `gst-plugin-ssdcrp`.
//!
//! What is public but hidden from these pages is for this project's own command, element, tests and benches, and may change in any version.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod atomic_file;
#[doc(hidden)]
pub mod bilinear;
#[doc(hidden)]
#[cfg(feature = "report")]
pub mod chart;
pub mod check;
#[cfg(feature = "compare")]
pub mod compare;
pub mod crp;
pub mod detect;
mod error;
#[cfg(feature = "evaluate")]
pub mod evaluate;
mod explain;
#[doc(hidden)]
#[cfg(any(feature = "evaluate", feature = "report"))]
pub mod fingerprint;
#[doc(hidden)]
pub mod folder_lock;
pub mod geometry;
pub mod heatmap;
#[cfg(feature = "inputs")]
#[doc(hidden)]
pub mod inputs;
#[doc(hidden)]
pub mod kept_settings;
#[doc(hidden)]
pub mod limits;
#[doc(hidden)]
pub mod lock;
#[doc(hidden)]
pub mod onnx;
pub mod overlay;
mod own_operators;
#[doc(hidden)]
pub mod perturbation;
pub mod photo;
#[doc(hidden)]
pub mod printable;
#[cfg(feature = "report")]
pub mod report;
#[doc(hidden)]
pub mod rgb_rows;
pub mod runtime;
mod spelling;
pub mod stream;
#[cfg(feature = "report")]
pub mod truth;

#[cfg(test)]
#[path = "../tests/folder_names/mod.rs"]
mod folder_names;

pub use crp::{Composite, Contrast, TargetOutput};
pub use detect::{ClassId, ClassRef, Detection, Detector, Model, Thresholds};
#[doc(hidden)]
pub use error::in_one_line;
pub use error::{Error, ErrorKind, Result};
pub use explain::{ExplainOptions, Explained, Explainer, Question, SeenPicture};
pub use geometry::{Rect, Size};
