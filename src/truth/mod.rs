//! Ground truth: annotation files in, what is really on each picture out, and how detections compare with it.
//!
//! [`Truth`] reads COCO's JSON and Pascal VOC's XML; [`judge`] sorts detections into the error types of TIDE.

mod annotation;
mod coco;
mod entries;
mod errors;
mod voc;

pub use annotation::{Annotated, Truth};
pub use errors::{Judgement, Verdict, judge};
