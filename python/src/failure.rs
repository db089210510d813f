//! Failures as Python's exceptions, and the engine's work without the GIL.
//!
//! In: the engine's errors, and a panic where there is one. Out: an exception of the Python module `ssdcrp.errors`, with the engine's own words.

use std::any::Any;
use std::io::ErrorKind as IoKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use ssdcrp::{Error, ErrorKind};

/// What keeps a call from being answered.
pub enum PythonFailure {
    /// The engine says so.
    Engine(Error),
    /// What was asked about is not there, in words.
    Question(String),
    /// Python says so, such as Ctrl-C.
    Python(PyErr),
}

impl From<Error> for PythonFailure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<PyErr> for PythonFailure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl PythonFailure {
    fn exception(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Engine(error) => of_engine(py, &error),
            Self::Question(words) => made(py, "QuestionError", &words, None),
            Self::Python(error) => error,
        }
    }
}

/// Works without the GIL, so that other threads of Python go on. A panic becomes an exception too.
pub fn free<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, PythonFailure> + Send,
) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    match done {
        Ok(done) => done.map_err(|failure| failure.exception(py)),
        Err(panic) => {
            let words = said(&*panic);
            let words = format!("a fault of ssdcrp, please report it: {words}");
            Err(made(py, "Error", &words, None))
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it gave no reason")
}

/// A picture that cannot be used.
pub fn of_picture(py: Python<'_>, words: &str) -> PyErr {
    made(py, "PictureError", words, None)
}

fn of_engine(py: Python<'_>, error: &Error) -> PyErr {
    // What other libraries say may have several lines.
    let said = format!("{error:#}");
    let mut words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_missing = error.io().is_some_and(|io| io.kind() == IoKind::NotFound);
    let class = match error.kind() {
        ErrorKind::Io if is_missing => "MissingFileError",
        ErrorKind::Io => "FileError",
        ErrorKind::Model | ErrorKind::Manifest => "ModelError",
        ErrorKind::Argument => "QuestionError",
        ErrorKind::Picture => "PictureError",
        ErrorKind::RuntimeUnavailable => {
            words += ". In Python: pip install onnxruntime";
            "RuntimeUnavailableError"
        }
        _ => "Error",
    };
    let code = error.io().and_then(std::io::Error::raw_os_error);
    made(py, class, &words, code)
}

/// An exception of the package; `code` is the system's number of an error of a file.
fn made(py: Python<'_>, class: &str, words: &str, code: Option<i32>) -> PyErr {
    let exception = py.import("ssdcrp.errors").and_then(|errors| {
        let exception = errors.getattr(class)?.call1((words,))?;
        if let Some(code) = code {
            exception.setattr("errno", code)?;
        }
        Ok(exception)
    });
    exception.map_or_else(|error| error, PyErr::from_value)
}
