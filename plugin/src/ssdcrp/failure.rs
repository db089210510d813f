//! From the engine's errors to messages on the bus: the engine says in words what is wrong, GStreamer wants a domain and a
//! code besides, which applications decide by.

use std::io;

use ::ssdcrp::{Error, ErrorKind};

/// What is wrong, as GStreamer tells of it: an error that ends the stream, or a warning where the video goes on.
#[derive(Clone, Debug)]
pub struct Failure {
    code: Code,
    text: String,
}

/// An error's domain and code.
#[derive(Clone, Copy, Debug)]
enum Code {
    Library(gst::LibraryError),
    Resource(gst::ResourceError),
    Stream(gst::StreamError),
}

impl Failure {
    /// While the model is loaded.
    ///
    /// ONNX Runtime that cannot be used is `GST_LIBRARY_ERROR_INIT`, an execution provider that it does not have `GST_RESOURCE_ERROR_SETTINGS`, a missing file `GST_RESOURCE_ERROR_NOT_FOUND`, one that
    /// cannot be read `GST_RESOURCE_ERROR_READ`, and a file that is not understood `GST_STREAM_ERROR_FORMAT`.
    pub fn loading(error: &anyhow::Error) -> Self {
        let code = match (kind(error), io(error)) {
            (Some(ErrorKind::RuntimeUnavailable), _) => Code::Library(gst::LibraryError::Init),
            (Some(ErrorKind::Argument), _) => return Self::setting(error),
            (_, Some(io::ErrorKind::NotFound)) => Code::Resource(gst::ResourceError::NotFound),
            (_, Some(_)) => Code::Resource(gst::ResourceError::Read),
            (_, None) => Code::Stream(gst::StreamError::Format),
        };
        let advice = match code {
            Code::Library(_) => "",
            _ => {
                "; set the property model-file to an ONNX file with its manifest (.toml) beside it, \
                 or leave it unset for the model that is built in"
            }
        };
        Self {
            code,
            text: format!("{error:#}{advice}"),
        }
    }

    /// A file of results that cannot be written, `GST_RESOURCE_ERROR_OPEN_WRITE`.
    pub fn results(error: &anyhow::Error) -> Self {
        let advice =
            "set the property results-location to a file that can be written, or leave it unset";
        Self {
            code: Code::Resource(gst::ResourceError::OpenWrite),
            text: format!("{error:#}; {advice}"),
        }
    }

    /// A folder of evidence that cannot be used, `GST_RESOURCE_ERROR_OPEN_WRITE`.
    pub fn evidence(error: &anyhow::Error) -> Self {
        let advice = "set the property events-location to a folder that can be written into, or leave it unset";
        Self {
            code: Code::Resource(gst::ResourceError::OpenWrite),
            text: format!("{error:#}; {advice}"),
        }
    }

    /// A setting that cannot be used, `GST_RESOURCE_ERROR_SETTINGS`.
    pub fn setting(error: &anyhow::Error) -> Self {
        Self {
            code: Code::Resource(gst::ResourceError::Settings),
            text: format!("{error:#}"),
        }
    }

    /// A frame that cannot be read, analysed or painted, `GST_STREAM_ERROR_FAILED`.
    pub fn frame(error: &anyhow::Error) -> Self {
        Self {
            code: Code::Stream(gst::StreamError::Failed),
            text: format!("{error:#}"),
        }
    }

    /// Whether a property is what is wrong.
    pub fn is_setting(&self) -> bool {
        matches!(self.code, Code::Resource(gst::ResourceError::Settings))
    }

    /// As the error that ends the stream.
    pub fn error(&self) -> gst::ErrorMessage {
        let text = &self.text;
        match self.code {
            Code::Library(code) => gst::error_msg!(code, ("{text}")),
            Code::Resource(code) => gst::error_msg!(code, ("{text}")),
            Code::Stream(code) => gst::error_msg!(code, ("{text}")),
        }
    }

    /// As a warning of `element`; `consequence` says how the video goes on.
    pub fn warn(&self, element: &gst::Element, consequence: &str) {
        let text = &self.text;
        match self.code {
            Code::Library(code) => gst::element_warning!(element, code, ("{text}; {consequence}")),
            Code::Resource(code) => gst::element_warning!(element, code, ("{text}; {consequence}")),
            Code::Stream(code) => gst::element_warning!(element, code, ("{text}; {consequence}")),
        }
    }
}

/// What an error of the engine is about.
pub fn kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.downcast_ref().map(Error::kind)
}

/// What the system said, where it was the system that refused.
pub fn io(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let found = error.chain().find_map(|cause| {
        let engine = cause.downcast_ref().and_then(Error::io);
        engine.or_else(|| cause.downcast_ref())
    });
    found.map(io::Error::kind)
}

/// Nothing is explained for a reason that the user can mend; the video goes on. `GST_RESOURCE_ERROR_SETTINGS`.
pub fn warn_unexplained(element: &gst::Element, error: &anyhow::Error) {
    gst::element_warning!(
        element,
        gst::ResourceError::Settings,
        ("no explanation: {error:#}")
    );
}

/// The stream ends without what is still to be kept. `GST_RESOURCE_ERROR_WRITE`.
pub fn warn_of_unfinished(element: &gst::Element) {
    gst::element_warning!(
        element,
        gst::ResourceError::Write,
        ("the stream ends before the work on its last frames: neither a network nor the disk of evidence has answered for 15 seconds")
    );
}

/// Evidence is missing; the video goes on. `GST_RESOURCE_ERROR_NO_SPACE_LEFT` or `GST_RESOURCE_ERROR_WRITE`.
pub fn warn_of_evidence(element: &gst::Element, error: &anyhow::Error) {
    if io(error) == Some(io::ErrorKind::StorageFull) {
        gst::element_warning!(element, gst::ResourceError::NoSpaceLeft, ("{error:#}"));
    } else {
        gst::element_warning!(element, gst::ResourceError::Write, ("{error:#}"));
    }
}
