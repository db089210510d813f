//! A model of one's own: manifests proposed for bare ONNX files, pictures that enter behind preprocessing, networks written for other runtimes.

mod classifiers;
mod files;
mod nets;
#[path = "../pattern/mod.rs"]
mod pattern;
mod precision;
mod proposals;
