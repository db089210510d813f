//! ssdcrp explains the detections of a single-shot detector (SSD) with Contrastive Relevance Propagation (CRP).
//!
//! ```text
//! frame → worker → detector → targets → explainer → heatmap → overlay → frame
//! ```
//!
//! * [`onnx`] reads a network and writes nodes; [`runtime`] executes networks with ONNX Runtime.
//! * [`ssd`] knows what a detector's outputs mean: manifest, default boxes, detections.
//! * [`crp`] compiles relevance propagation into an ONNX graph and answers [`crp::Target`]s with relevance.
//! * [`heatmap`] normalises and colours relevance; [`overlay`] draws it with boxes and labels.
//! * [`tracking`] finds the same object in successive pictures; [`anchor`] lets its heatmap follow it.
//! * [`evaluate`] measures how good explanations are.
//! * [`monitor`] says which detections of a stream look wrong, and which question that raises.
//! * [`evidence`] keeps such events on the disk, with pictures.
//! * [`truth`] reads annotations and says what kinds of errors detections are.
//! * [`report`] makes a page of photos, detections and explanations.
//! * [`worker`] keeps all of that off the thread that carries a video.
//!
//! Modules only use those named before them. Nothing here knows GStreamer: the element lives in the crate `gst-plugin-ssdcrp`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod anchor;
pub mod crp;
pub mod evaluate;
pub mod evidence;
pub mod heatmap;
pub mod monitor;
pub mod onnx;
pub mod overlay;
pub mod report;
pub mod runtime;
mod spelling;
pub mod ssd;
pub mod tracking;
pub mod truth;
pub mod worker;
