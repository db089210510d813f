//! Failures as Python's exceptions, and the engine's work without the GIL.
//!
//! In: the engine's errors, and a panic where there is one. Out: an exception of the Python module `ssdcrp.errors`, with the engine's own words.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;
use ssdcrp::{Error, ErrorKind, in_one_line};

/// What keeps a call from being answered.
pub enum PythonFailure {
    /// The engine says so.
    Engine(Error),
    /// What was asked about is not there, in words.
    Question(String),
    /// A file cannot be read or written: what was tried, in words, and what the system says.
    File(String, io::Error),
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
            Self::File(what, error) => {
                let words = format!("{what}: {error}");
                made(py, class_of_file(&error), &words, error.raw_os_error())
            }
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
    let class = match error.kind() {
        ErrorKind::Io => error.io().map_or("FileError", class_of_file),
        ErrorKind::Model | ErrorKind::Manifest => "ModelError",
        ErrorKind::Argument => "QuestionError",
        ErrorKind::Picture => "PictureError",
        ErrorKind::RuntimeUnavailable => "RuntimeUnavailableError",
        _ => "Error",
    };
    let code = error.io().and_then(io::Error::raw_os_error);
    made(py, class, &format!("{error:#}"), code)
}

fn class_of_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "MissingFileError",
        _ => "FileError",
    }
}

/// An exception of the package; `code` is its `errno`. What other libraries and panics say may have several lines.
fn made(py: Python<'_>, class: &str, words: &str, code: Option<i32>) -> PyErr {
    let words = in_one_line(words);
    let exception = py.import("ssdcrp.errors").and_then(|errors| {
        let exception = errors.getattr(class)?.call1((words,))?;
        if let Some(code) = code {
            exception.setattr("errno", code)?;
        }
        Ok(exception)
    });
    exception.map_or_else(|error| error, PyErr::from_value)
}
