//! The compiled part of the Python package `ssdcrp`: Python's objects in, the engine's answers as tuples, bytes and numpy arrays out.
//!
//! What people call is written in Python (`python/ssdcrp`), with its documentation. Here is only what needs the engine. The engine works without the GIL ([`failure::free`]): under it only
//! arrays that come in are copied, and tuples made. What fails becomes one of the exceptions of `ssdcrp.errors`.
#![forbid(unsafe_code)]

mod answer;
mod compiled;
mod evaluation;
mod failure;
mod idle;
mod inspection;
mod model;
mod picture;
mod proposal;
mod question;

use std::path::PathBuf;

use pyo3::prelude::*;
use ssdcrp::runtime;

/// Says where ONNX Runtime's library is: in this folder of a package, to be looked at before those of the system; or that no such package is installed.
#[pyfunction]
fn library_is_in(folder: Option<PathBuf>) {
    runtime::advise(match folder {
        // A second package would write over the files of the one that is there.
        Some(_) => "",
        None => ", or run pip install onnxruntime and start Python anew",
    });
    if let Some(folder) = folder {
        runtime::look_in(folder);
    }
}

/// A text without its line breaks, as every exception's is.
#[pyfunction]
fn in_one_line(text: &str) -> String {
    ssdcrp::in_one_line(text)
}

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("PRESETS", ssdcrp::crp::PRESETS)?;
    module.add("TARGETS", ssdcrp::TargetOutput::forms())?;
    module.add("CONTRASTS", ssdcrp::Contrast::forms())?;
    module.add("BASELINES", ssdcrp::evaluate::BASELINES)?;
    module.add_class::<answer::PythonAnswer>()?;
    module.add_class::<model::PythonModel>()?;
    module.add_class::<picture::PythonPicture>()?;
    module.add_function(wrap_pyfunction!(in_one_line, module)?)?;
    module.add_function(wrap_pyfunction!(library_is_in, module)?)?;
    module.add_function(wrap_pyfunction!(proposal::propose_manifest, module)?)?;
    Ok(())
}
