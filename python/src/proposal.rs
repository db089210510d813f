//! A manifest for a model that has none: an ONNX file in, the text out.

use std::path::PathBuf;

use pyo3::prelude::*;
use ssdcrp::detect::propose;
use ssdcrp::onnx;

use super::failure::free;

/// The text of a manifest for an ONNX file that has none; `size` is the width and height of its picture where the file does not say them.
#[pyfunction]
pub fn propose_manifest(
    py: Python<'_>,
    path: PathBuf,
    size: Option<(usize, usize)>,
) -> PyResult<String> {
    free(py, || {
        let graph = onnx::read(&path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let size = size.map(|(width, height)| [width, height]);
        Ok(propose::propose(&graph, &name, size)?)
    })
}
