//! A picture for networks that know no photo: a pattern without meaning.

use std::sync::Arc;

use ndarray::Array4;
use ssdcrp::Result;
use ssdcrp::detect::{Detector, Fit, Forward, Model, NetworkInput};
use ssdcrp::runtime::SessionOptions;

/// The pattern, of the network's size, and its forward pass.
pub fn forward(model: &Arc<Model>) -> Result<Forward> {
    let size = model.input_size;
    let (width, height) = (size.width, size.height);
    let tensor = Array4::from_shape_fn((1, 3, height as usize, width as usize), |(_, c, y, x)| {
        ((c * 7 + y * 3 + x * 5) % 11) as f32 / 5.5 - 1.0
    });
    Detector::new(model.clone(), SessionOptions::on_threads(1))?.forward(NetworkInput {
        tensor,
        fit: Fit::warped(size, size),
    })
}
