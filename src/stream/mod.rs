//! A video's worth of detection and explanation, without GStreamer.
//!
//! In: pictures with a time. Out: which detections of successive pictures are one object ([`tracking`]), its heatmap where it is now ([`anchoring`]), what looks wrong ([`monitor`]),
//! evidence of it on the disk ([`evidence`]), all of it off the thread that carries the video ([`worker`]).

pub mod anchoring;
pub mod evidence;
pub mod monitor;
pub mod tracking;
pub mod worker;
