//! The element `ssdcrp` in harnesses and pipelines, on real footage and photos, with the model that is built in.
//!
//! Needs ONNX Runtime, the footage and the photos, which `make test` puts into the cache folder.

#[cfg(feature = "v1_26")]
mod analytics;
mod cancelling;
mod checks;
mod damaged;
mod digit_labels;
#[path = "../../../tests/documents/mod.rs"]
mod documents;
mod downstream;
mod endurance;
mod events;
mod failures;
mod faults;
mod formats;
mod limits;
mod live;
mod numbers;
mod outputs;
mod overlays;
mod page;
mod properties;
mod recording;
mod registration;
mod selection;
mod sharing;
mod stream;
mod support;
mod time;
mod upstream;
mod viewing;
mod window;
